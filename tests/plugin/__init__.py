"""A package that brings dlm a protocol, as the book shows it. `pyproject.toml` and `dlm_shelf.py` are all of it."""
