"""How many small files may be fetched at once, beside the downloads that have places of their own.

A small file is over in a round trip, so a few places leave the path idle nearly all of the time. Nobody knows beforehand
which files are small:

    some in a row were small                         the next ones are taken for small, as many at once as a host bears freely
    a round of them brought a good deal more         twice as many
    it did not                                       as many as before, for good
    one was not small                                none, until more in a row were
    the host would not have so many                  half of those that it served, for good

Pure: time is an argument. A *round* is as many files of one host as may be under way there.
"""

from __future__ import annotations

from dlm.model.value import dataclass

SMALL = 256 * 1024
"""Bytes up to which a file is small. Sixty-four of them at once are as much as one large download may hold back."""
STREAK = 3
"""Small files in a row after which the next are taken for small."""
LONGEST_STREAK = 96
"""Each file that was not small doubles what is needed, up to this."""
FREE = 16
"""Connections that a host bears without having shown that more of them bring more."""
MOST = 64
GAIN = 1.2
"""Files a second, against those of the round with half as many, for which the doubled number stays."""


@dataclass(slots=True)
class _Host:
    """`level` may be under way; `before` is the speed of the round with fewer, in files a second."""

    level: int
    most: int
    before: float | None = None
    since: float | None = None
    ended: int = 0
    settled: bool = False


class Crowd:
    """The small files of one run. `ceilings` says how many connections hosts (`name:port`) are known to bear."""

    def __init__(self, ceilings: dict[str, int] | None = None) -> None:
        self._ceilings = ceilings or {}
        self._hosts: dict[str, _Host] = {}
        self._streak = 0
        self._needed = STREAK

    @property
    def open(self) -> bool:
        """Whether files are taken for small at present."""
        return self._streak >= self._needed

    def room(self, host: str, here: int, everywhere: int) -> bool:
        """Whether another may begin, with so many of this host, and so many of all hosts, under way beside the places."""
        return self.open and everywhere < MOST and here < self._host(host).level

    def was_small(self, host: str, now: float) -> None:
        """A file of the host is done, at `now` (seconds of a clock that never goes back), and was small."""
        self._streak += 1
        if self.open:
            self._count(self._host(host), now)

    def was_large(self) -> None:
        """A file was not small, or needs more than a try."""
        if self.open:
            self._needed = min(2 * self._needed, LONGEST_STREAK)
        self._streak = 0

    def was_refused(self, host: str, served: int) -> None:
        """The host would not have another one, beside `served` that were under way there."""
        known = self._host(host)
        known.level = known.most = max(1, min(known.level, served // 2))
        known.settled = True
        self.was_large()

    def _host(self, name: str) -> _Host:
        known = self._hosts.get(name)
        if known is None:
            most = min(MOST, self._ceilings.get(name, MOST))
            known = self._hosts[name] = _Host(min(FREE, most), most)
        return known

    def _count(self, host: _Host, now: float) -> None:
        if host.since is None:
            host.since, host.ended = now, 0
            return
        host.ended += 1
        if host.settled or host.ended < host.level or now <= host.since:
            return
        speed = host.ended / (now - host.since)
        if host.before is None or speed >= GAIN * host.before:
            host.settled = host.level >= host.most
            host.level, host.before = min(host.most, 2 * host.level), speed
        else:
            host.level, host.settled = max(1, host.level // 2), True
        host.since = None
