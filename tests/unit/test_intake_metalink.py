"""Metalinks become files to fetch, and whatever else comes a sentence; nothing that they say leads out of the folder."""

from __future__ import annotations

import os.path
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.entry import Entry, Skipped
from dlm.intake.formats import Format, Reading, read, sniff
from dlm.intake.metalink import MOST_MIRRORS, LinkedFile, parse, read_metalink
from dlm.intake.xml import DEEPEST, LARGEST, MOST_ELEMENTS
from dlm.model.error import InvalidRequest
from dlm.model.resource import Digest, Pieces
from dlm.policy.naming import safe_name

MD5, SHA1, SHA256, SHA512 = "11" * 16, "22" * 20, "33" * 32, "44" * 64
PIECES = "".join(f"\n      <hash>{number:064x}</hash>" for number in range(3))

MIRRORBRAIN = f"""<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>MirrorBrain/2.19.0</generator>
  <origin dynamic="true">https://download.example.org/distribution/leap.iso.meta4</origin>
  <published>2024-06-12T08:00:00Z</published>
  <publisher><name>Example</name><url>https://www.example.org</url></publisher>
  <file name="leap.iso">
    <size>600000</size>
    <hash type="md5">{MD5}</hash>
    <hash type="sha-1">{SHA1}</hash>
    <hash type="sha-256">{SHA256.upper()}</hash>
    <hash type="whirlpool">00</hash>
    <pieces length="262144" type="sha-256">{PIECES}
    </pieces>
    <metaurl mediatype="torrent" priority="1">https://download.example.org/leap.iso.torrent</metaurl>
    <url location="cz" priority="3">http://mirror.cz.example/leap.iso</url>
    <url location="de" priority="1">
      https://mirror.de.example/leap.iso
    </url>
    <url priority="2">ftp://mirror.fr.example/leap.iso</url>
    <url>http://late.example/leap.iso</url>
  </file>
</metalink>
"""

MIRROR_MANAGER = f"""<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" pubdate="Thu, 27 Jun 2024 08:00:00 GMT"
          generator="mirrormanager" xmlns:mm0="http://mirror.example/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>1719472000</mm0:timestamp>
   <size>2500</size>
   <mm0:size>7</mm0:size>
   <verification>
    <hash type="md5">{MD5}</hash>
    <hash type="sha1">{SHA1}</hash>
    <hash type="sha256">{SHA256}</hash>
    <hash type="sha512">{SHA512}</hash>
    <pieces length="1000" type="sha1">
     <hash piece="1">{"b" * 40}</hash>
     <hash piece="0">{"a" * 40}</hash>
     <hash piece="2">{"c" * 40}</hash>
    </pieces>
   </verification>
   <mm0:alternates><mm0:alternate><mm0:size>7</mm0:size><size>7</size></mm0:alternate></mm0:alternates>
   <resources maxconnections="1">
    <url protocol="rsync" type="rsync" location="US" preference="100">rsync://us.example/repomd.xml</url>
    <url protocol="http" type="http" location="FR" preference="98">http://fr.example/repomd.xml</url>
    <url protocol="https" type="https" location="DE" preference="99">https://de.example/repomd.xml</url>
    <url type="bittorrent" preference="100">https://de.example/repomd.xml.torrent</url>
   </resources>
  </file>
 </files>
</metalink>
"""


def files(document: str | bytes) -> list[LinkedFile]:
    return [each for each in found(document) if isinstance(each, LinkedFile)]


def found(document: str | bytes) -> list[LinkedFile | Skipped]:
    return parse([document if isinstance(document, bytes) else document.encode()], "a.meta4")


def fourth(inside: str) -> str:
    return f'<metalink xmlns="urn:ietf:params:xml:ns:metalink">{inside}</metalink>'


def one(inside: str, name: str = "a.iso") -> str:
    return fourth(f'<file name="{name}">{inside}<url>https://h/a</url></file>')


def test_a_metalink_of_a_mirror_network_is_read() -> None:
    """Version 4: mirrors by priority, the strongest digest, the pieces, the size; the rest is told."""
    document = found(MIRRORBRAIN)
    (file,) = (each for each in document if isinstance(each, LinkedFile))
    assert (file.name, file.size, file.line) == ("leap.iso", 600_000, 7)
    assert file.digest == Digest("sha-256", bytes.fromhex(SHA256))
    assert file.pieces == Pieces("sha-256", 262_144, tuple(number.to_bytes(32, "big") for number in range(3)))
    assert file.uris == (
        "https://mirror.de.example/leap.iso",
        "ftp://mirror.fr.example/leap.iso",
        "http://mirror.cz.example/leap.iso",
        "http://late.example/leap.iso",
    )
    assert [(each.line, each.what, each.why.split(",")[0]) for each in document if isinstance(each, Skipped)] == [
        (12, "leap.iso", "a hash of it is of an unknown kind"),
        (18, "https://download.example.org/leap.iso.torrent", "a torrent"),
    ]


