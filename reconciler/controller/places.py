"""Where things lie below the controller's state folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.controller.documents import Sync


@dataclass(frozen=True, slots=True)
class SyncPlaces:
    """The folders and files of one Sync. All of it but `mirror` is worth keeping."""

    folder: Path
    outputs: Path  # where its videos are put

    @classmethod
    def of(cls, state: Path, sync: Sync) -> SyncPlaces:
        """The places of a Sync below the state folder of its controller."""
        folder = state / "syncs" / sync.name
        return cls(folder, sync.outputs or folder / "outputs")

    @property
    def mirror(self) -> Path:
        """The bare clone; it can be made anew."""
        return self.folder / "repository.git"

    @property
    def home(self) -> Path:
        """Store, ledger, cache and notes, as `.cutlist` is in a project."""
        return self.folder / "state"

    @property
    def cache(self) -> Path:
        """What was read before, where the Config of a commit has it too."""
        return self.home / "cache"

    @property
    def status(self) -> Path:
        """What was seen and done, for the time after a restart."""
        return self.folder / "status.json"

    @property
    def waiting_plan(self) -> Path:
        """The saved plan that waits for a person's yes."""
        return self.folder / "waiting-plan.json"

    @property
    def reviewed(self) -> Path:
        """What pull requests were told."""
        return self.folder / "pull-requests.json"

    @property
    def own_commits(self) -> Path:
        """The ids of the commits of the lock file that it has made."""
        return self.folder / "own-commits"

    def find_lock_dir(self, commit: str) -> Path:
        """Where the lock file of a commit lies, as it is after what was rendered of it."""
        return self.home / "locks" / commit

    def find_preview_lock_dir(self, commit: str) -> Path:
        """Where the lock file of a commit lies that is only looked at."""
        return self.home / "previews" / commit


def find_socket(state: Path) -> Path:
    """Where the running controller listens for commands of this machine."""
    return state / "controller.sock"


def find_controller_lock(state: Path) -> Path:
    """What keeps two controllers off one state folder."""
    return state / "controller.lock"
