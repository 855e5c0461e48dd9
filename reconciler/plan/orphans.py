"""Orphans: open attempts of requests that no edit here asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.plan.jobs import Resolved
from reconciler.plan.prune import Heirs
from reconciler.state.observed import OPEN, Attempt, History, State


def find_orphans(
    history: Mapping[str, History], heirs: Heirs, resolved: Mapping[str, Resolved]
) -> list[Attempt]:
    """The orphans, by key; the next apply brings home what was submitted. An edit whose result
    somebody picked does not wait for its own request.
    """
    return [
        attempts.last
        for key, attempts in sorted(history.items())
        if attempts.last.state in OPEN
        and all(resolved[name].is_picked for name in heirs.sharing(key))
    ]


def describe_orphan(last: Attempt) -> str:
    """What is to be known of an open attempt that no edit asks for: not any more, or only where
    somebody works who shares the ledger.
    """
    if last.state is State.UNDECIDED:
        return (
            f"! {last.edit} is not asked for like this here, and it is not certain whether its"
            f" request reached the service: cutlist resolve {last.key[:12]} --adopt TASK_ID |"
            " --retry (who asks for it sends it again) | --abandon"
        )
    task = f"task {last.task_id} is" if last.task_id else "its request may be"
    return (
        f"{last.edit} is not asked for like this here, and {task} at the service; apply collects it"
    )
