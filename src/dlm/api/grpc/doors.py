"""Who gets in: every call, also of a method that there is not, passes an interceptor before anything of it is read.

Tokens, scopes, waits after wrong tokens, hosts and origins are judged by what judges them for REST. gRPC for Python does not
show `:authority` to a server; what stands against names that lead here by a trick is that only browsers fall for it. They send
`Origin` or `Sec-Fetch-Site`, which is refused here whatever it says, and never HTTP/2 without TLS, where a certificate of
another name ends it. A `host` beside `:authority` is shown, and judged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import grpc
from grpc.aio import ServerInterceptor

from dlm.api.admission import Head, bearer, refusal
from dlm.api.attempts import Attempts
from dlm.api.grpc.statuses import refuse
from dlm.api.problem import problem
from dlm.api.refused import Refused
from dlm.api.scope import Scope
from dlm.api.tokens import Tokens
from dlm.model.error import DlmError
from dlm.ports import Clock

Metadata = Sequence[tuple[str, str | bytes]]
Behaviour = Callable[[Any, Any], Awaitable[Any]]


class Doors:
    """Judges calls. `names` are host names, beside addresses, that lead here."""

    def __init__(self, tokens: Tokens, names: Collection[str], clock: Clock) -> None:
        self._tokens = tokens
        self._names = names
        self._attempts = Attempts(clock)

    def knows(self, metadata: Metadata) -> bool:
        """Whether a token of ours came along."""
        return self._granted(metadata) is not None

    def admit(self, metadata: Metadata, peer: str) -> Scope:
        """What the caller may do. Raises `Refused` for a stranger."""
        hosts = _values(metadata, "host") or ["localhost"]
        origins = _values(metadata, "origin")
        site = next(iter(_values(metadata, "sec-fetch-site")), None)
        if refusal(Head(hosts, [], None, "", secure=True, local=False), self._names) is not None:
            raise Refused(problem(421, "this server is not called that: use its address, or name it in --host-name"))
        if origins or site is not None:
            raise Refused(problem(403, "gRPC is not for web pages"))
        if not _values(metadata, "authorization"):
            raise Refused(problem(401, "send the metadata 'authorization: Bearer TOKEN'; 'dlm token' on the server shows one"))
        granted = self._granted(metadata)
        if granted is None:
            address = peer.rpartition(":")[0]
            wait = self._attempts.wait(address)
            if wait > 0:
                raise Refused(problem(429, f"too many wrong tokens came from here: wait {wait:.0f} s"))
            self._attempts.failed(address)
            raise Refused(problem(401, "this token is not known here: 'dlm token' on the server shows one"))
        return granted

    def require(self, metadata: Metadata, wanted: Scope) -> None:
        """Raises `Refused` unless the token is still one, and allows it."""
        granted = self._granted(metadata)
        if granted is None:
            raise Refused(problem(401, "this token is worth nothing any more"))
        if not granted.allows(wanted):
            raise Refused(problem(403, f"this token is for '{granted.value}', and that needs '{wanted.value}'"))

    def still(self, metadata: Metadata) -> bool:
        """Whether the token may read, as it did when it came in. What goes on for long asks from time to time."""
        try:
            self.require(metadata, Scope.READ)
        except (Refused, DlmError):
            return False
        return True

    def _granted(self, metadata: Metadata) -> Scope | None:
        presented = bearer(_values(metadata, "authorization"))
        return None if presented is None else self._tokens.scope_of(presented)


class Gate(ServerInterceptor):  # type: ignore[misc]  # gRPC has no types
    """Stands before every method."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """The method behind the gate. A stranger's message is not even taken in: for that, there is no method."""
        try:
            known = self._doors.knows(details.invocation_metadata)
        except DlmError:
            known = False  # the list of tokens cannot be read: `admit` says so
        found = await continuation(details) if known else None
        if found is None:
            return grpc.stream_stream_rpc_method_handler(self._gated(_unknown))
        if found.request_streaming:
            return grpc.stream_stream_rpc_method_handler(self._gated(found.stream_stream))
        if found.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._gated(found.unary_stream))
        return grpc.unary_unary_rpc_method_handler(self._gated(found.unary_unary))

    def _gated(self, behaviour: Behaviour) -> Behaviour:
        async def gated(request: Any, context: Any) -> Any:
            try:
                self._doors.admit(context.invocation_metadata(), context.peer())
            except (Refused, DlmError) as error:
                return await refuse(context, error)
            return await behaviour(request, context)

        return gated


async def _unknown(_request: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "there is no such method here")


def _values(metadata: Metadata, name: str) -> list[str]:
    return [value for key, value in metadata if key == name and isinstance(value, str)]
