"""`any_model`: names that there is no file of are answered, and nothing else becomes lax."""

import base64

import httpx
import pytest

from mockserver import MockServer, VirtualClock

CREATE = "/services/aigc/video-generation/video-synthesis"


def unknown(**fields):
    """A body for a model that there is no file of."""
    return {"model": "wan9-everything", **fields}


@pytest.fixture
async def lax(serve):
    """A server that answers unknown names, with quick films."""
    async with serve(any_model=True) as api:
        yield api


@pytest.mark.parametrize(
    "fields",
    [
        {"input": {"prompt": "a lion"}},
        {"input": {"prompt": ["a", {"b": None}], "voice_url": "https://e.com/a.wav"}},
        {"input": {"media": [{"type": "sketch", "url": "https://e.com/1"}]}, "parameters": {}},
        {"input": {"ref_images_url": ["https://e.com/1.png"], "deep": {"x": [{"urls": []}]}}},
        {"input": {}, "parameters": {"size": 7, "duration": "long", "seed": "s"}},
    ],
)
async def test_an_unknown_model_gives_a_video_of_5_s(lax, fields):
    """Any fields of the input, any parameters; billed by its output."""
    done = await lax.finished(unknown(**fields))
    assert done["output"]["task_status"] == "SUCCEEDED"
    assert done["usage"] == {"video_count": 1, "video_duration": 5}
    assert lax.server.bill()["total_billed_s"] == 5.0
    assert lax.server.tasks()[0]["model"] == "wan9-everything"


@pytest.mark.usefixtures("fine_films")
@pytest.mark.parametrize("media", [[], [{"type": "x", "url": "https://e.com/1.mp4"}]])
async def test_its_video_is_a_film(filming, serve, decode, media):
    """5 s of 1280*720, with and without a medium."""
    async with serve(any_model=True, renderer=None) as api:
        film = decode(await api.film(unknown(input={"prompt": "a lion", "media": media})))
    assert (film.size, film.seconds) == ((1280, 720), 5.0)


async def test_what_it_names_must_be_there(lax, clip):
    """An upload of this account and model, a data URI that can be read, an address by http."""
    here = await lax.upload("a.mp4", clip, "wan9-everything")
    other = await lax.upload("a.mp4", clip)
    sound = "data:audio/wav;base64," + base64.b64encode(b"RIFF").decode()
    ends = [
        (await lax.finished(unknown(input={"a_url": url})))["output"].get("message")
        for url in (here, sound, other, "data:audio/wav;base64,%%", "C:/a.mp4")
    ]
    wrong = "url error, please check url!"
    assert ends == [None, None, f"Failed to download {other}", wrong, wrong]


@pytest.mark.parametrize("name", ["", 7, None, "x" * 201, "a\nb"])
async def test_what_is_no_name_is_no_model(lax, name):
    """The answer is the service's own."""
    answer = await lax.post({"model": name, "input": {}})
    assert (answer.status_code, answer.json()["message"]) == (400, "Model not exist.")


async def test_a_model_that_is_known_is_held_to_its_file(lax):
    """Its fields, its limits per second and its regions are those of the file."""
    done = await lax.finished(lax.wan(resolution="8K"))
    assert done["output"]["code"] == "InvalidParameter"
    assert (await lax.post(unknown(input=[]))).status_code == 200  # fails as a task
    lax.clock.advance(1)
    failed = [task for task in lax.server.tasks() if task["status"] == "FAILED"]
    assert len(failed) == 2


async def test_its_tasks_outlive_the_option(tmp_path):
    """A server that is started without it later goes on with the tasks that are there."""
    headers = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}
    clock, answers = VirtualClock(), []
    for any_model in (True, False):
        server = MockServer(state_dir=tmp_path, clock=clock, any_model=any_model)
        async with server, httpx.AsyncClient(base_url=server.url, headers=headers) as http:
            answers += [
                (await http.post(CREATE, json=unknown(input={}))).status_code for _ in range(6)
            ]
            clock.advance(0.5)
            running = next(task for task in server.tasks() if task["status"] != "SUCCEEDED")
            server.finish(running["task_id"])
            assert len(server.tasks()) == 6
    assert answers == [200] * 6 + [400] * 6
