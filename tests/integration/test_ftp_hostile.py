"""FtpSource over a server that misbehaves: what is wrong is noticed, is named, and does no harm."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import (
    Denied,
    InvalidRequest,
    ProtocolViolation,
    RangeIgnored,
    Refused,
    ResourceChanged,
    ServerBusy,
    TimedOut,
    TransferError,
    Truncated,
    Unreachable,
    Untrusted,
)
from dlm.model.listing import Entry, Kind
from dlm.model.span import Span
from dlm.ports import Source
from dlm.protocols.ftp.source import FtpSource
from tests.contracts.outlets import Pail
from tests.contracts.source import SETTLING, Ground, play, poured
from tests.contracts.source_faults import FaultySourceContract
from tests.fakes import some_bytes
from tests.hostile_ftp import Habits, HostileFtp

CONTENT = some_bytes(150_001)


class HostileGround:
    """A server of all quirks."""

    def __init__(self, server: HostileFtp) -> None:
        self.content = server.content
        self.server = server

    async def source(self) -> Source:
        return FtpSource(SystemClock())

    def uri(self, kind: str) -> str:
        return self.server.url({"whole": "polite"}.get(kind, kind))

    def spellings(self) -> Sequence[str]:
        return [self.server.url("polite", name) for name in ("a%20b.bin", "grüße?x;type=i", "gr%C3%BC%C3%9Fe")]

    def spec(self, uri: str) -> DownloadSpec:
        return DownloadSpec(uris=(uri,), directory="/")

    def change(self) -> None:
        self.server.changed = True


@pytest.fixture
def habits() -> Habits:
    """Those of the server; a test may change them before the first connection, or override this."""
    return Habits()


@pytest.fixture
def server(habits: Habits) -> Iterator[HostileFtp]:
    """A fresh one."""
    with HostileFtp(CONTENT, habits) as server:
        yield server


@pytest.fixture
def ground(server: HostileFtp) -> HostileGround:
    """Its files."""
    return HostileGround(server)


class TestFtpSourceOverAServerThatFails(FaultySourceContract):
    @pytest.fixture
    def ground(self, server: HostileFtp) -> Ground:
        return HostileGround(server)


def opened(ground: HostileGround, quirk: str, spec: DownloadSpec | None = None) -> Pail:
    """The whole file, by way of the quirk, poured from the first reply."""
    pail = Pail()
    play(ground, lambda source: poured(ground, source, pail, ground.uri(quirk), spec))
    return pail


def quick(ground: HostileGround, quirk: str, timeout: float = 0.3) -> DownloadSpec:
    """A spec with little patience."""
    return replace(ground.spec(ground.uri(quirk)), timeout=timeout)


# --- sizes and ends that lie ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quirk", ["short", "boasts", "broken", "unconfirmed"])
def test_an_end_that_comes_too_early_is_none(ground: HostileGround, quirk: str) -> None:
    """Whether bytes are missing by the size that was told, or the server does not confirm an end of which nothing was told."""
    with pytest.raises(Truncated):
        opened(ground, quirk)


def test_an_end_that_is_never_confirmed_is_waited_for_in_vain(ground: HostileGround) -> None:
    """Of a file without a size only the server knows where it ends; its silence ends the wait, not the event loop's life."""
    ticks = 0

    async def scenario(source: Source) -> None:
        nonlocal ticks
        pouring = asyncio.ensure_future(poured(ground, source, Pail(), ground.uri("mute"), quick(ground, "mute", 0.5)))
        while not pouring.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(Truncated):
            await pouring

    play(ground, scenario)
    assert ticks > 20


@pytest.mark.parametrize("quirk", ["wordless", "orphaned", "terse"])
def test_all_bytes_are_enough_where_their_number_is_known(ground: HostileGround, quirk: str) -> None:
    """The server's word, which FTP wants at the end, proves nothing more then."""
    began = time.monotonic()
    assert opened(ground, quirk).taken == CONTENT
    assert time.monotonic() - began < 25


def test_a_file_that_is_longer_than_was_told_is_another_one(ground: HostileGround) -> None:
    """It has grown, or the size was a lie: what has come is a part of it, and is not passed off as all."""
    with pytest.raises(ResourceChanged, match="longer"):
        opened(ground, "longer")


