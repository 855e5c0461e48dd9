"""The public Python API: everything the commands do. Chooses endpoint, realm, store and ledger.

project = Project.open("path/to/project")
project.plan().summary                      # {"render": 2, "resume": 0, …, "keep": 41}
report = project.apply()                    # asks nobody: pass `approve` to be asked
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import config as configuration
from reconciler import planner as reconcile
from reconciler import planner as revisions
from reconciler.apply.connection import check_key, service_address
from reconciler.apply.events import Block, Event
from reconciler.apply.outcome import Report, Stop
from reconciler.config import Config, Environment
from reconciler.desired import source
from reconciler.desired.job import Desired
from reconciler.desired.source.folder import Folder
from reconciler.operations import accounting as recall
from reconciler.operations import budget
from reconciler.operations import gc as housekeeping
from reconciler.operations import mistaken_realm as mistaken
from reconciler.operations import resolve as decisions
from reconciler.operations import retake as retakes
from reconciler.operations import saved_plan as binding
from reconciler.operations.approval import Consent
from reconciler.operations.gc import Garbage
from reconciler.operations.retake import Retake
from reconciler.operations.saved_plan import (
    SavedPlan as SavedPlan,  # public here, like the next one
)
from reconciler.operations.saved_plan import read_plan as read_plan
from reconciler.plan.decide import Options
from reconciler.plan.diff import Comparison, Side, compare
from reconciler.plan.saved import check_no_more, options_of
from reconciler.plan.selection import selected, the_edit
from reconciler.plan.step import Plan
from reconciler.planner import Pass
from reconciler.report.cost import Account, Budget
from reconciler.report.log import Record
from reconciler.report.plan import clock_warning
from reconciler.report.status import Status
from reconciler.state import lockfile, plans
from reconciler.state.ledger import Ledger
from reconciler.state.lock import hold
from reconciler.state.observed import Result
from reconciler.state.roster import Note, Roster
from reconciler.state.store import Store
from reconciler.system import git
from reconciler.system.cache import Cache, Digests
from reconciler.system.clock import JUMP_S, Clock, SystemClock
from reconciler.system.git import Revision

if TYPE_CHECKING:
    from reconciler.apply.session import Session  # lazy where it runs: httpx


class Project:
    """One project: its manifests, its store, its service."""

    def __init__(
        self,
        config: Config,
        clock: Clock | None = None,
        transport: Any = None,
        block: Block | None = None,
        command: str = "a Python program",
    ) -> None:
        self.config = config
        self._command = command  # what others are told who find the lock held
        self.clock: Clock = clock or SystemClock()
        self._transport = transport  # of httpx; None: the network
        self._block: Block = block or asyncio.to_thread
        self.store = Store(config.store_dir, self.clock)
        roster = Roster(config.store_dir, config.state_dir)
        self._consent = Consent(config, roster, self.clock)

    @classmethod
    def open(
        cls,
        path: Path | str = ".",
        *,
        endpoint: str | None = None,
        env: Environment | None = None,
        clock: Clock | None = None,
        transport: Any = None,
        block: Block | None = None,
        environment: str | None = None,
        command: str = "a Python program",
    ) -> Project:
        """The project around `path`. Raises ProjectNotFound, InvalidInput, UsageError.

        `environment` is one that the project file names (`--env`).
        `endpoint` wins over the environment and the project file. `clock`, `transport` (of httpx) and `block` (runs
        synchronous code without holding up the loop) are for tests. `command` is what others are told who find the
        store locked by this one.
        """
        return cls(
            configuration.load(Path(path), endpoint=endpoint, env=env, environment=environment),
            clock,
            transport,
            block,
            command,
        )

    # -------------------------------------------------------------- questions: nothing is changed,

    def load(self) -> Desired:
        """Read and check every manifest. Raises InvalidInput with all faults."""
        with Cache(self.config.cache_dir) as cache:
            return source.load(
                self.config, Folder(self.config.root, Digests(cache, self.clock, "media")), cache
            )

    def revision(self, name: str) -> Revision:
        """The commit that `name` means. Raises UsageError for one that is not there, GitError."""
        return git.revision(self.config.root, name)

    def look(self, options: Options = Options()) -> Pass:  # noqa: B008  (frozen)
        """One pass, for reading."""
        with self._reading() as ledger:
            seen = reconcile.look(self.config, self.store, ledger, self.clock, options)
        error = mistaken.taken_for_a_mock(self.config)
        if error is None:
            return seen
        notes = (*seen.plan.notes, f"! {error.message} {error.hint}")
        return replace(seen, plan=replace(seen.plan, notes=notes))

    def look_at(self, revision: Revision, options: Options = Options()) -> Pass:  # noqa: B008  (frozen)
        """One pass over what a commit asks for, read from the repository."""
        with revisions.cache_of(self.config) as cache:
            return self._looked_at(revision, options, cache)

    def _looked_at(self, revision: Revision, options: Options, cache: Cache) -> Pass:
        asked = revisions.asked_at(self.config, revision, cache, self.clock)
        with self._reading() as ledger:
            return reconcile.conclude(
                self.config, asked.desired, self.store, ledger, self.clock, options, asked.pins
            )

    def plan(self, options: Options = Options()) -> Plan:  # noqa: B008  (frozen)
        """The steps from what is to what is asked."""
        return self.look(options).plan

    def compare(self, ends: str) -> Comparison:
        """What changes from one revision to another, and what that costs now.

        `ends` is `A..B`, `A...B` (from where they parted) or `A` (to the work tree). Raises UsageError, GitError.
        """
        first, last = git.ends(self.config.root, ends)
        free = Options(force=True)  # no file in the way hides a price
        with revisions.cache_of(self.config) as cache:
            before = self._looked_at(first, free, cache)
            after = self.look(free) if last is None else self._looked_at(last, free, cache)
        to = Side("the work tree", None) if last is None else Side(str(last), last.id)
        sides = (Side(str(first), first.id), to)
        return compare(
            before.resolved, after.resolved, after.plan, sides=sides, prunes=self.config.prune
        )

    def save(self, path: Path, options: Options = Options()) -> Plan:  # noqa: B008  (frozen)
        """The plan, also written to `path`, to be applied once with `apply(saved=read_plan(path))`."""
        seen = self.look(options)
        document = binding.bind(self.config, seen, options, self.clock.new_id())
        plans.write(path, document, tmp_name=self.clock.new_id())
        return seen.plan

    def status(self) -> Status:
        """How every edit is."""
        seen = self.look()
        return Status(seen.plan, self.config.name, self.clock.now(), self._ahead_s(seen))

    def cost(self) -> Account:
        """What was spent, saved and wasted so far, and what is left of today's budgets."""
        with self._reading() as ledger:
            seen = reconcile.look(self.config, self.store, ledger, self.clock, Options())
            return recall.account(self.config, ledger, seen, self.clock.now())

    def today(self) -> Sequence[Budget]:
        """Each budget of a day, with what was spent of it today (UTC)."""
        with self._reading() as ledger:
            return recall.days(self.config, ledger, self.clock.now())

    def budgets(self, plan: Plan, *, max_cost: float | None = None) -> Sequence[budget.Verdict]:
        """Each limit held against a plan, by what was spent until now: whether an apply of it would
        be refused, and why.
        """
        with self._reading() as ledger:
            return self._consent.budgets(plan, ledger, max_cost)

    def verify(
        self, *, read_data: bool = False, repair: bool = False
    ) -> Sequence[tuple[Path | None, str]]:
        """(file, what is wrong) for all that is not what it should be in store and ledger.

        `read_data` hashes every blob again. `repair` moves what is damaged into quarantine: the next plan heals.
        """
        with self._reading() as ledger:
            live = self.config.realm == "live"
            pins = lockfile.read(self.config.root) if live else {}
            damages = housekeeping.verify(self.store, ledger, pins, read_data=read_data)
        if repair and damages:
            with self._writing():
                for path, _ in damages:
                    if path is not None:
                        self.store.quarantine(path)
        return damages

    def gc(self, *, commits: int, delete: bool = False) -> Garbage:
        """Results that nothing names: not manifests, outputs, the lock file, its last `commits`
        versions, or a branch.

        Only reports, unless `delete` is set: what is deleted has to be paid for again.
        """
        seen = self.look()
        garbage = housekeeping.garbage(
            self.config.root, seen.observed, seen.resolved.values(), commits=commits
        )
        if delete and garbage.results:
            with self._writing():
                self.store.remove(garbage.results)
        return garbage

    def log(self, name: str | None = None) -> Sequence[Record]:
        """What happened to the edits so far, or to one, which need not be asked for any more;
        the newest first.

        A matrix's name stands for all that was made of it. Raises UsageError for a name that
        nothing ever had.
        """
        with self._reading() as ledger:
            edits = self.load().edits if name is not None else ()
            results, _ = self.store.read_all_results()
            by_hand = [result for each in results.values() for result in each if result.by_hand]
            return recall.records(ledger, name, edits, by_hand)

    # -------------------------------------------------------------- by hand

    def import_file(self, name: str, video: Path) -> Result:
        """Make a video that was rendered elsewhere the result of an edit. Raises UsageError,
        CutlistError; also for one that would not be used, since the lock file names another.
        """
        from reconciler.operations import importing  # lazy: httpx

        with self._writing() as ledger:
            seen = reconcile.look(self.config, self.store, ledger, self.clock, Options())
            each = importing.importable(seen, the_edit(list(seen.desired.edits), name))
            origin = recall.origin(self.config, seen, f"{self.config.approver}, imported a file")
            return importing.from_file(self.store, self.clock, self.config, each, video, origin)

    def fate(self, name: str, digest: str | None = None) -> str:
        """What the next plan says of an edit that was given a result by hand (of this digest, where
        it is known), in words.
        """
        from reconciler.operations import importing  # lazy: httpx

        seen = self.look()
        return importing.fate(seen, the_edit(list(seen.desired.edits), name), digest)

    async def import_task(self, name: str, task_id: str) -> str:
        """Make a task of the account the one of an edit; apply collects it. Its status. Raises
        UsageError.
        """
        from reconciler.apply.session import Session
        from reconciler.operations import importing  # lazy: httpx

        decisions.check_task_id(task_id)
        with self._writing() as ledger:
            async with AsyncExitStack() as stack:
                seen = reconcile.look(self.config, self.store, ledger, self.clock, Options())
                each = importing.importable(seen, the_edit(list(seen.desired.edits), name))
                origin = recall.origin(
                    self.config, seen, f"{self.config.approver}, imported a task"
                )
                session = Session(
                    self.config, self.store, ledger, self.clock, lambda _event: None, self._block
                )
                stack.push_async_callback(session.close)
                await self._connect(session, stack, lambda _text: None)  # apply follows, and tells
                return await session.take_over(each, task_id, origin)

    # -------------------------------------------------------------- apply

    def apply(self, **settings: object) -> Report:
        """`apply_async` for callers without an event loop."""
        return asyncio.run(self.apply_async(**settings))  # type: ignore[arg-type]

    async def apply_async(
        self,
        *,
        options: Options = Options(),  # noqa: B008  (frozen)
        show: Callable[[Plan], None] = lambda _plan: None,
        approve: Callable[[Plan], bool | str] = lambda _plan: True,
        observer: Callable[[Event], None] = lambda _event: None,
        tell: Callable[[str], None] = lambda _text: None,
        max_cost: float | None = None,
        stop: Stop | None = None,
        saved: SavedPlan | None = None,
        fail_fast: bool = False,
    ) -> Report:
        """Make it so. `show` sees the plan, also where it is refused then; `approve` sees it before
        anything is spent, and says yes, best in words that tell who did; `observer` hears what
        happens.

        `saved` (of `read_plan`) is carried out exactly, with the options it was made with. With `fail_fast` no task is
        asked for after the first failure; otherwise one failure never stops the others. Raises
        InvalidInput, BudgetExceeded, Declined, PlanRefused, Locked before anything is sent.
        Failures of single jobs are in the report.
        """
        from reconciler.apply.session import Session  # lazy: httpx

        stop = stop or Stop()
        if saved is not None:
            options = options_of(saved)
        elif options.target or options.exclude:
            # a slip is told before anything is asked
            selected(self.load(), options.target, options.exclude)
        if error := mistaken.taken_for_a_mock(self.config):
            raise error
        with self._writing() as ledger:
            async with AsyncExitStack() as stack:
                look = functools.partial(
                    reconcile.look, self.config, self.store, ledger, self.clock
                )
                bound = binding.check_saved(self.config, saved, look) if saved else None
                session = Session(
                    self.config, self.store, ledger, self.clock, observer, self._block
                )
                stack.push_async_callback(session.close)
                ledger.books.check()  # before anything is spent that could not be booked
                session.take_in_spill(tell)
                if session.has_to_ask:
                    await self._connect(session, stack, tell)
                    await session.recover(tell, stop)
                if saved is None or bound is None:
                    first = look(options)
                else:  # of the very manifests that were compared with it
                    first = reconcile.conclude(
                        self.config, bound, self.store, ledger, self.clock, options
                    )
                if self._ahead_s(first):
                    tell(clock_warning(self._ahead_s(first)))
                if not stop.reason:
                    if saved is not None:
                        check_no_more(saved, first.plan)
                    show(first.plan)
                    self._consent.check(first.plan, options, ledger, max_cost, tell)
                asks = (
                    first.plan.summary["render"]
                    + first.plan.summary["resume"]
                    + len(session.orphans(first))
                )
                if asks:
                    check_key(self.config)
                approved = not stop.reason and self._consent.ask(first.plan, options, approve, stop)
                if saved is not None and not stop.reason:
                    plans.use(self.config.state_dir, saved["id"], tmp_name=self.clock.new_id())
                if asks and not session.connected and not stop.reason:
                    await self._connect(session, stack, tell)
                origin = recall.origin(self.config, first, approved)
                return await session.drive(
                    first, options, stop, tell, fail_fast=fail_fast, origin=origin
                )

    def other_ledgers(self) -> Sequence[Note]:
        """The other ledgers that have spent something on this store; none where the project file
        says that it is shared.
        """
        return self._consent.other_ledgers()

    def _ahead_s(self, seen: Pass) -> float:
        """By how much the ledger's newest entry is ahead of this machine's clock; 0 below JUMP_S."""
        ahead_s = seen.observed.newest - self.clock.now()
        return ahead_s if ahead_s > JUMP_S else 0.0

    def decide(self, edit: str, *, adopt: str | None = None, retry: bool = False) -> str:
        """A person's word on an undecided request or a stray; what was done, in words. Raises
        UsageError.
        """
        with self._writing() as ledger:
            return decisions.decide(ledger, self.clock, edit, adopt=adopt, retry=retry)

    def retake(self, *names: str) -> Sequence[Retake]:
        """Raise `take` of these edits in their manifests; what that will cost. Spends nothing.

        Raises InvalidInput, UsageError or CutlistError, and then nothing was written.
        """
        desired = self.load()
        wishes = retakes.asked(desired, names)
        supposed = retakes.supposed(desired, wishes)
        with self._reading() as ledger:
            plan = reconcile.conclude(
                self.config, supposed, self.store, ledger, self.clock, Options()
            ).plan
        return retakes.retake(self.config.root, wishes, plan, self.clock.new_id)

    @contextmanager
    def _reading(self) -> Iterator[Ledger | None]:
        """The ledger for looking, without the lock; None when there is none yet."""
        ledger = Ledger.open_readonly(self.config.state_dir / "ledger.db")
        try:
            yield ledger
        finally:
            if ledger is not None:
                ledger.close()

    @contextmanager
    def _writing(self) -> Iterator[Ledger]:
        """The lock and the ledger, for the length of a block that changes things."""
        with hold(self.config.state_dir / "lock", command=self._command, now=self.clock.now()):
            ledger = Ledger.open(self.config.state_dir / "ledger.db")
            try:
                yield ledger
            finally:
                ledger.close()

    async def _connect(
        self, session: Session, stack: AsyncExitStack, tell: Callable[[str], None]
    ) -> None:
        """From now on `session` can ask and send. Says what of the proxy variables is left out."""
        if not self.config.endpoint.loopback:
            for warning in self.config.routes.warnings:
                tell(warning)
        session.connect(
            await stack.enter_async_context(service_address(self.config)), self._transport
        )
