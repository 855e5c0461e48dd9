"""Brings the bytes of clips that a repository keeps in Git LFS into a mirror.

A commit then holds a pointer: the SHA-256 and the size of a file that the host has elsewhere. The
batch API of Git LFS says where; it is asked at the repository's own URL and nowhere else, since a
file of the repository (`.lfsconfig`) must not choose who gets the token. What comes is believed
when it has the SHA-256 that the commit names.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reconciler.errors import (
    DiskFull,
    GitError,
    NotReached,
    OutcomeUnknown,
    RefMissing,
    RemoteRefused,
    RemoteUnreachable,
)
from reconciler.formats.hosts import is_loopback
from reconciler.formats.names import make_plain
from reconciler.formats.secret import Secret
from reconciler.formats.untrusted import Unfit, read_json
from reconciler.service.routes import Routes
from reconciler.system.files import (
    copy_atomic,
    create_file,
    fsync_dir,
    make_dirs,
    measure_free_bytes,
)
from reconciler.system.git.committed import (
    MOST_OF_A_POINTER,
    LfsPointer,
    find_lfs_file,
    list_entries,
    parse_lfs_pointer,
)
from reconciler.system.git.remote import Mirror
from reconciler.system.git.run import Objects
from reconciler.system.git.transport import encode_token

if TYPE_CHECKING:
    from reconciler.service.network import Network, Transport  # lazy where it runs: httpx

_TYPE = "application/vnd.git-lfs+json"
_ANSWER_S = 60.0  # for the list of links
_MOST_AT_ONCE = 100  # files in one list
_TMP = "part"


@dataclass(frozen=True, slots=True)
class _Link:
    """Where the bytes of one file are, and what has to be sent along."""

    url: str
    headers: Mapping[str, str]


def list_lfs_pointers(mirror: Mirror, commit: str, path: str = "") -> tuple[LfsPointer, ...]:
    """The files of Git LFS below `path` in a commit, whose bytes are not in the mirror. The files
    of the commit themselves have to be (`fetch_files`). Raises GitError.
    """
    pointers = set()
    with Objects(mirror.folder) as objects:
        for entry in list_entries(mirror.folder, commit, path).values():
            if entry.kind == "file" and 0 < entry.size_bytes <= MOST_OF_A_POINTER:
                pointer = parse_lfs_pointer(b"".join(objects.read_chunks(entry.id)))
                if pointer is not None:
                    pointers.add(pointer)
    here = find_lfs_file(mirror.folder, "0" * 64).parents[2]
    return tuple(sorted(one for one in pointers if not _build_path(here, one).is_file()))


async def fetch_lfs(
    mirror: Mirror,
    pointers: Sequence[LfsPointer],
    *,
    routes: Routes,
    token: Secret | None = None,
    transport: Transport | None = None,
) -> None:
    """Bring the bytes of these files; each is whole in the mirror, or not there.

    Over https (http on this machine) and from this disk; ssh hands out no bytes of Git LFS.
    Raises RefMissing where the host lacks one, RemoteUnreachable, RemoteRefused, DiskFull.
    """
    if not pointers:
        return
    here = find_lfs_file(mirror.folder, "0" * 64).parents[2]
    needed = sum(pointer.size_bytes for pointer in pointers)
    if needed > measure_free_bytes(mirror.folder):
        raise DiskFull(
            f"files of {needed:,} bytes do not fit onto the disk of {mirror.folder}.",
            hint="Make room; they are fetched again. Nothing was sent.",
        )
    if mirror.url.startswith(("file:", "/")):
        _copy_files(mirror, pointers, here)
        return
    from reconciler.service.network import Network  # lazy: httpx

    host = _Host(mirror, token, Network(routes, transport=transport, named="the Git LFS host"))
    try:
        for start in range(0, len(pointers), _MOST_AT_ONCE):
            portion = pointers[start : start + _MOST_AT_ONCE]
            for pointer, link in zip(portion, await host.find_links(portion), strict=True):
                await host.download(pointer, link, _build_path(here, pointer))
    except (NotReached, OutcomeUnknown) as error:
        words = f"Git LFS of {make_plain(mirror.url)}: {error.message.rstrip('.')}."
        raise RemoteUnreachable(words, hint="It is tried again.") from error
    finally:
        await host.network.close()


def bring_lfs(
    mirror: Mirror, pointers: Sequence[LfsPointer], *, routes: Routes, token: Secret | None
) -> None:
    """The same for who waits for it: in a thread with a loop of its own. Raises what `fetch_lfs`
    raises.
    """
    with ThreadPoolExecutor(1) as pool:
        fetching = fetch_lfs(mirror, pointers, routes=routes, token=token)
        pool.submit(asyncio.run, fetching).result()


def _build_path(folder: Path, pointer: LfsPointer) -> Path:
    digest = pointer.digest
    return folder / digest[:2] / digest[2:4] / digest


def _copy_files(mirror: Mirror, pointers: Sequence[LfsPointer], here: Path) -> None:
    """From a repository on this disk, whose own folder of Git LFS has the bytes."""
    there = Path(unquote(mirror.url.removeprefix("file://")))
    for pointer in pointers:
        source, target = find_lfs_file(there, pointer.digest), _build_path(here, pointer)
        if not source.is_file():
            raise _build_missing(mirror, pointer)
        if copy_atomic(source, target, tmp_name=_TMP) != pointer.digest:
            target.unlink()
            raise _build_damaged(mirror, pointer)


class _Host:
    """Where the repository's bytes of Git LFS are asked for."""

    def __init__(self, mirror: Mirror, token: Secret | None, network: Network) -> None:
        self.network = network
        self._mirror = mirror
        self._token = token
        self._parts = urlsplit(mirror.url)
        if self._parts.scheme not in ("https", "http"):
            raise RemoteRefused(
                f"files of Git LFS are not fetched by ssh, and {make_plain(mirror.url)} names it.",
                hint="Name the https URL of the repository, and a token.",
            )

    async def find_links(self, pointers: Sequence[LfsPointer]) -> list[_Link]:
        """Where each of the files is. Raises RefMissing, RemoteRefused, RemoteUnreachable."""
        wanted = [{"oid": one.digest, "size": one.size_bytes} for one in pointers]
        body = {"operation": "download", "transfers": ["basic"], "objects": wanted}
        url = self._mirror.url.rstrip("/").removesuffix(".git")
        reply = await self.network.ask(
            "POST",
            f"{url}.git/info/lfs/objects/batch",
            within_s=_ANSWER_S,
            headers={"Accept": _TYPE, "Content-Type": _TYPE, **self._build_headers()},
            content=json.dumps(body).encode(),
        )
        self._check_status(reply.status)
        if reply.cut:
            raise self._build_error(f"the answer {reply.cut}")
        try:
            links = dict(self._read_links(read_json(reply.body)))
        except Unfit as error:
            raise self._build_error(f"the answer {error}") from None
        for pointer in pointers:
            if pointer.digest not in links:
                raise _build_missing(self._mirror, pointer)
        return [links[pointer.digest] for pointer in pointers]

    async def download(self, pointer: LfsPointer, link: _Link, path: Path) -> None:
        """Put the bytes of one file at `path`, when they are the ones that the commit names."""
        hasher, size_bytes = hashlib.sha256(), 0
        make_dirs(path.parent)
        with create_file(path.parent, f".{path.name}.{_TMP}") as (tmp, file):
            async with self.network.open(link.url, headers=link.headers) as incoming:
                self._check_status(incoming.status)
                async for chunk in incoming.chunks:
                    size_bytes += len(chunk)
                    if size_bytes > pointer.size_bytes:
                        break
                    hasher.update(chunk)
                    file.write(chunk)
            if size_bytes != pointer.size_bytes or hasher.hexdigest() != pointer.digest:
                raise _build_damaged(self._mirror, pointer)
            file.flush()
            os.fsync(file.fileno())
            tmp.rename(path)
        fsync_dir(path.parent)

    def _read_links(self, answer: object) -> Iterator[tuple[str, _Link]]:
        """The links of an answer, by digest. A file that is not there has an error in its place."""
        objects = _look_up(answer, "objects")
        if not isinstance(objects, list):
            raise Unfit("names no objects")
        for item in objects:
            action = _look_up(_look_up(item, "actions"), "download")
            href, digest = _look_up(action, "href"), _look_up(item, "oid")
            if isinstance(href, str) and isinstance(digest, str):
                headers = self._choose_headers(href, _look_up(action, "header"))
                yield digest, _Link(href, headers)

    def _choose_headers(self, href: str, given: object) -> Mapping[str, str]:
        """What is sent to a link: what the host says, or our token to the host itself. Raises
        Unfit for a link that is not followed.
        """
        try:
            parts = urlsplit(href)
            host = parts.hostname or ""
        except ValueError:
            raise Unfit("has a link that is no URL") from None
        near = is_loopback(host) and is_loopback(self._parts.hostname or "")
        if parts.scheme != "https" and not (parts.scheme == "http" and near):
            raise Unfit("has a link that is not https")
        named = given.items() if isinstance(given, dict) else ()
        headers = {name: value for name, value in named if isinstance(value, str)}
        if headers or (parts.scheme, parts.netloc) != (self._parts.scheme, self._parts.netloc):
            return headers
        return self._build_headers() if not parts.query else {}

    def _build_headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Basic {encode_token(self._token)}"} if self._token else {}

    def _check_status(self, status: int) -> None:
        if status == 200:
            return
        if status in (401, 403, 404, 410, 422, 501) or 300 <= status < 400:
            raise RemoteRefused(
                f"Git LFS of {make_plain(self._mirror.url)} answers {status}.",
                hint="Check that the host has Git LFS for it, and that the token may read it.",
            )
        raise self._build_error(f"it answers {status}")

    def _build_error(self, words: str) -> RemoteUnreachable:
        text = f"Git LFS of {make_plain(self._mirror.url)}: {words}."
        return RemoteUnreachable(text, hint="It is tried again.")


def _look_up(value: object, name: str) -> object:
    """A field of a JSON object; None where there is neither."""
    return value.get(name) if isinstance(value, dict) else None


def _build_missing(mirror: Mirror, pointer: LfsPointer) -> GitError:
    return RefMissing(
        f"{make_plain(mirror.url)} lacks the file {pointer.digest[:12]}… of Git LFS.",
        hint="`git lfs push --all origin` from a clone that has it.",
    )


def _build_damaged(mirror: Mirror, pointer: LfsPointer) -> GitError:
    return RemoteUnreachable(
        f"the file {pointer.digest[:12]}… of Git LFS of {make_plain(mirror.url)} came with other"
        " bytes than the commit names.",
        hint="It is tried again; where it comes so again, `git lfs push --all` repairs it.",
    )
