"""How values of the model are written down: explicit functions between dataclasses and JSON.

Rules
-----
* Unknown keys are ignored and missing ones take their default, so that a record outlives the version that wrote it.
* What has no meaning without a key fails with KeyError, TypeError or ValueError; the caller says which record it was.
* Everything is written, defaults included: a default that changes later must not change what a user once asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from math import inf
from typing import Any

from dlm.model.download import DownloadSpec, Fault, Place
from dlm.model.resource import Digest, Mirror, Part, Resource, Validator, Verification, Verified
from dlm.model.span import Span

Wire = Mapping[str, Any]

_ENCODER = json.JSONEncoder(separators=(",", ":"))

_PLAIN_SPEC_FIELDS = (
    "output",
    "connections",
    "limit_rate",
    "user_agent",
    "referer",
    "cookies",
    "user",
    "bearer",
    "netrc",
    "proxy",
    "insecure",
    "cacert",
    "cert",
    "key",
    "hostkey",
    "overwrite",
    "resume",
    "retries",
    "timeout",
    "http3",
    "endpoint_url",
    "region",
    "profile",
    "anonymous",
    "requester_pays",
    "ftp_tls",
    "ftp_active",
)


def encode_spec(spec: DownloadSpec) -> str:
    """A DownloadSpec as JSON, secrets included."""
    wire: dict[str, Any] = {name: getattr(spec, name) for name in _PLAIN_SPEC_FIELDS}
    wire |= {
        "uris": spec.uris,
        "directory": spec.directory,
        "headers": spec.headers,
        "checksum": None if spec.checksum is None else _digest_to_wire(spec.checksum),
        "range": spec.range,
    }
    return _dump(wire)


@lru_cache(maxsize=2048)
def decode_spec(text: str) -> DownloadSpec:
    """What `encode_spec` wrote."""
    wire = _load(text)
    return DownloadSpec(
        uris=tuple(wire["uris"]),
        directory=wire["directory"],
        headers=tuple((name, value) for name, value in wire.get("headers", ())),
        checksum=None if wire.get("checksum") is None else _digest_from_wire(wire["checksum"]),
        range=None if wire.get("range") is None else Span(*wire["range"]),
        **_known(wire, _PLAIN_SPEC_FIELDS),
    )


def encode_resource(resource: Resource) -> str:
    """A Resource as JSON."""
    return _dump(
        {
            "mirrors": [_mirror_to_wire(mirror) for mirror in resource.mirrors],
            "parts": [_part_to_wire(part) for part in resource.parts],
            "etag": resource.validator.etag,
            "last_modified": resource.validator.last_modified,
            "strong_date": resource.validator.strong_date,
            "ranged": resource.ranged,
            "encoded": resource.encoded,
            "media_type": resource.media_type,
        }
    )


def decode_resource(text: str) -> Resource:
    """What `encode_resource` wrote."""
    wire = _load(text)
    return Resource(
        mirrors=tuple(_mirror_from_wire(mirror) for mirror in wire["mirrors"]),
        parts=tuple(_part_from_wire(part) for part in wire["parts"]),
        validator=Validator(**_known(wire, ("etag", "last_modified", "strong_date"))),
        **_known(wire, ("ranged", "encoded", "media_type")),
    )


def encode_place(place: Place) -> str:
    """A Place as JSON."""
    return _dump(
        {
            "directory": place.directory,
            "name": place.name,
            "part": place.part,
            "device": place.device,
            "inode": place.inode,
        }
    )


def decode_place(text: str) -> Place:
    """What `encode_place` wrote."""
    wire = _load(text)
    return Place(wire["directory"], wire["name"], wire["part"], wire["device"], wire["inode"])


def encode_spans(done: tuple[Span, ...]) -> str:
    """Merged spans in few characters: for each, the gap before it and its size, all separated by spaces."""
    numbers: list[int] = []
    position = 0
    for span in done:
        numbers += (span.start - position, span.size)
        position = span.stop
    return " ".join(map(str, numbers))


def decode_spans(text: str) -> tuple[Span, ...]:
    """What `encode_spans` wrote."""
    numbers = iter(map(int, text.split()))
    spans: list[Span] = []
    position = 0
    for gap in numbers:
        start = position + gap
        position = start + next(numbers, 0)
        if gap < 0 or position <= start:
            raise ValueError(f"'{text}' is not a list of spans")
        spans.append(Span(start, position))
    return tuple(spans)


def encode_verified(verified: Verified | None) -> str | None:
    """A Verified as JSON, `None` as nothing."""
    return None if verified is None else _dump({"how": verified.how.value, "by": verified.by})


def decode_verified(text: str | None) -> Verified | None:
    """What `encode_verified` wrote."""
    if text is None:
        return None
    wire = _load(text)
    return Verified(Verification(wire["how"]), wire.get("by"))


def encode_fault(fault: Fault | None) -> str | None:
    """A Fault as JSON, `None` as nothing."""
    return None if fault is None else _dump({"kind": fault.kind, "message": fault.message, "code": fault.code})


def decode_fault(text: str | None) -> Fault | None:
    """What `encode_fault` wrote."""
    if text is None:
        return None
    wire = _load(text)
    return Fault(wire["kind"], wire["message"], wire["code"])


def encode_text(text: str | None) -> str | bytes | None:
    """Text for a column: bytes where it is not valid Unicode, as the name of a directory may be."""
    if text is None:
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def decode_text(stored: str | bytes | None) -> str | None:
    """What `encode_text` wrote."""
    return stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else stored


def encode_host(host: str) -> str:
    """A host for a column that is compared and joined as text. No host that can be asked loses anything."""
    return host.encode("utf-8", "replace").decode()


def encode_position(position: float | None) -> float:
    """A position for a column: what has none stands behind everything, at infinity."""
    return inf if position is None else position


def decode_position(stored: float) -> float | None:
    """What `encode_position` wrote."""
    return None if stored == inf else stored


def _mirror_to_wire(mirror: Mirror) -> Wire:
    return {name: getattr(mirror, name) for name in ("uri", "resolved", "home", "stranger", "joined")}


def _mirror_from_wire(wire: Wire) -> Mirror:
    return Mirror(wire["uri"], **_known(wire, ("resolved", "home", "stranger", "joined")))


def _part_to_wire(part: Part) -> Wire:
    return {
        "name": part.name,
        "size": part.size,
        "digests": [_digest_to_wire(digest) for digest in part.digests],
        "modified": part.modified,
    }


def _part_from_wire(wire: Wire) -> Part:
    digests = tuple(_digest_from_wire(digest) for digest in wire.get("digests", ()))
    return Part(digests=digests, **_known(wire, ("name", "size", "modified")))


def _digest_to_wire(digest: Digest) -> Wire:
    return {"algorithm": digest.algorithm, "hex": digest.value.hex()}


def _digest_from_wire(wire: Wire) -> Digest:
    return Digest(wire["algorithm"], bytes.fromhex(wire["hex"]))


def _known(wire: Wire, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: wire[name] for name in names if name in wire}


def _dump(wire: Wire) -> str:
    return _ENCODER.encode(wire)


def _load(text: str) -> Wire:
    wire = json.loads(text)
    if not isinstance(wire, dict):
        raise TypeError("the record is not a JSON object")
    return wire
