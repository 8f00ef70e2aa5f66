"""Pure decisions. No clock (time is an argument), no asyncio, no I/O; imports the model only."""
