"""The mirrors that servers name in their replies (RFC 6249), as strangers of a Resource."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from dlm.model.address import host_of
from dlm.model.resource import Digest, Mirror, Resource
from dlm.protocols.http.fields import Fields

MOST_NAMED = 32
"""Mirrors of one file that servers may name. More do not make it faster."""


def with_named_mirrors(resource: Resource, replies: Sequence[tuple[str, Fields]]) -> Resource:
    """`resource` with the mirrors that the server names (RFC 6249), as strangers.

    `replies` are the heads of all replies on the way, with their addresses: who redirects may name mirrors there. Without
    effect where bytes of others have no place, since the file comes through a content coding.
    """
    naming = [reply for reply in replies if reply[1].get("link") is not None]
    if not naming or resource.encoded:
        return resource
    (own,) = resource.mirrors
    known = {_spelling(own.uri), _spelling(own.resolved or own.uri)}
    strangers: list[Mirror] = []
    for uri in _named(naming, resource.part.digests):
        if _spelling(uri) not in known and len(strangers) < MOST_NAMED:
            known.add(_spelling(uri))
            strangers.append(Mirror(uri, stranger=True))
    return replace(resource, mirrors=(own, *strangers))


def _spelling(uri: str) -> tuple[str, ...]:
    """The same for each way to write an address."""
    parts = urlsplit(uri)
    return parts.scheme, host_of(uri), parts.path or "/", parts.query


def _named(replies: Sequence[tuple[str, Fields]], digests: Sequence[Digest]) -> Iterator[str]:
    from dlm.protocols.http.links import mirrors  # few replies have any, and its grammar takes time to compile

    proved = any(digest.proves for digest in digests)
    for base, fields in replies:
        yield from mirrors(base, fields, proved=proved)
