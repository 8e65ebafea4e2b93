"""What one session holds, and how its place lives in the address bar. Pages share state through here alone."""
