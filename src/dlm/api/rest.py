"""REST: a route for each row of the table of commands. Nothing here knows what a command does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from dlm.api.command import Asked, Command
from dlm.api.commands import COMMANDS
from dlm.api.idempotency import Answers
from dlm.api.problem import MEDIA_TYPE, Problem, problem, problem_of
from dlm.api.reading import House
from dlm.api.refused import Refused
from dlm.api.runtime import Runtime
from dlm.api.scope import Scope
from dlm.api.writing import encoded
from dlm.model.error import DlmError
from dlm.ports import Downloads

ROOT = "/api/v1"
LARGEST = 2 * 1024 * 1024
LARGEST_HEAVY = 16 * 1024 * 1024
"""Bytes of a body, and of one with many additions."""
QUOTES, QUOTES_HEAVY = 10_000, 1_000_000
"""Quotes in a body that are not within a text. What is between them may become an object of the memory before the first rule
is looked at, and so may what is in braces: a batch of a million held everybody up for eight seconds. Counting takes
milliseconds."""
BODY_PATIENCE = 60.0
"""Seconds in which a body has to be there."""
Answering = Callable[[Request], Awaitable[Response]]


class Timing(Protocol):
    """Who notes what answers take."""

    def timed(self, command: str, run: Callable[[], Awaitable[Response]]) -> Awaitable[Response]:
        """The same answer; what it took is noted."""


def routes(downloads: Downloads, house: House, runtime: Runtime, timing: Timing) -> list[Route]:
    """A route for each path, with all of its methods."""
    answers = Answers()
    by_path: dict[str, dict[str, Command]] = {}
    for command in COMMANDS:
        by_path.setdefault(command.path, {})[command.method] = command
    return [
        Route(
            ROOT + path,
            _endpoint(commands, partial(Asked, downloads, house, runtime), answers, timing),
            methods=list(commands),
            include_in_schema=False,
        )
        for path, commands in by_path.items()
    ]


def _endpoint(
    commands: dict[str, Command], ask: Callable[[str, Mapping[str, str], object], Asked], answers: Answers, timing: Timing
) -> Answering:
    async def answer(request: Request) -> Response:
        command = commands["GET" if request.method == "HEAD" else request.method]
        try:
            require(request, command.scope)
            body = await _body(request, command)
            asked = ask(request.path_params.get("id", ""), request.query_params, body)
            _known(request, command)
            run = partial(_carried_out, command, asked, request)
            return await timing.timed(command.name, lambda: answers.once(request, body, run))
        except Refused as refused:
            return problem_response(refused.problem)
        except DlmError as error:
            return problem_response(problem_of(error))

    return answer


def require(request: Request, wanted: Scope) -> None:
    """Raises `Refused` unless the request's token allows it."""
    granted: Scope | None = request.state.granted
    if granted is None:
        raise Refused(problem(401, "send 'Authorization: Bearer TOKEN'; 'dlm token' on the server shows one"))
    if not granted.allows(wanted):
        raise Refused(problem(403, f"this token is for '{granted.value}', and that needs '{wanted.value}'"))


async def _carried_out(command: Command, asked: Asked, request: Request) -> Response:
    answer = await command.run(asked)
    content = encoded(answer)
    if request.method not in {"GET", "HEAD"}:
        return Response(content, command.status, media_type="application/json")
    # Weak comparison is what If-None-Match asks for (RFC 9110, 13.1.2); the tag is of these very bytes.
    tag = f'"{_hash(content)}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    told = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in told or "*" in told:
        return Response(status_code=304, headers=headers)
    return Response(content, command.status, headers=headers, media_type="application/json")


def _hash(content: bytes) -> str:
    from hashlib import blake2b

    return blake2b(content, digest_size=12).hexdigest()


def _known(request: Request, command: Command) -> None:
    unknown = [name for name in request.query_params if name not in command.query]
    if unknown:
        known = f"it knows {', '.join(command.query)}" if command.query else "there are none here"
        raise Refused(problem(400, f"there is no parameter '{unknown[0][:80]}': {known}"))


async def _body(request: Request, command: Command) -> object:
    """What was sent, as the command's type. Raises `Refused`; a body that is too large is not read to its end."""
    if command.body is None:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(problem(415, "send JSON, with 'Content-Type: application/json'"))
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused(problem(415, "send the JSON as it is, not compressed"))
    content = await _sent(request, LARGEST_HEAVY if command.heavy else LARGEST)
    quotes = QUOTES_HEAVY if command.heavy else QUOTES
    if content.count(b"{") > (command.objects or len(content)) or content.count(b'"') - content.count(b'\\"') > quotes:
        content.clear()  # the traceback holds it for a while
        raise Refused(problem(413, "the body says too much at once: send it in parts"))
    try:
        return msgspec.json.decode(content, type=command.body)
    except msgspec.ValidationError as error:
        raise Refused(problem(400, str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(problem(400, f"the body is not JSON: {error}")) from error


async def _sent(request: Request, most: int) -> bytearray:
    """The bytes of the body. Raises `Refused` as soon as there are too many, or too late."""
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and (len(stated) > 18 or int(stated) > most):
        raise _too_large(most)
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            async for chunk in request.stream():
                content += chunk
                if len(content) > most:
                    content.clear()  # the traceback holds it for a while
                    raise _too_large(most)
    except TimeoutError as error:
        raise Refused(problem(408, f"the body was not there within {BODY_PATIENCE:.0f} s")) from error
    except ClientDisconnect as error:
        raise Refused(problem(400, "the body ended too early")) from error
    return content


def _too_large(most: int) -> Refused:
    return Refused(problem(413, f"the body may have {most} bytes"))


def problem_response(refused: Problem) -> Response:
    """A problem document as a response."""
    headers = {"WWW-Authenticate": 'Bearer realm="dlm"'} if refused.status == 401 else None
    return Response(encoded(refused), refused.status, headers=headers, media_type=MEDIA_TYPE)


async def unmatched(_request: Request, error: Exception) -> Response:
    """The answer to what has no route, and to what nobody has thought of, as a problem document."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    sentence = {404: "there is nothing at this address", 405: "this address does not answer that method"}
    return problem_response(problem(status, sentence.get(status, "dlm could not answer that")))
