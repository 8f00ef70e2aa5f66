"""The table of protocols: one Source for each class, what is not installed, and what the doctor makes of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dlm.clock import SystemClock
from dlm.model.error import UnsupportedUri
from dlm.protocols.checkup import check_protocols
from dlm.protocols.memory import MemorySource
from dlm.protocols.registry import Entry, Registry

CLOCK = SystemClock()
MEMORY = "dlm.protocols.memory:MemorySource"


def test_one_class_is_one_source() -> None:
    """Whoever brings it, for however many schemes: downloads share connections. Two packages share nothing."""
    others = [
        Entry(("aa",), MEMORY, package="p 1"),
        Entry(("bb",), MEMORY, package="p 1"),
        Entry(("cc",), MEMORY, package="q 1"),
    ]
    registry = Registry(CLOCK, [Entry(("mem", "memo"), MEMORY)], lambda: others)
    ours, again, a, b, c = (registry.pick(f"{scheme}://h/x") for scheme in ("mem", "MEMO", "aa", "bb", "cc"))
    assert isinstance(ours, MemorySource)
    assert (ours is again, a is b, a is c, a is ours) == (True, True, False, False)


def test_other_packages_are_looked_for_once_and_only_when_needed() -> None:
    """Not for a scheme of dlm's own; also a second unknown scheme costs nothing more."""
    looked = 0

    def others() -> Sequence[Entry]:
        nonlocal looked
        looked += 1
        return [Entry(("aa",), MEMORY, package="p 1"), Entry(("mem",), "nowhere:At", package="p 1")]

    registry = Registry(CLOCK, [Entry(("mem",), MEMORY)], others)
    registry.pick("mem://h/x")
    assert looked == 0
    for _ in range(2):
        registry.pick("aa://h/x")
        with pytest.raises(UnsupportedUri, match=r"it serves mem://, aa://$"):
            registry.pick("bb://h/x")
    assert looked == 1


def test_what_an_extra_brings_is_told_where_it_is_missing() -> None:
    """With the command that installs it. It is nothing bad, and where all is there, nothing is said."""
    lacking = check_protocols(CLOCK, others=list, is_there=lambda _module: False)
    assert [each.state for each in lacking] == ["good"] * 3
    assert "pip install 'dlm[sftp]'" in lacking[1].sentence
    assert "pip install 'dlm[s3]'" in lacking[2].sentence
    assert len(check_protocols(CLOCK, others=list, is_there=lambda _module: True)) == 1
