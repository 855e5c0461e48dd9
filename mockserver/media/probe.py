"""What a stored medium is: asked at the gate, behind which it is opened."""

from __future__ import annotations

from pathlib import Path

from mockserver.media.gate.keeper import gate
from mockserver.media.reader import Probe


def probe(path: Path, kind: str) -> Probe:
    """What a file is. Raises MediaError: InvalidFile.Format for another form than the service
    takes, InvalidFile.Openerror when it cannot be opened and decoded.
    """
    facts = gate.look(path, kind)
    return Probe(
        kind=kind,
        format=facts["format"],
        width=facts["size"][0],
        height=facts["size"][1],
        duration_s=facts.get("duration_s", 0.0),
        audio=facts.get("audio", False),
        alpha=facts.get("alpha", False),
        size_bytes=path.stat().st_size,
        turn=facts.get("turn", 0),
    )
