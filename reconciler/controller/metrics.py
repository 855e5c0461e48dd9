"""Counts what the controller does, for Prometheus.

The counts are plain numbers of one object, and nothing global; prometheus-client, which comes with
the extra `team`, only writes them down when somebody reads them. Every value of a label is one of
few: the names of the Syncs, and words of ours.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from reconciler.plan.step import Action
from reconciler.state.observed import State
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PassOutcome = Literal["applied", "unchanged", "planned", "needsPerson", "failed", "superseded"]
OTHER = (
    "other"  # in the place of a Sync that no document names any more, and of too many currencies
)
MOST_CURRENCIES = 8
BUCKETS_S = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
MISSING = (
    "Metrics need prometheus-client, which is not installed; it comes with the extra `team`:"
    " pip install 'cutlist[team]'"
)
_Labels = tuple[str, ...]


@dataclass(slots=True)
class _Times:
    """How often something took up to so long; the last count is for all that took longer."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def list_buckets(self) -> list[tuple[str, float]]:
        """Each bound, and how many were no longer than that."""
        bounds = [*map(str, BUCKETS_S), "+Inf"]
        sums = [float(sum(self.counts[: place + 1])) for place in range(len(bounds))]
        return list(zip(bounds, sums, strict=True))


def _count() -> defaultdict[_Labels, float]:
    return defaultdict(float)


class Metrics:
    """The counts of one controller, whose Syncs have the `names`."""

    def __init__(self, names: Iterable[str], clock: Clock) -> None:
        self._names, self._clock = frozenset(names), clock
        self._passes, self._steps, self._webhooks = _count(), _count(), _count()
        self._billed_s, self._money, self._notifications = _count(), _count(), _count()
        self._first_requests: defaultdict[str, _Times] = defaultdict(_Times)
        self._tasks: dict[str, Mapping[State, int]] = {}
        self._oldest: dict[str, float] = {}
        self._leading: dict[str, bool] = {}
        self._queue_length = 0

    def change_names(self, names: Iterable[str]) -> None:
        """Other documents: what counts goes on, what describes a Sync that is gone goes with it."""
        self._names = frozenset(names)
        for gone in (self._tasks.keys() | self._oldest.keys() | self._leading.keys()) - self._names:
            self._leading.pop(gone, None)
            self._tasks.pop(gone, None)
            self._oldest.pop(gone, None)

    # ---- what happens

    def count_pass(self, sync: str, outcome: PassOutcome) -> None:
        """A pass has ended."""
        self._passes[self._name(sync), outcome] += 1

    def count_step(self, sync: str, action: Action, ok: bool) -> None:
        """A step has ended, well or not."""
        self._steps[self._name(sync), action.value, "ok" if ok else "failed"] += 1

    def count_bill(
        self, sync: str, seconds: float, price: float | None = None, currency: str = ""
    ) -> None:
        """The service has billed so many seconds; `price` is None where it is not known."""
        name = self._name(sync)
        self._billed_s[name,] += max(0.0, seconds)
        if price is not None and price > 0.0:
            self._money[name, self._find_currency(name, currency)] += price

    def count_webhook(self, sync: str, status: int) -> None:
        """A webhook was answered with an HTTP status."""
        self._webhooks[self._name(sync), str(status)] += 1

    def count_notification(self, sync: str, outcome: Literal["sent", "lost"]) -> None:
        """A notification has arrived, or was given up."""
        self._notifications[self._name(sync), outcome] += 1

    def count_first_request(self, sync: str, seconds: float) -> None:
        """From a commit to the first request that it led to, it took so many seconds."""
        self._first_requests[self._name(sync)].add(max(0.0, seconds))

    # ---- how things stand

    def set_tasks(self, sync: str, tasks: Mapping[State, int]) -> None:
        """So many tasks of a Sync are in each state now."""
        if sync in self._names:
            self._tasks[sync] = dict(tasks)

    def set_oldest_result(self, sync: str, since: float | None) -> None:
        """The oldest result that is not collected waits since then, in seconds since 1970; None
        where there is none.
        """
        self._oldest.pop(sync, None)
        if sync in self._names and since is not None:
            self._oldest[sync] = since

    def set_leading(self, sync: str, leads: bool) -> None:
        """Whether this controller leads a Sync, or another one does."""
        if sync in self._names:
            self._leading[sync] = leads
            if not leads:  # the one that leads tells
                self._tasks.pop(sync, None)
                self._oldest.pop(sync, None)

    def set_queue_length(self, length: int) -> None:
        """So many passes wait for their turn."""
        self._queue_length = length

    def _name(self, sync: str) -> str:
        return sync if sync in self._names else OTHER

    def _find_currency(self, name: str, currency: str) -> str:
        """The currency as a label. It may come from a repository, so there are only so many."""
        known = {labels[1] for labels in self._money if labels[0] == name}
        return currency if currency in known or len(known) < MOST_CURRENCIES else OTHER

    # ---- reading them

    def write_page(self) -> bytes | str:
        """All of them in the text format of Prometheus; words why not where its package is
        missing.
        """
        try:  # lazy: it comes with an extra, and is for whoever reads the page
            from prometheus_client import CollectorRegistry, generate_latest
        except ImportError:
            return MISSING
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """What prometheus-client asks for."""
        yield from self._collect_counters()
        yield from self._collect_gauges()
        from prometheus_client.metrics_core import HistogramMetricFamily

        times = HistogramMetricFamily(
            "cutlist_commit_to_request_seconds",
            "From a commit to the first request that it led to.",
            labels=("sync",),
        )
        for name, taken in sorted(self._first_requests.items()):
            times.add_metric([name], taken.list_buckets(), taken.sum_s)
        yield times

    def _collect_counters(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import CounterMetricFamily

        counters: Sequence[tuple[str, str, Sequence[str], Mapping[_Labels, float]]] = (
            ("passes", "Passes that have ended.", ("sync", "outcome"), self._passes),
            ("steps", "Steps that have ended.", ("sync", "action", "outcome"), self._steps),
            ("billed_seconds", "Seconds that the service billed.", ("sync",), self._billed_s),
            ("money", "What that cost, where prices are known.", ("sync", "currency"), self._money),
            (
                "webhooks",
                "Webhooks by the status of the answer.",
                ("sync", "status"),
                self._webhooks,
            ),
            ("notifications", "Notifications.", ("sync", "outcome"), self._notifications),
        )
        for name, words, labels, counts in counters:
            family = CounterMetricFamily(f"cutlist_{name}", words, labels=labels)
            for values, count in sorted(counts.items()):
                family.add_metric(values, count)
            yield family

    def _collect_gauges(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        tasks = GaugeMetricFamily("cutlist_tasks", "Tasks by state.", labels=("sync", "state"))
        for name, states in sorted(self._tasks.items()):
            for state in State:
                tasks.add_metric([name, state.value], states.get(state, 0))
        yield tasks
        leading = GaugeMetricFamily(
            "cutlist_leading", "Whether this controller leads, or another one.", labels=("sync",)
        )
        for name in sorted(self._names):
            leading.add_metric([name], float(self._leading.get(name, True)))
        yield leading
        queue = "cutlist_queue_length"
        yield GaugeMetricFamily(queue, "Passes that wait for their turn.", self._queue_length)
        oldest = GaugeMetricFamily(
            "cutlist_oldest_result_seconds",
            "How long the oldest result that is not collected waits.",
            labels=("sync",),
        )
        now = self._clock.now()
        for name, since in sorted(self._oldest.items()):
            oldest.add_metric([name], max(0.0, now - since) if math.isfinite(since) else math.nan)
        yield oldest
