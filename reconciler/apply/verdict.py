"""What the account's list says about a request whose answer was lost: adopt, not sent, undecided,
or read again. Pure.

The rules stand in docs/operations.md, "Submit". No clock of this machine is among what they look
at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from reconciler.apply.listing import ExpectedTask, Listing, describe_rows
from reconciler.service.pages import ListedTask

PROOFS = 2  # whole listings without a candidate, read after settle, that prove NOT_SENT
INTENT_LIFE_S = 23 * 3600  # the list of the last 24 h proves nothing about an older request


@dataclass(frozen=True, slots=True)
class Adopt:
    """This task is it. `vouched`: the list tells its model, and nothing older can be taken for it;
    otherwise the prompt must say so in the end.
    """

    task_id: str
    vouched: bool


@dataclass(frozen=True, slots=True)
class NotSent:
    """It is proved not to have arrived."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nobody but a person can tell, and why."""

    message: str


Verdict = Adopt | NotSent | Undecided


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known at one reading of the list."""

    wanted: ExpectedTask
    listing: Listing
    candidates: Mapping[str, ListedTask]
    misnamed: Mapping[str, ListedTask] = field(
        default_factory=dict
    )  # new, and listed as of another model
    claimed: Collection[str] = ()  # candidates that may be of another open request
    baseline_is_whole: bool = True
    is_its_sender: bool = True  # the list is read with the key and workspace that sent it
    prompt_is_told: bool = True  # a prompt was sent, and the service shows it in the end
    # since the request, by the service's clock or by time that only grows; None: not known
    age_s: float | None = 0.0
    settled: bool = True  # whether this reading was begun after settle
    proofs: int = 0  # such readings, whole, without a candidate or one misnamed, this one included
    patient: bool = True  # whether the list may still come to itself


def judge(evidence: Evidence) -> Verdict | None:
    """What is to be done; None: read again."""
    named = evidence.wanted.named_id
    if named and named in evidence.candidates:
        return Adopt(named, vouched=True)
    if not evidence.listing.is_whole:
        if evidence.patient:
            return None
        return Undecided(
            f"the service's list {evidence.listing.faults[0]}{_beside(evidence.candidates)}"
        )
    if evidence.age_s is not None and evidence.age_s > INTENT_LIFE_S:
        return Undecided(
            "by the service's clock it was sent more than 23 h ago, and its list proves nothing any"
            f" more{_beside(evidence.candidates)}"
        )
    if len(evidence.candidates) > 1:
        candidates = evidence.candidates
        words = f"{len(candidates)} tasks could be it: {describe_rows(candidates.values())}"
        return Undecided(words)
    if evidence.candidates:
        return _of_one(evidence, *evidence.candidates.values())
    return _of_none(evidence)


def _of_one(evidence: Evidence, row: ListedTask) -> Verdict | None:
    assert row.task_id is not None
    told = evidence.wanted.is_told_by(row)
    if row.task_id in evidence.claimed and not told:
        return Undecided(
            f"one task could be it, or that of another lost request: {describe_rows([row])}"
        )
    # another key may be one of another account, of whose tasks the baseline says nothing
    vouched = told and evidence.baseline_is_whole and evidence.is_its_sender
    if evidence.prompt_is_told:
        return Adopt(row.task_id, vouched)
    if not vouched:
        why = (
            "the list does not tell its model"
            if not told
            else "another key or workspace sent it"
            if not evidence.is_its_sender
            else "the list was not whole before it"
        )
        return Undecided(
            f"one task could be it, but {why}, and the service tells no prompt of it:"
            f" {describe_rows([row])}"
        )
    # nothing will check it later: a second one may still turn up
    return Adopt(row.task_id, vouched) if evidence.settled else None


def _of_none(evidence: Evidence) -> Verdict | None:
    if evidence.misnamed and not evidence.patient:
        return Undecided(
            "no new task of its model is listed, but one of another model that nobody here asked"
            f" for: {describe_rows(evidence.misnamed.values())}"
        )
    if evidence.proofs < PROOFS:
        return None
    if evidence.wanted.named_id:
        return Undecided(
            f"its answer named the task {evidence.wanted.named_id}, and the service's list does not"
        )
    if not evidence.is_its_sender:
        return Undecided(
            "it was sent with another key or workspace, and may be in a list that this one is not"
            " shown"
        )
    if evidence.age_s is None:
        return Undecided(
            "an earlier run sent it, and how long ago the service's clock does not tell: that its"
            " list shows no new task proves nothing"
        )
    return NotSent()


def _beside(candidates: Mapping[str, ListedTask]) -> str:
    """Candidates, where there are any, after the reason why they do not decide."""
    if not candidates:
        return ""
    return f"; it shows what could be it: {describe_rows(candidates.values())}"
