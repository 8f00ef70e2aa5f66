"""C3 to C16: servers that let in only who has the right password, token or cookie, or only once."""

from __future__ import annotations

import base64
import hashlib
from urllib.request import parse_http_list, parse_keqv_list

from tests.hostile.exchange import Exchange
from tests.hostile.outcome import REFUSED, RIGHT, Personality, fails
from tests.hostile.reply import Reply, redirect, text

USER = "user"
PASSWORD = "secret"
TOKEN = "token-of-the-bearer"
COOKIE = "pass=cookie-of-the-file"
REALM = "hostile"
_NONCE = hashlib.md5(b"nonce", usedforsecurity=False).hexdigest()
_SESSION = "session=given-on-the-way"


def cookie_file(host: str = "127.0.0.1") -> str:
    """A cookie file in Netscape's format that opens `cookie-file`."""
    name, _, value = COOKIE.partition("=")
    return f"# Netscape HTTP Cookie File\n{host}\tFALSE\t/\tFALSE\t0\t{name}\t{value}\n"


def basic_auth(exchange: Exchange) -> Reply:
    """Wants a user and a password (RFC 7617)."""
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if exchange.request.headers.get("authorization") == wanted:
        return exchange.honest()
    return _challenge(f'Basic realm="{REALM}"')


def digest_auth(exchange: Exchange) -> Reply:
    """Wants a user and a proof of the password (RFC 7616: MD5, qop=auth)."""
    scheme, _, rest = exchange.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "digest" and _proves(exchange, parse_keqv_list(parse_http_list(rest))):
        return exchange.honest()
    return _challenge(f'Digest realm="{REALM}", nonce="{_NONCE}", qop="auth", algorithm=MD5')


def bearer(exchange: Exchange) -> Reply:
    """Wants a token (RFC 6750)."""
    if exchange.request.headers.get("authorization") == f"Bearer {TOKEN}":
        return exchange.honest()
    return _challenge(f'Bearer realm="{REALM}"')


def needs_cookie(exchange: Exchange) -> Reply:
    """Gives a cookie by a redirect, and the file only to who brings it."""
    if _SESSION in exchange.request.headers.get("cookie", ""):
        return exchange.honest()
    if exchange.request.query == "given":
        return text(403, "Where is the cookie?")
    return redirect(f"{exchange.request.path}?given").adding(("Set-Cookie", f"{_SESSION}; Path=/; HttpOnly"))


def needs_cookie_file(exchange: Exchange) -> Reply:
    """Gives the file only to who brings the cookie of `cookie_file`."""
    if COOKIE in exchange.request.headers.get("cookie", ""):
        return exchange.honest()
    return text(403, "Only with the right cookie.")


def one_time(exchange: Exchange) -> Reply:
    """Lets the first GET in, and nobody after it."""
    if exchange.request.method == "GET" and exchange.ledger.turn_once():
        return exchange.honest()
    return text(403, "The link has been used.")


def expires(exchange: Exchange) -> Reply:
    """Leads to an address that is good for one GET, and gives a new one to who asks again."""
    return redirect(exchange.path_to("one-time", f"/{exchange.turn}{exchange.tail}"))


def expires_cut(exchange: Exchange) -> Reply:
    """Leads to an address that is good for one GET; the first such GET is cut, so a client has to ask for a second address."""
    return redirect(exchange.path_to("one-time-cut" if exchange.turn == 1 else "one-time", f"/{exchange.turn}{exchange.tail}"))


def one_time_cut(exchange: Exchange) -> Reply:
    """Lets the first GET in, cuts it half way, and lets nobody in after it."""
    return exchange.first_cut(one_time(exchange)) if exchange.request.method == "GET" else one_time(exchange)


def _challenge(scheme: str) -> Reply:
    return text(401, "Who are you?").adding(("WWW-Authenticate", scheme))


def _proves(exchange: Exchange, claim: dict[str, str]) -> bool:
    if not {"username", "realm", "nonce", "uri", "nc", "cnonce", "response", "qop"} <= claim.keys():
        return False
    secret = _md5(f"{USER}:{REALM}:{PASSWORD}")
    asked = _md5(f"{exchange.request.method}:{exchange.request.target}")
    proof = _md5(":".join((secret, _NONCE, claim["nc"], claim["cnonce"], "auth", asked)))
    return (claim["username"], claim["nonce"], claim["response"]) == (USER, _NONCE, proof)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


FORBIDDEN = fails(REFUSED)
AS_USER = ("--user", f"{USER}:{PASSWORD}")
WITH_TOKEN = ("--header", f"Authorization: Bearer {TOKEN}")

PERSONALITIES: tuple[Personality, ...] = (
    Personality("basic-auth", "C4", f"Basic authentication, {USER}:{PASSWORD}.", FORBIDDEN, basic_auth, AS_USER),
    Personality("digest-auth", "C4", f"Digest authentication, {USER}:{PASSWORD}.", FORBIDDEN, digest_auth, AS_USER),
    Personality("bearer", "C4", f"A bearer token, {TOKEN}.", FORBIDDEN, bearer, WITH_TOKEN),
    Personality("needs-cookie", "C10", "A redirect sets a cookie, without which there is 403.", RIGHT, needs_cookie),
    Personality("cookie-file", "C10", f"The cookie {COOKIE}, or 403.", FORBIDDEN, needs_cookie_file),
    Personality("one-time", "B20", "Good for one GET, then 403.", RIGHT, one_time),
    Personality("one-time-cut", "B20", "Good for one GET, which is cut half way, then 403.", FORBIDDEN, one_time_cut),
    Personality("expiring-redirect", "B20", "Redirects to an address that is good for one GET.", RIGHT, expires),
    Personality("expiring-redirect-cut", "B20", "The same, but the first such GET is cut half way.", RIGHT, expires_cut),
)
