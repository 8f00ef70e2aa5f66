"""From a route to an SSH connection that is logged in: configuration, jumps, host key, keys, password.

What the route leaves open is taken from `~/.ssh/config`. Each host on the way is held to its own host key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncssh

from dlm.model.error import DlmError, InvalidRequest
from dlm.protocols.ssh.address import Route
from dlm.protocols.ssh.errors import FOREIGN, translate
from dlm.protocols.ssh.flight import MOST
from dlm.protocols.ssh.login import Login
from dlm.protocols.ssh.trust import Trust, look_up

_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
"""Fastest first: with the processor's help, AES-GCM takes half the time of what OpenSSH would choose."""
_PACKET = 128 * 1024
_ALIVE_INTERVAL = 15.0
"""Seconds of silence after which the server is asked whether it is there; after three without an answer it is not."""
_MOST_JUMPS = 8


Connections = list[asyncssh.SSHClientConnection]


async def connect(
    route: Route,
    shown: str,
    patience: float,
    *,
    through: Connections | None = None,
    refused: Callable[[], None] = lambda: None,
    jumps: int = 0,
) -> Connections:
    """The connection, first, and behind it those that it goes through; they are ended where it fails.

    `patience` is in seconds, for each step. `refused` is called when the server did not accept the password. Raises the
    `DlmError` that says what went wrong.
    """
    way = through or []
    try:
        chosen = await _configured(route, shown)
        if not way and chosen.tunnel:
            way = await _jump(str(chosen.tunnel), shown, patience, jumps)
        trust = look_up(shown, chosen.host_key_alias or chosen.host, chosen.port, _listed(chosen.known_hosts))
        trust.pin, trust.blind = route.pin, route.blind
        keys, password = await _keys(route, shown)
        login = Login(trust, chosen.username, password)
        try:
            return [await _logged_in(route, login, way, _terms(trust, chosen, patience) | keys), *way]
        except FOREIGN as error:
            if login.said and isinstance(error, asyncssh.PermissionDenied):
                refused()
            raise _explained(error, trust, login, route, shown) from error
    except BaseException:
        await hang_up(way)
        raise


async def hang_up(connections: Connections) -> None:
    """End connections, each before the one that it goes through."""
    for connection in connections:
        connection.close()
        with suppress(*FOREIGN):
            async with asyncio.timeout(1.0):
                await connection.wait_closed()
        connection.abort()
        with suppress(*FOREIGN):
            await connection.wait_closed()


async def _configured(route: Route, shown: str) -> Any:
    """What `~/.ssh/config` makes of the route; no key is read for it."""
    try:
        return await asyncssh.SSHClientConnectionOptions.construct(
            config=(),
            host=route.host,
            port=route.port or (),
            username=route.user or (),
            client_keys=None,
            x509_trusted_certs=None,
        )
    except FOREIGN as error:
        raise translate(error, shown) from error


async def _jump(hosts: str, shown: str, patience: float, jumps: int) -> Connections:
    """Connections through the hosts that `ProxyJump` names, the last one first."""
    way: Connections = []
    if jumps >= _MOST_JUMPS:
        raise InvalidRequest(f"{shown} cannot be asked: ProxyJump in ~/.ssh/config leads in a circle")
    for each in hosts.split(",") if hosts.lower() != "none" else ():
        way = await connect(_stop(each), _named(each), patience, through=way, jumps=jumps + 1)
    return way


def _stop(text: str) -> Route:
    """A host on the way, written `[user@]host[:port]` or as an address."""
    user, _, place = text.strip().removeprefix("ssh://").rstrip("/").rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or not port.isdecimal() or (":" in host and not host.startswith("[")):
        host, port = place, ""
    return Route(host.strip("[]"), int(port) if port else None, user or None)


def _named(text: str) -> str:
    return f"the jump host {text.strip().rpartition('@')[2]}"


async def _logged_in(route: Route, login: Login, way: Connections, terms: dict[str, Any]) -> asyncssh.SSHClientConnection:
    if login.has_password:
        terms["preferred_auth"] = ("keyboard-interactive", "password", "publickey")
    return await asyncssh.connect(
        route.host,
        port=route.port or (),
        username=route.user or (),
        tunnel=way[0] if way else None,
        client_factory=lambda: login,
        **terms,
    )


def _terms(trust: Trust, chosen: Any, patience: float) -> dict[str, Any]:
    """How the connection is to be: what is trusted, how it is ciphered, and nothing that a download has no use for."""
    terms: dict[str, Any] = {
        "known_hosts": trust.known_hosts,
        "server_host_key_algs": trust.algorithms,
        "x509_trusted_certs": None,
        "window": MOST,
        "max_pktsize": _PACKET,
        "connect_timeout": patience,
        "login_timeout": 2 * patience,
        "keepalive_interval": _ALIVE_INTERVAL,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "command": None,
        "env": None,
        "send_env": None,
    }
    if not chosen.config.get("Ciphers"):
        terms["encryption_algs"] = _CIPHERS
    return terms


def _explained(error: Exception, trust: Trust, login: Login, route: Route, shown: str) -> DlmError:
    if trust.error is not None:
        return trust.error
    if isinstance(error, asyncssh.PermissionDenied):
        return login.denied(shown, route.key)
    return translate(error, shown)


def _listed(known_hosts: object) -> list[str]:
    """The files that the configuration names for known hosts."""
    return [str(each) for each in known_hosts] if isinstance(known_hosts, list | tuple) else []


async def _keys(route: Route, shown: str) -> tuple[dict[str, Any], str | None]:
    """Which keys asyncssh may offer, and the password that is left for the server.

    With no key named these are the agent's and those of `~/.ssh`, but for the ones that have a passphrase.
    """
    if route.key is None:
        return {}, route.password
    try:
        key = await asyncio.to_thread(asyncssh.read_private_key, route.key)
        return {"client_keys": [key], "agent_path": None}, route.password
    except asyncssh.KeyImportError as error:
        if "passphrase" not in str(error).lower():
            raise _unusable(route, shown, "it is no private key") from error
    except OSError as error:
        raise _unusable(route, shown, str(error.strerror)) from error
    if route.password is None:
        return await _held_by_agent(route, shown), None
    try:
        key = await asyncio.to_thread(asyncssh.read_private_key, route.key, route.password)
    except ValueError as error:
        raise _unusable(route, shown, "the password that was given is not its passphrase") from error
    return {"client_keys": [key], "agent_path": None}, None


async def _held_by_agent(route: Route, shown: str) -> dict[str, Any]:
    advice = f"it has a passphrase: run ssh-add {route.key}, or give the passphrase as the password of --user NAME"
    try:
        public = asyncssh.read_public_key(f"{route.key}.pub")
        async with asyncssh.connect_agent() as agent:
            held = [each for each in await agent.get_keys() if each.public_data == public.public_data]
    except FOREIGN as error:
        raise _unusable(route, shown, advice) from error
    if not held:
        raise _unusable(route, shown, advice)
    return {"agent_identities": [public]}


def _unusable(route: Route, shown: str, why: str) -> DlmError:
    return InvalidRequest(f"{shown} cannot be asked with the key {route.key}: {why}")
