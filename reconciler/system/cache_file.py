"""The file of a cache: one table of SQLite, in which each row tells by a keyed digest that we wrote
it.

Whoever sends us a project may have put a file there. SQLite is let near it only where it looks like
one of ours, has no companions, and shows that it was made with our key.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path

from reconciler.system.clock import make_secret
from reconciler.system.files import create_file, read_stamp

_TABLE = (
    "CREATE TABLE entries (section TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
    " mac BLOB NOT NULL, PRIMARY KEY (section, key)) STRICT, WITHOUT ROWID"
)
_FORMAT = b"cutlist cache 3"  # in every digest, so that a row of another format is none of ours
_SEAL = ("", b"", b"")  # the row by which a file is known to be ours
_HEAD = b"SQLite format 3\0"
_ROLLBACK = b"\1\1"  # in the head: SQLite keeps no log beside the file
_COMPANIONS = ("-journal", "-wal", "-shm")  # we never have any: a rollback is held in memory
_LEAST_ROW_BYTES = 24
_PAGE_BYTES = 16384  # rows longer than a quarter of a page take a page of their own besides
_PATIENCE_S = 1.0
# nothing is wrong with the file, and it cannot be used just now
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CANTOPEN,
    }
)

Row = tuple[bytes, bytes]  # the value, and the digest that vouches for it
Entry = tuple[str, bytes, bytes]  # section, key, value


class _NotOurs(Exception):
    """Something lies there that this program, with this key, did not write."""


class CacheFile:
    """One file of entries, each in a section and under a key of it.

    A file that cannot be read is as if it were empty. One that is damaged, or not ours, is made
    anew when something is written.
    """

    def __init__(self, path: Path, machine_key: bytes) -> None:
        self._path = path
        self._digest = blake2b(key=machine_key, digest_size=16, person=_FORMAT)
        self._reading: sqlite3.Connection | None = None
        self._is_broken = False
        self._is_sound = False  # whether the whole file was looked through

    def sign(self, section: str, key: bytes, value: bytes) -> bytes:
        """The digest that only we can give an entry."""
        digest = self._digest.copy()
        digest.update(b"%d %d %b%b%b" % (len(section), len(key), section.encode(), key, value))
        return digest.digest()

    def read_section(self, section: str) -> dict[bytes, Row]:
        """All rows of a section as they stand there, by key; none of them is checked."""
        with self._forgiving(), self._reader() as connection:
            most = self._path.stat().st_size // _LEAST_ROW_BYTES  # a damaged tree may go round
            question = "select key, value, mac from entries where section = ? limit ?"
            rows = connection.execute(question, (section, most)).fetchall()
            return {key: (value, mac) for key, value, mac in rows}
        return {}

    def read_row(self, section: str, key: bytes) -> Row | None:
        """One row as it stands there, not checked."""
        with self._forgiving(), self._reader() as connection:
            question = "select value, mac from entries where section = ? and key = ?"
            row: Row | None = connection.execute(question, (section, key)).fetchone()
            return row
        return None

    def write(
        self,
        list_entries: Callable[[], Iterable[Entry]],
        gone: Mapping[str, Collection[bytes]],
        list_all: Callable[[], Iterable[Entry]],
    ) -> bool:
        """Write entries, and delete by section the keys that are `gone` from its subsections
        (`SECTION/…`), all at once. A file that is made anew gets all.

        Whether it was written. Raises DiskFull.
        """
        with self._forgiving():
            if not self._is_broken and self._is_there():
                self._update(list_entries(), gone)
                return True
        if self._is_broken or read_stamp(self._path) is None:
            with self._forgiving():
                self._replace(list_all())
                self._is_broken = False
                return True
        return False

    def give_up(self) -> None:
        """Something in the file is not what we wrote: it is made anew when something is written."""
        self._is_broken, self._is_sound = True, False

    def close(self) -> None:
        """Let go of the file; it is opened again when it is asked."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        """The block ends where the file cannot be used; whether it ever can is noted."""
        try:
            yield
        except _NotOurs:
            self._is_broken = True
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            self._is_broken |= code not in _PASSING
        except OSError:
            pass  # it cannot be reached, or it went while we looked

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        if self._reading is None:
            if not self._is_there():
                raise sqlite3.OperationalError
            connection = _connect(self._path, "ro")
            try:
                self._check(connection)
            except BaseException:
                connection.close()
                raise
            self._reading = connection
        yield self._reading

    def _update(self, entries: Iterable[Entry], gone: Mapping[str, Collection[bytes]]) -> None:
        with closing(_connect(self._path, "rw")) as connection:
            connection.execute("begin immediate")
            self._check(connection)
            # what is written into a damaged tree need not be found again
            if not self._is_sound:
                if connection.execute("pragma integrity_check(1)").fetchone() != ("ok",):
                    raise _NotOurs
                self._is_sound = True
            for section, keys in gone.items():
                for name in _list_subsections(connection, section):
                    connection.executemany(
                        "delete from entries where section = ? and key = ?",
                        [(name, key) for key in keys],
                    )
            self._insert(connection, entries)
            connection.execute("commit")

    def _replace(self, entries: Iterable[Entry]) -> None:
        """Make the file anew, and put it where nothing or anything else is."""
        self.close()
        with create_file(self._path.parent, f".{make_secret(8).hex()}.tmp") as (tmp, _):
            with closing(_connect(tmp, "rw")) as connection:
                connection.execute(f"pragma page_size = {_PAGE_BYTES}")
                connection.execute("begin immediate")
                connection.execute(_TABLE)
                self._insert(connection, (_SEAL, *entries))
                connection.execute("commit")
            for name in _COMPANIONS:
                Path(f"{self._path}{name}").unlink(missing_ok=True)
            tmp.rename(self._path)

    def _is_there(self) -> bool:
        """Whether there is a file that SQLite may look at. Raises _NotOurs."""
        # a rollback beside it would be played back, and may name other files to delete
        if any(os.path.lexists(f"{self._path}{name}") for name in _COMPANIONS):
            raise _NotOurs
        if read_stamp(self._path) is None:
            if os.path.lexists(self._path):
                raise _NotOurs
            return False
        try:
            with self._path.open("rb") as file:
                head = file.read(32)
                size_bytes = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise _NotOurs from error
        if head[:16] != _HEAD or head[18:20] != _ROLLBACK:
            raise _NotOurs
        page_bytes = int.from_bytes(head[16:18], "big")
        if size_bytes != page_bytes * int.from_bytes(head[28:32], "big"):
            raise _NotOurs  # cut short
        return True

    def _check(self, connection: sqlite3.Connection) -> None:
        """See that the file is ours, and of this format, before anything in it is believed.
        Raises _NotOurs.
        """
        schema = connection.execute("select sql from sqlite_schema limit 2").fetchall()
        if schema != [(_TABLE,)]:
            raise _NotOurs
        seal = connection.execute(
            "select value, mac from entries where section = ? and key = ?", _SEAL[:2]
        ).fetchone()
        if seal != (_SEAL[2], self.sign(*_SEAL)):
            raise _NotOurs

    def _insert(self, connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
        connection.executemany(
            "insert or replace into entries values (?, ?, ?, ?)",
            ((*entry, self.sign(*entry)) for entry in sorted(entries)),
        )


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    name = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(
        f"file:{name}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_PATIENCE_S,
    )
    # losing the file is no loss, so nothing of it is made durable; and what is dropped is gone
    for pragma in (
        "synchronous = off",
        "journal_mode = memory",
        "trusted_schema = off",
        "secure_delete = on",
    ):
        connection.execute(f"pragma {pragma}")
    return connection


def _list_subsections(connection: sqlite3.Connection, section: str) -> Iterator[str]:
    """The names of sections that begin with `section` and a slash."""
    name = f"{section}/"
    while True:
        (name,) = connection.execute(
            "select min(section) from entries where section > ?", (name,)
        ).fetchone()
        if not isinstance(name, str) or not name.startswith(f"{section}/"):
            return
        yield name
