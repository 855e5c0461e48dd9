"""cutlist.lock: which result each edit has, committed to git, so that a clone gets the same pixels without paying."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from reconciler.document import parse
from reconciler.errors import Fault, InvalidInput, Place
from reconciler.files import write_atomic
from reconciler.state.observed import Pin

LOCK_FILE = "cutlist.lock"
VERSION = 1
SECTION = "default"  # one section per environment; this is the project without one
_PLAIN = re.compile(r"(?!(?:null|true|false)\Z)[a-z][a-z0-9.-]*\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_HEAD = """\
# Written by `cutlist apply`; commit it. Which result (digest) each edit's request (key) has.
# After a merge conflict keep either side of a line: the next plan shows what differs, and costs nothing.
"""


def read(root: Path) -> Mapping[str, Pin]:
    """The pins of cutlist.lock by edit; none when there is no such file. Raises InvalidInput."""
    try:
        return parse_pins((root / LOCK_FILE).read_bytes())
    except FileNotFoundError:
        return {}


def parse_pins(raw: bytes) -> Mapping[str, Pin]:
    """The pins in the bytes of a lock file. Raises InvalidInput."""
    for number, line in enumerate(raw.splitlines(), 1):
        if line.startswith((b"<<<<<<< ", b"=======", b">>>>>>> ")):
            place = Place(LOCK_FILE, number)
            raise InvalidInput(
                [Fault(place, "conflict markers of a merge; keep either side of each line, then plan again")]
            )
    documents, faults = parse(raw, LOCK_FILE)
    if faults:
        raise InvalidInput(faults)
    data = documents[0].data if len(documents) == 1 else None
    if not isinstance(data, dict) or data.get("version") != VERSION or not isinstance(data.get(SECTION, {}), dict):
        raise InvalidInput([Fault(Place(LOCK_FILE), f"this is no lock file of version {VERSION}; restore it from git")])
    pins = {}
    for name, entry in data.get(SECTION, {}).items():
        key, digest = (entry.get("key"), entry.get("digest")) if isinstance(entry, dict) else (None, None)
        if not all(isinstance(each, str) and _HEX.match(each) for each in (key, digest)):
            place = documents[0].place(f"/{SECTION}/{name}")
            raise InvalidInput(
                [Fault(place, f'the entry of "{name}" lacks a key or a digest of 64 hex digits; restore it from git')]
            )
        pins[name] = Pin(str(key), str(digest))
    return pins


def _written(name: str) -> str:
    """`name` as a key of YAML; in quotes where it would read as a number or a word of the language."""
    return name if _PLAIN.match(name) else json.dumps(name, ensure_ascii=False)


def write(root: Path, pins: Mapping[str, Pin], *, tmp_name: str) -> bool:
    """Write cutlist.lock, one line an edit, sorted by name. Returns whether anything changed."""
    lines = [
        f"  {_written(name)}: {{key: {json.dumps(pin.key)}, digest: {json.dumps(pin.digest)}}}"
        for name, pin in sorted(pins.items())
    ]
    body = f"{SECTION}:\n" + "\n".join(lines) if lines else f"{SECTION}: {{}}"
    text = f"{_HEAD}version: {VERSION}\n{body}\n".encode()
    path = root / LOCK_FILE
    if path.is_file() and path.read_bytes() == text:
        return False
    write_atomic(path, text, tmp_name=tmp_name)
    return True
