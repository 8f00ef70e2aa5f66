"""The Source that serves from memory keeps the contract; `tests/integration/test_source_contract.py` holds HTTP to it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import DownloadSpec
from dlm.model.error import Denied, Truncated
from dlm.model.span import Span
from dlm.ports import Source
from dlm.protocols.memory import Fault, MemoryFile, MemorySource
from tests.contracts.outlets import Pail
from tests.contracts.source import Ground, fetched, play
from tests.contracts.source_faults import FaultySourceContract
from tests.fakes import some_bytes

CONTENT = some_bytes(150_001)
SPELLINGS = ("memory:/grüße%20%31.bin?a=ü", "memory:/gr%C3%BC%C3%9Fe")


class MemoryGround:
    """Files of this process."""

    def __init__(self, content: bytes = CONTENT, chunk: int = 16 * 1024) -> None:
        self.content = content
        self._changing = MemoryFile(content)
        self._files = {
            "whole": MemoryFile(content, chunk=chunk),
            "empty": MemoryFile(b""),
            "changing": self._changing,
            "denied": MemoryFile(content, fault=lambda _number, _span: Fault(error=Denied("it wants a password"))),
            "unsized": MemoryFile(content, states_size=False),
            "unranged": MemoryFile(content, ranged=False),
            "cut": MemoryFile(content, fault=lambda _number, _span: Fault(1000, Truncated("the reply ended early"))),
            "crumbled": MemoryFile(content, chunk=19),
            "silent": MemoryFile(content, fault=lambda _number, _span: Fault(1000)),
        }

    async def source(self) -> Source:
        files = {self.uri(kind): file for kind, file in self._files.items()}
        return MemorySource(files | {uri: MemoryFile(self.content) for uri in SPELLINGS})

    def uri(self, kind: str) -> str:
        return f"memory:/{kind}"

    def spellings(self) -> Sequence[str]:
        return SPELLINGS

    def spec(self, uri: str) -> DownloadSpec:
        return DownloadSpec(uris=(uri,), directory="/")

    def change(self) -> None:
        self._changing.etag = '"2"'


class TestMemorySource(FaultySourceContract):
    @pytest.fixture
    def ground(self) -> Ground:
        return MemoryGround()


@given(st.data())
def test_any_span_of_any_file_in_any_chunks(data: st.DataObject) -> None:
    """The bytes of the span are poured, whatever the sizes are, as far as there is room for them."""
    content = data.draw(st.binary(min_size=1, max_size=200))
    start = data.draw(st.integers(0, len(content) - 1))
    span = Span(start, data.draw(st.integers(start + 1, len(content))))
    room = data.draw(st.integers(1, 300))
    ground = MemoryGround(content, chunk=data.draw(st.integers(1, 50)))

    async def scenario(source: Source) -> None:
        pail = Pail(room)
        await fetched(ground, source, pail, span)
        assert pail.taken == content[span.start : span.stop][:room]

    play(ground, scenario)
