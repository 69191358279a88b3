"""Customers' Word templates: looked at and filled in by a process of its own, which knows nothing of Weilu's rows."""
