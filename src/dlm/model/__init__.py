"""Frozen values, tables, errors and settings. Standard library only: no asyncio, no I/O, nothing else of ours."""
