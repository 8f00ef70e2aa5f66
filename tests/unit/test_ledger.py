"""What the ledger passes on of what a transfer says."""

from __future__ import annotations

from dlm.model.event import ProgressMade
from dlm.model.message import Progressed
from dlm.service.ledger import Ledger
from tests.contracts.repository import a_download
from tests.house import House, play


def test_what_has_ended_moves_no_more() -> None:
    """A sample that a child had gathered before the end, and told after it, is not passed on: who listens saw the end."""

    async def story(house: House) -> None:
        house.process("daemon")
        means = house.means["daemon"]
        (download,) = await means.repository.add([a_download()])
        ledger, heard = Ledger(means), means.bus.subscribe()
        sample = Progressed(id=download.id, total=9, downloaded=9, instantaneous_speed=1.0, smoothed_speed=1.0, eta=None)
        ledger.post(sample)
        assert await anext(heard) == ProgressMade(sample)
        ledger.ended[download.id] = download
        ledger.post(sample)
        heard.close()
        assert [event async for event in heard] == []

    play(story)
