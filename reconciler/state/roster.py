"""Who works on a store: a small note of each ledger, in the store itself, where every machine that
shares it can read it.

STORE/ledgers/ID.json   the id of a ledger, and when it first and last was about to spend
STATE/ledger.id         the id of the ledger beside it
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import CutlistError
from reconciler.formats.records import parse_json
from reconciler.formats.words import format_count, format_moment
from reconciler.system.files import write_atomic

_ID = re.compile(r"[A-Za-z0-9]{8,64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Note:
    """One ledger of a store. Times are UTC as text; empty where a note does not tell."""

    id: str
    path: Path
    first_seen: str = ""
    last_seen: str = ""


class Roster:
    """The ledgers of one store, as seen from one of them."""

    def __init__(self, store: Path, state: Path) -> None:
        self._folder = store / "ledgers"
        self._own = state / "ledger.id"

    def others(self) -> Sequence[Note]:
        """The notes of all other ledgers; one that cannot be read counts, too."""
        own = self._own_id()
        return [note for note in self._notes() if note.id != own]

    def sign(self, *, now: float, new_id: Callable[[], str]) -> bool:
        """Note that this ledger is about to spend. Whether it is the first time. Raises
        CutlistError.
        """
        try:
            own = self._own_id() or self._named(new_id())
            path = self._folder / f"{own}.json"
            before = _read(path).first_seen if path.exists() else ""
            text = format_moment(now)
            fields = {"id": own, "first_seen": before or text, "last_seen": text}
            write_atomic(path, (json.dumps(fields) + "\n").encode(), tmp_name=new_id())
        except OSError as error:
            raise CutlistError(
                f"{self._folder} cannot be written: {error.strerror}.",
                hint="Each ledger leaves a note in the store before it spends. Nothing was sent.",
            ) from error
        return not before

    def take_back(self) -> None:
        """Remove the note of this ledger, which has not spent anything after all."""
        (self._folder / f"{self._own_id()}.json").unlink(missing_ok=True)

    def _named(self, own: str) -> str:
        write_atomic(self._own, f"{own}\n".encode(), tmp_name=own)
        return own

    def _own_id(self) -> str:
        try:
            text = self._own.read_text("utf-8").strip()
        except (OSError, ValueError):
            return ""
        return text if _ID.fullmatch(text) else ""

    def _notes(self) -> Sequence[Note]:
        try:
            paths = sorted(self._folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [
            _read(path) for path in paths if path.suffix == ".json" and _ID.fullmatch(path.stem)
        ]


def _read(path: Path) -> Note:
    try:
        fields: Any = parse_json(path.read_bytes())
    except (OSError, ValueError):
        fields = None
    told = fields if isinstance(fields, dict) else {}
    return Note(path.stem, path, _moment(told.get("first_seen")), _moment(told.get("last_seen")))


def _moment(text: Any) -> str:
    return text if isinstance(text, str) and _MOMENT.fullmatch(text) else ""


def describe_others(others: Sequence[Note]) -> str:
    """What it means that a store has other ledgers, in one sentence."""
    last = max((note.last_seen for note in others), default="")
    which = (
        f"{format_count(len(others), 'other ledger')} {'works' if len(others) == 1 else 'work'} on"
    )
    return (
        f"{which} this store{f' (last seen {last})' if last else ''}: two that apply at the same"
        " moment pay twice for the same edit, and budget.per_day counts each of them alone"
    )
