"""S3Source keeps the contract of Sources over SeaweedFS, moto and a server that fails; who asks, how, and how often."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import re
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import Denied, DlmError, InvalidRequest, NotFound, Refused, TimedOut, Untrusted
from dlm.model.listing import Entry, Kind
from dlm.model.resource import Digest, Mirror, Resource
from dlm.model.span import Span
from dlm.ports import Source
from dlm.protocols.s3.source import S3Source
from tests.clouds import ACCESS_KEY, BUCKET, OPEN_BUCKET, SECRET_KEY, S3Peer
from tests.conftest import RunDlm
from tests.contracts.outlets import Pail
from tests.contracts.source import Ground, SourceContract
from tests.contracts.source_faults import FaultySourceContract
from tests.hostile import Content, Habits, HostileServer
from tests.hostile import content as generated
from tests.integration.test_source_contract import HostileGround
from tests.running import RunningDlm, json_lines, killed_on_the_way
from tests.scripted import Answer, Asked, Scripted

ODD = "grüße & 100% #1?.bin"
KEYS = f"{ACCESS_KEY}:{SECRET_KEY}"
Answered = TypeVar("Answered")


class HostileS3Ground(HostileGround):
    """The server of all personalities, each of which is a bucket."""

    def __init__(self, server: HostileServer) -> None:
        super().__init__(server)
        self._endpoint = server.url("").partition("/polite")[0]

    async def source(self) -> Source:
        return S3Source(SystemClock())

    def uri(self, kind: str) -> str:
        return "s3:/" + super().uri(kind).removeprefix(self._endpoint)

    def spellings(self) -> Sequence[str]:
        return ["s3:/" + each.removeprefix(self._endpoint) for each in super().spellings() if "?" not in each]

    def spec(self, uri: str) -> DownloadSpec:
        return DownloadSpec(uris=(uri,), directory="/", endpoint_url=self._endpoint, anonymous=True)


@dataclass
class S3Ground:
    """Objects of a real service."""

    content: bytes
    peer: S3Peer

    async def source(self) -> Source:
        return S3Source(SystemClock())

    def uri(self, kind: str) -> str:
        return f"s3://{BUCKET}/{kind}.bin"

    def spellings(self) -> Sequence[str]:
        self.peer.put(ODD, self.content)
        names = ("gr%C3%BC%C3%9Fe%20%26%20100%25%20%231%3F.bin", "grüße%20&%20100%25%20%231%3F.bin")
        return [f"s3://{BUCKET}/{name}" for name in names]

    def spec(self, uri: str) -> DownloadSpec:
        return spec_of(uri, self.peer)

    def change(self) -> None:
        self.peer.put("changing.bin", self.content[::-1])


def spec_of(uri: str, peer: S3Peer, keys: str | None = KEYS) -> DownloadSpec:
    """What asks the peer with these keys."""
    return DownloadSpec(uris=(uri,), directory="/", user=keys, endpoint_url=peer.endpoint, anonymous=keys is None)


def s3_ground(peer: S3Peer, content: Content) -> S3Ground:
    """The objects of the contract."""
    for key, held in (("whole.bin", content.data), ("empty.bin", b""), ("changing.bin", content.data)):
        peer.put(key, held)
    return S3Ground(content.data, peer)


class TestS3SourceOverAServerThatFails(FaultySourceContract):
    @pytest.fixture
    def ground(self, content: Content) -> Iterator[Ground]:
        with HostileServer(content, habits=Habits(interval=0.0005)) as server:
            yield HostileS3Ground(server)


@pytest.mark.peer
class TestS3SourceOverSeaweedfs(SourceContract):
    @pytest.fixture
    def ground(self, seaweedfs: S3Peer, content: Content) -> Ground:
        return s3_ground(seaweedfs, content)


@pytest.mark.peer
class TestS3SourceOverMoto(SourceContract):
    @pytest.fixture
    def ground(self, moto: S3Peer, content: Content) -> Ground:
        return s3_ground(moto, content)


# --- what a service tells ---------------------------------------------------------------------------------------------


def with_source(scenario: Callable[[S3Source], Coroutine[Any, Any, Answered]], clock: SystemClock | None = None) -> Answered:
    """What the scenario gives, with a Source of its own."""

    async def played() -> Answered:
        source = S3Source(clock or SystemClock())
        try:
            return await scenario(source)
        finally:
            await source.close()

    return asyncio.run(played())


def resource_of(uri: str, spec: DownloadSpec) -> Resource:
    """What opening the address tells."""

    async def scenario(source: S3Source) -> Resource:
        opening = await source.open(uri, spec)
        await opening.close()
        return opening.resource

    return with_source(scenario)


def listed(uri: str, spec: DownloadSpec) -> list[Entry]:
    """What the folder holds."""

    async def scenario(source: S3Source) -> list[Entry]:
        return [entry async for entry in source.entries(uri, spec)]

    return with_source(scenario)


def error_of(ask: Callable[[str, DownloadSpec], object], uri: str, spec: DownloadSpec) -> DlmError:
    """The error that asking ends with."""
    with pytest.raises(DlmError) as caught:
        ask(uri, spec)
    return caught.value


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["seaweedfs", "moto"])
def test_digests_come_with_the_first_reply(kind: str, request: pytest.FixtureRequest) -> None:
    """The MD5 of an object in one piece, with the checksum that it was uploaded with, nothing of an object of many parts."""
    peer: S3Peer = request.getfixturevalue(kind)
    peer.put("plain", b"12345")
    peer.put("summed", b"12345", ChecksumAlgorithm="SHA256")
    client = peer.client()
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    part = client.upload_part(Bucket=BUCKET, Key="parts", UploadId=upload, PartNumber=1, Body=b"12345")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    client.complete_multipart_upload(Bucket=BUCKET, Key="parts", UploadId=upload, MultipartUpload=parts)
    md5 = Digest("md5", hashlib.md5(b"12345").digest())
    sha = Digest("sha-256", hashlib.sha256(b"12345").digest())
    crc = Digest("crc32", bytes.fromhex("cbf53a1c"))
    for key, digests in (("plain", (crc, md5)), ("summed", (sha, md5)), ("parts", ())):
        uri = f"s3://{BUCKET}/{key}"
        resource = resource_of(uri, spec_of(uri, peer))
        assert (resource.part.digests, resource.part.size) == (digests, 5)
        assert resource.validator.etag


@pytest.mark.peer
def test_a_version_is_asked_for_by_its_id(moto: S3Peer) -> None:
    """Also when it is not the newest, or the newest is a deletion."""
    client = moto.client()
    client.create_bucket(Bucket="versions")
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    first = moto.put("key", b"first", "versions")["VersionId"]
    moto.put("key", b"second one", "versions")
    spec = spec_of("s3://versions/key", moto)
    assert resource_of(f"s3://versions/key?versionId={first}", spec).part.size == 5
    assert resource_of("s3://versions/key", spec).part.size == 10
    client.delete_object(Bucket="versions", Key="key")
    assert resource_of(f"s3://versions/key?versionId={first}", spec).part.size == 5


@pytest.mark.peer
def test_an_archived_object_says_what_to_do(moto: S3Peer) -> None:
    """It has to be restored, which no waiting does."""
    moto.put("cold", b"12345", StorageClass="GLACIER")
    error = error_of(resource_of, f"s3://{BUCKET}/cold", spec_of("s3://x/cold", moto))
    assert type(error) is Denied
    assert "is archived: restore it first" in str(error)


@pytest.mark.peer
@pytest.mark.parametrize(
    ("uri", "keys", "kind", "words"),
    [
        (f"s3://{BUCKET}/nope", KEYS, NotFound, "the bucket has no such key"),
        ("s3://no-such-bucket/nope", KEYS, NotFound, "there is no such bucket"),
        (f"s3://{BUCKET}/first", f"{ACCESS_KEY}:wrong", Denied, "the secret key does not belong to the access key"),
        (f"s3://{BUCKET}/first", "NOBODY:wrong", Denied, "does not know this access key"),
        (f"s3://{BUCKET}/first", None, Denied, "it was asked for anonymously"),
        (f"s3://{BUCKET}/folder/", KEYS, InvalidRequest, "is a folder: write -r to fetch what is in it"),
        (f"s3://{BUCKET}", KEYS, InvalidRequest, "is a folder: write -r to fetch what is in it"),
    ],
)
def test_each_refusal_has_its_sentence(seaweedfs: S3Peer, uri: str, keys: str | None, kind: type[DlmError], words: str) -> None:
    """From a service that checks signatures; it names the address as it was written, and no secret."""
    error = error_of(resource_of, uri, spec_of(uri, seaweedfs, keys))
    assert type(error) is kind
    assert words in str(error)
    assert str(error).startswith(uri)
    assert "wrong" not in str(error)


@pytest.mark.peer
def test_a_public_bucket_wants_no_credentials(seaweedfs: S3Peer) -> None:
    """Neither for objects nor for lists."""
    seaweedfs.put("in/open", b"12345", OPEN_BUCKET)
    spec = spec_of(f"s3://{OPEN_BUCKET}/in/open", seaweedfs, None)
    assert resource_of(f"s3://{OPEN_BUCKET}/in/open", spec).part.size == 5
    assert [entry.name for entry in listed(f"s3://{OPEN_BUCKET}/in", spec)] == ["open"]


# --- folders ----------------------------------------------------------------------------------------------------------


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["seaweedfs", "moto"])
def test_a_prefix_tells_what_it_holds(kind: str, request: pytest.FixtureRequest) -> None:
    """Names decoded, sizes, times and validators of objects, folders once, and nothing deeper."""
    peer: S3Peer = request.getfixturevalue(kind)
    for name in ("a b+c", "ü&x", "deep/1", "deep/2"):
        peer.put(f"list/{name}", b"12345")
    for uri in (f"s3://{BUCKET}/list/", f"s3://{BUCKET}/list"):
        entries = {entry.name: entry for entry in listed(uri, spec_of(uri, peer))}
        assert set(entries) == {"a b+c", "ü&x", "deep"}
        assert entries["deep"] == Entry("deep", Kind.FOLDER, None, None)
        file = entries["ü&x"]
        assert (file.kind, file.size, file.validator) == (Kind.FILE, 5, '"827ccb0eea8a706c4c34a16891f84e7b"')
        assert file.modified is not None
        assert file.modified > 1_000_000_000


@pytest.mark.peer
def test_hostile_names_come_through_as_they_are(moto: S3Peer) -> None:
    """A key is any text: whoever makes file names of them has to look."""
    moto.client().create_bucket(Bucket="hostile")
    for key in ("d/../../x", "d//abs", "d/.", "d/..", "/root"):
        moto.put(key, b"1", "hostile")
    spec = spec_of("s3://hostile/d/", moto)
    assert {(entry.name, entry.kind) for entry in listed("s3://hostile/d/", spec)} == {
        ("..", Kind.FOLDER), ("", Kind.FOLDER), (".", Kind.FILE), ("..", Kind.FILE)
    }  # fmt: skip
    assert ("", Kind.FOLDER) in {(entry.name, entry.kind) for entry in listed("s3://hostile", spec)}


def page(keys: Sequence[str], token: str | None = None) -> Answer:
    """A page of a list."""
    more = "" if token is None else f"<NextContinuationToken>{token}</NextContinuationToken>"
    held = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    return Answer(
        200,
        {},
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
        f"<IsTruncated>{str(token is not None).lower()}</IsTruncated>{more}{held}</ListBucketResult>".encode(),
    )


def spec_for(server: Scripted, **changes: Any) -> DownloadSpec:
    """What asks the scripted service."""
    spec = DownloadSpec(uris=("s3://bkt/key",), directory="/", user=KEYS, endpoint_url=f"http://127.0.0.1:{server.port}")
    return replace(spec, **changes)


def test_names_that_xml_cannot_hold_come_through() -> None:
    """They are asked for, and come, in URL encoding."""
    with Scripted(lambda _: page(["p/a%0A%00b", "p/%FF", "p/+%2B", "p/"])) as server:
        assert [entry.name for entry in listed("s3://bkt/p/", spec_for(server))] == ["a\n\0b", "\udcff", " +"]
        assert "encoding-type=url" in server.requests[0].target


def test_pages_follow_each_other() -> None:
    """By the tokens that the service gives; a page is asked for only when the one before has been walked through."""

    def script(asked: Asked) -> Answer:
        token = re.search(r"continuation-token=([^&]*)", asked.target)
        number = int(token[1].removeprefix("t%2B")) if token else 0
        return page([f"p/{number}%2B{each}" for each in range(1000)], f"t+{number + 1}" if number < 100 else None)

    with Scripted(script) as server:

        async def scenario(source: S3Source) -> list[str]:
            entries, names = source.entries("s3://bkt/p/", spec_for(server)), list[str]()
            async for entry in entries:
                names.append(entry.name)
                if len(names) == 2500:
                    break
            await entries.aclose()
            return names

        names = with_source(scenario)
        assert (names[0], names[-1], len(server.requests)) == ("0+0", "2+499", 3)


def test_a_list_in_a_circle_and_a_page_without_end_are_refused() -> None:
    """Neither time nor memory is the service's to spend."""

    def endless() -> Iterator[bytes]:
        yield b"<ListBucketResult>"
        while True:
            yield b"<Contents><Key>k</Key></Contents>" * 1000

    scripts: dict[str, Callable[[Asked], Answer]] = {
        "in a circle": lambda _: page(["k"], "same"),
        "more than 16 MiB": lambda _: Answer(200, {}, endless()),
    }
    for words, script in scripts.items():
        with Scripted(script) as server, pytest.raises(Untrusted, match=words):
            listed("s3://bkt/", spec_for(server))


