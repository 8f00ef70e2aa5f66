"""`python -m dlm`, and the command `dlm`."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from dlm.model.settings import Settings
    from dlm.ports import Downloads


class _Doors:
    """How the command line gets at dlm: a call opens its downloads, `serve` makes this process the daemon."""

    def __call__(self, settings: Settings) -> AbstractAsyncContextManager[Downloads]:
        return _open(settings)

    async def serve(self, settings: Settings, ready: Callable[[Sequence[str]], None]) -> None:
        """See `app.serve`."""
        from dlm import app

        gc.enable()
        await app.serve(settings, ready)


def _open(settings: Settings) -> AbstractAsyncContextManager[Downloads]:
    _show_openssl()
    if settings.remote is not None:
        gc.enable()
        from dlm.app import open_remote

        return open_remote(settings)
    # Imported here, because `dlm --version` needs neither libcurl nor SQLite.
    from dlm.app import open_downloads

    # What has been loaded stays until the end: no collection need look at it.
    gc.freeze()
    gc.enable()
    return open_downloads(settings)


def _hide_openssl() -> None:
    """Let asyncio be as on a Python without OpenSSL, which takes 6 ms to load: libcurl brings its own TLS."""
    # So is Python told that there is no such module.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]


def _show_openssl() -> None:
    """Let whoever wants it load it from now on. asyncio has been loaded."""
    if sys.modules.get("ssl", sys) is None:
        del sys.modules["ssl"]


def _leave(code: int) -> NoReturn:
    """End the process. All has been closed by now, so nothing is gained by taking the interpreter apart, 15 ms long."""
    if sys.flags.dev_mode or sys.getprofile() is not None:  # who looks on wants to see the end
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    gc.disable()  # there is no garbage among what is being loaded
    if sys.argv[1:2] != ["serve"]:  # which may speak TLS itself
        _hide_openssl()
    # A Ctrl-C among the imports ends the process at once: nothing has begun that would want a clean end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dlm.cli.main import run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    _leave(run(sys.argv[1:], _Doors()))


if __name__ == "__main__":
    main()
