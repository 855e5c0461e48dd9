"""The work on an attempt is plain data: it can be written down, and carried out from there."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from reconciler.apply import session
from reconciler.apply.work import Work, build_work
from tests.e2e.bench import CREATE, Bench, Trouble, write_video


def _write_picture() -> str:
    """A picture as a data URI, which the service takes as it is."""
    content = io.BytesIO()
    Image.new("RGB", (256, 256), "red").save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


async def test_work_survives_json(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the project, the result of another edit and a picture that is written out: what
    was read back from JSON sends the same requests.
    """
    (bench.root / "specs").mkdir()
    write_video(bench.root / "specs" / "clip.mp4", 2.0)
    bench.edit("rain", url="clip.mp4")
    media = [
        {"type": "video", "url": "edit://rain"},
        {"type": "reference_image", "url": _write_picture()},
    ]
    bench.edit("snow", input={"prompt": "let it snow", "media": media})
    works: list[Work] = []
    bodies: list[Any] = []

    async def read_body(request: httpx.Request, send: Callable[..., Any]) -> Any:
        bodies.append(json.loads(request.content))
        return await send(request)

    bench.network.trouble.append(Trouble(*CREATE, read_body, times=2))

    def write_down(*arguments: object, **settings: object) -> Work:
        work = build_work(*arguments, **settings)  # type: ignore[arg-type]
        read = Work.from_json(json.loads(json.dumps(work.to_json())))
        assert read == work
        works.append(read)
        return read

    monkeypatch.setattr(session, "build_work", write_down)
    report = await bench.apply()
    assert report.exit_code == 0
    assert bench.billed_tasks() == 2
    assert [source.origin for work in works for source in work.sources] == ["file", "result"]
    assert str(bench.root) not in json.dumps([work.to_json() for work in works])
    urls = [[medium["url"][:14] for medium in body["input"]["media"]] for body in bodies]
    assert [url[0][:6] for url in urls] == ["oss://", "oss://"]
    assert urls[1][1] == "data:image/png"