def test_two_sizes_of_one_file_are_one_too_many(ground: HostileGround) -> None:
    """Before a byte is poured."""
    with pytest.raises(ResourceChanged, match="150006"):
        opened(ground, "contradicts")


def test_a_place_to_begin_at_must_be_heeded(ground: HostileGround, server: HostileFtp) -> None:
    """A server that says yes to REST and sends from the beginning is found out before a byte is taken."""

    async def scenario(source: Source) -> None:
        uri, pail = ground.uri("deaf"), Pail()
        opening = await source.open(uri, ground.spec(uri))
        await opening.close()
        with pytest.raises(RangeIgnored):
            await source.fetch(opening.resource, opening.resource.mirrors[0], Span(1000, 2000), pail, ground.spec(uri))
        with pytest.raises(Refused):
            await source.open(uri, replace(ground.spec(uri), range=Span(5, 10)))
        assert pail.offers == 0

    play(ground, scenario)


def test_ranges_are_proved_once(ground: HostileGround, server: HostileFtp) -> None:
    """Not for each span, however many connections begin at once."""

    async def scenario(source: Source) -> None:
        uri = ground.uri("whole")
        opening = await source.open(uri, ground.spec(uri))
        mirror = opening.resource.mirrors[0]
        pails = [Pail(10) for _ in range(5)]
        fetches = [
            source.fetch(opening.resource, mirror, Span(start, start + 10), pail, ground.spec(uri))
            for start, pail in zip(range(100, 600, 100), pails, strict=True)
        ]
        await asyncio.gather(*fetches)
        await opening.close()
        assert [pail.taken for pail in pails] == [CONTENT[start : start + 10] for start in range(100, 600, 100)]

    play(ground, scenario)
    assert [line for _, line in server.commands].count(b"REST 150000") == 1


def test_a_file_without_a_date_is_fetched_by_one_stream(ground: HostileGround) -> None:
    """Its size alone does not prove that two replies are of one version."""

    async def scenario(source: Source) -> None:
        uri = ground.uri("undated")
        opening = await source.open(uri, ground.spec(uri))
        await opening.close()
        assert opening.resource.validator.condition is None

    play(ground, scenario)


# --- who is let in ----------------------------------------------------------------------------------------------------


class TestPasswords:
    @pytest.fixture
    def habits(self) -> Habits:
        return Habits(password="right")

    def test_a_wrong_password_is_tried_once(self, ground: HostileGround, server: HostileFtp) -> None:
        """And is not told to anybody, though the server repeats it in its answer."""
        spec = replace(ground.spec(ground.uri("polite")), user="me:wr0ng")
        with pytest.raises(Denied) as caught:
            opened(ground, "polite", spec)
        assert server.passwords == ["wr0ng"]
        assert "wr0ng" not in str(caught.value)

    def test_strangers_are_told_to_give_a_name(self, ground: HostileGround) -> None:
        """Where only those with a password are let in."""
        with pytest.raises(Denied, match="--user"):
            opened(ground, "polite")

    def test_the_users_word_beats_the_address(self, ground: HostileGround, server: HostileFtp) -> None:
        """Either is enough by itself."""
        uri = ground.uri("polite")
        within = uri.replace("ftp://", "ftp://me:right@")
        play(ground, lambda source: poured(ground, source, Pail(), within))
        beaten = uri.replace("ftp://", "ftp://me:wrong@")
        play(ground, lambda source: poured(ground, source, Pail(), beaten, replace(ground.spec(beaten), user="me:right")))
        assert server.passwords == ["right", "right"]

    def test_netrc_is_read_where_that_is_asked_for(
        self, ground: HostileGround, server: HostileFtp, isolated_environment: object
    ) -> None:
        """For the host that it names; what the address says of the name must fit."""
        from pathlib import Path

        (Path(str(isolated_environment)) / ".netrc").write_text("machine 127.0.0.1 login me password right\n")
        spec = replace(ground.spec(ground.uri("polite")), netrc=True)
        assert opened(ground, "polite", spec).taken == CONTENT
        with pytest.raises(Denied):
            opened(ground, "polite")
        other = ground.uri("polite").replace("ftp://", "ftp://other@")
        with pytest.raises(Denied):
            play(ground, lambda source: poured(ground, source, Pail(), other, replace(spec, uris=(other,))))

    def test_a_netrc_that_makes_no_sense_is_the_users_error(self, ground: HostileGround, isolated_environment: object) -> None:
        """It is said where."""
        from pathlib import Path

        (Path(str(isolated_environment)) / ".netrc").write_text("machine\nnonsense here\n")
        with pytest.raises(InvalidRequest, match="netrc"):
            opened(ground, "polite", replace(ground.spec(ground.uri("polite")), netrc=True))


