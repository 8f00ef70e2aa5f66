"""Clients of a control socket that are hostile, stuck, too many or foreign cost nothing; real processes hear each other."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dlm.model.queue import Question
from dlm.storage.owners import is_alive, this_process
from dlm.system.control import SocketControl
from dlm.system.control_listening import MOST_ANSWERED, MOST_UNHEARD, Listener
from dlm.system.control_wire import LARGEST_REQUEST, NUDGE, encoded
from tests.contracts.control import EVENTS, SAMPLE, Ears, followed, taken, until

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "dlm.db"


class Scene:
    """A process that listens, another that asks it, and raw connections to its socket."""

    def __init__(self, state: Path, owner: str, ears: Ears, other: SocketControl, stack: ExitStack) -> None:
        self.state = state
        self.owner = owner
        self.ears = ears
        self.other = other
        self._stack = stack

    def client(self) -> socket.socket:
        """A connection."""
        folder = os.open(f"{self.state}.control", os.O_RDONLY)
        try:
            made = self._stack.enter_context(socket.socket(socket.AF_UNIX))
            made.connect(f"/proc/self/fd/{folder}/{self.owner.replace(':', '-')}.sock")
            made.setblocking(False)
            return made
        finally:
            os.close(folder)

    async def demand_healthy(self) -> None:
        """Nudges and questions work."""
        before = self.ears.nudges
        self.other.nudge()
        await self.other.flush()
        await until(lambda: self.ears.nudges > before)
        assert await self.other.ask(self.owner, SAMPLE) == list(self.ears.lines)


def play(state: Path, scenario: Callable[[Scene], Awaitable[None]], ears: Ears | None = None) -> None:
    """Run the scenario. What the loop reports as failed fails the test."""
    ears = ears or Ears(b"1", b"2")
    failures: list[dict[str, object]] = []

    async def played() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        owner = this_process()
        control = SocketControl(str(state), owner, is_alive)
        other = SocketControl(str(state), this_process(), is_alive)
        await control.open(ears.answer, ears.nudged)
        with ExitStack() as stack:
            try:
                await scenario(Scene(state, owner, ears, other, stack))
            finally:
                await other.close()
                await control.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(played())
    assert failures == []


async def hung_up_on(client: socket.socket) -> bytes:
    """What came until the other end closed."""
    got = b""
    async with asyncio.timeout(60):
        while True:
            try:
                piece = client.recv(65536)
            except BlockingIOError:
                await asyncio.sleep(0.005)
                continue
            except ConnectionResetError:
                return got
            if not piece:
                return got
            got += piece


NONSENSE = {
    "rubbish": b"\0\xff\n",
    "words": b"GET / HTTP/1.1\r\n\r\n",
    "list": b"[]\n",
    "nested": b"[" * 200_000 + b"\n",
    "long": b"x" * (2 * LARGEST_REQUEST),
    "long line": b'{"ask":"sample","ids":[' + b" " * (2 * LARGEST_REQUEST) + b"]}\n",
    "ids": b'{"ask":"sample","ids":["../x"]}\n',
    "empty line": b"\n",
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_hung_up_on(state: Path, said: bytes) -> None:
    """Nothing is answered, nobody is nudged, and others are served."""

    async def scenario(scene: Scene) -> None:
        client = scene.client()
        rest = memoryview(said)
        while rest:
            try:
                rest = rest[client.send(rest) :]
            except BlockingIOError:
                await asyncio.sleep(0.001)
            except (BrokenPipeError, ConnectionResetError):
                break
        assert await hung_up_on(client) == b""
        assert (scene.ears.nudges, scene.ears.questions) == (0, [])
        await scene.demand_healthy()

    play(state, scenario)


def test_a_client_that_says_nothing_is_hung_up_on(state: Path) -> None:
    """After 1 s, whether it has begun a line or not."""

    async def scenario(scene: Scene) -> None:
        silent, begun = scene.client(), scene.client()
        begun.send(NUDGE[:5])
        started = time.monotonic()
        assert [await hung_up_on(each) for each in (silent, begun)] == [b"", b""]
        assert 0.8 < time.monotonic() - started < 50
        await scene.demand_healthy()

    play(state, scenario)


def test_a_request_may_come_in_pieces(state: Path) -> None:
    """A nudge byte by byte is one nudge; a question too is heard."""

    async def scenario(scene: Scene) -> None:
        nudging, asking = scene.client(), scene.client()
        for client, line in ((nudging, NUDGE), (asking, encoded(SAMPLE))):
            for byte in line:
                client.send(bytes([byte]))
                await asyncio.sleep(0.002)
        assert await hung_up_on(nudging) == b""
        assert await hung_up_on(asking) == b"1\n2\n\n"
        assert (scene.ears.nudges, scene.ears.questions) == (1, [SAMPLE])

    play(state, scenario)


def test_silent_clients_do_not_keep_nudges_out(state: Path) -> None:
    """When as many as are borne say nothing, further ones are turned away at once, and nudges are heard all the same."""

    async def scenario(scene: Scene) -> None:
        silent = [scene.client() for _ in range(MOST_UNHEARD)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        assert await hung_up_on(scene.client()) == b""
        assert time.monotonic() - began < 0.5
        scene.other.nudge()
        await until(lambda: scene.ears.nudges == 1)
        for each in silent:
            assert await hung_up_on(each) == b""
        await scene.demand_healthy()

    play(state, scenario)


def test_followers_are_limited(state: Path) -> None:
    """The last one that is too many gets no answer; when one goes, there is room again."""
    ears = Ears(goes_on=True)

    async def scenario(scene: Scene) -> None:
        followers = [scene.client() for _ in range(MOST_ANSWERED)]
        for each in followers:
            each.send(encoded(EVENTS))
        await until(lambda: ears.talking == MOST_ANSWERED)
        late = scene.client()
        late.send(encoded(EVENTS))
        assert await hung_up_on(late) == b""
        followers[0].close()
        await until(lambda: ears.talking == MOST_ANSWERED - 1)
        scene.client().send(encoded(EVENTS))
        await until(lambda: ears.talking == MOST_ANSWERED)

    play(state, scenario, ears)


def test_who_goes_on_talking_is_hung_up_on(state: Path) -> None:
    """After the request nothing more is to come."""
    ears = Ears(goes_on=True)

    async def scenario(scene: Scene) -> None:
        client = scene.client()
        client.send(encoded(EVENTS))
        await until(lambda: ears.talking)
        client.send(b"more")
        assert await hung_up_on(client) == b""
        assert ears.talking == 0

    play(state, scenario, ears)


class Pouring(Ears):
    """Answers with 200 MB, as fast as they are taken."""

    async def answer(self, question: Question) -> AsyncIterator[bytes]:
        self.talking += 1
        try:
            for _ in range(200):
                yield b"x" * 1_000_000
                self.nudges += 1
        finally:
            self.talking -= 1


def test_an_answer_that_nobody_reads_is_not_kept(state: Path) -> None:
    """Of 200 MB a few are made for a client that does not read; after 1 s it is dropped. So much is no answer, either."""
    ears = Pouring()

    async def scenario(scene: Scene) -> None:
        client = scene.client()
        client.send(encoded(SAMPLE))
        started = time.monotonic()
        await until(lambda: ears.talking)
        await until(lambda: not ears.talking)
        assert 0.8 < time.monotonic() - started < 50
        assert ears.nudges <= 4
        assert len(await hung_up_on(client)) < 4_000_000
        assert await scene.other.ask(scene.owner, SAMPLE) == []
        assert ears.nudges < 40

    play(state, scenario, ears)


def test_a_process_that_talks_nonsense_has_no_answer(state: Path) -> None:
    """Too long a line, and an answer that breaks off, are none."""
    answers = (b"x" * 3_000_000 + b"\n\n", b"1\n2\n", b"1\n2", b"")

    async def scenario(scene: Scene) -> None:
        for number, answer in enumerate(answers):
            owner = f"1:1:0:{number}"
            folder = os.open(f"{state}.control", os.O_RDONLY)
            path = f"/proc/self/fd/{folder}/{owner.replace(':', '-')}.sock"

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes = answer) -> None:
                await reader.readline()
                writer.write(answer)
                writer.close()

            server = await asyncio.start_unix_server(serve, path)
            os.close(folder)
            assert await scene.other.ask(owner, SAMPLE) == []
            server.close()
            await server.wait_closed()
        await scene.demand_healthy()

    play(state, scenario)


def test_a_defect_in_an_answer_is_reported(state: Path) -> None:
    """The loop's exception handler hears of it, and the process goes on listening."""
    failures: list[dict[str, object]] = []

    async def broken(question: Question) -> AsyncIterator[bytes]:
        yield b"1"
        raise ZeroDivisionError

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        owner, ears = this_process(), Ears()
        control = SocketControl(str(state), owner, is_alive)
        await control.open(broken, ears.nudged)
        other = SocketControl(str(state), this_process(), is_alive)
        assert await other.ask(owner, SAMPLE) == []
        other.nudge()
        await other.close()
        await until(lambda: ears.nudges)
        await control.close()

    asyncio.run(scenario())
    assert [type(each["exception"]) for each in failures] == [ZeroDivisionError]


