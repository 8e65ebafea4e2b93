"""What leaves the lab: run files, traces, code, figures."""
