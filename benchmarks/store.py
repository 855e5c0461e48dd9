"""What a store in a bucket costs a plan, beside the folder of one machine: 1,000 edits of which
everything is rendered, in a store of 100,000 results.

The bucket is moto's server on this machine; that its packs are made here and not by applies saves
an hour.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

from frame import Usage, measure_command, measure_in_turn, say, tell_ratio, tell_value
from scene.making import CUTLIST, SETTLED_S, make_project

from reconciler.formats.digest import hash_bytes
from reconciler.state.store.bucket import StorageBucket
from reconciler.state.store.copies import Copies
from reconciler.state.store.index import SHARDS
from reconciler.state.store.packs import Packs
from reconciler.system.clock import SystemClock
from tests.bucketserver import ACCESS, BucketServer, run_server

EDITS, RESULTS, ROUNDS = 1_000, 100_000, 5


def add_records(store: Path, number: int) -> None:
    """Records of other jobs, beside those of the project."""
    data = json.loads(next((store / "results").rglob("*.json")).read_bytes())
    size_bytes = data["size_bytes"]
    pattern = json.dumps({**data, "key": "KEY", "digest": "DIGEST", "edit": "other-NUMBER"})
    for prefix in range(256):
        for kind in ("results", "blobs"):
            (store / kind / f"{prefix:02x}").mkdir(exist_ok=True)
    for each in range(number):
        key, digest = hash_bytes(b"k%d" % each), hash_bytes(b"d%d" % each)
        record = pattern.replace("KEY", key).replace("DIGEST", digest).replace("NUMBER", str(each))
        write_file(f"{store}/results/{key[:2]}/{key}.{digest}.json", record.encode())
        write_file(f"{store}/blobs/{digest[:2]}/{digest}", b"", size_bytes)


def write_file(path: str, data: bytes, size_bytes: int = 0) -> None:
    """A file of these bytes, or of so many that nobody reads; there are 200,000 of them."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(handle, data)
    if size_bytes:
        os.ftruncate(handle, size_bytes)
    os.close(handle)


def fill_bucket(server: BucketServer, store: Path, folder: Path) -> str:
    """The same results as packs of a bucket. Returns its address for `store`."""
    address = server.make_bucket("mock")
    packs = Packs(StorageBucket(address), Copies(folder, 1 << 40, SystemClock()))
    lines: dict[str, list[bytes]] = {shard: [] for shard in SHARDS}
    for path in (store / "results").rglob("*.json"):
        raw = path.read_bytes().strip()
        lines[path.name[0]].append(path.name.removesuffix(".json").encode() + b" " + raw)
    for shard, several in lines.items():
        packs.write(shard, several)
    return server.name_store(address)


def plan(root: Path, store: str) -> Usage:
    """The plan of a project."""
    os.environ["CUTLIST_STORE"] = store
    return measure_command([*CUTLIST, "-C", root, "plan"])


def main() -> None:
    os.environ |= ACCESS
    with tempfile.TemporaryDirectory() as name, run_server() as server:
        folder = Path(name)
        local, shared, clone = folder / "local", folder / "shared", folder / "clone"
        say(f"making {EDITS:,} edits and {RESULTS:,} results")
        make_project(local, EDITS)
        add_records(local / ".cutlist/mock", RESULTS - EDITS)
        store = fill_bucket(server, local / ".cutlist/mock", folder / "packs")
        shutil.copytree(local, clone, ignore=shutil.ignore_patterns(".cutlist", "renders"))
        stored = shutil.ignore_patterns("blobs", "results", "cache")
        shutil.copytree(local, shared, ignore=stored)  # ledger and outputs are of the machine
        time.sleep(SETTLED_S)
        server.requests.clear()
        fresh = plan(clone, store)
        claim = f"requests of a plan in a fresh clone, {EDITS:,} edits, {RESULTS:,} results"
        tell_value(
            claim,
            [len(server.requests)],
            allowed=25,
            unit="requests",
            wall_s=round(fresh.wall_s, 2),
        )
        plan(local, "")
        plan(shared, store)
        server.requests.clear()
        plan(shared, store)
        tell_value(
            "requests of the next plan", [len(server.requests)], allowed=None, unit="requests"
        )
        results = measure_in_turn(
            ROUNDS, local=partial(plan, local, ""), shared=partial(plan, shared, store)
        )
        walls = {name: [usage.wall_s for usage in each] for name, each in results.items()}
        claim = f"no-op plan, {EDITS:,} edits, {RESULTS:,} results in a bucket, to a folder"
        tell_ratio(claim, walls["shared"], walls["local"], allowed=1.5, unit="s")


if __name__ == "__main__":
    main()
