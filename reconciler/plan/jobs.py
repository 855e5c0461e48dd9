"""Keys of the graph of edits, as far as results and the lock file allow. Pure.

An edit that names another edit has no key until that one has a result, or the lock file says which
result it has on other machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.desired.job import Desired, Job, Wanted
from reconciler.plan.earlier_keys import NOTHING, Former
from reconciler.state.observed import Observed, Result


@dataclass(frozen=True, slots=True)
class Resolved:
    """An edit with its job, where the digests of its inputs are known, and its result, where there
    is one. What it waits for may have a digest, by the lock file, and no bytes here.
    """

    wanted: Wanted
    job: Job | None
    result: Result | None
    waits_for: tuple[str, ...] = ()  # upstream edits without a result
    upstream: Mapping[str, Result] | None = None  # results of the upstream edits that have one
    pinned: str | None = None  # the digest that the lock file names for its job

    @property
    def digest(self) -> str | None:
        """The digest of its result, here or, by the lock file, elsewhere."""
        return self.pinned if self.result is None else self.result.digest


def resolve(
    desired: Desired,
    observed: Observed,
    former: Former = NOTHING,
    *,
    trust_pins: bool = True,
) -> Mapping[str, Resolved]:
    """Every edit resolved, upstream before downstream. What an earlier rule of keys knows keeps
    the key that it has (`former`).

    `trust_pins`: a result that is not here is taken to be what the lock file says; not where it is
    to be paid again, and so will be another one.
    """
    resolved: dict[str, Resolved] = {}
    for name, wanted in desired.edits.items():
        upstream = {up: resolved[up] for up in wanted.upstreams}
        missing = tuple(up for up, each in upstream.items() if each.result is None)
        known = {up: each.result for up, each in upstream.items() if each.result is not None}
        digests = {up: each.digest for up, each in upstream.items()}
        identities = {up: f"sha256:{digest}" for up, digest in digests.items() if digest}
        if len(identities) < len(upstream):
            resolved[name] = Resolved(wanted, None, None, missing, known)
            continue
        made = former.job(wanted, wanted.identities(identities), observed, desired.edits)
        pin = observed.pin(name, made.key) if trust_pins else None
        resolved[name] = Resolved(
            wanted,
            made,
            observed.result(name, made.key),
            missing,
            known,
            pin.digest if pin is not None else None,
        )
    return resolved
