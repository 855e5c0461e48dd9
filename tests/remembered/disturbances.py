"""What may happen to a project between two plans: to what is asked for, and to what is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.scene.projects import open_quick_ledger
from reconciler import Project
from reconciler.desired.job import Job
from reconciler.errors import CutlistError
from reconciler.state import lockfile
from reconciler.state.observed import Pin, State
from tests.remembered.damages import DAMAGES
from tests.remembered.leavings import Leavings, book, find_blobs, find_records
from tests.remembered.project import CHANGES_OF_SPEC, CLIPS, PICTURES, WORDS, draw_document
from tests.remembered.stage import Stage
from tests.remembered.touching import TOUCHES, bend_in_place, exchange, write_over

Disturbance = Callable[[Stage], None]


def _choose_job(stage: Stage) -> tuple[Project, str, Job] | None:
    """The project, an edit whose key is known, and its job; None where there is none, as in a
    project with faults.
    """
    try:
        resolved = stage.open().run_pass().resolved
    except (CutlistError, OSError):
        return None
    jobs = {name: edit.job for name, edit in resolved.items() if edit.job is not None}
    if not jobs:
        return None
    name = stage.chance.choice(sorted(jobs))
    return stage.open(), name, jobs[name]


def _touch_one(stage: Stage, paths: list[Path]) -> None:
    """Anything happens to one of some files; where it happens again, one byte is another one."""
    there = [path for path in paths if path.is_file()]
    if not there:
        return
    if stage.target in there:
        path, touched = stage.target, bend_in_place
    else:
        path, touched = stage.chance.choice(there), stage.chance.choice(TOUCHES)
    stage.told.append(f"  {touched.__name__} {path.relative_to(stage.root)}")
    touched(path, stage.chance)
    stage.target = path


# ------------------------------------------------------------------ manifests


def _rewrite(stage: Stage, change: Callable[[dict[str, object]], None]) -> None:
    """One document of one file says something else."""
    paths = [path for path, documents in stage.written.files.items() if documents]
    if not paths:
        return
    path = stage.chance.choice(paths)
    change(stage.chance.choice(stage.written.files[path]))
    target = stage.root / path
    before = target.read_bytes() if target.is_file() else None
    stage.written.write_file(path)
    if before is not None:
        content = target.read_bytes()
        target.write_bytes(before)
        write_over(target, content, stage.chance)


def change_words(stage: Stage) -> None:
    """Another word in a prompt, as long as the one before."""

    def change(document: dict[str, object]) -> None:
        text = json.dumps(document)
        for word in WORDS:
            if f"it {word}" in text:
                other = stage.chance.choice([each for each in WORDS if each != word])
                document |= json.loads(text.replace(f"it {word}", f"it {other}"))
                return

    _rewrite(stage, change)


def change_fields(stage: Stage) -> None:
    """Another take, or an edit that is suspended, protected, or no longer so."""

    def change(document: dict[str, object]) -> None:
        spec = document["spec"]
        assert isinstance(spec, dict)
        name, value = stage.chance.choice((("take", 3), ("suspend", True), ("protect", True)))
        if spec.pop(name, None) is None:
            spec[name] = value

    _rewrite(stage, change)


def rename_edit(stage: Stage) -> None:
    """An edit has another name, and so another output."""

    def change(document: dict[str, object]) -> None:
        document["metadata"] = {"name": f"n{stage.chance.randrange(3)}"}

    _rewrite(stage, change)


def add_manifest(stage: Stage) -> None:
    """A further edit, in a file of its own or behind others."""
    paths = ("specs/new.yaml", "specs/one.yaml", "more/new.yaml")
    path = stage.chance.choice(paths)
    document = draw_document(stage.chance, f"x{stage.chance.randrange(9)}", stage.written, path)
    stage.written.files.setdefault(path, []).append(document)
    stage.written.write_file(path)


def remove_document(stage: Stage) -> None:
    """An edit is asked for no more."""
    path = stage.chance.choice(list(stage.written.files))
    several = stage.written.files[path]
    if several and (stage.root / path).is_file():
        several.remove(stage.chance.choice(several))
        stage.written.write_file(path)


def touch_manifest(stage: Stage) -> None:
    """Anything happens to the file of a manifest."""
    _touch_one(stage, [stage.root / path for path in stage.written.files])


def exchange_manifests(stage: Stage) -> None:
    """Two manifests have each other's names."""
    paths = [path for name in stage.written.files if (path := stage.root / name).is_file()]
    if len(paths) > 1:
        exchange(*stage.chance.sample(paths, 2))


