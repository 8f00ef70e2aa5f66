"""Adapters to the machine around dlm: the other dlm processes on one database, the network, and what `dlm doctor` looks at."""