@pytest.mark.parametrize(
    "crowded",
    [
        b"421 There are too many connections.\r\n",
        b"530 Sorry, the maximum number of clients (2) for this user are already connected.\r\n",
    ],
)
def test_a_full_server_is_busy(crowded: bytes) -> None:
    """Not slow, and not one that refuses the password: others may get in later. A login that is free is used again."""
    with HostileFtp(CONTENT, Habits(most=1, crowded=crowded)) as server:
        ground = HostileGround(server)

        async def scenario(source: Source) -> None:
            uri = ground.uri("polite")
            opening = await source.open(uri, ground.spec(uri))
            with pytest.raises(ServerBusy):
                await source.open(uri, ground.spec(uri))
            await opening.close()
            for start in (5, 500):
                pail = Pail(10)
                await source.fetch(
                    opening.resource, opening.resource.mirrors[0], Span(start, start + 10), pail, ground.spec(uri)
                )
                assert pail.taken == CONTENT[start : start + 10]

        play(ground, scenario)
        assert server.most_logins == 1


def test_logins_are_kept(ground: HostileGround, server: HostileFtp) -> None:
    """Files one after the other take one, also when they are ended in their middle; and a polite farewell is said."""

    async def scenario(source: Source) -> None:
        for room in (10, 70_000, len(CONTENT)):
            await poured(ground, source, Pail(room), ground.uri("polite"))

    play(ground, scenario)
    deadline = time.monotonic() + 60
    while "QUIT" not in server.verbs() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.verbs().count("USER") == server.verbs().count("QUIT") == 1


def test_a_kept_login_that_has_died_is_replaced(ground: HostileGround, server: HostileFtp) -> None:
    """Servers end idle ones when they like."""

    async def scenario(source: Source) -> None:
        for quirk in ("polite", "orphaned", "polite"):
            pail = Pail()
            await poured(ground, source, pail, ground.uri(quirk))
            assert pail.taken == CONTENT

    play(ground, scenario)
    assert server.verbs().count("USER") == 2


def test_a_place_to_begin_at_does_not_outlive_its_transfer(ground: HostileGround, server: HostileFtp) -> None:
    """Servers remember it until they send a file: when that came to nothing, the next file must not begin there."""

    async def scenario(source: Source) -> None:
        uri, unfilled = ground.uri("polite"), Pail(10)
        opening = await source.open(uri, ground.spec(uri))
        await opening.close()
        server.habits.reply_to = (b"RETR", b"450 It is in use.\r\n")
        with pytest.raises(ServerBusy):
            await source.fetch(opening.resource, opening.resource.mirrors[0], Span(5, 15), unfilled, ground.spec(uri))
        server.habits.reply_to = (b"", b"")
        pail = Pail()
        await poured(ground, source, pail, uri)
        assert pail.taken == CONTENT

    play(ground, scenario)
    assert server.verbs().count("USER") == 1


@pytest.mark.parametrize("tired", [b"421 You have been idle too long.\r\n", b"", b"226 What was that?\r\n"])
def test_a_kept_login_that_is_refused_at_the_next_command_is_replaced(tired: bytes) -> None:
    """That it has died shows only when it is used; then it is no failure either."""
    with HostileFtp(CONTENT, Habits(tired=tired)) as server:
        ground = HostileGround(server)

        async def scenario(source: Source) -> None:
            for _ in range(3):
                pail = Pail()
                await poured(ground, source, pail, ground.uri("polite"))
                assert pail.taken == CONTENT
                await asyncio.sleep(SETTLING)

        play(ground, scenario)
        assert server.verbs().count("USER") == 3


