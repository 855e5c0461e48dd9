"""Bundles: results and their videos in one file, for people who cannot reach the store.

A bundle is a tar file in its plainest form (ustar, nothing compressed, no links):

bundle.json     who packed what: of each edit its output and the record of its result; and the
                records of the excerpts that went into them, without which nobody knows their keys
blobs/DIGEST    the bytes of each result, named by their SHA-256, in the order of bundle.json

It may come from anybody. Names are compared with the few that there are and never used as paths,
every size is known before a byte is taken, and bytes that are not those of their name are refused.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import IO, Any

from reconciler.errors import BadBundle
from reconciler.formats.digest import DIGEST, digest_json
from reconciler.formats.records import parse_json
from reconciler.state.excerpts import CUT_FIELDS
from reconciler.state.observed import Result
from reconciler.state.store import MOST_BLOB_BYTES, Store
from reconciler.state.store.records import check_result

VERSION = "cutlist/bundle/v1"
WITH_EXCERPTS = "cutlist/bundle/v2"
MANIFEST = "bundle.json"
_IDENTITY = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_MANIFEST_BYTES = 64 << 20
_MOST_ENTRIES = 100_000
_BLOCK = 512
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class BundledResult:
    """One result of a bundle: of which edit, and where its video goes in a project."""

    edit: str
    output: str
    result: Result


@dataclass(frozen=True, slots=True)
class BundleContents:
    """What a bundle says it has."""

    project: str
    realm: str
    entries: tuple[BundledResult, ...]
    excerpts: tuple[Result, ...] = ()

    @property
    def results(self) -> tuple[Result, ...]:
        """Those of edits, then excerpts."""
        return (*(entry.result for entry in self.entries), *self.excerpts)

    @property
    def sizes(self) -> Mapping[str, int]:
        """By digest: the bytes of each blob, each once, in their order."""
        return {result.digest: result.size_bytes for result in self.results}


# ------------------------------------------------------------------ packing


def write_bundle(file: IO[bytes], contents: BundleContents, store: Store) -> None:
    """Pack results. Raises StoreDamaged for a blob that is missing or has other bytes."""
    entries = [
        {"edit": entry.edit, "output": entry.output, "record": asdict(entry.result)}
        for entry in contents.entries
    ]
    fields = {
        "version": WITH_EXCERPTS if contents.excerpts else VERSION,
        "project": contents.project,
        "realm": contents.realm,
        "results": entries,
        "excerpts": [asdict(excerpt) for excerpt in contents.excerpts],
    }
    raw = json.dumps(fields, ensure_ascii=False, sort_keys=True).encode() + b"\n"
    _write_member(file, MANIFEST, len(raw), [raw])
    for digest, size_bytes in contents.sizes.items():
        store.check_blob(digest)
        with store.open_blob(digest) as blob:
            _write_member(file, f"blobs/{digest}", size_bytes, _read_chunks(blob))
    file.write(bytes(2 * _BLOCK))


def _read_chunks(blob: IO[bytes]) -> Iterator[bytes]:
    while chunk := blob.read(_CHUNK):
        yield chunk


def _write_member(file: IO[bytes], name: str, size_bytes: int, chunks: Iterable[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size = size_bytes
    file.write(info.tobuf(tarfile.USTAR_FORMAT))
    for chunk in chunks:
        file.write(chunk)
    file.write(bytes(-size_bytes % _BLOCK))


# ------------------------------------------------------------------ unpacking


class BundleReader:
    """A bundle that is read from its beginning to its end, once. Every method raises BadBundle for
    one that is none, or is hostile; OSError where its file cannot be read.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        name, size_bytes = self._read_head()
        if name != MANIFEST:
            raise _refuse("it does not begin with its list of contents")
        if size_bytes > _MOST_MANIFEST_BYTES:
            raise _refuse("its list of contents is too long")
        raw = b"".join(self._read_body(size_bytes))
        self.contents = _parse_contents(raw)

    def read_blobs(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The digest and the bytes of each blob, which have to be taken before the next; whoever
        takes them compares the digest. All that the list promises come, and no others.
        """
        sizes = self.contents.sizes
        for digest, size_bytes in sizes.items():
            name, there_bytes = self._read_head()
            if name != f"blobs/{digest}" or there_bytes != size_bytes:
                raise _refuse("what follows is not what its list of contents says")
            yield digest, self._read_body(size_bytes)
        if self._file.read(_BLOCK).strip(b"\0"):
            raise _refuse("it has more than its list of contents says")

    def _read_head(self) -> tuple[str, int]:
        """Name and size of the next member."""
        raw = self._file.read(_BLOCK)
        if len(raw) < _BLOCK or not raw.strip(b"\0"):
            raise _refuse("it ends early")
        try:
            info = tarfile.TarInfo.frombuf(raw, "utf-8", "strict")
        except (tarfile.TarError, UnicodeError, ValueError, OverflowError):
            raise _refuse("it is no tar file, or damaged") from None
        if info.type != tarfile.REGTYPE or info.size < 0:
            raise _refuse("it has something else than plain files in it")
        return info.name, info.size

    def _read_body(self, size_bytes: int) -> Iterator[bytes]:
        left = size_bytes
        while left:
            chunk = self._file.read(min(_CHUNK, left))
            if not chunk:
                raise _refuse("it ends early")
            left -= len(chunk)
            yield chunk
        if len(self._file.read(-size_bytes % _BLOCK)) != -size_bytes % _BLOCK:
            raise _refuse("it ends early")


def _parse_contents(raw: bytes) -> BundleContents:
    try:
        fields = parse_json(raw)
    except ValueError:
        raise _refuse("its list of contents cannot be read") from None
    if not isinstance(fields, dict) or fields.get("version") not in (VERSION, WITH_EXCERPTS):
        raise _refuse(f"its list of contents is not of {VERSION} or {WITH_EXCERPTS}")
    project, realm, results = (fields.get(name) for name in ("project", "realm", "results"))
    excerpts = fields.get("excerpts", [])
    if (
        not isinstance(project, str)
        or realm not in ("live", "mock")
        or not isinstance(results, list)
        or not isinstance(excerpts, list)
    ):
        raise _refuse("its list of contents cannot be read")
    if len(results) + len(excerpts) > _MOST_ENTRIES:
        raise _refuse("its list of contents is too long")
    entries = tuple(_parse_entry(entry) for entry in results)
    contents = BundleContents(project, realm, entries, tuple(map(_parse_record, excerpts)))
    sizes: dict[str, int] = {}
    for result in contents.results:
        if sizes.setdefault(result.digest, result.size_bytes) != result.size_bytes:
            raise _refuse("two of its results give one video two sizes")
    if contents.excerpts:
        used = _list_identities(entry.result for entry in entries)
        if not all(_is_excerpt(each) and each.identity in used for each in contents.excerpts):
            raise _refuse("one of its excerpts went into none of its results")
    return contents


def _is_excerpt(result: Result) -> bool:
    """Whether a record is of an excerpt. What else a stranger calls the frame of a video would
    change keys; so would one that no result was made of.
    """
    return result.key == digest_json(result.job) and result.job.keys() in CUT_FIELDS


def _list_identities(results: Iterable[Result]) -> set[str]:
    """What results were made of, as their jobs tell; nothing is believed of a job that is not what
    its key is the digest of.
    """
    jobs = (result.job for result in results if result.key == digest_json(result.job))
    return {identity for job in jobs for identity in _IDENTITY.findall(json.dumps(job))}


def _parse_entry(entry: Any) -> BundledResult:
    try:
        edit, output, record = (entry[name] for name in ("edit", "output", "record"))
    except (KeyError, TypeError):
        raise _refuse("one of its records cannot be read") from None
    if not isinstance(edit, str) or not isinstance(output, str):
        raise _refuse("one of its records cannot be read")
    return BundledResult(edit, output, _parse_record(record))


def _parse_record(record: Any) -> Result:
    try:
        result = check_result(record)
    except (KeyError, TypeError, ValueError):
        raise _refuse("one of its records cannot be read") from None
    if not (DIGEST.fullmatch(result.key) and DIGEST.fullmatch(result.digest)):
        raise _refuse("one of its records has a name that is none")
    if not 0 < result.size_bytes <= MOST_BLOB_BYTES:
        raise _refuse(f"one of its videos has no size, or one over {MOST_BLOB_BYTES >> 20} MiB")
    return result


def _refuse(words: str) -> BadBundle:
    return BadBundle(
        f"this is no bundle that can be unpacked: {words}.",
        hint="What was unpacked before that was verified. Ask for the bundle again.",
    )


def refuse_bytes(digest: str) -> BadBundle:
    """The error of bytes that are not those of their name."""
    return BadBundle(
        f"{digest[:12]}… in the bundle does not have the bytes it is named for.",
        hint="Nothing of it was kept. Ask for the bundle again.",
    )
