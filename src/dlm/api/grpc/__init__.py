"""gRPC: the same commands as REST, by the same rules. Imported only when it is served."""