# --- who asks, and how often ------------------------------------------------------------------------------------------


def refusal(status: int, code: str, fields: dict[str, str] | None = None) -> Answer:
    """A refusal of the service."""
    return Answer(status, fields or {}, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken"])
def test_wrong_credentials_are_tried_once(dlm: RunDlm, code: str) -> None:
    """By the whole command, with all its patience."""
    with Scripted(lambda _: refusal(403, code)) as server:
        environment = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_EC2_METADATA_DISABLED": "true"}
        result = dlm("get", "--endpoint-url", f"http://127.0.0.1:{server.port}", "s3://bkt/key", env=environment)
        assert (result.returncode, len(server.requests)) == (4, 1), result.stderr
        assert "hidden" not in result.stderr + result.stdout


def test_a_bucket_in_another_region_is_found() -> None:
    """With one request more for the first object, signed for the right region, and none for the next."""

    def script(asked: Asked) -> Answer:
        if "/eu-central-1/s3/" not in asked.fields["authorization"]:
            return refusal(301, "PermanentRedirect", {"x-amz-bucket-region": "eu-central-1"})
        return Answer(200, {"ETag": '"1"'}, b"12345")

    with Scripted(script) as server:

        async def scenario(source: S3Source) -> None:
            for _ in range(2):
                await (await source.open("s3://bkt/key", spec_for(server))).close()

        with_source(scenario)
        assert len(server.requests) == 3


def test_a_span_is_refused_in_the_same_words() -> None:
    """What is refused later, when the download has long begun, says why as well; and it is asked for elsewhere as well."""

    def script(asked: Asked) -> Answer:
        if "range" not in asked.fields:
            return Answer(200, {}, b"12345")
        return refusal(400, "ExpiredToken") if "/eu-central-1/" in asked.fields["authorization"] else moved

    moved = refusal(307, "TemporaryRedirect", {"x-amz-bucket-region": "eu-central-1", "Location": "http://127.0.0.1:1/"})
    with Scripted(script) as server:

        async def scenario(source: S3Source) -> None:
            opening, pail = await source.open("s3://bkt/key", spec_for(server)), Pail()
            await opening.close()
            with pytest.raises(Denied, match=r"s3://bkt/key is refused: the credentials have expired") as caught:
                await source.fetch(opening.resource, opening.resource.mirrors[0], Span(1, 5), pail, spec_for(server))
            assert (caught.value.uri, pail.offers) == ("s3://bkt/key", 0)

        with_source(scenario)
        assert len(server.requests) == 3


def test_a_service_that_falls_silent_in_a_list_is_not_waited_for() -> None:
    """Longer than the time-out."""
    silence = threading.Event()

    def half() -> Iterator[bytes]:
        yield b"<ListBucketResult>"
        silence.wait(10)

    with Scripted(lambda _: Answer(200, {}, half())) as server:
        error = error_of(listed, "s3://bkt/", spec_for(server, timeout=0.2))
        silence.set()
    assert isinstance(error, TimedOut)
    assert "s3://bkt/ was silent for 0.2 s" in str(error)


@pytest.mark.peer
def test_a_signed_link_is_plain_http(dlm: RunDlm, seaweedfs: S3Peer, tmp_path: Path) -> None:
    """It needs no keys, and its signature is shown nowhere."""
    seaweedfs.put("linked.bin", b"12345")
    link = seaweedfs.client().generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "linked.bin"})
    result = dlm("get", link)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "linked.bin").read_bytes() == b"12345"
    result = dlm("get", link + "0")
    assert result.returncode == 4
    assert link.rpartition("=")[2] not in result.stderr