# --- addresses that lead elsewhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [b"10,0,0,1", b"0,0,0,0", b"127,0,0,2"])
def test_what_a_server_says_of_addresses_is_not_believed(address: bytes) -> None:
    """Data come from where the control connection goes to, whatever PASV says: behind a translator it says nonsense."""
    with HostileFtp(CONTENT, Habits(passive=address, extended="unknown")) as server:
        assert opened(HostileGround(server), "polite").taken == CONTENT
        assert server.verbs().count("EPSV") == 1


def test_pasv_is_tried_where_epsv_leads_nowhere() -> None:
    """Some firewalls know only the older one; afterwards it is asked at once."""
    with HostileFtp(CONTENT, Habits(extended="dead")) as server:
        ground = HostileGround(server)

        async def scenario(source: Source) -> None:
            for _ in range(2):
                await poured(ground, source, Pail(), ground.uri("polite"))

        play(ground, scenario)
        assert [verb for verb in server.verbs() if verb in {"EPSV", "PASV"}] == ["EPSV", "PASV", "PASV"]


# --- what is no FTP ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "habits",
    [
        Habits(endless=b"220-and on\r\n" * 100),
        Habits(endless=b"x" * 4096),
        Habits(greeting=b"SSH-2.0-OpenSSH_9.2\r\n"),
        Habits(greeting=b"\r\n"),
        Habits(greeting=b"999 no\r\n"),
        Habits(reply_to=(b"EPSV", b"229 Entering (|||99999|)\r\n")),
        Habits(extended="unknown", reply_to=(b"PASV", b"227 Entering (1,2,3,4,300,1)\r\n")),
    ],
    ids=["endless-greeting", "endless-line", "ssh", "blank", "code", "port", "passive"],
)
def test_what_is_no_ftp_is_said_to_be_none(habits: Habits) -> None:
    """Quickly, and without eating up the memory."""
    with HostileFtp(CONTENT, habits) as server:
        began = time.monotonic()
        with pytest.raises(ProtocolViolation, match="does not speak FTP properly"):
            opened(HostileGround(server), "polite")
        assert time.monotonic() - began < 25


@pytest.mark.parametrize("greeting", [b"", b"220-", b"220-a\r\n"])
def test_a_server_that_says_nothing_is_not_waited_for_long(greeting: bytes) -> None:
    """Neither before its greeting nor within it."""
    with HostileFtp(CONTENT, Habits(greeting=greeting)) as server:
        ground = HostileGround(server)
        with pytest.raises(TimedOut):
            opened(ground, "polite", quick(ground, "polite"))


@pytest.mark.parametrize(
    ("command", "reply", "kind"),
    [
        (b"TYPE", b"504 text only\r\n", ProtocolViolation),
        (b"RETR", b"425 cannot connect\r\n", Unreachable),
        (b"RETR", b"451 the disk has died\r\n", TransferError),
        (b"RETR", b"421 going down\r\n", ServerBusy),
        (b"RETR", b"530 not you\r\n", Denied),
        (b"RETR", b"552 no\r\n", Refused),
        (b"MDTM", b"226 what was that again\r\n", Unreachable),
        (b"EPSV", b"530 not you\r\n", None),
    ],
)
def test_refusals_mean_what_they_say(command: bytes, reply: bytes, kind: type[TransferError] | None) -> None:
    """Each in our words."""
    with HostileFtp(CONTENT, Habits(reply_to=(command, reply))) as server:
        if kind is None:
            assert opened(HostileGround(server), "polite").taken == CONTENT
            return
        with pytest.raises(kind):
            opened(HostileGround(server), "polite")


