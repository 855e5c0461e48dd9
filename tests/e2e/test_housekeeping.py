"""verify and gc: questions that change nothing, and what they do when told."""

from __future__ import annotations

from reconciler.plan.step import Action
from tests.e2e.bench import Bench


async def test_a_blob_that_went_bad_is_found_quarantined_and_collected_again(bench: Bench) -> None:
    """Size alone tells nothing; --read-data does, --repair heals, and within 24 h the service gives
    it again, free.
    """
    bench.edit("rain")
    await bench.apply()
    (blob,) = (bench.root / ".cutlist/mock/blobs").glob("*/*")
    blob.chmod(0o644)
    blob.write_bytes(bytes(blob.stat().st_size))
    bench.output("rain").unlink()
    project = bench.project()
    assert project.verify() == []
    ((path, words),) = project.verify(read_data=True)
    assert path == str(blob)
    assert "does not have the bytes" in words
    assert blob.exists()
    project.verify(read_data=True, repair=True)
    assert not blob.exists()
    assert len(list((bench.root / ".cutlist/mock/quarantine").iterdir())) == 1
    assert [step.action for step in bench.project().plan().steps] == [Action.RESUME]
    assert (await bench.apply()).exit_code == 0
    assert bench.billed_tasks() == 1


async def test_a_bad_blob_is_never_written_out(bench: Bench) -> None:
    """The bytes are verified when they are read: the file that was asked for stays away, and the
    reason is said.
    """
    bench.edit("rain")
    await bench.apply()
    (blob,) = (bench.root / ".cutlist/mock/blobs").glob("*/*")
    blob.chmod(0o644)
    blob.write_bytes(bytes(blob.stat().st_size))
    bench.output("rain").unlink()
    report = await bench.apply()
    assert report.exit_code == 4
    assert "no longer has the bytes" in str(report.failures[0].error)
    assert not bench.output("rain").exists()


async def test_gc_shows_and_deletes_only_what_nothing_names(bench: Bench) -> None:
    """The present result stays; an earlier take goes when it is told to, and only then."""
    bench.edit("rain")
    await bench.apply()
    bench.edit("rain", take=2)
    await bench.apply()
    project = bench.project()
    (old,) = project.gc(commits=5).results
    assert old.job["take"] == 1
    assert len(list((bench.root / ".cutlist/mock/blobs").glob("*/*"))) == 2
    project.gc(commits=5, delete=True)
    assert len(list((bench.root / ".cutlist/mock/blobs").glob("*/*"))) == 1
    assert project.gc(commits=5).results == ()
    assert [step.action for step in project.plan().steps] == [Action.KEEP]


async def test_gc_keeps_what_a_lock_file_in_git_names(bench: Bench) -> None:
    """Going back to a commit stays free: what its lock file names is kept."""
    import subprocess

    def git(*arguments: str) -> None:
        who = [
            "-c",
            "user.name=test",
            "-c",
            "user.email=test@example.com",
            "-c",
            "commit.gpgsign=false",
        ]
        subprocess.run(["git", *who, *arguments], cwd=bench.root, check=True, capture_output=True)

    git("init")
    bench.live_project()
    bench.edit("rain")
    await bench.apply(bench.live_project())
    git("add", "cutlist.lock")
    git("commit", "-m", "one")
    bench.edit("rain", take=2)
    await bench.apply(bench.live_project())
    assert bench.live_project().gc(commits=5).results == ()
    git("add", "cutlist.lock")
    git("commit", "-m", "two")
    assert len(bench.live_project().gc(commits=1).results) == 1
