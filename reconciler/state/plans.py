"""Saved plans on disk: written whole, for their owner's eyes; read with suspicion; each applied
once.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import BadSavedPlan, PlanRefused, UsageError
from reconciler.formats.digest import hash_bytes
from reconciler.formats.records import parse_json
from reconciler.system.files import write_atomic

MODE = 0o600
MOST_BYTES = 256 << 20
_AGAIN = "Nothing was sent. Plan again: `cutlist plan --out FILE`."


def write(path: Path, document: Mapping[str, Any], *, tmp_name: str) -> None:
    """Put a saved plan at `path`; only its owner may read it. Raises UsageError where something
    else stands.
    """
    if path.exists() and not _may_be_replaced(path):
        raise UsageError(
            f"{path} is there already and is no saved plan.", hint="Choose another file for --out."
        )
    write_atomic(
        path,
        json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n",
        tmp_name=tmp_name,
        mode=MODE,
    )


def _may_be_replaced(path: Path) -> bool:
    try:
        return path.is_file() and (not path.stat().st_size or bool(read(path)))
    except BadSavedPlan:
        return False


def read(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; whether it is a plan is for others to say. Raises BadSavedPlan."""
    try:
        with open(path, "rb", opener=_no_waiting) as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise BadSavedPlan(f"{path} is no regular file.", hint=_AGAIN)
            if info.st_size > MOST_BYTES:
                raise BadSavedPlan(f"{path} is too large to be a saved plan.", hint=_AGAIN)
            raw = file.read()
    except OSError as error:
        raise BadSavedPlan(f"{path} cannot be read: {error.strerror}.", hint=_AGAIN) from error
    try:
        document = parse_json(raw.decode())
    except ValueError as error:
        raise BadSavedPlan(f"{path} is no saved plan: it is not JSON.", hint=_AGAIN) from error
    if not isinstance(document, dict) or document.get("kind") != "cutlist saved plan":
        raise BadSavedPlan(f"{path} is no saved plan.", hint=_AGAIN)
    return document


def _no_waiting(name: str, flags: int) -> int:
    # a pipe without a writer must not hold us up
    return os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def check_unused(state_dir: Path, plan_id: str) -> None:
    """Raises PlanRefused when this plan was applied already."""
    if _mark(state_dir, plan_id).exists():
        hint = "Nothing was sent. What it left undone is in a new plan."
        raise PlanRefused("Saved plan was applied already; each is applied once.", hint=hint)


def use(state_dir: Path, plan_id: str, *, tmp_name: str) -> None:
    """Note durably, under the lock of the store, that the plan is applied now."""
    write_atomic(_mark(state_dir, plan_id), b"", tmp_name=tmp_name)


def _mark(state_dir: Path, plan_id: str) -> Path:
    return state_dir / "applied" / hash_bytes(plan_id.encode("utf-8", "surrogatepass"))
