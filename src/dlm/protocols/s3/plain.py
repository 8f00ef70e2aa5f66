"""Who asks, where that is written down plainly: keys in the environment or in a profile that says nothing else.

Most people's are, and then botocore need not be imported, which takes longer than many an object. Whatever is not
understood here to the last word is left to botocore, so there are no rules of ours: a test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from dlm.model.download import DownloadSpec
from dlm.protocols.s3.address import Service, service_at
from dlm.protocols.s3.signing import StaticKeys

UNDERSTOOD = frozenset({"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region", "output"})
"""What a profile may say."""
NOT_UNDERSTOOD = (
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "BOTO_CONFIG",
)
"""What the environment may not."""


def plain(spec: DownloadSpec, environ: Mapping[str, str]) -> tuple[Service, StaticKeys] | None:
    """Who is asked, and with which keys; `None` where botocore has to say.

    Raises `InvalidRequest` for what is no region or endpoint.
    """
    named = {name: value for name, value in environ.items() if name.startswith(("AWS_", "BOTO_"))}
    chosen = [value for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE") if (value := named.get(name)) is not None]
    if "" in named.values() or any(name in named for name in NOT_UNDERSTOOD) or len(chosen) > 1:
        return None
    profile = spec.profile or (chosen[0] if chosen else None)
    said = _profile(profile, named)
    if said is None:
        return None
    shared, configured = said
    keys = _keys(spec, named, shared, configured)
    if keys is None:
        return None
    region = spec.region or named.get("AWS_DEFAULT_REGION") or shared.get("region") or configured.get("region")
    endpoint = spec.endpoint_url or named.get("AWS_ENDPOINT_URL_S3") or named.get("AWS_ENDPOINT_URL")
    return service_at(region, endpoint), keys


def _keys(
    spec: DownloadSpec, named: Mapping[str, str], shared: Mapping[str, str], configured: Mapping[str, str]
) -> StaticKeys | None:
    """In botocore's order: what was said in so many words, the environment unless a profile was, the profile's two places."""
    if spec.user is not None:
        name, colon, secret = spec.user.partition(":")
        return StaticKeys(name, secret) if colon else None
    environ = {name.lower(): value for name, value in named.items()} if spec.profile is None else {}
    for place in (environ, shared, configured):
        if "aws_access_key_id" in place:
            held = place.get("aws_secret_access_key")
            return StaticKeys(place["aws_access_key_id"], held, place.get("aws_session_token")) if held else None
    return None


def _profile(profile: str | None, named: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]] | None:
    """What the file of keys and that of settings say of it; `None` where one of them is not plain."""
    name = profile or "default"
    shared = _section(named.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"), name)
    configured = _section(named.get("AWS_CONFIG_FILE", "~/.aws/config"), name if name == "default" else f"profile {name}")
    if shared is None or configured is None or (profile is not None and not shared and not configured):
        return None
    return shared, configured


def _section(path: str, name: str) -> dict[str, str] | None:
    """What a section of a file says, nothing where there is none; `None` where it is not plain."""
    place = os.path.expanduser(os.path.expandvars(path))
    if not os.path.isfile(place):
        return {}
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(default_section="")
    try:
        parser.read(place, encoding="utf-8")
    except (Error, OSError, UnicodeDecodeError):
        return None
    said = dict(parser[name]) if parser.has_section(name) else {}
    plainly = UNDERSTOOD.issuperset(said) and all(value and "\n" not in value for value in said.values())
    return said if plainly else None
