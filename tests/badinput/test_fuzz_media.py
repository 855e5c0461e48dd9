"""Mutated clips and pictures at both gates: facts or a refusal, never a traceback, a hang or a
flood.

`make test` tries MEDIA_QUICK of them, `make fuzz` FUZZ_MEDIA; a seed gives the same ones
everywhere.
"""

from __future__ import annotations

import io
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockserver.errors import MediaError
from mockserver.media.probe.client import ProbeClient
from reconciler.system.probe import client as client
from reconciler.system.probe.refusal import Unreadable
from tests import phones

MEDIA_QUICK = 120
COUNT = int(os.environ.get("FUZZ_MEDIA", MEDIA_QUICK))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
MOST_MEMORY_MB = 200
# numbers that headers hold and should not
_NUMBERS = (0, 1, 2, 255, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


class Watched(client.ProbeClient):
    """A gate that keeps how its processes ended, and what they took at most."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: Counter[int] = Counter()
        self.peak_mb = 0.0

    def _end(self) -> int:
        if self._worker is not None:
            self.peak_mb = max(self.peak_mb, peak_mb(self._worker.pid))
        had = self._worker is not None
        code = super()._end()
        self.ends[code] += had
        return code


def peak_mb(pid: int) -> float:
    """The most memory that a process has had; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    """Good media: (kind, bytes)."""
    folder = tmp_path_factory.mktemp("seeds")
    clips = [
        phones.write_clip(folder / name, size=(64, 48), **how).read_bytes()
        for name, (how, _) in phones.CLIPS.items()
    ]
    pictures = [phones.make_picture(form, (64, 48)) for form in ("JPEG", "PNG", "WEBP", "BMP")]
    pictures += [
        phones.make_phone_picture(),
        phones.make_picture("JPEG", (64, 48), progressive=True),
    ]
    return [("video", clip) for clip in clips] + [("image", each) for each in pictures]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Some damage, of the kinds that disks, networks and attackers do."""
    raw = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(raw) or 1)
        match chance.randrange(6):
            case 0:
                raw[at : at + 1] = bytes([chance.randrange(256)])
            case 1:  # a number of a header
                raw[at : at + 4] = chance.choice(_NUMBERS).to_bytes(4, "big")
            case 2:
                del raw[at:]
            case 3:
                raw[at:at] = raw[at : at + chance.randrange(64)]
            case 4:
                del raw[at : at + chance.randrange(1, 64)]
            case 5:
                raw[at : at + 32] = chance.randbytes(32)
    if chance.randrange(4):  # most keep what says their form
        raw[: min(16, len(content))] = content[:16]
    return bytes(raw)


@pytest.fixture
def gate() -> Iterator[Watched]:
    """The client's gate."""
    gate = Watched()
    yield gate
    gate.close()


def test_mutated_media(seeds: list[tuple[str, bytes]], gate: Watched, tmp_path: Path) -> None:
    """Both gates tell sane facts of a damaged medium or refuse it; no process dies of it."""
    chance, told = random.Random(SEED), Counter[str]()
    server = ProbeClient()
    for number in range(COUNT):
        kind, good = chance.choice(seeds)
        content = mutated(good, chance)
        try:
            facts = gate.probe(io.BytesIO(content), kind, len(content), mask=number % 3 == 0)
            told["taken"] += 1
            assert facts["format"] in ("mp4", "mov", "jpeg", "png", "bmp", "webp")
            assert 0 < facts["width"] <= 1 << 31 and 0 < facts["height"] <= 1 << 31
            assert kind == "image" or 0 < facts["duration_s"] < 1e5
        except Unreadable as error:
            told["refused"] += 1
            assert str(error)
            assert "computing time" not in str(error), (SEED, number)
        path = tmp_path / str(number)
        path.write_bytes(content)
        try:
            server.probe(path, kind)
        except MediaError as error:
            assert error.failure.code in ("InvalidFile.Openerror", "InvalidFile.Format")
            assert "breaks down" not in error.failure.message, (SEED, number)
        path.unlink()
    assert server._process is not None
    gate.peak_mb = max(gate.peak_mb, peak_mb(server._process.pid))
    server.close()
    gate.close()
    print(f"{COUNT} media, seed {SEED}: {dict(told)}, peak {gate.peak_mb:.0f} MB")
    assert told["taken"] and told["refused"]
    assert gate.ends == Counter({0: 1})  # one process served all, and ended when it was told to
    assert gate.peak_mb < MOST_MEMORY_MB
