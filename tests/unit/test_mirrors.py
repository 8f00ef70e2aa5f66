"""Several mirrors of one file at once: the fastest brings most, who dies is missed by nobody, who lies is found and named."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlm.model.error import AnotherFile, DigestMismatch, NotFound, Unreachable
from dlm.model.message import Checkpointed, Completing
from dlm.model.resource import Digest, Mirror, Verification
from dlm.protocols.memory import Fault
from dlm.transfer.life import InlineWorker
from tests.fakes import some_bytes
from tests.hosts import MBIT, Meeting, dies, host

CONTENT = some_bytes(24_000_000)
LIES = bytes(byte ^ 1 for byte in CONTENT)
SHA = Digest("sha-256", hashlib.sha256(CONTENT).digest())


def completed(meeting: Meeting) -> Verification:
    """How sure the file is called."""
    return next(each for each in meeting.reporter.commitments if isinstance(each, Completing)).verified.how


@pytest.mark.parametrize("speeds", [(10, 40, 100), (100, 40, 10), (40, 100, 10)])
def test_three_mirrors_bring_nine_tenths_of_their_sum(speeds: tuple[int, ...]) -> None:
    """10, 40 and 100 Mbit/s are 150: the file comes at 135 at least, and who is faster brings more."""
    content = CONTENT * 8
    meeting = Meeting([host(f"h{speed}", content, speed) for speed in speeds]).run()
    assert meeting.error is None
    assert meeting.content == content
    assert meeting.dropped == []
    assert completed(meeting) is Verification.UNVERIFIED
    sent = {each.uri: each.sent for each in meeting.hosts}
    assert sent["mem://h10/file.bin"] < sent["mem://h40/file.bin"] < sent["mem://h100/file.bin"]
    assert sum(sent.values()) < 1.03 * len(content)
    assert len(content) / (150 * MBIT) / meeting.took >= 0.9


def test_connections_are_bounded_all_together() -> None:
    """`-x 4` with three mirrors is four connections, and each mirror has its share of them."""
    hosts = [host(name, CONTENT, 40) for name in "abc"]
    meeting = Meeting(hosts)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, sum(each.busy for each in hosts))
            await asyncio.sleep(0.01)

    meeting.run(after=0.0, then=lambda _worker, task: asyncio.ensure_future(watch()) and None, connections=4)
    assert meeting.content == CONTENT
    assert most <= 4
    assert all(each.sent > len(CONTENT) // 8 for each in hosts)


def test_a_mirror_that_dies_is_missed_by_nobody() -> None:
    """The first one breaks off for ever: the others go on with what it has brought, and it is named."""
    first = host("a", CONTENT, 40, fault=dies(2_000_000, Unreachable("gone")))
    meeting = Meeting([first, host("b", CONTENT), host("c", CONTENT)]).run()
    assert meeting.error is None
    assert meeting.content == CONTENT
    assert [each.uri for each in meeting.dropped] == ["mem://a/file.bin"]
    assert meeting.liars == set()


def test_when_all_die_the_last_error_says_so() -> None:
    """Nothing is left: the error of the last mirror, which names that others had failed."""
    hosts = [host(name, CONTENT, 40, fault=dies(3_000_000, Unreachable(f"{name} is gone"))) for name in "ab"]
    meeting = Meeting(hosts).run()
    assert isinstance(meeting.error, Unreachable)
    assert "no other mirror is left" in str(meeting.error)
    assert meeting.reporter.durable is not None
    assert meeting.reporter.durable.downloaded > 2_000_000


@pytest.mark.parametrize("digest", [None, SHA])
def test_who_gives_other_bytes_is_named_before_a_byte_of_it_is_taken(digest: Digest | None) -> None:
    """The same size, other content: the samples tell."""
    meeting = Meeting([host("a", CONTENT), host("b", LIES, 100)]).run(checksum=digest)
    assert meeting.error is None
    assert meeting.content == CONTENT
    assert meeting.liars == {"mem://b/file.bin"}
    assert meeting.hosts[1].sent < 300_000


def test_another_size_is_another_file() -> None:
    """It is named, and nothing is compared."""
    meeting = Meeting([host("a", CONTENT), host("b", CONTENT[:-1])]).run()
    assert meeting.content == CONTENT
    assert "bytes, not" in str(meeting.dropped[0])


def test_one_that_is_honest_at_the_beginning_only_is_found_by_an_audit() -> None:
    """What it has brought is fetched again from the others."""
    half = CONTENT[:2_000_000] + LIES[2_000_000:]
    meeting = Meeting([host("a", CONTENT), host("b", half), host("c", CONTENT)]).run()
    assert meeting.error is None
    assert meeting.content == CONTENT
    assert meeting.liars == {"mem://b/file.bin"}


def test_a_digest_convicts_a_first_mirror_that_lies() -> None:
    """It was the reference, and others were dropped for its sake: with a digest the truth comes out."""
    meeting = Meeting([host("a", LIES), host("b", CONTENT)]).run(checksum=SHA)
    assert meeting.error is None
    assert meeting.content == CONTENT
    assert "mem://a/file.bin" in meeting.liars
    assert completed(meeting) is Verification.VERIFIED


def test_when_everybody_lies_a_digest_says_so() -> None:
    """No file is published."""
    meeting = Meeting([host("a", LIES), host("b", LIES)]).run(checksum=SHA)
    assert isinstance(meeting.error, DigestMismatch)
    assert meeting.content is None


def test_a_mirror_is_asked_before_there_is_anything_to_compare_it_with() -> None:
    """The first one brings enough after a second, the other takes as long to answer: its reply is there then, and is used."""
    second = host("b", CONTENT, 40)
    second.hesitation = 0.8
    meeting = Meeting([host("a", CONTENT, 1), second]).run()
    assert meeting.content == CONTENT
    (asked,) = second.opened
    assert asked < 0.3


def test_of_a_small_file_no_mirror_is_asked_before_there_is_enough() -> None:
    """It might be there before the reply is."""
    second = host("b", CONTENT[:4_000_000], 40)
    Meeting([host("a", CONTENT[:4_000_000], 1), second]).run()
    assert second.opened[0] > 0.9


def test_a_mirror_that_was_asked_too_early_is_asked_again() -> None:
    """A reply is not held for ever: where the first one is that slow, the second is asked anew when there is enough."""
    second = host("b", CONTENT, 40)
    meeting = Meeting([host("a", CONTENT, 0.15), second]).run(timeout=60.0)
    assert meeting.content == CONTENT
    assert meeting.dropped == []
    first, again = second.opened
    assert first < 0.3
    assert 6.5 < again < 9.0


def test_equal_strong_digests_need_no_samples() -> None:
    """Both state the same SHA-256: the second one begins at once."""
    hosts = [host(name, CONTENT, 40, digests=(SHA,)) for name in "ab"]
    meeting = Meeting(hosts).run()
    assert meeting.content == CONTENT
    assert completed(meeting) is Verification.VERIFIED
    assert hosts[1].sent > len(CONTENT) // 3


def test_a_mirror_without_validator_waits_until_it_is_alone() -> None:
    """Its parts could not be told to be of one version; when the first is gone it goes on as one stream."""
    first = host("a", CONTENT, 40, fault=dies(6_000_000, Unreachable("gone")))
    second = host("b", CONTENT, 40, etag=None)
    meeting = Meeting([first, second]).run()
    assert meeting.content == CONTENT
    assert max(len(each.connections) for each in meeting.reporter.samples[-5:]) == 1


def test_what_is_missing_on_one_mirror_is_no_error() -> None:
    """404 on the second: named, and the first goes on alone."""
    second = host("b", CONTENT, 40, fault=lambda _n, _s: Fault(0, NotFound("not there")))
    meeting = Meeting([host("a", CONTENT), second]).run()
    assert meeting.content == CONTENT
    assert completed(meeting) is Verification.CONSISTENT
    assert [str(each) for each in meeting.dropped] == ["the mirror mem://b/file.bin is used no more: not there"]


def test_mirrors_can_be_added_while_it_runs() -> None:
    """An address that is offered after two seconds takes part from then on."""
    first, second = host("a", CONTENT, 20), host("b", CONTENT, 100)
    meeting = Meeting([first], [second])

    def offer(worker: InlineWorker, _task: object) -> None:
        (id,) = worker._lives
        worker.offer(id, [second.uri])

    meeting.run(after=2.0, then=offer)
    assert meeting.content == CONTENT
    assert second.sent > len(CONTENT) // 2
    assert meeting.took < len(CONTENT) / (20 * MBIT) / 2


def test_a_stranger_sees_no_secret() -> None:
    """A mirror that the server names helps too, but is shown nothing of the user's."""
    first, second = host("a", CONTENT, 20), host("b", CONTENT, 40)
    second.uri = "https://b/file.bin"
    second.files = {second.uri: second.file}
    first.named = (Mirror(second.uri, stranger=True), Mirror("sftp://evil/file.bin", stranger=True))
    meeting = Meeting([first], [second]).run(bearer="s3cret", user="me:s3cret", headers=(("X-Key", "s3cret"),))
    assert meeting.content == CONTENT
    assert second.sent > len(CONTENT) // 4
    assert all("s3cret" not in f"{each.bearer} {each.user} {each.headers}" for each in second.shown)
    assert any(each.bearer == "s3cret" for each in first.shown)


