"""The listening end of a control socket: who connects may nudge, or ask one question.

Rules
-----
* Only processes of the same user are heard.
* Nothing of a client is waited for longer than `PATIENCE`, and nothing of it is kept beyond a line of the largest size.
  One that reads its answer too slowly is dropped, so that the answer never waits for it.
* When files run out, connections wait in the system's queue; the loop does not spin.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from dlm.model.error import DlmError
from dlm.model.queue import Question
from dlm.system.control_wire import END, LARGEST_LINE, LARGEST_REQUEST, NUDGE, decoded, fits
from dlm.system.peers import is_ours

PATIENCE = 1.0
"""Seconds for a client to say what it wants, and to take what it was sent."""
MOST_UNHEARD = 64
"""Clients that have not said yet what they want; further ones are turned away."""
MOST_ANSWERED = 64
"""Clients that get an answer at the same time."""

_BATCH = 64
_REST = 0.5  # seconds without accepting when files have run out


class Listener:
    """Serves the clients of one listening socket, which it closes in the end, on the loop that runs."""

    def __init__(
        self, listener: socket.socket, answer: Callable[[Question], AsyncIterator[bytes]], nudged: Callable[[], None]
    ) -> None:
        self._socket = listener
        self._answer = answer
        self._nudged = nudged
        self._loop = asyncio.get_running_loop()
        self._clients: set[asyncio.Task[None]] = set()
        self._unheard = 0
        self._answered = 0
        self._resting: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._socket, self._accept)

    async def close(self) -> None:
        """Hear and answer nobody any more."""
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _accept(self) -> None:
        nudged = False
        for _ in range(_BATCH):
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                break
            except ConnectionAbortedError:
                continue
            except OSError:
                self._loop.remove_reader(self._socket)
                self._resting = self._loop.call_later(_REST, self._loop.add_reader, self._socket, self._accept)
                break
            nudged |= self._greet(connection)
        if nudged:
            self._nudged()

    def _greet(self, connection: socket.socket) -> bool:
        """Whether it is a nudge that has come whole, as nearly all do; whoever else is welcome gets a coroutine."""
        connection.setblocking(False)
        if not is_ours(connection):
            connection.close()
            return False
        try:
            nudged = connection.recv(len(NUDGE), socket.MSG_PEEK) == NUDGE
        except BlockingIOError:
            nudged = False
        except OSError:
            connection.close()
            return False
        if nudged or self._unheard >= MOST_UNHEARD:
            connection.close()
            return nudged
        self._unheard += 1
        client = self._loop.create_task(self._serve(connection))
        self._clients.add(client)
        client.add_done_callback(self._part)
        return False

    def _part(self, client: asyncio.Task[None]) -> None:
        self._clients.discard(client)
        if not client.cancelled() and (error := client.exception()) is not None:
            self._loop.call_exception_handler({"message": "answering another dlm process failed", "exception": error})

    async def _serve(self, connection: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LARGEST_REQUEST)
        except BaseException:
            connection.close()
            raise
        try:
            question = await self._heard(reader)
            if question is None:
                self._nudged()
            elif self._answered < MOST_ANSWERED:
                await self._talk(question, reader, writer)
        except (OSError, ValueError, EOFError, DlmError):
            # It was too slow, said nothing that can be understood, or has gone; or there is no answer for it.
            writer.transport.abort()
        except BaseException:
            writer.transport.abort()
            raise
        finally:
            writer.close()

    async def _heard(self, reader: asyncio.StreamReader) -> Question | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return decoded(await reader.readline())
        finally:
            self._unheard -= 1

    async def _talk(self, question: Question, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until all is said, or until the client goes. One that goes on talking is dropped too."""
        self._answered += 1
        telling = self._loop.create_task(self._tell(question, writer))
        leaving = self._loop.create_task(reader.read(1))
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
            else:
                writer.transport.abort()
        finally:
            self._answered -= 1
            telling.cancel()
            leaving.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, question: Question, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=LARGEST_LINE)
        lines = self._answer(question)
        try:
            async for line in lines:
                if fits(line):
                    writer.write(line + b"\n")
                    await _taken(writer)
        finally:
            if isinstance(lines, AsyncGenerator):
                await lines.aclose()
        writer.write(END)
        writer.transport.set_write_buffer_limits(high=0)
        await _taken(writer)


async def _taken(writer: asyncio.StreamWriter) -> None:
    """Return when little enough waits to be sent. Raises `TimeoutError` when the client does not read."""
    async with asyncio.timeout(PATIENCE):
        await writer.drain()
