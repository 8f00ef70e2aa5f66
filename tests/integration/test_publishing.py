"""How files get their names: whatever a server, a neighbour or a full disk does, one file inside the directory, or none."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import RunDlm
from tests.contracts.disks import fill, small_disk
from tests.hostile import HostileServer, content
from tests.redirecting import redirecting
from tests.running import RunningDlm, durable, json_lines, until

SMALL = content(5_001, seed=1)
LARGE = content(3_000_001, seed=6)

HOSTILE_NAMES = (
    # A1: other places
    'filename="../../.ssh/authorized_keys"',
    'filename="..\\\\..\\\\x"',
    'filename="/etc/cron.d/x"',
    'filename="C:\\\\Windows\\\\x.dll"',
    "filename*=UTF-8''..%2F..%2Fx",
    "filename*=UTF-8''%2e%2e%2f%2e%2e%2fx",
    'filename=".."',
    'filename="."',
    'filename=""',
    'filename="a/../../b/"',
    'filename="\\\\\\\\server\\\\share\\\\x"',
    # A6: what shells and programs read by themselves
    'filename=".bashrc"',
    'filename="...hidden"',
    'filename=" .profile"',
    # A7: what Windows takes for something else
    'filename="con.htm"',
    'filename="NUL"',
    'filename="x.lnk"',
    'filename="desktop.ini"',
    'filename="a:b"',
    'filename="x.{645FF040-5081-101B-9F08-00AA002F954E}"',
    'filename="trailing. . "',
    'filename="%HOME%"',
    "filename*=UTF-8''%EF%BC%8E%EF%BC%8E%EF%BC%8Fx",
    # A8: what screens obey
    'filename="x\x1b[2Jy"',
    "filename*=UTF-8''a%E2%80%AEgnp.exe",
    "filename*=UTF-8''line%0Abreak",
    "filename*=UTF-8''%EF%BB%BF%E2%80%8B",
    'filename="caf\xe9.txt"',
    "filename*=UTF-8''%ff%fe",
    # A9: too long
    f'filename="{"x" * 300}.tar.gz"',
    "filename*=UTF-8''" + quote("名" * 200) + ".tar.gz",
    f'filename="{"x." * 200}"',
    # A12: names that some file systems take for the same
    'filename="Same.txt"',
    'filename="same.TXT"',
    "filename*=UTF-8''e%CC%81.txt",
    "filename*=UTF-8''%C3%A9.txt",
    # and no name at all
    "filename=",
    "filename*=x",
    "filename*=utf-7''%2BAC8-etc",
)


def files_under(folder: Path) -> dict[str, bytes]:
    """Every file in it, at any depth, links not followed."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def server() -> Iterator[HostileServer]:
    """A quick server of a small file."""
    with HostileServer(SMALL) as running:
        yield running


@pytest.fixture
def slow() -> Iterator[HostileServer]:
    """A server that takes half a minute for the rest of its file, or until it is told to hurry."""
    with HostileServer(LARGE, bytes_per_second=30_000, headstart=2_100_000) as running:
        yield running


# --- names from servers -----------------------------------------------------------------------------------------------


