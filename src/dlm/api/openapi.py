"""The API as an OpenAPI 3.1 document, made from the table of commands and the types of the wire: it cannot be out of date."""

from __future__ import annotations

from typing import Any

import msgspec

from dlm import __version__
from dlm.api.command import Command
from dlm.api.commands import COMMANDS
from dlm.api.events import EventOut
from dlm.api.problem import MEDIA_TYPE, TITLES, Problem
from dlm.api.rest import ROOT

_REF = "#/components/schemas/{name}"


def document() -> dict[str, Any]:
    """The document, as JSON has it."""
    types: list[Any] = [each for command in COMMANDS for each in (command.answer, command.body) if each is not None]
    _, schemas = msgspec.json.schema_components([*types, Problem, EventOut], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for command in COMMANDS:
        paths.setdefault(ROOT + command.path, {})[command.method.lower()] = _operation(command)
    return {
        "openapi": "3.1.0",
        "info": {"title": "dlm", "version": __version__, "description": "A download manager, from afar."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(command: Command) -> dict[str, Any]:
    (answer,), _ = msgspec.json.schema_components([command.answer], ref_template=_REF)
    operation: dict[str, Any] = {
        "operationId": command.name,
        "summary": command.help,
        "description": f"Needs a token of scope *{command.scope.value}*.",
        "parameters": [*_path_parameters(command), *_query_parameters(command), *_conditions(command)],
        "responses": {
            str(command.status): {"description": "Done.", "content": {"application/json": {"schema": answer}}},
            **{str(status): _problem(status) for status in _statuses(command)},
        },
    }
    if command.method == "GET":
        operation["responses"]["304"] = {"description": "As it was under that ETag."}
    if command.body is not None:
        (body,), _ = msgspec.json.schema_components([command.body], ref_template=_REF)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _path_parameters(command: Command) -> list[dict[str, Any]]:
    if "{id}" not in command.path:
        return []
    help = "any unique prefix of a download's id"
    schema = {"type": "string", "pattern": "^[0-9a-f]{1,16}$"}
    return [{"name": "id", "in": "path", "required": True, "description": help, "schema": schema}]


def _query_parameters(command: Command) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "description": help, "schema": {"type": "string"}} for name, help in command.query.items()
    ]


def _conditions(command: Command) -> list[dict[str, Any]]:
    if command.method == "GET":
        return [{"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}]
    if command.method == "POST":
        help = "the same key again is answered as the first time"
        return [
            {"name": "Idempotency-Key", "in": "header", "description": help, "schema": {"type": "string", "maxLength": 255}}
        ]
    return []


def _statuses(command: Command) -> list[int]:
    common = [400, 401, 403, 404, 409, 411, 421, 422, 429, 431, 500, 502, 503, 504, 507]
    return [*common, 408, 413, 415] if command.body is not None else common


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name="Problem")}
    return {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
