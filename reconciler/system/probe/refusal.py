"""What is said of a medium that is not taken."""

from __future__ import annotations

from reconciler.system.probe.file_types import describe_form

MOST_MADE_BYTES = 16 << 20  # of what is made of a medium; where it would be more, it is refused


class Refusal(Exception):
    """The worker's word: a medium cannot be taken; the message says why."""


class Unreadable(ValueError):
    """The file is no picture or video that can be taken; the message says what it seems to be."""


class Foreign(Unreadable):
    """The file is of a form that the service does not take, and is not opened."""

    def __init__(self, form: str, wanted: str) -> None:
        super().__init__(f"it is {describe_form(form)}, and {wanted} is wanted")
        self.form = form
