"""The service's events of finished tasks, from the bundled server to the controller's door."""

from __future__ import annotations

import aiohttp

from mockserver import MockServer, VirtualClock
from reconciler.controller.hooks import Doors
from reconciler.controller.listening import Listener
from reconciler.controller.pages import Pages, Sources
from reconciler.controller.webhooks import Hint, LookAtTask
from reconciler.formats.secret import Secret
from tests.clock import FakeClock

TOKEN = "t0ken"
VIDEO = {"type": "video", "url": "https://example.com/clip.mp4"}
REQUEST = {
    "model": "wan2.7-videoedit",
    "input": {"prompt": "make it snow", "media": [VIDEO]},
    "parameters": {"resolution": "720P"},
}


async def create_task(url: str) -> str:
    """A task at the server; its id."""
    headers = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}
    path = "/services/aigc/video-generation/video-synthesis"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url + path, json=REQUEST) as answer,
    ):
        return str((await answer.json())["output"]["task_id"])


async def test_the_end_of_a_task_is_a_hint() -> None:
    """Told twice, taken once, and the server need not tell it again; without the token nothing."""
    hints: list[tuple[str, Hint]] = []
    answers: list[int] = []
    sources = Sources(
        dict,
        lambda: True,
        lambda name, hint: hints.append((name, hint)),
        lambda: b"",
        lambda _name, status: answers.append(status),
    )
    pages = Pages(sources, Doors({"spring": Secret(TOKEN)}, FakeClock()), token=Secret(""))
    listener = Listener(pages, lambda error: None)
    await listener.start()
    hook = f"http://127.0.0.1:{listener.port}/hooks/spring"
    clock = VirtualClock()
    webhooks = [{"url": hook, "token": TOKEN, "copies": 2}]
    try:
        async with MockServer(clock=clock, webhooks=webhooks, fetch_inputs=False) as server:
            task_id = await create_task(server.url)
            clock.advance(3600.0)
            await server.deliver_events()
            await server.deliver_events()
        assert hints == [("spring", LookAtTask(task_id))]
        assert answers == [202, 200]
        async with MockServer(clock=clock, webhooks=[hook], fetch_inputs=False) as server:
            await create_task(server.url)
            clock.advance(3600.0)
            await server.deliver_events()
        assert (len(hints), answers[2]) == (1, 401)
    finally:
        await listener.stop()
