"""Tests that need real programs or a whole dlm process."""
