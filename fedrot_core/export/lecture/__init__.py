"""A lecture as one zip: slides in three formats, pictures, data, and a worksheet with its key."""
