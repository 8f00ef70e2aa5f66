"""What dlm signs and reads by itself is what botocore would: the same headers, the same keys, the same place."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlm.model.download import DownloadSpec
from dlm.protocols.s3.address import Address, service_at
from dlm.protocols.s3.identity import _found
from dlm.protocols.s3.plain import plain
from dlm.protocols.s3.signing import StaticKeys, signed

AT = 1_900_000_000.0
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
VALUE = st.text("abz019 +/=-", min_size=1, max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=TEXT,
    endpoint=st.sampled_from(
        [None, "http://127.0.0.1:8333", "https://s3.example.org:443/base", "http://[::1]:80", "http://H:443"]
    ),
    query=st.none() | st.dictionaries(TEXT, TEXT, min_size=1, max_size=3),
    token=st.none() | st.just("to+k/en="),
    secret=st.text("abc/+", min_size=1, max_size=40),
    headers=st.dictionaries(st.sampled_from(["x-amz-request-payer", "X-Amz-Meta", "x-amz-date"]), VALUE, max_size=3),
)
def test_it_signs_as_botocore_does(
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    endpoint: str | None,
    query: dict[str, str] | None,
    token: str | None,
    secret: str,
    headers: dict[str, str],
) -> None:
    """Every header, whatever the key, the query, the place and the credentials."""
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = service_at("eu-central-1", endpoint).url(Address("bucket", key), query)
    when = datetime.datetime.fromtimestamp(AT, datetime.UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: when)
    request = AWSRequest(method="GET", url=url, headers=dict(headers))
    auth.S3SigV4Auth(Credentials("KEY", secret, token), "s3", "eu-central-1").add_auth(request)
    ours = signed(url, list(headers.items()), StaticKeys("KEY", secret, token), "eu-central-1", AT)
    assert {name.lower(): value for name, value in ours} == {name.lower(): value for name, value in request.headers.items()}


def test_keys_are_not_shown() -> None:
    """Neither what signs nor what goes along."""
    assert repr(StaticKeys("KEY", "s3cret", "t0ken")) == "StaticKeys('KEY')"


def sections(place: str) -> st.SearchStrategy[dict[str, str]]:
    """What a profile may say in a file that is told apart by the values."""
    return st.fixed_dictionaries(
        {},
        optional={
            "aws_access_key_id": st.just(f"{place}KEY"),
            "aws_secret_access_key": st.just(f"{place}secret%"),
            "aws_session_token": st.just(f"{place}token"),
            "region": st.sampled_from([f"eu-{place}-1", f"us-{place}-2"]),
            "output": st.just("json"),
            "role_arn": st.just("arn:aws:iam::1:role/r"),
            "endpoint_url": st.just("http://other:1"),
            "s3": st.just("\n  addressing_style = virtual"),
        },
    )


ENVIRON = st.fixed_dictionaries(
    {},
    optional={
        "AWS_ACCESS_KEY_ID": st.just("ENVKEY"),
        "AWS_SECRET_ACCESS_KEY": st.sampled_from(["envsecret", ""]),
        "AWS_SESSION_TOKEN": st.just("envtoken"),
        "AWS_DEFAULT_REGION": st.sampled_from(["us-west-1", ""]),
        "AWS_ENDPOINT_URL": st.just("http://everything:2"),
        "AWS_ENDPOINT_URL_S3": st.just("http://objects:3"),
        "AWS_PROFILE": st.sampled_from(["default", "work", "none"]),
    },
)


def written(section: Mapping[str, str], name: str) -> str:
    """A section of such a file."""
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in section.items()) if section else ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    environ=ENVIRON,
    shared=st.dictionaries(st.sampled_from(["default", "work"]), sections("shared")),
    configured=st.dictionaries(st.sampled_from(["default", "work"]), sections("config")),
    profile=st.sampled_from([None, None, "work"]),
    user=st.sampled_from([None, None, "ID:SEC:RET"]),
)
def test_what_is_plain_is_read_as_botocore_reads_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    shared: dict[str, dict[str, str]],
    configured: dict[str, dict[str, str]],
    profile: str | None,
    user: str | None,
) -> None:
    """Keys, region and endpoint from the environment and two files; where it says nothing, botocore is asked anyway."""
    (tmp_path / "credentials").write_text("".join(written(shared[name], name) for name in shared))
    titles = {"default": "default", "work": "profile work"}
    (tmp_path / "config").write_text("".join(written(configured[name], titles[name]) for name in configured))
    around = environ | {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }
    spec = DownloadSpec(uris=("s3://b/k",), directory="/d", profile=profile, user=user)
    found = plain(spec, around)
    if found is None:
        return
    with monkeypatch.context() as patch:
        for name, value in around.items():
            patch.setenv(name, value)
        identity = by_botocore(spec)
    service, keys = found
    theirs = identity.credentials.get_frozen_credentials()
    assert (keys.access_key, keys.secret_key, keys.token) == (theirs.access_key, theirs.secret_key, theirs.token)
    assert service == identity.service


def by_botocore(spec: DownloadSpec) -> Any:
    """The identity as it is found where nothing is plain."""
    from botocore.credentials import Credentials
    from botocore.session import Session

    return _found(spec, Session(profile=spec.profile), Credentials)


@pytest.mark.parametrize(
    ("environ", "section"),
    [
        ({"AWS_ACCESS_KEY_ID": "K", "AWS_SECRET_ACCESS_KEY": "S"}, {}),
        ({}, {"aws_access_key_id": "K", "aws_secret_access_key": "S", "region": "eu-west-1"}),
    ],
)
def test_what_most_people_have_is_plain(tmp_path: Path, environ: dict[str, str], section: dict[str, str]) -> None:
    """Keys in the environment, and keys in the file that `aws configure` writes: nothing has to be imported for them."""
    (tmp_path / "credentials").write_text(written(section, "default"))
    around = environ | {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_CONFIG_FILE": str(tmp_path / "no")}
    found = plain(DownloadSpec(uris=("s3://b/k",), directory="/d"), around)
    assert found is not None
    assert found[1] == StaticKeys("K", "S")
    assert found[0].region == section.get("region", "us-east-1")
