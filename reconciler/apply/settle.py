"""Did a request arrive whose answer was lost? Asked of the service's list, and once more later.

The list shows ids, models and times of the account, but no inputs. So what was there before the
request is kept with its intent, one intent at a time is open in a lane, and what the ledger knows
is taken away: what then is new is ours, or nobody can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from reconciler.apply.baseline import keep, read_listing
from reconciler.apply.context import Context, NeedsPerson, close
from reconciler.apply.listing import ExpectedTask, Listing, tells_prompt
from reconciler.apply.unbroken import run_unbroken
from reconciler.apply.verdict import Adopt, Evidence, NotSent, Undecided, Verdict, judge
from reconciler.errors import Rejected
from reconciler.service.pages import ListedTask
from reconciler.state.ledger import Baseline, Intent, MovedOn
from reconciler.state.observed import TASK_LIFE_S, Attempt, State

LIST_EVERY_S = 10.0
LEAST_READINGS = 5  # of a list that contradicts itself, after settle, before nobody can tell
# after an adoption or NOT_SENT: a request that the network held back may still arrive
LOOK_AGAIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Question:
    """An attempt whose fate is asked for, with what was written down of it."""

    attempt: Attempt
    intent: Intent
    baseline: Baseline | None  # None: of a version that kept none
    wanted: ExpectedTask

    @classmethod
    def of(cls, context: Context, attempt_id: str) -> Question:
        """The question about one attempt. Raises LedgerError."""
        intent = context.ledger.intent(attempt_id)
        baseline = context.ledger.baselines.of(attempt_id)
        wanted = ExpectedTask(
            model=str(intent.job["model"]),
            models=context.models,
            baseline=frozenset() if baseline is None else baseline.task_ids,
            named_id=intent.named_id,
        )
        attempt = context.ledger.attempt(attempt_id, now=context.clock.now())
        return cls(attempt, intent, baseline, wanted)

    def candidates(self, context: Context, listing: Listing) -> dict[str, ListedTask]:
        """The tasks of a listing that could be it."""
        strangers = context.ledger.baselines.strangers(listing.rows.keys())
        return self.wanted.candidates(listing.rows, strangers)

    def misnamed(self, context: Context, listing: Listing) -> dict[str, ListedTask]:
        """The new tasks of a listing that are told to be of another model, and that no other
        request of ours can have made.
        """
        strangers = context.ledger.baselines.strangers(listing.rows.keys())
        rows = self.wanted.misnamed(listing.rows, strangers)
        theirs = _claimed(_in_other_lanes(context, self.attempt.lane), rows)
        return {task_id: row for task_id, row in rows.items() if task_id not in theirs}

    def is_asked_by_its_sender(self, context: Context) -> bool:
        """Whether the list is read with the key, and in the workspace, that it was sent with;
        where an earlier version sent it, nobody knows better.
        """
        return self.intent.sender in ("", context.client.sender(self.attempt.id))

    def age_s(self, context: Context, listing: Listing) -> float | None:
        """Seconds since it was sent: by time that only grows in the run that sent it, by the
        service's clock in later ones; None where that is not known.
        """
        written_at = context.roll.intents.get(self.attempt.id)
        if written_at is not None:
            return context.clock.monotonic() - written_at
        then = None if self.baseline is None else self.intent.server_time
        if then is None or listing.server_time is None or listing.server_time < then:
            return None
        return listing.server_time - then


async def settle(context: Context, attempt_id: str) -> bool:
    """Find out whether the request of an open INTENT arrived. True: adopted; False: proved
    NOT_SENT.

    Reads the service's list until it decides (apply.verdict). Raises NeedsPerson when it stays
    undecided, and ServiceError when the service cannot be asked (the INTENT stays open).
    """
    question = Question.of(context, attempt_id)
    every_s = min(LIST_EVERY_S, max(context.settle_s / 2, 0.05))
    deadline = context.clock.monotonic() + context.settle_s
    last = deadline + max(context.settle_s, LEAST_READINGS * every_s)
    shown: set[str] = set()
    proofs = 0
    while True:
        read_at = context.clock.monotonic()
        listing = await read_listing(context, shown)
        if read_at >= deadline:
            listing = listing.younger_than(question.intent.server_time)
        candidates = question.candidates(context, listing)
        misnamed = question.misnamed(context, listing)
        shown |= candidates.keys()
        proofs += read_at >= deadline and listing.is_whole and not candidates and not misnamed
        verdict = judge(
            Evidence(
                wanted=question.wanted,
                listing=listing,
                candidates=candidates,
                misnamed=misnamed,
                claimed=_claimed(_in_other_lanes(context, question.attempt.lane), candidates),
                baseline_is_whole=question.baseline is not None and question.baseline.is_whole,
                is_its_sender=question.is_asked_by_its_sender(context),
                prompt_is_told=bool(question.intent.prompt)
                and tells_prompt(question.wanted.models, question.intent.job),
                age_s=question.age_s(context, listing),
                settled=read_at >= deadline,
                proofs=proofs,
                patient=read_at < last,
            )
        )
        if verdict is not None:
            number = await run_unbroken(keep(context, listing, read_at=read_at))
            try:
                return await _carry_out(context, question.attempt, verdict, baseline=number)
            except MovedOn:
                return _read_fate(context, attempt_id)
        left_s = deadline - context.clock.monotonic()
        await context.clock.sleep(left_s if 0 < left_s < every_s else every_s)


def _read_fate(context: Context, attempt_id: str) -> bool:
    """What somebody else has made of an attempt meanwhile: whether its request has arrived. Raises
    NeedsPerson.
    """
    attempt = context.ledger.attempt(attempt_id, now=context.clock.now())
    if attempt.state is State.UNDECIDED:
        raise NeedsPerson(f"{attempt.message}.")
    return attempt.task_id is not None


async def _carry_out(
    context: Context, attempt: Attempt, verdict: Verdict, *, baseline: int
) -> bool:
    """Make a verdict durable; `baseline` is the reading that a second look is held against. Raises
    NeedsPerson, MovedOn.
    """
    now = context.clock.now()
    match verdict:
        case Adopt(task_id, vouched):
            await run_unbroken(
                context.run_blocking(
                    context.ledger.submitted,
                    attempt.id,
                    task_id,
                    at=now,
                    adopted=True,
                    vouched=vouched,
                    look_at=now + LOOK_AGAIN_S,
                    baseline=baseline,
                )
            )
            return True
        case NotSent():
            await close(
                context,
                attempt.id,
                State.NOT_SENT,
                message="not in the service's list",
                look_again_s=LOOK_AGAIN_S,
                baseline=baseline,
            )
            return False
        case Undecided(message):
            await close(context, attempt.id, State.UNDECIDED, message=message)
            raise NeedsPerson(f"{message}.")


def _open(context: Context, attempt_ids: Iterable[str]) -> Iterator[Question]:
    """The questions about those of these attempts that this account can tell anything of."""
    for attempt_id in attempt_ids:
        question = Question.of(context, attempt_id)
        if context.is_here(question.attempt):
            yield question


def _in_other_lanes(context: Context, lane: str) -> Iterator[Question]:
    """What is not settled yet of the account's other models."""
    return (
        question
        for question in _open(context, context.ledger.unsettled())
        if question.attempt.lane != lane
    )


