"""Wrong requests: the messages of the service, and when they come in each mode."""

import pytest

VIDEO = {"type": "video", "url": "https://example.com/clip.mp4"}
IMAGE = {"type": "reference_image", "url": "https://example.com/look.png"}
PNG = "data:image/png;base64,"


def wan(parameters=None, **fields):
    return {
        "model": "wan2.7-videoedit",
        "input": {"media": [VIDEO], **fields},
        "parameters": parameters or {},
    }


def vace(function, parameters=None, **fields):
    inputs = {"function": function, "prompt": "p", **fields}
    return {"model": "wan2.1-vace-plus", "input": inputs, "parameters": parameters or {}}


CASES = [
    ({"model": "wan2.7-videoedit"}, "Field required: input"),
    ({"model": "wan2.7-videoedit", "input": []}, "Input should be a valid dictionary: input"),
    ({"model": "wan2.7-videoedit", "input": {}}, "Field required: input.media"),
    ({**wan(), "parameters": 3}, "Input should be a valid dictionary: parameters"),
    (wan(media="x"), "Input should be a valid list: input.media"),
    (wan(media=[]), "List should have at least 1 item after validation, not 0: input.media"),
    (wan(media=["x"]), "Input should be a valid dictionary: input.media.0"),
    (wan(media=[VIDEO, VIDEO]), "input.media should have 1 of type video, not 2"),
    (wan(media=[IMAGE]), "input.media should have 1 of type video, not 0"),
    (
        wan(media=[VIDEO] + [IMAGE] * 5),
        "input.media should have 0 to 4 of type reference_image, not 5",
    ),
    (wan(media=[VIDEO, {"type": "reference_image"}]), "Field required: input.media.1.url"),
    (wan(prompt=3), "Input should be a valid string: input.prompt"),
    (wan({"resolution": "1080p"}), "Input should be '1080P' or '720P': parameters.resolution"),
    (
        wan({"ratio": "2:1"}),
        "Input should be '16:9', '9:16', '1:1', '4:3' or '3:4': parameters.ratio",
    ),
    (wan({"duration": 1}), "Duration should be between 2 and 10"),
    (wan({"duration": 11}), "Duration should be between 2 and 10"),
    (wan({"duration": 2.5}), "Input should be a valid integer: parameters.duration"),
    (wan({"duration": True}), "Input should be a valid integer: parameters.duration"),
    (wan({"seed": -1}), "Input should be greater than or equal to 0: parameters.seed"),
    (wan({"seed": 2**31}), "Input should be less than or equal to 2147483647: parameters.seed"),
    (wan({"watermark": "yes"}), "Input should be a valid boolean: parameters.watermark"),
    (
        wan({"resolution": "4K", "duration": 99}),
        (
            "Input should be '1080P' or '720P': parameters.resolution & Duration should be between"
            " 2 and 10"
        ),
    ),
    (wan(media=[{"type": "video", "url": "clip.mp4"}]), "url error, please check url!"),
    (wan(media=[{"type": "video", "url": "http://"}]), "url error, please check url!"),
    (wan(media=[{"type": "video", "url": "http://[1"}]), "url error, please check url!"),
    (
        wan(media=[{"type": "video", "url": "data:video/mp4;base64,AAAA"}]),
        "url error, please check url!",
    ),
    (
        wan(media=[VIDEO, {"type": "reference_image", "url": PNG + "§"}]),
        "url error, please check url!",
    ),
    ({"model": "wan2.1-vace-plus", "input": {"prompt": "p"}}, "Field required: input.function"),
    (
        vace("video-synthesis"),
        (
            "Input should be 'image_reference', 'video_repainting', 'video_edit', 'video_extension'"
            " or 'video_outpainting': input.function"
        ),
    ),
    (vace("image_reference"), "Field required: input.ref_images_url"),
    (
        vace("image_reference", prompt=None, ref_images_url=["http://e.com/1.png"]),
        "Field required: input.prompt",
    ),
    (
        vace("image_reference", prompt="", ref_images_url=["http://e.com/1"]),
        "String should have at least 1 character: input.prompt",
    ),
    (
        vace(
            "image_reference",
            {"obj_or_bg": ["obj"]},
            ref_images_url=["http://e.com/1", "http://e.com/2"],
        ),
        "ref_images_url and obj_or_bg must be the same length.",
    ),
    (
        vace(
            "image_reference",
            {"obj_or_bg": ["bg", "bg"]},
            ref_images_url=["http://e.com/1", "http://e.com/2"],
        ),
        "parameters.obj_or_bg should have at most 1 bg",
    ),
    (
        vace("image_reference", {"size": "1281*720"}, ref_images_url=["http://e.com/1"]),
        "The size is not match 1281*720",
    ),
    (vace("video_repainting"), "Field required: input.video_url"),
    (
        vace("video_repainting", {"strength": 1.5}, video_url="http://e.com/1"),
        "Input should be less than or equal to 1: parameters.strength",
    ),
    (
        vace("video_edit", video_url="http://e.com/1"),
        "Field required: input.mask_image_url or input.mask_video_url",
    ),
    (
        vace(
            "video_edit",
            video_url="http://e.com/1",
            mask_image_url="http://e.com/2",
            mask_video_url="http://e.com/3",
        ),
        "Only one of mask_image_url and mask_video_url is allowed: input",
    ),
    (
        vace("video_extension"),
        (
            "Field required: input.first_clip_url or input.last_clip_url or input.first_frame_url"
            " or input.last_frame_url"
        ),
    ),
    (
        vace(
            "video_outpainting", {"left_scale": 2.5, "top_scale": 0.5}, video_url="http://e.com/1"
        ),
        (
            "Input should be greater than or equal to 1: parameters.top_scale & "
            "Input should be less than or equal to 2: parameters.left_scale"
        ),
    ),
]


