"""Nothing is sent without end: whatever the service answers and whatever options say, one run asks
for one request at most three times, and gives up what was never accepted after five.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler import read_plan
from reconciler.apply.context import SUBMIT_TRIES
from reconciler.apply.executor import Executor, Item
from reconciler.apply.outcome import Outcome
from reconciler.plan.decide import PlanOptions
from reconciler.service.codes import MOST_ROUNDS, Verdict, find_code
from reconciler.system import shipped
from tests.e2e.bench import Bench, Trouble, failed
from tests.long import show_few

Act = Callable[..., Any]
STATUS: dict[str, int] = {
    **{code: each["status"] for code, each in shipped.read_service()["errors"].items()},
    "Brand.New": 400,
    "Brand.New.Fault": 500,
    "InternalError.New": 500,
    "InvalidURL.New": 400,
}
EVERYTHING = PlanOptions(force=True, repay=True, retry_failed=True, verify=True)
OPTIONS = {"as usual": PlanOptions(), "every option": EVERYTHING}
FAILED_BEFORE = ("InternalError.Algo", "InvalidURL.Timeout", "DataInspectionFailed")


class Service:
    """Counts what is sent for each prompt, and does with it what `script` says."""

    def __init__(self, bench: Bench, script: Callable[[str, int], str]) -> None:
        self.sent: Counter[str] = Counter()
        self.unaccepted: Counter[str] = Counter()
        self._script = script
        self._ends: dict[str, str] = {}
        bench.network.trouble = [
            Trouble("POST", "/video-synthesis", self._create, times=100_000),
            Trouble("GET", "/tasks/", self._fetch, times=1_000_000),
        ]

    def counts(self) -> Iterator[tuple[str, int, int]]:
        """(prompt, what may have been accepted or was refused, what was certainly not accepted)."""
        for prompt, sent in self.sent.items():
            yield prompt, sent - self.unaccepted[prompt], self.unaccepted[prompt]

    async def _create(self, request: httpx.Request, send: Act) -> httpx.Response:
        prompt = json.loads(request.content)["input"]["prompt"]
        what = self._script(prompt, self.sent[prompt])
        self.sent[prompt] += 1
        if what in ("not reached", "lost", "Throttling.RateQuota"):
            self.unaccepted[prompt] += 1
        if what == "not reached":
            raise httpx.ConnectError("no", request=request)
        if what == "lost":
            raise httpx.ReadError("reset", request=request)
        where, _, code = what.partition(" ")
        if where != "task":
            body = {"code": what, "message": "no", "request_id": "r"}
            return httpx.Response(STATUS[what], json=body)
        response: httpx.Response = await send(request)
        self._ends[json.loads(await response.aread())["output"]["task_id"]] = code
        return response

    async def _fetch(self, request: httpx.Request, send: Act) -> httpx.Response:
        task_id = request.url.path.rpartition("/")[2]
        code = self._ends.get(task_id)
        if code == "CANCELED":
            output = {"task_id": task_id, "task_status": "CANCELED"}
            return httpx.Response(200, json={"request_id": "r", "output": output})
        answer: httpx.Response = await (
            failed(code, "no")(request, send) if code else send(request)
        )
        return answer


def check(service: Service) -> None:
    """The bound that holds for every code and every option."""
    for prompt, judged, unaccepted in service.counts():
        assert judged <= MOST_ROUNDS, prompt
        assert unaccepted <= SUBMIT_TRIES, prompt


def passes(code: str) -> bool:
    """Whether a task that failed with this code is sent again without being asked."""
    return find_code(code).verdict in (Verdict.INTERNAL, Verdict.INPUT)


CODES = [*STATUS, "CANCELED"]


@pytest.mark.parametrize(
    ("part", "options"),
    [
        pytest.param(
            part, options, id=f"{part}-{name}", marks=[pytest.mark.long] * (part % 2 != odd)
        )
        for part in range(6)
        for odd, (name, options) in enumerate(OPTIONS.items())
    ],
)
async def test_tasks_that_fail(bench: Bench, options: PlanOptions, part: int) -> None:
    """Every code of the service and unknown ones, as the end of a task: three rounds where it may
    pass, one where it cannot; a run with --retry-failed has one fresh round of the same, and the
    run after it has none.
    """
    codes = CODES[part::6]
    for number, code in enumerate(codes):
        bench.edit(f"e{number}", prompt=code)
    once = {code: MOST_ROUNDS if passes(code) else 1 for code in codes}
    cancelled = {"CANCELED": 1} if "CANCELED" in codes else {}
    for expected in (once, once if options.retry_failed else cancelled):
        service = Service(bench, lambda prompt, _: f"task {prompt}")
        await bench.apply(options=options)
        check(service)
        assert dict(service.sent) == expected
    service = Service(bench, lambda prompt, _: f"task {prompt}")
    await bench.apply()
    assert dict(service.sent) == cancelled


@pytest.mark.parametrize("part", range(3))
async def test_requests_that_are_refused(bench: Bench, part: int) -> None:
    """Every code as the answer to the request itself: one round, and five tries where the answer
    says, or a look at the list, that nothing was accepted; also in a run that ends with the first
    failure.
    """
    for code in list(STATUS)[part::3]:
        bench.edit("rain", prompt=code)
        service = Service(bench, lambda prompt, _: prompt)
        await bench.apply(options=EVERYTHING, fail_fast=part == 0)
        tried_again = STATUS[code] >= 500 or find_code(code).verdict is Verdict.THROTTLED
        assert service.sent == {code: SUBMIT_TRIES if tried_again else 1}


@pytest.mark.parametrize("seed", show_few(range(2)))
async def test_every_trouble_mixed(bench: Bench, seed: int) -> None:
    """Throttling, no way there, lost requests, refusals and tasks that fail or are cancelled, in
    any order, with every option that sends again: the bound holds for each request.
    """
    chance = random.Random(seed)
    ways = ["not reached", "lost", "Throttling.RateQuota", "task CANCELED", "task"]
    ways += ["task InternalError", "task InvalidURL", "task Brand.New", "InvalidURL"]
    weights = [2, 1, 3, 1, 1, 8, 8, 1, 1]
    for number in range(5):
        bench.edit(f"e{number}", prompt=str(number))
    for _ in range(2):
        service = Service(bench, lambda _prompt, _n: chance.choices(ways, weights)[0])
        await bench.apply(options=EVERYTHING)
        check(service)


async def test_a_saved_plan(bench: Bench, tmp_path: Path) -> None:
    """A plan that was saved with --retry-failed is one round, too, and is used up by it."""
    for number, code in enumerate(FAILED_BEFORE):
        bench.edit(f"e{number}", prompt=code)
    Service(bench, lambda prompt, _: f"task {prompt}")
    await bench.apply()
    bench.project().save(tmp_path / "plan", EVERYTHING)
    service = Service(bench, lambda prompt, _: f"task {prompt}")
    await bench.apply(saved=read_plan(tmp_path / "plan"))
    assert dict(service.sent) == {code: 3 if passes(code) else 1 for code in FAILED_BEFORE}


async def test_collecting_sends_nothing(bench: Bench) -> None:
    """--refresh-only asks for nothing, whatever failed before."""
    bench.edit("rain", prompt="InternalError")
    Service(bench, lambda prompt, _: f"task {prompt}")
    await bench.apply()
    service = Service(bench, lambda prompt, _: f"task {prompt}")
    await bench.apply(options=PlanOptions(retry_failed=True, repay=True, refresh_only=True))
    assert not service.sent


async def test_what_is_undone_again_and_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program that removes an output whenever it is written does not keep a run for ever;
    the edit fails, and says why.
    """
    bench.edit("rain")
    written = Executor._published

    async def undone(executor: Executor, item: Item, digest: str, billed_s: float) -> Outcome:
        outcome = await written(executor, item, digest, billed_s)
        bench.output("rain").unlink()
        return outcome

    monkeypatch.setattr(Executor, "_published", undone)
    report = await bench.apply()
    (failure,) = report.failures
    assert "renders/rain.mp4 was written 3 times in this run" in str(failure.error)
    assert (report.exit_code, bench.creates()) == (4, 1)


def test_how_a_failure_is_told() -> None:
    """Whatever may pass tells how often it is tried, and how it is sent again after that."""
    for code in STATUS:
        if passes(code):
            assert "`cutlist apply --retry-failed` makes up to three more" in find_code(code).advice
