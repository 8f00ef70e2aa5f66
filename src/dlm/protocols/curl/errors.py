"""libcurl's errors in our words: one table, used at the border and nowhere else."""

from __future__ import annotations

import re

import pycurl

from dlm.model.address import without_credentials
from dlm.model.error import (
    Denied,
    DlmError,
    InvalidRequest,
    ProtocolViolation,
    Refused,
    TimedOut,
    TransferError,
    Truncated,
    Unreachable,
    Untrusted,
)

# Codes that pycurl does not name (curl/curl.h).
_WEIRD_SERVER_REPLY, _HTTP2_STREAM, _HTTP3, _QUIC_CONNECT_ERROR, _PROXY_HANDSHAKE = 8, 92, 95, 96, 97

_UNTRUSTED = "does not prove its identity ({reason}); --cacert FILE adds an authority, --insecure goes on regardless"
_PROXY = "cannot be reached through the proxy: {reason}"
_BAD_PROXY = re.compile(r"Unsupported proxy (scheme|syntax)")
"""How libcurl begins a reason that goes on with the address of the proxy as it was written, password and all."""

TABLE: dict[int, tuple[type[DlmError], str]] = {
    # Which schemes are served was settled before: here this code means an answer in no known version of HTTP.
    pycurl.E_UNSUPPORTED_PROTOCOL: (ProtocolViolation, "does not answer in HTTP: {reason}"),
    pycurl.E_URL_MALFORMAT: (InvalidRequest, "is not a URL: {reason}"),
    pycurl.E_COULDNT_RESOLVE_PROXY: (Unreachable, "cannot be reached: the name of the proxy is not known ({reason})"),
    pycurl.E_COULDNT_RESOLVE_HOST: (Unreachable, "cannot be reached: the name of the host is not known ({reason})"),
    pycurl.E_COULDNT_CONNECT: (Unreachable, "cannot be reached: {reason}"),
    pycurl.E_HTTP2: (Unreachable, "broke the HTTP/2 connection: {reason}"),
    _HTTP2_STREAM: (Unreachable, "gave up the HTTP/2 stream: {reason}"),
    _HTTP3: (Unreachable, "broke the HTTP/3 connection: {reason}"),
    pycurl.E_PARTIAL_FILE: (Truncated, "ended the reply early: {reason}"),
    pycurl.E_OPERATION_TIMEDOUT: (TimedOut, "did not answer in time: {reason}"),
    pycurl.E_SSL_CONNECT_ERROR: (Unreachable, "could not agree on a secure connection: {reason}"),
    pycurl.E_GOT_NOTHING: (Unreachable, "closed the connection without an answer"),
    pycurl.E_SEND_ERROR: (Unreachable, "lost the connection: {reason}"),
    pycurl.E_RECV_ERROR: (Unreachable, "lost the connection: {reason}"),
    pycurl.E_SSL_CERTPROBLEM: (InvalidRequest, "cannot be asked with this client certificate: {reason}"),
    # So it calls a private key that cannot be read or does not belong to the certificate.
    pycurl.E_BAD_FUNCTION_ARGUMENT: (InvalidRequest, "cannot be asked with this client certificate: {reason}"),
    pycurl.E_SSL_CIPHER: (Unreachable, "could not agree on a cipher: {reason}"),
    pycurl.E_PEER_FAILED_VERIFICATION: (Untrusted, _UNTRUSTED),
    pycurl.E_SSL_CACERT_BADFILE: (InvalidRequest, "cannot be verified: the file of authorities cannot be read ({reason})"),
    pycurl.E_SSL_ISSUER_ERROR: (Untrusted, _UNTRUSTED),
    pycurl.E_BAD_CONTENT_ENCODING: (Refused, "sends the file in a coding that cannot be undone: {reason}"),
    pycurl.E_TOO_MANY_REDIRECTS: (Untrusted, "redirects too often"),
    _WEIRD_SERVER_REPLY: (ProtocolViolation, "does not speak HTTP properly: {reason}"),
    pycurl.E_LOGIN_DENIED: (Denied, "refuses these credentials"),
    pycurl.E_FILESIZE_EXCEEDED: (Untrusted, "sends more than it may"),
    _PROXY_HANDSHAKE: (Unreachable, _PROXY),
    _QUIC_CONNECT_ERROR: (Unreachable, "cannot be reached over HTTP/3: {reason}"),
}


def translate(error: pycurl.error, uri: str, connect_code: int) -> DlmError:
    """Our error for libcurl's. `connect_code` is the proxy's answer to CONNECT, 0 when there was none."""
    code, reason = int(error.args[0]), str(error.args[1] if len(error.args) > 1 else error)
    shown = without_credentials(uri)
    if connect_code in {401, 407}:  # the first is wrong there, but tinyproxy says it
        return Denied(f"the proxy wants credentials for {shown}: give them as --proxy scheme://name:password@host", uri=shown)
    if connect_code >= 400:
        refused = Denied if connect_code < 500 else Unreachable
        return refused(f"the proxy refuses to connect to {shown}: it answered {connect_code}", uri=shown)
    if bad_proxy := _BAD_PROXY.match(reason):
        return InvalidRequest(
            f"the address of the proxy has a {bad_proxy[1]} that cannot be used: write scheme://name:password@host:port, "
            "and %XX for what is special in name and password (--proxy, http_proxy, https_proxy, all_proxy)"
        )
    kind, sentence = TABLE.get(code, (Unreachable, "failed: {reason}"))
    message = f"{shown} {sentence.format(reason=_tidy(reason, code))}"
    return kind(message, uri=shown) if issubclass(kind, TransferError) else kind(message)


def _tidy(reason: str, code: int) -> str:
    return reason.strip().rstrip(".") or f"libcurl error {code}"