@pytest.fixture
async def strict(serve):
    async with serve(validation="strict") as api:
        yield api


@pytest.mark.parametrize(("body", "message"), CASES)
async def test_service_mode_accepts_and_fails_the_task(api, body, message):
    """200 PENDING, and 0.1 s later FAILED with InvalidParameter, every message at once, free."""
    task_id = await api.create(body)
    assert await api.status(task_id) == "PENDING"
    api.clock.advance(0.1)
    done = await api.fetch(task_id)
    output = done["output"]
    assert (output["task_status"], output["code"], output["message"]) == (
        "FAILED",
        "InvalidParameter",
        message,
    )
    assert "usage" not in done
    assert api.server.bill()["total_billed_s"] == 0


@pytest.mark.parametrize(("body", "message"), CASES)
async def test_strict_mode_refuses_at_once(strict, body, message):
    """400 with the same code and message, and no task."""
    answer = await strict.post(body)
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (
        400,
        "InvalidParameter",
        message,
    )
    assert strict.server.bill()["tasks"] == []


async def test_more_than_three_reference_images_are_accepted(api):
    """VACE uses the first three; the rest is ignored."""
    body = vace("image_reference", ref_images_url=[f"https://e.com/{i}.png" for i in range(5)])
    assert (await api.finished(body))["output"]["task_status"] == "SUCCEEDED"
    assert len(api.server._renderer.rendered[0].sources) == 3


async def fault_of(strict, body):
    answer = await strict.post(body)
    return answer.json().get("code")


async def test_limits_of_the_video(strict, clip_of, clip):
    """An uploaded video is held to the model's limits, each with its own code."""

    async def code(name, data):
        return await fault_of(
            strict, wan(media=[{"type": "video", "url": await strict.upload(name, data)}])
        )

    assert await code("ok.mp4", clip) is None
    assert await code("short.mp4", clip_of(seconds=1)) == "InvalidFile.Duration"
    assert await code("long.mp4", clip_of(seconds=11, fps=5)) == "InvalidFile.Duration"
    assert await code("small.mp4", clip_of(width=160)) == "InvalidFile.Resolution"
    assert (
        await code("thin.mp4", clip_of(width=2200, height=240, fps=2)) == "InvalidFile.AspectRatio"
    )
    assert await code("text.mp4", b"no video") == "InvalidFile.Openerror"
    start, end = clip.index(b"mdat") + 4, clip.index(b"moov") - 4
    assert (
        await code("empty.mp4", clip[:start] + bytes(end - start) + clip[end:])
        == "InvalidFile.Openerror"
    )
    assert await code("avi.mp4", clip_of(suffix=".avi")) == "InvalidFile.Format"
    assert await code("mov.mov", clip_of(suffix=".mov")) is None


async def test_limits_of_the_image(strict, image_of):
    """The same for reference images, uploaded or inlined."""
    from base64 import b64encode

    async def code(data, mime="image/png"):
        image = {"type": "reference_image", "url": f"data:{mime};base64,{b64encode(data).decode()}"}
        return await fault_of(strict, wan(media=[VIDEO, image]))

    assert await code(image_of()) is None
    assert await code(image_of(form="JPEG"), "image/jpeg") is None
    assert await code(image_of(form="WEBP"), "image/webp") is None
    assert await code(image_of(form="BMP"), "image/bmp") is None
    assert await code(image_of(form="JPEG")) == "InvalidFile.Format"  # its MIME type says PNG
    assert await code(image_of(form="GIF", mode="P", colour=1), "image/gif") == "InvalidFile.Format"
    assert await code(image_of(mode="RGBA", colour=(1, 2, 3, 4))) == "InvalidFile.Format"
    assert await code(image_of(size=(100, 300))) == "InvalidFile.Resolution"
    assert await code(image_of(size=(240, 2000))) == "InvalidFile.AspectRatio"
    assert await code(b"no image") == "InvalidFile.Openerror"


async def test_vace_limits(strict, clip_of):
    """Repainting takes 5 s at most, an extension's clip 3 s, and MOV is not named for VACE."""

    async def code(field, function, data):
        return await fault_of(
            strict,
            vace(function, **{field: await strict.upload("v.mp4", data, "wan2.1-vace-plus")}),
        )

    six, mov = clip_of(seconds=6, fps=5), clip_of(suffix=".mov", seconds=1)
    assert await code("video_url", "video_repainting", six) == "InvalidFile.Duration"
    assert (
        await code("first_clip_url", "video_extension", clip_of(seconds=4, fps=5))
        == "InvalidFile.Duration"
    )
    assert await code("video_url", "video_outpainting", six) is None
    assert await code("video_url", "video_outpainting", mov) == "InvalidFile.Format"
