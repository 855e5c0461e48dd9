"""What one apply is asked to do, and whom it tells: two plain values that travel whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from reconciler.apply.events import Event
from reconciler.formats.values import value
from reconciler.plan.decide import PlanOptions
from reconciler.plan.saved import check_no_more, read_options, read_saved_plan
from reconciler.plan.step import Plan

if TYPE_CHECKING:
    from reconciler.apply.hints import TaskHints  # lazy where it is made: asyncio


@value(frozen=True, slots=True)
class SavedPlan:
    """A plan that `Project.save` wrote, to be applied once, as its file says it.

    `document` is the file itself (schemas/saved-plan.schema.json).
    """

    document: Mapping[str, object]

    @property
    def id(self) -> str:
        """What tells this plan from every other, so that it is applied once only."""
        return str(self.document["id"])

    @property
    def project(self) -> str:
        """The name of the project that it was made for."""
        project = self.document["project"]
        assert isinstance(project, Mapping)
        return str(project["name"])

    @property
    def options(self) -> PlanOptions:
        """The options that it was made with, and is applied with."""
        return read_options(self.document)

    @property
    def plan(self) -> Plan:
        """The plan itself."""
        return read_saved_plan(self.document)

    def check_no_more(self, plan: Plan) -> None:
        """Raises PlanRefused where `plan` would do anything that is not in this one."""
        check_no_more(self.document, plan)

    def plan_to_json(self) -> dict[str, object]:
        """The plan in the document, as plain data (schemas/plan.schema.json)."""
        plan = self.document["plan"]
        assert isinstance(plan, Mapping)
        return dict(plan)

    def to_json(self) -> dict[str, object]:
        """The document, as plain data."""
        return dict(self.document)


@value(frozen=True, slots=True)
class ApplyRequest:
    """What one apply is asked to do. The default does what the plan says, for any price.

    A `saved` plan is carried out exactly, with the options it was made with: `options` then count
    for nothing.
    """

    options: PlanOptions = field(default_factory=PlanOptions)
    saved: SavedPlan | None = None
    max_cost: float | None = None  # refuse a plan that may cost more, in the prices' currency
    fail_fast: bool = False  # after the first failure send nothing more; bring home what was sent
    approved_by: str = ""  # who said yes beforehand, in words for the books; nobody is asked then
    # cancel what waits at the service and no edit asks for any more, before it costs anything
    cancel_obsolete: bool = False

    @property
    def chosen_options(self) -> PlanOptions:
        """The options that hold: those of the saved plan, where there is one."""
        return self.options if self.saved is None else self.saved.options


async def _wait_for_nothing(_plan: Plan) -> None:
    """A plan is agreed to at once."""


@value(frozen=True, slots=True)
class ApplyHooks:
    """Whom an apply tells what, and whom it asks. The default tells nobody, and takes a yes for
    granted.
    """

    show: Callable[[Plan], None] = lambda _plan: None
    """Sees the plan before it is held against budgets, also where it is refused then."""
    wait: Callable[[Plan], Awaitable[None]] = _wait_for_nothing
    """Is awaited before a plan that may pay is agreed to: it may take its time, and stop it."""
    approve: Callable[[Plan], bool | str] = lambda _plan: True
    """Says yes or no before anything is spent; yes best in words that tell who did."""
    observe: Callable[[Event], None] = lambda _event: None
    """Hears of every step on the way of every edit."""
    tell: Callable[[str], None] = lambda _text: None
    """Hears in words what a person should know, such as a warning."""
    hints: TaskHints | None = None
    """Brings words from outside that a task may have ended; it is looked at then."""
