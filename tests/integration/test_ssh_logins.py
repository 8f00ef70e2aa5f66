"""Who is let in, and whom dlm trusts: keys, agents, passwords, host keys, jumps, the user's configuration."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import Denied, DlmError, InvalidRequest, NotFound, UnknownHostKey, Unreachable, Untrusted
from dlm.protocols.ssh.source import SshSource
from tests.programs import find_program
from tests.ssh_script import PASSWORD, USER, Script, scripted
from tests.sshd import HOST, Relay, Sshd, make_key, sshd

CONTENT = b"well come"
FILES = {"file.txt": CONTENT}


def head(uri: str, spec: DownloadSpec, *, times: int = 1) -> int | None:
    """The size of what is there, asked for so many times at once by one Source."""

    async def opened() -> int | None:
        source = SshSource(SystemClock())
        try:
            async with asyncio.timeout(60):
                openings = await asyncio.gather(*(source.open(uri, spec) for _ in range(times)), return_exceptions=True)
                for opening in openings:
                    if isinstance(opening, BaseException):
                        raise opening
                    await opening.close()
                    size = opening.resource.part.size
                return size
        finally:
            await source.close()

    return asyncio.run(opened())


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """OpenSSH with one file."""
    with sshd(FILES, tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def dot_ssh(isolated_environment: Path) -> Path:
    """The user's `~/.ssh`."""
    folder = isolated_environment / ".ssh"
    folder.mkdir(mode=0o700)
    return folder


def plain(uri: str, **options: object) -> DownloadSpec:
    """A spec for one address."""
    return replace(DownloadSpec(uris=(uri,), directory="/"), **options)  # type: ignore[arg-type]  # fields of all types


def scripted_spec(script: Script, **options: object) -> DownloadSpec:
    """A spec for the scripted server, whose host key is pinned."""
    return plain(script.url("/file"), hostkey=script.fingerprint, **options)


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.peer
def test_a_key_by_name_and_one_in_its_usual_place(peer: Sshd, dot_ssh: Path) -> None:
    """`--key FILE`, and `~/.ssh/id_ed25519`, each let in; without either nobody is, and it is said what to do."""
    uri = peer.url("/file.txt")
    with pytest.raises(Denied, match=r"--user NAME.*--key FILE.*ssh-add"):
        head(uri, plain(uri, hostkey=peer.fingerprint))
    assert head(uri, plain(uri, hostkey=peer.fingerprint, key=str(peer.key))) == len(CONTENT)
    (dot_ssh / "id_ed25519").write_text(peer.key.read_text())
    (dot_ssh / "id_ed25519").chmod(0o600)
    assert head(uri, plain(uri, hostkey=peer.fingerprint)) == len(CONTENT)


@pytest.mark.peer
def test_a_key_that_is_not_let_in(peer: Sshd, tmp_path: Path) -> None:
    """The sentence names the key; a file that is no key is the user's error."""
    uri, stranger = peer.url("/file.txt"), make_key(tmp_path / "stranger")
    with pytest.raises(Denied, match=str(stranger)):
        head(uri, plain(uri, hostkey=peer.fingerprint, key=str(stranger)))
    (tmp_path / "text").write_text("this is no key")
    with pytest.raises(InvalidRequest, match="no private key"):
        head(uri, plain(uri, hostkey=peer.fingerprint, key=str(tmp_path / "text")))


