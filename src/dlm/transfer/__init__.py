"""The transfer plane: the life of one download. Never touches the database or a socket of ours."""
