"""A Metalink that comes in the place of a file: it is read, and each file that it names becomes a download."""

from __future__ import annotations

import asyncio
import os.path

from dlm.intake.entry import Skipped
from dlm.intake.metalink import LinkedFile, parse
from dlm.intake.xml import LARGEST
from dlm.model.address import without_credentials
from dlm.model.download import Download, DownloadSpec
from dlm.model.error import InvalidRequest, NotSmall, Refused, TimedOut
from dlm.model.message import Child, Expanded, Listed
from dlm.model.recursion import Found, Tally
from dlm.model.resource import Resource
from dlm.policy.described import described
from dlm.ports import Flow, Opening, Reporter

BATCH = 200
"""Files that are committed at once, at most."""


async def follow(opening: Opening, download: Download, reporter: Reporter, *, light: bool) -> None:
    """Read the document that `opening` begins, and commit what it names. A `light` one has no place for that.

    Raises `TransferError`s, `Refused` for what is no Metalink or names nothing that may be fetched.
    """
    spec, resource = download.spec, opening.resource
    shown = without_credentials(resource.mirrors[0].uri)
    if light:
        await opening.close()
        raise NotSmall(f"{shown} is a Metalink, which stands for others")
    content = await _content(opening, spec, shown)
    try:
        found = await asyncio.to_thread(parse, [content], shown)
        children, omissions = _children(found, spec, resource)
        if not children:
            raise InvalidRequest(f"{shown}: no file of it can be fetched: {omissions[-1]}")
    except InvalidRequest as error:
        raise Refused(f"{error}; --no-follow fetches the document itself", uri=shown) from error
    for start in range(0, len(children), BATCH):
        await reporter.commit(Expanded(download.id, tuple(children[start : start + BATCH])))
    tally = Tally(len(children), sum(child.found.size or 0 for child in children), omitted=len(omissions))
    await reporter.commit(Listed(download.id, spec.directory, tally, next(iter(omissions), None)))


def _children(found: list[LinkedFile | Skipped], spec: DownloadSpec, own: Resource) -> tuple[list[Child], list[str]]:
    """The downloads that a document stands for, and why something of it is left out. Raises `InvalidRequest`."""
    files = [each for each in found if isinstance(each, LinkedFile)]
    omissions = [f"{each.what}: {each.why}" for each in found if isinstance(each, Skipped)]
    if len(files) > 1 and (spec.output is not None or spec.checksum is not None):
        raise InvalidRequest(f"it names {len(files)} files, and --output and --checksum are for one: leave them out")
    children: list[Child] = []
    for file in files:
        try:
            wanted = described(spec, own, file.name, file.uris, file.digest, alone=len(files) == 1)
        except InvalidRequest as error:
            omissions.append(f"{file.name}: {error}")
            continue
        folder, name = os.path.split(file.name)
        children.append(Child(wanted, Found(wanted.uris[0], folder, name, file.size), file.pieces))
    return children, omissions


async def _content(opening: Opening, spec: DownloadSpec, shown: str) -> bytes:
    page = _Page()
    pouring = asyncio.ensure_future(opening.pour(page))
    try:
        before = -1
        while not (await asyncio.wait([pouring], timeout=spec.timeout))[0]:
            if len(page.taken) == before:
                raise TimedOut(f"{shown} has sent nothing for {spec.timeout:g} s", uri=shown)
            before = len(page.taken)
        pouring.result()
    finally:
        pouring.cancel()
        await asyncio.wait([pouring])
        await opening.close()
    return bytes(page.taken)


class _Page:
    """See `ports.Outlet`. Keeps a document, and one byte beyond the largest that is read."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`."""
        self.taken += data[: LARGEST + 1 - len(self.taken)]
        return Flow.MORE if len(self.taken) <= LARGEST else Flow.STOP

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
