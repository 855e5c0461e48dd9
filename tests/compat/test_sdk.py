"""The vendor's Python SDK, unmodified, in its synchronous and its Aio form, over a real socket."""

from __future__ import annotations

import base64
import io
import urllib.request
from pathlib import Path
from typing import Any

import dashscope
import pytest
from dashscope.common.error import AuthenticationError, InvalidTask
from PIL import Image

from tests.compat.conftest import Sdk
from tests.compat.shapes import VACE

WAN = "wan2.7-videoedit"
PLUS = "wan2.1-vace-plus"
VIDEO = "https://example.com/clip.mp4"
LOOK = "https://example.com/look.png"
INSTANT = pytest.mark.dashscope_server(task_seconds=(0, 0))


def video(url: str = VIDEO) -> dict[str, str]:
    return {"type": "video", "url": url}


def image(url: str = LOOK) -> dict[str, str]:
    return {"type": "reference_image", "url": url}


def paths(sdk: Sdk) -> list[tuple[str, str, int]]:
    """Method, path and status of the requests that came."""
    return [
        (entry["method"], entry["path"], entry["status"])
        for entry in sdk.server.journal()["requests"]
    ]


# ------------------------------------------------------------------ call, async_call, fetch, wait


@INSTANT
def test_call_waits_for_the_video(sdk: Sdk) -> None:
    """`call` creates, polls and returns output and usage as the reference prints them."""
    done = sdk.call(
        WAN, "make it snow", media=[video(), image()], resolution="720P", duration=3, watermark=True
    )
    assert (done.status_code, done.code or "", done.message) == (200, "", "")
    assert done.output.task_status == "SUCCEEDED"
    assert done.output.orig_prompt == "make it snow"
    assert done.output.video_url.startswith(sdk.server.url.removesuffix("/api/v1") + "/oss/")
    usage = {
        name: done.usage[name]
        for name in ("duration", "input_video_duration", "output_video_duration", "SR")
    }
    assert usage == {
        "duration": 6.0,
        "input_video_duration": 3.0,
        "output_video_duration": 3.0,
        "SR": 720,
    }
    assert done.usage.video_count == 1
    assert done.request_id


@INSTANT
@pytest.mark.dashscope_server(renderer=None)
def test_the_video_is_a_video(sdk: Sdk) -> None:
    """What `video_url` leads to is an MP4 file, fetched without a key."""
    done = sdk.call(WAN, "make it snow", media=[video()], resolution="720P", duration=2)
    with urllib.request.urlopen(done.output.video_url, timeout=60) as film:
        assert film.read(12)[4:8] == b"ftyp"


def test_async_call_fetch_wait(sdk: Sdk) -> None:
    """A task by its response and by its id: PENDING, RUNNING, SUCCEEDED."""
    created = sdk.async_call(WAN, "make it snow", media=[video()])
    assert (created.output.task_status, created.output.video_url) == ("PENDING", "")
    assert sdk.fetch(created).output.task_status == "PENDING"
    sdk.server.clock.advance(5)
    assert sdk.fetch(created.output.task_id).output.task_status == "RUNNING"
    sdk.server.clock.advance(5)
    assert sdk.wait(created).output.task_status == "SUCCEEDED"
    assert sdk.fetch(created).output.video_url == sdk.wait(created.output.task_id).output.video_url


def test_wait_gives_up_when_told_to(sdk: Sdk) -> None:
    """A task that never ends, as the clock stands still: `wait` polls for a second and says so."""
    created = sdk.async_call(WAN, media=[video()])
    assert sdk.wait(created, wait_timeout=1).code == "WaitTaskTimeout"


def test_a_task_without_a_prompt(sdk: Sdk) -> None:
    """The SDK sends `prompt: null`, which is no prompt."""
    done = sdk.finished(WAN, media=[video()])
    assert done.output.task_status == "SUCCEEDED"
    assert "orig_prompt" not in done.output


def test_every_parameter_arrives(sdk: Sdk) -> None:
    """What is given as an argument of the SDK decides the video: 2 s at 720P."""
    given: dict[str, Any] = {
        "resolution": "720P",
        "ratio": "1:1",
        "duration": 2,
        "audio_setting": "origin",
        "seed": 7,
    }
    done = sdk.finished(
        WAN,
        "x",
        negative_prompt="y",
        media=[video()],
        prompt_extend=False,
        watermark=False,
        **given,
    )
    assert (done.usage.SR, done.usage.output_video_duration) == (720, 2.0)
    failed = sdk.finished(WAN, "x", media=[video()], resolution="480P")
    assert failed.output.task_status == "FAILED"
    assert "parameters.resolution" in failed.output.message


