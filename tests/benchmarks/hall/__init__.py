"""A lecture hall: many sessions at once on one server."""
