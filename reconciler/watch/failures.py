"""What the service has refused in this watch: a save of another file does not send it again."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.apply.outcome import Report
from reconciler.config import PROJECT_FILE
from reconciler.errors import NotReached, ServiceError


class Failures:
    """The keys that the service has refused or failed, each with the manifest that asked for it."""

    def __init__(self) -> None:
        self._manifests: dict[str, str] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that the next pass leaves alone. A changed request has another key."""
        return tuple(sorted(self._manifests))

    def learn(self, report: Report) -> None:
        """Take in how a pass ended. What never reached the service is no failure of an edit."""
        for outcome in report.failures:
            answered = isinstance(outcome.error, ServiceError)
            if outcome.step.key and answered and not isinstance(outcome.error, NotReached):
                self._manifests[outcome.step.key] = outcome.step.place.file

    def forget(self, paths: Sequence[str]) -> None:
        """Who saves a manifest asks for its edits again; who saves the project file, for all."""
        if PROJECT_FILE in paths:
            self._manifests.clear()
        for key in [key for key, file in self._manifests.items() if file in paths]:
            del self._manifests[key]
