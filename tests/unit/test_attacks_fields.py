"""The attack table in what is asked for: paths, headers, options, by every command that takes a spec."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import msgspec
import pytest

from dlm.api.asks import AddIn, BulkIn
from dlm.api.commands import COMMANDS
from dlm.api.reading import WITHHELD
from dlm.api.rest import ROOT
from dlm.model.settings import SCHEMA, Scope
from tests.api_client import Reply, Served, said
from tests.house import URI, House, play

OUTSIDE_OUTPUTS = [
    "..",
    ".",
    "",
    "-",
    "../x",
    "a/../../x",
    "/etc/x",
    "//etc/x",
    "a/",
    "a/..",
    "out/x",
    "up/x",
    "sub/../../x",
    "a/-",
]
OUTSIDE_OUTPUTS += ["x\0", "x\0.txt", "x\n2026 INFO", "a\x1b[2J", "x\x7f", "x\x85", "sub\0/../x"]
OUTSIDE_DIRECTORIES = ["..", "/", "/etc", "../root-evil", "sub/../..", "out", "out/x", "up", "sub/up", "/proc/self/root/etc"]
OUTSIDE_DIRECTORIES += ["x\0", "x\n", "sub\0/..", "\x1b[2J"]
ODD = [
    "..\\..\\x",
    "C:\\x",
    "%2e%2e%2fx",
    "..%2fx",
    "%252e%252e",
    "CON",
    "x:stream",
    "~",
    "$HOME",
    "`id`",
    "\uff0e\uff0e",
    "...",
    "-x",
    "--help",
]
"""Names of other systems, of shells and of addresses: here they are names and nothing else."""


def housed(tmp_path: Path, story: Callable[[Served, str], Awaitable[None]]) -> None:
    """Run a story with a served house whose root has links out of it, and one download, whose id is told."""
    root = tmp_path / "root"
    for folder in (root / "sub", tmp_path / "root-evil", tmp_path / "state"):
        folder.mkdir(parents=True, exist_ok=True)
    for link, target in {"out": "/etc", "up": "..", "sub/up": "../.."}.items():
        if not (root / link).is_symlink():
            (root / link).symlink_to(target)

    async def played(house: House) -> None:
        served = Served(house, str(tmp_path / "state"), root=str(root))
        reply = await served.ask("POST", f"{ROOT}/downloads", body=said({"uris": [URI], "paused": True}))
        await story(served, reply.json["download"]["download_id"])

    play(played)


async def asked_everywhere(served: Served, id: str, facts: Mapping[str, object]) -> dict[str, Reply]:
    """The answers of all commands that take a spec."""
    uris = {"uris": [URI + "2"]}
    replies = {
        "add": await served.ask("POST", f"{ROOT}/downloads", body=said({**uris, **facts})),
        "bulk": await served.ask("POST", f"{ROOT}/downloads/bulk", body=said({"downloads": [{**uris, **facts}]})),
        "preview": await served.ask("POST", f"{ROOT}/preview", body=said({**uris, **facts})),
        "bench": await served.ask("POST", f"{ROOT}/bench", body=said({**uris, "counts": [1], "seconds": 0.1, **facts})),
        "import": await served.ask("POST", f"{ROOT}/imports", body=said({"text": f"{URI}3\n", **facts})),
        "edit": await served.ask("PATCH", f"{ROOT}/downloads/{id}", body=said(facts)),
    }
    taking = {c.name for c in COMMANDS if c.body is BulkIn or "directory" in getattr(c.body, "__struct_fields__", ())}
    assert len(replies) == len(taking), "a command that takes a spec is not tried here"
    return replies


async def refused_everywhere(served: Served, id: str, facts: Mapping[str, object]) -> None:
    """Nobody takes it, and nothing has changed."""
    before = await served.house.all()
    for name, reply in (await asked_everywhere(served, id, facts)).items():
        assert (name, reply.status) == (name, 400), reply.body
        assert not set("\r\n\0\x1b") & set(reply.json["detail"])
    assert await served.house.all() == before


@pytest.mark.parametrize("output", OUTSIDE_OUTPUTS, ids=ascii)
def test_d6_outputs_outside(tmp_path: Path, output: str) -> None:
    """D6: no name leads out of the root, through links of it neither, nor to the daemon's own output."""
    housed(tmp_path, lambda served, id: refused_everywhere(served, id, {"output": output}))


