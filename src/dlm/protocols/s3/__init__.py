"""S3: HTTP with signed requests."""
