"""A recording against the rules of this server: equal where the service says the same."""

import asyncio
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.recording.comparison import compare_recording
from mockserver.recording.exchange import BadRecording, encode_exchange, read_recording
from mockserver.recording.words import build_document, write_comparison
from tests.mockserver.conftest import CREATE


@pytest.fixture
def recorded(taped):
    """`await recorded(live)`: a recording of what a function does with a bundled server."""

    async def make(live, **options):
        return read_recording(await taped(live, **options))

    return make


def alter(recording, change):
    """The recording of a service that answers otherwise: `change` alters bodies of answers."""
    exchanges = []
    for exchange in recording.exchanges:
        answered = change(exchange) or exchange.answered
        exchanges.append(dataclasses.replace(exchange, answered=answered))
    return dataclasses.replace(recording, exchanges=tuple(exchanges))


async def compare(recording):
    """The differences as (line, kind, place), after a look at the file form of each exchange."""
    assert all(encode_exchange(exchange) for exchange in recording.exchanges)
    return await compare_recording(recording)


def tell(comparison):
    return [(item.line, item.kind, item.place) for item in comparison.differences]


async def everything(api):
    """All that a client may do, right and wrong."""
    image = {"type": "reference_image", "url": "data:image/webp;base64,UklGRg=="}
    film = {"type": "video", "url": "https://e.com/a.mp4?Signature=x"}
    bodies = [
        api.wan(),
        api.wan(resolution="8K", duration=1),
        api.wan(media=[film, image]),
        api.wan(media=[{"type": "video", "url": "data:video/mp4;base64,AAAA"}]),
        api.vace("video_extension", first_clip_url="https://e.com/b.mp4"),
        api.vace("nothing"),
    ]
    tasks = [await api.create(body) for body in bodies]
    for wait_s in (0, 2, 60, 60):
        api.clock.advance(wait_s)
        for task_id in tasks:
            await api.fetch(task_id)
    await api.cancel(tasks[0])
    cancelled = await api.create(api.wan())
    await api.cancel(cancelled)
    await api.fetch(cancelled)
    await api.get("/tasks")
    await api.get("/tasks", page_size="x")
    await api.get("/tasks/nobody")
    await api.get("/uploads", action="getPolicy", model="wan2.7-videoedit")
    await api.get("/uploads", action="other")
    await api.post({"model": "no-such-model"})
    await api.post(api.wan(), key="sk-wrong")
    await api.post(api.wan(), key=None)
    await api.post(api.wan(), **{"X-DashScope-Async": "no"})
    await api.post([])


async def test_this_server_says_what_it_said(recorded):
    """A recording of the bundled server itself differs in nothing."""
    comparison = await compare(await recorded(everything))
    assert tell(comparison) == []
    assert comparison.compared == len(comparison.recording.exchanges)
    assert comparison.not_compared == []


async def one_task(api):
    task_id = await api.create(api.wan())
    api.clock.advance(60)
    await api.fetch(task_id)


async def test_a_field_more_one_less_and_another_type(recorded):
    """Each is named with its place; ids, times, addresses and figures are not compared."""

    def change(exchange):
        body = exchange.answered.body
        if "usage" not in body:
            return None
        usage = {**body["usage"], "SR": "720", "ratio": "16:9", "video_count": 7}
        del usage["duration"]
        output = {**body["output"], "end_time": "1999-01-01 00:00:00.000"}
        return dataclasses.replace(
            exchange.answered, body={**body, "usage": usage, "output": output}
        )

    comparison = await compare(alter(await recorded(one_task), change))
    assert sorted(tell(comparison)) == [
        (3, "added", "usage.duration"),
        (3, "missing", "usage.ratio"),
        (3, "type", "usage.SR"),
    ]


def fail(code, message):
    """A service that fails every task."""

    def change(exchange):
        body = exchange.answered.body
        if exchange.asked.method != "GET":
            return None
        output = {
            name: body["output"][name]
            for name in ("task_id", "submit_time", "scheduled_time", "end_time")
        }
        output |= {"task_status": "FAILED", "code": code, "message": message}
        return dataclasses.replace(
            exchange.answered, body={"request_id": body["request_id"], "output": output}
        )

    return change


async def test_what_the_service_refuses_and_this_server_takes(recorded):
    """A rule that is not known here; not so a failure that no rule decided."""
    recording = await recorded(one_task)
    comparison = await compare(alter(recording, fail("InvalidParameter", "prompt is dull")))
    (difference,) = comparison.differences
    assert (difference.line, difference.kind) == (3, "refuses")
    assert (difference.recorded, difference.ours) == (
        "InvalidParameter: prompt is dull",
        "takes it",
    )
    for code in ("InternalError.Algo", "InvalidFile.Duration", "DataInspectionFailed"):
        assert tell(await compare(alter(recording, fail(code, "bad luck")))) == []


