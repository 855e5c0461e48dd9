"""Who looks after the controller: says yes to plans, suspends, resumes, asks again, decides what
only a person can. And the judge of what that allows.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from reconciler import Project
from reconciler.controller.checkout import Checkout
from reconciler.controller.conditions import ConditionType, SyncStatus, Truth
from reconciler.controller.documents import SpendLimits
from reconciler.errors import CutlistError, UsageError
from reconciler.operations.saved_plan import read_plan
from reconciler.plan.step import Action
from tests.simulation.clocks import elapsed_s
from tests.simulation.network import Wire
from tests.simulation.sync.mirror import MemoryMirror
from tests.simulation.sync.repository import Repository
from tests.simulation.sync.team import Team
from tests.simulation.sync.world import INTERVAL_S, NAME, VARIABLES, Sent, SyncWorld
from tests.simulation.world import inline

SLACK_S = INTERVAL_S + 30.0  # in which a newer commit, or a word of a person, has to be heard
ROUNDS = 400  # of a person's looks, until all is quiet


@dataclass
class Yes:
    """A person's yes to a plan: to these prompts, once."""

    plan_id: str
    prompts: frozenset[str]
    used_by: int | None = None  # the pass that carries it out


class Keeper:
    """The person, and what they have allowed so far."""

    def __init__(self, world: SyncWorld, team: Team) -> None:
        self._world, self._team = world, team
        self._yes: Yes | None = None
        self._agreed: set[str] = set()  # prompts that were sent with a yes
        self._seen_plan = ""  # some time ago
        self._suspended_at: float | None = None
        world.hears = self.hear
        world.may_send = self.find_wrong

    # -------------------------------------------------------------- what they do

    async def work(self) -> None:
        """Look now and then, and do something."""
        while True:
            await asyncio.sleep(self._world.plot.uniform(20, 240))
            with suppress(UsageError):
                self._act()

    def _act(self) -> None:
        world, controller, status = self._world, self._world.controller, self._world.status
        if controller is None or status is None:
            return
        chance = world.plot.random()
        if status.suspended and chance < 0.5:
            self._resume()
        elif chance < 0.05:
            world.say("suspended")
            self._suspended_at = elapsed_s()
            controller.suspend(NAME)
        elif chance < 0.15:
            controller.reconcile(NAME)
        elif status.waiting_plan:
            if chance < 0.5:
                self._team.push_one_more()
            self._approve(self._seen_plan if chance > 0.9 else status.waiting_plan)

    def _approve(self, plan_id: str) -> None:
        """Say yes to a plan, as it lies there to be read."""
        world = self._world
        assert world.controller is not None
        status = world.status
        assert status is not None
        with suppress(CutlistError):
            world.controller.approve(NAME, plan_id, "ada")
            plan = read_plan(world.places.waiting_plan)
            prompts = self._team.read_prompts(status.last_attempted_revision)
            asked = {prompts[step.name] for step in plan.plan.steps if step.may_pay}
            world.say("yes to", plan.id, sorted(asked))
            world.counters["yes"] += 1
            self._yes = Yes(plan.id, frozenset(asked))
        self._seen_plan = status.waiting_plan

    def _resume(self) -> None:
        assert self._world.controller is not None
        self._world.say("resumed")
        self._suspended_at = None
        self._world.controller.resume(NAME)

    # -------------------------------------------------------------- what they have allowed

    def hear(self, status: SyncStatus) -> None:
        """A yes is for the plan that waits: another one makes it void."""
        if self._yes is not None and status.waiting_plan not in ("", self._yes.plan_id):
            self._yes = None

    def find_wrong(self, sent: Sent) -> str:
        """Why something should not have been sent; empty where it may be."""
        world, now = self._world, elapsed_s()
        if world.sync.mode == "approve":
            yes = self._yes
            covers = yes is not None and sent.prompt in yes.prompts
            if covers and yes is not None and yes.used_by in (None, sent.by.number):
                yes.used_by = sent.by.number
                self._agreed.add(sent.prompt)
            elif sent.prompt not in self._agreed:
                return f"{sent.prompt} was sent without a yes"
        if self._suspended_at is not None and now > self._suspended_at + SLACK_S:
            return f"{sent.prompt} was sent while suspended"
        if world.remote.last_down < now - SLACK_S and sent.prompt not in self._asked_lately():
            return f"{sent.prompt} was sent, and nobody asks for it any more"
        return ""

    def _asked_lately(self) -> frozenset[str]:
        """What was asked for at some moment that the controller may still be acting on."""
        asked: frozenset[str] = frozenset()
        begin = elapsed_s() - SLACK_S
        for number, (_, commit) in enumerate(self._team.tips):
            later = self._team.tips[number + 1 :]
            if not later or later[0][0] >= begin:
                asked |= self._team.list_prompts(commit)
        return asked

    # -------------------------------------------------------------- until all is quiet

    async def settle(self, *, patient: bool = False) -> None:
        """Do what is left to a person until the last commit is rendered. Who is `patient` does
        nothing that nobody asks of them.
        """
        for number in range(1, ROUNDS):
            await asyncio.sleep(INTERVAL_S)
            if self._is_quiet():
                return
            with suppress(UsageError):
                self._help(number % 10 == 0 and not patient)
        status = self._world.status
        told = [] if status is None else [each.message for each in status.conditions]
        raise AssertionError(f"nobody can help: {told}")

    def _is_quiet(self) -> bool:
        world, status = self._world, self._world.status
        if status is None or status.pass_started is not None:
            return False
        ready = status.find(ConditionType.READY)
        return (
            status.last_applied_revision == world.remote.tip
            and ready is not None
            and ready.status is Truth.TRUE
        )

    def _help(self, thorough: bool) -> None:
        world, status = self._world, self._world.status
        if world.controller is None or status is None:
            raise AssertionError("nobody is at work")
        stalled = status.find(ConditionType.STALLED)
        if status.suspended:
            self._resume()
        elif status.waiting_plan:
            self._approve(status.waiting_plan)
        elif stalled is not None and stalled.reason == "BudgetExceeded":
            self._raise_budget()
        elif stalled is not None or thorough:
            self._decide()
            world.controller.reconcile(NAME)

    def _raise_budget(self) -> None:
        world = self._world
        assert world.controller is not None
        world.counters["budget raised"] += 1
        world.seen.faults += list_overspent(world)
        world.sync = replace(world.sync, budget=SpendLimits())
        world.controller.replace_syncs([world.sync])

    def _decide(self) -> None:
        """Strays and undecided requests, as a person does it who has the vendor's console."""
        with suppress(CutlistError):  # another pass is at work
            project = open_at(self._world, self._world.remote.tip)
            plan = project.run_pass().plan
            blocked = list(plan.by_action(Action.BLOCKED))
            report: Any = SimpleNamespace(left=plan, blocked=blocked)
            self._world.person.decide(project, report)


