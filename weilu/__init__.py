"""Weilu 维录: software upgrade and maintenance, from the request to the signed record sheet."""

__version__ = "0.2.0.dev0"
