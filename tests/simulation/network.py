"""The network of a run: it carries requests to the service and answers back, with what the seed
holds in store.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import Any

import httpx

from mockserver import MockServer
from mockserver.digest import compute_sha256, encode_canonical
from tests.simulation.clocks import elapsed_s
from tests.simulation.distortions import (
    CREATE_BENDS,
    UNDELIVERED,
    Answer,
    bent_creation,
    bent_look,
    undelivered,
)
from tests.simulation.kinds import DAY_S, Kind, turn_of
from tests.simulation.listing import ListView
from tests.simulation.loop import PROCESS, Process
from tests.simulation.wire import Body, dispatch

API_HOST = "sim.example"
UPLOAD_HOST, RESULT_HOST = "uploads.oss.aliyuncs.com", "films.oss.aliyuncs.com"
SUBMIT = "/api/v1/services/aigc/video-generation/video-synthesis"
LIST, UPLOADS = "/api/v1/tasks", "/api/v1/uploads"
FAULTS = ("reset_before", "reset_after", "429", "500_before", "500_after", "slow", "late")
FILM_FAULTS = ("cut", "corrupt")
POLL_FAULTS = ("unknown",)
WRONG_DATES_S = (-300.0, -45.0, 10.0, 60.0, 600.0)  # by which other hosts' clocks are wrong
CREATE_ODDITIES = (*CREATE_BENDS, *UNDELIVERED)
WAITS = {"when": {"prompt": "theirs"}, "after_s": 1500.0, "pending_s": 1200.0}  # in a crowd
# what is asked for by a changed manifest, or before one: every other task of a model
OURS_WAIT = {"when": {"nth": list(range(1, 99, 2))}, "after_s": 700.0, "pending_s": 400.0}
THEIRS = {
    "model": "wan2.7-videoedit",
    "input": {
        "prompt": "theirs",
        "media": [{"type": "video", "url": "https://clips.example/theirs.mp4"}],
    },
    "parameters": {},
}  # what somebody else asks of the same account


def faults_of(request: httpx.Request) -> tuple[str, ...]:
    """The faults that a request can meet."""
    if request.url.path.endswith(".mp4"):
        return FAULTS + FILM_FAULTS * 2
    looks = request.method == "GET" and "/tasks/" in request.url.path
    return FAULTS + POLL_FAULTS if looks else FAULTS


class Network:
    """Between all lives of a run and its service. `step` lets the life that asks die here."""

    def __init__(
        self,
        kind: Kind,
        seed: int,
        server: MockServer,
        *,
        rng: random.Random,
        step: Callable[[], None],
        say: Callable[..., None],
        counters: Counter[str],
    ) -> None:
        self.kind, self.rng, self.server = kind, rng, server
        self._step, self._say, self._counters = step, say, counters
        self._oddities = random.Random(seed + 3)  # of answers; apart, so that usual trouble stays
        self._list = ListView(kind, seed, self._count)
        # a service with odd manners keeps them in the end in every other world
        self._stubborn = self._oddities.random() < 0.5
        self._wrong_s = {
            host: self._oddities.choice(WRONG_DATES_S) if kind.wrong_dates else 0.0
            for host in (UPLOAD_HOST, RESULT_HOST, "")
        }  # "": of what stands in between
        self._turn = 3 * turn_of(seed) // 2  # so that a few seeds meet every one
        self.calm = False
        self.prompts: dict[str, str] = {}  # of our tasks, by id, as the vendor's console shows them
        # ids that answers gave as they are: to whom, and when
        self._told: list[tuple[Process | None, float, str]] = []
        self._made_at_s: dict[str, float] = {}
        # by path of a task: the service does not know it for a while
        self.forgets_until: dict[str, float] = {}

    def calm_down(self) -> None:
        """No more trouble; only a stubborn service goes on listing as it does."""
        self.calm = True
        self._list.bends = self._stubborn

    async def carry(self, request: httpx.Request) -> httpx.Response:
        """Carry a request to the server and its answer back."""
        await request.aread()
        self._step()
        fault = self._fault(request)
        there, back = self.rng.uniform(0.02, 0.4), self.rng.uniform(0.02, 0.4)
        if fault == "slow":
            back += self.rng.uniform(1, 90)
        if fault == "late":
            there += self.rng.uniform(self.kind.late_from_s, self.kind.late_s)
        oddity = self._oddity(request)
        if fault or oddity in UNDELIVERED:
            self._say("network", request.method, request.url.path, fault or oddity)
            self._count(fault or oddity)
            if request.method == "POST" and self.rng.random() < self.kind.colleague_rate:
                await self.submit_theirs()
        refusal = self._refusal(request, fault) or self._interposed(oddity)
        if refusal is not None:
            return refusal
        limit = request.extensions["timeout"]["read"]
        server = self._run_beside(self._serve(request, there))
        try:
            async with asyncio.timeout(limit):
                status, headers, body = await asyncio.shield(server)
                await asyncio.sleep(back)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer", request=request) from None
        if fault == "reset_after":
            raise httpx.ReadError("reset", request=request)
        if fault == "500_after":
            return self._api_answer(500, {"code": "InternalError", "message": "after"})
        headers = {
            name: value for name, value in headers.items() if name.lower() != "transfer-encoding"
        }
        self._date(request.url.host, headers)
        if request.url.path.endswith(".mp4"):
            return self._film(status, headers, body, fault)
        return self._bent(request, (status, body, True), headers, oddity)

    def still_knows(self, task_id: str) -> bool:
        """Whether the service has not forgotten one of our tasks."""
        return elapsed_s() - self._made_at_s[task_id] < DAY_S

    # -------------------------------------------------------------- what comes back

    def _fault(self, request: httpx.Request) -> str:
        """What happens to a request on its way, or to its answer."""
        if self.calm:
            return ""
        if self._is_submit(request) and self._oddities.random() < self.kind.lost_rate:
            return "reset_after"
        troubled = self.rng.random() <= self.kind.fault_rate
        return self.rng.choice(faults_of(request)) if troubled else ""

    def _is_submit(self, request: httpx.Request) -> bool:
        return request.method == "POST" and request.url.path == SUBMIT

    def _oddity(self, request: httpx.Request) -> str:
        """How the answer to a POST will be bent."""
        if (
            self.calm
            or not self._is_submit(request)
            or self._oddities.random() >= self.kind.answer_rate
        ):
            return ""
        self._turn += 1
        return CREATE_ODDITIES[self._turn % len(CREATE_ODDITIES)]

    def _refusal(self, request: httpx.Request, fault: str) -> httpx.Response | None:
        """What happens to a request that does not reach the tasks; None when it does."""
        path, now = request.url.path, elapsed_s()
        if fault == "unknown":
            self.forgets_until[path] = now + self.rng.uniform(10, 1200)
        if not self.calm and request.method == "GET" and now < self.forgets_until.get(path, 0.0):
            output = {"task_id": path.rpartition("/")[2], "task_status": "UNKNOWN"}
            return self._api_answer(200, {"request_id": "", "output": output})
        if fault == "429":
            words = {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded"}
            return self._api_answer(429, words)
        if fault == "500_before":
            return self._api_answer(500, {"code": "InternalError", "message": "before"})
        if fault == "reset_before":
            raise httpx.ReadError("reset", request=request)
        return None

    def _interposed(self, oddity: str) -> httpx.Response | None:
        if oddity not in UNDELIVERED:
            return None
        status, body, _ = undelivered(oddity, self._oddities)
        return self._proxy_answer(status, body)

    def _bent(
        self, request: httpx.Request, answer: Answer, headers: dict[str, str], oddity: str
    ) -> httpx.Response:
        """An answer of the task API, as it arrives."""
        status, body, own = answer
        if status != 200:
            return httpx.Response(status, headers=headers, content=body)
        path = request.url.path
        if oddity:
            others = [task for *_, task in self._told]
            status, body, own = bent_creation(oddity, body, others, self._oddities)
            self._note(request, oddity)
        elif self._is_submit(request):
            task_id = json.loads(body)["output"]["task_id"]
            self._told.append((PROCESS.get(), elapsed_s(), task_id))
        elif request.method == "GET" and path == LIST:
            page = json.loads(body)
            if "status" in request.url.params:
                self._count("list: by status")
            self._list.bend(page, self.server.clock.now(), self._accepted())
            body = json.dumps(page).encode()
        elif request.method == "GET" and path.startswith(f"{LIST}/"):
            body = self._look(request, _moved(body, RESULT_HOST))
        elif path == UPLOADS:
            body = _moved(body, UPLOAD_HOST)
        if not own:
            return self._proxy_answer(status, body)
        headers = {name: text for name, text in headers.items() if name != "Content-Length"}
        return httpx.Response(status, headers=headers, content=body)

    def _look(self, request: httpx.Request, body: bytes) -> bytes:
        """An answer about a task, perhaps one that contradicts what was said before."""
        if self.calm or self._oddities.random() >= self.kind.status_rate:
            return body
        self._turn += 1
        name, bent = bent_look(body, self._turn)
        if name:
            self._note(request, name)
        return bent

    def _accepted(self) -> str:
        """The newest task that the life which asks was told of, and has written down by now."""
        asks, now = PROCESS.get(), elapsed_s()
        told = (task for whom, at, task in reversed(self._told) if whom is asks and at < now - 5)
        return next(told, "")

    def _film(
        self, status: int, headers: dict[str, str], body: bytes, fault: str
    ) -> httpx.Response:
        if fault == "cut":
            if self.rng.random() < 0.5:
                headers = {
                    name: value for name, value in headers.items() if name != "Content-Length"
                }
            part = Body(body[: len(body) // 3], self.rng.random() < 0.5)
            return httpx.Response(status, headers=headers, stream=part)
        if fault == "corrupt":
            return httpx.Response(status, headers=headers, stream=Body(bytes(len(body)), False))
        return httpx.Response(status, headers=headers, stream=Body(body, False))

    def _api_answer(self, status: int, document: dict[str, Any]) -> httpx.Response:
        headers = {"Date": formatdate(int(self.server.clock.now()), usegmt=True)}
        return httpx.Response(status, headers=headers, json=document)

    def _proxy_answer(self, status: int, body: bytes) -> httpx.Response:
        """An answer of what stands between, by its own clock."""
        headers = {"Content-Type": "text/html", "Location": "https://proxy.example/"}
        self._date("", headers)
        return httpx.Response(status, headers=headers, content=body)

    def _date(self, host: str, headers: dict[str, str]) -> None:
        """The moment that a host writes into its answer; the task API's own is right."""
        now = self.server.clock.now() + self._wrong_s.get(host, 0.0)
        headers["Date"] = formatdate(int(now), usegmt=True)
        if self._wrong_s.get(host):
            self._count("wrong Date")

    # -------------------------------------------------------------- at the service

    async def submit_theirs(self) -> None:
        """Somebody else submits for the same account and model."""
        self._count("colleague")
        headers = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}
        request = httpx.Request("POST", f"https://{API_HOST}{SUBMIT}", json=THEIRS, headers=headers)
        await request.aread()
        await self._run_beside(dispatch(self.server.app, request))

    @property
    def cancelled_theirs(self) -> int:
        """How many tasks of somebody else were cancelled though the account had others of theirs.

        The only task that the ledger does not know is taken for a late one of ours; that is told in
        the docs, and no fault.
        """
        foreign = self.foreign
        cancelled, others = 0, False
        for task in self.server.bill()["tasks"]:
            if task["task_id"] in foreign:
                is_cancelled = task["status"] == "CANCELED"
                cancelled += is_cancelled and others
                others = others or not is_cancelled
        return cancelled

    @property
    def foreign(self) -> set[str]:
        """The tasks of somebody else, by the server's bill: also one that was sent as the program
        was killed.
        """
        job = compute_sha256(encode_canonical(THEIRS))
        return {
            task["task_id"] for task in self.server.bill()["tasks"] if task["job_sha256"] == job
        }

    async def _serve(
        self, request: httpx.Request, delay_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        await asyncio.sleep(delay_s)
        status, headers, body = await dispatch(self.server.app, self._asked(request))
        if self._is_submit(request) and status == 200:
            task_id = json.loads(body)["output"]["task_id"]
            self.prompts[task_id] = json.loads(request.content)["input"]["prompt"]
            self._made_at_s[task_id] = elapsed_s()
        return status, headers, body

    def _asked(self, request: httpx.Request) -> httpx.Request:
        """The request as the service takes it: one with small pages gives no larger ones."""
        if not self.kind.page_size or request.method != "GET" or request.url.path != LIST:
            return request
        url = request.url.copy_merge_params({"page_size": str(self.kind.page_size)})
        return httpx.Request("GET", url, headers=request.headers, content=b"")

    def _run_beside(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """The server's own task: killing the client must not kill the server half-way."""
        token = PROCESS.set(None)
        try:
            return asyncio.get_running_loop().create_task(coroutine)
        finally:
            PROCESS.reset(token)

    def _note(self, request: httpx.Request, oddity: str) -> None:
        self._say("network", request.method, request.url.path, oddity)
        self._count(oddity)

    def _count(self, name: str) -> None:
        self._counters[name] += 1


def _moved(body: bytes, host: str) -> bytes:
    """An answer in which uploads and results lie on a host of their own."""
    return body.replace(f"https://{API_HOST}/oss".encode(), f"https://{host}/oss".encode())


class Wire(httpx.AsyncBaseTransport):
    """httpx straight into a network."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._network.carry(request)