def test_a_metalink_of_a_mirror_manager_is_read() -> None:
    """Version 3: mirrors by preference, pieces by their number; elements of others count for nothing."""
    (file,) = files(MIRROR_MANAGER)
    assert (file.name, file.size) == ("repomd.xml", 2500)
    assert file.digest == Digest("sha-512", bytes.fromhex(SHA512))
    assert file.pieces == Pieces("sha-1", 1000, tuple(bytes.fromhex(digit * 40) for digit in "abc"))
    assert file.uris == ("https://de.example/repomd.xml", "http://fr.example/repomd.xml")
    assert sum(isinstance(each, Skipped) for each in found(MIRROR_MANAGER)) == 2


def test_several_files_keep_their_order() -> None:
    """With their folders; what follows in one file has nothing of the one before."""
    document = fourth(
        f'<file name="a/b/one"><size>1</size><hash type="md5">{MD5}</hash><url>https://h/1</url></file>'
        '<file name="two"><url>https://h/2</url></file>'
    )
    assert files(document) == [
        LinkedFile(1, "a/b/one", ("https://h/1",), 1, Digest("md5", bytes.fromhex(MD5))),
        LinkedFile(1, "two", ("https://h/2",)),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../a", "../../etc/passwd", "a/../../b", "/etc/passwd", "//h/a", "a//b", ".", "..", "./a", "a/.", "", " ",
        "a/ ../b", "a/",
        "..\\a", "a\\..\\b", "\\\\h\\share\\a", "C:\\a", "a/" * 16 + "b", "/".join(["a"] * 1_000_000),
    ],
)  # fmt: skip
def test_a_name_that_leads_out_is_skipped(name: str) -> None:
    """And the good file beside it is not."""
    bad = f'<file name="{name}"><url>https://h/bad</url></file>'
    document = found(fourth(bad + '<file name="good"><url>https://h/good</url></file>'))
    assert [each.name for each in document if isinstance(each, LinkedFile)] == ["good"]
    assert [each.why for each in document if isinstance(each, Skipped)] == ["its name leads out of the folder, or is none"]


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        (".bashrc", "bashrc"),
        (".ssh/authorized_keys", "ssh/authorized_keys"),
        ("a&#10;b&#13;&#x7f;&#x85;c", "abc"),
        ("&#x202e;gpj.exe", "gpj.exe"),
        ("con/nul.txt", "_con/_nul.txt"),
        ("a:b", "a_b"),
        ("-", "_"),
        ("a/-/-", "a/_/_"),
        ("desktop.ini", "_desktop.ini"),
        ("~/a", "~/a"),
        ("x" * 300 + ".iso", "x" * (244 - 4) + ".iso"),
    ],
)
def test_a_name_becomes_harmless(name: str, harmless: str) -> None:
    """Each of its components, by the rules for every name that a stranger suggests."""
    (file,) = files(one("", name))
    assert file.name == harmless


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=40))
def test_no_name_leads_out(name: str) -> None:
    """Below the folder, component by component, and a name that came out once is kept."""
    quoted = name.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    for file in files(fourth(f'<file name="{quoted}"><url>https://h/a</url></file>')) if _is_xml(name) else []:
        assert not os.path.isabs(file.name)
        assert os.path.normpath(os.path.join("/d", file.name)) == f"/d/{file.name}"
        assert all(safe_name(part, "") == part for part in file.name.split("/"))


def _is_xml(name: str) -> bool:
    return all(char >= " " and ord(char) & 0xFFFF < 0xFFFE for char in name)


def test_two_files_of_one_name_are_one() -> None:
    """The second is skipped; large and small letters make no second name."""
    document = fourth("".join(f'<file name="{name}"><url>https://h/{name}</url></file>' for name in ("a.iso", "A.ISO", "b")))
    assert [each.name for each in files(document)] == ["a.iso", "b"]


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "FILE:/etc/passwd", "/etc/passwd", "rsync://h/a", "magnet:?xt=1", "data:,x", "javascript:1", "s3://b/k",
        "", " ", "https://", "https://h:0/", "https://h/a b", "http://[/", "//h/a", "h/a", "ed2k://|file|",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_fetched_is_skipped(address: str) -> None:
    """It is told, and the others are used. A file of which nothing is left is skipped too."""
    document = found(one(f"<url>{address}</url>"))
    assert [each.uris for each in document if isinstance(each, LinkedFile)] == [("https://h/a",)]
    assert sum(isinstance(each, Skipped) for each in document) == 1
    alone = found(fourth(f'<file name="a"><url>{address}</url></file>'))
    assert [each.why for each in alone if isinstance(each, Skipped)][-1] == "it has no address that is served"


