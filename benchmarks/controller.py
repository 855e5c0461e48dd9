"""The controller, as the real `cutlist sync`: from a push to the first request, what a look with
nothing new costs, a very large repository, and fifty Syncs of which two are in trouble.

`python benchmarks/controller.py` measures the first two in a minute; `--all` everything.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from frame import tell_value
from scene.processes import ControllerProcess, start
from scene.projects import EDIT
from scene.repositories import (
    TimedHost,
    count_objects,
    fill,
    import_history,
    make_team,
    write_sync,
)

from mockserver.threaded import ServerThread
from tests.githost import GitHost
from tests.repository import Repository

EDITS = 1000
PUSHES = 15
ALLOWED_S = 1.0  # from a push with a webhook to the first request
ALLOWED_CPU_S = 0.2  # of one look: 2 % at an interval of 10 s
ALLOWED_MIB = 300
LARGE = 10_000  # commits, and manifests
SYNCS = 50


# ---------------------------------------------------------------- a push


def push_and_wait(
    repository: Repository, host: GitHost, server: ServerThread, process: ControllerProcess,
    number: int, *, webhook: bool,
) -> float:  # fmt: skip
    """Change an edit and push it; the seconds until the server is asked for it."""
    path = repository.root / "specs" / "000" / "00000.yaml"
    path.write_text(EDIT.replace("NUMBER", "00000").replace("seed: 7", f"seed: {1000 + number}"))
    commit = repository.commit(f"seed {number}")
    since = len(process.lines)
    host.publish(repository)
    pushed_at = time.time()
    if webhook:
        assert process.send_webhook("films", commit) == 202
    process.wait_for(since, revision=commit, outcome="applied")
    asked = [
        float(request["at"])
        for request in server.journal()["requests"]
        if request["method"] == "POST" and request["path"].endswith("video-synthesis")
    ]
    return next(at for at in asked if at >= pushed_at - 0.001) - pushed_at


def measure_pushes(edits: int, *, webhook: bool, interval_s: int) -> list[float]:
    """The seconds of each push to its first request, in a project of so many edits."""
    with (
        tempfile.TemporaryDirectory() as text,
        TimedHost(Path(text) / "host") as host,
        ServerThread(task_seconds=(0.0, 0.1)) as server,
    ):
        folder = Path(text)
        repository, url = make_team(folder, host, edits)
        sync = write_sync("films", url, server.url, interval=f"{interval_s}s")
        fill(folder / "state", sync)
        with start(folder, sync) as process:
            process.wait_for(outcome="unchanged")
            delays = []
            for number in range(PUSHES):
                time.sleep(0.3 + 0.13 * (number % 7))  # not in step with the interval
                delays.append(
                    push_and_wait(repository, host, server, process, number, webhook=webhook)
                )
    return delays


def tell_pushes(edits: int, floor_s: float) -> None:
    hooked = measure_pushes(edits, webhook=True, interval_s=3600)
    claim = f"push and webhook to first request, {edits:,} manifests"
    tell_value(claim, hooked, allowed=ALLOWED_S, unit="s", git_ls_remote_s=floor_s)
    waited = measure_pushes(edits, webhook=False, interval_s=1)
    claim = f"push to first request by an interval of 1 s, {edits:,} manifests"
    tell_value(claim, waited, allowed=2.0, unit="s")


def measure_floor() -> tuple[float, float]:
    """Seconds, and CPU seconds, that git itself needs to ask a host what is new."""
    with tempfile.TemporaryDirectory() as text, GitHost(Path(text) / "host") as host:
        _, url = make_team(Path(text), host, 1)
        spans, before = [], sum_children_cpu()
        for _ in range(10):
            begun = time.perf_counter()
            subprocess.run(["git", "ls-remote", url], check=True, capture_output=True)
            spans.append(time.perf_counter() - begun)
        return statistics.median(spans), (sum_children_cpu() - before) / 10


def sum_children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# ---------------------------------------------------------------- nothing new


def tell_idle(seconds: float = 12.0) -> None:
    """What a look costs that finds nothing new, among 1,000 manifests whose videos are there."""
    with (
        tempfile.TemporaryDirectory() as text,
        TimedHost(Path(text) / "host") as host,
        ServerThread() as server,
    ):
        folder = Path(text)
        _, url = make_team(folder, host, EDITS)
        sync = write_sync("films", url, server.url, interval="1s")
        fill(folder / "state", sync)
        with start(folder, sync) as process:
            process.wait_for(outcome="unchanged")
            own, git = process.read_cpu()
            looks = len(host.looks["films"])
            time.sleep(seconds)
            own_after, git_after = process.read_cpu()
            count = len(host.looks["films"]) - looks
    own_s, git_s = (own_after - own) / count, (git_after - git) / count
    tell_value(
        f"a look with nothing new, {EDITS:,} manifests",
        [own_s + git_s],
        allowed=ALLOWED_CPU_S,
        unit="s CPU",
        git_s=git_s,
    )


# ---------------------------------------------------------------- a very large repository


def tell_large(mode: str) -> None:
    """The first pass over 10,000 commits with 10,000 manifests: what it fetches and needs."""
    with (
        tempfile.TemporaryDirectory() as text,
        TimedHost(Path(text) / "host") as host,
        ServerThread(task_seconds=(0.0, 0.1)) as server,
    ):
        folder = Path(text)
        import_history(host.find_folder(), LARGE)
        sync = write_sync(
            "films", f"{host.url}/films.git", server.url, interval="1d", apply={"mode": mode}
        )
        if mode == "auto":
            fill(folder / "state", sync)
        begun = time.monotonic()
        with start(folder, sync) as process:
            outcome = {"auto": "unchanged", "never": "planned", "approve": "needsPerson"}[mode]
            process.wait_for(outcome=outcome, within_s=600)
            took_s, peak = time.monotonic() - begun, process.read_memory()
        mirror = folder / "state" / "syncs" / "films" / "repository.git"
        here = count_objects(mirror)
        there = count_objects(host.find_folder())
    tell_value(
        f"first pass over {LARGE:,} commits and manifests, mode {mode}, peak memory",
        [peak],
        allowed=ALLOWED_MIB,
        unit="MiB",
        took_s=took_s,
        objects=here,
        objects_there=there,
    )


# ---------------------------------------------------------------- fifty Syncs


def tell_many(interval_s: int = 5, seconds: float = 40.0) -> None:
    """Fifty Syncs, one of a broken commit, one of a host that never answers, and beside them a
    document with a fault.
    """
    with (
        tempfile.TemporaryDirectory() as text,
        TimedHost(Path(text) / "host") as host,
        TimedHost(Path(text) / "hanging") as hanging,
        ServerThread(task_seconds=(0.0, 0.1)) as server,
    ):
        folder = Path(text)
        repository, _ = make_team(folder, host, 2)
        (repository.root / "specs" / "000" / "00000.yaml").write_text("kind: Edit\nspec: [\n")
        for number in range(2, SYNCS):
            host.copy(f"films-{number}")
        repository.commit("broken")
        urls = {"broken": host.publish(repository, "broken"), "films-hang": hanging.url}
        urls |= {f"films-{number}": f"{host.url}/films-{number}.git" for number in range(2, SYNCS)}
        hanging.order("hang", times=1_000_000)
        urls["films-hang"] += "/films.git"
        syncs = [
            write_sync(name, url, server.url, interval=f"{interval_s}s")
            for name, url in urls.items()
        ]
        syncs.append(write_sync("typo", hanging.url, server.url, interval="often"))
        with start(folder, *syncs) as process:
            for number in range(2, SYNCS):  # the first passes render
                process.wait_for(sync=f"films-{number}", outcome="applied")
            before, cpu = time.monotonic(), sum(process.read_cpu())
            time.sleep(seconds)
            cpu, memory = sum(process.read_cpu()) - cpu, process.read_memory("VmRSS")
            threads = process.count_threads()
    gaps = [
        later - earlier
        for name, looks in host.looks.items()
        if name.startswith("films-")
        for earlier, later in itertools.pairwise(looks)
        if earlier > before
    ]
    tell_value(
        f"{SYNCS} Syncs every {interval_s} s, one broken, one hanging, between two looks",
        gaps,
        allowed=interval_s * 1.1 + 1,
        unit="s",
        share_of_a_core=cpu / seconds,
        memory_mib=memory,
        threads=threads,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--all", action="store_true", help="measure the large and the many, too")
    parser.add_argument("--only", default="", help="pushes, idle, large or many")
    arguments = parser.parse_args()
    chosen = arguments.only
    if chosen in ("", "pushes"):
        floor_s, _ = measure_floor()
        tell_pushes(1, floor_s)
        if arguments.all:
            tell_pushes(EDITS, floor_s)
    if chosen in ("", "idle"):
        tell_idle()
    if chosen == "large" or arguments.all:
        for mode in ("never", "approve", "auto"):
            tell_large(mode)
    if chosen == "many" or arguments.all:
        tell_many()


if __name__ == "__main__":
    main()