@pytest.mark.parametrize("path", ["a%0d%0aDELE%20b", "a%0ab", "a%00b"])
def test_a_path_cannot_be_two_commands(ground: HostileGround, server: HostileFtp, path: str) -> None:
    """Nothing is sent at all."""
    uri = f"ftp://127.0.0.1:{server.port}/{path}"
    with pytest.raises(InvalidRequest, match="line break or a zero byte"):
        play(ground, lambda source: poured(ground, source, Pail(), uri))
    assert server.commands == []


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_nothing_is_said_without_tls_where_tls_is_wanted(ground: HostileGround, server: HostileFtp) -> None:
    """Neither name nor password, by either way of asking for it."""
    uri = ground.uri("polite").replace("ftp://", "ftpes://me:secret@")
    for asked, options in ((uri, ground.spec(uri)), (ground.uri("polite"), replace(ground.spec(uri), ftp_tls=True))):
        with pytest.raises(Untrusted, match="no TLS"):
            play(ground, lambda source, asked=asked, options=options: poured(ground, source, Pail(), asked, options))  # type: ignore[misc]
    assert set(server.verbs()) == {"AUTH"}


def test_what_is_slipped_in_before_tls_is_noticed() -> None:
    """Or somebody on the way could answer for the server."""
    with HostileFtp(CONTENT, Habits(tls=b"234 Go on.\r\n331 Password?\r\n230 In.\r\n")) as server:
        ground = HostileGround(server)
        with pytest.raises(ProtocolViolation, match="slipped in"):
            opened(ground, "polite", replace(ground.spec(ground.uri("polite")), ftp_tls=True))


# --- listings ---------------------------------------------------------------------------------------------------------


def listed(habits: Habits) -> list[Entry]:
    """What a server with such a listing has in a folder, asked twice."""
    with HostileFtp(CONTENT, habits) as server:
        ground = HostileGround(server)
        found: list[list[Entry]] = []

        async def scenario(source: Source) -> None:
            assert isinstance(source, FtpSource)
            uri = f"ftp://127.0.0.1:{server.port}/folder/"
            for _ in range(2):
                found.append([entry async for entry in source.entries(uri, ground.spec(uri))])

        play(ground, scenario)
        assert server.verbs().count("USER") == 1
        assert found[0] == found[1]
        return found[0]


def test_a_listing_has_only_what_can_be_in_a_folder() -> None:
    """Names that lead elsewhere are left out, and the others are there."""
    lines = [b"type=cdir; .", b"type=pdir; ..", b"type=file;size=3; ../x", b"type=file;size=3; a/b", b"type=file;size=3; /etc"]
    lines += [b"type=file;size=3;modify=20260102030405; good", b"type=dir; deeper", b"type=OS.unix=slink:/etc/passwd; link"]
    entries = listed(Habits(listing=b"".join(line + b"\r\n" for line in lines)))
    assert [(entry.name, entry.kind, entry.size) for entry in entries] == [
        ("good", Kind.FILE, 3),
        ("deeper", Kind.FOLDER, None),
        ("link", Kind.LINK, None),
    ]


def test_a_listing_for_people_is_read_where_there_is_no_other() -> None:
    """And the connection can be used again afterwards."""
    listing = b"total 3\r\n-rw-r--r--   1 ftp ftp   12 Jan  1  2020 a b\r\ndrwxr-xr-x   2 ftp ftp 4096 Feb  2 10:00 sub\r\n"
    entries = listed(Habits(features=b"502 What?\r\n", listing=listing))
    assert [(entry.name, entry.kind, entry.size) for entry in entries] == [("a b", Kind.FILE, 12), ("sub", Kind.FOLDER, None)]


def test_a_large_folder_is_listed_whole() -> None:
    """10,000 entries."""
    listing = b"".join(b"type=file;size=%d; %d\r\n" % (n, n) for n in range(10_000))
    assert [entry.name for entry in listed(Habits(listing=listing))] == [str(n) for n in range(10_000)]


def test_a_listing_may_be_given_up(ground: HostileGround, server: HostileFtp) -> None:
    """Nothing is left of it."""
    server.habits.listing = b"".join(b"type=file;size=%d; %d\r\n" % (n, n) for n in range(10_000))

    async def scenario(source: Source) -> None:
        assert isinstance(source, FtpSource)
        uri = f"ftp://127.0.0.1:{server.port}/"
        entries = source.entries(uri, ground.spec(uri))
        assert (await anext(aiter(entries))).name == "0"
        await entries.aclose()

    play(ground, scenario)
