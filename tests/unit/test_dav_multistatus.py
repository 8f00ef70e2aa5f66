"""What PROPFIND answers, read: with the spellings of real servers, and of servers that make none of the sense they should."""

from __future__ import annotations

import pytest

from dlm.model.error import InvalidRequest
from dlm.model.listing import Entry, Kind
from dlm.protocols.dav.address import http_address
from dlm.protocols.dav.multistatus import Folder, Member, member_of
from dlm.protocols.http.xml import Records

APACHE = """<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:" xmlns:lp1="DAV:">
<D:response><D:href>/dav/a%20b.bin</D:href><D:propstat><D:prop><lp1:resourcetype/>
<lp1:getcontentlength>12</lp1:getcontentlength><lp1:getlastmodified>Mon, 12 Jan 1970 13:46:40 GMT</lp1:getlastmodified>
<lp1:getetag>"c-1"</lp1:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"""
HALF_FOUND = """<multistatus xmlns="DAV:"><response><href>http://else.example/dav/x/</href>
<propstat><prop><resourcetype><collection/></resourcetype></prop><status>HTTP/1.1 200 OK</status></propstat>
<propstat><prop><getcontentlength>99</getcontentlength><getetag/></prop><status>HTTP/1.1 404 Not Found</status></propstat>
</response></multistatus>"""
UNTRUE = """<multistatus xmlns="DAV:"><response><href>/n</href>
<propstat><prop><getcontentlength>7</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat>
<propstat><prop><resourcetype><collection/></resourcetype><getcontentlength>99</getcontentlength></prop>
<status>HTTP/1.1 404 Not Found</status></propstat></response></multistatus>"""
NONSENSE = """<multistatus xmlns="DAV:"><response><href>/n</href><propstat><prop><getcontentlength>-1</getcontentlength>
<getlastmodified>today</getlastmodified></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"""
GONE = """<multistatus xmlns="DAV:"><response><href>/n</href><status>HTTP/1.1 404 Not Found</status></response></multistatus>"""
NAMELESS = """<multistatus xmlns="DAV:"><response><href/></response></multistatus>"""
UNREADABLE = """<multistatus xmlns="DAV:"><response><href>http://[x/y</href></response></multistatus>"""


@pytest.mark.parametrize(
    ("document", "member"),
    [
        (APACHE, Member("/dav/a b.bin", Kind.FILE, 12, 1_000_000.0, '"c-1"')),
        (HALF_FOUND, Member("/dav/x", Kind.FOLDER, None, None, None)),
        (UNTRUE, Member("/n", Kind.FILE, 7, None, None)),
        (NONSENSE, Member("/n", Kind.FILE, None, None, None)),
        (GONE, None),
        (NAMELESS, None),
        (UNREADABLE, None),
    ],
)
def test_a_response_is_a_member_or_nothing(document: str, member: Member | None) -> None:
    """Only what was found counts, and only numbers and dates that are such."""
    (response,) = Records(("response",), "here").feed(document.encode())
    assert member_of(response) == member


def in_folder(address: str, *members: tuple[str, Kind]) -> list[str]:
    """The names that these members have in the folder."""
    folder = Folder(address)
    found = [Member(path, kind, None, None, None) for path, kind in members]
    return [folder.entry(each).name for each in found if folder.holds(each)]


def test_the_folder_itself_is_not_in_it() -> None:
    """Wherever it stands, and also where a proxy shows it at another path than the server knows."""
    inner = [("/d/x", Kind.FILE), ("/d/y", Kind.FOLDER)]
    for order in ([("/d", Kind.FOLDER), *inner], [*inner, ("/d", Kind.FOLDER)]):
        assert in_folder("http://h/d/", *order) == ["x", "y"]
    assert in_folder("http://h/d/", ("/d/d", Kind.FOLDER), ("/d", Kind.FOLDER)) == ["d"]
    assert in_folder("http://h/at/d/", ("/d", Kind.FOLDER), *inner) == ["x", "y"]
    assert in_folder("http://h/", ("", Kind.FOLDER), ("/x", Kind.FILE)) == ["x"]


def test_names_that_lead_elsewhere_stay_visible() -> None:
    """What lies outside the folder keeps its whole path, so that nobody takes it for a name."""
    names = in_folder("http://h/d/", ("/d", Kind.FOLDER), ("/d/../x", Kind.FILE), ("/e/x", Kind.FILE), ("/d/a/b", Kind.FILE))
    assert names == ["../x", "/e/x", "a/b"]


def test_an_entry_says_what_the_server_said() -> None:
    """Name, kind, size, time and validator."""
    member = Member("/d/x", Kind.FILE, 5, 1.0, '"e"')
    assert Folder("http://h/d").entry(member) == Entry("x", Kind.FILE, 5, 1.0, '"e"')


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("dav://u:p@h:81/a%20b?c", "http://u:p@h:81/a%20b?c"),
        ("WEBDAVS://h", "https://h/"),
        ("davs://h/x#y", "https://h/x"),
    ],
)
def test_an_address_is_one_of_http(uri: str, address: str) -> None:
    """With the same name and password, host, path and query."""
    assert http_address(uri) == address


def test_an_address_names_a_host() -> None:
    """Or is refused before anybody is asked."""
    with pytest.raises(InvalidRequest, match="names no host"):
        http_address("dav:///x")
