"""libcurl's errors become ours, and their words no secret."""

from __future__ import annotations

import pycurl
import pytest

from dlm.model.error import Denied, DlmError, InvalidRequest, TimedOut, TransferError, Truncated, Unreachable, Untrusted
from dlm.protocols.curl.errors import TABLE, translate

URI = "https://me:secret@host/file?token=secret"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (pycurl.E_COULDNT_CONNECT, Unreachable),
        (pycurl.E_PARTIAL_FILE, Truncated),
        (pycurl.E_OPERATION_TIMEDOUT, TimedOut),
        (pycurl.E_PEER_FAILED_VERIFICATION, Untrusted),
        (pycurl.E_SSL_CERTPROBLEM, InvalidRequest),
        (pycurl.E_BAD_FUNCTION_ARGUMENT, InvalidRequest),
        (9999, Unreachable),
    ],
)
def test_codes_have_meanings(code: int, kind: type[DlmError]) -> None:
    """Also one that nobody knows yet: it may be tried again."""
    assert type(translate(pycurl.error(code, "why"), URI, 0)) is kind


@pytest.mark.parametrize("code", sorted(TABLE))
def test_every_sentence_names_the_address_and_no_secret(code: int) -> None:
    """Whatever libcurl says, the sentence stands, also without its words."""
    for args in ((code, "it said why."), (code, ""), (code,)):
        error = translate(pycurl.error(*args), URI, 0)
        assert str(error).startswith("https://host/file?token=*** ")
        assert "secret" not in str(error)
        assert not isinstance(error, TransferError) or error.uri == "https://host/file?token=***"


@pytest.mark.parametrize(
    ("answer", "kind"), [(407, Denied), (401, Denied), (403, Denied), (502, Unreachable), (503, Unreachable)]
)
def test_what_a_proxy_answers_to_connect(answer: int, kind: type[DlmError]) -> None:
    """What it forbids is refused; what it cannot do now may be tried again."""
    error = translate(pycurl.error(pycurl.E_COULDNT_CONNECT, "CONNECT tunnel failed"), URI, answer)
    assert type(error) is kind
    assert "proxy" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "reason",
    [
        "Unsupported proxy scheme for 'foo://me:secret@h'",
        "Unsupported proxy syntax in 'http://me:sec'ret@h': Bad password",
    ],
)
def test_a_proxy_that_is_none_is_not_repeated(reason: str) -> None:
    """libcurl quotes it, with its password."""
    for code in (pycurl.E_COULDNT_CONNECT, pycurl.E_COULDNT_RESOLVE_PROXY):
        error = translate(pycurl.error(code, reason), URI, 0)
        assert type(error) is InvalidRequest
        assert "ret" not in str(error)