def test_addresses_keep_no_secret_in_what_is_told() -> None:
    """A skipped address is shown as any other."""
    (skipped,) = (each for each in found(one("<url>rsync://me:SECRET@h/a</url>")) if isinstance(each, Skipped))
    assert "SECRET" not in skipped.what


def test_too_many_mirrors_are_cut() -> None:
    """The best are kept."""
    urls = "".join(f'<url priority="{number}">https://h/{number}</url>' for number in range(500, 1, -1))
    (file,) = files(one(urls))
    assert file.uris == tuple(f"https://h/{number}" for number in range(2, MOST_MIRRORS + 2))


@pytest.mark.parametrize(
    ("size", "length", "count", "kind", "good"),
    [
        ("2500", "1000", 3, "sha-1", True),
        ("", "1000", 3, "sha-1", True),
        ("2500", "1000", 2, "sha-1", False),
        ("2500", "1000", 4, "sha-1", False),
        ("3000", "1000", 3, "sha-1", True),
        ("0", "1000", 1, "sha-1", False),
        ("2500", "0", 3, "sha-1", False),
        ("2500", "-1000", 3, "sha-1", False),
        ("2500", "1e3", 3, "sha-1", False),
        ("2500", "9" * 30, 1, "sha-1", False),
        ("9" * 18, "1000", 3, "sha-1", False),
        ("9" * 30, "1000", 3, "sha-1", True),  # no size at all
        ("2500", "1000", 3, "sha-256", False),
        ("2500", "1000", 3, "tiger", False),
        ("2500", "1000", 0, "sha-1", False),
    ],
)
def test_pieces_count_only_when_they_fit(size: str, length: str, count: int, kind: str, good: bool) -> None:
    """As many as the size asks for, each as long as its kind is; else they are told of and left."""
    hashes = f"<hash>{SHA1}</hash>" * count
    document = found(one(f'<size>{size}</size><pieces type="{kind}" length="{length}">{hashes}</pieces>'))
    (file,) = (each for each in document if isinstance(each, LinkedFile))
    assert (file.pieces is not None) is good
    assert any("pieces" in each.why for each in document if isinstance(each, Skipped)) is not good


def test_the_strongest_pieces_win() -> None:
    """Of lists that are of use."""
    lists = "".join(
        f'<pieces type="{kind}" length="10"><hash>{hash}</hash></pieces>'
        for kind, hash in (("md5", MD5), ("sha-256", SHA256), ("sha-512", "00"), ("sha-1", SHA1))
    )
    (file,) = files(one(f"<size>9</size>{lists}"))
    assert file.pieces == Pieces("sha-256", 10, (bytes.fromhex(SHA256),))


BOMB = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
OPEN = '<metalink xmlns="urn:ietf:params:xml:ns:metalink">'


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (f'<!DOCTYPE m [<!ENTITY l0 "lol">{BOMB}]>{OPEN}&l9;', r"a\.meta4:1: it has a document type"),
        (f'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>{OPEN}&x;', r"a\.meta4:1: it has a document type"),
        ('<!DOCTYPE m SYSTEM "http://127.0.0.1:1/x.dtd"><m/>', r"a\.meta4:1: it has a document type"),
        (OPEN + "\n<x>" * 1_000_000, rf"a\.meta4:{DEEPEST + 1}: its elements are nested more than {DEEPEST} deep"),
        (OPEN + '<file name="a">' + "\n<url/>" * 1_000_000, rf"more than {MOST_ELEMENTS} elements"),
        (OPEN + '<file name="a"><url>' + "x" * 9_000_000, "an element holds more than"),
        (OPEN + f"<file name='{'x' * LARGEST}", "larger than 10 MiB"),
        (OPEN, r"a\.meta4:1: this is not XML: no element found"),
        ("", r"a\.meta4:1: this is not XML: no element found"),
        ("\n\n" + OPEN + "</b>", r"a\.meta4:3: this is not XML: mismatched tag"),
        (OPEN + "&unknown;", r"a\.meta4:1: this is not XML: undefined entity"),
        ("<html/>", r"a\.meta4:1: this is XML, but not a Metalink"),
        ("<metalink/>", r"a\.meta4:1: this is XML, but not a Metalink"),
        (OPEN + "</metalink>", r"a\.meta4 is a Metalink that names no file"),
        ("<?xml version='1.0' encoding='none-such'?><a/>", r"a\.meta4:1: its encoding is not known"),
        ("<?xml version='1.0' encoding='shift_jis'?><a/>", r"a\.meta4:1: its encoding is not known"),
    ],
)
def test_what_is_hostile_or_no_metalink_is_refused(document: str, said: str) -> None:
    """With the line, before it costs anything."""
    blocks = [document[start : start + 65_536].encode() for start in range(0, len(document), 65_536)]
    began = time.process_time()
    with pytest.raises(InvalidRequest, match=said):
        parse(blocks, "a.meta4")
    assert time.process_time() - began < 50.0