def test_a_link_that_was_replaced_goes_on_where_the_old_one_ended() -> None:
    """After a pause the user gives another address: proved to be the same file, it fetches what is missing only."""
    old, new = host("a", CONTENT, 40), host("b", CONTENT, 40)
    meeting = Meeting([old], [new]).run(after=2.0)
    checkpoint = meeting.reporter.durable
    assert checkpoint is not None
    assert checkpoint.downloaded > 5_000_000
    meeting.run(checkpoint, uris=(new.uri,))
    assert meeting.error is None
    assert meeting.content == CONTENT
    assert new.sent < len(CONTENT) - checkpoint.downloaded + 1_000_000
    assert completed(meeting) is Verification.UNVERIFIED


def test_a_link_to_another_file_costs_nothing_that_is_there() -> None:
    """The new address gives something else: a clear error, and the bytes stay."""
    old, new = host("a", CONTENT, 40), host("b", LIES, 40)
    meeting = Meeting([old], [new]).run(after=2.0)
    checkpoint = meeting.reporter.durable
    assert checkpoint is not None
    meeting.run(checkpoint, uris=(new.uri,))
    assert isinstance(meeting.error, AnotherFile)
    assert "--no-resume" in str(meeting.error)
    meeting.run(checkpoint, uris=(old.uri,))
    assert meeting.content == CONTENT


