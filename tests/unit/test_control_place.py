"""The directory of the control sockets: guarded, swept of the dead, and never in the way where it cannot be."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dlm.storage.owners import is_alive, this_process
from dlm.system.control import SocketControl
from dlm.system.control_wire import NUDGE
from dlm.system.meeting_place import MeetingPlace, PlaceUnusable, name_of
from dlm.system.mounts import file_system_of, kinds, mount_number
from tests.contracts.control import SAMPLE, Ears, until


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "dlm.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dlm.db.control"


@pytest.fixture
def dead_owner() -> str:
    """The name of a process that has ended."""
    script = "from dlm.storage.owners import this_process; print(this_process())"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True).stdout.strip()


def with_control(state: Path, scenario: Callable[[SocketControl, str, Ears], Awaitable[None]]) -> None:
    """Run the scenario with a process that listens, or tried to."""

    async def played() -> None:
        owner, ears = this_process(), Ears(b"here")
        control = SocketControl(str(state), owner, is_alive)
        await control.open(ears.answer, ears.nudged)
        try:
            await scenario(control, owner, ears)
        finally:
            await control.close()

    asyncio.run(played())


def left_behind(folder: Path, name: str) -> None:
    """A socket file on which nobody listens."""
    bound(folder, name).close()


def bound(folder: Path, name: str) -> socket.socket:
    """A socket of that name; the path of the folder may be longer than such a name holds."""
    made = socket.socket(socket.AF_UNIX)
    descriptor = os.open(folder, os.O_RDONLY)
    made.bind(f"/proc/self/fd/{descriptor}/{name}")
    os.close(descriptor)
    return made


def test_only_the_owner_may_enter(state: Path, folder: Path) -> None:
    """Directory 0700, socket 0600, whatever the umask; the socket goes when its process closes."""
    before = os.umask(0)
    try:

        async def scenario(control: SocketControl, owner: str, ears: Ears) -> None:
            (found,) = folder.iterdir()
            assert found.name == owner.replace(":", "-") + ".sock"
            assert stat.S_IMODE(found.lstat().st_mode) == 0o600
            assert stat.S_IMODE(folder.lstat().st_mode) == 0o700

        with_control(state, scenario)
    finally:
        os.umask(before)
    assert list(folder.iterdir()) == []


def test_a_directory_that_others_could_enter_is_closed_to_them(state: Path, folder: Path) -> None:
    """One of ours with too wide a mode is narrowed and used."""
    folder.mkdir(mode=0o755)

    async def scenario(control: SocketControl, owner: str, ears: Ears) -> None:
        assert control.reason is None
        assert stat.S_IMODE(folder.lstat().st_mode) == 0o700

    with_control(state, scenario)


def a_link(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)


def another_users(folder: Path) -> None:
    folder.mkdir(mode=0o777)
    os.chown(folder, 65534, 65534)


def a_file(folder: Path) -> None:
    folder.write_text("mine")


def no_parent(folder: Path) -> None:
    folder.parent.rmdir()


@pytest.mark.parametrize("obstacle", [a_link, another_users, a_file, no_parent])
def test_a_place_that_cannot_be_trusted_is_not_used(tmp_path: Path, obstacle: Callable[[Path], None]) -> None:
    """Nothing is made there, nothing is raised; `reason` says why and what to do; nudging and asking do nothing."""
    if obstacle is another_users and os.geteuid() != 0:
        pytest.skip("not here: only root may give a directory away")
    parent = tmp_path / "state"
    parent.mkdir()
    folder = parent / "dlm.db.control"
    obstacle(folder)

    async def scenario(control: SocketControl, owner: str, ears: Ears) -> None:
        assert control.reason is not None
        assert str(folder) in control.reason
        assert ": " in control.reason
        control.nudge()
        await control.flush()
        assert await control.ask(owner, SAMPLE) == []

    with_control(parent / "dlm.db", scenario)
    elsewhere = parent / "elsewhere"
    assert not elsewhere.exists() or list(elsewhere.iterdir()) == []


def test_what_does_not_listen_makes_no_directory(state: Path, folder: Path) -> None:
    """A short command leaves nothing behind."""

    async def scenario() -> None:
        control = SocketControl(str(state), this_process(), is_alive)
        control.nudge()
        await control.close()

    asyncio.run(scenario())
    assert not folder.exists()


def test_a_nudge_without_a_loop_leaves_at_once(state: Path) -> None:
    """Where no loop runs, it is sent before `nudge` returns."""

    async def scenario(control: SocketControl, owner: str, ears: Ears) -> None:
        await asyncio.to_thread(SocketControl(str(state), this_process(), is_alive).nudge)
        await until(lambda: ears.nudges == 1)

    with_control(state, scenario)


def test_any_length_of_path_will_do(tmp_path: Path) -> None:
    """Far beyond what the address of a socket holds."""
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)

    async def scenario(control: SocketControl, owner: str, ears: Ears) -> None:
        assert control.reason is None
        assert await SocketControl(str(deep / "dlm.db"), this_process(), is_alive).ask(owner, SAMPLE) == [b"here"]

    with_control(deep / "dlm.db", scenario)


def test_where_open_files_are_not_paths_the_length_is_limited(tmp_path: Path) -> None:
    """Without such a directory sockets go by their whole path; one that is too long says what to do."""
    base = Path("/tmp") / f"dlm-{os.urandom(4).hex()}"
    base.mkdir()
    try:
        place = MeetingPlace(str(base / "c"), is_alive, descriptors="/nowhere")
        owner = this_process()
        with place.listen(owner) as listener:
            assert place.names() == [name_of(owner)]
            assert place.tell(place.names(), NUDGE) == set()
            listener.setblocking(True)
            with listener.accept()[0] as connection:
                assert connection.recv(100) == NUDGE
        place.leave(owner)
        (base / "c").rmdir()
    finally:
        base.rmdir()
    long = MeetingPlace(str(tmp_path / ("d" * 100)), is_alive, descriptors="/nowhere")
    with pytest.raises(PlaceUnusable, match="too long for a socket: choose a shorter one"):
        long.listen(this_process())
    assert list((tmp_path / ("d" * 100)).iterdir()) == []


def test_the_sockets_of_the_dead_are_swept(state: Path, folder: Path, dead_owner: str) -> None:
    """When a process opens, and when one nudges; drafts of sockets too."""
    folder.mkdir(mode=0o700)
    name = name_of(dead_owner)
    assert name is not None
    left_behind(folder, name)
    left_behind(folder, name.replace(".sock", ".new"))

    async def scenario(control: SocketControl, owner: str, ears: Ears) -> None:
        assert [each.name for each in folder.iterdir()] == [name_of(owner)]
        left_behind(folder, name)
        control.nudge()
        await control.flush()
        assert [each.name for each in folder.iterdir()] == [name_of(owner)]
        assert await control.ask(dead_owner, SAMPLE) == []

    with_control(state, scenario)


@pytest.fixture
def strangers(folder: Path, dead_owner: str) -> Iterator[set[str]]:
    """What is not a dead process's socket, though some of it has the name of one."""
    folder.mkdir(mode=0o700)
    dead = dead_owner.replace(":", "-")
    with ExitStack() as stack:
        (folder / f"{dead}.sock").write_text("a file")
        (folder / f"{dead[:-1]}.sock").mkdir()
        (folder / f"{dead[:-2]}.sock").symlink_to(folder / f"{dead[:-3]}.sock")
        left_behind(folder, f"{dead[:-3]}.socket")
        left_behind(folder, f"x{dead}.sock")
        left_behind(folder, "1.sock")
        (folder / "notes.txt").write_text("mine")
        alive = name_of(this_process())
        assert alive is not None
        left_behind(folder, alive)
        # As a process in another container is: it lives, and cannot be seen.
        stack.enter_context(bound(folder, f"{dead[:-4]}.sock")).listen()
        yield {each.name for each in folder.iterdir()}


