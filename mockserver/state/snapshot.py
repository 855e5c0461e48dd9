"""The whole of a server in one file: a tar of its state, the media it was given, and what was
ordered.

Films are not in it: they are made again, to the byte, from the plans in the state. The keys of its
accounts are.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from pathlib import Path

from mockserver.errors import ServerError
from mockserver.orders.rules import Doc
from mockserver.state.state import State

DATABASE, ORDERS, MEDIA = "server.db", "orders.json", "media/"


def pack(state: State, media: Path, orders: Doc) -> bytes:
    """The bytes of a snapshot: the same for the same server."""
    packed = io.BytesIO()
    with (
        tempfile.TemporaryDirectory(prefix="snapshot-") as folder,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        copy = Path(folder) / DATABASE
        state.save(copy)
        _add(tar, DATABASE, copy.read_bytes())
        _add(tar, ORDERS, json.dumps(orders, sort_keys=True).encode())
        for path in sorted(media.iterdir()):
            _add(tar, MEDIA + path.name, path.read_bytes())
    return packed.getvalue()


def unpack(data: bytes, state: State, media: Path) -> Doc:
    """Put a snapshot in the place of a state and its media; gives the orders. Raises ServerError
    for other bytes.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            files = {
                member.name: _bytes(tar, member) for member in tar.getmembers() if member.isfile()
            }
        orders: Doc = json.loads(files[ORDERS])
        database = files[DATABASE]
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise ServerError("cannot restore from this: it is no snapshot of a server") from error
    with tempfile.TemporaryDirectory(prefix="snapshot-") as folder:
        copy = Path(folder) / DATABASE
        copy.write_bytes(database)
        state.load(copy)
    for path in media.iterdir():
        path.unlink()
    for name, content in files.items():
        if name.startswith(MEDIA):
            (media / Path(name).name).write_bytes(content)
    return orders


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""
