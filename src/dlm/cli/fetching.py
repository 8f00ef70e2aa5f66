"""The foreground run of `dlm get`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic

from dlm.cli import sentences
from dlm.cli.board import Board
from dlm.cli.faces import FetchFace
from dlm.cli.facts import result_code
from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.error import ExitCode, UnknownHostKey
from dlm.model.query import DownloadQuery
from dlm.model.resource import Pieces
from dlm.model.settings import Settings
from dlm.ports import Downloads, Outcome


class Fetch:
    """See `foreground.Run`. `again` is the command that goes on with it, and whether secrets are left out of that; `pieces` are
    the digests of pieces that are stated."""

    since: int | None = None

    def __init__(
        self,
        settings: Settings,
        specs: Sequence[DownloadSpec],
        board: Board,
        face: FetchFace,
        again: tuple[str, bool],
        *,
        pieces: Mapping[DownloadSpec, Pieces],
    ) -> None:
        self.settings = settings
        self.board = board
        self.face = face
        self._specs = specs
        self._again = again
        self._pieces = pieces
        self._outcomes: list[Outcome] = []
        self._left: list[Download] = []
        self._began = monotonic()

    @property
    def unknown(self) -> list[DownloadSpec]:
        """What failed because its server is met for the first time."""
        return [spec for spec, outcome in zip(self._specs, self._outcomes, strict=False) if _is_unknown(outcome)]

    @property
    def code_of_others(self) -> int:
        """The exit code without what is `unknown`."""
        codes = (result_code(outcome.download) for outcome in self._outcomes if not _is_unknown(outcome))
        return next((code for code in codes if code), ExitCode.DONE)

    async def act(self, downloads: Downloads) -> None:
        """See `foreground.Run`."""
        self._outcomes = await downloads.fetch(self._specs, self.settings.jobs, pieces=self._pieces)

    async def settle(self, downloads: Downloads) -> None:
        """See `foreground.Run`."""
        if not self._outcomes and self.settings.remote is None:
            self._left = await self._standing(downloads)

    def told(self, *, stopped: bool) -> int:
        """0 when all are done, else the code of the first that is not; 130 when stopped."""
        if stopped:
            command, secret = self._again
            if self.settings.remote is not None:
                self.face.interrupted([], sentences.left_to_daemon(len(self.board.rows)))
                return ExitCode.INTERRUPTED
            self.face.interrupted(self._left, sentences.stopped(self._left, self.board.expected, command, secret))
            return ExitCode.INTERRUPTED
        for outcome in self._outcomes:
            self.face.conclude(outcome, monotonic())
        if self.board.folders:
            self.face.summarise(sentences.gathered(self._outcomes, monotonic() - self._began))
        return next((code for outcome in self._outcomes if (code := result_code(outcome.download))), ExitCode.DONE)

    async def _standing(self, downloads: Downloads) -> list[Download]:
        """All of this run as it stands now; what folders hold, which may be thousands, with one question each."""
        found: dict[DownloadId, Download] = {}
        for row in self.board.listings():
            group = row.download.group or row.download.id
            found |= {each.id: each for each in await downloads.list(DownloadQuery(group=group, limit=len(self.board.rows)))}
        return [found[id] if id in found else (await downloads.show(id)).download for id in self.board.rows]


def _is_unknown(outcome: Outcome) -> bool:
    fault = outcome.download.fault
    return fault is not None and fault.kind == UnknownHostKey.__name__
