"""What is done for one key: `Carrier.carry` brings its job home by whatever its attempts say is
next. It may be run at any time, any number of times, by anybody: the ledger holds them apart.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.apply import attempt as life
from reconciler.apply.baseline import take_baseline
from reconciler.apply.collect import collect, fetch_kept_answer
from reconciler.apply.context import SUBMIT_TRIES, Context, Unsettled
from reconciler.apply.endurance import is_away
from reconciler.apply.events import Phase
from reconciler.apply.lanes import Gate, Lane, Pacer, name_lane
from reconciler.apply.outcome import NotTried
from reconciler.apply.pace import Pace
from reconciler.apply.paces import Paces
from reconciler.apply.prepare import prepare
from reconciler.apply.rivals import LOOK_EVERY_S, THEIRS, find_theirs, wait_for_lane
from reconciler.apply.settle import settle
from reconciler.apply.work import Work
from reconciler.config import Config
from reconciler.errors import (
    CutlistError,
    DiskFull,
    LedgerError,
    NotReached,
    OutcomeUnknown,
    QuotaExhausted,
    ServiceError,
    Throttled,
)
from reconciler.service.answers import TaskAnswer
from reconciler.service.models import Model, Models
from reconciler.service.retry import choose_backoff, is_end_of_everything
from reconciler.state.ledger import AlreadyOpen, KeyTaken, LaneBusy, LaneFull, MovedOn
from reconciler.state.observed import Result

_THERE = "its result came into the store meanwhile; nothing is sent"
# of the rate of a lane, for several machines: their requests take different times on their way, and
# at the full rate some would meet in one second
_SHARED_PART = 0.85
_MOCK_USUAL_S = 3.0  # tasks of the bundled server take 2 to 4 s
_LOOPBACK_INTERVAL_S = 0.2


@dataclass(frozen=True, slots=True)
class Carried:
    """A job's result is in the store. `why_free`: why nothing was sent for it here, if so."""

    result: Result
    billed_s: float = 0.0
    why_free: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """Somebody else is at work on the key, as `cause` says: it is to be looked at again."""

    cause: LedgerError


class Carriage(Protocol):
    """Whoever brings jobs home: this process, or others by its order."""

    async def carry(
        self, work: Work, *, was_billed: bool = False, look_first: bool = False
    ) -> Carried | Again:
        """One turn of a job. Raises what ends it for now."""

    def send_nothing_more(self, cause: CutlistError) -> None:
        """No task is asked for from now on; those at the service are still brought home."""

    def learn(self, error: CutlistError) -> None:
        """Some errors would only come again."""

    def clearing(self, model: str) -> Gate:
        """What is held while obsolete tasks of a model are cancelled."""


@dataclass(slots=True)
class Traffic:
    """The lanes of one account, and what is known of all that goes through them."""

    lanes: dict[str, Lane] = field(default_factory=dict)  # by model
    stopped: CutlistError | None = None  # why nothing more is sent in any of them
    # by key: requests of this run that were certainly not accepted
    unaccepted: Counter[str] = field(default_factory=Counter)

    def resume(self) -> None:
        """Try again what was given up because of an error that would have come again."""
        self.stopped = None
        self.unaccepted.clear()
        for lane in self.lanes.values():
            lane.paused = None


