"""Saved plans of every kind of wrong: `show` and `apply` end in words, send nothing, and write
nowhere.

A short while in the suite; `make fuzz SECONDS=600` goes on for longer, at other examples each time.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.main import run
from reconciler.formats.digest import digest_json
from tests.badinput.bending import bent, build_values, fuzz
from tests.workspace import PROJECT, manifest

PLAN = "night.plan"
_TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        "",
        "\x1b[2J",
        "../x",
        "render",
        "keep",
        "wait",
        "live",
        "rain",
        "*",
        "0" * 64,
        "a:1:1",
        "a:99999999999:1",
        "\ud800",
    ]
)
_VALUES = build_values(_TEXTS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a chain of edits and a saved plan of it."""
    root = tmp_path_factory.mktemp("plans") / "film"
    (root / "specs").mkdir(parents=True)
    (root / "cutlist.yaml").write_text(PROJECT)
    for name, url in (("rain", "https://clips.example/a.mp4"), ("more", "edit://rain")):
        media = [{"type": "video", "url": url}]
        spec = {
            "model": "wan2.7-videoedit", "input": {"prompt": name, "media": media},
            "parameters": {"resolution": "720P", "duration": 2},
        }  # fmt: skip
        (root / f"specs/{name}.yaml").write_text(manifest(name, spec))
    assert run(["-C", str(root), "plan", "--out", PLAN]) == 0
    return root


def _sealed(value: Any) -> Any:
    """With the digest made right again, where that can be."""
    if not isinstance(value, dict):
        return value
    rest = {name: each for name, each in value.items() if name != "digest"}
    with contextlib.suppress(ValueError):
        return {**rest, "digest": digest_json(rest)}
    return value


@fuzz(per_second=8, quick=60)
@given(data=st.data(), sealed=st.booleans())
def test_saved_plans(project: Path, data: st.DataObject, sealed: bool) -> None:
    """Changed anywhere, with its digest made right or not: words and 1 or 3; no server is started,
    nothing rendered.
    """
    good = json.loads((project / PLAN).read_bytes())
    made = data.draw(bent(good, _TEXTS, _VALUES))
    text = json.dumps(_sealed(made) if sealed else made)
    if json.loads(text) == good:
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "film"
        shutil.copytree(project, root)
        (root / PLAN).write_text(text)
        before = {path for path in root.rglob("*") if ".cutlist" not in path.parts}
        codes = {}
        for command in ("show", "apply"):
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                codes[command] = run(["-C", str(root), command, PLAN])
            words = out.getvalue() + err.getvalue()
            assert words.strip()
            assert "Traceback" not in words
            assert "\x1b" not in words
        # the place of a step or a note, which bind nobody
        harmless = sealed and codes == {"show": 0, "apply": 0}
        assert codes["show"] in (0, 3)
        assert harmless or codes["apply"] in (1, 3)
        if not harmless:
            assert not (root / ".cutlist/mock/server").exists()
            assert {path for path in root.rglob("*") if ".cutlist" not in path.parts} == before