def test_no_suggestion_leads_out_of_the_directory(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Each makes exactly one visible file with a short, plain name in the directory, and nothing anywhere else."""
    out = tmp_path / "a" / "b" / "out"
    urls = [f"{server.url(f'/{number}.bin', 'disposition')}?name={quote('attachment; ' + name, encoding='latin-1')}"
            for number, name in enumerate(HOSTILE_NAMES)]  # fmt: skip
    result = dlm("get", "-j", "4", "-d", str(out), *urls, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr
    files = files_under(tmp_path)
    assert len(files) == len(HOSTILE_NAMES)
    assert set(files.values()) == {SMALL}
    for path in files:
        folder, name = os.path.split(path)
        assert folder == "a/b/out"
        assert len(name.encode()) <= 255
        assert name.isprintable()
        assert not name.startswith((".", " "))
        assert not name.endswith((".", " ", ".lnk", "}"))
        assert not set(name) & set('/\\<>:"|?*')
        assert name.partition(".")[0].lower() not in {"con", "nul"}
    names = {os.path.basename(path) for path in files}
    assert {"authorized_keys", "bashrc", "_con.htm", "x.lnk.download", "same.TXT", "Same.txt", "é.txt", "é (1).txt"} <= names
    assert any(name.endswith(".tar.gz") for name in names if len(name) > 200)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/.netrc", "netrc"),
        ("/..%2f..%2fetc%2fpasswd", "passwd"),
        ("/..%5c..%5cx", "x"),
        ("/%2e%2e", "download"),
        ("/a%00b", "ab"),
        ("/folder/", "folder"),
        ("/con", "_con"),
        ("/" + "x" * 400 + ".iso", "x" * 240 + ".iso"),
    ],
)
def test_no_address_leads_out_of_the_directory(
    path: str, name: str, dlm: RunDlm, server: HostileServer, tmp_path: Path
) -> None:
    """The last part of the path, decoded once and made harmless, is the name."""
    result = dlm("get", "-d", str(tmp_path / "out"), server.url(path))
    assert result.returncode == 0, result.stderr
    assert files_under(tmp_path) == {f"out/{name}": SMALL}


def test_the_name_is_not_taken_from_where_a_redirect_led(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """It is that of the address which the user knows."""
    with redirecting(server.url("/.bash_profile")) as elsewhere:
        result = dlm("get", f"{elsewhere}/report.pdf")
    assert result.returncode == 0, result.stderr
    assert files_under(tmp_path) == {"report.pdf": SMALL}


# --- links in the way -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planted", ["file.bin", "file.bin.part"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_planted_link_is_not_followed(
    planted: str, dangling: bool, dlm: RunDlm, server: HostileServer, tmp_path: Path
) -> None:
    """Neither under the final name nor under that of the partial file: another name is taken, or the download refused."""
    out, victim = tmp_path / "out", tmp_path / "victim"
    out.mkdir()
    if not dangling:
        victim.write_text("precious")
    (out / planted).symlink_to(victim)
    assert dlm("get", "-d", "out", server.url("/file.bin")).returncode == 0
    assert (out / "file (1).bin").read_bytes() == SMALL
    refused = dlm("get", "-d", "out", "-o", "file.bin", server.url("/other.bin"))
    assert refused.returncode == 6
    assert (out / planted).is_symlink()
    assert victim.exists() is not dangling
    assert dangling or victim.read_text() == "precious"
    assert len(files_under(tmp_path)) == (1 if dangling else 2)


def test_overwriting_a_link_replaces_the_link(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """What it points to stays as it is."""
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "file.bin").symlink_to("victim")
    assert dlm("get", "--overwrite", "-o", "file.bin", server.url()).returncode == 0
    assert files_under(tmp_path) == {"victim": b"precious", "file.bin": SMALL}


def test_a_directory_that_is_swapped_meanwhile_gets_nothing(slow: HostileServer, tmp_path: Path) -> None:
    """The file stays in the directory in which it was begun, whatever its path leads to now."""
    out, victim = tmp_path / "out", tmp_path / "victim"
    victim.mkdir()
    with RunningDlm("get", "-d", "out", slow.url(), cwd=tmp_path) as running:
        until((out / "file.bin.part").exists)
        out.rename(tmp_path / "moved")
        out.symlink_to(victim)
        slow.hurry()
        running.end()
    assert list(victim.iterdir()) == []
    assert set(files_under(tmp_path).values()) == {LARGE}


def test_a_partial_file_that_was_swapped_is_not_gone_on_with(dlm: RunDlm, slow: HostileServer, tmp_path: Path) -> None:
    """A link in its place is left alone, and the download begins anew beside it."""
    (tmp_path / "victim").write_text("precious")
    with RunningDlm("get", slow.url(), cwd=tmp_path) as running:
        until(lambda: durable() > 0)
        running.send(signal.SIGINT)
        assert running.end()[0] == 130
    (tmp_path / "file.bin.part").unlink()
    (tmp_path / "file.bin.part").symlink_to("victim")
    slow.hurry()
    result = dlm("get", slow.url())
    assert result.returncode == 0, result.stderr
    assert files_under(tmp_path) == {"victim": b"precious", "file (1).bin": LARGE}


def test_a_partial_file_that_is_deleted_meanwhile_is_made_again(slow: HostileServer, tmp_path: Path) -> None:
    """Once; what comes out is the whole file."""
    with RunningDlm("get", slow.url(), cwd=tmp_path) as running:
        until((tmp_path / "file.bin.part").exists)
        (tmp_path / "file.bin.part").unlink()
        slow.hurry()
        code, _, err = running.end()
    assert code == 0, err
    assert files_under(tmp_path) == {"file.bin": LARGE}


# --- when it fails ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "args", "code"),
    [
        ("status-404", [], 3),
        ("polite", ["--checksum", "md5=" + "0" * 32], 7),
        ("truncates-no-range", ["--retries", "0"], 5),
        ("digest-headers-wrong", [], 7),
    ],
)
def test_a_failure_leaves_the_old_file(
    kind: str, args: list[str], code: int, dlm: RunDlm, server: HostileServer, tmp_path: Path
) -> None:
    """Also with --overwrite: it is replaced by a whole and right one, or not at all."""
    (tmp_path / "file.bin").write_text("old")
    result = dlm("get", "--overwrite", "-o", "file.bin", *args, server.url("/file.bin", kind))
    assert result.returncode == code, result.stderr
    assert (tmp_path / "file.bin").read_text() == "old"


def test_the_name_appears_only_with_the_whole_file(slow: HostileServer, tmp_path: Path) -> None:
    """Whoever looks sees nothing, or all of it."""
    target = tmp_path / "file.bin"
    with RunningDlm("get", slow.url(), cwd=tmp_path) as running:
        until((tmp_path / "file.bin.part").exists)
        assert not target.exists()
        slow.hurry()
        until(target.exists)
        assert target.read_bytes() == LARGE
        assert running.end()[0] == 0


def test_a_full_disk_is_told_and_left_as_it_was(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Exit code 6 and a sentence, at once where the size is known; when there is space again, the same command works."""
    with small_disk(tmp_path / "disk", kibibytes=2048) as disk, HostileServer(LARGE[:1_500_000]) as large:
        ballast = disk / "ballast"
        for kind in ("polite", "no-length"):
            ballast.write_bytes(bytes(1_500_000))
            result = dlm("get", "-d", str(disk), large.url(f"/{kind}.bin", kind))
            assert result.returncode == 6
            assert "no space is left" in result.stderr
            assert "the same command again" in result.stderr
            assert [path.name for path in disk.iterdir()] == ["ballast"]
            os.truncate(ballast, 0)
            result = dlm("get", "-d", str(disk), large.url(f"/{kind}.bin", kind))
            assert result.returncode == 0, result.stderr
            assert (disk / f"{kind}.bin").read_bytes() == LARGE[:1_500_000]
            (disk / f"{kind}.bin").unlink()


def test_a_full_disk_under_the_database_is_told(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Exit code 6, a sentence that names it, no file and no lie; with space again all is as before."""
    with small_disk(tmp_path / "disk") as disk:
        state = str(disk / "dlm.db")
        assert dlm("get", "--state", state, "-d", "out", server.url("/before.bin")).returncode == 0
        ballast = fill(disk)
        result = dlm("get", "--state", state, "-d", "out", server.url("/meanwhile.bin"))
        assert result.returncode == 6
        assert state in result.stderr
        assert set(files_under(tmp_path / "out")) == {"before.bin"}
        ballast.unlink()
        assert dlm("get", "--state", state, "-d", "out", server.url("/meanwhile.bin")).returncode == 0
        listed = json_lines(dlm("list", "--state", state, "--json").stdout)
        assert {entry["name"] for entry in listed if entry["status"] == "completed"} == {"before.bin", "meanwhile.bin"}


# --- neighbours -------------------------------------------------------------------------------------------------------


def test_processes_with_the_same_name_do_not_meet(server: HostileServer, tmp_path: Path) -> None:
    """Four at once, from four addresses: four files, all whole."""
    with HostileServer(LARGE[:300_000], connection_bytes_per_second=600_000) as other:
        commands = [("get", "-d", str(tmp_path), other.url(f"/{number}/file.bin")) for number in range(4)]
        running = [RunningDlm(*command, cwd=tmp_path) for command in commands]
        ends = [each.end() for each in running]
    assert [code for code, _, _ in ends] == [0] * 4, ends
    names = {"file.bin", *(f"file ({number}).bin" for number in (1, 2, 3))}
    assert files_under(tmp_path) == dict.fromkeys(names, LARGE[:300_000])


def test_processes_that_want_the_same_name_get_it_once(tmp_path: Path) -> None:
    """The one that was quicker has it; the other is told, and leaves it alone."""
    with HostileServer(LARGE[:300_000], connection_bytes_per_second=300_000) as other:
        commands = [("get", "-o", "chosen", other.url(f"/{number}.bin")) for number in range(2)]
        ends = [each.end() for each in [RunningDlm(*command, cwd=tmp_path) for command in commands]]
    assert sorted(code for code, _, _ in ends) == [0, 6], ends
    assert any("chosen" in err and "-o" in err for code, _, err in ends if code == 6)
    assert files_under(tmp_path) == {"chosen": LARGE[:300_000]}


def test_a_download_that_is_under_way_is_not_begun_twice(dlm: RunDlm, slow: HostileServer, tmp_path: Path) -> None:
    """The second process says who is at it; the first goes on undisturbed."""
    with RunningDlm("get", slow.url(), cwd=tmp_path) as first:
        until(lambda: slow.bytes_sent() > 200_000)
        second = dlm("get", slow.url())
        assert second.returncode == 1
        assert f"another dlm (process {first.process.pid}) is fetching" in second.stderr
        slow.hurry()
        assert first.end()[0] == 0
    assert files_under(tmp_path) == {"file.bin": LARGE}
    assert dlm("get", slow.url()).returncode == 0


def test_the_same_download_begun_twice_at_once_is_carried_once(dlm: RunDlm, tmp_path: Path) -> None:
    """Whichever of three processes is quicker; there is one download, one file, and it is whole."""
    for number in range(3):
        with HostileServer(LARGE[:300_000], bytes_per_second=5_000) as other:
            url = other.url(f"/{number}.bin")
            running = [RunningDlm("get", url, cwd=tmp_path) for _ in range(3)]
            until(lambda: sum(each.process.poll() is not None for each in running) >= 2)  # noqa: B023 - it is called at once
            other.hurry()
            ends = [each.end() for each in running]
            assert sorted(code for code, _, _ in ends) == [0, 1, 1], ends
            assert all("is fetching" in err for code, _, err in ends if code == 1)
    assert files_under(tmp_path) == {f"{number}.bin": LARGE[:300_000] for number in range(3)}
    assert len(json_lines(dlm("list", "--json").stdout)) == 3


def test_what_a_killed_process_left_is_gone_on_with(dlm: RunDlm, slow: HostileServer, tmp_path: Path) -> None:
    """Nobody has to wait for its claim to run out."""
    with RunningDlm("get", "-x", "1", slow.url(), cwd=tmp_path) as running:
        until(lambda: durable() > 500_000)
        running.process.kill()
        running.process.wait()
    slow.hurry()
    before = len(slow.requests)
    result = dlm("get", "-x", "1", slow.url())
    assert result.returncode == 0, result.stderr
    assert files_under(tmp_path) == {"file.bin": LARGE}
    assert [request.range for request in slow.requests[before:]] != ["bytes=0-"]
    assert subprocess.run(["ls", str(tmp_path)], capture_output=True, text=True).stdout == "file.bin\n"
