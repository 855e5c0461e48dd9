"""Who works on a store: a small note of each ledger, in the store itself, where every machine that
shares it can read it.

STORE/ledgers/ID.json   the id of a ledger, and when it first and last was about to spend
STATE/ledger.id         the id of the ledger beside it
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reconciler.errors import CutlistError
from reconciler.formats.records import parse_json
from reconciler.formats.values import value
from reconciler.formats.words import format_count, format_moment
from reconciler.state.store import Notes
from reconciler.system.files import write_atomic

_ID = re.compile(r"[A-Za-z0-9]{8,64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_LATELY = len("2026-01-01T00:0")  # as far as the moments of one ten minutes agree


@value(frozen=True, slots=True)
class Note:
    """One ledger of a store. Times are UTC as text; empty where a note does not tell."""

    id: str
    where: str  # for people
    first_seen: str = ""
    last_seen: str = ""


class Roster:
    """The ledgers of one store, as seen from one of them."""

    def __init__(self, notes: Notes, state: Path, shared_id: str = "") -> None:
        """`shared_id`: of a ledger that several machines share; empty: its id lies in `state`."""
        self._shared_id = shared_id
        self._noted = notes
        self._own = state / "ledger.id"

    def others(self) -> Sequence[Note]:
        """The notes of all other ledgers; one that cannot be read counts, too."""
        own = self._own_id()
        return [note for note in self._notes() if note.id != own]

    def sign(self, *, now: float, new_id: Callable[[], str]) -> bool:
        """Note that this ledger is about to spend; of the last minutes one note is enough. Whether
        it is the first time. Raises CutlistError.
        """
        try:
            own = self._own_id() or self._named(new_id())
            known = next((note for note in self._notes() if note.id == own), None)
            before = known.first_seen if known is not None else ""
            text = format_moment(now)
            if known is not None and before and known.last_seen[:_LATELY] == text[:_LATELY]:
                return False  # durable already: nobody waits for the disk again
            fields = {"id": own, "first_seen": before or text, "last_seen": text}
            raw = (json.dumps(fields) + "\n").encode()
            self._noted.write(f"{own}.json", raw, tmp_name=new_id())
        except OSError as error:
            raise CutlistError(
                f"{self._noted.describe()} cannot be written: {error.strerror}.",
                hint="Each ledger leaves a note in the store before it spends. Nothing was sent.",
            ) from error
        return not before

    def describe_conditions(self) -> str:
        """What it means that the store does not keep what is there where only what is new is to be
        written, in a sentence; empty where it does. Asks with the note of this ledger, which is
        there. Raises CutlistError.
        """
        if self._noted.keeps_first(f"{self._own_id()}.json"):
            return ""
        return (
            f"{self._noted.describe()} ignores conditional writes: of two machines that store one"
            " result at the same moment the record of the last one stays. Both name the same"
            " bytes, and nothing is paid twice for it."
        )

    def take_back(self) -> None:
        """Remove the note of this ledger, which has not spent anything after all."""
        self._noted.remove(f"{self._own_id()}.json")

    def hand_over(self, to: Roster, *, now: float, new_id: Callable[[], str]) -> None:
        """This ledger was moved into another: the other's note takes the place of its own, where it
        has left one. Raises CutlistError, OSError.
        """
        own = self._own_id()
        if any(note.id == own for note in self._notes()):
            to.sign(now=now, new_id=new_id)
            self.take_back()

    def _named(self, own: str) -> str:
        write_atomic(self._own, f"{own}\n".encode(), tmp_name=own)
        return own

    def _own_id(self) -> str:
        if self._shared_id:
            return self._shared_id
        try:
            text = self._own.read_text("utf-8").strip()
        except (OSError, ValueError):
            return ""
        return text if _ID.fullmatch(text) else ""

    def _notes(self) -> Sequence[Note]:
        return [
            _parse(name.removesuffix(".json"), self._noted.describe(name), raw)
            for name, raw in sorted(self._noted.read().items())
            if name.endswith(".json") and _ID.fullmatch(name.removesuffix(".json"))
        ]


def _parse(id_: str, where: str, raw: bytes | None) -> Note:
    try:
        fields: Any = parse_json(raw or b"")
    except ValueError:
        fields = None
    told = fields if isinstance(fields, dict) else {}
    return Note(id_, where, _moment(told.get("first_seen")), _moment(told.get("last_seen")))


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