@pytest.mark.parametrize("fields", [{}, {"x-amz-bucket-region": "us-east-1"}, {"x-amz-bucket-region": "eu-central-1"}])
def test_a_bucket_that_is_nowhere_is_refused(fields: dict[str, str]) -> None:
    """The service is asked twice at most, also when it names a new region each time, or the same."""
    with Scripted(lambda _: refusal(301, "PermanentRedirect", fields)) as server:
        error = error_of(resource_of, "s3://bkt/key", spec_for(server))
        assert type(error) is Refused
        assert "is elsewhere" in str(error)
        assert len(server.requests) <= 2


def test_each_request_is_signed_anew() -> None:
    """An hour later, too: no signature is used twice."""

    class Turned(SystemClock):
        """A clock that is set forward."""

        ahead = 0.0

        def wall(self) -> float:
            return super().wall() + self.ahead

    clock = Turned()

    def script(asked: Asked) -> Answer:
        return Answer(206, {"Content-Range": "bytes 0-4/5"}, b"12345") if "range" in asked.fields else Answer(200, {}, b"12345")

    with Scripted(script) as server:

        async def scenario(source: S3Source) -> None:
            spec = spec_for(server)
            opening = await source.open("s3://bkt/key", spec)
            await opening.close()
            clock.ahead = datetime(2036, 1, 1, 12, tzinfo=UTC).timestamp() - clock.wall()
            await source.fetch(opening.resource, Mirror("s3://bkt/key"), Span(0, 5), Pail(5), spec)

        with_source(scenario, clock)
        first, second = (request.fields["authorization"] for request in server.requests)
        assert "/20360101/" in second
        assert "/20360101/" not in first
        assert "range" not in re.findall(r"SignedHeaders=([^,]*)", second)[0]


