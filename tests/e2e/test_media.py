"""Media of strangers on the whole way: what is sent, what is downloaded, what is imported."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconciler.errors import CutlistError
from tests import phones
from tests.e2e.bench import CREATE, Bench, Trouble, write_video


async def test_data_uris_are_sent_in_one_spelling(bench: Bench) -> None:
    """However a picture is written into a manifest, the service gets the documented form; the
    spelling moves no key.
    """
    text = b64encode(phones.make_picture("JPEG")).decode()
    spelled = f"DATA:image/jpg;name=a.jpg;BASE64,{text[:60]}\n  {text[60:].replace('+', '%2B')}"
    plain = f"data:image/jpeg;base64,{text}"
    bodies: list[Any] = []

    async def read(request: httpx.Request, send: Callable[..., Any]) -> Any:
        bodies.append(json.loads(request.content))
        return await send(request)

    bench.network.trouble.append(Trouble(*CREATE, read))
    video = {"type": "video", "url": "https://clips.example/a.mp4"}
    for name, url in (("spelled", spelled), ("plain", plain)):
        media = [video, {"type": "reference_image", "url": url}]
        bench.edit(name, input={"prompt": "rain", "media": media})
    report = await bench.apply()
    assert report.exit_code == 0
    assert bench.creates() == 1
    assert bodies[0]["input"]["media"][1]["url"] == plain


async def test_half_a_result_is_fetched_again(bench: Bench) -> None:
    """A download whose length nobody told, and which ends early, is no result: the video comes
    again, and is paid once.
    """
    bench.edit("rain")

    async def half(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
        whole = await (await send(request)).aread()
        body = httpx.ByteStream(whole[: len(whole) // 2])
        return httpx.Response(200, stream=body, request=request)

    bench.network.trouble.append(Trouble("GET", "/oss/", half))
    report = await bench.apply()
    assert report.exit_code == 0
    assert any("cut short" in (event.note or "") for event in bench.events)
    assert len(bench.server.bill()["tasks"]) == 1
    assert bench.output("rain").stat().st_size > 0


def test_what_is_imported_passes_the_same_gate(bench: Bench) -> None:
    """Half a video, another container and a script are refused with what they are."""
    bench.edit("rain")
    whole = write_video(bench.root / "whole.mp4", 2)
    for name, content, said in (
        ("half.mp4", whole.read_bytes()[:-300], "cut short"),
        ("other.mp4", b"\x1aE\xdf\xa3" + bytes(60), "it is MATROSKA/WEBM, and a video as MP4"),
        ("script.mp4", phones.HOSTILE["concat"], "it is a concat script"),
    ):
        (bench.root / name).write_bytes(content)
        with pytest.raises(CutlistError, match=said):
            bench.project().import_file("rain", bench.root / name)
    assert bench.project().run_pass().observed.results == {}