def test_foreign_files_are_never_deleted(state: Path, folder: Path, strangers: set[str]) -> None:
    """Files, directories and links with such a name, other sockets, those of the living, and any on which somebody listens."""

    async def scenario(control: SocketControl, owner: str, ears: Ears) -> None:
        control.nudge()
        await control.flush()
        assert {each.name for each in folder.iterdir()} == strangers | {name_of(owner)}

    with_control(state, scenario)
    assert {each.name for each in folder.iterdir()} == strangers


def test_a_directory_that_is_swapped_is_noticed(state: Path, folder: Path, tmp_path: Path) -> None:
    """After it was replaced by a link, nothing goes through the link."""
    decoy = tmp_path / "decoy"
    decoy.mkdir()

    async def scenario(control: SocketControl, owner: str, ears: Ears) -> None:
        folder.rename(tmp_path / "away")
        folder.symlink_to(decoy)
        with bound(decoy, "2-2-0-a.sock") as trap:
            trap.listen()
            trap.setblocking(False)
            control.nudge()
            await control.flush()
            assert await control.ask("2:2:0:a", SAMPLE) == []
            with pytest.raises(BlockingIOError):
                trap.accept()

    with_control(state, scenario)
    assert [each.name for each in decoy.iterdir()] == ["2-2-0-a.sock"]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("12:345:0a1b:ff00", "12-345-0a1b-ff00.sock"),
        ("12:::ff00", "12---ff00.sock"),
        ("", None),
        ("12:345:0a1b", None),
        ("12:345:0a1b:", None),
        ("12:345:0a1b:ff/..", None),
        ("12:345:0a1b:ff\n", None),
        ("١٢:345:0a1b:ff", None),
        ("12:345:0A1B:ff", None),
        ("1" * 11 + ":::a", None),
        ("1:1:1:" + "a" * 33, None),
    ],
)
def test_the_name_of_a_socket(owner: str, name: str | None) -> None:
    """The owner's, in letters that every file system takes; what is not an owner has none."""
    assert name_of(owner) == name


def test_an_owner_that_is_none_cannot_listen(tmp_path: Path) -> None:
    """A defect of dlm is told, and makes nothing."""
    with pytest.raises(PlaceUnusable, match="defect"):
        MeetingPlace(str(tmp_path / "c"), is_alive).listen("me")
    assert not (tmp_path / "c").exists()


MOUNTS = """\
21 1 0:20 / /proc rw,nosuid - proc proc rw
24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
130 24 0:52 / /home/a\\040b rw master:2 propagate_from:1 - nfs4 server:/x rw,vers=4.2
131 24 0:53 / /mnt - fuse.sshfs me@host: rw
132 24 0:53 / /cut rw
nonsense
x y - z
"""


def test_the_kinds_of_file_systems() -> None:
    """By the number of the mount, however many optional fields there are; other lines are passed over."""
    assert kinds(MOUNTS) == {21: "proc", 24: "ext4", 130: "nfs4", 131: "fuse.sshfs"}
    assert mount_number("pos:\t0\nflags:\t02100000\nmnt_id:\t130\nino:\t1\n") == 130
    assert mount_number("pos:\t0\n") is None


def test_the_kind_of_a_real_directory(tmp_path: Path) -> None:
    """As the system tells it; by path and by descriptor."""
    assert file_system_of("/proc") == "proc"
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert file_system_of(folder) == file_system_of(str(tmp_path)) is not None
    finally:
        os.close(folder)
