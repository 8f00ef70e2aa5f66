"""Errors as gRPC statuses: the sentence is the status's message, dlm's word for the error its metadata `dlm-kind`."""

from __future__ import annotations

from typing import Any, Never

from grpc import StatusCode

from dlm.api.problem import Problem, problem_of
from dlm.api.refused import Refused
from dlm.model.error import DlmError

CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    405: StatusCode.UNIMPLEMENTED,
    408: StatusCode.INVALID_ARGUMENT,
    409: StatusCode.FAILED_PRECONDITION,
    411: StatusCode.INVALID_ARGUMENT,
    412: StatusCode.ABORTED,
    413: StatusCode.RESOURCE_EXHAUSTED,
    415: StatusCode.INVALID_ARGUMENT,
    421: StatusCode.PERMISSION_DENIED,
    422: StatusCode.INVALID_ARGUMENT,
    429: StatusCode.RESOURCE_EXHAUSTED,
    431: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    502: StatusCode.UNKNOWN,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.UNKNOWN,
    507: StatusCode.RESOURCE_EXHAUSTED,
}
"""By the status of the problem, so that both surfaces say the same. What another server did is UNKNOWN: UNAVAILABLE would say
that dlm is away, and clients would ask again."""


def problem_from(error: Refused | DlmError) -> Problem:
    """What REST would answer."""
    return error.problem if isinstance(error, Refused) else problem_of(error)


async def refuse(context: Any, error: Refused | DlmError) -> Never:
    """End the call with this error."""
    found = problem_from(error)
    kind = () if found.kind is None else (("dlm-kind", found.kind),)
    await context.abort(CODES[found.status], sentence(found), kind)
    raise AssertionError


def sentence(found: Problem) -> str:
    """What is said; what is not Unicode in it, as in names of files, gets question marks."""
    return found.detail.encode("utf-8", "replace").decode()
