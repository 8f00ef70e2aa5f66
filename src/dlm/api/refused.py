"""A request that is answered with a problem document, and goes no further."""

from __future__ import annotations

from dlm.api.problem import Problem


class Refused(Exception):
    """Raised by whatever reads a request; answered by whatever serves it."""

    def __init__(self, refused: Problem) -> None:
        super().__init__(refused.detail)
        self.problem = refused