def move_manifest(stage: Stage) -> None:
    """A manifest lies in another folder, where its files have to be found anew."""
    path = stage.root / stage.chance.choice(list(stage.written.files))
    if path.is_file():
        target = stage.root / stage.chance.choice(("specs/deep/moved.yaml", "specs/moved.yaml"))
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            path.rename(target)


# ------------------------------------------------------------------ the project file


def change_project(stage: Stage) -> None:
    """The project file says something else."""
    change = stage.chance.choice(CHANGES_OF_SPEC)
    stage.told.append(f"  {change.__name__}")
    change(stage.written.spec, stage.chance)
    stage.written.write_spec()


def change_environment(stage: Stage) -> None:
    """Somebody asks for another environment."""
    stage.environment = stage.chance.choice(("", "draft", "final"))


def visit_environment(stage: Stage) -> None:
    """Somebody asks for another environment, and then for this one again."""
    before = stage.environment
    for stage.environment in ("", "draft", "final"):
        stage.look()
    stage.environment = before


# ------------------------------------------------------------------ files


def touch_media(stage: Stage) -> None:
    """Anything happens to a clip or a picture."""
    folder = stage.root / stage.chance.choice(("specs/media", "shelf"))
    _touch_one(stage, [folder / name for name in (*CLIPS, *PICTURES)])


def exchange_media(stage: Stage) -> None:
    """A clip has the bytes of another one."""
    folder = stage.root / stage.chance.choice(("specs/media", "shelf"))
    one, other = (folder / name for name in stage.chance.sample(CLIPS, 2))
    if not (one.is_file() and other.is_file()):
        return
    if stage.chance.random() < 0.5:
        exchange(one, other)
    else:
        write_over(one, other.read_bytes(), stage.chance)


def touch_output(stage: Stage) -> None:
    """Anything happens to a finished video."""
    _touch_one(stage, _list_outputs(stage))


def exchange_outputs(stage: Stage) -> None:
    """Two finished videos have each other's names."""
    paths = _list_outputs(stage)
    if len(paths) > 1:
        exchange(*stage.chance.sample(paths, 2))


def _list_outputs(stage: Stage) -> list[Path]:
    return [
        path
        for folder in ("renders", "films")
        for path in sorted((stage.root / folder).rglob("*.mp4"))
        if path.is_file()
    ]


# ------------------------------------------------------------------ what is stored


def _find_store(stage: Stage) -> Path:
    realm = "live" if "realm" in stage.written.spec else "mock"
    return stage.root / ".cutlist" / realm


def touch_record(stage: Stage) -> None:
    """Anything happens to the record of a result."""
    _touch_one(stage, find_records(_find_store(stage)))


def edit_record(stage: Stage) -> None:
    """A record tells something else, in as many bytes, and is still a record."""
    records = find_records(_find_store(stage))
    if not records:
        return
    path = stage.target if stage.target in records else stage.chance.choice(records)
    if not path.is_file():
        return
    text = path.read_text(errors="replace")
    changes = (('"edit":"e', '"edit":"x'), ('"stored_at":"2026', '"stored_at":"2025'),
               ('"size_bytes":1', '"size_bytes":2'), ('"v":2', '"v":1'), ('"v":1', '"v":2'),
               ('"duration_s":5', '"duration_s":9'), (".json", ".jsom"))  # fmt: skip
    before, after = stage.chance.choice(changes)
    write_over(path, text.replace(before, after).encode(), stage.chance)
    stage.target = path


