"""The page's files: exactly those of the table, to anybody, and nothing else however it is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest

from dlm.api.page import MANIFEST
from tests.api_client import Headers, Reply, Served
from tests.house import House, play

WEB = Path(str(files("dlm"))) / "web"


def asked(tmp_path: Path, paths: Sequence[str], headers: Headers = (), method: str = "GET") -> list[Reply]:
    """What comes back for each, without a token."""

    replies: list[Reply] = []

    async def story(house: House) -> None:
        served = Served(house, str(tmp_path))
        replies.extend([await served.ask(method, path, token=None, headers=headers) for path in paths])

    play(story)
    return replies


def test_every_file_is_in_the_table_and_every_row_is_a_file() -> None:
    """What is forgotten in the table would be missing in the browser; what is not there would end the daemon."""
    assert sorted(name for name, _ in MANIFEST.values()) == sorted(each.name for each in WEB.iterdir())


def test_the_page_needs_no_token_and_is_armoured(tmp_path: Path) -> None:
    """Each file comes with its media type and a policy under which only scripts of this server run."""
    for reply, (name, media_type) in zip(asked(tmp_path, list(MANIFEST)), MANIFEST.values(), strict=True):
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, media_type, (WEB / name).read_bytes())
        assert reply.headers["content-security-policy"].startswith("default-src 'self';")
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_file_that_is_there_already_is_not_sent_again(tmp_path: Path) -> None:
    """The tag of the last answer is answered with 304 and no body; another tag with the file."""
    (first,) = asked(tmp_path, ["/"])
    (again,) = asked(tmp_path / "again", ["/"], [("If-None-Match", f'"x", W/{first.headers["etag"]}')])
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    (other,) = asked(tmp_path / "other", ["/"], [("If-None-Match", '"x"')])
    assert other.status == 200


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/web/../tokens.py", "/web/%2e%2e%5c", "/web/..\\main.js", "/web/main.js\0", "/web/main.js\0.css"]
    + ["/web", "/web/", "//web/main.js", "/web//main.js", "/WEB/main.js", "/index.html", "/web/index.html", "/etc/passwd"],
)
def test_there_is_nothing_beside_the_table(tmp_path: Path, path: str) -> None:
    """No spelling of an address leads to another file of this machine: there is no folder behind it."""
    (reply,) = asked(tmp_path, [path])
    assert reply.status == 404
    assert b"root:" not in reply.body


def test_the_page_is_only_read(tmp_path: Path) -> None:
    """Nothing can be sent to a file."""
    (reply,) = asked(tmp_path, ["/"], method="POST")
    assert reply.status == 405


def test_the_scripts_never_make_markup_of_text() -> None:
    """What strangers name their files is shown as text: there is no way from a string to an element, a style or code."""
    ways = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|srcdoc"
        r"|\beval\(|new Function|setAttribute\(\"(style|on)|style: "
    )
    found = {each.name: ways.findall(each.read_text()) for each in WEB.glob("*.js")}
    assert {name: words for name, words in found.items() if words} == {}


def test_nothing_comes_from_elsewhere() -> None:
    """The page works without the internet: it names no other server."""
    elsewhere = re.compile(r"(?:https?:|wss?:)?//[a-z0-9.-]+\.[a-z]{2,}", re.I)
    known = {"//www.w3.org", "http://www.w3.org", "https://example.org"}  # a namespace, and an example in a field
    assert {match for each in WEB.iterdir() for match in elsewhere.findall(each.read_text())} <= known


def test_scripts_stay_readable() -> None:
    """A file that grows past a few screens hides a second thing, in a browser as elsewhere."""
    assert {each.name: lines for each in WEB.glob("*.js") if (lines := each.read_text().count("\n")) > 420} == {}


def colours(css: str, opening: str) -> dict[str, str]:
    """The colours that the block with this opening sets."""
    block = css.split(opening, 1)[1].split("}", 1)[0]
    return {name: value.lstrip("#") for name, value in re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block)}


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    wide = "".join(2 * digit for digit in colour) if len(colour) == 3 else colour
    parts = [int(wide[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("opening", [":root {", ':root[data-theme="dark"] {'])
def test_text_can_be_read(opening: str) -> None:
    """Every colour of text has a contrast of 4.5:1 against all that it stands on, borders of fields 3:1 (WCAG 2.2, AA)."""
    found = colours((WEB / "base.css").read_text(), opening)
    grounds = ("bg", "surface", "raised", "hover", "chosen")
    pairs = [(text, ground, 4.5) for text in ("ink", "soft") for ground in grounds]
    pairs += [(text, ground, 4.5) for text in ("accent", "bad") for ground in ("surface", "raised", "hover", "chosen")]
    pairs += [("accent-ink", "accent", 4.5), ("bad-ink", "bad", 4.5), ("bg", "wait", 4.5), ("ink", "track", 4.5)]
    pairs += [(line, ground, 3.0) for line in ("edge", "good", "wait", "accent") for ground in ("surface", "raised", "chosen")]

    def contrast(one: str, other: str) -> float:
        dark, light = sorted((luminance(found[one]), luminance(found[other])))
        return (light + 0.05) / (dark + 0.05)

    assert {f"{one} on {other}": contrast(one, other) for one, other, least in pairs if contrast(one, other) < least} == {}
