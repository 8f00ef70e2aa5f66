"""Who asks: credentials, region and endpoint as the user's own tools have them, and the signatures of requests.

botocore finds the credentials (environment, profiles, SSO, roles, the machine's own). It takes 0.2 s of the processor to
import, so it is imported only where they are not written down plainly, in a thread.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlm.model.download import DownloadSpec
from dlm.model.error import Denied, DlmError, InvalidRequest, Unreachable, UnsupportedUri
from dlm.protocols.s3.address import Service, service_at
from dlm.protocols.s3.plain import plain
from dlm.protocols.s3.signing import StaticKeys, signed

if TYPE_CHECKING:
    from botocore.credentials import Credentials

MISSING = (
    "the credentials for s3:// need what is not installed: pip install 'dlm[s3]'; --anonymous and --user KEY:SECRET do without"
)

TABLE: dict[str, tuple[type[DlmError], str]] = {
    # By name: botocore is not imported where nobody asks for an object.
    "ProfileNotFound": (InvalidRequest, "there is no such profile: {reason}"),
    "ConfigParseError": (InvalidRequest, "the configuration of AWS cannot be read: {reason}"),
    "ConfigNotFound": (InvalidRequest, "the configuration of AWS cannot be read: {reason}"),
    "PartialCredentialsError": (InvalidRequest, "the credentials of AWS are incomplete: {reason}"),
    "InvalidConfigError": (InvalidRequest, "the configuration of AWS contradicts itself: {reason}"),
    "UnauthorizedSSOTokenError": (Denied, "the login has expired: run aws sso login"),
    "SSOTokenLoadError": (Denied, "nobody is logged in: run aws sso login"),
    "TokenRetrievalError": (Denied, "the login has expired: run aws sso login"),
    "EndpointConnectionError": (Unreachable, "the credentials of AWS cannot be had: {reason}"),
    "ConnectTimeoutError": (Unreachable, "the credentials of AWS cannot be had: {reason}"),
}
"""botocore's errors; any other is a `Denied`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks whom, as configured. Without credentials requests go out unsigned."""

    service: Service
    credentials: Credentials | StaticKeys | None = None


class Identities:
    """One identity for each way of asking. Those of one profile are read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Identity] = {}
        self._lock = asyncio.Lock()

    async def of(self, spec: DownloadSpec) -> Identity:
        """The identity by which `spec` asks. Raises `InvalidRequest`, `Denied` and `Unreachable`."""
        key = (spec.endpoint_url, spec.profile, spec.region, spec.anonymous, spec.user, spec.bearer is None)
        async with self._lock:
            if key not in self._known:
                self._known[key] = await asyncio.to_thread(_identity, spec)
            return self._known[key]


async def signature(
    identity: Identity, region: str, url: str, headers: list[tuple[str, str]], at: float
) -> list[tuple[str, str]]:
    """`headers` and those that sign them at `at` seconds since the epoch: nothing of it is good for long."""
    if identity.credentials is None:
        return headers
    if hasattr(identity.credentials, "refresh_needed"):
        # Temporary credentials may be renewed here, which asks the network.
        frozen = await asyncio.to_thread(_mapped, identity.credentials.get_frozen_credentials)
    else:
        frozen = identity.credentials.get_frozen_credentials()
    return signed(url, headers, frozen, region, at)


def _identity(spec: DownloadSpec) -> Identity:
    if spec.anonymous or spec.bearer is not None:
        return Identity(service_at(spec.region, spec.endpoint_url))
    if (said := plain(spec, os.environ)) is not None:
        return Identity(*said)
    try:
        from botocore.credentials import Credentials
        from botocore.session import Session
    except ImportError as error:
        raise UnsupportedUri(MISSING) from error
    found: Identity = _mapped(lambda: _found(spec, Session(profile=spec.profile), Credentials))
    return found


def _found(spec: DownloadSpec, session: Any, credentials: Any) -> Identity:
    chosen = credentials(*spec.user.split(":", 1)) if spec.user is not None else session.get_credentials()
    settings = session.get_scoped_config().get("s3")
    style = settings.get("addressing_style") if isinstance(settings, dict) else None
    region = spec.region or session.get_config_variable("region")
    service = service_at(region, spec.endpoint_url or _endpoint(session), {"path": True, "virtual": False}.get(style or ""))
    return Identity(service, chosen)


def _endpoint(session: Any) -> str | None:
    """The endpoint that the environment or the profile names for S3, or for everything."""
    from botocore.configprovider import ConfiguredEndpointProvider

    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    provider = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), "s3", os.environ)
    found: str | None = provider.provide()
    return found


def _mapped(call: Any) -> Any:
    """What `call` returns, with botocore's errors in our words."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except (BotoCoreError, ClientError) as error:
        kind, sentence = TABLE.get(type(error).__name__, (Denied, "the credentials of AWS cannot be had: {reason}"))
        raise kind(sentence.format(reason=error)) from error