# ------------------------------------------------------------------ VACE


@pytest.mark.parametrize("function", sorted(VACE))
def test_vace_functions(sdk: Sdk, function: str) -> None:
    """`extra_input` overrides the function that the SDK sends, which is how VACE is called."""
    fields, parameters = VACE[function]
    done = sdk.finished(PLUS, "a lion", extra_input={"function": function, **fields}, **parameters)
    assert done.output.task_status == "SUCCEEDED", done
    assert (done.usage.video_count, done.usage.video_duration) == (1, 5)
    assert "orig_prompt" not in done.output


# ------------------------------------------------------------------ media


def test_a_picture_as_a_data_uri(sdk: Sdk) -> None:
    """A reference image in the request itself; its MIME type must be what the bytes are."""
    file = io.BytesIO()
    Image.new("RGB", (300, 300), (0, 0, 255)).save(file, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    done = sdk.finished(WAN, "x", media=[video(), image(uri)])
    assert done.output.task_status == "SUCCEEDED"
    wrong = sdk.finished(WAN, "x", media=[video(), image(uri.replace("image/png", "image/webp"))])
    assert wrong.output.code == "InvalidFile.Format"


def test_a_file_is_uploaded(sdk: Sdk, clip: Path) -> None:
    """file:// goes by getPolicy, a form and oss://; its own length is billed; a second upload is
    the same job.
    """
    for _ in range(2):
        done = sdk.finished(WAN, "x", media=[video(f"file://{clip}")])
        assert done.output.task_status == "SUCCEEDED", done
        assert done.usage.input_video_duration == 2.0
    first, second = sdk.server.bill()["tasks"]
    assert first["request_sha256"] != second["request_sha256"]
    assert first["job_sha256"] == second["job_sha256"]
    assert [method for method, path, _ in paths(sdk) if path == "/oss"] == ["POST", "POST"]


def test_two_files_of_one_name(sdk: Sdk, clip: Path, tmp_path: Path) -> None:
    """Each file has a policy and a folder of its own, so that neither takes the place of
    the other.
    """
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder, colour in (("a", (0, 0, 255)), ("b", (0, 255, 0))):
        Image.new("RGB", (300, 300), colour).save(tmp_path / folder / "look.png")
    looks = [image(f"file://{tmp_path}/{folder}/look.png") for folder in ("a", "b")]
    done = sdk.finished(WAN, "x", media=[video(f"file://{clip}"), *looks])
    assert done.output.task_status == "SUCCEEDED", done
    assert [status for _, path, status in paths(sdk) if path == "/oss"] == [200, 200, 200]


def test_a_file_that_is_no_video(sdk: Sdk, tmp_path: Path) -> None:
    """The upload is taken, the task fails with the service's code, and costs nothing."""
    (tmp_path / "notes.mp4").write_text("no video")
    done = sdk.finished(WAN, "x", media=[video(f"file://{tmp_path}/notes.mp4")])
    assert (done.output.task_status, done.output.code) == ("FAILED", "InvalidFile.Openerror")
    assert sdk.server.bill()["total_billed_s"] == 0


def test_a_file_in_extra_input_is_not_uploaded(sdk: Sdk, clip: Path) -> None:
    """The SDK leaves it as it is (seen in its source), and the service cannot read the client's
    disk.
    """
    extra = {"function": "video_outpainting", "video_url": f"file://{clip}"}
    done = sdk.finished(PLUS, "a lion", extra_input=extra)
    assert (done.output.code, done.output.message) == (
        "InvalidParameter",
        "url error, please check url!",
    )
    assert [path for _, path, _ in paths(sdk) if path == "/oss"] == []


# ------------------------------------------------------------------ list, cancel


def test_list(sdk: Sdk) -> None:
    """Rows newest first, filters, pages, and times in epoch milliseconds."""
    first = sdk.async_call(WAN, "x", media=[video()]).output.task_id
    sdk.server.clock.advance(10)
    second = sdk.async_call(
        PLUS, "x", extra_input={"function": "video_outpainting", "video_url": VIDEO}
    ).output.task_id
    every = sdk.list().output
    assert (every["total"], every["total_page"], every["page_no"], every["page_size"]) == (
        2,
        1,
        1,
        10,
    )
    assert [row["task_id"] for row in every["data"]] == [second, first]
    assert [row["status"] for row in every["data"]] == ["PENDING", "SUCCEEDED"]
    assert every["data"][1]["end_time"] - every["data"][1]["gmt_create"] == 10_000
    assert [
        row["task_id"] for row in sdk.list(status="SUCCEEDED", model_name=WAN).output["data"]
    ] == [first]
    assert [row["task_id"] for row in sdk.list(page_no=2, page_size=1).output["data"]] == [first]
    assert sdk.list(api_key_id="other", region="cn-beijing").output["total"] == 0
    day = {"start_time": "20260101000000", "end_time": "20260101235959"}
    assert sdk.list(**day).output["total"] == 2
    refused = sdk.list(start_time="yesterday")
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")


def test_cancel(sdk: Sdk) -> None:
    """Only a PENDING task: it ends as CANCELED, which `wait` knows as an end."""
    created = sdk.async_call(WAN, "x", media=[video()])
    assert sdk.cancel(created).status_code == 200
    assert sdk.wait(created).output.task_status == "CANCELED"
    refused = sdk.cancel(created.output.task_id)
    assert (refused.status_code, refused.code) == (400, "UnsupportedOperation")
    assert sdk.server.bill()["total_billed_s"] == 0


# ------------------------------------------------------------------ what goes wrong


def test_a_wrong_key(sdk: Sdk) -> None:
    """401 on every call; `call` cannot wait for what was not created."""
    refused = sdk.async_call(WAN, "x", media=[video()], api_key="sk-wrong")
    assert (refused.status_code, refused.code) == (401, "InvalidApiKey")
    assert refused.message == "Invalid API-key provided."
    for answer in (sdk.fetch("some", api_key="sk-wrong"), sdk.list(api_key="sk-wrong")):
        assert (answer.status_code, answer.code) == (401, "InvalidApiKey")
    with pytest.raises(InvalidTask):
        sdk.call(WAN, "x", media=[video()], api_key="sk-wrong")


def test_an_empty_key(sdk: Sdk) -> None:
    """An empty key is sent as it is, and answered with the page's message."""
    refused = sdk.async_call(WAN, "x", media=[video()], api_key="")
    assert (refused.status_code, refused.code, refused.message) == (
        401,
        "InvalidApiKey",
        "No API-key provided.",
    )


def test_no_key(sdk: Sdk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without any key the SDK itself stops; nothing is sent."""
    monkeypatch.setattr(dashscope, "api_key", None)
    monkeypatch.setattr(dashscope, "api_key_file_path", None)
    monkeypatch.setattr(
        "dashscope.common.api_key.DEFAULT_DASHSCOPE_API_KEY_FILE_PATH", str(tmp_path / "none")
    )
    with pytest.raises(AuthenticationError):
        sdk.async_call(WAN, "x", media=[video()])
    assert paths(sdk) == []


@INSTANT
def test_a_failing_task(sdk: Sdk) -> None:
    """A fault that the service finds after it took the task: FAILED with code and message, nothing
    billed.
    """
    created = sdk.async_call(WAN, "x", media=[image()])
    sdk.server.clock.advance(1)
    done = sdk.wait(created)
    assert (done.status_code, done.output.task_status, done.output.code) == (
        200,
        "FAILED",
        "InvalidParameter",
    )
    assert "of type video" in done.output.message
    assert done.usage is None
    assert sdk.server.bill()["total_billed_s"] == 0


@pytest.mark.dashscope_server(validation="strict")
def test_a_refused_request(sdk: Sdk) -> None:
    """In strict mode the same fault is a 400 at once."""
    refused = sdk.async_call(WAN, "x", media=[image()])
    assert (refused.status_code, refused.code, refused.output) == (400, "InvalidParameter", None)


def test_an_unknown_task(sdk: Sdk) -> None:
    """UNKNOWN, which `wait` knows as an end; it cannot be cancelled."""
    for answer in (sdk.fetch("no-such-task"), sdk.wait("no-such-task")):
        assert (answer.status_code, answer.output.task_status) == (200, "UNKNOWN")
    assert sdk.cancel("no-such-task").code == "UnsupportedOperation"


def test_an_unknown_model(sdk: Sdk) -> None:
    """400 at once, for the task and for the upload that would come before it."""
    refused = sdk.async_call("wan9-videoedit", "x", media=[video()])
    assert (refused.status_code, refused.code, refused.message) == (
        400,
        "InvalidParameter",
        "Model not exist.",
    )


def test_a_workspace(sdk: Sdk) -> None:
    """X-DashScope-WorkSpace is taken."""
    created = sdk.async_call(WAN, "x", media=[video()], workspace="ws-1")
    assert sdk.fetch(created, workspace="ws-1").output.task_status == "PENDING"
