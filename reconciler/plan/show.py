"""One edit with all that is known of it: its request, its step, and every result it has
had. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.desired.references import show_url
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import Step
from reconciler.service.models import Models
from reconciler.state.observed import Observed, Result

SHOW_VERSION = 1


@dataclass(frozen=True, slots=True)
class EditView:
    """One edit, what a plan says of it, what builds on it, and its results."""

    edit: Resolved
    step: Step
    used_by: tuple[str, ...]  # edits that build on it
    results: tuple[Result, ...]  # of its job first, then of its earlier ones; the newest first
    billed_s: Mapping[str, float]  # by the digest of a result: the seconds that were billed for it

    def to_json(self) -> dict[str, object]:
        """The edit for programs. Links in its request are without their signatures."""
        wanted, job, result = self.edit.wanted, self.edit.job, self.edit.result
        manifest, pointers = wanted.edit, {medium.medium.at for medium in wanted.inputs}
        return {
            "version": SHOW_VERSION,
            "name": manifest.name,
            "place": str(manifest.place()),
            "labels": dict(manifest.labels),
            "output": manifest.output,
            "take": manifest.take,
            "suspend": manifest.suspend,
            "action": self.step.action.value,
            "reason": self.step.reason,
            "key": job.key if job else None,
            "digest": result.digest if result else None,
            "builds_on": list(wanted.upstreams),
            "used_by": list(self.used_by),
            "request": {
                "model": manifest.model,
                "input": _remove_secrets(manifest.input, "/input", pointers),
                "parameters": manifest.parameters,
            },
            "results": [asdict(result) for result in self.results],
        }


def view_edit(
    edit: Resolved,
    step: Step,
    resolved: Mapping[str, Resolved],
    observed: Observed,
    models: Models,
) -> EditView:
    """Gather what is known of an edit."""
    name, key = edit.wanted.edit.name, edit.job.key if edit.job else None
    used_by = sorted(other for other, one in resolved.items() if name in one.wanted.upstreams)
    stored = [result for results in observed.results.values() for result in results]
    results = [result for result in stored if result.key == key or result.edit == name]
    results.sort(key=lambda result: (result.stored_at, result.digest), reverse=True)
    results.sort(key=lambda result: result.key != key)
    billed_s = {result.digest: models.read_billed_seconds(result.usage) for result in results}
    return EditView(edit, step, tuple(used_by), tuple(results), billed_s)


def _remove_secrets(value: Any, pointer: str, media: Collection[str]) -> Any:
    """`value`, in which media URLs (`media` holds their pointers) are as they may be printed: a
    link may be signed.
    """
    if isinstance(value, Mapping):
        return {
            name: _remove_secrets(part, f"{pointer}/{name}", media) for name, part in value.items()
        }
    if isinstance(value, list):
        return [
            _remove_secrets(part, f"{pointer}/{index}", media) for index, part in enumerate(value)
        ]
    return show_url(value) if pointer in media else value