@pytest.mark.peer
def test_a_passphrase_opens_its_key_and_goes_nowhere(tmp_path: Path) -> None:
    """It is given as the password; a wrong one is noticed here, and the server never sees it."""
    key = make_key(tmp_path / "locked", "open sesame")
    with scripted(CONTENT, keys=[key.with_suffix(".pub").read_text()]) as script:
        uri = script.url("/file")
        spec = scripted_spec(script, key=str(key))
        assert head(uri, replace(spec, user=f"{USER}:open sesame")) == len(CONTENT)
        with pytest.raises(InvalidRequest, match="is not its passphrase"):
            head(uri, replace(spec, user=f"{USER}:open says me"))
        with pytest.raises(InvalidRequest, match="ssh-add"):
            head(uri, spec)
        assert script.attempts == []


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A running ssh-agent without keys."""
    program, socket = find_program("ssh-agent", "apt-get install openssh-client"), str(tmp_path / "agent")
    process = subprocess.Popen([program, "-D", "-a", socket], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    try:
        while not os.path.exists(socket):
            assert process.poll() is None
        yield socket
    finally:
        process.kill()
        process.wait()


@pytest.mark.peer
def test_keys_of_an_agent(peer: Sshd, agent: str, tmp_path: Path) -> None:
    """Those it holds are offered; one that is named and locked is used through it."""
    find_program("ssh-add", "apt-get install openssh-client")
    uri, locked = peer.url("/file.txt"), tmp_path / "locked"
    locked.write_text(peer.key.read_text())
    locked.chmod(0o600)
    locked.with_suffix(".pub").write_text(peer.key.with_suffix(".pub").read_text())
    subprocess.run(["ssh-add", "-q", locked], check=True)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", locked], check=True, stdout=subprocess.DEVNULL)
    assert head(uri, plain(uri, hostkey=peer.fingerprint)) == len(CONTENT)
    assert head(uri, plain(uri, hostkey=peer.fingerprint, key=str(locked))) == len(CONTENT)


# --- passwords --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", [None, "Password: ", "(user@host) Passwort: "])
def test_a_password_is_said_once(question: str | None) -> None:
    """By either method, in the address or with `--user`; a wrong one is tried once in all, however many ask for it."""
    with scripted(CONTENT, question=question) as script:
        uri = script.url("/file", f"{USER}:{PASSWORD}")
        assert head(uri, scripted_spec(script)) == len(CONTENT)
        assert head(script.url("/file"), scripted_spec(script, user=f"{USER}:{PASSWORD}")) == len(CONTENT)
        assert script.attempts == [PASSWORD] * 2
        script.attempts.clear()
        with pytest.raises(Denied) as caught:
            head(script.url("/file"), scripted_spec(script, user=f"{USER}:wrong"), times=5)
        assert script.attempts == ["wrong"]
        assert "wrong" not in str(caught.value)
        assert USER in str(caught.value)


def test_a_question_that_is_not_for_the_password_does_not_get_it() -> None:
    """A wrong answer would count as an attempt, and tell the password to something that did not ask for it."""
    with scripted(CONTENT, question="Verification code: ", passwords=False) as script:
        with pytest.raises(Denied, match="'Verification code:', which dlm cannot answer"):
            head(script.url("/file"), scripted_spec(script, user=f"{USER}:{PASSWORD}"))
        assert script.attempts == []


def test_a_password_of_netrc(isolated_environment: Path) -> None:
    """With `--netrc`, and only then."""
    netrc = isolated_environment / ".netrc"
    netrc.write_text(f"machine {HOST} login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)
    with scripted(CONTENT) as script:
        uri = script.url("/file")
        assert head(uri, scripted_spec(script, netrc=True)) == len(CONTENT)
        with pytest.raises(Denied):
            head(uri, scripted_spec(script))


@pytest.mark.peer
def test_passwords_with_openssh(tmp_path: Path) -> None:
    """As PAM has them: a right one is let in, a wrong one is tried once, by the server's own count."""
    if os.geteuid() != 0:
        pytest.skip("not here: only root can have sshd look at passwords")
    user, password = "dlm-test-user", "cOrrect horse"
    subprocess.run(["userdel", user], capture_output=True)
    subprocess.run(["useradd", "-M", "-d", "/", "-s", "/bin/sh", user], check=True)
    try:
        subprocess.run(["chpasswd"], input=f"{user}:{password}", text=True, check=True)
        file = tmp_path / "public"
        file.mkdir()
        with sshd(FILES, file, password=True) as running:
            uri = running.url("/file.txt").replace("://", f"://{user}@")
            readable(running.root / "file.txt")
            spec = plain(uri, hostkey=running.fingerprint)
            assert head(uri, replace(spec, user=f"{user}:{password}")) == len(CONTENT)
            with pytest.raises(Denied, match="does not accept this password"):
                head(uri, replace(spec, user=f"{user}:wrong"), times=3)
            log = running.log.read_text()
            assert log.count("PAM: Authentication failure") == 1, log
            assert "Failed password" not in log, log
    finally:
        subprocess.run(["userdel", user], check=True, capture_output=True)


