"""When to look: not while files are being written, soon after, and never too late. Pure."""

from __future__ import annotations

QUIET_S = 0.04  # without news, and what is being saved is written: batches come more often
WHOLE_S = 0.2  # the same for a manifest that cannot be read yet
MOST_S = 1.0  # so long after the first of them it is looked, whatever goes on
_SELDOM_S = 0.25  # between two looks for changes at paths that nobody names
_AFTERWARDS_S = 1.0  # one more look, should something have been missed
_ROUTINE_S = 30.0
_OFTEN_S = 0.5  # where nothing is heard, or a lock is waited for
_MOST_PATIENCE = 16.0
_MOST_BATCHES = 8  # of one storm of saves, each of which makes the quiet after it longer
_MOST_STORM = 4.0


class Quiet:
    """Knows by the changes that were heard when the next look is due. Times are monotonic
    seconds.
    """

    def __init__(self) -> None:
        self.last_at: float | None = None  # of what is named; None: nothing of it was ever heard
        self._first_at: float | None = None
        self._quiet_s = QUIET_S
        self._batches = 0
        self._has_grace = False
        self._doubt_at: float | None = None
        self._looked_at = 0.0
        self._again_at: float | None = None
        self._patience = 1.0

    @property
    def is_over(self) -> bool:
        """Whether nothing is being saved, as far as anybody has heard."""
        return self._first_at is None

    @property
    def _most_s(self) -> float:
        return MOST_S * min(self._patience, _MOST_STORM)

    def note(self, now: float, *, named: bool) -> None:
        """Something changed: what is named, or what may yet lead to it."""
        if not named:
            self._doubt_at = self._doubt_at or now
            return
        if self._first_at is None:
            self._first_at, self._batches = now, 1
        elif now > (self.last_at or 0.0):
            self._batches += 1
        self.last_at = now
        self._quiet_s = QUIET_S * max(min(self._batches, _MOST_BATCHES), self._patience)

    def wait_until_whole(self, now: float) -> bool:
        """Put the look off, for something is not whole yet. False where that lasted long enough."""
        if self.last_at is None or self._first_at is None:
            return False
        if now >= self._first_at + self._most_s and not self._has_grace:
            self._has_grace = True  # a storm that may have ended just now
            self._first_at = now + WHOLE_S - self._most_s
        self._quiet_s = max(WHOLE_S, self._quiet_s)
        return now < min(self.last_at + self._quiet_s, self._first_at + self._most_s)

    def find_due(self, *, often: bool) -> float:
        """When to look next; `often`: as one who hears nothing."""
        moments = [self._looked_at + (_OFTEN_S if often else _ROUTINE_S)]
        if self._first_at is not None and self.last_at is not None:
            moments.append(min(self.last_at + self._quiet_s, self._first_at + self._most_s))
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
        self._has_grace = False
        self._looked_at = now

    def note_superseded(self) -> None:
        """A pass was ended by a save: whoever saves on and on is waited for longer."""
        self._patience = min(self._patience * 2, _MOST_PATIENCE)

    def note_end(self) -> None:
        """A pass went to its end."""
        self._patience = 1.0
