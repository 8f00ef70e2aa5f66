"""The faces that other programs see: one table of commands, its wire format, and who may use which."""
