"""Before the POST: what is local is uploaded, and the request is built. Spends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reconciler.apply.context import Context, retry_until_answered
from reconciler.apply.events import Phase
from reconciler.apply.work import Source, Work
from reconciler.desired.datauri import parse_data_uri
from reconciler.desired.job import replace_at
from reconciler.desired.tree import Unusable
from reconciler.errors import CutlistError, StoreDamaged
from reconciler.formats.digest import hash_bytes
from reconciler.formats.names import make_plain
from reconciler.state.ledger import UploadPlace
from reconciler.system.files import hash_file, hash_stream

UPLOAD_MARGIN_S = 2 * 3600  # an upload about to expire is made anew
UPLOAD_LIFE_S = 48 * 3600


class InputGone(CutlistError):
    """What is to be uploaded is not what it was any more; this job was not sent."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent."""

    body: bytes
    uses_oss: bool
    prompt: str | None


async def prepare(context: Context, work: Work) -> Prepared:
    """Upload what is local and build the request. May be repeated; uploads are remembered for their
    48 hours.
    """
    assert work.request is not None
    urls = {source.at: await _upload(context, work, source) for source in work.sources}
    body = {**work.request, "input": replace_at(work.request["input"], "/input", urls)}
    uses_oss = any(value.startswith("oss://") for value in _texts(body["input"]))
    return Prepared(
        json.dumps(body, ensure_ascii=False).encode(), uses_oss, body["input"].get("prompt")
    )


async def forget_uploads(context: Context, work: Work) -> None:
    """The service could not fetch an input: what was uploaded is uploaded anew the next time.

    An upload's 48 hours go by this machine's clock, which may have been set.
    """
    for source in work.sources:
        await context.run_blocking(
            context.ledger.uploads.forget, source.digest, _place(context, work)
        )


async def _upload(context: Context, work: Work, source: Source) -> str:
    """The oss:// URL of a source, uploaded unless it is there."""
    place, now = _place(context, work), context.clock.now()
    known = context.ledger.uploads.url(source.digest, place, now=now, margin_s=UPLOAD_MARGIN_S)
    if known is not None:
        return known
    context.emit(work.edit, Phase.UPLOADING)
    name = f"{source.digest[:16]}{source.suffix.lower()}"
    try:
        with open_content(context, source) as content:
            if await context.run_blocking(hash_content, content) != source.digest:
                raise report_change(source)
            url = await retry_until_answered(
                context, lambda: context.client.upload(work.model, name, content), work=work
            )
    except (Unusable, StoreDamaged, FileNotFoundError):
        raise report_change(source) from None
    await context.run_blocking(
        context.ledger.uploads.keep, source.digest, place, url, expires_at=now + UPLOAD_LIFE_S
    )
    return url


def report_change(source: Source) -> InputGone:
    """Build the error for bytes that are not what the plan saw."""
    if source.origin == "input":
        return InputGone(
            f"the input {source.digest[:12]}… is not in the store, or has other bytes there.",
            hint="Run apply again: it puts the input there anew. This job was not sent.",
        )
    name = source.reference if source.origin == "file" else source.digest
    return InputGone(
        f"{make_plain(name)} changed while this run was at work.",
        hint="Run apply again; this job was not sent.",
    )


@contextmanager
def open_content(context: Context, source: Source) -> Iterator[Path | bytes | IO[bytes]]:
    """What is uploaded: a file of the project, a blob of the store, or what is written out."""
    if source.origin == "data":
        yield parse_data_uri(source.reference).content
        return
    if source.origin == "result":
        with context.store.open_blob(source.digest) as blob:
            yield blob
        return
    if source.origin == "input":
        with context.store.open_inputs().open(source.digest) as input_:
            yield input_
        return
    file = context.find_file(source.reference)
    if file.path is not None:
        yield file.path
        return
    with file.open() as content:
        yield content


def hash_content(content: Path | bytes | IO[bytes]) -> str | None:
    """The SHA-256 of what is to be uploaded."""
    if isinstance(content, bytes):
        return hash_bytes(content)
    if isinstance(content, Path):
        return hash_file(content)
    content.seek(0)
    return hash_stream(content)


def _place(context: Context, work: Work) -> UploadPlace:
    return UploadPlace(work.model, context.account, context.endpoint)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    return [text for part in parts for text in _texts(part)]
