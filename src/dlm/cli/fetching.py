"""The foreground run of `dlm get`."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from dlm.cli import sentences
from dlm.cli.board import Board
from dlm.cli.faces import FetchFace
from dlm.cli.facts import result_code
from dlm.model.download import Download, DownloadSpec
from dlm.model.error import ExitCode, UnknownHostKey
from dlm.model.settings import Settings
from dlm.ports import Downloads, Outcome


class Fetch:
    """See `foreground.Run`. `again` is the command that goes on with it, and whether secrets are left out of that."""

    since: int | None = None

    def __init__(
        self, settings: Settings, specs: Sequence[DownloadSpec], board: Board, face: FetchFace, again: tuple[str, bool]
    ) -> None:
        self.settings = settings
        self.board = board
        self.face = face
        self._specs = specs
        self._again = again
        self._outcomes: list[Outcome] = []
        self._left: list[Download] = []

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
        self._outcomes = await downloads.fetch(self._specs, self.settings.jobs)

    async def settle(self, downloads: Downloads) -> None:
        """See `foreground.Run`."""
        if not self._outcomes and self.settings.remote is None:
            self._left = [(await downloads.show(id)).download for id in self.board.rows]

    def told(self, *, stopped: bool) -> int:
        """0 when all are done, else the code of the first that is not; 130 when stopped."""
        if stopped:
            command, secret = self._again
            if self.settings.remote is not None:
                self.face.interrupted([], sentences.left_to_daemon(len(self.board.rows)))
                return ExitCode.INTERRUPTED
            self.face.interrupted(self._left, sentences.stopped(self._left, len(self._specs), command, secret))
            return ExitCode.INTERRUPTED
        for outcome in self._outcomes:
            self.face.conclude(outcome, monotonic())
        return next((code for outcome in self._outcomes if (code := result_code(outcome.download))), ExitCode.DONE)


def _is_unknown(outcome: Outcome) -> bool:
    fault = outcome.download.fault
    return fault is not None and fault.kind == UnknownHostKey.__name__
