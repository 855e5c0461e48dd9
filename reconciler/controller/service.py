"""The controller as a program: the Syncs and all that is around them, from the start to the last
word. The command line gives it documents, a state folder and where to listen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.apply.events import Event, Phase
from reconciler.apply.outcome import Report, Stop
from reconciler.config import Variables
from reconciler.config.variables import read_secret
from reconciler.controller.conditions import SyncStatus
from reconciler.controller.control import ControlSocket
from reconciler.controller.controller import Controller
from reconciler.controller.documents import Sync
from reconciler.controller.hooks import Doors
from reconciler.controller.leadership import Leadership, Standing
from reconciler.controller.logs import Log
from reconciler.controller.memory import BY_COMMAND, BY_PAGE
from reconciler.controller.metrics import Metrics
from reconciler.controller.notify import Notifier, build_receivers, open_network
from reconciler.controller.onlooker import Bystander, Onlooker
from reconciler.controller.pages import Pages, Sources
from reconciler.controller.passes import PassSettings
from reconciler.controller.places import find_controller_lock, find_socket
from reconciler.controller.providers.base import Provider
from reconciler.controller.providers.opening import open_provider
from reconciler.controller.remote import open_mirror
from reconciler.controller.running import PassThreads, RunPass
from reconciler.controller.shared_state import find_shared_ledger
from reconciler.controller.telling import (
    describe_pass,
    find_ended_pass,
    find_message,
    name_outcome,
)
from reconciler.controller.webhooks import Hint, LookAtBranch, LookAtTask
from reconciler.errors import CutlistError, InvalidInput, UsageError
from reconciler.formats.secret import Secret
from reconciler.plan.step import Action, Plan
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.lock import FileLock
from reconciler.state.observed import State
from reconciler.system.clock import Clock
from reconciler.system.files import make_dirs

if TYPE_CHECKING:
    from reconciler.service.network import Network, Transport

_LAST_WORDS_S = 5.0  # for notifications that are under way when the controller ends
_MOST_THREADS = 512


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the command line says."""

    state: Path
    load: Callable[[], Sequence[Sync]]  # the documents, read anew at each call
    clock: Clock
    variables: Variables
    log: Log
    load_whole: Callable[[], Sequence[Sync]] = tuple  # those of them that have no fault
    listen: tuple[str, int] | None = None  # host and port; None: no pages
    page_token: Secret = field(default_factory=lambda: Secret(""))
    transport: Transport | None = None  # of httpx; None: the network
    run_pass: RunPass | None = None  # None: each pass in a thread of its own
    alarms: Clock | None = None  # by which intervals are waited for; None: by `clock`
    report_fault: Callable[[Sync, Exception], str] = lambda _sync, error: type(error).__name__
    onlooker: Onlooker | None = None  # such as the page


