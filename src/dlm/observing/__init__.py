"""How dlm is watched from outside: a log of what happened, and traces for OpenTelemetry. Both read the same events."""
