"""When to look: not while files are being written, soon after, and never too late. Pure."""

from __future__ import annotations

QUIET_S = 0.03  # without news, and what is being saved is written: the second tick of the ears
WHOLE_S = 0.2  # the same for a manifest that cannot be read yet
MOST_S = 1.0  # so long after the first of them it is looked, whatever goes on
_SELDOM_S = 0.25  # between two looks for changes at paths that nobody names
_AFTERWARDS_S = 1.0  # one more look, should something have been missed
_ROUTINE_S = 30.0
_DEAF_S = 0.5
_MOST_PATIENCE = 16.0


class Quiet:
    """Knows by the changes that were heard when the next look is due. Times are monotonic
    seconds.
    """

    def __init__(self) -> None:
        self.last_at: float | None = None  # of what is named; None: nothing of it was ever heard
        self._first_at: float | None = None
        self._quiet_s = QUIET_S
        self._doubt_at: float | None = None
        self._looked_at = 0.0
        self._again_at: float | None = None
        self._patience = 1.0

    @property
    def is_over(self) -> bool:
        """Whether nothing is being saved, as far as anybody has heard."""
        return self._first_at is None

    def note(self, now: float, *, named: bool) -> None:
        """Something changed: what is named, or what may yet lead to it."""
        if not named:
            self._doubt_at = self._doubt_at or now
            return
        self._first_at = now if self._first_at is None else self._first_at
        self.last_at = now
        self._quiet_s = QUIET_S * self._patience

    def wait_until_whole(self, now: float) -> bool:
        """Put the look off, for something is not whole yet. False where that lasted long enough."""
        last_at, first_at = self.last_at, self._first_at
        if last_at is None or first_at is None:
            return False
        self._quiet_s = max(WHOLE_S, self._quiet_s)
        return now < min(last_at + self._quiet_s, first_at + MOST_S)

    def find_due(self, *, deaf: bool) -> float:
        """When to look next."""
        moments = [self._looked_at + (_DEAF_S if deaf else _ROUTINE_S)]
        if self._first_at is not None and self.last_at is not None:
            moments.append(min(self.last_at + self._quiet_s, self._first_at + MOST_S))
        if self._doubt_at is not None:
            moments.append(max(self._doubt_at + QUIET_S, self._looked_at + _SELDOM_S))
        if self._again_at is not None:
            moments.append(self._again_at)
        return min(moments)

    def note_look(self, now: float) -> None:
        """It was looked, and what was seen counts."""
        news = self._first_at is not None or self._doubt_at is not None
        self._again_at = now + _AFTERWARDS_S if news else None
        self._first_at = self._doubt_at = None
        self._looked_at = now

    def note_superseded(self) -> None:
        """A pass was ended by a save: whoever saves on and on is waited for longer."""
        self._patience = min(self._patience * 2, _MOST_PATIENCE)

    def note_end(self) -> None:
        """A pass went to its end."""
        self._patience = 1.0
