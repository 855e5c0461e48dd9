"""Keys of the graph of edits, as far as results allow. Pure.

An edit that names another edit has no key until that one has a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.desired.job import Desired, Job, Wanted, job
from reconciler.state.observed import Observed, Result


@dataclass(frozen=True, slots=True)
class Resolved:
    """An edit with its job, where its inputs are known, and its result, where there is one."""

    wanted: Wanted
    job: Job | None
    result: Result | None
    waits_for: tuple[str, ...] = ()  # upstream edits without a result
    upstream: Mapping[str, Result] | None = None  # results of the upstream edits that have one


def resolve(desired: Desired, observed: Observed) -> Mapping[str, Resolved]:
    """Every edit resolved, upstream before downstream."""
    found: dict[str, Resolved] = {}
    for name, wanted in desired.edits.items():
        upstream = {up: found[up].result for up in wanted.upstreams}
        missing = tuple(up for up, result in upstream.items() if result is None)
        known = {up: result for up, result in upstream.items() if result is not None}
        if missing:
            found[name] = Resolved(wanted, None, None, missing, known)
            continue
        made = job(wanted, wanted.identities({up: result.identity for up, result in known.items()}))
        found[name] = Resolved(wanted, made, observed.result(name, made.key), (), known)
    return found
