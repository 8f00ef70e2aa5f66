"""The lines of a control socket: what is asked is what is heard, and nonsense is only ever refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import DownloadId
from dlm.model.queue import Question
from dlm.system.control_wire import LARGEST_LINE, NUDGE, decoded, encoded, fits

IDS = st.text("0123456789abcdef", min_size=16, max_size=16).map(DownloadId)


@given(st.sampled_from(["sample", "events", "a_b"]), st.lists(IDS, max_size=50))
def test_a_question_is_heard_as_it_was_asked(kind: str, ids: list[DownloadId]) -> None:
    """One line, and the same Question again."""
    question = Question(kind, tuple(ids))
    line = encoded(question)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decoded(line) == question


@given(st.binary(max_size=300) | st.text('[]{}":,0123456789abcdeaskidnug\n', max_size=60).map(str.encode))
def test_any_bytes_are_understood_or_refused(line: bytes) -> None:
    """A Question, a nudge, or a ValueError; nothing else can happen."""
    with suppress(ValueError):
        assert isinstance(decoded(line), Question | None)


REFUSED = [
    b"",
    b"\n",
    b"nudge\n",
    b"null\n",
    b"[]\n",
    b'"nudge"\n',
    b"{}\n",
    b'{"nudge":true} \n',
    b'{"nudge":false}\n',
    b'{"ask":"sample"}\n',
    b'{"ask":"","ids":[]}\n',
    b'{"ask":"a b","ids":[]}\n',
    b'{"ask":"' + b"a" * 33 + b'","ids":[]}\n',
    b'{"ask":1,"ids":[]}\n',
    b'{"ask":"sample","ids":{}}\n',
    b'{"ask":"sample","ids":[1]}\n',
    b'{"ask":"sample","ids":["0123456789abcde"]}\n',
    b'{"ask":"sample","ids":["0123456789ABCDEF"]}\n',
    b'{"ask":"sample","ids":["../../etc/passwd"]}\n',
    b'{"ask":"sample","ids":[["0123456789abcdef"]]}\n',
    b'{"ask":"sample","ids":[]\n',
    b"\xff\xfe\n",
    b"[" * 100_000 + b"\n",
    b'{"ask":' * 50_000 + b"\n",
]


@pytest.mark.parametrize("line", REFUSED, ids=range(len(REFUSED)))
def test_what_is_neither_nudge_nor_question_is_refused(line: bytes) -> None:
    """Also what is nested deeper than Python bears."""
    with pytest.raises(ValueError):  # noqa: PT011 (any will do)
        decoded(line)


def test_a_nudge_is_no_question() -> None:
    """It is heard as `None`."""
    assert decoded(NUDGE) is None


def test_which_lines_fit() -> None:
    """Any bytes but line breaks, from 1 to 1 MiB of them."""
    assert [fits(line) for line in (b"", b"\n", b"a\n", b"x", b"\0", b"x" * LARGEST_LINE, b"x" * (LARGEST_LINE + 1))] == [
        *(False, False, False, True, True, True, False)
    ]
