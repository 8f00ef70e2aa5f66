"""For `dlm doctor`: which libcurl this is, what it can do, and which certificates it trusts."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

import pycurl

from dlm.model.queue import Finding
from dlm.protocols.curl.trust import ca_bundle

OLDEST_LIBCURL = (8, 4, 0)
"""Before it a server could exhaust the memory with headers (CVE-2023-38039), or overflow a SOCKS5 name (CVE-2023-38545)."""
OLDEST_PYCURL = (7, 49, 0)

TRUST_VARIABLES = ("CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Those that `trust.ca_bundle` heeds, where they name a file."""

_BITS = {
    "TLS": pycurl.VERSION_SSL,
    "HTTP/2": pycurl.VERSION_HTTP2,
    "HTTP/3": pycurl.VERSION_HTTP3,
    "brotli": pycurl.VERSION_BROTLI,
    "zstd": pycurl.VERSION_ZSTD,
    "IPv6": pycurl.VERSION_IPV6,
}
_NEEDED = ("TLS", "HTTP/2", "IPv6")
_UPDATE = "update it with 'pip install --upgrade pycurl'"


def check_curl() -> list[Finding]:
    """The findings for this installation. Reads the certificate bundle; raises `OSError` when that cannot be done."""
    facts = pycurl.version_info()
    features = [name for name, bit in _BITS.items() if facts[4] & bit]
    if "sftp" in facts[8]:
        features.append("SFTP")
    bundle = ca_bundle()
    with open(bundle, "rb") as file:
        count = file.read().count(b"-----BEGIN CERTIFICATE-----")
    return [
        judge_pycurl(pycurl.version.partition(" ")[0].removeprefix("PycURL/")),
        judge_libcurl(facts[1], features),
        judge_bundle(bundle, count, os.environ),
    ]


def judge_pycurl(version: str) -> Finding:
    """Whether pycurl is new enough."""
    if _numbers(version) < OLDEST_PYCURL:
        return Finding("pycurl", "bad", f"pycurl {version} is too old: {_UPDATE}")
    return Finding("pycurl", "good", f"pycurl {version}")


def judge_libcurl(version: str, features: Collection[str]) -> Finding:
    """Whether libcurl is new enough, and what it can do; what is needed for good speed, and is not there, is a warning."""
    shown = f"libcurl {version}"
    if "TLS" not in features:
        return Finding("libcurl", "bad", f"{shown} has no TLS, so https cannot be fetched: {_UPDATE}")
    if _numbers(version) < OLDEST_LIBCURL:
        return Finding("libcurl", "bad", f"{shown} has known holes that a server could use: {_UPDATE}")
    missing = [name for name in _NEEDED if name not in features]
    if missing:
        return Finding("libcurl", "warning", f"{shown} has no {' and no '.join(missing)}: {_UPDATE}")
    absent = [name for name in (*_BITS, "SFTP") if name not in features]
    without = f", without {', '.join(absent)}" if absent else ""
    return Finding("libcurl", "good", f"{shown} with {', '.join(features)}{without}")


def judge_bundle(bundle: str, count: int, environ: Mapping[str, str]) -> Finding:
    """Whether servers can be verified: `count` authorities are in the file; a variable that names none is told."""
    if count == 0:
        advice = "install the package ca-certificates, or name another file in SSL_CERT_FILE"
        return Finding("certificates", "bad", f"{bundle} holds no certificate, so no server can be verified: {advice}")
    for name in TRUST_VARIABLES:
        if environ.get(name) and environ[name] != bundle and not os.path.isfile(environ[name]):
            sentence = f"{name} names {environ[name]}, which is no file, so {bundle} is used: correct the variable or unset it"
            return Finding("certificates", "warning", sentence)
    return Finding("certificates", "good", f"{count} authorities are trusted, from {bundle}")


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.partition("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isascii() and part.isdigit())
