"""LeaseOutlet: pours one connection's bytes into its lease."""

from __future__ import annotations

from dlm.model.error import ResourceChanged
from dlm.policy.segments import Lease
from dlm.ports import Flow, Sink
from dlm.transfer.gate import Gate


class LeaseOutlet:
    """Writes at the lease's position, clips at its end, which a steal may have moved, and never takes a byte past it.

    With `overlap`, the first bytes are not written but compared with what lies before the lease; a difference raises
    `ResourceChanged`.
    """

    def __init__(self, lease: Lease, sink: Sink, gate: Gate, overlap: int = 0) -> None:
        self._lease = lease
        self._sink = sink
        self._gate = gate
        self._overlap = overlap

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`. Hot: called for every 16 KiB."""
        if self._gate.shut:
            return Flow.PAUSE
        if self._overlap:
            data = self._compare(data)
        lease = self._lease
        room = lease.stop - lease.position
        size = len(data)
        if size >= room:
            size = room
            data = data[:room]
        if size:
            self._sink.write(lease.position, data)
            lease.position += size
            self._gate.passed(size)
        return Flow.STOP if size == room else Flow.MORE

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
        await self._gate.wait_open()

    def _compare(self, data: memoryview) -> memoryview:
        size = min(self._overlap, len(data))
        if self._sink.read(self._lease.position - self._overlap, size) != data[:size]:
            raise ResourceChanged("the bytes on the server differ from those fetched before, so the file has changed there")
        self._overlap -= size
        return data[size:]
