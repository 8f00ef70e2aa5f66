"""As whom to log in: what the user said, else the address, else ~/.netrc where that was asked for, else nobody."""

from __future__ import annotations

import os.path

from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.protocols.ftp.address import Target
from dlm.protocols.ftp.control import Login
from dlm.protocols.ftp.proxy import proxy_for


def login_of(target: Target, spec: DownloadSpec) -> Login:
    """How to log in for this target. Raises `InvalidRequest` for a ~/.netrc that cannot be read."""
    given = spec.user if spec.user is not None else target.credentials
    name, colon, password = (given or "").partition(":")
    if spec.netrc and spec.user is None and not password:
        found = _from_netrc(target.host, name)
        name, password = found or (name, password)
        colon = colon or (":" if found else "")
    trust = (spec.cacert, spec.insecure, spec.cert, spec.key)
    return Login(
        target.host,
        target.port,
        target.security,
        name if colon and name else None,
        password,
        trust,
        proxy_for(target.host, spec.proxy),
    )


def _from_netrc(host: str, wanted: str) -> tuple[str, str] | None:
    """Name and password for the host; those of another than `wanted`, where one is named, do not count."""
    import netrc

    path = os.path.expanduser("~/.netrc")
    try:
        entry = netrc.netrc(path).authenticators(host)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}") from error
    except netrc.NetrcParseError as error:
        raise InvalidRequest(f"{path} cannot be understood: line {error.lineno}: {error.msg}") from error
    if entry is None or (wanted and entry[0] != wanted):
        return None
    return entry[0], entry[2] or ""
