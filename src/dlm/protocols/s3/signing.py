"""Signatures of requests: version 4 of Amazon's scheme, for GET and for S3, in the headers. Pure.

botocore could do it, at the price of being imported, which takes longer than many an object. A test holds that both sign
alike.
Source: "Authenticating Requests: Using the Authorization Header" in Amazon's reference of the API of S3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import gmtime, strftime
from typing import Protocol
from urllib.parse import urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of the body of a request that has none."""
OURS = frozenset({"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})
"""Headers that nobody else says."""
PORTS = {"http": 80, "https": 443}


class Keys(Protocol):
    """What a request is signed with, as botocore has it and as `StaticKeys` does."""

    @property
    def access_key(self) -> str:
        """Who signs."""

    @property
    def secret_key(self) -> str:
        """What with."""

    @property
    def token(self) -> str | None:
        """What goes along where the keys are good for some time only."""


@dataclass(frozen=True, slots=True)
class StaticKeys:
    """Keys that are good until somebody withdraws them."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        """Without anything secret."""
        return f"StaticKeys({self.access_key!r})"

    def get_frozen_credentials(self) -> StaticKeys:
        """As botocore's, which may be others in an hour."""
        return self


def signed(url: str, headers: Sequence[tuple[str, str]], keys: Keys, region: str, at: float) -> list[tuple[str, str]]:
    """`headers` and those that sign them and `url`, at `at` seconds since the epoch. Everything in `url` is escaped already."""
    when = strftime("%Y%m%dT%H%M%SZ", gmtime(at))
    sent = [(name, value) for name, value in headers if name.lower() not in OURS]
    sent.append(("X-Amz-Date", when))
    if keys.token:
        sent.append(("X-Amz-Security-Token", keys.token))
    sent.append(("X-Amz-Content-SHA256", EMPTY))
    names, request = _canonical(url, sent)
    scope = f"{when[:8]}/{region}/s3/aws4_request"
    signature = _signature(keys.secret_key, scope, f"{ALGORITHM}\n{when}\n{scope}\n{_sha256(request)}")
    proof = f"{ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return [*sent, ("Authorization", proof)]


def _canonical(url: str, headers: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The names of the headers that are signed, and what the service makes of the request as well."""
    parts = urlsplit(url)
    values: dict[str, list[str]] = {}
    for name, value in (*headers, ("host", _host(url))):
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    names = ";".join(sorted(values))
    lines = [f"{name}:{','.join(values[name])}" for name in sorted(values)]
    pairs = sorted(pair.partition("=") for pair in parts.query.split("&") if pair)
    query = "&".join(f"{name}={value}" for name, _, value in pairs)
    return names, "\n".join(["GET", parts.path or "/", query, *lines, "", names, EMPTY])


def _host(url: str) -> str:
    """As the request will name it: without a port that goes without saying."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in {None, PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


def _signature(secret: str, scope: str, text: str) -> str:
    import hmac  # with OpenSSL, which only objects need

    key = f"AWS4{secret}".encode()
    for word in (*scope.split("/"), text):
        last = hmac.new(key, word.encode(), "sha256")
        key = last.digest()
    return last.hexdigest()


def _sha256(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()