def _claimed(others: Iterable[Question], candidates: Mapping[str, ListedTask]) -> Collection[str]:
    """The candidates that one of these other requests, whose fate is open too, may have made."""
    if not candidates:
        return ()
    return {
        task_id
        for other in others
        for task_id in other.wanted.candidates(candidates, candidates.keys())
    }


async def take_second_look(context: Context, attempt_id: str) -> Mapping[str, str]:
    """Look once more for a task that a given-up or adopted request made after all.

    What no reading had shown at the verdict is written down as a stray. Where it is a single task
    that still waits, and the account has shown none of others, it is cancelled, which is free.
    Returns what was done by task id: `cancelled` or `stray`. It stays due while the service's clock
    says that it is too early, its list contradicts itself, or the fate of another request is open,
    whose task it would find and take for this one's. Raises ServiceError when the service cannot be
    asked.
    """
    question = Question.of(context, attempt_id)
    if any(_open(context, context.ledger.open_intents())):
        return {}
    listing = await read_listing(context)
    since_s = _since_verdict(question, listing)
    if since_s is not None and since_s < LOOK_AGAIN_S:
        return {}
    candidates = question.candidates(context, listing)
    alone = (
        len(candidates) == 1
        and listing.is_whole
        and _is_ours_alone(context, question, listing)
        and not _claimed(_open(context, context.ledger.unsettled()), candidates)
    )
    done = {}
    for task_id, row in candidates.items():
        done[task_id], status = "stray", row.status
        if alone and status == "PENDING":
            with suppress(Rejected):  # it runs by now
                await context.client.cancel(task_id)
                done[task_id], status = "cancelled", "CANCELED"
        await run_unbroken(
            context.run_blocking(
                context.ledger.strays.note,
                task_id,
                attempt_id,
                status,
                at=context.clock.now(),
                open_question=done[task_id] == "stray",
            )
        )
    if listing.is_whole or (since_s is not None and since_s > TASK_LIFE_S):
        await run_unbroken(context.run_blocking(context.ledger.looked, attempt_id))
    return done


def _since_verdict(question: Question, listing: Listing) -> float | None:
    """Seconds since the verdict by the service's clock; None where that is not known."""
    then = question.baseline.server_time if question.baseline else None
    if then is None or listing.server_time is None or listing.server_time < then:
        return None
    return listing.server_time - then


def _is_ours_alone(context: Context, question: Question, listing: Listing) -> bool:
    """Whether the account has shown one single task that need not be ours: only then is what turns
    up late not a colleague's. A stray that a person has answered for is still somebody's, and so
    may be what was adopted and not yet told apart by its prompt.
    """
    baseline = question.baseline
    if baseline is None or not baseline.is_whole:
        return False
    return len(context.ledger.baselines.doubtful({*baseline.task_ids, *listing.rows})) == 1