def exchange_records(stage: Stage) -> None:
    """Two records have each other's names."""
    records = [path for path in find_records(_find_store(stage)) if path.is_file()]
    if len(records) > 1:
        exchange(*stage.chance.sample(records, 2))


def touch_blob(stage: Stage) -> None:
    """Anything happens to the bytes of a stored video."""
    _touch_one(stage, find_blobs(_find_store(stage)))


def add_result(stage: Stage) -> None:
    """Another process stores a result, and books what it cost."""
    if (chosen := _choose_job(stage)) is None:
        return
    project, name, job = chosen
    Leavings(project, stage.chance).put(job, stage.chance.choice((name, "another")))


def change_ledger(stage: Stage) -> None:
    """Another process has sent a request, and knows more or less of what became of it."""
    if (chosen := _choose_job(stage)) is None:
        return
    project, name, job = chosen
    state = stage.chance.choice(
        (State.INTENT, State.SUBMITTED, State.UNDECIDED, State.FAILED, State.SUCCEEDED)
    )
    ledger = open_quick_ledger(project.config.state_dir / "ledger.db")
    try:
        book(ledger, project, job, name, state)
    except CutlistError:
        pass  # it has one that is not over
    finally:
        ledger.close()


def lose_ledger(stage: Stage) -> None:
    """The ledger is gone."""
    (_find_store(stage) / "ledger.db").unlink(missing_ok=True)


def change_lock(stage: Stage) -> None:
    """The lock file names other results, or fewer."""
    if (chosen := _choose_job(stage)) is None:
        return
    project, name, job = chosen
    try:
        pins = dict(lockfile.read(stage.root).get(project.config.environment, {}))
    except (CutlistError, OSError):
        return
    digests = [path.name for path in find_blobs(_find_store(stage))]
    pins[name] = Pin(job.key, stage.chance.choice([*digests, "1" * 64]))
    for gone in stage.chance.sample(sorted(pins), stage.chance.randint(0, len(pins) // 2)):
        del pins[gone]
    lockfile.write(stage.root, project.config.environment, pins, tmp_name="x")


def touch_state(stage: Stage) -> None:
    """Anything happens to the lock file or to the notes of outputs."""
    _touch_one(stage, [stage.root / "cutlist.lock", stage.root / ".cutlist/outputs.json"])


def render_more(stage: Stage) -> None:
    """Another apply has come a part of the way."""
    try:
        project = stage.open()
    except CutlistError:
        return
    if not (project.config.state_dir / "ledger.db").exists():
        Leavings(project, stage.chance).leave()


def lose_store(stage: Stage) -> None:
    """Everything that was rendered is gone."""
    shutil.rmtree(_find_store(stage) / "results", ignore_errors=True)


# ------------------------------------------------------------------ time


def set_clock_back(stage: Stage) -> None:
    """The clock of this machine was wrong."""
    stage.disk.tick(-3600.0)


def let_a_day_pass(stage: Stage) -> None:
    """The service has forgotten its tasks by now."""
    stage.disk.tick(86400.0)


DISTURBANCES: dict[str, Disturbance] = {
    each.__name__: each
    for each in (
        change_words,
        change_fields,
        rename_edit,
        add_manifest,
        remove_document,
        touch_manifest,
        exchange_manifests,
        move_manifest,
        change_project,
        change_environment,
        visit_environment,
        touch_media,
        exchange_media,
        touch_output,
        exchange_outputs,
        touch_record,
        edit_record,
        exchange_records,
        touch_blob,
        add_result,
        change_ledger,
        lose_ledger,
        change_lock,
        touch_state,
        render_more,
        lose_store,
        set_clock_back,
        let_a_day_pass,
        *DAMAGES,
    )
}
