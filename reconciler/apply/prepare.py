"""Before the POST: what is local is uploaded, and the request is built. Spends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from reconciler.apply.context import Desk, Work, persistently
from reconciler.apply.events import Phase
from reconciler.desired.datauri import parse_data_uri
from reconciler.desired.job import build_request
from reconciler.errors import CutlistError, StoreDamaged
from reconciler.formats.digest import hash_bytes
from reconciler.state.ledger import UploadPlace
from reconciler.system.files import hash_file

UPLOAD_MARGIN_S = 2 * 3600  # an upload about to expire is made anew
UPLOAD_LIFE_S = 48 * 3600


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent."""

    body: bytes
    uses_oss: bool
    prompt: str | None


@dataclass(frozen=True, slots=True)
class _Source:
    """Bytes that have to lie in the service's storage; `content` is a file or the bytes; None: a
    blob in
    the store."""

    at: str  # the pointer of the medium that they are
    digest: str  # SHA-256
    suffix: str
    content: Path | bytes | None


async def prepare(desk: Desk, work: Work) -> Prepared:
    """Upload what is local and build the request. May be repeated; uploads are remembered for their
    48 hours.
    """
    assert work.wanted is not None
    urls = _data_urls(work)
    for each in _sources(work):
        urls[each.at] = await _uploaded(desk, work, each)
    body = build_request(work.wanted, urls)
    uses_oss = any(value.startswith("oss://") for value in _texts(body["input"]))
    return Prepared(
        json.dumps(body, ensure_ascii=False).encode(), uses_oss, body["input"].get("prompt")
    )


async def forget_uploads(desk: Desk, work: Work) -> None:
    """The service could not fetch an input: what was uploaded is uploaded anew the next time.

    An upload's 48 hours go by this machine's clock, which may have been set.
    """
    if work.wanted is not None:
        for each in _sources(work):
            await desk.run_blocking(desk.ledger.uploads.forget, each.digest, _place(desk, work))


def _sources(work: Work) -> Iterator[_Source]:
    assert work.wanted is not None
    for each in work.wanted.inputs:
        reference, at = each.medium.reference, each.medium.at
        if reference.kind == "local":
            assert each.identity is not None and each.path is not None
            digest = each.identity.removeprefix("sha256:")
            yield _Source(at, digest, each.path.suffix, each.path)
        elif reference.kind == "edit":
            digest = work.upstream[reference.value].digest
            yield _Source(at, digest, ".mp4", None)
        elif reference.kind == "data" and not work.wanted.model.media[each.medium.limits].data_uri:
            uri = parse_data_uri(reference.value)
            yield _Source(at, hash_bytes(uri.content), f".{uri.format}", uri.content)


def _data_urls(work: Work) -> dict[str, str]:
    """By pointer: data URIs that the model takes as they are, in the form that the service reads."""
    assert work.wanted is not None
    return {
        each.medium.at: parse_data_uri(each.medium.reference.value).text
        for each in work.wanted.inputs
        if each.medium.reference.kind == "data"
        and work.wanted.model.media[each.medium.limits].data_uri
    }


async def _uploaded(desk: Desk, work: Work, source: _Source) -> str:
    """The oss:// URL of a source, uploaded unless it is there."""
    place, now = _place(desk, work), desk.clock.now()
    known = desk.ledger.uploads.url(source.digest, place, now=now, margin_s=UPLOAD_MARGIN_S)
    if known is not None:
        return known
    desk.emit(work, Phase.UPLOADING)
    if not await _is_unchanged(desk, source):
        name = source.content.name if isinstance(source.content, Path) else source.digest
        raise CutlistError(
            f"{name} changed while this run was at work.",
            hint="Run apply again; this job was not sent.",
        )
    name = f"{source.digest[:16]}{source.suffix.lower()}"
    with _open_content(desk, source) as content:
        url = await persistently(
            desk, lambda: desk.client.upload(work.model, name, content), work=work
        )
    await desk.run_blocking(
        desk.ledger.uploads.keep, source.digest, place, url, expires_at=now + UPLOAD_LIFE_S
    )
    return url


async def _is_unchanged(desk: Desk, source: _Source) -> bool:
    """Whether a source still has the bytes that the plan saw."""
    if isinstance(source.content, bytes):
        return True
    if source.content is not None:
        return bool(await desk.run_blocking(hash_file, source.content) == source.digest)
    try:
        await desk.run_blocking(desk.store.check_blob, source.digest)
    except StoreDamaged:
        return False
    return True


@contextmanager
def _open_content(desk: Desk, source: _Source) -> Iterator[Path | bytes | IO[bytes]]:
    """What is uploaded: a file, the bytes, or a blob of the store, open for reading."""
    if source.content is not None:
        yield source.content
    else:
        with desk.store.open_blob(source.digest) as file:
            yield file


def _place(desk: Desk, work: Work) -> UploadPlace:
    return UploadPlace(work.model, desk.account, desk.endpoint)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    return [text for part in parts for text in _texts(part)]