@pytest.mark.parametrize("directory", OUTSIDE_DIRECTORIES, ids=ascii)
def test_d6_directories_outside(tmp_path: Path, directory: str) -> None:
    """D6: no directory is outside of the root, links resolved."""
    housed(tmp_path, lambda served, id: refused_everywhere(served, id, {"directory": directory}))


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_d6_odd_names(tmp_path: Path, name: str) -> None:
    """D6: what means something elsewhere is a name here, below the root, and is expanded by nobody."""

    async def story(served: Served, id: str) -> None:
        for facts in ({"output": name}, {"directory": name}, {"directory": name, "output": f"sub/{name}"}):
            await asked_everywhere(served, id, facts)
        root = os.path.realpath(tmp_path / "root")
        for download in await served.house.all():
            place = os.path.realpath(os.path.join(download.spec.directory, download.spec.output or "x"))
            assert place.startswith(root + "/")
            assert name in place or download.spec.output is None

    housed(tmp_path, story)


INJECTED = "a\r\nX-Injected: b"
FIELDS: dict[str, dict[str, Any]] = {
    **{name: {name: INJECTED} for name in ("user_agent", "referer", "user", "bearer", "endpoint_url", "region", "hostkey")},
    **{name: {name: INJECTED} for name in ("output", "directory", "checksum", "range")},
    "header": {"headers": {"X-A": INJECTED}},
    "header-of-zero": {"headers": {"X-A": "a\0b"}},
    "header-name": {"headers": {INJECTED: "b"}},
    "header-name-with-colon": {"headers": {"X: a": "b"}},
    "header-name-with-space": {"headers": {"Authorization ": "b"}},
    "header-without-name": {"headers": {"": "b"}},
    "cookie": {"headers": {"Cookie": "a=b\r\nX: c"}},
    "address": {"uris": [f"mem://host/{INJECTED}"]},
    "address-of-newline": {"uris": ["mem://host/a\nb"]},
    "address-of-zero": {"uris": ["mem://host/a\0b"]},
    "address-of-escape": {"uris": ["mem://host/\x1b[2J"]},
    "second-address": {"uris": [URI, f"mem://host/{INJECTED}"]},
}


@pytest.mark.parametrize("facts", FIELDS.values(), ids=FIELDS.keys())
def test_d6_injected_lines(tmp_path: Path, facts: dict[str, Any]) -> None:
    """D6, D11: no field carries a line of its own into a request, a header or a log."""

    async def story(served: Served, id: str) -> None:
        await refused_everywhere(served, id, facts)

    housed(tmp_path, story)


@pytest.mark.parametrize("text", ["a\r\nb", "a\0b", "\x1b[2J", "2026\n2026 INFO"], ids=ascii)
def test_d11_words_of_clients(tmp_path: Path, text: str) -> None:
    """D11: groups, hosts and mirrors that a client names are words of one line."""

    async def story(served: Served, id: str) -> None:
        before = await served.house.all()
        for method, path, body in (
            ("POST", "/downloads", {"uris": [URI + "2"], "group": text}),
            ("PATCH", f"/downloads/{id}", {"group": text}),
            ("POST", "/imports", {"text": URI + "2", "group": text}),
            ("PATCH", f"/downloads/{id}", {"mirrors": [f"mem://host/{text}"]}),
            ("PUT", "/limits", {"rate": 1, "host": text}),
        ):
            assert (await served.ask(method, ROOT + path, body=said(body))).status == 400, (path, body)
        assert await served.house.all() == before

    housed(tmp_path, story)


