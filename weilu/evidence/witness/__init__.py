"""The witness: a program of its own that keeps what a log has signed; it runs without Django and without the log."""