def readable(path: Path) -> None:
    """Let everybody reach the file."""
    for each in (path, *path.parents):
        if each != Path("/") and os.stat(each).st_uid == os.geteuid():
            each.chmod(each.stat().st_mode | 0o055)


# --- host keys --------------------------------------------------------------------------------------------------------


@pytest.mark.peer
def test_a_host_key_that_nobody_knows(peer: Sshd, dot_ssh: Path) -> None:
    """It is refused with its fingerprint and what to do; with the line that the error carries it is known."""
    uri = peer.url("/file.txt")
    with pytest.raises(UnknownHostKey) as caught:
        head(uri, plain(uri, key=str(peer.key)))
    error, file = caught.value, str(dot_ssh / "known_hosts")
    assert (error.fingerprint, error.known_hosts) == (peer.fingerprint, file)
    assert f"--hostkey {peer.fingerprint}" in str(error)
    assert f"ssh-keyscan -p {peer.port} {HOST} >> {file}" in str(error)
    assert f"{error.line}\n" == peer.known()
    Path(file).write_text(f"# a comment\nthis line makes no sense\n{error.line}\n")
    assert head(uri, plain(uri, key=str(peer.key))) == len(CONTENT)


@pytest.mark.peer
@pytest.mark.parametrize("hashed", [False, True])
def test_a_host_key_that_has_changed(peer: Sshd, dot_ssh: Path, tmp_path: Path, hashed: bool) -> None:
    """Nothing is sent; both fingerprints are told, and how to forget the old one works."""
    other = make_key(tmp_path / "other")
    known = dot_ssh / "known_hosts"
    known.write_text(peer.known().rsplit(" ", 2)[0] + " " + " ".join(other.with_suffix(".pub").read_text().split()[:2]) + "\n")
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    uri = peer.url("/file.txt")
    with pytest.raises(Untrusted, match="changed host key") as caught:
        head(uri, plain(uri, key=str(peer.key)))
    assert not isinstance(caught.value, UnknownHostKey)
    assert peer.fingerprint in str(caught.value)
    command = f"ssh-keygen -R '[{HOST}]:{peer.port}' -f {known}"
    assert command in str(caught.value)
    subprocess.run(command, shell=True, check=True, capture_output=True)
    with pytest.raises(UnknownHostKey):
        head(uri, plain(uri, key=str(peer.key)))


@pytest.mark.peer
def test_a_pinned_host_key(peer: Sshd, dot_ssh: Path, tmp_path: Path) -> None:
    """The pin alone decides, whatever is known; `--insecure` asks nothing."""
    uri, other = peer.url("/file.txt"), make_key(tmp_path / "other")
    (dot_ssh / "known_hosts").write_text(peer.known())
    wrong = "SHA256:" + "A" * 43
    with pytest.raises(Untrusted, match=wrong):
        head(uri, plain(uri, key=str(peer.key), hostkey=wrong))
    (dot_ssh / "known_hosts").write_text(f"[{HOST}]:{peer.port} {other.with_suffix('.pub').read_text()}")
    assert head(uri, plain(uri, key=str(peer.key), hostkey=peer.fingerprint)) == len(CONTENT)
    assert head(uri, plain(uri, key=str(peer.key), insecure=True)) == len(CONTENT)


@pytest.mark.peer
def test_a_revoked_host_key(peer: Sshd, dot_ssh: Path) -> None:
    """What is marked as revoked is trusted by no pin."""
    (dot_ssh / "known_hosts").write_text(f"@revoked {peer.known()}")
    uri = peer.url("/file.txt")
    for pin in (None, peer.fingerprint):
        with pytest.raises(Untrusted, match="revoked"):
            head(uri, plain(uri, key=str(peer.key), hostkey=pin))


# --- the user's configuration -----------------------------------------------------------------------------------------