class Carrier:
    """Carries jobs, many at once, through the lanes of one account."""

    def __init__(
        self, context: Context, config: Config, models: Models, traffic: Traffic | None = None
    ) -> None:
        self._context = context
        self._config = config
        self._models = models
        self._traffic = traffic or Traffic()
        self._paces = Paces(context.ledger)

    async def carry(
        self, work: Work, *, was_billed: bool = False, look_first: bool = False
    ) -> Carried | Again:
        """One turn of a job: settle, submit, follow or collect.

        `look_first`: whether the ledger and the store are asked before anything is done, which is
        needed wherever the plan was not made just now. `was_billed`: whether what its attempt cost
        was told before. Raises what ends the job for now: TaskFailed, NeedsPerson, NotTried, and
        what an attempt raises.
        """
        theirs: str | None = None
        if look_first:
            there = await find_theirs(self._context, work)
            if isinstance(there, Result):
                return Carried(there, 0.0, THEIRS)
            if there is None and work.attempt_id is not None:
                raise MovedOn("what was to be followed has ended without a video.")
            if there is not None and there != work.attempt_id:
                theirs = there
                self._context.emit(work.edit, Phase.WAITING, note=THEIRS)
        try:
            done = await self._bring_home(work, theirs, was_billed)
        except (KeyTaken, MovedOn) as met:
            return Again(met)
        return Carried(done.result, 0.0, THEIRS) if theirs else done

    def send_nothing_more(self, cause: CutlistError) -> None:
        """No task is asked for from now on; those at the service are still brought home."""
        self._traffic.stopped = self._traffic.stopped or cause

    async def _bring_home(self, work: Work, theirs: str | None, was_billed: bool) -> Carried:
        """As `carry`; `theirs` is somebody else's attempt to be followed. Raises KeyTaken,
        MovedOn.
        """
        model = self._models.find(work.model)
        lane = self.lane(work.model)
        if work.attempt_id is None:
            await lane.clearing.wait()
        async with lane.running:
            if work.loses is not None and (
                there := await fetch_kept_answer(self._context, work.loses)
            ):
                return Carried(await collect(self._context, work, work.loses, there))
            attempt_id = theirs or work.attempt_id or await self._submitted(work, lane)
            if isinstance(attempt_id, Result):
                return Carried(attempt_id, 0.0, _THERE)
            answer = await self._followed(work, attempt_id, model)
        result = await collect(self._context, work, attempt_id, answer)
        billed_s = 0.0 if was_billed else self._models.read_billed_seconds(answer.usage)
        return Carried(result, billed_s)

    async def _followed(self, work: Work, attempt_id: str, model: Model) -> TaskAnswer:
        try:
            pace = self._find_pace(work, model)
            return await life.follow(self._context, work, attempt_id, pace)
        except ServiceError as error:
            self.learn(error)
            raise

    def _find_pace(self, work: Work, model: Model) -> Pace:
        """When the task of a job is looked at: as such tasks have taken, or as the vendor says."""
        own_s = self._config.poll_interval_s
        if self._context.loopback:
            usual_s = _MOCK_USUAL_S if self._config.endpoint.bundled else 0.0
            return Pace(0.0, own_s or _LOOPBACK_INTERVAL_S, usual_s)
        usual = Pace(model.shortest_s, own_s or model.poll_interval_s, model.usual_s)
        lane = self.lane(work.model).name
        return self._paces.find(lane, model, work.job.canonical, usual)

    # -------------------------------------------------------------- submitting

    async def _submitted(self, work: Work, lane: Lane) -> str | Result:
        """The id of a fresh attempt whose task_id is durable; or the result that somebody else has
        put into a shared store meanwhile, and then nothing was sent.
        """
        self._check_sending(lane)  # nothing is uploaded for what cannot be sent
        try:
            prepared = await prepare(self._context, work)
        except ServiceError as error:
            self.learn(error, lane)
            raise
        while True:
            async with lane.submitting:
                self._check_sending(lane)
                await wait_for_lane(self._context, work, lane.name)
                self._check_sending(lane)
                try:
                    await take_baseline(self._context, lane.name)
                    await lane.pacer.wait()
                    await self._take_turn(lane)
                    self._check_sending(lane)  # what others learnt meanwhile
                    there = await self._context.run_blocking(
                        self._context.store.find_first, work.job.key
                    )
                    if there is not None:
                        self._context.emit(work.edit, Phase.WAITING, note=_THERE)
                        return there
                    return await life.submit(
                        self._context, work, prepared, lane.name, most_running=lane.most_running
                    )
                except OutcomeUnknown as error:
                    attempt_id = await self._settled(work, lane, error)
                    if attempt_id is not None:
                        return attempt_id
                    reason: ServiceError = error
                except LaneBusy as busy:
                    if isinstance(busy, LaneFull):
                        self._context.emit(work.edit, Phase.WAITING, note=busy.message)
                        await self._context.clock.sleep(LOOK_EVERY_S)
                    continue
                except (NotReached, Throttled) as error:
                    if isinstance(error, Throttled):
                        lane.pacer.halve()
                    reason = error
                except (ServiceError, DiskFull, LedgerError) as error:
                    self.learn(error, lane)
                    raise
            self._traffic.unaccepted[work.job.key] += 1
            tries = self._traffic.unaccepted[work.job.key]
            if tries >= SUBMIT_TRIES:
                raise reason
            self._context.emit(work.edit, Phase.WAITING, note=f"{reason} It is sent again")
            await self._context.clock.sleep(choose_backoff(tries, self._context.clock.random()))

    async def _take_turn(self, lane: Lane) -> None:
        """Keep the pace of the lane together with everybody who shares the ledger."""
        ledger = self._context.ledger
        if ledger.is_shared:
            per_s = lane.per_s * _SHARED_PART
            wait_s = await self._context.run_blocking(ledger.take_turn, lane.name, per_s)
            await self._context.clock.sleep(wait_s)

    async def _settled(self, work: Work, lane: Lane, error: ServiceError) -> str | None:
        """Ask whether a request whose answer was lost arrived, inside the lane. The attempt's id,
        or None: NOT_SENT.
        """
        self._context.emit(work.edit, Phase.SETTLING, note=str(error))
        ours = await self._context.outlast(lambda: self._find_ours(lane))
        if not ours:
            raise MovedOn("its request was settled by another process meanwhile.")
        (attempt_id,) = ours
        try:
            arrived = await self._context.outlast(lambda: settle(self._context, attempt_id))
            return attempt_id if arrived else None
        except ServiceError as cannot_ask:
            lane.paused = cannot_ask
            raise Unsettled(
                f"{error} Nor can the service be asked now whether the request arrived"
                f" ({cannot_ask})"
            ) from None

    async def _find_ours(self, lane: Lane) -> set[str]:
        """The open intents of this run in a lane."""
        return self._context.roll.intents.keys() & self._context.ledger.open_intents(lane.name)

    def _check_sending(self, lane: Lane) -> None:
        cause = self._traffic.stopped or lane.paused
        if cause is not None:
            raise NotTried(f"not sent, because of an earlier error ({_short(cause)}).")

    def learn(self, error: CutlistError, lane: Lane | None = None) -> None:
        """Some errors would only come again: for the lane, or for all."""
        if isinstance(error, AlreadyOpen | MovedOn) or is_away(error):
            return  # about one job, at which somebody else is at work too; or it is waited for
        if isinstance(error, DiskFull | LedgerError) or (
            isinstance(error, ServiceError) and is_end_of_everything(error)
        ):
            self._traffic.stopped = self._traffic.stopped or error
        elif isinstance(error, QuotaExhausted) and lane is not None:
            lane.paused = error

    def clearing(self, model: str) -> Gate:
        """What is held while obsolete tasks of a model are cancelled."""
        return self.lane(model).clearing

    def lane(self, name: str) -> Lane:
        """The lane of a model."""
        if name not in self._traffic.lanes:
            model = self._models.find(name)
            most = self._config.running_tasks or model.running_tasks
            self._traffic.lanes[name] = Lane(
                name_lane(self._context.endpoint, self._context.account, name),
                Pacer(self._context.clock, model.submits_per_s),
                asyncio.Semaphore(most),
                most,
                model.submits_per_s,
            )
        return self._traffic.lanes[name]


def _short(error: CutlistError) -> str:
    return getattr(error, "code", "") or error.message.rstrip(".")