def test_what_the_user_asks_is_signed_and_sent() -> None:
    """Who pays, and headers of the service's own; no key is sent as a password."""
    with Scripted(lambda _: Answer(200, {}, b"12345")) as server:
        spec = spec_for(server, requester_pays=True, headers=(("X-Amz-Expected-Bucket-Owner", "1"), ("X-Other", "2")))
        resource_of("s3://bkt/key", spec)
        fields = server.requests[0].fields
    signed = re.findall(r"SignedHeaders=([^,]*)", fields["authorization"])[0].split(";")
    assert {"x-amz-request-payer", "x-amz-expected-bucket-owner", "x-amz-checksum-mode", "host"} <= set(signed)
    assert (fields["x-amz-request-payer"], fields["x-other"]) == ("requester", "2")
    assert "range" not in fields
    assert "Basic" not in fields["authorization"]


def test_the_secret_key_is_never_a_password() -> None:
    """Also when the service, or who pretends to be it, asks for one."""
    with Scripted(lambda _: Answer(401, {"WWW-Authenticate": 'Basic realm="x"'})) as server:
        assert isinstance(error_of(resource_of, "s3://bkt/key", spec_for(server, netrc=True)), Denied)
        assert [request.fields["authorization"].partition(" ")[0] for request in server.requests] == ["AWS4-HMAC-SHA256"]


