"""A plan asks the store and the ledger by the keys of its edits, and is the same as if it had read
all that ever was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.plan.step import Action
from reconciler.state.store import Contents, FolderStore
from tests.e2e.bench import Bench


def plans_the_same(bench: Bench) -> None:
    """The plan by keys and the one that has read everything are the same to the last word."""
    by_keys, whole = bench.project().run_pass(), bench.project().run_pass(whole=True)
    assert by_keys.plan == whole.plan
    assert by_keys.collect_pins() == whole.collect_pins()


async def test_the_same_plan_as_of_everything(bench: Bench) -> None:
    """With a chain, an edit that was changed, one that is gone, one without a ledger's word, a file
    that was cut short, and one that is somebody's.
    """
    bench.edit("rain")
    bench.edit("snow", url="edit://rain")
    bench.edit("gone")
    plans_the_same(bench)
    await bench.apply()
    plans_the_same(bench)
    bench.edit("rain", take=2)
    plans_the_same(bench)
    await bench.apply()
    bench.edit("rain")
    (bench.root / "specs" / "gone.yaml").unlink()
    plans_the_same(bench)
    output = next(bench.root.glob("renders/**/rain.mp4"))
    content = output.read_bytes()
    for changed in (content[:100], b"", b"somebody's"):
        output.write_bytes(changed)
        plans_the_same(bench)
    output.unlink()
    for part in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (bench.project().config.state_dir / part).unlink(missing_ok=True)
    bench.edit("snow", url="edit://rain", take=3)
    plans_the_same(bench)


async def test_other_records_are_not_read(bench: Bench, opened: list[Path]) -> None:
    """However many results a store has: a plan of one edit reads the record of that one."""
    bench.edit("rain")
    await bench.apply()
    project = bench.project()
    ((result,),) = project.store.read_all_results().results.values()
    (own,) = (bench.project().store.folder / "results").rglob("*.json")
    for number in range(30):
        with project.store.new_blob() as blob:
            blob.write(str(number).encode())
            digest = blob.commit()
            size_bytes = blob.size_bytes
        other = replace(result, key=f"{number:064x}", digest=digest, size_bytes=size_bytes)
        project.store.put_result(replace(other, edit="other"))
    opened.clear()
    (step,) = bench.project().plan().steps
    assert step.action is Action.KEEP
    assert [path for path in opened if "results" in path.parts] == [own]


async def test_a_result_that_comes_while_a_plan_looks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process stores a result after the plan has asked the store, and writes SUCCEEDED
    before it asks the ledger: nothing is taken for paid and lost.
    """
    bench.edit("rain")
    await bench.apply()
    (record,) = (bench.project().store.folder / "results").rglob("*.json")
    aside, real = bench.root / "aside", FolderStore.find_results
    record.rename(aside)

    def find_results(store: FolderStore, keys: Collection[str], **options: bool) -> Contents:
        answer = real(store, keys, **options)
        if aside.exists():
            aside.rename(record)
        return answer

    monkeypatch.setattr(FolderStore, "find_results", find_results)
    (step,) = bench.project().plan().steps
    assert step.action is Action.KEEP
