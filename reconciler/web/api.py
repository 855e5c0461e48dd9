"""What the page can ask, and what it is answered: values in, values out, over `Project` alone.

`ROUTES` names every question; schemas/http-api.yaml says the same to programs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.history.log import log_to_json
from reconciler.planner import Pass
from reconciler.project import Project
from reconciler.web.desk import PageDesk
from reconciler.web.edits import build_edit
from reconciler.web.plans import ShownPlan
from reconciler.web.reading import read_edit, read_project
from reconciler.web.refusals import Refused
from reconciler.web.runs import PageRun
from reconciler.web.watched import WatchedProject

PREFIX = "api/v1"


@dataclass(frozen=True, slots=True)
class PageQuestion:
    """One request: who asks, what stands in its address, and its JSON."""

    who: str
    parts: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageReply:
    """The answer: plain data, or JSON that is encoded already."""

    data: Mapping[str, Any] | bytes
    status: int = 200
    etag: str = ""


Handler = Callable[["PageApi", PageQuestion], Awaitable[PageReply]]


class PageApi:
    """Answers questions about one project."""

    def __init__(self, watched: WatchedProject, desk: PageDesk) -> None:
        self._watched = watched
        self._desk = desk

    async def read_project(self, question: PageQuestion) -> PageReply:
        """Which project it is, and what the page may do."""
        await self._watched.read_board()
        project, revision = self._watched.project, self._watched.revision
        return PageReply(read_project(project, revision, question.who, self._desk.describe()))

    async def read_board(self, _question: PageQuestion) -> PageReply:
        """A card for each edit."""
        raw, etag = await self._watched.read_board()
        return PageReply(raw, etag=etag)

    async def read_edit(self, question: PageQuestion) -> PageReply:
        """One edit, with its takes and what goes into it."""
        name = await self._find_name(question)
        places = self._watched.places

        def look(project: Project, current: Pass) -> dict[str, Any]:
            return build_edit(read_edit(project, current, name, places))

        return PageReply(await self._watched.ask_about(look))

    async def pick_take(self, question: PageQuestion) -> PageReply:
        """Make a take the one that counts, as long as all is as it was shown."""
        if not self._desk.describe().may_pick:
            raise Refused(
                409,
                "not_here",
                "Takes are not picked here: what is committed counts.",
                "Run `cutlist pick` in a clone, and commit cutlist.lock.",
            )
        name, body = await self._find_name(question), question.body
        number, digest, mark = body.get("number"), body.get("digest"), body.get("lock")
        if type(number) is not int or not isinstance(digest, str) or not isinstance(mark, str):
            raise Refused(
                400,
                "bad_pick",
                "A pick has number, digest and lock.",
                "Give those of the edit as it was shown.",
            )
        pick = await self._watched.ask(
            lambda project: project.pick(name, number, digest=digest, mark=mark).to_json()
        )
        await self._watched.look()
        return PageReply(pick)

    async def make_plan(self, _question: PageQuestion) -> PageReply:
        """A plan that is made now, or that waits for a yes; it can be carried out as it stands."""
        return PageReply((await self._desk.make_plan()).to_json(), status=201)

    async def read_plan(self, question: PageQuestion) -> PageReply:
        """A plan that was made."""
        return PageReply(self._find_plan(question).to_json())

    async def apply_plan(self, question: PageQuestion) -> PageReply:
        """Carry out a plan exactly as it stands; who asks stands in the books."""
        shown, max_cost = self._find_plan(question), _read_max_cost(question.body)
        run = await self._desk.begin(shown, max_cost, question.who)
        return PageReply({"run": run.id}, status=202)

    async def read_run(self, question: PageQuestion) -> PageReply:
        """How a run stands."""
        return PageReply(self._find_run(question).to_json())

    async def stop_run(self, question: PageQuestion) -> PageReply:
        """End a run as Ctrl-C does."""
        run = self._find_run(question)
        self._desk.stop(run)
        return PageReply(run.to_json(), status=202)

    async def read_status(self, _question: PageQuestion) -> PageReply:
        """How every edit is, as `cutlist status --json`."""
        return PageReply(await self._watched.ask(lambda project: project.status().to_json()))

    async def read_cost(self, _question: PageQuestion) -> PageReply:
        """What was spent, as `cutlist cost --json`."""
        return PageReply(await self._watched.ask(lambda project: project.cost().to_json()))

    async def read_log(self, question: PageQuestion) -> PageReply:
        """What happened, as `cutlist log --json`."""
        name = question.query.get("edit") or None
        return PageReply(await self._watched.ask(lambda project: log_to_json(project.log(name))))

    def _find_plan(self, question: PageQuestion) -> ShownPlan:
        shown = self._desk.find_plan(question.parts["id"])
        if shown is None:
            raise Refused(404, "no_plan", "This plan is not kept any more.", "Plan again.")
        return shown

    def _find_run(self, question: PageQuestion) -> PageRun:
        run = self._desk.find_run(question.parts["run"])
        if run is None:
            raise Refused(404, "no_run", "There is no such run.", "The log says what became of it.")
        return run

    async def _find_name(self, question: PageQuestion) -> str:
        """The edit in the address. Raises Refused where none is named so."""
        name = question.parts["name"]
        await self._watched.read_board()
        if name not in self._watched.names:
            raise Refused(
                404, "no_edit", "There is no edit of that name.", "The board shows all of them."
            )
        return name


def _read_max_cost(body: Mapping[str, Any]) -> float | None:
    """What may be spent at most, where the body says so. Raises Refused."""
    amount = body.get("max_cost")
    if amount is None:
        return None
    if isinstance(amount, bool) or not isinstance(amount, int | float) or amount < 0:
        raise Refused(
            400, "bad_amount", "max_cost is no amount of money.", "Give a number from 0, or null."
        )
    return float(amount)


# method, path below PREFIX, and who answers
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/project", PageApi.read_project),
    ("GET", "/board", PageApi.read_board),
    ("GET", "/edits/{name}", PageApi.read_edit),
    ("POST", "/edits/{name}/pick", PageApi.pick_take),
    ("POST", "/plans", PageApi.make_plan),
    ("GET", "/plans/{id}", PageApi.read_plan),
    ("POST", "/plans/{id}/apply", PageApi.apply_plan),
    ("GET", "/runs/{run}", PageApi.read_run),
    ("POST", "/runs/{run}/stop", PageApi.stop_run),
    ("GET", "/status", PageApi.read_status),
    ("GET", "/cost", PageApi.read_cost),
    ("GET", "/log", PageApi.read_log),
)