@pytest.mark.peer
def test_the_users_configuration_holds(peer: Sshd, dot_ssh: Path) -> None:
    """HostName, Port, User, IdentityFile and UserKnownHostsFile of `~/.ssh/config`, for a name that is only there."""
    (dot_ssh / "known by me").write_text(peer.known().replace(f"[{HOST}]", "[127.0.0.1]"))
    (dot_ssh / "config").write_text(
        f'Host work\n HostName {HOST}\n Port {peer.port}\n User {peer.user}\n IdentityFile "{peer.key}"\n'
        f' UserKnownHostsFile "{dot_ssh / "known by me"}"\n'
    )
    uri = f"sftp://work{peer.root}/file.txt"
    assert head(uri, plain(uri)) == len(CONTENT)
    (dot_ssh / "config").write_text("Host *\n Port nonsense\n")
    with pytest.raises(InvalidRequest, match="config"):
        head(uri, plain(uri))


@pytest.mark.peer
def test_a_jump_host(peer: Sshd, dot_ssh: Path, tmp_path: Path) -> None:
    """ProxyJump leads through; each of the two is held to its own host key; a circle is no way."""
    uri = f"sftp://inner{peer.root}/file.txt"
    with sshd({}, tmp_path) as jump:
        (tmp_path / "authorized").write_text(peer.key.with_suffix(".pub").read_text())
        (dot_ssh / "config").write_text(
            f"Host inner\n HostName {HOST}\n Port {peer.port}\n ProxyJump outer\n"
            f"Host outer\n HostName {HOST}\n Port {jump.port}\nHost *\n IdentityFile {peer.key}\n"
        )
        known = dot_ssh / "known_hosts"
        known.write_text(peer.known())
        with pytest.raises(UnknownHostKey, match="the jump host outer"):
            head(uri, plain(uri))
        known.write_text(jump.known())
        with pytest.raises(UnknownHostKey, match="inner"):
            head(uri, plain(uri))
        known.write_text(jump.known() + peer.known())
        before = jump.logins()
        assert head(uri, plain(uri)) == len(CONTENT)
        assert jump.logins() == before + 1
        straight = peer.url("/file.txt")
        assert head(straight, plain(straight, key=str(peer.key))) == len(CONTENT)
        assert jump.logins() == before + 1
    (dot_ssh / "config").write_text("Host *\n ProxyJump other\n")
    with pytest.raises(InvalidRequest, match="circle"):
        head(uri, plain(uri))


# --- what cannot be ---------------------------------------------------------------------------------------------------


@pytest.mark.peer
def test_servers_that_cannot_be_reached(peer: Sshd) -> None:
    """Nobody there, no such name, a connection that is cut, a silent server: each in its own words, and worth a retry."""
    with Relay(peer.port, cut=0) as cutting, Relay(peer.port) as silent:
        silent.stalled = True
        for uri, words in (
            (f"sftp://{HOST}:1/f", "cannot be reached"),
            ("sftp://nowhere.invalid/f", "the name of the host is not known"),
            (f"sftp://{HOST}:{cutting.port}/f", "lost the connection"),
            (f"sftp://{HOST}:{silent.port}/f", "did not answer in time"),
        ):
            with pytest.raises(DlmError, match=words) as caught:
                head(uri, plain(uri, timeout=0.5))
            assert caught.value.verdict.value == "retry"
        silent.stalled = False


def test_a_proxy_is_not_gone_around() -> None:
    """Whoever asks for a proxy does not want to be seen by the server."""
    uri = "sftp://h/f"
    with pytest.raises(InvalidRequest, match="ProxyJump"):
        head(uri, plain(uri, proxy="socks5h://p:1"))


@pytest.mark.peer
def test_what_is_missing_names_no_secret(peer: Sshd) -> None:
    """The address is shown without user and password."""
    uri = peer.url("/missing").replace("://", "://me:hidden@")
    with pytest.raises((NotFound, Denied, Unreachable)) as caught:
        head(uri, plain(uri, hostkey=peer.fingerprint, key=str(peer.key)))
    assert "hidden" not in str(caught.value)