def open_at(world: SyncWorld, commit: str) -> Project:
    """The project of a commit as the controller has it, for looking at it."""
    calm, world.remote.calm = world.remote.calm, True
    try:
        folder = world.disk.root / "looked"
        here = world.clones.setdefault(folder, Repository())
        mirror = MemoryMirror(folder, here, world.remote, lambda _commit: None)
        mirror.fetch_commit(commit)
        checkout = Checkout(mirror, world.sync, world.places, world.clock, VARIABLES)
        config = checkout.prepare(commit).config
    finally:
        world.remote.calm = calm
    return Project(config, world.clock, Wire(world.network), inline)


def list_overspent(world: SyncWorld) -> list[str]:
    """Where more was billed than the Sync allows: in one pass, or in one day."""
    price = world.sync.prices.models["wan2.7-videoedit"]
    assert isinstance(price, float)
    billed: dict[str, float] = {}
    total = 0.0
    for task in world.server.bill()["tasks"]:
        prompt = world.network.prompts.get(task["task_id"], "")
        cost = task["billed_s"] * price
        billed[prompt] = max(billed.get(prompt, 0.0), cost)
        total += cost
    faults = []
    for note in {each.by.number: each.by for each in world.seen.sent}.values():
        prompts = {each.prompt for each in world.seen.sent if each.by is note}
        spent = sum(billed.get(prompt, 0.0) for prompt in prompts)
        if note.per_pass is not None and spent > note.per_pass + 0.001:
            faults.append(f"pass {note.number} spent {spent:.2f} of {note.per_pass:.2f}")
    per_day = world.sync.budget.per_day
    if per_day is not None and total > per_day + 0.001:
        faults.append(f"{total:.2f} were spent of {per_day:.2f} a day")
    return faults
