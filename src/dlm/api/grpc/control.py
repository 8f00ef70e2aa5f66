"""Control: one stream on which a client gives commands, one after the other, and hears their answers, and events if it wants.

A command that fails is answered with a Failure, and the talk goes on. It ends when the client has said all that it has to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from dlm.api.feed import Reader
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.messages import checked, known, members, parsed
from dlm.api.grpc.methods import METHODS
from dlm.api.grpc.statuses import CODES, problem_from, sentence
from dlm.api.refused import Refused
from dlm.api.scope import Scope
from dlm.api.streams import InterestIn
from dlm.model.error import DlmError, InvalidRequest

if TYPE_CHECKING:
    from dlm.api.grpc.servicer import Servicer


class Conversation:
    """One such stream."""

    def __init__(self, servicer: Servicer, commands: AsyncIterator[bytes], context: Any) -> None:
        self._servicer = servicer
        self._commands = commands
        self._context = context
        self._writing = asyncio.Lock()
        """gRPC takes one message at a time."""
        self._reader: asyncio.Future[Reader] = asyncio.get_running_loop().create_future()
        self._held = AsyncExitStack()

    async def run(self) -> bool:
        """Talk until the client has said all, and say whether it has: dlm may stop, and tokens are revoked.

        Raises `InvalidRequest` for bytes that are no message.
        """
        async with self._held:
            hearing = asyncio.ensure_future(self._hear())
            going_on = [hearing, asyncio.ensure_future(self._tell()), asyncio.ensure_future(self._servicer.stopping.wait())]
            try:
                await asyncio.wait(going_on, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended = [each for each in going_on if each.done()]
                for each in going_on:
                    each.cancel()
                await asyncio.gather(*going_on, return_exceptions=True)
            for each in ended:
                each.result()
            return hearing in ended

    async def _hear(self) -> None:
        async for content in self._commands:
            command = parsed(pb.Command, content)
            try:
                answer = await self._answer(command)
            except (Refused, DlmError) as error:
                found = problem_from(error)
                code: int = CODES[found.status].value[0]
                answer = pb.Answer(failure=pb.Failure(code=code, message=sentence(found), kind=found.kind))
            answer.number = command.number
            await self._write(answer)

    async def _answer(self, command: pb.Command) -> pb.Answer:
        known(command)
        said = command.WhichOneof("command")
        if said is None:
            raise InvalidRequest("the command says nothing")
        if said == "watch":
            await self._watch(command.watch)
            return pb.Answer(watching=pb.Watching())
        method = METHODS[said.capitalize()]
        reply = await self._servicer.carry_out(method, getattr(command, said), self._context)
        return pb.Answer(**{"order" if method.reply is pb.OrderReply else said: reply})

    async def _watch(self, message: pb.ProgressRequest) -> None:
        from dlm.api.grpc.servicer import interest_of

        metadata = self._context.invocation_metadata()
        self._servicer.doors.require(metadata, Scope.READ)
        interest = interest_of(checked(members(message), InterestIn))
        if self._reader.done():
            self._reader.result().interest = interest
        else:
            self._reader.set_result(await self._held.enter_async_context(self._servicer.reading(interest, metadata)))

    async def _tell(self) -> None:
        async for line in await self._reader:
            await self._write(pb.Answer(event=self._servicer.event_of(line)))

    async def _write(self, answer: pb.Answer) -> None:
        async with self._writing:
            await self._context.write(answer.SerializeToString())
