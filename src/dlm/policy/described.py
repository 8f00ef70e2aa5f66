"""What a Metalink from afar may have dlm fetch: which download is a Metalink, and what becomes of each file that it names.

Rules
-----
* The user's secrets go along only where the Metalink came from: when all addresses of the file are of that origin.
* What it names is fetched as it is, so one that names Metalinks leads nowhere.
"""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from dlm.model.download import DownloadSpec
from dlm.model.error import DlmError, InvalidRequest
from dlm.model.resource import Digest, Resource
from dlm.policy.hearsay import may_name
from dlm.policy.redirect import origin

_ENDINGS = (".meta4", ".metalink")
_MEDIA_TYPES = frozenset({"application/metalink4+xml", "application/metalink+xml"})


def is_description(spec: DownloadSpec, resource: Resource) -> bool:
    """Whether this is a Metalink that stands for the files that it names.

    By the name of the address or by its media type; not where a part of it is wanted, or it is to be shown.
    """
    return _may_be_followed(spec) and (resource.media_type in _MEDIA_TYPES or is_called_so(spec))


def is_called_so(spec: DownloadSpec) -> bool:
    """Whether the address alone says that it is such a Metalink."""
    try:
        return _may_be_followed(spec) and urlsplit(spec.uris[0]).path.lower().endswith(_ENDINGS)
    except ValueError:
        return False


def _may_be_followed(spec: DownloadSpec) -> bool:
    return spec.follow and spec.range is None and not spec.streams_out


def described(
    spec: DownloadSpec, own: Resource, name: str, uris: Sequence[str], digest: Digest | None, *, alone: bool
) -> DownloadSpec:
    """The download of a file `name` (harmless components, with slashes between) that a Metalink names, with its mirrors.

    `spec` asked for the Metalink, and `own` is what came. `alone` says that it names no other file: then a name and a
    checksum that the user gave are for this one. Raises `InvalidRequest` when none of the addresses may be fetched.
    """
    source = own.mirrors[0].resolved or own.mirrors[0].uri
    judged = spec.checksum if alone and spec.checksum is not None else digest
    kept = tuple(uri for uri in uris if may_name(source, uri, proved=judged is not None and judged.proves))
    if not kept:
        raise InvalidRequest("none of its addresses may be named by a server that is elsewhere, or without a strong digest")
    folder, file = os.path.split(name)
    at_home = own.mirrors[0].home and all(_same_origin(spec.uris[0], uri) for uri in kept)
    return replace(
        spec if at_home else spec.without_secrets(),
        uris=kept,
        directory=spec.directory if alone and spec.output else os.path.normpath(os.path.join(spec.directory, folder)),
        output=spec.output if alone and spec.output else file,
        checksum=judged,
        follow=False,
    ).check()


def _same_origin(one: str, other: str) -> bool:
    try:
        return origin(one) == origin(other)
    except DlmError:
        return False
