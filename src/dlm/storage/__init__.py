"""Adapters that keep: partial files on disk, durable state in SQLite, and their in-memory twins."""
