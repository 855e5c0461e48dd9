"""Frames of videos in the store: cut once, and kept as results whose job says of what they are.

The record of a frame stands under a key of its own, beside the records of videos: whoever has the
record can plan without the video's bytes. Cutting is repeatable and costs computing time only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import IO, Any

from reconciler.errors import StoreDamaged
from reconciler.formats.digest import digest_json, hash_bytes
from reconciler.state.observed import Result
from reconciler.state.store import Store
from reconciler.system.cache import Cache
from reconciler.system.clock import Clock

FrameName = tuple[str, str]  # the digest of a video, and which frame of it: last-frame
_TABLE = "frames"


class FrameFinder:
    """Finds frames: remembered in the store, remembered by this machine, else cut.

    With `keeps`, for whoever holds the lock, what is found is put into the store.
    """

    def __init__(self, store: Store, cache: Cache, clock: Clock, *, keeps: bool) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._keeps = keeps
        self._stored: dict[str, Result] = {}

    def look_up(self, names: Collection[FrameName]) -> None:
        """Ask the store for frames, all at once."""
        keys = {compute_frame_key(*name) for name in names} - self._stored.keys()
        if keys:
            results, _ = self._store.find_results(keys)
            self._stored |= {key: several[0] for key, several in results.items() if several}

    def find(self, name: FrameName, moment_s: float | None, edit: str) -> Result | None:
        """The frame as a result; None where neither it nor its video is here. `moment_s` as in
        `cut_frame`; `edit` is what made the video. Raises Unreadable, and with `keeps` what a store
        raises.
        """
        key = compute_frame_key(*name)
        if key not in self._stored:
            self.look_up([name])
        if key in self._stored:
            return self._stored[key]
        row, png = self._cache.get(_TABLE, key), None
        if row is None or self._keeps:
            png = self._cut(name[0], moment_s)
            if png is None:
                return None
            row = describe_frame(png)
            self._cache.put(_TABLE, key, row)
        result = _build_result(key, name, edit, row, self._clock.now())
        if self._keeps and png is not None:
            with self._store.new_blob() as blob:
                blob.write(png)
                blob.commit()
            self._store.put_result(result)
            self._stored[key] = result
        return result

    def _cut(self, digest: str, moment_s: float | None) -> bytes | None:
        from reconciler.system.probe import client  # lazy: only of what was never seen

        try:
            with self._store.open_blob(digest) as video:
                return client.cut_frame(video, _measure(video), moment_s)
        except StoreDamaged:
            return None


def compute_frame_key(digest: str, fragment: str) -> str:
    """The key under which the store has a frame of a video."""
    return digest_json(_build_job(digest, fragment))


def is_frame(result: Result) -> bool:
    """Whether a result is a frame of another one."""
    return "#" in result.edit


def find_source_digest(result: Result) -> str:
    """The digest of the video that a frame is of."""
    return str(result.job["of"]).removeprefix("sha256:")


def describe_frame(png: bytes) -> Mapping[str, Any]:
    """Digest, size and sides of a PNG; the sides stand at a fixed place (PNG, IHDR)."""
    sides = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    width, height = sides
    return {
        "digest": hash_bytes(png),
        "size_bytes": len(png),
        "width": width,
        "height": height,
    }


def _measure(file: IO[bytes]) -> int:
    return file.seek(0, 2)


def _build_job(digest: str, fragment: str) -> dict[str, str]:
    return {"frame": fragment, "of": f"sha256:{digest}"}


def _build_result(
    key: str, name: FrameName, edit: str, row: Mapping[str, Any], now: float
) -> Result:
    return Result(
        key=key,
        duration_s=0.0,
        stored_at=datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        edit=f"{edit}#{name[1]}",
        job=_build_job(*name),
        task={},
        usage={},
        endpoint="",
        account="",
        **row,
    )