async def test_what_the_service_takes_and_this_server_refuses(recorded):
    """The recorded task came to its end, and would fail here."""

    async def live(api):
        body = api.wan(resolution="720P")
        task_id = await api.create(body)
        for wait_s in (5, 60):
            api.clock.advance(wait_s)
            await api.fetch(task_id)

    recording = await recorded(live)
    exchanges = []
    for exchange in recording.exchanges:
        asked = exchange.asked
        if asked.method == "POST":
            parameters = {**asked.body["parameters"], "resolution": "4K"}
            asked = dataclasses.replace(asked, body={**asked.body, "parameters": parameters})
        exchanges.append(dataclasses.replace(exchange, asked=asked))
    comparison = await compare(dataclasses.replace(recording, exchanges=tuple(exchanges)))
    assert tell(comparison) == [(3, "accepts", "output.task_status")]
    assert "Input should be '1080P' or '720P'" in comparison.differences[0].ours
    assert [exchange.line for exchange, _ in comparison.not_compared] == [3, 4]


async def test_other_statuses_and_words(recorded):
    """A refusal with another status, and one with other words."""

    async def live(api):
        await api.post({"model": "no-such-model"})
        await api.post(api.wan(), key=None)

    def change(exchange):
        answered, body = exchange.answered, exchange.answered.body
        if exchange.line == 2:
            return dataclasses.replace(answered, status=404, body={**body, "code": "ModelNotFound"})
        return dataclasses.replace(answered, body={**body, "message": "Who are you?"})

    comparison = await compare(alter(await recorded(live), change))
    assert tell(comparison) == [(2, "status", "status"), (3, "value", "message")]
    assert comparison.differences[0].recorded == "404 ModelNotFound: Model not exist."


async def test_load_is_no_difference(recorded):
    """429 and 5xx say nothing of the request."""

    async def live(api):
        await api.post(api.wan())
        await api.get("/tasks")

    faults = {"route": "any", "do": "answer", "status": 503}
    comparison = await compare(await recorded(live, faults=faults))
    assert (tell(comparison), comparison.compared) == ([], 0)
    assert len(comparison.not_compared) == 2


TEXTS = st.text(max_size=12)
NAMES = st.sampled_from(["authorization", "content-type", "host", "transfer-encoding", "x-odd"])
STATUSES = st.sampled_from(["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"])
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS | STATUSES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["output", "task_id", "task_status", "code", "model", "input"]) | TEXTS,
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
PATHS = st.sampled_from(
    [CREATE, "/tasks", "/tasks/1", "/tasks/1/cancel", "/uploads", "/upload", "/../../_mock/reset"]
) | TEXTS.map(lambda text: f"/{text}")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "at_s": st.just(0),
                "took_s": st.just(0),
                "asked": st.fixed_dictionaries(
                    {
                        "method": st.sampled_from(["GET", "POST", "PUT", "CONNECT", "HEAD"]),
                        "path": PATHS,
                        "query": st.dictionaries(TEXTS, TEXTS, max_size=2),
                        "headers": st.dictionaries(NAMES, TEXTS, max_size=3),
                        "body": BODIES,
                    }
                ),
                "answered": st.fixed_dictionaries(
                    {
                        "status": st.sampled_from([200, 400, 404]),
                        "body": BODIES
                        | st.fixed_dictionaries(
                            {"output": st.fixed_dictionaries({"task_status": STATUSES})}
                        ),
                    }
                ),
            }
        ),
        max_size=8,
    )
)
def test_a_file_of_a_stranger_is_compared_or_refused(tmp_path_factory, documents):
    """Whatever it says: no traceback, and every exchange is accounted for."""
    file = tmp_path_factory.mktemp("odd") / "x.jsonl"
    made = {"output": {"task_id": "1", "task_status": "PENDING"}}
    create = {
        "at_s": 0,
        "took_s": 0,
        "asked": {
            "method": "POST",
            "path": CREATE,
            "headers": {"x-dashscope-async": "enable", "authorization": "Bearer key-1"},
            "body": {"model": "wan2.7-videoedit", "input": {}},
        },
        "answered": {"status": 200, "body": made},
    }
    lines = ['{"recording": 1}', *map(json.dumps, [create, *documents]), ""]
    file.write_text("\n".join(lines))
    try:
        recording = read_recording(file)
    except BadRecording:
        return
    comparison = asyncio.run(compare_recording(recording))
    assert comparison.compared + len(comparison.not_compared) == len(recording.exchanges)
    assert write_comparison(comparison)
    assert build_document(comparison)


@pytest.mark.parametrize("path", ["/../../_mock/reset", "/%2e%2e/%2e%2e/_mock/faults", "/a/./b"])
async def test_a_file_of_a_stranger_gives_no_orders(tmp_path, path):
    """A path that would leave the API is not asked."""
    asked = {"method": "POST", "path": path, "body": {"do": "hang"}}
    exchange = {"at_s": 0, "took_s": 0, "asked": asked, "answered": {"status": 200}}
    file = tmp_path / "x.jsonl"
    file.write_text('{"recording": 1}\n' + json.dumps(exchange) + "\n")
    comparison = await compare_recording(read_recording(file))
    assert (comparison.compared, len(comparison.not_compared)) == (0, 1)
