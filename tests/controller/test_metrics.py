"""What is counted, as Prometheus reads it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.controller.metrics import BUCKETS_S, MOST_CURRENCIES, OTHER, Metrics
from reconciler.plan.step import Action
from reconciler.state.observed import State
from tests.clock import FakeClock

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics.txt"


def read(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, that of `sync` first."""
    page = metrics.write_page()
    assert isinstance(page, bytes)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items(), reverse=True))): (
            sample.value
        )
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def build_metrics() -> Metrics:
    """Some of everything."""
    clock = FakeClock()
    metrics = Metrics(["spring", "autumn"], clock)
    metrics.count_pass("spring", "applied")
    metrics.count_pass("spring", "unchanged")
    metrics.count_pass("spring", "unchanged")
    metrics.count_pass("autumn", "needsPerson")
    metrics.count_step("spring", Action.RENDER, ok=True)
    metrics.count_step("spring", Action.RENDER, ok=False)
    metrics.count_bill("spring", 5.0, 0.5, "USD")
    metrics.count_bill("spring", 2.5, None)
    metrics.count_webhook("spring", 202)
    metrics.count_notification("spring", "sent")
    metrics.count_first_request("spring", 0.5)
    metrics.count_first_request("spring", 0.7)
    metrics.count_first_request("spring", 7200.0)
    metrics.set_tasks("spring", {State.SUBMITTED: 2})
    metrics.set_queue_length(1)
    metrics.set_oldest_result("spring", clock.now())
    clock.advance(90.0)
    return metrics


def test_the_page_as_it_is_written(golden: Callable[[Path, str], None]) -> None:
    """The names and labels are what dashboards rest on: they change with care only."""
    page = build_metrics().write_page()
    assert isinstance(page, bytes)
    golden(GOLDEN, page.decode())


def test_a_bucket_holds_what_took_no_longer() -> None:
    """Bounds are inclusive and add up; what took longer than all of them is in the last."""
    samples = read(build_metrics())
    name = "cutlist_commit_to_request_seconds"
    counts = [samples[f"{name}_bucket", "spring", str(bound)] for bound in BUCKETS_S]
    assert counts == [0, 1] + [2] * (len(BUCKETS_S) - 2)
    assert samples[f"{name}_bucket", "spring", "+Inf"] == samples[f"{name}_count", "spring"] == 3
    assert samples[f"{name}_sum", "spring"] == 7201.2


def test_labels_are_bounded() -> None:
    """Neither who calls a hook nor who writes a project file can make the page grow."""
    metrics = Metrics(["spring"], FakeClock())
    for n in range(1000):
        metrics.count_webhook(f"guess-{n}", 404)
        metrics.count_bill("spring", 1.0, 1.0, f"X{n}")
        metrics.set_tasks(f"guess-{n}", {})
        metrics.set_oldest_result(f"guess-{n}", 1.0)
    samples = read(metrics)
    assert samples["cutlist_webhooks_total", OTHER, "404"] == 1000
    money = {labels[2]: value for labels, value in samples.items() if "money" in labels[0]}
    assert len(money) == MOST_CURRENCIES + 1
    assert money[OTHER] == 1000 - MOST_CURRENCIES
    assert len(samples) < 20


def test_a_sync_that_is_gone() -> None:
    """What was counted stays, since counters never fall; what describes it now goes."""
    metrics = build_metrics()
    metrics.change_names(["autumn"])
    samples = read(metrics)
    assert samples["cutlist_passes_total", "spring", "applied"] == 1
    assert not [labels for labels in samples if labels[0] == "cutlist_tasks"]
    assert not [labels for labels in samples if labels[0] == "cutlist_oldest_result_seconds"]


def test_the_oldest_result_ages_by_itself() -> None:
    """Its age is that of the moment of reading; once collected there is none."""
    clock = FakeClock()
    metrics = Metrics(["spring"], clock)
    metrics.set_oldest_result("spring", clock.now())
    clock.advance(60.0)
    assert read(metrics)["cutlist_oldest_result_seconds", "spring"] == 60.0
    metrics.set_oldest_result("spring", None)
    assert ("cutlist_oldest_result_seconds", "spring") not in read(metrics)


def test_two_controllers_share_nothing() -> None:
    """Nothing is global: not in the package either."""
    first, second = build_metrics(), Metrics(["spring"], FakeClock())
    assert read(first) != read(second)
    assert read(first) == read(first)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting goes on; the page says what is missing and how to get it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    page = build_metrics().write_page()
    assert isinstance(page, str)
    assert "pip install 'cutlist[team]'" in page
