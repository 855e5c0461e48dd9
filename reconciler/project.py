"""The public Python API: one Project can do everything that a command, a page or a controller can.

docs/python-api.md is its page. It chooses endpoint, realm, store and ledger, and hands over:

    project = Project.open("path/to/project")
    project.plan().summary            # {"render": 2, "resume": 0, …, "keep": 41}
    report = project.apply()          # asks nobody: ApplyHooks(approve=…) to be asked
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from reconciler import planner
from reconciler.apply.events import RunBlocking, run_in_thread
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.config import Config, Variables, load_config
from reconciler.desired.job import Desired
from reconciler.desired.source.opening import load_project
from reconciler.errors import CutlistError, UsageError
from reconciler.moved import find_moved, find_renamed_method, warn_of
from reconciler.operations import realm
from reconciler.operations.approval import Approval
from reconciler.operations.shared import find_shared_id
from reconciler.operations.workspace import Workspace
from reconciler.plan.decide import PlanOptions
from reconciler.plan.selection import find_edit, select_edits
from reconciler.plan.step import Plan, Step
from reconciler.planner import Pass
from reconciler.service.model_files import load_models
from reconciler.state.observed import Result
from reconciler.state.roster import Note, Roster
from reconciler.state.store import Damage
from reconciler.system.cache import HeldCache
from reconciler.system.clock import Clock, SystemClock

if TYPE_CHECKING:
    from reconciler.apply.outcome import Report, Stop
    from reconciler.history.cost import Budget, CostReport
    from reconciler.history.log import LogRecord
    from reconciler.history.spending import Sum
    from reconciler.operations.budget import BudgetCheck
    from reconciler.operations.bundling import Bundled
    from reconciler.operations.earlier_calls import EarlierSettings
    from reconciler.operations.gc import Garbage
    from reconciler.operations.retake import Retake
    from reconciler.plan.diff import Comparison
    from reconciler.plan.explain import Explanation
    from reconciler.plan.graph import Graph
    from reconciler.plan.show import EditView
    from reconciler.plan.status import Status
    from reconciler.service.network import Transport  # lazy where it runs: httpx
    from reconciler.system.git.revisions import Revision
    from reconciler.watch import WatchPass

_NOTHING_SPECIAL = PlanOptions()


class Project:
    """One project: its manifests, its store, its service."""

    def __init__(
        self,
        config: Config,
        clock: Clock | None = None,
        transport: Transport | None = None,
        block: RunBlocking | None = None,
        command: str = "a Python program",
    ) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self._command = command
        self._work_with(None)
        self._transport = transport
        self._block: RunBlocking = block or run_in_thread
        notes, shared_id = self.store.open_notes("ledgers"), find_shared_id(config)
        roster = Roster(notes, config.state_dir, shared_id)
        self._open_again: Callable[[], Project] = lambda: self  # for a watch: its files anew
        self._approval = Approval(config, roster, self.clock)

    @classmethod
    def open(
        cls,
        path: Path | str = ".",
        *,
        endpoint: str | None = None,
        environment: str | None = None,
        variables: Variables | None = None,
        clock: Clock | None = None,
        transport: Transport | None = None,
        block: RunBlocking | None = None,
        command: str = "a Python program",
        env: Variables | None = None,
    ) -> Project:
        """The project around `path`. Raises ProjectNotFound, InvalidInput, UsageError.

        `endpoint` wins over the variables' and the project file's. `environment` is one that the
        project file names (`--env`). `variables` are those of the process (None: they are read);
        `env` is their earlier name. `command` is what others are told who find the store locked by
        this one. `clock`, `transport` (of httpx; None: the network) and `block` (runs synchronous
        code without holding up the loop) are for tests.
        """
        if env is not None:
            warn_of("Project.open(env=…) is Project.open(variables=…) now", stacklevel=3)
            variables = env
        config = load_config(
            Path(path), endpoint=endpoint, variables=variables, environment=environment
        )
        project = cls(config, clock, transport, block, command)
        project._open_again = partial(
            cls.open,
            config.root,
            endpoint=endpoint,
            environment=config.environment,
            variables=variables,
            clock=project.clock,
            transport=transport,
            block=block,
            command=command,
        )
        return project

    # -------------------------------------------------------------- questions: nothing is changed

    def load(self) -> Desired:
        """Read and check every manifest. Raises InvalidInput with all faults."""
        return load_project(self.config, self.clock)

    def find_revision(self, name: str) -> Revision:
        """The commit that `name` means. Raises UsageError for one that is not there, GitError."""
        from reconciler.system.git.revisions import find_revision  # lazy: start-up time

        return find_revision(self.config.root, name)

    def run_pass(self, options: PlanOptions = _NOTHING_SPECIAL, *, whole: bool = False) -> Pass:
        """One pass, for reading: what is asked for, what there is, and the plan between them.

        `whole`: with all results and attempts that ever were, also those that no edit asks for now.
        """
        return self._workspace.look(options, whole=whole)

    def run_pass_at(self, revision: Revision, options: PlanOptions = _NOTHING_SPECIAL) -> Pass:
        """One pass over what a commit asks for, read from the repository."""
        from reconciler.operations import committed  # lazy: start-up time

        with committed.open_revision_cache(self.config) as cache:
            return self._workspace.look_at(revision, options, cache)

    def plan(self, options: PlanOptions = _NOTHING_SPECIAL) -> Plan:
        """The steps from what there is to what is asked for."""
        return self.run_pass(options).plan

    def save(self, path: Path | str, options: PlanOptions = _NOTHING_SPECIAL) -> Plan:
        """The plan, also written to `path`, to be applied once: read_plan gives it back."""
        from reconciler.operations import saved_plan  # lazy: start-up time
        from reconciler.state import plans

        current = self.run_pass(options)
        document = saved_plan.bind_plan(self.config, current, options, self.clock.new_id())
        plans.write(Path(path), document, tmp_name=self.clock.new_id())
        return current.plan

    def diff(self, ends: str) -> Comparison:
        """What changes from one revision to another, and what that costs now.

        `ends` is `A..B`, `A...B` (from where they parted) or `A` (to the work tree). Raises
        UsageError, GitError.
        """
        return self._workspace.diff(ends)

    def status(self) -> Status:
        """How every edit is."""
        from reconciler.plan.status import Status  # lazy: start-up time

        current, now = self.run_pass(), self.clock.now()
        return Status(current.plan, self.config.name, now, current.measure_clock_lead(now))

    def log(self, name: str | None = None) -> Sequence[LogRecord]:
        """What happened to the edits so far, or to one, which need not be asked for any more; the
        newest first.

        A matrix's name stands for all that was made of it. Raises UsageError for a name that
        nothing ever had.
        """
        from reconciler.operations import accounting  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            edits = self.load().edits if name is not None else ()
            return accounting.read_log(self.store, ledger, name, edits)

    def show(self, name: str) -> EditView:
        """One edit: what it asks for, how it is, and every result it has had.

        Raises UsageError where none is named so.
        """
        from reconciler.plan.show import view_edit  # lazy: start-up time

        current, step = self._find_step(name)
        return view_edit(
            current.resolved[step.name], step, current.resolved, current.observed, load_models()
        )

    def link(self, name: str, *, for_s: float) -> str:
        """A link by which anybody can watch an edit's result for so long. It is a secret.

        Raises UsageError where none is named so, where it has no result, and where the store has
        no links.
        """
        current, step = self._find_step(name)
        result = current.resolved[step.name].result
        if result is None:
            raise UsageError(
                f"{step.name} has no result yet.", hint="`cutlist plan` says what it waits for."
            )
        return self.store.link(result.digest, for_s=for_s)

    def explain(self, name: str) -> Explanation:
        """Why an edit will or will not be rendered: each part of its key beside the nearest earlier
        result. Raises UsageError where none is named so.
        """
        from reconciler.plan.explain import explain_edit  # lazy: start-up time

        current, step = self._find_step(name)
        return explain_edit(
            current.resolved[step.name], current.observed, step, current.plan.currency
        )

    def graph(self) -> Graph:
        """Which edit builds on which, with what a plan says of each."""
        from reconciler.plan.graph import build_graph  # lazy: start-up time

        current = self.run_pass()
        return build_graph(current.desired, current.plan)

    # -------------------------------------------------------------- money

    def cost(self) -> CostReport:
        """What was spent, saved and wasted so far, and what is left of today's budgets."""
        from reconciler.operations import accounting  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            current = self._workspace.run_pass(ledger, _NOTHING_SPECIAL)
            return accounting.build_cost_report(
                self.config, self.store, ledger, current, self.clock.now()
            )

    def add_up_today(self) -> Sequence[Budget]:
        """Each budget of a day, with what was spent of it today (UTC)."""
        if not self.config.budget:
            return []
        from reconciler.operations import accounting  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            return accounting.add_up_days(self.config, ledger, self.clock.now())

    def add_up_since(self, moment: float) -> Sum:
        """What was spent since a moment (seconds since 1970); what is under way counts as
        planned.
        """
        from reconciler.operations import accounting  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            return accounting.add_up_since(self.config, ledger, moment)

    def check_budgets(self, plan: Plan, *, max_cost: float | None = None) -> Sequence[BudgetCheck]:
        """Each limit held against a plan, by what was spent until now: whether an apply of it would
        be refused, and why.
        """
        with self._workspace.open_for_reading() as ledger:
            return self._approval.check_budgets(plan, ledger, max_cost)

    def find_other_ledgers(self) -> Sequence[Note]:
        """The other ledgers that have spent something on this store; none where the project file
        says that it is shared.
        """
        return self._approval.find_other_ledgers()

    # -------------------------------------------------------------- what is stored

    def verify(self, *, read_data: bool = False, repair: bool = False) -> Sequence[Damage]:
        """All that is not what it should be in store and ledger.

        `read_data` hashes every blob again. `repair` moves what is damaged into quarantine: the
        next plan heals.
        """
        from reconciler.operations import verify  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            damages = verify.find_damages(self.config, self.store, ledger, read_data=read_data)
        if repair and damages:
            with self._workspace.open_for_writing():
                verify.repair(self.store, damages)
        return damages

    def gc(self, *, commits: int, delete: bool = False) -> Garbage:
        """Results that nothing names: not manifests, outputs, the lock file, its last `commits`
        versions, or a branch; in a shared store no claim of another project either, and what is
        younger than 14 days stays.

        Only reports, unless `delete` is set: what is deleted has to be paid for again.
        """
        from reconciler.operations import gc  # lazy: start-up time

        current, now = self.run_pass(whole=True), self.clock.now()
        garbage = gc.find_garbage(self.config, self.store, current, now, commits=commits)
        if delete and garbage.results:
            with self._workspace.open_for_writing():
                self.store.remove(garbage.results)
        return garbage

    def bundle(self, names: Sequence[str], out: Path) -> Bundled:
        """Pack the results of these edits, or of all, into a new file for people who cannot reach
        the store. Raises UsageError, CutlistError.
        """
        from reconciler.operations import bundling  # lazy: start-up time

        contents, without = bundling.choose_results(self.run_pass(), names, self.config.name)
        size_bytes = bundling.pack(contents, self.store, out, self.clock.new_id)
        return bundling.Bundled([entry.edit for entry in contents.entries], size_bytes, without)

    def unbundle(self, path: Path) -> Bundled:
        """Put the results of a bundle into the store, verified; in the live realm only what the
        lock file pins. Raises BadBundle, CutlistError.
        """
        from reconciler.operations import bundling  # lazy: start-up time

        with self._workspace.open_for_writing():
            return bundling.unpack_into_store(path, self.config, self.store)

    # -------------------------------------------------------------- by hand

    def resolve(self, edit: str, *, adopt: str | None = None, retry: bool = False) -> str:
        """A person's word on an undecided request or a stray; what was done, in words.

        `adopt` names the task that is its; `retry` sends it again; neither gives it up. Raises
        UsageError.
        """
        from reconciler.operations import resolve  # lazy: start-up time

        with self._workspace.open_for_writing() as ledger:
            return resolve.resolve_request(ledger, self.clock, edit, adopt=adopt, retry=retry)

    def retake(self, *names: str) -> Sequence[Retake]:
        """Raise `take` of these edits in their manifests; what that will cost. Spends nothing.

        Raises InvalidInput, UsageError or CutlistError, and then nothing was written.
        """
        from reconciler.operations import retake  # lazy: start-up time

        desired = self.load()
        targets = retake.find_targets(desired, names)
        supposed = retake.suppose_raised(desired, targets)
        with self._workspace.open_for_reading() as ledger:
            plan = planner.conclude_pass(
                self.config, supposed, self.store, ledger, self.clock, PlanOptions()
            ).plan
        return retake.raise_takes(self.config.root, targets, plan, self.clock.new_id)

    def import_file(self, name: str, video: Path | str) -> Result:
        """Make a video that was rendered elsewhere the result of an edit.

        Raises UsageError, CutlistError; also for a video that would not be used, since the lock
        file names another.
        """
        from reconciler.operations import accounting, importing  # lazy: httpx

        with self._workspace.open_for_writing() as ledger:
            current = self._workspace.run_pass(ledger, _NOTHING_SPECIAL)
            edit = importing.find_importable(current, name)
            approver = f"{self.config.approver}, imported a file"
            origin = accounting.find_origin(self.config, current, approver)
            return importing.import_video(
                self.store, self.clock, self.config, edit, Path(video), origin
            )

    async def import_task(self, name: str, task_id: str) -> str:
        """Make a task of the account the one of an edit; an apply collects it. Gives its status.

        Raises UsageError, ServiceError.
        """
        from reconciler.operations import accounting, importing, resolve  # lazy: httpx
        from reconciler.operations.applying import open_session

        resolve.check_task_id(task_id)
        with self._workspace.open_for_writing() as ledger:
            current = self._workspace.run_pass(ledger, _NOTHING_SPECIAL)
            edit = importing.find_importable(current, name)
            approver = f"{self.config.approver}, imported a task"
            origin = accounting.find_origin(self.config, current, approver)
            async with open_session(
                self.config,
                self.store,
                ledger,
                self.clock,
                ApplyHooks(),
                self._block,
                self._transport,
            ) as service:
                await service.connect()
                return await service.session.take_over(edit, task_id, origin)

    def describe_fate(self, name: str, digest: str | None = None) -> str:
        """What the next plan says of an edit that was given a result by hand (of this digest, where
        it is known), in words.
        """
        from reconciler.operations import importing  # lazy: httpx

        return importing.describe_fate(self.run_pass(), name, digest)

    def move_ledger(self, to: Literal["shared", "file"]) -> str:
        """Move the ledger of this clone into the shared one that is named, or that one back into a
        file; what was done, in words. The ledger that it came from is closed for good.

        Raises UsageError, LedgerError, Locked; then nothing was moved.
        """
        return self._workspace.move_ledger(to)

    # -------------------------------------------------------------- apply

    def apply(
        self,
        request: ApplyRequest = ApplyRequest(),  # noqa: B008  (frozen)
        hooks: ApplyHooks = ApplyHooks(),  # noqa: B008  (frozen)
        *,
        stop: Stop | None = None,
        **earlier: Unpack[EarlierSettings],
    ) -> Report:
        """`apply_async` for callers without an event loop."""
        import asyncio  # lazy: start-up time

        from reconciler.operations.earlier_calls import translate_settings

        request, hooks = translate_settings(request, hooks, earlier)
        return asyncio.run(self.apply_async(request, hooks, stop=stop))

    async def apply_async(
        self,
        request: ApplyRequest = ApplyRequest(),  # noqa: B008  (frozen)
        hooks: ApplyHooks = ApplyHooks(),  # noqa: B008  (frozen)
        *,
        stop: Stop | None = None,
        **earlier: Unpack[EarlierSettings],
    ) -> Report:
        """Make it so. A `stop` ends it early: what is at the service goes on there.

        One failure never stops the others, unless the request says `fail_fast`; failures of single
        jobs are in the report. Raises InvalidInput, BudgetExceeded, Declined, PlanRefused, Locked
        before anything is sent.
        """
        from reconciler.apply.outcome import Stop  # lazy: start-up time
        from reconciler.operations.applying import ApplyRun
        from reconciler.operations.earlier_calls import translate_settings

        request, hooks = translate_settings(request, hooks, earlier)
        options = request.options
        if request.saved is None and (options.target or options.exclude):
            # a slip is told before anything is asked
            select_edits(self.load(), options.target, options.exclude)
        if error := realm.find_mistaken_realm(self.config):
            raise error
        with self._workspace.open_for_writing() as ledger:
            run = ApplyRun(
                config=self.config,
                store=self.store,
                ledger=ledger,
                clock=self.clock,
                approval=self._approval,
                request=request,
                hooks=hooks,
                stop=stop or Stop(),
                cache=self._workspace.cache,
            )
            try:
                return await run.carry_out(self._block, self._transport)
            finally:
                if self._workspace.cache is not None:
                    self._workspace.cache.write()

    async def watch(
        self,
        tell: Callable[[str], None] = lambda _text: None,
        complain: Callable[[CutlistError], None] = lambda _error: None,
    ) -> AsyncGenerator[WatchPass[Project], None]:
        """A pass at first, and another whenever something that the project names is not as it was:
        manifests, media, links' targets, the project file, the lock file, outputs that are gone.

        Whoever takes a pass decides what becomes of it: `await watch_pass.apply(request)`. Never
        ends by itself. `tell` hears in words what a person should know, `complain` what is wrong
        with what was saved while a pass runs; the pass goes on then.
        """
        from reconciler.watch import watch_project  # lazy: start-up time

        caches: dict[Path, HeldCache] = {}  # what one pass has read, the next one has at hand

        def open_again() -> Project:
            project = self._open_again()
            folder = project.config.cache_dir
            cache = caches.get(folder) or caches.setdefault(folder, HeldCache(folder))
            project._work_with(cache)
            return project

        passes = watch_project(self.config, open_again, self.clock, self._block, tell, complain)
        async with aclosing(passes):
            async for watch_pass in passes:
                yield watch_pass

    # -------------------------------------------------------------- inside

    def _work_with(self, cache: HeldCache | None) -> None:
        """From now on have at hand what other passes with this cache have read."""
        self._workspace = Workspace(self.config, self.clock, self._command, cache)
        self.store = self._workspace.store

    def _find_step(self, name: str) -> tuple[Pass, Step]:
        """One pass over all that is stored, and the step of the edit that is named."""
        current = self.run_pass(whole=True)
        edit = find_edit(list(current.desired.edits), name)
        step = next(step for step in current.plan.steps if step.name == edit)
        return current, replace(step, details=current.plan.describe_details(step))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """A method by its name of before, with a warning."""
            return getattr(self, find_renamed_method(name))


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """A public name of before, with a warning."""
        return find_moved(__name__, name)
