"""What replies say, read: pure parsers for HTTP. None of them touches a socket, and none trusts a word."""
