"""What is decided again where something ended is what a whole pass would decide."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from mockserver import MockServer, VirtualClock
from reconciler.apply.executor import Executor, Item
from reconciler.apply.replan import Replanner
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.plan.step import Step
from reconciler.planner import conclude_pass
from reconciler.state.ledger import SqliteLedger
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.store import FolderStore
from tests.e2e.bench import FETCH, Bench, SmallFilms, Ticking, Trouble, failed
from tests.long import show_few


def write_random_project(bench: Bench, chance: random.Random) -> None:
    """Edits alone, in chains, and with keys that they share; some outputs hold strange files."""
    names: list[str] = []
    for number in range(9):
        name = f"e{number}"
        up = chance.choice(names) if names and chance.random() < 0.5 else None
        url = f"edit://{up}" if up else "https://clips.example/a.mp4"
        bench.edit(name, prompt=chance.choice(("rain", "snow", "fog")), url=url)
        names.append(name)
        if chance.random() < 0.1:
            path = bench.output(name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(chance.choice((b"", b"a film of somebody's own")))


def cause_random_trouble(bench: Bench, chance: random.Random) -> None:
    """Some tasks fail: for good, or so that they are sent again."""
    for code in ("InternalError", "DataInspectionFailed"):
        times = chance.randrange(3)
        if times:
            bench.network.trouble.append(Trouble(*FETCH, failed(code, "no"), times=times))


async def run_at_once(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run blocking code in the loop's own thread."""
    return function(*args, **kwargs)


def repeat_where_away(
    patch: pytest.MonkeyPatch,
    look_at: Callable[[Replanner, Collection[str]], list[Step]],
    chance: random.Random,
) -> Callable[[Replanner, Collection[str]], list[Step]]:
    """`look_at`, during which the ledger is away at one of the first questions, or at none; then it
    is called again.
    """
    left = -1  # questions that are answered before one is not; less than 0: all are

    def lose(question: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*args: Any, **fields: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                raise LedgerAway("it is away.")
            return question(*args, **fields)

        return ask

    for name in ("find_history", "find_jobs", "find_requests"):
        patch.setattr(SqliteLedger, name, lose(getattr(SqliteLedger, name)))

    def repeat(replanner: Replanner, keys: Collection[str]) -> list[Step]:
        nonlocal left
        left = chance.randrange(4)
        try:
            return look_at(replanner, keys)
        except LedgerAway:
            return look_at(replanner, keys)
        finally:
            left = -1

    return repeat


@pytest.mark.parametrize("seed", show_few(range(6), every=3))
async def test_each_look_decides_what_a_whole_pass_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Also where the ledger was away at one of its questions, and the look was repeated."""
    chance = random.Random(seed)
    looks = 0
    executors: list[Executor] = []
    look_at = repeat_where_away(monkeypatch, Replanner.look_at, random.Random(seed + 1))

    def compare(replanner: Replanner, keys: Collection[str]) -> list[Step]:
        nonlocal looks
        steps = look_at(replanner, keys)
        looks += 1
        # what is still at work has moved on, and nobody has looked at it yet
        (executor,) = executors
        at_work = {item.step.key for items in executor._running.values() for item in items}
        look_at(replanner, {key for key in at_work if key is not None})
        whole = conclude_pass(
            replanner._config,
            replanner._desired,
            replanner._store,
            replanner._ledger,
            replanner._clock,
            replanner._options,
        )
        seen = replanner.write_pass()
        assert seen.plan == whole.plan
        assert seen.resolved == whole.resolved
        assert seen.observed.outputs == whole.observed.outputs
        return steps

    start = Executor.start

    def note_start(executor: Executor, items: Sequence[Item]) -> None:
        executors[:] = [executor]
        start(executor, items)

    monkeypatch.setattr(Executor, "start", note_start)
    monkeypatch.setattr(Replanner, "look_at", compare)
    virtual = VirtualClock()
    async with MockServer(clock=virtual, renderer=SmallFilms(), task_seconds=(2.0, 4.0)) as server:
        bench = Bench(tmp_path, server, Ticking(virtual), virtual)
        write_random_project(bench, chance)
        cause_random_trouble(bench, chance)
        project = bench.live_project() if seed % 2 else bench.project()
        project._block = run_at_once  # no thread changes anything between two looks
        await project.apply_async(ApplyRequest(), ApplyHooks())
        text = (tmp_path / "specs/e8.yaml").read_text()
        bench.write("renamed.yaml", text.replace('"e8"', '"renamed"'))
        bench.take_out("e8")
        bench.edit("e0", prompt="something else")
        await project.apply_async(ApplyRequest(), ApplyHooks())
        await bench.network.aclose()
    assert looks > 3


async def test_a_look_asks_the_ledger_before_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes goes blob, result, ledger: what another process writes between two questions is
    never seen as a success without its result.
    """
    questions: list[str] = []

    def note(owner: type, method: str, word: str) -> None:
        real = getattr(owner, method)

        def call(self: Any, *args: Any, **fields: Any) -> Any:
            questions.append(word)
            return real(self, *args, **fields)

        monkeypatch.setattr(owner, method, call)

    note(Replanner, "_look_up", "look")
    note(SqliteLedger, "find_history", "ledger")
    note(FolderStore, "find_results", "store")
    virtual = VirtualClock()
    async with MockServer(clock=virtual, renderer=SmallFilms(), task_seconds=(2.0, 4.0)) as server:
        bench = Bench(tmp_path, server, Ticking(virtual), virtual)
        for name in ("rain", "snow"):
            bench.edit(name, prompt=name)
        assert (await bench.apply()).exit_code == 0
        await bench.network.aclose()
    looks = [number for number, word in enumerate(questions) if word == "look"]
    assert looks
    for number in looks:
        assert questions[number + 1 : number + 3] == ["ledger", "store"]
