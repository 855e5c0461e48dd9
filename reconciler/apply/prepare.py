"""Before the POST: what is local is uploaded, and the request is built. Spends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reconciler.apply.context import Context, Work, retry_until_answered
from reconciler.apply.events import Phase
from reconciler.desired.datauri import parse_data_uri
from reconciler.desired.job import build_request
from reconciler.errors import CutlistError, StoreDamaged
from reconciler.formats.digest import hash_bytes
from reconciler.service.model_files import load_models
from reconciler.service.models import VIDEO_SUFFIX
from reconciler.state.ledger import UploadPlace
from reconciler.state.observed import Result
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
    blob in the store.
    """

    at: str  # the pointer of the medium that they are
    digest: str  # SHA-256
    suffix: str
    content: Path | bytes | None


async def prepare(context: Context, work: Work) -> Prepared:
    """Upload what is local and build the request. May be repeated; uploads are remembered for their
    48 hours.
    """
    assert work.wanted is not None
    urls = _data_urls(work)
    for source in _sources(work):
        urls[source.at] = await _uploaded(context, work, source)
    body = build_request(work.wanted, urls)
    uses_oss = any(value.startswith("oss://") for value in _texts(body["input"]))
    return Prepared(
        json.dumps(body, ensure_ascii=False).encode(), uses_oss, body["input"].get("prompt")
    )


async def forget_uploads(context: Context, work: Work) -> None:
    """The service could not fetch an input: what was uploaded is uploaded anew the next time.

    An upload's 48 hours go by this machine's clock, which may have been set.
    """
    if work.wanted is not None:
        for source in _sources(work):
            await context.run_blocking(
                context.ledger.uploads.forget, source.digest, _place(context, work)
            )


def _find_suffix(result: Result) -> str:
    """How a file of a result is named, as the model that made it says."""
    form = load_models().find_output_form(result.job)
    return form.suffix if form is not None else VIDEO_SUFFIX


def _sources(work: Work) -> Iterator[_Source]:
    assert work.wanted is not None
    for input_ in work.wanted.inputs:
        reference, at = input_.medium.reference, input_.medium.at
        if reference.kind == "local":
            assert input_.identity is not None and input_.path is not None
            digest = input_.identity.removeprefix("sha256:")
            yield _Source(at, digest, input_.path.suffix, input_.path)
        elif reference.kind == "edit":
            result = work.upstream[reference.value]
            yield _Source(at, result.digest, _find_suffix(result), None)
        elif (
            reference.kind == "data" and not work.wanted.model.media[input_.medium.limits].data_uri
        ):
            uri = parse_data_uri(reference.value)
            yield _Source(at, hash_bytes(uri.content), f".{uri.format}", uri.content)


def _data_urls(work: Work) -> dict[str, str]:
    """By pointer: data URIs that the model takes as they are, in the form that the service
    reads.
    """
    assert work.wanted is not None
    return {
        input_.medium.at: parse_data_uri(input_.medium.reference.value).text
        for input_ in work.wanted.inputs
        if input_.medium.reference.kind == "data"
        and work.wanted.model.media[input_.medium.limits].data_uri
    }


async def _uploaded(context: Context, work: Work, source: _Source) -> str:
    """The oss:// URL of a source, uploaded unless it is there."""
    place, now = _place(context, work), context.clock.now()
    known = context.ledger.uploads.url(source.digest, place, now=now, margin_s=UPLOAD_MARGIN_S)
    if known is not None:
        return known
    context.emit(work.edit, Phase.UPLOADING)
    if not await _is_unchanged(context, source):
        name = source.content.name if isinstance(source.content, Path) else source.digest
        raise CutlistError(
            f"{name} changed while this run was at work.",
            hint="Run apply again; this job was not sent.",
        )
    name = f"{source.digest[:16]}{source.suffix.lower()}"
    with _open_content(context, source) as content:
        url = await retry_until_answered(
            context, lambda: context.client.upload(work.model, name, content), work=work
        )
    await context.run_blocking(
        context.ledger.uploads.keep, source.digest, place, url, expires_at=now + UPLOAD_LIFE_S
    )
    return url


async def _is_unchanged(context: Context, source: _Source) -> bool:
    """Whether a source still has the bytes that the plan saw."""
    if isinstance(source.content, bytes):
        return True
    if source.content is not None:
        return bool(await context.run_blocking(hash_file, source.content) == source.digest)
    try:
        await context.run_blocking(context.store.check_blob, source.digest)
    except StoreDamaged:
        return False
    return True


@contextmanager
def _open_content(context: Context, source: _Source) -> Iterator[Path | bytes | IO[bytes]]:
    """What is uploaded: a file, the bytes, or a blob of the store, open for reading."""
    if source.content is not None:
        yield source.content
    else:
        with context.store.open_blob(source.digest) as file:
            yield file


def _place(context: Context, work: Work) -> UploadPlace:
    return UploadPlace(work.model, context.account, context.endpoint)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    return [text for part in parts for text in _texts(part)]
