"""Disks whose power can be cut: two ext4 file systems in image files, and the one plug that they share.

Two, because a sync of one ext4 makes all names on it durable: with the database on the same one, nobody would notice that
the directory of a finished file was never synced.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.programs import find_program

_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN, `_IOR('X', 125, __u32)`."""
_WITHOUT_FLUSHING_THE_LOG = 2
"""EXT4_GOING_FLAGS_NOLOGFLUSH: what is only in memory, the journal included, is lost, as by a power cut."""
_LOOP_CONTROL = "/dev/loop-control"
_MAY_MOUNT = 1 << 21
"""CAP_SYS_ADMIN."""
_PATIENCE = 60.0
_RELEASE = 5.0


class PowerCut:
    """Two mounted disks, `state` and `files`, empty at first, that lose their power together. Use it as a context manager.

    Skips the test where nobody may mount; fails in continuous integration when a program is missing.
    """

    def __init__(self, folder: Path, *, megabytes: int = 256) -> None:
        self._folder = folder
        self._megabytes = megabytes
        self.state = folder / "state"
        self.files = folder / "files"
        self._devices: dict[Path, str] = {}

    def __enter__(self) -> Self:
        demand_mounting()
        with contextlib.ExitStack() as opened:
            for disk in self._disks:
                disk.mkdir()
                image = _image(disk)
                with image.open("wb") as file:
                    file.truncate(self._megabytes << 20)
                _run(find_program("mkfs.ext4", "install e2fsprogs"), "-q", "-F", "-E", "nodiscard", str(image))
                opened.callback(self._take_away, disk)
                self._devices[disk] = _attach(image)
                _mount(self._devices[disk], disk)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._opened.close()

    def cut(self) -> None:
        """From now on nothing reaches the disks, and everything that was not synced is lost.

        What still runs sees input/output errors. Whoever wants to see a cut of the whole machine stops it first.
        """
        for disk in self._disks:
            _shut_down(disk)

    def break_files(self) -> None:
        """From now on the disk of the files answers with errors, and has lost what was not synced; the other works on."""
        _shut_down(self.files)

    def restore(self) -> None:
        """Give the power back: mount again what survived, as the same device. Nothing may have a file open there any more."""
        for disk in self._disks:
            _unmount(disk)
            if not _is_free(self._devices[disk]):
                dead, self._devices[disk] = self._devices[disk], _attach(_copied(_image(disk)))
                _run("losetup", "-d", dead)  # as soon as nobody has it any more
            _mount(self._devices[disk], disk)

    def replug(self) -> None:
        """Take them away and back, as after a restart of the machine: all is there, and each device has another number."""
        for disk in self._disks:
            _unmount(disk)
            before, self._devices[disk] = self._devices[disk], _attach(_image(disk))
            _mount(self._devices[disk], disk)
            _run("losetup", "-d", before)

    def _take_away(self, disk: Path) -> None:
        _unmount(disk)
        if device := self._devices.pop(disk, None):
            _run("losetup", "-d", device)

    @property
    def _disks(self) -> tuple[Path, Path]:
        return self.state, self.files


def demand_mounting() -> None:
    """Skip the test on machines where no file system can be mounted, and say why."""
    if os.geteuid() != 0 or not _capabilities() & _MAY_MOUNT:
        pytest.skip("not here: only root may mount the disks whose power is cut")
    if not os.path.exists(_LOOP_CONTROL) and "loop-control" not in Path("/proc/misc").read_text():
        pytest.skip("not here: this kernel has no loop devices to mount the disks from")
    _make_nodes()


def _make_nodes() -> None:
    """The device files that a container may lack though its kernel has the devices (devices.txt of Linux: 10,237 and 7,n)."""
    nodes = {_LOOP_CONTROL: (stat.S_IFCHR, os.makedev(10, 237))}
    nodes |= {f"/dev/loop{number}": (stat.S_IFBLK, os.makedev(7, number)) for number in range(8)}
    for path, (kind, device) in nodes.items():
        if not os.path.exists(path):
            os.mknod(path, kind | 0o600, device)


def _capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _shut_down(disk: Path) -> None:
    folder = os.open(disk, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(folder, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSHING_THE_LOG))
    finally:
        os.close(folder)


def _image(disk: Path) -> Path:
    return disk.with_name(f"{disk.name}.img")


def _attach(image: Path) -> str:
    """The device that the image is from now on."""
    result = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"losetup --find {image}: {result.stderr}")
    return result.stdout.strip()


def _mount(device: str, disk: Path) -> None:
    # Neither the journal's own clock nor the kind treatment of replaced files may save what dlm forgot to sync.
    _run("mount", "-o", "commit=300,noauto_da_alloc", device, str(disk))


def _unmount(disk: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while os.path.ismount(disk):
        result = subprocess.run(["umount", str(disk)], capture_output=True, text=True)
        if result.returncode and time.monotonic() > deadline:
            _run("umount", "-l", str(disk))
            raise RuntimeError(f"{disk} is still in use: {result.stderr}")
        if result.returncode:
            time.sleep(0.02)


def _is_free(device: str) -> bool:
    """Whether nobody has it mounted. It may take a moment."""
    deadline = time.monotonic() + _RELEASE
    while True:
        try:
            os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
        time.sleep(0.02)


def _copied(image: Path) -> Path:
    """A copy in its place: another program may have copied all mounts into a namespace of its own, and keeps the dead disk."""
    copy = image.with_suffix(".copy")
    _run("cp", "--sparse=always", str(image), str(copy))
    copy.replace(image)
    return image


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr}")
