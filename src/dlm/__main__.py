"""`python -m dlm`, and the command `dlm`."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from dlm.model.settings import Settings
    from dlm.ports import Downloads


def _open(settings: Settings) -> AbstractAsyncContextManager[Downloads]:
    # Imported here, because `dlm --version` needs neither libcurl nor SQLite.
    from dlm.app import open_downloads

    return open_downloads(settings)


def main() -> None:
    """Run the command line and leave with its exit code."""
    # A Ctrl-C among the imports ends the process at once: nothing has begun that would want a clean end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dlm.cli.main import run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run(sys.argv[1:], _open))


if __name__ == "__main__":
    main()