HOOKS = [
    "on_complete",
    "on_download_complete",
    "on-download-complete",
    "exec",
    "hook",
    "script",
    "reconnect",
    "command",
    "plugin",
]
HOOKS += [
    "dir",
    "out",
    "log",
    "conf_path",
    "save_session",
    "load_cookies",
    "ca_certificate",
    "private_key",
    "all_proxy",
    "__class__",
]
OWNERS = sorted({*WITHHELD, *(name for name, row in SCHEMA.items() if row.scope is Scope.GLOBAL)} - {"directory"})


@pytest.mark.parametrize("name", [*HOOKS, *OWNERS])
def test_d7_options_of_the_owner(tmp_path: Path, name: str) -> None:
    """D6, D7: what starts programs, names files of this machine or is the owner's is no member of anything, by any name."""

    async def story(served: Served, id: str) -> None:
        for spelled in {name, name.replace("_", "-"), name.upper()}:
            await refused_everywhere(served, id, {spelled: "/tmp/x"})

    housed(tmp_path, story)


def test_d7_nothing_unknown_is_taken() -> None:
    """D7: every type that a client can send refuses members that it does not know, however deep."""

    def types(kind: Any) -> set[Any]:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found = {kind}
            for each in msgspec.structs.fields(kind):
                found |= types(each.type)
            return found
        return {found for each in get_args(kind) for found in types(each)}

    everything = {found for command in COMMANDS if command.body for found in types(command.body)}
    assert AddIn in everything
    assert {kind for kind in everything if not kind.__struct_config__.forbid_unknown_fields} == set()


def test_d2_only_json(tmp_path: Path) -> None:
    """D2: what a form or a simple request of another page can send is taken by no command, nor is what is compressed."""

    async def story(served: Served, id: str) -> None:
        before = await served.house.all()
        body = json.dumps({"uris": [URI]}).encode()
        kinds = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json"]
        heads = [[("Content-Type", kind)] for kind in kinds]
        heads.append([("Content-Type", "application/json"), ("Content-Encoding", "gzip")])
        for command in COMMANDS:
            path = ROOT + command.path.replace("{id}", id)
            for headers in heads if command.body is not None else []:
                assert (await served.ask(command.method, path, headers=headers, body=body)).status == 415, command.name
            if command.method != "GET":
                for query in ("callback=x", "_method=DELETE", "jsoncallback=x"):
                    got = await served.ask("GET", path, query=query)
                    assert got.status in {400, 404, 405}, command.name
                override = [("X-HTTP-Method-Override", "DELETE"), ("X-Method-Override", "DELETE")]
                assert (await served.ask("GET", path, headers=override)).status in {200, 404, 405}
        assert await served.house.all() == before

    housed(tmp_path, story)


NUMBERS = [
    "0" * 20 + "9" * 30,
    "000000001" + "9" * 40,
    "0" * 20 + "9" * 5000,
    "9" * 5000,
    "-1",
    "+1",
    "1e3",
    "1_0",
    "\u0663",
    "",
    " 1",
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: ascii(number)[:10])
def test_d15_numbers_of_many_digits(tmp_path: Path, number: str) -> None:
    """D15, D10: no number of a client reaches the database that is larger than what it keeps, nor is turned into one."""

    async def story(served: Served, _id: str) -> None:
        coded = quote(number)
        for path, query in (("downloads", f"limit={coded}"), ("events/stream", f"follow=false&since={coded}")):
            reply = await served.ask("GET", f"{ROOT}/{path}", query=query)
            assert reply.status == 400, (path, reply)
        if number.isascii():
            headers = [("Last-Event-ID", number)]
            reply = await served.ask("GET", f"{ROOT}/events/stream", query="follow=false", headers=headers)
            assert reply.status == 400

    housed(tmp_path, story)


def test_d15_slow_bodies(tmp_path: Path) -> None:
    """D15: a body that is not there after a minute is not waited for, whoever sends it."""

    async def story(served: Served, _id: str) -> None:
        began = served.house.clock.monotonic()
        reply = await served.ask("POST", f"{ROOT}/downloads", body=b'{"uris": [', unfinished=True)
        assert (reply.status, served.house.clock.monotonic() - began) == (408, 60)

    housed(tmp_path, story)
