"""Excerpts of videos in the store, frames and sounds: cut once, and kept as results whose job says
of what they are.

The record of an excerpt stands under a key of its own, beside the records of videos: whoever has
the record can plan without the video's bytes. Cutting is repeatable and costs computing time only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import IO, Any

from reconciler.errors import StoreDamaged
from reconciler.formats.digest import digest_json, hash_bytes
from reconciler.formats.fragments import find_moment_s, is_sound
from reconciler.state.observed import Result
from reconciler.state.store import Store
from reconciler.system.cache import Cache
from reconciler.system.clock import Clock
from reconciler.system.probe.refusal import Unreadable

ExcerptName = tuple[str, str]  # the digest of a video, and which part of it: last-frame, audio
_TABLE = "excerpts"
CUT_FIELDS = ({"frame", "of"}, {"sound", "of"})  # what the job of an excerpt says
_SOUND_FORM = "pcm_s16le"  # of the sounds that are kept, in WAV


class ExcerptFinder:
    """Finds excerpts: remembered in the store, remembered by this machine, else cut.

    With `keeps`, for whoever holds the lock, what is found is put into the store.
    """

    def __init__(self, store: Store, cache: Cache, clock: Clock, *, keeps: bool) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._keeps = keeps
        self._stored: dict[str, Result] = {}
        self._prepared: dict[str, bytes | Unreadable] = {}

    def look_up(self, names: Collection[ExcerptName]) -> None:
        """Ask the store for excerpts, all at once."""
        keys = {compute_excerpt_key(*name) for name in names} - self._stored.keys()
        if keys:
            results, _ = self._store.find_results(keys)
            self._stored |= {key: several[0] for key, several in results.items() if several}

    def prepare(self, names: Collection[ExcerptName]) -> None:
        """Cut what is neither stored nor cut, so that finding it takes no time; from a thread of
        its own. Raises what a store raises.
        """
        self.look_up(names)
        for name in names:
            key = compute_excerpt_key(*name)
            if key in self._stored or key in self._prepared:
                continue
            try:
                content = self._cut(*name)
            except Unreadable as error:
                self._prepared[key] = error
            else:
                if content is not None:
                    self._prepared[key] = content

    def find(self, name: ExcerptName, edit: str) -> Result | None:
        """The excerpt as a result; None where neither it nor its video is here. `edit` is what made
        the video. Raises Unreadable, and with `keeps` what a store raises.
        """
        key = compute_excerpt_key(*name)
        if key not in self._stored:
            self.look_up([name])
        if key in self._stored:
            return self._stored[key]
        row, content = self._cache.get(_TABLE, key), None
        if row is None or self._keeps:
            content = self._take_prepared(key) or self._cut(*name)
            if content is None:
                return None
            row = _describe(name[1], content)
            self._cache.put(_TABLE, key, row)
        result = _build_result(key, name, edit, row, self._clock.now())
        if self._keeps and content is not None:
            with self._store.new_blob() as blob:
                blob.write(content)
                blob.commit()
            self._store.put_result(result)
            self._stored[key] = result
        return result

    def _take_prepared(self, key: str) -> bytes | None:
        """What was cut ahead; a refusal stays."""
        prepared = self._prepared.get(key)
        if isinstance(prepared, Unreadable):
            raise prepared
        if prepared is not None:
            del self._prepared[key]
        return prepared

    def _cut(self, digest: str, fragment: str) -> bytes | None:
        from reconciler.system.probe import client  # lazy: only of what was never seen

        try:
            with self._store.open_blob(digest) as video:
                size_bytes = _measure(video)
                if is_sound(fragment):
                    return client.cut_sound(video, size_bytes)
                return client.cut_frame(video, size_bytes, find_moment_s(fragment))
        except StoreDamaged:
            return None


def compute_excerpt_key(digest: str, fragment: str) -> str:
    """The key under which the store has an excerpt of a video."""
    return digest_json(_build_job(digest, fragment))


def is_excerpt(result: Result) -> bool:
    """Whether a result is a frame or the sound of another one."""
    return "#" in result.edit


def find_source_digest(result: Result) -> str:
    """The digest of the video that an excerpt is of."""
    return str(result.job["of"]).removeprefix("sha256:")


def find_suffix(fragment: str) -> str:
    """How a file of such an excerpt is named: `.png`, `.wav`."""
    return ".wav" if is_sound(fragment) else ".png"


def _describe(fragment: str, content: bytes) -> Mapping[str, Any]:
    return describe_sound(content) if is_sound(fragment) else describe_frame(content)


def describe_frame(png: bytes) -> Mapping[str, Any]:
    """Digest, size and sides of a PNG; the sides stand at a fixed place (PNG, IHDR)."""
    sides = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    width, height = sides
    return {
        "digest": hash_bytes(png),
        "size_bytes": len(png),
        "width": width,
        "height": height,
        "duration_s": 0.0,
    }


def describe_sound(wav: bytes) -> Mapping[str, Any]:
    """Digest, size and length of a WAV file that has nothing but a `fmt ` and a `data` chunk."""
    bytes_per_s, data_bytes = (int.from_bytes(wav[at : at + 4], "little") for at in (28, 40))
    return {
        "digest": hash_bytes(wav),
        "size_bytes": len(wav),
        "width": 0,
        "height": 0,
        "duration_s": round(data_bytes / bytes_per_s, 3),
    }


def _measure(file: IO[bytes]) -> int:
    return file.seek(0, 2)


def _build_job(digest: str, fragment: str) -> dict[str, str]:
    of = f"sha256:{digest}"
    return {"sound": _SOUND_FORM, "of": of} if is_sound(fragment) else {"frame": fragment, "of": of}


def _build_result(
    key: str, name: ExcerptName, edit: str, row: Mapping[str, Any], now: float
) -> Result:
    return Result(
        key=key,
        stored_at=datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        edit=f"{edit}#{name[1]}",
        job=_build_job(*name),
        task={},
        usage={},
        endpoint="",
        account="",
        **row,
    )
