"""The reference of `lists_bench`: django-helpdesk as it comes from PyPI, in a virtual environment of its own."""
