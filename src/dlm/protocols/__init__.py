"""Adapters that fetch. Each is a thin Source behind the seams of `dlm.ports`."""