_WORDS = (
    "<file", "<url", "<size", "<hash", "<pieces", "<files", "<verification", "<resources", "</", "/>", ">", "metalink", "file",
    " name='a'", " name='../a'", " type='sha-1'", " length='10'", " piece='0'", " priority='1'", "https://h/a", SHA1, "9",
)  # fmt: skip


@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from(_WORDS), max_size=40).map(lambda each: (OPEN + "".join(each)).encode()),
    )
)
def test_whatever_comes_is_files_or_a_sentence(document: bytes) -> None:
    """With an error of ours, and none other."""
    try:
        parse([document], "x")
    except InvalidRequest as error:
        assert str(error).startswith("x")  # noqa: PT017 - any document may do either


_MARKUP = st.recursive(
    st.sampled_from(["", "https://h/a", SHA1, "9", "text"]),
    lambda inside: st.builds(
        "<{0}{1}>{2}</{0}>".format,
        st.sampled_from(["file", "files", "verification", "resources", "url", "size", "hash", "pieces", "metaurl", "other"]),
        st.sampled_from(
            ["", " name='a'", " name='b/c'", " type='sha-1'", " type='sha-1' length='5'", " piece='1'", " priority='2'"]
        ),
        st.lists(inside, max_size=4).map("".join),
    ),
    max_leaves=20,
)


@given(_MARKUP)
def test_whatever_is_well_formed_is_files_or_a_sentence(inside: str) -> None:
    """Elements in places where they do not belong do no harm."""
    try:
        document = found(fourth(inside))
    except InvalidRequest as error:
        assert "names no file" in str(error)  # noqa: PT017 - any document may do either
        return
    for each in document:
        assert isinstance(each, Skipped) or (each.uris and each.name)


@given(st.lists(st.integers(0, len(MIRRORBRAIN)), max_size=10))
def test_the_blocks_do_not_matter(cuts: list[int]) -> None:
    """However the document comes."""
    edges = [0, *sorted(cuts), len(MIRRORBRAIN)]
    blocks = [MIRRORBRAIN[start:stop].encode() for start, stop in pairwise(edges)]
    assert parse(blocks, "x") == found(MIRRORBRAIN)


def test_as_a_list_its_files_are_entries() -> None:
    """The name and the digest as options, the pieces beside them; decoded text counts, whatever it claims."""
    document = one(
        f'<hash type="sha-1">{SHA1}</hash><size>9</size><pieces type="sha-1" length="9"><hash>{SHA1}</hash></pieces>', "ä"
    )
    (entry,) = read_metalink([f"<?xml version='1.0' encoding='iso-8859-1'?>{document}"], "x")
    assert entry == Entry(
        1,
        ("https://h/a",),
        ((1, "out", "ä"), (1, "follow", "no"), (1, "checksum", f"sha-1={SHA1}")),
        Pieces("sha-1", 9, (bytes.fromhex(SHA1),)),
    )


def test_braces_in_it_are_just_characters() -> None:
    """A Metalink is literal: nothing in it stands for several."""
    document = fourth('<file name="a{1,2}"><url>https://h/[1-3]</url></file>')
    (entry,) = read(Format.METALINK, [document], "x", Reading(expand=True))
    assert isinstance(entry, Entry)
    assert entry.uris == ("https://h/[1-3]",)


@pytest.mark.parametrize("head", [MIRRORBRAIN, MIRROR_MANAGER, '<m:metalink xmlns:m="x">'])
def test_it_is_known_by_its_root(head: str) -> None:
    """Whatever the file is called; and by its ending."""
    assert sniff("x", head) is Format.METALINK
    assert sniff("x.META4", "") is sniff("x.metalink", "") is Format.METALINK
