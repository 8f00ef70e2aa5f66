"""Asking the user, at a terminal, about SSH servers that are met for the first time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dlm.model.error import DlmError, InvalidRequest, UnknownHostKey

if TYPE_CHECKING:
    from dlm.cli.foreground import OpenDownloads
    from dlm.model.download import DownloadSpec
    from dlm.model.settings import Settings


def introduced(open_downloads: OpenDownloads, settings: Settings, specs: Sequence[DownloadSpec]) -> list[DownloadSpec]:
    """Those of the specs whose servers are known now, because the user has said so. Each server is asked about once."""
    declined: set[str] = set()
    known = []
    for spec in specs:
        stranger = asyncio.run(_stranger(open_downloads, settings, spec))
        while stranger is not None and stranger.line not in declined:
            if click.confirm(f"Trust {stranger.fingerprint} from now on?", err=True):
                remember(stranger)
                stranger = asyncio.run(_stranger(open_downloads, settings, spec))
            else:
                declined.add(stranger.line)
        if stranger is None:
            known.append(spec)
    return known


def remember(stranger: UnknownHostKey) -> None:
    """Write it down in its file of known hosts, as OpenSSH would. Raises `InvalidRequest` where that cannot be."""
    path = stranger.known_hosts
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                file.write(b"" if file.read() == b"\n" else b"\n")
            file.write(f"{stranger.line}\n".encode())
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}; add to it the line {stranger.line}") from error


async def _stranger(open_downloads: OpenDownloads, settings: Settings, spec: DownloadSpec) -> UnknownHostKey | None:
    """What the server shows, if it is unknown; whatever else is wrong with it the download will tell."""
    async with open_downloads(settings) as downloads:
        try:
            await downloads.preview(spec)
        except UnknownHostKey as error:
            return error
        except DlmError:
            return None
    return None
