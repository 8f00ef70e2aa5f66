"""Requests that Schemathesis makes of the OpenAPI document, sent to the application, and what it says of the answers.

Only its generation and its checks are used: requests go to the application of a house in memory, in virtual time, and its
plugin for pytest stays out (`-p no:schemathesis`).
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from dlm.api.openapi import document
from dlm.api.scope import Scope
from tests.api_client import Reply, Served, said
from tests.house import URI, House
from tests.virtual_time import VirtualLoop

HOST = "http://127.0.0.1:8840"
OTHERS = {"preview", "bench"}
"""Commands that ask other servers, so that 502 and 504 are what they have to say of those."""


@cache
def operations() -> dict[str, Any]:
    """Schemathesis' operations by the names of commands."""
    import schemathesis
    from schemathesis.core.result import Ok

    made = schemathesis.openapi.from_dict(document())
    found = [each.ok() for each in made.get_all_operations() if isinstance(each, Ok)]
    return {each.definition.raw["operationId"]: each for each in found}


def attacked(name: str, *, valid: bool, examples: int) -> None:
    """Send so many requests for the command `name`, such as the schema allows or forbids, and hold the answers against it."""
    import schemathesis

    mode = schemathesis.GenerationMode.POSITIVE if valid else schemathesis.GenerationMode.NEGATIVE
    operation, number = operations()[name], count()

    @seed(20261121)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(operation.as_strategy(generation_mode=mode), st.sampled_from(Scope), st.booleans())
    def attack(case: Any, scope: Scope, likely: bool) -> None:
        if not next(number):  # the first one is meant to be carried out
            scope, likely = Scope.ADMIN, True
        runner.run(_asked(served, name, case, scope, likely=likely and valid))

    # One house for all of them: what one has left behind is met by the next.
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        served = runner.run(_opened(folder))
        attack()


async def _opened(folder: str) -> Served:
    return Served(House(), folder)


async def _asked(served: Served, name: str, case: Any, scope: Scope, *, likely: bool) -> None:
    import requests

    if likely:
        body = said({"uris": [URI], "paused": True})
        id = (await served.ask("POST", "/api/v1/downloads", body=body)).json["download"]["download_id"]
        _make_likely(case, id)
    facts = case.as_transport_kwargs(base_url=HOST)
    sent = requests.Request(**{key: facts[key] for key in facts if key in _KNOWN}).prepare()
    reply = await _sent(served, sent, scope)
    _judged(name, case, sent, reply)


_WORDS = {"priority", "order"}
"""Members whose text is one of a few words: any other is drawn, and mostly refused for what it is."""
_KNOWN = {"method", "url", "headers", "params", "json", "data", "cookies", "files"}


def _make_likely(case: Any, id: str) -> None:
    """What is there is found, and what is asked for can be had: so that more than the first check is reached."""
    if "id" in case.path_parameters:
        case.path_parameters["id"] = id
    if isinstance(case.body, dict):
        for each in [case.body, *(case.body.get("downloads") or [])]:
            for member in [key for key, value in each.items() if isinstance(value, str) and key not in _WORDS]:
                del each[member]
            for member in ("headers", "recursive", "mirrors"):
                each.pop(member, None)
            if "uris" in each:
                each["uris"] = [URI]
        if "ids" in case.body:
            case.body["ids"] = [id]


async def _sent(served: Served, sent: Any, scope: Scope) -> Reply:
    parts = urlsplit(sent.url)
    mine = {"host", "authorization"}
    headers = [(key, value) for key, value in sent.headers.items() if key.lower() not in mine]
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body
    return await served.ask(
        sent.method, unquote(parts.path), token=served.token[scope], headers=headers, body=body, query=parts.query
    )


def _judged(name: str, case: Any, sent: Any, reply: Reply) -> None:
    from schemathesis.core.transport import Response
    from schemathesis.specs.openapi import checks

    assert reply.status < 500 or (name in OTHERS and reply.status in {502, 504}), reply.body
    if reply.status >= 400:
        told = json.loads(reply.body)
        assert (told["status"], bool(told["title"]), bool(told["detail"])) == (reply.status, True, True)
    answer = Response(reply.status, {key: [value] for key, value in reply.headers.items()}, reply.body, sent, 0.0, verify=True)
    held = [checks.status_code_conformance, checks.content_type_conformance, checks.response_headers_conformance]
    case.validate_response(answer, checks=[*held, checks.response_schema_conformance])
