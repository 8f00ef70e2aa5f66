"""dlm: a download manager that is right first, then safe, then fast."""

__version__ = "0.1.0"
