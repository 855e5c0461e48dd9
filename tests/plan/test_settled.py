"""Edits with nothing to do are decided only where somebody asks, and as if everybody had asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random

from hypothesis import event, given, settings
from hypothesis import strategies as st

from reconciler.desired.edit import Edit
from reconciler.errors import UsageError
from reconciler.plan.decide import PlanOptions
from reconciler.plan.draft import Draft
from reconciler.plan.earlier_keys import Former
from reconciler.plan.jobs import Resolved, resolve_edit, resolve_jobs
from reconciler.plan.prune import Pruning
from reconciler.plan.step import Action, Plan
from reconciler.state.observed import Attempt, Observed, Output, Pin, Published, Result, State
from tests import making
from tests.making import make_desired, make_digest, make_observed

NAMES = ("c", "f", "a", "e", "b", "d", "g")  # of which each may build on one before it
GONE = Output(None, None, False)
STATES = (State.INTENT, State.SUBMITTED, State.UNDECIDED, State.FAILED, State.SUCCEEDED, State.LOST)
OPTIONS = (
    PlanOptions(),
    PlanOptions(force=True),
    PlanOptions(repay=True),
    PlanOptions(retry_failed=True),
    PlanOptions(refresh_only=True),
    PlanOptions(target=("b",)),
    PlanOptions(target=("e", "d"), exclude=("f",)),
    PlanOptions(exclude=("a",)),
)


class ThoroughDraft(Draft):
    """A draft in which every edit takes the ordinary way from the beginning."""

    def _find_settled(self) -> set[str]:
        return set()


@cache
def make_one(name: str, upstream: str | None, prompt: str, suspend: bool, protect: bool) -> Edit:
    """An edit of a clip, or of another edit's output."""
    url = f"edit://{upstream}" if upstream else "./clip.mp4"
    return making.make_edit(
        name,
        input={"prompt": prompt, "media": [{"type": "video", "url": url}]},
        suspend=suspend,
        protect=protect,
    )


@dataclass
class Scene:
    """A random project, and what happens to it."""

    chance: Random
    results: dict[str, list[Result]] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    files: dict[str, Output] = field(default_factory=dict)
    pins: dict[str, Pin] = field(default_factory=dict)
    old_pins: dict[str, tuple[str, Pin]] = field(default_factory=dict)
    left_over: dict[str, Output] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chance = self.chance
        self.options = chance.choice((OPTIONS[0], chance.choice(OPTIONS)))
        self.pruning = Pruning(enabled=chance.random() < 0.5, most=1)
        count = chance.randint(1, len(NAMES))
        edits = []
        for number, name in enumerate(NAMES[:count]):
            upstream = chance.choice(NAMES[:number]) if number and chance.random() < 0.5 else None
            prompt = chance.choice(("rain", "snow"))
            suspend, protect = chance.random() < 0.1, chance.random() < 0.1
            edits.append(make_one(name, upstream, prompt, suspend, protect))
        self.asked = make_desired(*edits)
        self.calm = chance.choice((0.5, 0.9))  # how often an edit has nothing to do
        for name in self.asked.edits:
            self.befall(name, calm=chance.random() < self.calm)
        self.resolved = self.resolve()
        if chance.random() < 0.5:
            self.leave_over()

    def observe(self) -> Observed:
        """What is now."""
        seen = make_observed(
            self.asked,
            results=[each for several in self.results.values() for each in several],
            attempts=self.attempts,
            files=self.files,
            pins=self.pins,
            old_pins=self.old_pins,
            left_over=self.left_over,
        )
        return seen.repaid() if self.options.repay else seen

    def resolve(self) -> Mapping[str, Resolved]:
        """Every edit, by what is now."""
        return resolve_jobs(self.asked, self.observe(), trust_pins=not self.options.repay)

    def befall(self, name: str, *, calm: bool) -> None:
        """Something becomes of an edit; where it is calm, it has its result and its file."""
        edit, chance = self.resolve()[name], self.chance
        if edit.job is None:
            return
        key = edit.job.key
        result = replace(
            making.make_result(edit.wanted.edit, chance.choice(("one", "two")) + key),
            key=key,
            job=edit.job.canonical,
        )
        if calm and edit.result is None and name not in self.pins:
            self.results.setdefault(key, []).append(result)
        if calm:
            result = edit.result or result
            self.files[name] = self.make_file(result.digest, result)
            return
        match chance.randrange(7):
            case 0:
                self.results.setdefault(key, []).append(result)
            case 1:
                self.results.pop(key, None)
            case 2:
                self.pins[name] = Pin(key, result.digest)
            case 3:
                self.old_pins[key] = ("older", Pin(key, result.digest))
            case 4:
                state, code = chance.choice(STATES), chance.choice(("InternalError", "Bad"))
                attempt = making.make_attempt(edit.wanted.edit, state, key=key, code=code)
                number = len(self.attempts)
                self.attempts.append(replace(attempt, id=f"{number}", task_id=f"task-{number}"))
            case 5:
                earlier = make_digest(f"earlier than {key}")
                self.pins[name] = Pin(key, result.digest, made_by=earlier)
                if chance.random() < 0.7:
                    self.results.setdefault(earlier, []).append(replace(result, key=earlier))
            case _:
                digest = chance.choice((result.digest, make_digest("strange"), None))
                self.files[name] = self.make_file(digest, result)

    def make_file(self, digest: str | None, result: Result) -> Output:
        """A file, as we wrote it or not."""
        realm = self.chance.choice(("live", "mock"))
        note = Published(result.digest, realm, result.edit, result.key)
        noted = note if self.chance.random() < 0.7 else None
        ours = digest is not None and self.chance.random() < 0.8
        return Output(digest, noted, ours)

    def leave_over(self) -> None:
        """Files that no edit asks for any more; of edits that are gone, renamed or moved."""
        for path in ("old.mp4", "older.mp4"):
            name = self.chance.choice(list(self.asked.edits))
            job = self.resolved[name].job
            digest = make_digest(path)
            note = Published(
                digest,
                "live",
                self.chance.choice((name, "older")),
                job.key if job else "0" * 64,
                protected=self.chance.random() < 0.2,
            )
            self.left_over[path] = Output(digest, note, True)

    def begin(self, kind: type[Draft]) -> Draft:
        """A draft of what is now."""
        return kind(
            self.asked,
            self.resolved,
            self.observe(),
            options=self.options,
            price_per_second=making.get_price_per_second,
            account=making.ACCOUNT,
            currency="USD",
            pruning=self.pruning,
        )

    def happen(self) -> set[str]:
        """Something happens to an edit; the edits that it is to be looked at for."""
        name = self.chance.choice(list(self.asked.edits))
        self.befall(name, calm=self.chance.random() < 0.5)
        job = self.resolved[name].job
        keys = (edit.job.key if edit.job else None for edit in self.resolved.values())
        names = {other for other, key in zip(self.resolved, keys, strict=True) if key is not None
                 and job is not None and key == job.key}  # fmt: skip
        self.resolved = self.resolve()
        return {name, *names}

    def update(self, draft: Draft, names: set[str]) -> None:
        """Tell a draft of what happened."""
        seen = self.observe()

        def resolve(name: str, resolved: Mapping[str, Resolved]) -> Resolved:
            trust_pins = not self.options.repay
            return resolve_edit(self.asked, name, resolved, seen, Former(), trust_pins=trust_pins)

        draft.update(names, seen, resolve)


