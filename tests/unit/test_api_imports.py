"""Lists that others have written, sent to the daemon: read as `dlm import` reads them, within what a client may choose."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dlm.api.rest import ROOT
from dlm.api.scope import Scope
from tests.api_client import Served, said
from tests.house import House, play

IMPORTS = f"{ROOT}/imports"
METALINK = """<?xml version="1.0"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="film/one.mkv"><size>8</size>
    <hash type="sha-256">{digest}</hash>
    <pieces type="sha-256" length="4"><hash>{digest}</hash><hash>{digest}</hash></pieces>
    <url priority="2">https://b.example/one.mkv</url><url priority="1">https://a.example/one.mkv</url>
  </file>
  <file name="two.mkv"><url>https://a.example/two.mkv</url><url>gopher://a.example/two.mkv</url></file>
</metalink>
""".format(digest="ab" * 32)
HAR = json.dumps({"log": {"entries": [
    {"request": {"method": "GET", "url": "https://h.example/v.mp4?key=sesame", "headers": [
        {"name": "Cookie", "value": "sid=opensesame"}, {"name": "Authorization", "value": "Bearer opensesame"}]},
     "response": {"status": 200, "content": {"mimeType": "video/mp4", "size": 5_000_000}}},
    {"request": {"method": "GET", "url": "https://h.example/x.css", "headers": []},
     "response": {"status": 200, "content": {"mimeType": "text/css", "size": 10}}},
    {"request": {"method": "POST", "url": "https://h.example/track", "headers": []}, "response": {"status": 204}},
]}})  # fmt: skip


def served(tmp_path: Path, story: Callable[[Served], Awaitable[None]]) -> None:
    """Run a story with a served house whose downloads may be of any scheme that is named here."""

    async def played(house: House) -> None:
        await story(Served(house, str(tmp_path)))

    play(played)


async def imported(house: Served, **body: Any) -> tuple[int, Any]:
    """Status and answer."""
    reply = await house.ask("POST", IMPORTS, body=said(body))
    return reply.status, reply.json


def test_a_list_is_shown_before_it_is_added(tmp_path: Path) -> None:
    """With `dry_run` nothing is added; without it, all of it is, as a group of its name, and the second time it is known."""

    async def story(house: Served) -> None:
        text = "# mine\nmem://host/a.bin  out=first.bin  priority=high\nmem://user:sesame@host/b.bin\n"
        status, told = await imported(house, name="C:/tonight.txt", text=text, dry_run=True)
        assert (status, told["format"], told["added"]) == (200, "list", 0)
        first, _ = told["found"]
        assert (first["name"], first["priority"], first["group"], first["line"]) == ("first.bin", "high", "tonight", 2)
        assert (first["download_id"], first["known"], first["directory"]) == (None, None, "/d")
        assert "sesame" not in json.dumps(told)
        assert await house.house.all() == []
        _, told = await imported(house, name="tonight.txt", text=text, directory="sub", paused=True)
        assert (told["added"], told["known"]) == (2, 0)
        assert [each.spec.directory for each in await house.house.all()] == ["/d/sub"] * 2
        assert [each["download_id"] for each in told["found"]] == [each.id for each in await house.house.all()]
        _, told = await imported(house, name="tonight.txt", text=text, directory="sub")
        assert (told["added"], told["known"]) == (0, 2)

    served(tmp_path, story)


def test_a_metalink_is_read_from_its_bytes(tmp_path: Path) -> None:
    """Names, sizes, mirrors, checksums and digests of pieces; what of it is left out is said."""

    async def story(house: Served) -> None:
        content = base64.b64encode(METALINK.encode("utf-16")).decode()
        status, told = await imported(house, name="films.meta4", content=content, dry_run=True)
        assert (status, told["format"]) == (200, "metalink"), told
        one, two = told["found"]
        assert (one["name"], one["size"], one["mirrors"], one["checksum"]) == ("one.mkv", 8, 2, "sha-256")
        assert (one["uri"], one["directory"], one["group"]) == ("https://a.example/one.mkv", "/d/film", "films")
        assert (two["size"], two["mirrors"]) == (None, 1)
        assert [each["count"] for each in told["left_out"]] == [1]
        text = METALINK.replace("https://", "mem://").replace("mem://a", "mem://host")
        assert "no address" in json.dumps((await imported(house, text=text, name="x.meta4"))[1])

    served(tmp_path, story)


def test_a_recording_is_searched_and_its_secrets_are_not_told(tmp_path: Path) -> None:
    """Cookies and tokens of a browser go into the download; the answer says only that there are some."""

    async def story(house: Served) -> None:
        status, told = await imported(house, name="page.har", text=HAR, types=["video/*"], dry_run=True)
        (film,) = told["found"]
        assert (status, film["name"], film["size"], film["secrets"]) == (200, "v.mp4", 5_000_000, True)
        assert "opensesame" not in json.dumps(told)
        assert sorted(each["count"] for each in told["left_out"]) == [1, 1]

    served(tmp_path, story)


def test_a_curl_command_is_read(tmp_path: Path) -> None:
    """As a browser copies it: address, headers, cookies."""

    async def story(house: Served) -> None:
        text = "curl 'mem://host/v.bin' -H 'X-Token: opensesame' -b 'sid=1'"
        _, told = await imported(house, text=text)
        assert (told["format"], told["added"], told["found"][0]["secrets"]) == ("curl", 1, True)
        (download,) = await house.house.all()
        assert dict(download.spec.headers) == {"X-Token": "opensesame", "Cookie": "sid=1"}

    served(tmp_path, story)


BAD = {
    "nothing": ({}, "either the text"),
    "both": ({"text": "x", "content": "eA=="}, "either the text"),
    "empty": ({"text": ""}, "names no URL"),
    "torrent by name": ({"text": "x", "name": "linux.torrent"}, "BitTorrent"),
    "torrent by content": ({"content": base64.b64encode(b"d8:announce9:http://x/e").decode()}, "BitTorrent"),
    "zip": ({"content": base64.b64encode(b"PK\x03\x04..").decode()}, "spreadsheet"),
    "html": ({"text": "<html>"}, "XML or HTML"),
    "xml bomb": ({"name": "a.meta4", "text": '<!DOCTYPE a [<!ENTITY b "c">]><metalink>&b;</metalink>'}, "a.meta4"),
    "half a recording": ({"name": "a.har", "text": HAR[:200]}, "a.har"),
    "deep JSON": ({"name": "a.har", "text": '{"log":{"entries":[' + "[" * 100_000}, "a.har"),
    "one bad line": ({"text": "mem://host/a\nmem://host/b  colour=red\n"}, ":2: dlm has no option 'colour'"),
    "cookies of this machine": ({"text": "mem://host/a  load-cookies=/home/u/c.txt"}, "cookies cannot be chosen from afar"),
    "a certificate": ({"text": "mem://host/a  certificate=/etc/x.pem"}, "cert cannot be chosen from afar"),
    "the owner's passwords": ({"text": "mem://host/a  netrc=yes"}, "netrc cannot be chosen from afar"),
    "no check": ({"text": "curl -k https://host/a"}, "insecure cannot be chosen from afar"),
    "a proxy": ({"text": "mem://host/a  all-proxy=http://evil:1/"}, "proxy cannot be chosen from afar"),
    "outside": ({"text": "mem://host/a  dir=/etc"}, "is not within a directory"),
    "upwards": ({"text": "mem://host/a  out=../../etc/x"}, "is not within a directory"),
    "outside for all": ({"text": "mem://host/a", "directory": "../x"}, "is not within a directory"),
    "not served": ({"text": "mem://host/a\nnowhere://host/b"}, "is not served"),
    "one file twice": ({"text": "mem://host/a  out=x\nmem://host/b  out=x"}, "2 downloads would be written to"),
    "too many": ({"text": "mem://host/[1-10001]", "expand": True}, "more than 10000 downloads"),
    "no such format": ({"text": "x", "format": "word"}, "word"),
    "not base64": ({"content": "?"}, "base64"),
}


@pytest.mark.parametrize(("body", "words"), BAD.values(), ids=BAD.keys())
def test_bad_lists_add_nothing_and_are_told_in_a_sentence(tmp_path: Path, body: dict[str, Any], words: str) -> None:
    """Whether it cannot be read, or asks for what a client may not choose."""

    async def story(house: Served) -> None:
        status, told = await imported(house, **body)
        assert status in {400, 422}, told
        assert words in told["detail"]
        assert await house.house.all() == []

    served(tmp_path, story)


def test_who_may_only_read_may_not_import(tmp_path: Path) -> None:
    """Not even with `dry_run`: it is for those who add."""

    async def story(house: Served) -> None:
        reply = await house.ask(
            "POST", IMPORTS, body=said({"text": "mem://host/a", "dry_run": True}), token=house.token[Scope.READ]
        )
        assert reply.status == 403

    served(tmp_path, story)
