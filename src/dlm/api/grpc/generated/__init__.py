"""Made by scripts/grpc-stubs from proto/dlm/v1/downloads.proto. Change that, and make them again."""