def read_plan(plan: Plan) -> tuple[object, ...]:
    """Everything that a plan says, in its order."""
    told = (plan.changes, plan.may_pay, plan.names, plan.held_up, plan.total(*Action))
    return plan, told, plan.summary, plan.to_json()


@settings(max_examples=150)
@given(st.integers(0, 1 << 32))
def test_a_settled_edit_is_as_if_it_took_the_ordinary_way(seed: int) -> None:
    """At the beginning and after whatever happens: the same steps, words, costs and order."""
    scene = Scene(Random(seed))
    try:
        lazy, thorough = scene.begin(Draft), scene.begin(ThoroughDraft)
    except UsageError:
        return
    shown: list[tuple[Plan, object]] = []
    for _ in range(4):
        plan, expected = lazy.write_plan(), thorough.write_plan()
        event("settled" if len(plan.unsettled) < len(plan.steps) else "all at work")
        shown.append((plan, read_plan(expected)))
        names = scene.happen()
        scene.update(lazy, names)
        scene.update(thorough, names)
    # what was shown stays as it was, though nobody had asked for its steps yet
    for plan, expected_words in shown:
        assert read_plan(plan) == expected_words


def test_a_plan_with_nothing_to_do_decides_no_step() -> None:
    """Counts, changes and costs are told without the step of any settled edit."""
    edits = [making.make_edit(name) for name in ("a", "b")] + [making.make_edit("c", suspend=True)]
    asked = make_desired(*edits)
    video = making.make_result(edits[0])
    files = {each.name: making.make_file("video", written="video") for each in edits}
    made = making.make_plan(asked, make_observed(asked, results=[video], files=files))
    assert [step.name for step in made.unsettled] == ["c"]
    assert (made.changes, made.may_pay, made.summary["keep"]) == (False, False, 3)
    assert made.names == {"a", "b", "c"}
    assert [(step.name, step.reason) for step in made.steps] == [
        ("a", "matches its result"),
        ("b", "matches its result"),
        ("c", "suspended: left alone"),
    ]
