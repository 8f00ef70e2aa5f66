"""The tests of dlm, and the servers that they run against."""
