"""`python -m dlm`, and the command `dlm`."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager

from dlm.model.settings import Settings
from dlm.ports import Downloads


def _open(settings: Settings) -> AbstractAsyncContextManager[Downloads]:
    # Imported here, because `dlm --version` needs neither libcurl nor SQLite.
    from dlm.app import open_downloads

    return open_downloads(settings)


def main() -> None:
    """Run the command line and leave with its exit code."""
    from dlm.cli.main import run

    sys.exit(run(sys.argv[1:], _open))


if __name__ == "__main__":
    main()
