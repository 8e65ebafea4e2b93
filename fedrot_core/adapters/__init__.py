"""Adapters from files: read, check, diagnose, align, merge and write them. Nothing in them is trusted."""
