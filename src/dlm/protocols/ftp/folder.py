"""Asking for a listing: MLSD, and LIST where a server does not know that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from dlm.model.error import Truncated
from dlm.model.listing import Entry
from dlm.protocols.ftp.control import Control
from dlm.protocols.ftp.judgement import refusal
from dlm.protocols.ftp.listing import Listing, Style
from dlm.protocols.ftp.transfer import Begun, Manners, begin

_PIECE = 64 * 1024


class Folder:
    """One listing over one control connection. `now` is in seconds since the epoch."""

    def __init__(self, control: Control, manners: Manners, *, active: bool, now: float) -> None:
        self._control = control
        self._manners = manners
        self._active = active
        self._now = now

    async def entries(self, path: bytes) -> AsyncGenerator[Entry]:
        """The entries of the folder at `path`. Raises `TransferError`s, and what sockets raise."""
        control = self._control
        path = path.rstrip(b"/") or (b"/" if path else b"")
        await control.speak_of(path or b"\xff")  # names will come in any case
        if await self._writes_facts():
            begun = await begin(control, "MLSD", path or None, self._manners, active=self._active)
            async with aclosing(self._read(begun, Style.FACTS)) as read:
                async for entry in read:
                    yield entry
            return
        # The path goes to CWD and not to LIST, where stars and dashes in it would mean something.
        home, returned = await control.home(), False
        try:
            await self._change(path)
            begun = await begin(control, "LIST", None, self._manners, active=self._active)
            async with aclosing(self._read(begun, Style.PEOPLE)) as read:
                async for entry in read:
                    yield entry
            if home is not None:
                await self._change(home)
                returned = True
        finally:
            if not returned:
                control.close()  # the next one to use it would not be where it believes to be

    async def _writes_facts(self) -> bool:
        """Whether the server knows MLSD, by its list of features (RFC 3659, section 7.8)."""
        manners = self._manners
        if manners.listings is None:
            reply = await self._control.command("FEAT")
            manners.listings = reply.is_good and re.search(r"^\s*MLST\b", reply.text, re.MULTILINE | re.IGNORECASE) is not None
        return manners.listings

    async def _change(self, path: bytes) -> None:
        if path and not (reply := await self._control.command("CWD", path)).is_good:
            raise self._control.refuse(refusal(reply, self._control.shown))

    async def _read(self, begun: Begun, style: Style) -> AsyncGenerator[Entry]:
        control, listing = self._control, Listing(style, self._now)
        try:
            while True:
                async with asyncio.timeout(control.patience):
                    received = await begun.data.receive(_PIECE)
                if not received:
                    break
                for entry in listing.feed(received):
                    yield entry
            for entry in listing.end():
                yield entry
        finally:
            begun.data.close()
        if begun.reply.is_preliminary and not (reply := await control.reply()).is_good:
            raise control.refuse(Truncated(f"{control.shown}: the listing ended early ({reply})", uri=control.shown))