class ControllerService:
    """One controller at work. Made, and its methods called, in its event loop."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._log = settings.log
        self.has_faults = False  # of documents, so that not all of them are worked on
        self._syncs = {sync.name: sync for sync in self._load_first()}
        self._metrics = Metrics(self._syncs, settings.clock)
        self._doors = Doors(self._read_doors(), settings.clock)
        self._network: Network | None = None
        self._seen: dict[str, SyncStatus] = {}
        self._notifiers: dict[str, Notifier] = {}
        self._senders: dict[str, asyncio.Task[None]] = {}
        self._first_requests: dict[str, str] = {}  # the last commit that was counted, by Sync
        self._phases: dict[tuple[str, str], Phase] = {}  # of edits that are worked on
        self._bystander = Bystander(settings.onlooker, self._log.tell)
        self._threads = PassThreads(_MOST_THREADS)
        self._loop = asyncio.get_running_loop()
        alarms = settings.alarms or settings.clock
        self._leadership = Leadership(
            alarms, self._hear_standing, lambda name: self.controller.look(name, "told elsewhere")
        )
        self._leadership.change(self._find_ledgers(self._syncs.values()))
        self.port = 0  # of the pages, once they are there
        passes = PassSettings(
            clock=settings.clock,
            variables=settings.variables,
            open_mirror=open_mirror,
            open_provider=self._open_provider,
            transport=settings.transport,
            announce=lambda status: self._call(self._hear_status, status),
            observe=lambda *about: self._call(self._hear_event, *about),
            tell=self._hear_words,
            count=lambda *about: self._call(self._count, *about),
            report_fault=settings.report_fault,
        )
        run_pass = settings.run_pass or self._threads.run
        self.controller = Controller(
            list(self._syncs.values()),
            settings.state,
            passes,
            run_pass,
            alarms,
            self._leadership.find_lead,
        )
        self._seen = {status.name: status for status in self.controller.entries.list_statuses()}

    # -------------------------------------------------------------- running

    async def serve(self, stop: Stop) -> None:
        """Work until a stop is asked for. Raises Locked where another controller has the state
        folder, and CutlistError where an address cannot be taken.
        """
        async with AsyncExitStack() as stack:
            await self._open(stack)
            control = ControlSocket(find_socket(self._settings.state), self._answer)
            await control.start()
            stack.push_async_callback(control.stop)
            await self._start_pages(stack)
            await self._bystander.start(self.controller, partial(self._answer, way=BY_PAGE))
            stack.push_async_callback(self._bystander.stop)
            self._leadership.start()
            self._log.info("the controller has started", syncs=len(self._syncs))
            await self.controller.serve(stop)
            self._log.info("the controller ends", reason=stop.reason)

    async def run_once(self, stop: Stop) -> Sequence[SyncStatus]:
        """One pass of each Sync, for cron and CI; how they are then. Raises Locked."""
        async with AsyncExitStack() as stack:
            await self._open(stack)
            await self._leadership.renew()
            self._leadership.start()
            await self.controller.run_once(stop)
        return self.controller.entries.list_statuses()

    def _load_first(self) -> Sequence[Sync]:
        """The documents to begin with: one that is broken holds up no other. Raises InvalidInput
        where none is whole, and UsageError.
        """
        try:
            return self._settings.load()
        except InvalidInput as error:
            whole = self._settings.load_whole()
            if not whole:
                raise
            self._log.tell(error)
        self.has_faults = True
        self._log.error("the documents without a fault are begun with", syncs=len(whole))
        return whole

    def reload(self) -> None:
        """Read the documents anew; where they have faults, the old ones go on. Raises nothing."""
        try:
            syncs = self._settings.load()
            for sync in syncs:
                build_receivers(sync.notifications, read_secret)
            ledgers = self._find_ledgers(syncs)
        except Exception as error:
            self._log.tell(error)
            self._log.error("the documents of before go on")
            return
        before, self._syncs = self._syncs, {sync.name: sync for sync in syncs}
        self._metrics.change_names(self._syncs)
        self._doors.change(self._read_doors())
        for name in [name for name in self._notifiers if name not in self._syncs]:
            self._notifiers.pop(name)
            self._senders.pop(name).cancel()
        for sync in syncs:
            known = before.get(sync.name)
            if known is None or known.notifications != sync.notifications:
                self._start_notifier(sync)
        self._leadership.change(ledgers)
        self.controller.replace_syncs(syncs)
        self._log.info("the documents are read anew", syncs=len(syncs))

    def _find_ledgers(self, syncs: Iterable[Sync]) -> Mapping[str, LedgerAddress | None]:
        """The shared ledger of each Sync. Raises UsageError, InvalidInput."""
        variables = self._settings.variables
        return {sync.name: find_shared_ledger(sync, variables) for sync in syncs}

    async def _open(self, stack: AsyncExitStack) -> None:
        """The lock on the state folder, and whoever tells people."""
        state, clock = self._settings.state, self._settings.clock
        make_dirs(state)
        lock = FileLock(find_controller_lock(state))
        stack.enter_context(lock.hold(command="cutlist sync", now=clock.now()))
        stack.callback(self._threads.close)
        stack.push_async_callback(self._leadership.close)
        stack.push_async_callback(self._finish_notifiers)
        for sync in self._syncs.values():
            self._start_notifier(sync)

    async def _start_pages(self, stack: AsyncExitStack) -> None:
        if self._settings.listen is None:
            return
        from reconciler.controller.listening import Listener  # lazy: aiohttp

        sources = Sources(
            read_status=self.controller.entries.read_status,
            is_ready=lambda: self.controller.entries.is_ready,
            take_hint=self._take_hint,
            read_metrics=self._read_metrics,
            tell_webhook=self._metrics.count_webhook,
        )
        host, port = self._settings.listen
        pages = Pages(sources, self._doors, token=self._settings.page_token)
        listener = Listener(pages, self._log.tell, host=host, port=port)
        await listener.start()
        stack.push_async_callback(listener.stop)
        self.port = listener.port
        self._log.info("the pages are at", url=f"http://{host}:{listener.port}")

    # -------------------------------------------------------------- what comes in

    def _hear_standing(self, name: str, standing: Standing) -> None:
        """This controller leads a Sync from now on, or does not."""
        if name not in self._syncs:
            return
        log = self._log.about(sync=name)
        self._metrics.set_leading(name, standing.leads)
        if not standing.leads:
            log.info(standing.words)
            self.controller.stand_by(name, standing.words)
            return
        try:
            status = self.controller.take_lead(name, standing.left)
        except (OSError, CutlistError) as error:
            log.error(f"what the controller before has left cannot be kept: {error}")
            self.controller.look(name, "leads from now on")
            return
        if status is not None:
            self._seen[name] = status  # what it says of the past is no news
        log.info("this controller leads")

    def _take_hint(self, name: str, hint: Hint) -> None:
        sync = self._syncs.get(name)
        if sync is None:
            return
        if isinstance(hint, LookAtBranch) and not hint.is_about(sync.repository.ref):
            return
        if not self.controller.leads(name):
            self._leadership.ask_for_look(name)
            return
        if isinstance(hint, LookAtTask):
            self.controller.hint_at_task(name, hint.task_id)
        else:
            self.controller.look(name, "webhook")

    def _answer(
        self, verb: str, arguments: Mapping[str, str], person: str, way: str = BY_COMMAND
    ) -> object:
        """What the local socket is asked, or the page. Raises UsageError."""
        name = arguments.get("name", "")
        log = self._log.about(sync=name)
        match verb:
            case "status":
                return self.controller.entries.read_status()
            case "plan":
                return str(self.controller.find_waiting_plan(name))
            case "approve":
                plan = self.controller.approve(name, arguments.get("plan", ""), person, way)
                log.info("a plan is agreed to", plan=plan, person=person)
                return plan
            case "resolve":
                edit, task_id = arguments.get("edit", ""), arguments.get("adopt")
                retry = arguments.get("retry") == "yes"
                done = self.controller.resolve(name, edit, adopt=task_id, retry=retry)
                log.info(done, edit=edit, person=person)
                return done
            case "suspend":
                self.controller.suspend(name)
            case "resume":
                self.controller.resume(name)
            case "reconcile":
                self.controller.reconcile(name)
            case _:
                raise UsageError(f'this controller knows no "{verb}".')
        log.info(f"{verb} was asked for", person=person)
        return None

    # -------------------------------------------------------------- what goes out

    def _call(self, function: Callable[..., None], *about: object) -> None:
        """Have the loop hear something that a thread says."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *about)

    def _hear_status(self, status: SyncStatus) -> None:
        before, self._seen[status.name] = self._seen.get(status.name), status
        record = find_ended_pass(before, status)
        self._metrics.set_queue_length(self.controller.queue_length)
        self._bystander.hear_status(status)
        if record is None:
            return
        log = self._log.about(sync=status.name, revision=record.revision)
        outcome = name_outcome(record)
        say = log.warning if outcome in ("failed", "needsPerson") else log.info
        if record.idle and record.times > 1:
            say = log.debug  # the same as the last time
        say(describe_pass(record), outcome=outcome, cost=record.cost)
        self._metrics.count_pass(status.name, outcome)
        message, notifier = find_message(record, status.name), self._notifiers.get(status.name)
        if notifier is not None and message is not None:
            notifier.send(message)

    def _hear_event(self, sync: Sync, revision: str, event: Event) -> None:
        self._bystander.hear_event(sync.name, event)
        log = self._log.about(sync=sync.name, revision=revision, edit=event.name)
        about = (sync.name, event.name)
        before = self._phases.get(about)
        self._phases[about] = event.phase
        if event.phase in (Phase.WRITTEN, Phase.FAILED, Phase.CANCELLED):
            del self._phases[about]
        elif event.phase is before:
            return  # looked at again, or some more bytes
        log.debug(event.phase.value, note=event.note or None, task_id=event.task_id or None)
        if event.phase is Phase.SUBMITTING:
            self._count_first_request(sync, revision)
        if event.billed_s:
            currency = sync.prices.currency
            self._metrics.count_bill(sync.name, event.billed_s, event.price, currency)
            log.info(event.phase.value, billed_s=event.billed_s, price=event.price)

    def _count_first_request(self, sync: Sync, revision: str) -> None:
        """From the begin of the pass over a commit to the first request that it led to."""
        status = self._seen.get(sync.name)
        counted = self._first_requests.get(sync.name) == revision
        if counted or status is None or status.pass_started is None:
            return
        self._first_requests[sync.name] = revision
        waited_s = self._settings.clock.now() - status.pass_started
        self._metrics.count_first_request(sync.name, waited_s)

    def _hear_words(self, sync: Sync, revision: str, text: str) -> None:
        log = self._log.about(sync=sync.name, revision=revision)
        words = text.removeprefix("warning: ")
        (log.warning if words != text else log.info)(words)
        self._call(self._bystander.hear_words, sync.name, words)

    def _count(self, sync: Sync, plan: Plan, report: Report | None) -> None:
        """What a plan says of tasks, and what an apply has done."""
        tasks = [step for step in plan.by_action(Action.RESUME) if step.task_id]
        self._metrics.set_tasks(
            sync.name,
            {
                State.SUBMITTED: len(tasks) + len(plan.orphans),
                State.UNDECIDED: len(plan.undecided),
            },
        )
        waiting = [step.since for step in tasks if step.since is not None]
        self._metrics.set_oldest_result(sync.name, min(waiting, default=None))
        for outcome in report.outcomes.values() if report is not None else ():
            self._metrics.count_step(sync.name, outcome.step.action, outcome.ok)

    def _read_metrics(self) -> bytes | str:
        self._metrics.set_queue_length(self.controller.queue_length)
        return self._metrics.write_page()

    # -------------------------------------------------------------- who is asked and told

    def _read_doors(self) -> Mapping[str, Secret]:
        return {name: read_secret(sync.webhook_secret_from) for name, sync in self._syncs.items()}

    def _open_provider(self, sync: Sync) -> Provider | None:
        if sync.provider is None:
            return None
        token = read_secret(sync.provider.token_from)
        routes = self._settings.variables.routes
        return open_provider(sync.provider, token, clock=self._settings.clock, routes=routes)

    def _start_notifier(self, sync: Sync) -> None:
        known = self._senders.pop(sync.name, None)
        if known is not None:
            known.cancel()
            self._notifiers.pop(sync.name)
        if not sync.notifications:
            return
        if self._network is None:
            self._network = open_network(self._settings.variables.routes)

        def tell(outcome: str, words: str) -> None:
            self._metrics.count_notification(sync.name, "sent" if outcome == "sent" else "lost")
            log = self._log.about(sync=sync.name)
            (log.info if outcome == "sent" else log.warning)(words)

        receivers = build_receivers(sync.notifications, read_secret)
        notifier = Notifier(receivers, self._network, self._settings.clock, tell)
        self._notifiers[sync.name] = notifier
        self._senders[sync.name] = asyncio.ensure_future(notifier.run())

    async def _finish_notifiers(self) -> None:
        await asyncio.sleep(0)  # what passes said last is heard
        for notifier in self._notifiers.values():
            await notifier.finish(_LAST_WORDS_S)
        for sender in self._senders.values():
            sender.cancel()
        await asyncio.gather(*self._senders.values(), return_exceptions=True)
        if self._network is not None:
            await self._network.close()
