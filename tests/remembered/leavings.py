"""What earlier applies have left behind: results, attempts, outputs with their notes, the lock
file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks.scene.projects import build_result, open_quick_ledger
from reconciler import Project
from reconciler.desired.job import Job, Wanted, build_canonical
from reconciler.errors import CutlistError
from reconciler.formats.digest import digest_json
from reconciler.plan.jobs import Resolved
from reconciler.state import lockfile
from reconciler.state.booked import Booking
from reconciler.state.ledger import SqliteLedger
from reconciler.state.observed import Attempt, Pin, Published, Result, State
from reconciler.state.outputs import Outputs

BLOB = 120  # bytes of a video, more or less: nobody opens it


class Leavings:
    """Leaves in a project what applies of its edits, or of some of them, leave behind."""

    def __init__(self, project: Project, chance: Random) -> None:
        self._project = project
        self._chance = chance
        self._count = len(list(project.config.store_dir.glob("results/*/*")))
        self._notes: dict[str, Published] = {}
        self._pins: dict[str, Pin] = {}

    def leave(self) -> None:
        """Until no edit has a key that nothing is known of; chains get their results one after the
        other.
        """
        config, done = self._project.config, set[str]()
        ledger = open_quick_ledger(config.state_dir / "ledger.db")
        try:
            for _ in range(3):
                resolved = self._project.run_pass().resolved
                new = {name: edit for name, edit in resolved.items() if edit.job is not None}
                for name in sorted(new.keys() - done):
                    self._befall(name, new[name], ledger)
                done |= new.keys()
                self._write()
                if done == resolved.keys():
                    break
            if self._chance.random() < 0.4:
                self._leave_over()
            self._write()
        except (CutlistError, OSError):
            pass  # a project with faults, or what is damaged cannot be written
        finally:
            ledger.close()

    def _write(self) -> None:
        config = self._project.config
        outputs = Outputs(config.root, config.outputs_file)
        outputs.remember(self._notes, tmp_name="notes")
        if config.realm == "live" and self._pins:
            lockfile.write(config.lock_dir, config.environment, self._pins, tmp_name="pins")

    def _befall(self, name: str, edit: Resolved, ledger: SqliteLedger) -> None:
        """Something became of an edit; most often it was rendered and written."""
        assert edit.job is not None
        job, chance = edit.job, self._chance
        kind = chance.choices(range(8), (50, 8, 8, 6, 8, 8, 6, 6))[0]
        if kind == 7:
            job = make_former_job(edit.wanted, job)
        if kind in (0, 1, 2, 3, 7):
            result = self.put(job, name)
            self._book(ledger, job, name, State.SUCCEEDED)
            if kind == 2:
                result = self.put(job, chance.choice((name, "another")))  # a second one
            if kind != 1:
                self._publish(edit.wanted, result, cut=kind == 3)
            if chance.random() < 0.7:
                self._pins[name] = Pin(result.key, result.digest)
        elif kind == 4:
            for _ in range(chance.randint(1, 2)):
                self._book(ledger, job, name, State.FAILED)
            self._pins["older"] = Pin(job.key, "0" * 64)
        elif kind == 5:
            state = chance.choice((State.INTENT, State.SUBMITTED, State.UNDECIDED))
            self._book(ledger, job, name, state)
        elif kind == 6:  # what another machine has rendered
            self._pins[name] = Pin(job.key, digest_json("elsewhere"))

    def put(self, job: Job, name: str) -> Result:
        """Store a video of a job."""
        self._count += 1
        content = f"{name} {self._count} ".encode().ljust(BLOB + self._count % 3, b"v")
        with self._project.store.new_blob() as blob:
            blob.write(content)
            digest = blob.commit()
        stored_at = f"2026-01-01T00:{self._count:02}:00+00:00"
        result = replace(build_result(job, digest, len(content), name), stored_at=stored_at)
        self._project.store.put_result(result)
        return result

    def _publish(self, wanted: Wanted, result: Result, *, cut: bool) -> None:
        config, edit = self._project.config, wanted.edit
        with self._project.store.open_blob(result.digest) as blob:
            content = blob.read()
        target = config.root / edit.output
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content[:50] if cut else content)
        if self._chance.random() < 0.9:
            self._notes[edit.output] = Published(
                result.digest,
                config.realm,
                edit.name,
                result.key,
                config.environment,
                protected=edit.protect,
            )

    def _leave_over(self) -> None:
        """Files of edits that are gone or have another name now."""
        config = self._project.config
        for path in ("renders/gone.mp4", "renders/moved.mp4"):
            job = make_job({"v": 2, "path": path})
            result = self.put(job, "gone")
            (config.root / path).parent.mkdir(exist_ok=True)
            with self._project.store.open_blob(result.digest) as blob:
                (config.root / path).write_bytes(blob.read())
            self._notes[path] = Published(
                result.digest, config.realm, "gone", job.key, config.environment
            )

    def _book(self, ledger: SqliteLedger, job: Job, name: str, state: State) -> None:
        book(ledger, self._project, job, name, state)


def book(ledger: SqliteLedger, project: Project, job: Job, name: str, state: State) -> None:
    """Write an attempt into the ledger, up to where it is now."""
    id_, at = project.clock.new_id(), project.clock.now() - 3600
    lane = f"{project.config.endpoint.name} {project.config.account} wan2.7-videoedit"
    attempt = Attempt(
        id_, job.key, lane, name, State.INTENT, project.config.endpoint.name, at, billable_s=5.0
    )
    booking = Booking(project.config.environment, {}, "wan2.7-videoedit", 0.1, "USD")
    canonical = json.loads(json.dumps(job.canonical))
    ledger.intend(
        attempt, request_sha256=job.key, prompt=None, job=canonical, server_time=at, booking=booking
    )
    if state is State.INTENT:
        return
    if state is not State.UNDECIDED:
        ledger.submitted(id_, f"task-{id_}", at=at + 1, server_time=at)
    if state is not State.SUBMITTED:
        ledger.end(id_, state, at=at + 9, code="InternalError" if state is State.FAILED else "")


def make_job(canonical: Mapping[str, object]) -> Job:
    """A job and its key."""
    return Job(digest_json(canonical), canonical)


def make_former_job(wanted: Wanted, job: Job) -> Job:
    """The job as version 1 of the rule of keys made it, where it takes no other edit's output."""
    if wanted.upstreams:
        return make_job({**job.canonical, "v": 1})
    links = {
        item.medium.at: wanted.signatures.remove_signature_v1(item.medium.reference.value)
        for item in wanted.inputs
        if item.medium.reference.kind == "remote"
    }
    return make_job(build_canonical(wanted, {**wanted.identities({}), **links}, 1))


def find_records(store: Path) -> list[Path]:
    """The records of a store."""
    return sorted(store.glob("results/*/*.json"))


def find_blobs(store: Path) -> list[Path]:
    """The blobs of a store."""
    return sorted(store.glob("blobs/*/*"))
