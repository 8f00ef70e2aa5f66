"""Measures dlm against other download tools, over paths and servers of every kind. See docs/book/speed.md."""
