"""Where things lie below the controller's state folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.controller.documents import Sync
from reconciler.state.plans import MODE
from reconciler.system.files import write_atomic


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
    def consent(self) -> Path:
        """A person's yes to the plan that waits, until it is carried out."""
        return self.folder / "consent.json"

    @property
    def reviewed(self) -> Path:
        """What pull requests were told."""
        return self.folder / "pull-requests.json"

    @property
    def own_commits(self) -> Path:
        """The ids of the commits of the lock file that it has made."""
        return self.folder / "own-commits"

    def lay(self, left: Mapping[str, str], new_id: Callable[[], str]) -> None:
        """Put what another controller has left into the places of ours; what it did not have goes.
        Where it has left nothing, nothing changes. Raises DiskFull, OSError.
        """
        files = (self.status, self.waiting_plan, self.consent, self.reviewed, self.own_commits)
        for file in files if left else ():
            if file.name in left:
                mode = MODE if file == self.waiting_plan else 0o644
                write_atomic(file, left[file.name].encode(), tmp_name=new_id(), mode=mode)
            else:
                file.unlink(missing_ok=True)

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