def test_an_object_stored_compressed_comes_as_it_is_stored() -> None:
    """Its digest, its length and its ranges are those of the stored bytes."""
    import gzip

    stored = gzip.compress(b"1" * 1000)
    fields = {"Content-Encoding": "gzip", "ETag": f'"{hashlib.md5(stored).hexdigest()}"', "Accept-Ranges": "bytes"}
    with Scripted(lambda _: Answer(200, fields, stored)) as server:

        async def scenario(source: S3Source) -> bytes:
            opening, pail = await source.open("s3://bkt/key", spec_for(server)), Pail()
            assert (opening.resource.part.size, opening.resource.encoded) == (len(stored), False)
            await opening.pour(pail)
            return bytes(pail.taken)

        assert with_source(scenario) == stored


def test_dots_in_a_key_are_sent_as_they_are() -> None:
    """`..` is a name like any other, and signed as such."""
    with Scripted(lambda _: Answer(200, {}, b"1")) as server:
        resource_of("s3://bkt/a/../b/./c", spec_for(server))
        assert server.requests[0].target == "/bkt/a/../b/./c"


def test_credentials_come_from_where_the_users_tools_have_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile that is named, with its region and its endpoint; the environment; a session's token."""
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    credentials.write_text("[work]\naws_access_key_id = WORK\naws_secret_access_key = x\naws_session_token = session\n")
    with Scripted(lambda _: Answer(200, {}, b"1")) as server:
        config.write_text(f"[profile work]\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:{server.port}\n")
        spec = DownloadSpec(uris=("s3://bkt/key",), directory="/", profile="work")
        resource_of("s3://bkt/key", spec)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OUTSIDE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.port}")
        resource_of("s3://bkt/key", replace(spec, profile=None))
        of_profile, of_environment = server.requests
    assert "Credential=WORK/" in of_profile.fields["authorization"]
    assert "/eu-north-1/s3/" in of_profile.fields["authorization"]
    assert of_profile.fields["x-amz-security-token"] == "session"
    assert "Credential=OUTSIDE/" in of_environment.fields["authorization"]
    error = error_of(resource_of, "s3://bkt/key", replace(spec, profile="nobody"))
    assert type(error) is InvalidRequest
    assert "nobody" in str(error)


