"""The control plane: what users ask for, and its durable record. Never touches a payload byte."""