CONNECT_AS = """
    import os, socket, sys
    client = socket.socket(socket.AF_UNIX)
    os.setuid(int(sys.argv[2]))
    client.connect(sys.argv[1])
    try:
        client.sendall(sys.argv[3].encode())
        print(client.recv(2))
    except OSError:
        print(b"")
"""


@pytest.mark.parametrize(("user", "heard"), [(0, True), (65534, False)])
def test_another_user_is_not_heard(user: int, heard: bool) -> None:
    """Even where the directory lets one in: the system tells who is at the other end."""
    if os.geteuid() != 0:
        pytest.skip("not here: only root may become another user")
    ears = Ears(b"1")

    async def scenario(path: str) -> None:
        open_to_all = socket.socket(socket.AF_UNIX)
        open_to_all.setblocking(False)
        open_to_all.bind(path)
        os.chmod(path, 0o666)
        open_to_all.listen()
        listener = Listener(open_to_all, ears.answer, ears.nudged)
        answers = []
        for line in (NUDGE, encoded(SAMPLE)):
            command = [sys.executable, "-c", textwrap.dedent(CONNECT_AS), path, str(user), line.decode()]
            child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            answers.append((await child.communicate())[0])
        await listener.close()
        assert answers == [b"b''\n", b"b'1\\n'\n" if heard else b"b''\n"]
        assert (ears.nudges, len(ears.questions)) == (int(heard), int(heard))

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        asyncio.run(scenario(f"{folder}/s"))


