"""Buckets and their tree: rates are kept, shares are equal, and a change holds from the moment on in which it is made."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import DownloadId
from dlm.model.queue import Rates
from dlm.policy.rate import BURST_SECONDS, Bucket, Path, RateTree, Wait

CHUNK = 16 * 1024
MB = 1_000_000


def ids(count: int) -> list[DownloadId]:
    """So many ids."""
    return [DownloadId(f"{number:016x}") for number in range(count)]


def run(
    paths: Sequence[Path],
    until: float,
    *,
    chunks: Sequence[int] | None = None,
    changes: Mapping[float, Callable[[float], None]] | None = None,
) -> list[dict[float, int]]:
    """Takers that always have a chunk ready and wait as told. For each, when it took how much.

    At a change all that wait ask again, as gates do.
    """
    sizes = chunks or [CHUNK] * len(paths)
    taken: list[dict[float, int]] = [{} for _ in paths]
    due = dict.fromkeys(range(len(paths)), 0.0)
    pending = sorted((changes or {}).items())
    while True:
        number = min(due, key=lambda each: (due[each], each))
        now = due[number]
        if pending and pending[0][0] <= now:
            now, change = pending.pop(0)
            change(now)
            due = {each: now + paths[each].wait(now).seconds if due[each] > now else due[each] for each in due}
            continue
        if now > until:
            return taken
        taken[number][now] = taken[number].get(now, 0) + sizes[number]
        due[number] = now + max(paths[number].take(sizes[number], now).seconds, 1e-6)


def total(taken: Sequence[Mapping[float, int]], since: float, until: float) -> int:
    """What was taken by all within that time."""
    return sum(size for each in taken for at, size in each.items() if since <= at < until)


# --- one bucket -------------------------------------------------------------------------------------------------------


@given(rate=st.integers(10_000, 10**9), chunk=st.integers(1, 65536), lateness=st.floats(0, BURST_SECONDS * 0.9))
def test_a_bucket_keeps_its_rate_whoever_comes_late(rate: int, chunk: int, lateness: float) -> None:
    """Waiting as told, and then some: never more than the rate and one chunk, and never less than the rate for it."""
    bucket, now, taken = Bucket(rate, 0.0), 0.0, 0
    for _ in range(500):
        mark = bucket.take(chunk, now)
        taken += chunk
        assert taken <= rate * now + chunk * 1.001
        wait = bucket.wait(mark, now)
        now += wait + lateness if wait else 0.0
    assert taken >= rate * (now - lateness) * 0.999 - chunk


def test_what_nobody_took_is_lost() -> None:
    """After an hour without a byte, no more than the burst comes at once."""
    bucket, taken = Bucket(MB, 0.0), 0
    while not bucket.wait(bucket.take(CHUNK, 3600.0), 3600.0):
        taken += CHUNK
    assert taken <= MB * BURST_SECONDS


def test_debt_is_paid_at_the_rate_of_the_day() -> None:
    """Half of it at the old rate, the rest at the new one."""
    bucket = Bucket(1000, 0.0)
    mark = bucket.take(4000, 0.0)
    bucket.set_rate(8000, 2.0)
    assert bucket.wait(mark, 2.0) == pytest.approx(0.25)
    bucket.set_rate(100, 2.0)
    assert bucket.wait(mark, 2.0) == pytest.approx(20.0)


# --- the tree ---------------------------------------------------------------------------------------------------------


def test_without_limits_nothing_is_waited_for() -> None:
    """And the path says that there is nothing to tell it."""
    tree = RateTree()
    path = tree.enter(ids(1)[0], "a:80", None, 0.0)
    assert not path.bound
    assert path.take(10**12, 0.0) == Wait(0.0, None)


@pytest.mark.parametrize(
    ("rates", "own", "level"),
    [
        (Rates(1000, {"a:80": 2000}), 3000, "total"),
        (Rates(3000, {"a:80": 1000}), 2000, "host"),
        (Rates(3000, {"a:80": 2000}), 1000, "download"),
        (Rates(None, {"b:80": 1}), 1000, "download"),
        (Rates(None, {"a:80": 1000}), None, "host"),
    ],
)
def test_the_tightest_level_binds_and_is_named(rates: Rates, own: int | None, level: str) -> None:
    """The longest wait of the three counts."""
    tree = RateTree()
    tree.limit(rates, {}, 0.0)
    path = tree.enter(ids(1)[0], "a:80", own, 0.0)
    assert path.bound
    wait = path.take(1000, 0.0)
    assert wait.seconds == pytest.approx(1.0)
    assert wait.level == level


def test_what_one_took_the_others_wait_for() -> None:
    """The total is one bucket, and so is a host's; a download's own is its own."""
    tree, (first, second, third) = RateTree(), ids(3)
    tree.limit(Rates(None, {"a:80": 1000}), {}, 0.0)
    paths = [tree.enter(first, "a:80", None, 0.0), tree.enter(second, "a:80", None, 0.0), tree.enter(third, "b:80", 1000, 0.0)]
    assert [path.take(1000, 0.0).seconds for path in paths] == pytest.approx([1.0, 2.0, 1.0])
    tree.move(paths[2], "a:80", 0.0)
    wait = paths[2].take(1000, 0.0)
    assert wait.seconds == pytest.approx(3.0)
    assert wait.level == "host"


@given(
    rate=st.integers(20_000, 400 * MB),
    count=st.integers(1, 12),
    own=st.lists(st.one_of(st.none(), st.integers(20_000, 400 * MB)), min_size=12, max_size=12),
)
def test_no_level_is_ever_exceeded(rate: int, count: int, own: list[int | None]) -> None:
    """Whatever the limits, over any time from the start: each level lets through its rate and a chunk for each taker."""
    tree = RateTree()
    tree.limit(Rates(rate, {"a:80": max(1, rate // 2)}), {}, 0.0)
    paths = [tree.enter(id, f"{'ab'[number % 2]}:80", own[number], 0.0) for number, id in enumerate(ids(count))]
    until = 199.5 * CHUNK / rate
    taken = run(paths, until)
    assert total(taken, 0, until) <= rate * until + count * CHUNK + 1
    assert total(taken[::2], 0, until) <= rate / 2 * until + count * CHUNK + 1
    for each, limit in zip(taken, own, strict=False):
        assert limit is None or total([each], 0, until) <= limit * until + CHUNK + 1


def test_shares_are_equal_and_what_one_cannot_use_the_others_get() -> None:
    """Four downloads at a total of 5 MB/s get a quarter each; when one is held to 250 KB/s, the others share the rest."""
    tree, four = RateTree(), ids(4)
    tree.limit(Rates(5 * MB), {}, 0.0)
    taken = run([tree.enter(id, "a:80", None, 0.0) for id in four], 5.0)
    assert [sum(each.values()) for each in taken] == pytest.approx([6.25 * MB] * 4, rel=0.01)
    paths = [tree.enter(id, "a:80", 250_000 if id == four[0] else None, 5.0) for id in four]
    taken = run(paths, 10.0, changes={5.0: lambda now: None})
    shares = [total([each], 5.0, 10.0) for each in taken]
    assert shares[0] == pytest.approx(1.25 * MB, rel=0.05)
    assert shares[1:] == pytest.approx([(25 - 1.25) / 3 * MB] * 3, rel=0.05)


def test_a_change_holds_at_once_up_and_down_and_off_and_on() -> None:
    """2 → 8 → 2 → none → 1 MB/s: each second has the rate of that second."""
    tree = RateTree()
    tree.limit(Rates(2 * MB), {}, 0.0)
    paths = [tree.enter(id, "a:80", None, 0.0) for id in ids(4)]
    changes = {
        float(second): (lambda now, rate=rate: tree.limit(Rates(rate), {}, now))
        for second, rate in ((1, 8 * MB), (2, 2 * MB), (3, 1 * MB))
    }
    taken = run(paths, 4.0, changes=changes)
    measured = [total(taken, second, second + 1) for second in range(4)]
    assert measured == pytest.approx([2 * MB, 8 * MB, 2 * MB, 1 * MB], rel=0.05, abs=4 * CHUNK)
    tree.limit(Rates(), {}, 4.0)
    assert not any(path.bound for path in paths)
    assert [path.wait(4.0).seconds for path in paths] == [0.0] * 4


def test_a_download_keeps_its_rate_until_it_is_named() -> None:
    """Named, it has the new one at once, also when it only begins after that; unnamed, it keeps what it has."""
    tree, (first, second) = RateTree(), ids(2)
    path = tree.enter(first, "a:80", 1000, 0.0)
    tree.limit(Rates(), {}, 0.0)
    assert path.take(1000, 0.0).seconds == pytest.approx(1.0)
    tree.limit(Rates(), {first: 4000, second: 500}, 0.0)
    assert path.wait(0.0).seconds == pytest.approx(0.25)
    assert tree.enter(second, "a:80", 1000, 0.0).take(1000, 0.0).seconds == pytest.approx(2.0)
    tree.limit(Rates(), {first: None}, 0.0)
    assert not path.bound


def test_a_download_that_is_over_is_forgotten() -> None:
    """A later change does not touch it."""
    tree = RateTree()
    path = tree.enter(ids(1)[0], "a:80", None, 0.0)
    tree.leave(path)
    tree.leave(path)
    tree.limit(Rates(1000), {}, 0.0)
    assert not path.bound


@given(rate=st.integers(50_000, 50 * MB), count=st.integers(2, 12))
def test_nobody_starves(rate: int, count: int) -> None:
    """Whoever always wants more gets its turn: shares never differ by more than two chunks."""
    tree = RateTree()
    tree.limit(Rates(rate), {}, 0.0)
    paths = [tree.enter(id, "a:80", None, 0.0) for id in ids(count)]
    shares = [0] * len(paths)
    queue = [(0.0, number) for number in range(len(paths))]
    heapq.heapify(queue)
    for _ in range(50 * len(paths)):
        now, number = heapq.heappop(queue)
        shares[number] += CHUNK
        heapq.heappush(queue, (now + paths[number].take(CHUNK, now).seconds, number))
        assert max(shares) - min(shares) <= 2 * CHUNK
