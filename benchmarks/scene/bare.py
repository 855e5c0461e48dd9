"""The peer of an apply: a bare script over httpx that posts, polls and downloads the same jobs, and
keeps each file durably. It knows no ledger, no plan, no verification and no second try.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from pathlib import Path
from time import perf_counter

import httpx

HEADERS = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}
CREATE = "/services/aigc/video-generation/video-synthesis"
CLIP = "https://clips.example/a.mp4"


async def render(client: httpx.AsyncClient, url: str, prompt: str, target: Path) -> None:
    """One job to its file."""
    body = {
        "model": "wan2.7-videoedit",
        "input": {"prompt": prompt, "media": [{"type": "video", "url": CLIP}]},
        "parameters": {},
    }
    answer = (await client.post(url + CREATE, json=body, headers=HEADERS)).json()
    task_id = answer["output"]["task_id"]
    while True:
        output = (await client.get(f"{url}/tasks/{task_id}", headers=HEADERS)).json()["output"]
        if output["task_status"] == "SUCCEEDED":
            break
        await asyncio.sleep(0.01)
    await download(client, output["video_url"], target)


async def download(client: httpx.AsyncClient, link: str, target: Path) -> str:
    """Stream a file, hashed and durable; its SHA-256."""
    hasher = hashlib.sha256()
    part = target.with_suffix(".part")
    with part.open("wb") as file:
        async with client.stream("GET", link) as response:
            async for chunk in response.aiter_bytes():
                file.write(chunk)
                hasher.update(chunk)
        file.flush()
        os.fsync(file.fileno())
    part.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return hasher.hexdigest()


async def render_all(url: str, jobs: int, at_once: int, folder: Path) -> None:
    """`jobs` jobs, `at_once` side by side; prints the seconds that they took."""
    places = asyncio.Semaphore(at_once)
    async with httpx.AsyncClient(timeout=60) as client:

        async def take_place(number: int) -> None:
            async with places:
                await render(client, url, f"Make it rain {number}", folder / f"{number}.mp4")

        begun = perf_counter()
        await asyncio.gather(*(take_place(number) for number in range(jobs)))
        print(perf_counter() - begun)


async def fetch_one(link: str, folder: Path) -> None:
    """One file; prints the seconds that it took."""
    async with httpx.AsyncClient(timeout=60) as client:
        begun = perf_counter()
        await download(client, link, folder / "film.mp4")
        print(perf_counter() - begun)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["apply", url, jobs, at_once, folder]:
            asyncio.run(render_all(url, int(jobs), int(at_once), Path(folder)))
        case ["download", link, folder]:
            asyncio.run(fetch_one(link, Path(folder)))
