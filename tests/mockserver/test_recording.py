"""A recorder between a client and a second server: what passes, what is kept, what never is."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver import Account, ApiKey, Recorder, ServerError
from mockserver.digest import encode_compact
from mockserver.http.listening import Listener
from mockserver.recording.exchange import BadRecording, read_recording
from mockserver.recording.leaks import find_leak
from mockserver.recording.redaction import Redactor, load_rules
from mockserver.recording.upstream import Upstream
from tests.mockserver.conftest import CREATE, Api

KEY = "sk-9f2c51d07be84a6zb3q0c8d1a2x49w67"
ACCOUNT = Account("default", "1983450276619034", (ApiKey("778812", KEY),))
PRIVATE = "https://films.example.net/secret-project/clip.mp4?Expires=1&OSSAccessKeyId=L&Signature=S"


class Tape:
    """A client whose requests go through a recorder, and what that wrote."""

    def __init__(self, server, recorder, http, file, said):
        self.recorder, self.file, self.said = recorder, file, said
        self.api = Api(server, http)

    @property
    def text(self):
        return self.file.read_text()

    @property
    def exchanges(self):
        return read_recording(self.file).exchanges


@pytest.fixture
def record(serve, tmp_path):
    """`async with record() as tape`: a bundled server as upstream, a recorder, a client."""

    @asynccontextmanager
    async def start(upstream=None, **options):
        said, file = [], tmp_path / "day.jsonl"
        async with serve(accounts=(ACCOUNT,), **options) as api:
            url = upstream or api.server.url
            recorder = Recorder(url, file, clock=api.clock, say=said.append)
            async with recorder, httpx.AsyncClient(base_url=recorder.url, timeout=60) as http:
                yield Tape(api.server, recorder, http, file, said)

    return start


@asynccontextmanager
async def answering(answer):
    """The URL of a service of which every answer is made by a function."""
    app, listener = web.Application(), Listener("127.0.0.1", 0)
    app.router.add_route("*", "/{path:.*}", answer)
    await listener.start(app)
    try:
        yield f"{listener.root_url}/api/v1"
    finally:
        await listener.stop()


async def live_through(api, clip, image):
    """What a client does with a task, from an upload to a result."""
    url = await api.upload("holiday of anna.mp4", clip, key=KEY)
    data = "data:image/png;base64," + base64.b64encode(image).decode()
    media = [{"type": "video", "url": url}, {"type": "reference_image", "url": data}]
    task_id = await api.create(api.wan(media=media), key=KEY)
    seen = [await api.status(task_id, KEY)]
    api.clock.advance(60)
    done = await api.fetch(task_id, KEY)
    await api.get("/tasks", KEY, task_id=task_id)
    await api.cancel(task_id, KEY)
    video = await api.http.get(done["output"]["video_url"])
    refused = await api.post(api.wan(media=[{"type": "video", "url": PRIVATE}]), key="sk-wrong-key")
    return seen, done, video, refused


async def test_a_life_passes_through_and_is_kept_without_its_secrets(record, clip, image_of):
    """The client notices nothing; the file tells what happened, and of whom and where nothing."""
    async with record() as tape:
        seen, done, video, refused = await live_through(tape.api, clip, image_of())
        server = tape.api.server
        assert (seen, done["output"]["task_status"]) == (["PENDING"], "SUCCEEDED")
        assert (video.status_code, refused.status_code) == (200, 401)
        assert server.bill()["total_billed_s"] == 4.0  # one task: nothing was sent twice
        text, task = tape.text, server.tasks()[0]
        secrets = [KEY, "wrong-key", ACCOUNT.uid, "778812", "films.example.net", "secret-project"]
        secrets += [task["task_id"], "anna", "LTAImockserver", "127.0.0.1", "dashscope-instant"]
        assert [secret for secret in secrets if secret in text] == []
        assert "make it snow" in text  # prompts stay
    asked = [(item.asked.method, item.asked.path) for item in tape.exchanges]
    task = f"/tasks/00000000-0000-4000-8000-{asked[3][1][-12:]}"
    assert asked == [
        ("GET", "/uploads"),
        ("POST", "/upload"),
        ("POST", CREATE),
        ("GET", task),
        ("GET", task),
        ("GET", "/tasks"),
        ("POST", f"{task}/cancel"),
        ("POST", CREATE),
    ]
    policy, upload, create, *_ = tape.exchanges
    assert policy.answered.body["data"]["upload_dir"] == "upload-1"
    assert upload.asked.body["form"]["key"] == "upload-1/file-1.mp4"
    assert upload.answered.status == 200
    first, second = create.asked.body["input"]["media"]
    assert first["url"] == "oss://upload-1/file-1.mp4"
    assert second["url"].startswith("data:image/png;base64,")
    assert [item.at_s for item in tape.exchanges] == [0, 0, 0, 0, 60, 60, 60, 60]
    assert tape.said == []


async def test_what_is_wrong_is_passed_on_as_it_is(record):
    """Any method, any path below the API's root, any body; the bytes of answers are the same."""
    async with record() as tape:
        server, http = tape.api.server, tape.api.http
        async with httpx.AsyncClient(base_url=server.url) as straight:
            for method, path in (("PUT", "/tasks"), ("GET", "/nothing?x=1"), ("POST", CREATE)):
                ours = await http.request(method, path, content=b"{")
                direct = await straight.request(method, path, content=b"{")
                assert (ours.status_code, ours.json()["code"], ours.headers["content-type"]) == (
                    direct.status_code,
                    direct.json()["code"],
                    direct.headers["content-type"],
                )
        elsewhere = await http.get(tape.recorder.url.removesuffix("/api/v1") + "/_mock/bill")
        assert (elsewhere.status_code, "recorder" in elsewhere.text) == (404, True)
    assert len(tape.exchanges) == 3


