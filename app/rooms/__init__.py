"""Rooms in which a lecture is followed: what all server processes on this machine know of them. Without Streamlit."""
