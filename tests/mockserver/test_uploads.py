"""Temporary uploads: policy, form, oss:// references, and their ends."""

import base64
import json
import tracemalloc

import pytest

from mockserver import Account, ApiKey

MIB = 1 << 20


def with_video(api, url):
    return api.wan(media=[{"type": "video", "url": url}])


async def test_policy_has_the_documented_fields(api):
    """What the vendor's SDK reads from getPolicy."""
    answer = (await api.get("/uploads", action="getPolicy", model="wan2.7-videoedit")).json()
    assert answer.keys() == {"data", "request_id"}
    data = answer["data"]
    assert data.pop("policy")
    assert data.pop("signature")
    assert data.pop("upload_dir").startswith("dashscope-instant/")
    assert data.pop("upload_host").startswith("http://127.0.0.1:")
    assert data.pop("oss_access_key_id")
    assert data == {
        "expire_in_seconds": 300,
        "max_file_size_mb": 1024,
        "capacity_limit_mb": 999999999,
        "x_oss_object_acl": "private",
        "x_oss_forbid_overwrite": "true",
    }


@pytest.mark.parametrize(
    "query",
    [{}, {"action": "x", "model": "wan2.7-videoedit"}, {"action": "getPolicy", "model": "x"}],
)
async def test_policy_for_nothing(api, query):
    """Another action or an unknown model is a 400."""
    assert (await api.get("/uploads", **query)).status_code == 400


async def test_an_uploaded_video_is_used(api, clip):
    """oss://KEY is the input: its length counts in usage."""
    done = await api.finished(with_video(api, await api.upload("clip.mp4", clip)))
    assert done["usage"]["input_video_duration"] == 2.0


async def test_exactly_200_means_stored(api, clip):
    """200 when asked for by success_action_status, else 204 as object storage has it."""
    policy = await api.policy()
    assert (await api.send_form(policy, "a.mp4", clip)).status_code == 200
    assert (await api.send_form(policy, "b.mp4", clip, success_action_status="")).status_code == 204


async def test_an_expired_policy_is_refused(api, clip):
    """After 300 s: 403 `Invalid according to Policy: Policy expired.`, as XML."""
    policy = await api.policy()
    api.clock.advance(299)
    assert (await api.send_form(policy, "a.mp4", clip)).status_code == 200
    api.clock.advance(1)
    answer = await api.send_form(policy, "b.mp4", clip)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("application/xml")
    assert "<Message>Invalid according to Policy: Policy expired.</Message>" in answer.text


async def test_a_tampered_form_is_refused(api, clip):
    """A changed policy or signature, a key outside the folder, and an object that exists."""
    policy = await api.policy()
    document = json.loads(base64.b64decode(policy["policy"]))
    longer = base64.b64encode(
        json.dumps({**document, "expiration": "2099-01-01T00:00:00Z"}).encode()
    ).decode()
    refused = [
        await api.send_form(policy, "a.mp4", clip, policy=longer),
        await api.send_form(policy, "a.mp4", clip, Signature="x"),
        await api.send_form(policy, "a.mp4", clip, OSSAccessKeyId="x"),
        await api.send_form(policy, "a.mp4", clip, policy=""),
        await api.send_form(policy, "a.mp4", clip, key="elsewhere/a.mp4"),
    ]
    codes = ["SignatureDoesNotMatch"] * 4 + ["AccessDenied"]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert all(
        f"<Code>{code}</Code>" in answer.text for code, answer in zip(codes, refused, strict=True)
    )
    assert (await api.send_form(policy, "a.mp4", clip)).status_code == 200
    assert (await api.send_form(policy, "a.mp4", clip)).status_code == 409


async def test_what_is_no_form_is_refused(api):
    """400 in the form of object storage; never a 500."""
    host = (await api.policy())["upload_host"]
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    heads = [b"no colon", b'Content-Disposition: form-data; name="\x00"', b"A: " + b"x" * 90_000]
    answers = [
        await api.http.post(host, json={}),
        await api.http.post(host, content=b"no form", headers=broken),
        await api.http.post(host, content=b"", headers={"Content-Type": "multipart/form-data"}),
        await api.http.post(host, files={"other": ("a", b"x")}),
        await api.http.post(host, data={"policy": "x" * 70_000}, files={"file": ("a", b"x")}),
        *[
            await api.http.post(host, content=b"--x\r\n%s\r\n\r\n" % head, headers=broken)
            for head in heads
        ],
    ]
    assert [answer.status_code for answer in answers] == [400] * 8
    assert all("<Error><Code>" in answer.text for answer in answers)


async def test_an_upload_lives_48_hours(api, clip):
    """After that the task fails: the file cannot be downloaded."""
    url = await api.upload("clip.mp4", clip)
    api.clock.advance(172_799)
    assert (await api.finished(with_video(api, url)))["output"]["task_status"] == "SUCCEEDED"
    output = (await api.finished(with_video(api, url)))["output"]
    assert (output["code"], output["message"]) == ("InvalidParameter", f"Failed to download {url}")


async def test_an_upload_is_bound_to_model_and_account(serve, clip):
    """Another model or another account cannot use it."""
    accounts = (
        Account("a", "1", (ApiKey("1", "sk-mock"),)),
        Account("b", "2", (ApiKey("2", "sk-b"),)),
    )
    async with serve(accounts=accounts) as api:
        url = await api.upload("clip.mp4", clip)
        vace = await api.create(api.vace("video_outpainting", video_url=url))
        foreign = await api.create(with_video(api, url), key="sk-b")
        never = await api.create(with_video(api, "oss://dashscope-instant/none/clip.mp4"))
        api.clock.advance(60)
        states = [
            await api.status(vace),
            await api.status(foreign, "sk-b"),
            await api.status(never),
        ]
    assert states == ["FAILED"] * 3


async def test_oss_urls_need_the_resolve_header(api, clip):
    """Without X-DashScope-OssResourceResolve: enable the URL is not understood (assumption)."""
    url = await api.upload("clip.mp4", clip)
    done = await api.finished(with_video(api, url), **{"X-DashScope-OssResourceResolve": ""})
    assert (done["output"]["code"], done["output"]["message"]) == (
        "InvalidParameter",
        "url error, please check url!",
    )


async def test_public_url_is_where_uploads_go(serve):
    """upload_host begins with the public URL when there is one."""
    async with serve(public_url="https://mock.example:8443/api/v1/") as api:
        assert (await api.policy())["upload_host"].startswith("https://mock.example:8443/oss")


async def test_memory_does_not_grow_with_the_file(api, tmp_path):
    """A large file streams to disk: the whole process stays far below its size."""
    big = tmp_path / "big.bin"
    with big.open("wb") as file:
        file.truncate(96 * MIB)
    policy = await api.policy()
    tracemalloc.start()
    try:
        with big.open("rb") as file:
            answer = await api.send_form(policy, "big.mp4", file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 200
    assert peak < 16 * MIB
