"""Addresses of objects: `s3://bucket/key` as users write them, and where a service is asked for them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from dlm.model.address import visible, without_credentials
from dlm.model.error import InvalidRequest

_UNRESERVED = "-_.~"
_HOST_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""Buckets that can be a label of a host name that one certificate covers: without dots."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_REGION = re.compile(r"[a-z0-9-]{1,64}")
FIRST_REGION = "us-east-1"
"""Where a bucket is looked for while nobody has said where it is. The answer names the right region."""


@dataclass(frozen=True, slots=True)
class Address:
    """A key in a bucket, decoded, in one version of it."""

    bucket: str
    key: str
    version: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it names what begins with it rather than an object."""
        return not self.key or self.key.endswith("/")


@dataclass(frozen=True, slots=True)
class Service:
    """Who is asked: Amazon, or whoever is at `endpoint`; `path_style` puts the bucket into the path, not the host."""

    region: str
    endpoint: str | None = None
    path_style: bool | None = None

    def url(self, address: Address, query: dict[str, str] | None = None) -> str:
        """The address of HTTP for the object, or with a query, for what its bucket is asked."""
        path_style = self.path_style
        if path_style is None:
            path_style = self.endpoint is not None or not _HOST_NAME.fullmatch(address.bucket)
        base = urlsplit(self.endpoint or _amazon(self.region))
        host = base.netloc if path_style else f"{address.bucket}.{base.netloc}"
        path = base.path.rstrip("/") + (f"/{address.bucket}" if path_style else "")
        key = "" if query is not None else quote(address.key, safe="/" + _UNRESERVED, errors="surrogateescape")
        asked = query or ({} if address.version is None else {"versionId": address.version})
        written = urlencode(sorted(asked.items()), quote_via=quote, safe=_UNRESERVED, errors="surrogateescape")
        return f"{base.scheme}://{host}{path}/{key}{'?' if written else ''}{written}"


def parse(uri: str) -> Address:
    """The object that `uri` names. `%XX` is decoded. Raises `InvalidRequest` that says how to write it."""
    shown, parts = without_credentials(uri), urlsplit(uri)
    bucket = parts.netloc
    if not _BUCKET.fullmatch(bucket):
        raise InvalidRequest(f"'{shown}' names no bucket: write s3://BUCKET/KEY, or name a service by --endpoint-url")
    if parts.fragment:
        raise InvalidRequest(f"'{shown}': write %23 for a # in a key")
    query = parse_qsl(parts.query, keep_blank_values=True)
    if parts.query and [name for name, _ in query] != ["versionId"]:
        raise InvalidRequest(f"'{shown}': only ?versionId=VERSION may follow a key; write %3F for a question mark in it")
    return Address(bucket, unquote(parts.path[1:], errors="surrogateescape"), query[0][1] if query else None)


def service_at(region: str | None, endpoint: str | None, path_style: bool | None = None) -> Service:
    """The service as it is configured. Raises `InvalidRequest` for what could be no region or no endpoint."""
    if region and checked_region(region) is None:
        raise InvalidRequest(f"'{visible(region)}' is no name of a region: write one such as eu-central-1")
    parts = urlsplit(endpoint or "")
    if endpoint and (parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc):
        raise InvalidRequest(f"'{without_credentials(endpoint)}' is no endpoint: write one such as https://s3.example.org")
    return Service(region or FIRST_REGION, endpoint or None, path_style)


def checked_region(text: str | None) -> str | None:
    """`text` where it may be a region's name, which becomes a part of a host name; `None` for all else."""
    return text if text is not None and _REGION.fullmatch(text) else None


def _amazon(region: str) -> str:
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"https://s3.{region}.amazonaws.com{suffix}"
