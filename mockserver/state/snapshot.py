"""The whole of a server in one file: a tar of its state, the media it was given, and its orders.

Films are not in it: they are rendered again, to the byte, from the plans in the state. The keys of
its accounts are in it.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from pathlib import Path

from mockserver.errors import ServerError
from mockserver.fields import Doc
from mockserver.state.state import State

DATABASE, ORDERS, MEDIA = "server.db", "orders.json", "media/"


def pack_snapshot(state: State, media: Path, orders: Doc) -> bytes:
    """The bytes of a snapshot: the same for the same server. `media` is the folder of media."""
    packed = io.BytesIO()
    with (
        tempfile.TemporaryDirectory(prefix="snapshot-") as folder,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        copy = Path(folder) / DATABASE
        state.save(copy)
        _add_file(tar, DATABASE, copy.read_bytes())
        _add_file(tar, ORDERS, json.dumps(orders, sort_keys=True).encode())
        for path in sorted(media.iterdir()):
            _add_file(tar, MEDIA + path.name, path.read_bytes())
    return packed.getvalue()


def unpack_snapshot(data: bytes, state: State, media: Path) -> Doc:
    """Put a snapshot in the place of a state and its media, and return its orders.

    Raises ServerError for bytes that are no snapshot.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            files = {
                member.name: _read_file(tar, member)
                for member in tar.getmembers()
                if member.isfile()
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


def _add_file(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _read_file(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""