def test_running_out_of_files_loses_no_nudge_and_does_not_spin(state: Path) -> None:
    """What comes while no file can be opened is heard when one can; until then the loop rests."""
    ears = Ears(b"1")

    async def scenario(scene: Scene) -> None:
        client = scene.client()
        client.send(NUDGE)
        hoard = [os.dup(0) for _ in range(5)]
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hoard), limits[1]))
        try:
            for _ in range(3):  # the garbage of all tests before may be collected meanwhile
                began = time.process_time()
                await asyncio.sleep(0.7)
                if (spent := time.process_time() - began) < 0.2:
                    break
            assert spent < 0.2
            assert ears.nudges == 0
            scene.other.nudge()
            await scene.other.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for each in hoard:
                os.close(each)
        await until(lambda: ears.nudges)
        await scene.demand_healthy()

    play(state, scenario, ears)


# --- real processes ---------------------------------------------------------------------------------------------------

LISTEN = """
    import asyncio, sys, time
    from dlm.storage.owners import is_alive, this_process
    from dlm.system.control import SocketControl

    async def answer(question):
        yield question.kind.encode()
        if question.kind == "events":
            for number in range(1_000_000):
                yield b"%d" % number
                await asyncio.sleep(0.01)

    async def main():
        owner = this_process()
        control = SocketControl(sys.argv[1], owner, is_alive)
        await control.open(answer, lambda: print(time.monotonic_ns(), flush=True))
        print(owner, flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
"""
NUDGE_AND_DIE = """
    import asyncio, os, sys
    from dlm.storage.owners import is_alive, this_process
    from dlm.system.control import SocketControl

    async def main():
        control = SocketControl(sys.argv[1], this_process(), is_alive)
        control.nudge()
        await control.close()
        os._exit(0)

    asyncio.run(main())
"""