async def test_the_key_goes_to_the_upstream_only(record):
    """A redirect is handed to the client as it is, and nobody follows it."""
    met = []

    async def redirect(request):
        met.append(request.headers.get("Authorization"))
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/steal"})

    async with answering(redirect) as url, record(url) as tape:
        answer = await tape.api.post(tape.api.wan(), key=KEY)
        assert (answer.status_code, met) == (302, [f"Bearer {KEY}"])
        assert "steal" not in tape.text


async def test_an_upload_goes_where_the_service_said_and_without_a_key(record):
    """Only addresses that the service named, and only those that are as safe as its own."""
    met = []

    async def answer(request):
        met.append((request.path, request.headers.get("Authorization"), len(await request.read())))
        base = f"http://{request.host}"
        where = "ftp://a" if request.query.get("model") == "odd" else f"{base}/bucket"
        return web.json_response({"data": {"upload_host": where, "policy": "cG9saWN5LXRleHQ="}})

    async with answering(answer) as url, record(url) as tape:
        own = (await tape.api.get("/uploads", KEY)).json()["data"]["upload_host"]
        odd = (await tape.api.get("/uploads", KEY, model="odd")).json()["data"]["upload_host"]
        assert odd == "ftp://a"
        for target in (own, own[:-1] + "2", own[:-1] + "0"):
            form = {"files": {"file": b"x" * 100_000}, "headers": {"Authorization": "Bearer k"}}
            await tape.api.http.post(target, **form)
        uploads = [item for item in met if item[0] == "/bucket"]
        assert [item[1] for item in uploads] == [None]
        assert uploads[0][2] > 100_000
        assert len(tape.exchanges) == 3


@pytest.mark.parametrize("spell", [str, str.upper, lambda key: key[::-1], lambda key: key[4:20]])
@pytest.mark.parametrize("wrap", [str, lambda key: base64.b64encode(b"a" + key.encode()).decode()])
async def test_an_answer_that_echoes_the_key_is_not_written(record, spell, wrap):
    """The client gets it, a person reads why it is left out, and what comes later is written."""
    echoed = wrap(spell(KEY))

    async def echo(request):
        message = echoed if request.method == "POST" else "fine"
        return web.json_response({"code": "InvalidApiKey", "message": message}, status=401)

    async with answering(echo) as url, record(url) as tape:
        assert echoed in (await tape.api.post(tape.api.wan(), key=KEY)).text
        await tape.api.get("/tasks", KEY)
        assert tape.recorder.left_out == 1
        assert len(tape.exchanges) == 1
    (said,) = tape.said
    assert "it would still hold" in said
    assert echoed not in said


async def test_an_upstream_that_is_away(record):
    """Nothing was sent: 502 with words. Sent without an answer: cut, and said to be uncertain."""
    async with record("http://127.0.0.1:9") as tape:
        answer = await tape.api.post(tape.api.wan(), key=KEY)
        assert (answer.status_code, answer.json()["code"]) == (502, "UpstreamUnreachable")
    assert "nothing was sent" in tape.said[0]


async def test_a_key_goes_to_no_host_that_cannot_be_known(record):
    """An upstream whose certificate nobody vouches for gets nothing."""
    async with record(tls=True) as tape:
        answer = await tape.api.post(tape.api.wan(), key=KEY)
        assert (answer.status_code, answer.json()["code"]) == (502, "UpstreamUnreachable")
        assert tape.api.server.journal()["requests"] == []
    assert "CERTIFICATE_VERIFY_FAILED" in tape.said[0]


