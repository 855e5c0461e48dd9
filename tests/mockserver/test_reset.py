"""A reset while the server is at work."""

import asyncio
import threading
from pathlib import Path


class Held:
    """A renderer that begins to write, and goes on when it is told to."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()

    def probe(self, path, kind):
        raise AssertionError("nothing is uploaded here")

    def render(self, plan, medium, target: Path):
        with target.open("wb") as file:
            file.write(b"fi")
            self.begun.set()
            assert self.go_on.wait(30)
            file.write(b"lm")


async def test_a_film_under_way_survives_a_reset(serve):
    """The same edit again after the reset gets the film that was being made; it used to fail."""
    renderer = Held()
    async with serve(renderer=renderer) as api:
        body = api.wan(seed=1)
        await api.create(body)
        assert await asyncio.to_thread(renderer.begun.wait, 30)
        assert (await api.mock("POST", "reset")).status_code == 200
        again = await api.create(body)
        renderer.go_on.set()
        api.clock.advance(60)
        done = await api.fetch(again)
        assert done["output"]["task_status"] == "SUCCEEDED"
        assert (await api.http.get(done["output"]["video_url"])).content == b"film"
