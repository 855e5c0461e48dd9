"""The controller's ear for commands of this machine: a socket in its state folder, and whoever
speaks to it. One line of JSON asks, one line answers.

Who may reach the socket is decided by the file system: it is its owner's alone.
"""

from __future__ import annotations

import asyncio
import json
import pwd
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from reconciler.errors import CutlistError, UsageError
from reconciler.formats.names import make_plain

MOST_BYTES = 64 << 20  # of a line: the status of 50 Syncs with a thousand edits each
_MOST_QUESTION = 64 << 10
_PATIENCE_S = 10.0
_CREDENTIALS = struct.Struct("3i")  # process, user and group of the other side

Answer = Callable[[str, Mapping[str, str], str], object]


class ControlSocket:
    """Listens at `path`. `answer` gets the verb, its arguments and the name of the person, and
    returns plain data; what it raises of ours is told to the person.
    """

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Whoever calls holds the lock of the state folder, so an old socket is dead.

        Raises CutlistError where the path is too long for a socket, or cannot be made.
        """
        self._path.unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX)
        try:
            door.bind(str(self._path))
            self._path.chmod(0o600)  # nobody is let in before it listens
            self._server = await asyncio.start_unix_server(
                self._serve, sock=door, limit=_MOST_QUESTION
            )
        except OSError as error:
            door.close()
            raise CutlistError(
                f"cannot listen at {self._path}: {error.strerror or error}.",
                hint="A socket's path has at most about 100 characters: choose a shorter --state.",
            ) from error

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                line = await reader.readline()
            reply = self._reply(line, _find_person(writer))
            writer.write(json.dumps(reply, ensure_ascii=False).encode() + b"\n")
            async with asyncio.timeout(_PATIENCE_S):
                await writer.drain()
        except (OSError, ValueError, TimeoutError):
            return  # who asks and does not listen gets no answer
        finally:
            writer.close()

    def _reply(self, line: bytes, person: str) -> Mapping[str, object]:
        try:
            question = json.loads(line)
            verb, given = question["verb"], question.get("arguments", {})
            arguments = {str(name): str(value) for name, value in given.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"error": "this is no question", "hint": ""}
        try:
            return {"answer": self._answer(str(verb), arguments, person)}
        except CutlistError as error:
            return {"error": error.message, "hint": error.hint}


def _find_person(writer: asyncio.StreamWriter) -> str:
    """The user on the other side, as the kernel knows them."""
    other: socket.socket = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return "somebody on this machine"
    raw = other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def ask_controller(path: Path, verb: str, arguments: Mapping[str, str]) -> object:
    """What the controller that listens at `path` answers.

    Raises UsageError where it refuses, and CutlistError where none runs there.
    """
    question = json.dumps({"verb": verb, "arguments": dict(arguments)}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as other:
            other.settimeout(_PATIENCE_S)
            other.connect(str(path))
            other.sendall(question)
            with other.makefile("rb") as reader:
                reply = json.loads(reader.readline(MOST_BYTES))
    except (FileNotFoundError, ConnectionRefusedError):
        raise CutlistError(
            f"no controller runs on {path.parent}.",
            hint="`cutlist sync …` starts one; --state names the folder of another.",
        ) from None
    except PermissionError:
        raise CutlistError(
            f"the controller on {path.parent} belongs to another user.",
            hint="Ask as that user, such as with `sudo -u NAME`.",
        ) from None
    except (OSError, ValueError) as error:
        raise CutlistError(
            f"the controller on {path.parent} does not answer: {error}.", hint="Ask again."
        ) from None
    if "error" in reply:
        raise UsageError(make_plain(str(reply["error"])), hint=make_plain(str(reply["hint"])))
    return reply["answer"]
