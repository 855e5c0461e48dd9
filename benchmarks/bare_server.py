"""The least that answers requests for tasks with aiohttp: it reads JSON and writes JSON.

What the mock server is measured beside. Like it, it prints the URL that it listens on.
"""

import asyncio
import json
import time

from aiohttp import web

OUTPUT = {"output": {"task_status": "PENDING", "task_id": "0" * 36}, "request_id": "0" * 36}


async def create(request: web.Request) -> web.Response:
    json.loads(await request.read())
    return web.json_response(OUTPUT)


async def fetch(_: web.Request) -> web.Response:
    return web.json_response(OUTPUT)


async def tell_cpu(_: web.Request) -> web.Response:
    """The CPU seconds that this process has had."""
    return web.json_response(time.process_time())


async def serve() -> None:
    app = web.Application()
    app.router.add_post("/api/v1/services/aigc/video-generation/video-synthesis", create)
    app.router.add_get("/api/v1/tasks/{task_id}", fetch)
    app.router.add_get("/_mock/cpu", tell_cpu)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
