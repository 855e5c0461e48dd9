"""Examines local media: which file a medium is, its digest, its facts, the limits that it breaks.

A file is opened only when its digest was never seen before, and never in this process:
`system.probe.client` has it opened by a worker.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from reconciler.desired.datauri import parse_data_uri
from reconciler.desired.edit import Edit, Medium
from reconciler.desired.job import Facts, Input
from reconciler.desired.limits import check_limits, describe_size, describe_wrong_form
from reconciler.desired.tree import Tree, Unusable
from reconciler.errors import Fault, Place
from reconciler.formats.digest import hash_bytes
from reconciler.formats.signed_urls import Signatures
from reconciler.service.models import MediaLimits
from reconciler.system.cache import Cache
from reconciler.system.probe.refusal import Foreign, Unreadable

_PROBE_VERSION = "3"

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


class MediaExaminer:
    """Looks at the media of edits, remembering what it saw."""

    def __init__(self, tree: Tree, cache: Cache, signatures: Signatures) -> None:
        self._tree = tree
        self._cache = cache
        self._signatures = signatures

    def examine(self, edit: Edit, medium: Medium, limits: MediaLimits) -> tuple[Input, list[Fault]]:
        """The input behind a media reference, and what is wrong with it."""
        reference, place = medium.reference, edit.place(medium.at)
        if reference.kind == "local":
            return self._examine_file(medium, limits, place)
        # the manifest refuses all but pictures as a data URI
        if reference.kind != "data" or limits.kind != "image":
            return Input(medium, reference.identity(self._signatures)), []
        uri = parse_data_uri(reference.value)
        identity, size_bytes = f"sha256:{hash_bytes(uri.content)}", len(uri.content)
        try:
            facts = self._facts(identity, limits, lambda: io.BytesIO(uri.content), size_bytes)
        except Unreadable as error:
            return Input(medium, identity), [
                Fault(place, _describe_refusal("the data URI", error, limits))
            ]
        faults = [Fault(place, f"the data URI {fault}") for fault in check_limits(facts, limits)]
        if facts.format != uri.format:
            faults.append(
                Fault(
                    place,
                    f"the data URI says {uri.format} and holds {facts.format}; they must match",
                )
            )
        return Input(medium, identity, facts), faults

    def _examine_file(
        self, medium: Medium, limits: MediaLimits, place: Place
    ) -> tuple[Input, list[Fault]]:
        shown = f"the file {medium.reference.value}"
        try:
            file = self._tree.file(medium.reference.value)
            # not worth reading
            if limits.size_bytes is not None and file.size_bytes > limits.size_bytes:
                return Input(medium, None), [
                    Fault(place, f"{shown} {describe_size(file.size_bytes, limits.size_bytes)}")
                ]
            identity = f"sha256:{file.digest()}"
            facts = self._facts(identity, limits, file.open, file.size_bytes)
        except Unreadable as error:
            return Input(medium, None), [Fault(place, _describe_refusal(shown, error, limits))]
        except Unusable as error:
            return Input(medium, None), [Fault(place, f"{shown} {error}")]
        faults = [Fault(place, f"{shown} {fault}") for fault in check_limits(facts, limits)]
        return Input(medium, identity, facts, file.path), faults

    def _facts(self, identity: str, limits: MediaLimits, opened: Opener, size_bytes: int) -> Facts:
        kind = f"{limits.kind}-mask" if limits.mask else limits.kind
        key = f"{_PROBE_VERSION}:{kind}:{identity.removeprefix('sha256:')}"
        known = self._cache.get("facts", key)
        if known is None:
            with opened() as file:
                known = asdict(probe_media(file, limits.kind, size_bytes, mask=limits.mask))
            self._cache.put("facts", key, json.loads(json.dumps(known)))
        return Facts(**known)


def _describe_refusal(shown: str, error: Unreadable, limits: MediaLimits) -> str:
    if isinstance(error, Foreign):
        return f"{shown} {describe_wrong_form(error.form, limits)}"
    return f"{shown}: {error}"


def probe_media(file: IO[bytes], kind: str, size_bytes: int, *, mask: bool = False) -> Facts:
    """What a picture, a video or a sound is. Raises Unreadable, Foreign.

    Of a `mask` its colours are told too.
    """
    from reconciler.system.probe import client  # lazy: only of what was never seen

    return Facts(**client.probe_file(file, kind, size_bytes, mask=mask))


def probe_output(path: Path, size_bytes: int, kind: str = "video") -> Facts:
    """What a file on disk is that should be of `kind` ("video", "image"). Raises Unreadable,
    Foreign, OSError.
    """
    with path.open("rb") as file:
        return probe_media(file, kind, size_bytes)