async def test_a_recorder_that_is_stopped_says_what_is_uncertain(record):
    """A request that is under way then may have been carried out."""
    reached, never = asyncio.Event(), asyncio.Event()

    async def keep_waiting(_request):
        reached.set()
        await never.wait()

    async with answering(keep_waiting) as url, record(url) as tape:
        post = asyncio.ensure_future(tape.api.post(tape.api.wan(), key=KEY))
        await reached.wait()
        await tape.recorder.stop()
        with pytest.raises(httpx.TransportError):
            await post
        never.set()
    assert "the recorder was stopped. It may have been carried out." in tape.said[0]


async def test_a_port_that_is_taken_leaves_no_file(record, tmp_path):
    """The next try may use the same name."""
    async with record() as tape:
        port = int(tape.recorder.url.split(":")[2].partition("/")[0])
        recorder = Recorder(tape.api.server.url, tmp_path / "other.jsonl", port=port)
        with pytest.raises(ServerError, match="cannot listen"):
            await recorder.start()
    assert [path.name for path in tmp_path.iterdir()] == ["day.jsonl"]


async def test_an_answer_that_is_lost_is_lost_for_the_client_too(record):
    """The task is there once, and a client that knows this risk meets it as it is."""
    faults = {"route": "create", "nth": 1, "do": "lost"}
    async with record(faults=faults) as tape:
        with pytest.raises(httpx.TransportError):
            await tape.api.post(tape.api.wan(), key=KEY)
        assert len(tape.api.server.tasks()) == 1
    assert "may have been carried out" in tape.said[0]


# ---- the file


async def test_a_file_is_never_written_over(record, tmp_path):
    """A recording costs money: a second one needs a name of its own."""
    (tmp_path / "day.jsonl").write_text("mine")
    with pytest.raises(BadRecording, match="not written over"):
        async with record():
            raise AssertionError("it started")
    assert (tmp_path / "day.jsonl").read_text() == "mine"


async def test_a_recorder_that_was_killed_leaves_what_it_had(record):
    """Each exchange is in the file when its answer is; a line that is cut off is left out."""
    async with record() as tape:
        await tape.api.create(tape.api.wan(), key=KEY)
        at_death = tape.file.read_bytes()
        assert tape.file.stat().st_mode & 0o777 == 0o600
        for cut in range(1, 200, 40):
            tape.file.write_bytes(at_death[:-cut])
            recording = read_recording(tape.file)
            assert (len(recording.exchanges), recording.cut_off) == (0, True)
        tape.file.write_bytes(at_death)
        assert len(tape.exchanges) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line is not complete"),
        ("[]\n", "1 is no JSON object"),
        ('{"recording": 2}\n', "1 is not the first line of a recording"),
        ('{"recording": 1}\n{"at_s": 1}\n', "2 is no exchange"),
        ('{"recording": 1}\n' + "[" * 900 + "]" * 900 + "\n", "2 is no JSON object"),
        (
            '{"recording": 1}\n{"at_s":0,"took_s":0,"asked":{"method":1,"path":"/"},'
            '"answered":{"status":200}}\n',
            "2 is no exchange",
        ),
        (
            '{"recording": 1}\n{"at_s":0,"took_s":0,"asked":{"method":"GET","path":"/"},'
            '"answered":{"status":7}}\n',
            "2 is no exchange",
        ),
    ],
)
def test_a_file_that_is_no_recording(tmp_path, text, words):
    """One sentence that says where."""
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(BadRecording, match=words):
        read_recording(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://dashscope.aliyuncs.com/api/v1", "unprotected"),
        ("https://me:pw@dashscope.aliyuncs.com/api/v1", "no name and no password"),
        ("dashscope.aliyuncs.com", "a base URL such as"),
        ("https://dashscope.aliyuncs.com/api/v1?x=1", "a base URL such as"),
        ("https://[", "a base URL such as"),
    ],
)
def test_an_upstream_that_is_none(tmp_path, url, words):
    """Nothing is listened to, and no file is made."""
    with pytest.raises(ServerError, match=words):
        Recorder(url, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://dashscope.aliyuncs.com/api/v1", "beijing"),
        ("https://ws-1.ap-southeast-1.maas.aliyuncs.com/api/v1", "singapore"),
        ("https://gateway.example.com", None),
    ],
)
def test_the_region_is_told_by_the_address(url, region):
    """The workspace in it is not."""
    from mockserver.catalogue import load_catalogue

    assert Upstream(url, load_catalogue().service).region == region


