"""A Metalink in the place of a URL: `dlm get` and `dlm add` do what it says, as far as a stranger may say it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dlm.cli.main import run
from dlm.model.resource import Pieces
from tests.unit.test_cli_twin import DownloadsTwin

Dlm = Callable[..., tuple[int, str, str]]
SHA = "ab" * 32
FILE = (
    '<file name="{name}"><size>9</size><hash type="sha-256">' + SHA + "</hash>"
    '<pieces type="sha-256" length="9"><hash>' + SHA + "</hash></pieces>"
    '<url priority="2">https://{host}/{name}</url><url priority="1">https://h/{name}</url>{more}</file>'
)


def document(*names: str, host: str = "i", more: str = "") -> str:
    inside = "".join(FILE.format(name=name, host=host, more=more) for name in names)
    return f'<metalink xmlns="urn:ietf:params:xml:ns:metalink">{inside}</metalink>'


@pytest.fixture
def twin() -> DownloadsTwin:
    return DownloadsTwin()


@pytest.fixture
def dlm(twin: DownloadsTwin, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dlm:
    monkeypatch.chdir(tmp_path)

    def called(*argv: str) -> tuple[int, str, str]:
        code = run(list(argv), twin.opener())
        return code, *capsys.readouterr()

    return called


def test_its_files_are_fetched(dlm: Dlm, twin: DownloadsTwin, tmp_path: Path) -> None:
    """Beside a URL; with mirrors, digest, pieces, and the folder of the name below the one that is asked for."""
    Path("two.meta4").write_text(document("a.iso", "sub/b.iso"))
    assert dlm("get", "-q", "./two.meta4", "https://h/c", "-d", "here")[0] == 0
    plain, first, second = twin.fetched
    assert plain.uris == ("https://h/c",)
    assert (first.uris, first.directory, first.output) == (
        ("https://h/a.iso", "https://i/a.iso"),
        str(tmp_path / "here"),
        "a.iso",
    )
    assert (second.directory, second.output) == (str(tmp_path / "here/sub"), "b.iso")
    assert str(first.checksum) == f"sha-256={SHA}"
    assert twin.pieces == dict.fromkeys((first, second), Pieces("sha-256", 9, (bytes.fromhex(SHA),)))


def test_its_files_are_added_as_a_group(dlm: Dlm, twin: DownloadsTwin) -> None:
    """Of its name, unless another is given; one file alone is none."""
    Path("two.METALINK").write_text(document("a.iso", "b.iso"))
    Path("one.meta4").write_text(document("c.iso"))
    assert dlm("add", "two.METALINK", "one.meta4")[0] == 0
    assert [(each.spec.output, each.group) for each in twin.added] == [("a.iso", "two"), ("b.iso", "two"), ("c.iso", None)]
    assert all(each.pieces is not None for each in twin.added)
    twin.added.clear()
    assert dlm("add", "two.METALINK", "--group", "mine")[0] == 0
    assert {each.group for each in twin.added} == {"mine"}


def test_what_is_left_out_is_told(dlm: Dlm) -> None:
    """On standard error, one line a reason; not where nothing but the outcome is wanted."""
    more = "<url>rsync://h/a</url><url>ed2k://h/a</url>"
    Path("a.meta4").write_text(document("a.iso", more=more))
    said = "dlm: skipped 2: an address of a scheme that is not fetched from here (a.meta4:1 rsync://h/a, …)\n"
    assert dlm("add", "a.meta4")[2] == said
    assert said in dlm("get", "a.meta4")[2]
    assert dlm("add", "a.meta4", "--json")[2] == ""
    assert dlm("get", "-q", "a.meta4")[2] == ""


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--output", "x"), "--output is for a URL, and a.meta4 says this of its files itself"),
        (("--checksum", f"sha256:{SHA}"), "--checksum is for a URL"),
        (("--range", "0-5"), "--range is for a URL"),
        (("--user", "me:SECRET"), "a.meta4 names 2 servers, and --user would go to all"),
        (("--bearer", "SECRET"), "a.meta4 names 2 servers, and --bearer would go to all"),
        (("-H", "X-Key: SECRET"), "a.meta4 names 2 servers, and the header X-Key would go to all"),
        (("missing.meta4",), "'missing.meta4' cannot be read"),
        (("bad.meta4",), "bad.meta4:1: this is not XML"),
        (("torrent.meta4",), "torrent.meta4:1: no file of it can be fetched: it has no address that is served"),
        (("b.meta4",), "2 downloads would be written to"),
    ],
)
def test_what_does_not_fit_is_refused(dlm: Dlm, twin: DownloadsTwin, argv: tuple[str, ...], said: str) -> None:
    """Flags for one file, secrets for several servers, documents that are none: one sentence, and nothing is fetched."""
    Path("a.meta4").write_text(document("a.iso"))
    Path("b.meta4").write_text(document("a.iso", host="j"))
    Path("bad.meta4").write_text("<")
    Path("torrent.meta4").write_text(
        '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="a"><metaurl>https://h/a</metaurl></file></metalink>'
    )
    code, out, err = dlm("get", "a.meta4", *argv)
    assert (code, out) == (2, "")
    assert err.startswith(f"dlm: {said}")
    assert "SECRET" not in err
    assert not twin.fetched


def test_secrets_may_go_to_one_server(dlm: Dlm, twin: DownloadsTwin) -> None:
    """And a header that is no secret to any number."""
    Path("one.meta4").write_text(document("a.iso", host="h"))
    Path("two.meta4").write_text(document("b.iso"))
    assert dlm("get", "-q", "one.meta4", "--user", "me:pw", "-H", "X-Key: 1")[0] == 0
    assert twin.fetched[0].user == "me:pw"
    assert dlm("get", "-q", "two.meta4", "-H", "Accept-Language: de")[0] == 0


def test_an_address_is_no_path(dlm: Dlm, twin: DownloadsTwin) -> None:
    """What has a scheme is not looked for on this disk, whatever its ending."""
    assert dlm("get", "-q", "https://h/a.meta4")[0] == 0
    assert twin.fetched[0].uris == ("https://h/a.meta4",)


def test_pieces_of_a_list_are_added(dlm: Dlm, twin: DownloadsTwin) -> None:
    """`dlm import` hands them on too."""
    Path("a.meta4").write_text(document("a.iso"))
    assert dlm("import", "a.meta4")[0] == 0
    assert twin.added[0].pieces == Pieces("sha-256", 9, (bytes.fromhex(SHA),))
