"""Small worked examples behind lessons: the project's own functions on a few clients, out come NumPy arrays."""