@contextmanager
def listening(state: Path, number: int) -> Iterator[list[tuple[str, subprocess.Popen[str]]]]:
    """So many processes that listen, and their owners' names. All are killed in the end."""
    command = [sys.executable, "-c", textwrap.dedent(LISTEN), str(state)]
    with ExitStack() as stack:
        processes = []
        for _ in range(number):
            process = stack.enter_context(subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            processes.append(process)
        yield [(said(process), process) for process in processes]


def said(process: subprocess.Popen[str]) -> str:
    """The next line of its output."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_ten_processes_hear_a_nudge_within_milliseconds(state: Path) -> None:
    """From `nudge` to the last of ten callbacks. The bound is wide, for a machine that is busy."""

    async def scenario() -> None:
        control = SocketControl(str(state), this_process(), is_alive)
        waits = []
        for _ in range(20):
            began = time.monotonic_ns()
            control.nudge()
            heard = await asyncio.to_thread(lambda: [int(said(process)) for _, process in others])
            waits.append((max(heard) - began) / 1e6)
            await asyncio.sleep(0.06)
        await control.close()
        waits.sort()
        sys.stdout.write(f"nudge to 10 processes: median {waits[10]:.2f} ms, most {waits[-1]:.2f} ms\n")
        assert waits[10] < 1000

    with listening(state, 10) as others:
        asyncio.run(scenario())


def test_the_nudge_of_a_process_that_ends_at_once_arrives(state: Path) -> None:
    """It nudges, closes, and is gone without further ado."""
    with listening(state, 2) as others:
        command = [sys.executable, "-c", textwrap.dedent(NUDGE_AND_DIE), str(state)]
        subprocess.run(command, env=ENVIRONMENT, check=True, timeout=90)
        assert all(said(process).isdigit() for _, process in others)


def test_a_stopped_process_holds_up_nobody(state: Path) -> None:
    """Nudges to it never block, also when it can take no more; closing waits 0.5 s at most; when it goes on, it hears."""

    async def scenario() -> None:
        control = SocketControl(str(state), this_process(), is_alive)
        process.send_signal(signal.SIGSTOP)
        for _ in range(300):
            began = time.monotonic()
            control.nudge()
            control._nudges.flush()
            assert time.monotonic() - began < 10
        assert await control.ask(owner, SAMPLE) == []
        control.nudge()
        began = time.monotonic()
        await control.close()
        assert time.monotonic() - began < 20
        process.send_signal(signal.SIGCONT)
        assert said(process).isdigit()

    with listening(state, 1) as [(owner, process)]:
        asyncio.run(scenario())


def test_a_killed_process_is_gone_and_its_socket_too(state: Path) -> None:
    """A question to it has no answer at once; what others say still comes; the next nudge sweeps its socket."""

    async def scenario() -> None:
        control = SocketControl(str(state), this_process(), is_alive)
        (first, doomed), (second, _) = others
        async with followed(control) as lines:
            await taken(lines, 10)
            doomed.kill()
            doomed.wait()
            began = time.monotonic()
            assert await control.ask(first, SAMPLE) == []
            assert time.monotonic() - began < 0.9
            assert await control.ask(second, SAMPLE) == [b"sample"]
            await taken(lines, 50)
        assert await control.present() == [second]
        control.nudge()
        await control.close()

    with listening(state, 2) as others:
        asyncio.run(scenario())
        assert [each.name for each in Path(f"{state}.control").iterdir()] == [others[1][0].replace(":", "-") + ".sock"]