@pytest.mark.peer
def test_a_bucket_may_be_a_part_of_the_hosts_name(seaweedfs: S3Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Amazon has it, and as the profile may want it of another service."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    seaweedfs.put("by/name ü", b"12345")

    def configure(port: int) -> None:
        service = f"endpoint_url = http://s3.localhost:{port}\ns3 =\n  addressing_style = virtual\n"
        (tmp_path / "config").write_text(f"[default]\n{service}")

    configure(seaweedfs.port)
    spec = replace(spec_of("s3://x/y", seaweedfs), endpoint_url=None)
    assert resource_of(f"s3://{BUCKET}/by/name%20%C3%BC", spec).part.size == 5
    assert [entry.name for entry in listed(f"s3://{BUCKET}/by/", spec)] == ["name ü"]
    error = error_of(resource_of, f"s3://{BUCKET}/nope", spec)
    assert str(error).startswith(f"s3://{BUCKET}/nope is not there")
    with Scripted(lambda _: Answer(200, {}, b"1")) as server:
        configure(server.port)
        resource_of(f"s3://{BUCKET}/key", spec)
        asked = server.requests[0]
        assert (asked.fields["host"], asked.target) == (f"{BUCKET}.s3.localhost:{server.port}", "/key")


def test_credentials_that_run_out_are_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a request is signed with them; that they cannot be had is one sentence."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    keys = {"Version": 1, "AccessKeyId": "KEY$(wc -l < count)", "SecretAccessKey": "x", "SessionToken": "y"}
    soon = {"Expiration": (datetime.now(UTC) + timedelta(minutes=5)).isoformat()}
    document = json.dumps(keys | soon).replace('"', '\\"')
    (tmp_path / "keys.sh").write_text(f'cd {tmp_path}\ntest -f broken && exit 1\necho >> count\necho "{document}"\n')
    (tmp_path / "config").write_text(f"[profile short]\ncredential_process = sh {tmp_path}/keys.sh\n")
    with Scripted(lambda _: Answer(200, {}, b"1")) as server:

        async def scenario(source: S3Source) -> None:
            spec = spec_for(server, user=None, profile="short")
            for _ in range(2):
                await (await source.open("s3://bkt/key", spec)).close()
            (tmp_path / "broken").touch()
            with pytest.raises(Denied, match="the credentials of AWS cannot be had"):
                await source.open("s3://bkt/key", spec)

        with_source(scenario)
        first, second = (request.fields["authorization"].partition("/")[0] for request in server.requests)
    assert first != second


def test_without_credentials_it_is_asked_for_anonymously(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a refusal says so."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with Scripted(lambda _: refusal(403, "AccessDenied")) as server:
        error = error_of(resource_of, "s3://bkt/key", spec_for(server, user=None))
        assert "no credentials were found" in str(error)
        assert "authorization" not in server.requests[0].fields


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """But what is public comes without it, and so does what has plain keys."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with Scripted(lambda _: Answer(200, {}, b"1")) as server:
        error = error_of(resource_of, "s3://bkt/key", spec_for(server, user=None))
        assert isinstance(error, InvalidRequest)
        assert "pip install 'dlm[s3]'" in str(error)
        assert resource_of("s3://bkt/key", spec_for(server)).part.size == 1
        assert resource_of("s3://bkt/key", spec_for(server, user=None, anonymous=True)).part.size == 1


def test_nothing_of_it_is_imported_for_others() -> None:
    """botocore takes a third of a second, which only objects cost."""
    assert importlib.util.find_spec("botocore") is not None
    script = "import sys; from dlm.protocols.s3.source import S3Source; import dlm.app; print('botocore' in sys.modules)"
    import subprocess

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.peer
def test_the_command_verifies_what_it_fetches(dlm: RunDlm, seaweedfs: S3Peer, content: Content, tmp_path: Path) -> None:
    """By the MD5 that is the ETag; under the name that the key has, with the exit codes of its errors."""
    seaweedfs.put("some/ü file.bin", content.data)
    args = ("get", "--endpoint-url", seaweedfs.endpoint, "--user", KEYS)
    result = dlm(*args, "--json", f"s3://{BUCKET}/some/%C3%BC%20file.bin")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "ü file.bin").read_bytes() == content.data
    assert "verified by md5" in result.stdout or "md5" in json.dumps(json_lines(result.stdout)[-1])
    for uri, code in ((f"s3://{BUCKET}/nope", 3), ("s3://no-such/nope", 3), (f"s3://{BUCKET}/folder/", 2)):
        result = dlm(*args, uri)
        assert result.returncode == code, result.stderr
    assert SECRET_KEY not in result.stderr


@pytest.mark.peer
@pytest.mark.parametrize(
    ("kind", "algorithm"),
    # moto as it is installed states CRC32 under the name of CRC32C.
    [("seaweedfs", "CRC64NVME"), ("seaweedfs", "CRC32C"), ("seaweedfs", "CRC32"), ("moto", "CRC64NVME"), ("moto", "CRC32")],
)
def test_an_object_in_parts_is_verified_by_its_crc(
    algorithm: str, kind: str, dlm: RunDlm, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Where that covers the whole object, as the store puts it together; one of the checksums of the parts proves nothing."""
    peer: S3Peer = request.getfixturevalue(kind)
    pieces = [generated(5 * 2**20, seed=1), generated(300_001, seed=2)]
    args = ("get", "--json", "--endpoint-url", peer.endpoint, "--user", KEYS, "--region", "us-east-1")
    for type_ in ("FULL_OBJECT", "COMPOSITE") if algorithm != "CRC64NVME" else ("FULL_OBJECT",):
        key = f"{algorithm}-{type_}.bin"
        upload_in_parts(peer, key, pieces, algorithm, type_)
        result = dlm(*args, f"s3://{BUCKET}/{key}")
        assert result.returncode == 0, result.stderr
        assert (tmp_path / key).read_bytes() == b"".join(pieces)
        proof = algorithm.lower() if type_ == "FULL_OBJECT" else None
        assert json_lines(result.stdout)[-1]["verified_by"] == proof


def upload_in_parts(peer: S3Peer, key: str, pieces: Sequence[bytes], algorithm: str, type_: str) -> None:
    """Upload an object with a checksum that covers the whole, or is made of those of its parts."""
    client, place = peer.client(), {"Bucket": BUCKET, "Key": key}
    upload = client.create_multipart_upload(**place, ChecksumAlgorithm=algorithm, ChecksumType=type_)["UploadId"]
    parts = []
    for number, piece in enumerate(pieces, 1):
        part = client.upload_part(**place, UploadId=upload, PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm)
        name = f"Checksum{algorithm}"
        parts.append({"PartNumber": number, "ETag": part["ETag"], name: part[name]})
    client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts}, ChecksumType=type_)


@pytest.mark.peer
def test_what_a_kill_left_is_gone_on_with(seaweedfs: S3Peer, tmp_path: Path) -> None:
    """The bytes on disk are not fetched again, and the file is the right one."""
    whole = generated(16_000_011, seed=5)
    seaweedfs.put("large.bin", whole)
    args = ("get", "-x", "2", "--json", "--user", KEYS, "--endpoint-url", seaweedfs.endpoint, f"s3://{BUCKET}/large.bin")
    durable = killed_on_the_way(args, tmp_path)
    with RunningDlm(*args, cwd=tmp_path) as running:
        code, out, errors = running.end()
    assert code == 0, errors
    assert (tmp_path / "large.bin").read_bytes() == whole
    assert min(row["downloaded"] for row in json_lines(out) if "downloaded" in row) >= durable