def test_a_crash_among_several_mirrors_proves_again() -> None:
    """The checkpoint says who had joined; what comes of it is whole, and not called consistent."""
    meeting = Meeting([host(name, CONTENT, 20) for name in "ab"]).run(after=3.0)
    checkpoint = meeting.reporter.durable
    assert checkpoint is not None
    assert [mirror.joined for mirror in checkpoint.resource.mirrors] == [False, True]
    meeting.run(checkpoint, uris=(meeting.hosts[0].uri,))
    assert meeting.content == CONTENT
    assert completed(meeting) is Verification.UNVERIFIED


def test_no_checkpoint_keeps_what_a_liar_has_brought() -> None:
    """At the end all claims are of the right bytes."""
    half = CONTENT[:3_000_000] + LIES[3_000_000:]
    meeting = Meeting([host("a", CONTENT, 20), host("b", half, 20), host("c", CONTENT, 20)]).run()
    assert meeting.content == CONTENT
    assert any(isinstance(each, Checkpointed) for each in meeting.reporter.commitments)


SMALL = CONTENT[:6_000_000]
SMALL_SHA = Digest("sha-256", hashlib.sha256(SMALL).digest())
fates = st.sampled_from(["honest", "liar", "half", "dead", "breaks", "missing", "short", "busy"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(fates, st.integers(5, 100)), min_size=1, max_size=4), st.integers(0, 999), st.integers(1, 16))
def test_whatever_the_mirrors_do_the_file_is_right_or_there_is_an_error(
    mirrors: list[tuple[str, int]], seed: int, connections: int
) -> None:
    """Some lie, some die: with a digest the published file is the right one, and one honest mirror is enough."""
    lies = bytes(byte ^ 255 for byte in SMALL)
    hosts = []
    for number, (fate, mbit) in enumerate(mirrors):
        content = {"liar": lies, "half": SMALL[:3_000_000] + lies[3_000_000:], "short": SMALL[:-5]}.get(fate, SMALL)
        each = host(f"h{number}", content, mbit)
        if fate == "dead":
            each.file.fault = lambda _n, _s: Fault(0, Unreachable("dead"))
        elif fate == "missing":
            each.file.fault = lambda _n, _s: Fault(0, NotFound("missing"))
        elif fate == "breaks":
            each.file.fault = dies(1_000_000, Unreachable("broke"))
        elif fate == "busy":
            each.file.fault = lambda n, _s: Fault(0, Unreachable("busy")) if n % 3 == 2 else None
        hosts.append(each)
    meeting = Meeting(hosts).run(seed=seed, connections=connections, checksum=SMALL_SHA)
    assert meeting.content in {None, SMALL}
    assert (meeting.content is None) == (meeting.error is not None)
    if any(fate == "honest" for fate, _ in mirrors):
        assert meeting.content == SMALL, (mirrors, meeting.error)
