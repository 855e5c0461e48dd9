"""cutlist.lock: which result each edit has, committed to git, so that a clone gets the same pixels
without paying.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.config import Config
from reconciler.errors import Fault, InvalidInput, Place
from reconciler.formats.digest import DIGEST
from reconciler.formats.document import Document, join_pointer
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.state.observed import Pin
from reconciler.system.files import hash_file, write_atomic

LOCK_FILE = "cutlist.lock"
VERSION = 1
MAX_BYTES = 64 << 20  # 300,000 edits
_PLAIN = re.compile(r"(?!(?:null|true|false)\Z)[a-z][a-z0-9.-]*\Z")
_HEAD = """\
# Written by `cutlist apply`; commit it. Which result (digest) each edit's request (key) has.
# After a merge conflict keep either side of a line: the next plan shows what differs, and costs nothing.
"""


Sections = Mapping[str, Mapping[str, Pin]]


def find_folder(config: Config) -> Path:
    """The folder of the lock file that counts: the committed one where money is spent, elsewhere
    one among the state of the realm, which has nothing but what somebody picked.
    """
    return config.lock_dir if config.realm == "live" else config.state_dir


def read_for(config: Config) -> Sections:
    """The pins that count in the realm of a project. Raises InvalidInput."""
    return read(find_folder(config))


def read(folder: Path) -> Sections:
    """The pins of the lock file in a folder, by environment and edit; none when there is no such
    file. Raises InvalidInput.
    """
    try:
        return parse_pins((folder / LOCK_FILE).read_bytes())
    except FileNotFoundError:
        return {}


def measure_mark(folder: Path) -> str:
    """What tells this state of a lock file from any other; empty where there is none."""
    try:
        return hash_file(folder / LOCK_FILE)
    except FileNotFoundError:
        return ""


def list_digests(sections: Sections) -> Iterator[str]:
    """The digests that a lock file pins, in whatever environment."""
    for pins in sections.values():
        for pin in pins.values():
            yield pin.digest


def parse_pins(raw: bytes) -> Sections:
    """The pins in the bytes of a lock file, by environment and edit. Raises InvalidInput."""
    for number, line in enumerate(raw.splitlines(), 1):
        if line.startswith((b"<<<<<<< ", b"=======", b">>>>>>> ")):
            place = Place(LOCK_FILE, number)
            raise InvalidInput(
                [
                    Fault(
                        place,
                        "conflict markers of a merge; keep either side of each line, then plan"
                        " again",
                    )
                ]
            )
    from reconciler.formats.parsing import parse_documents  # lazy: YAML, of what is new

    documents, faults = parse_documents(raw, LOCK_FILE, MAX_BYTES)
    if faults:
        raise InvalidInput(faults)
    data = documents[0].data if len(documents) == 1 else None
    fields = data if isinstance(data, dict) else {}
    sections = {name: part for name, part in fields.items() if name != "version"}
    if fields.get("version") != VERSION or not all(
        isinstance(part, dict) for part in sections.values()
    ):
        raise InvalidInput(
            [
                Fault(
                    Place(LOCK_FILE),
                    f"this is no lock file of version {VERSION}; restore it from git",
                )
            ]
        )
    return {section: dict(_pins(documents[0], section)) for section in sections}


def _pins(document: Document, section: str) -> Iterator[tuple[str, Pin]]:
    for name, entry in document.data[section].items():
        key, digest = (
            (entry.get("key"), entry.get("digest")) if isinstance(entry, dict) else (None, None)
        )
        if not all(isinstance(text, str) and DIGEST.fullmatch(text) for text in (key, digest)):
            place = document.place(join_pointer(f"/{section}", name))
            raise InvalidInput(
                [
                    Fault(
                        place,
                        f'the entry of "{name}" lacks a key or a digest of 64 hex digits; restore'
                        " it from git",
                    )
                ]
            )
        made_by, take = entry.get("made_by"), entry.get("take")
        if not _is_pick(key, made_by, take):
            place = document.place(join_pointer(f"/{section}", name))
            raise InvalidInput(
                [
                    Fault(
                        place,
                        f'made_by of "{name}" is to be the key of another request (64 hex digits),'
                        " and take a number beside it; restore it from git, or remove the entry",
                    )
                ]
            )
        yield name, Pin(str(key), str(digest), made_by, take)


def _is_pick(key: object, made_by: object, take: object) -> bool:
    """Whether an entry says, or does not say, which take of another request was picked."""
    if made_by is None:
        return take is None
    is_key = isinstance(made_by, str) and DIGEST.fullmatch(made_by) is not None and made_by != key
    return is_key and (take is None or (type(take) is int and take > 0))


def _written(name: str) -> str:
    """`name` as a key of YAML; in quotes where it would read as a number or a word of the
    language.
    """
    return name if _PLAIN.match(name) else json.dumps(name, ensure_ascii=False)


def _section(name: str, pins: Mapping[str, Pin]) -> str:
    lines = [f"  {_written(edit)}: {{{_fields(pin)}}}\n" for edit, pin in sorted(pins.items())]
    return f"{_written(name)}:\n{''.join(lines)}" if lines else f"{_written(name)}: {{}}\n"


def _fields(pin: Pin) -> str:
    fields = [f"key: {json.dumps(pin.key)}", f"digest: {json.dumps(pin.digest)}"]
    fields += [f"made_by: {json.dumps(pin.made_by)}"] if pin.made_by else []
    fields += [f"take: {pin.take}"] if pin.take else []
    return ", ".join(fields)


def build_text(sections: Sections) -> bytes:
    """The bytes of a lock file: one line an edit, sorted by name."""
    kept = sorted(name for name, section in sections.items() if section or name == NO_ENVIRONMENT)
    body = "".join(_section(name, sections[name]) for name in kept)
    return f"{_HEAD}version: {VERSION}\n{body}".encode()


def write(folder: Path, section: str, pins: Mapping[str, Pin], *, tmp_name: str) -> bool:
    """Write one section of a lock file. Returns whether anything changed."""
    text = build_text({**read(folder), section: pins})
    path = folder / LOCK_FILE
    if path.is_file() and path.read_bytes() == text:
        return False
    write_atomic(path, text, tmp_name=tmp_name)
    return True
