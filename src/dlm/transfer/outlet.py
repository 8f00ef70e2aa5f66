"""LeaseOutlet: pours one connection's bytes into its lease."""

from __future__ import annotations

from dlm.model.error import ResourceChanged, StorageError
from dlm.policy.segments import Lease
from dlm.ports import Flow, Sink
from dlm.transfer.gate import Gate

CAPACITY = 128 * 1024
"""Bytes gathered before they are written: libcurl gives 16 KiB at a time, for which a file system takes three times as
long as for eight times as much."""


NARROW_CAPACITY = 32 * 1024
"""The same for the connections beyond `BROAD`: where there are so many, each of them is slow."""
BROAD = 16
"""Connections that may gather `CAPACITY`. What is gathered is not durable, and there is a bound on that, see `gate`."""


class LeaseOutlet:
    """Writes at the lease's position, clips at its end, which a steal may have moved, and never takes a byte past it.

    What it has gathered is not written yet, and the lease's position says so; `flush` writes it. While it holds any it
    stands in `Gate.holding`. With `overlap`, the first bytes are not written but compared with what lies before the lease; a
    difference raises `ResourceChanged`. `number` is the slot of its connection.
    """

    def __init__(self, lease: Lease, sink: Sink, gate: Gate, overlap: int = 0, number: int = 0) -> None:
        self._lease = lease
        self._sink = sink
        self._gate = gate
        self._overlap = overlap
        self._fresh = True
        self.answered: float | None = None
        """When the first byte came, in monotonic seconds."""
        self._capacity = CAPACITY if number < BROAD else NARROW_CAPACITY
        self._buffer: memoryview | None = None
        self._held = 0
        self._failure: StorageError | None = None

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`. Hot: called for every 16 KiB."""
        gate = self._gate
        if gate.shut:
            if self._held:
                # Nothing more comes for a while, and who counts what is written sees the rate that was kept.
                self.flush()
            return Flow.PAUSE
        if self._fresh:
            data = self._begin(data)
        lease, held, size = self._lease, self._held, len(data)
        room = lease.stop - lease.position - held
        if size >= room:
            return self._finish(data[: max(0, room)])
        if held + size > self._capacity:
            self.flush()
            if size > self._capacity:
                self._write(data)
                if gate.limited:
                    gate.received(size)
                return Flow.MORE
            held = 0
        if not held:
            self._gather()
        assert self._buffer is not None
        self._buffer[held : held + size] = data
        self._held = held + size
        if gate.limited:
            gate.received(size)
        return Flow.MORE

    def flush(self) -> None:
        """Write what was gathered. What a steal has cut off meanwhile is dropped: somebody else fetches it."""
        if self._failure is not None:
            raise self._failure
        size, self._held = min(self._held, self._lease.stop - self._lease.position), 0
        self._gate.holding.discard(self)
        if size > 0 and self._buffer is not None:
            self._write(self._buffer[:size])

    def settle(self) -> None:
        """Write what was gathered, now. It does not raise: what fails is raised by the next call that takes or writes."""
        try:
            self.flush()
        except StorageError as error:
            self._failure = error

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
        await self._gate.wait_open()

    def _gather(self) -> None:
        """Gather from now on. Of a small file nothing is ever gathered, and so long no buffer is made."""
        if self._failure is not None:
            raise self._failure
        if self._buffer is None:
            self._buffer = memoryview(bytearray(self._capacity))
        self._gate.holding.add(self)

    def _finish(self, last: memoryview) -> Flow:
        self.flush()
        if last:
            self._write(last)
        if self._gate.limited:
            self._gate.received(len(last))
        return Flow.STOP

    def _write(self, data: memoryview) -> None:
        self._sink.write(self._lease.position, data)
        self._lease.position += len(data)
        self._gate.written(len(data))

    def _begin(self, data: memoryview) -> memoryview:
        if self.answered is None:
            self.answered = self._gate.now()
        if self._overlap:
            data = self._compare(data)
        self._fresh = self._overlap > 0
        return data

    def _compare(self, data: memoryview) -> memoryview:
        size = min(self._overlap, len(data))
        if self._sink.read(self._lease.position - self._overlap, size) != data[:size]:
            raise ResourceChanged("the bytes on the server differ from those fetched before, so the file has changed there")
        self._overlap -= size
        return data[size:]