# ---- what goes and what stays


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("then https://a.b/c.mp4?x=1. Go", "then https://address-1.example/file.mp4. Go"),
        (PRIVATE, "https://address-1.example/file.mp4"
         "?Expires=removed&OSSAccessKeyId=removed&Signature=removed"),
        ([{"url": "C:/me/film.mp4"}, {"first_url": "oss://f/a b.mp4"}, "no oss://f/a b.mp4"],
         [{"url": "file-1.mp4"}, {"first_url": "oss://upload-1/file-1.mp4"},
          "no oss://upload-1/file-1.mp4"]),
        ("Failed to download oss://f/o/x.mp4", "Failed to download oss://upload-1/file-1.mp4"),
        ("at 10.1.2.3 by a.b@c.org", "at 192.0.2.1 by person-1"),
        ("films.oss-cn-beijing.aliyuncs.com", "address-1.example"),
        ({"oss_access_key_id": "LTAI5tAbCdEf", "signature": "x", "policy": "e30="},
         {"oss_access_key_id": "removed", "signature": "removed", "policy": "removed"}),
        ({"caller_uid": "1983450276619034", "design": "round", "total_tokens": 5},
         {"caller_uid": "1000000000000001", "design": "round", "total_tokens": 5}),
        ("画一只猫：https://a.b/c.mp4，然后", "画一只猫：https://address-1.example/file.mp4，然后"),
        ("size 1280*720, 16:9, 5 s, 2026-01-01 08:00:00.000", None),
    ],
)  # fmt: skip
def test_what_is_replaced(value, expected):
    """Addresses, ids, accounts and signatures; words and figures stay."""
    once = Redactor().redact(value)
    assert once == (value if expected is None else expected)
    assert Redactor().redact(once) == once  # stand-ins are stand-ins of themselves


def test_equal_things_have_equal_stand_ins():
    """The same resource with another signature is the same resource."""
    redactor = Redactor()
    one, two = (f"https://a.b/c.mp4?Signature={text}" for text in "xy")
    assert redactor.redact(one) == redactor.redact(two)
    assert redactor.redact("https://a.b/d.mp4") == "https://address-2.example/file.mp4"


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.upper(),
        KEY[::-1],
        f"x%{ord(KEY[0]):02x}{KEY[1:]}",
        "".join(f"\\u{ord(c):04x}" for c in KEY),
        "".join(f"&#x{ord(c):x};" for c in KEY),
        KEY.encode().hex(),
        *(base64.b64encode(b"z" * i + KEY.encode()).decode() for i in range(3)),
        base64.urlsafe_b64encode(f"{{'key':'{KEY}'}}".encode()).decode(),
        base64.b32encode(KEY.encode()).decode(),
        KEY[3:20],
        " ".join(KEY),
        "the account 1983450276619034",
        "another sk-abcdef123456",
        "LTAI5tQnWz7Kp3Rv9Xs2",
        "Authorization: Bearer abcdefghij1234567890",
        "https://a.b/c?X-Amz-Signature=abc",
        "https%3A%2F%2Fa.b%2Fc%3FSignature%3Dabc",
    ],
)
def test_what_would_be_a_leak(text):
    """A key in any spelling, another key, a signature; and the words do not tell it."""
    line = json.dumps({"message": text}).replace("\\\\u", "\\u")
    words = find_leak(line, {KEY}, {"1983450276619034"}, load_rules())
    assert words is not None
    assert text not in words


TEXTS = st.text(max_size=20)
SPELLINGS = (
    str,
    str.swapcase,
    lambda key: quote(key, safe=""),
    lambda key: base64.b64encode(key.encode()).decode(),
    lambda key: key.encode().hex(),
    lambda key: f"https://a.b/{key}/c.mp4?{key}={key}",
    lambda key: f"Bearer {key}",
)


@settings(max_examples=150, deadline=None)
@given(
    key=st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJ23456789", min_size=16, max_size=40),
    spell=st.sampled_from(SPELLINGS),
    before=TEXTS,
    after=TEXTS,
    name=st.sampled_from(["prompt", "url", "token", "message", "upload_dir", "caller_uid"]),
)
def test_no_line_is_written_that_holds_the_key(key, spell, before, after, name):
    """Wherever it stands and however it is spelt: it is replaced, or the line is refused."""
    key, redactor = f"sk-{key}", Redactor()
    redactor.redact_authorization(f"Bearer {key}")
    body = {name: f"{before} {spell(key)} {after}", "more": [{"deep": spell(key)}], spell(key): 1}
    line = encode_compact(redactor.redact(body)).decode()
    if find_leak(line, redactor.keys, redactor.removed, redactor.rules) is None:
        assert key.lower() not in line.lower()
        assert spell(key) not in line


@pytest.mark.parametrize(
    "text",
    [
        "a risk-averse desk-lamp, task-1234567, mask-abcdef",
        "the standard bearer walks",
        "https://address-1.example/file.mp4?Signature=removed",
        "Bearer key-1",
        "data:image/png;base64,aW1hZ2UvcG5nIDE=",
    ],
)
def test_what_is_no_leak(text):
    """Words that only look like it."""
    assert find_leak(json.dumps({"prompt": text}), {KEY}, set(), load_rules()) is None
