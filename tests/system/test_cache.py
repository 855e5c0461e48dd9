"""The cache: what it remembers and drops, and that it believes nothing that we did not write."""

from __future__ import annotations

import marshal
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.system import cache_file
from reconciler.system.cache import Cache, name_block, open_cache
from reconciler.system.machine_key import read_machine_key
from tests.cli.processes import environment

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ENTRIES = {f"key {n:03}": [n, "v" * 3 * n] for n in range(60)}


def fill(folder: Path, key: bytes = KEY) -> Path:
    """A cache with the entries, and with one that is not read at once; its file."""
    with Cache(folder, key) as cache:
        for name, value in ENTRIES.items():
            if cache.get("table", name) is None:
                cache.put("table", name, value)
        if cache.fetch("table/whole", "key 007") is None:
            cache.put("table/whole", "key 007", "x" * 20_000)
    return folder / "cache.db"


def read(folder: Path, key: bytes | None = KEY) -> dict[str, Any]:
    """What a run finds of all that was written."""
    cache = Cache(folder, key)
    found = {name: cache.get("table", name) for name in ENTRIES}
    found["whole"] = cache.fetch("table/whole", "key 007")
    cache.save()
    return {name: value for name, value in found.items() if value is not None}


ALL = {**ENTRIES, "whole": "x" * 20_000}


def leave_out(*keys: str) -> dict[str, Any]:
    """All but the entries that lie in one block with these."""
    lost = {name_block(key) for key in keys}
    return {name: value for name, value in ALL.items() if name_block(name) not in lost}


def alter(path: Path, sql: str, *values: Any) -> None:
    """What somebody does to the file who knows how it is made."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql, values)


# ------------------------------------------------------------------ what is remembered


def test_what_was_put_is_there_again(tmp_path: Path) -> None:
    """Values come back as they were put, also under names that are no text."""
    fill(tmp_path)
    assert read(tmp_path) == ALL
    name = os.fsdecode(b"caf\xe9 \xc3\xa9 \xff")
    with Cache(tmp_path, KEY) as cache:
        cache.put("table", name, {"a": [1.5, None, "\u00e9"]})
    assert Cache(tmp_path, KEY).get("table", name) == {"a": [1.5, None, "\u00e9"]}
    assert Cache(tmp_path, KEY).get("other", "key 001") is None


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """The file is as private as a key."""
    path = fill(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["cache.db"]


def test_what_is_known_already_is_not_written(tmp_path: Path) -> None:
    """A run that learns nothing leaves the file alone."""
    path = fill(tmp_path)
    before = path.stat().st_mtime_ns, path.read_bytes()
    with Cache(tmp_path, KEY) as cache:
        for name, value in ENTRIES.items():
            assert cache.get("table", name) == value
            cache.put("table", name, value)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_two_runs_leave_each_other_alone(tmp_path: Path) -> None:
    """What a run did not ask for goes only once it is more than what it asked for."""
    fill(tmp_path)

    def run(first: int, last: int) -> None:
        with Cache(tmp_path, KEY) as cache:
            for name in list(ENTRIES)[first:last]:
                cache.get("table", name)

    for span in ((0, 30), (30, 60), (0, 30)):
        run(*span)
        assert read(tmp_path) == ALL
    run(10, 30)
    assert read(tmp_path) == dict(list(ENTRIES.items())[10:30])  # and what was aside is gone too


def test_a_save_keeps_what_another_has_saved(tmp_path: Path) -> None:
    """Runs at the same time: each writes its own, whoever read first."""
    fill(tmp_path)
    first, second = Cache(tmp_path, KEY), Cache(tmp_path, KEY)
    for name in ENTRIES:
        assert first.get("table", name) == second.get("table", name)
    first.put("table", "first", 1)
    second.put("table", "second", 2)
    second.save()
    first.save()
    cache = Cache(tmp_path, KEY)
    assert (cache.get("table", "first"), cache.get("table", "second")) == (1, 2)


def test_a_save_keeps_what_another_has_put_into_the_same_block(tmp_path: Path) -> None:
    """Entries that lie together are written together, and none is lost by it."""
    names = [f"key {n}" for n in range(1000) if name_block(f"key {n}") == name_block("key 1")]
    first, second = Cache(tmp_path, KEY), Cache(tmp_path, KEY)
    for cache, name in ((first, names[0]), (second, names[1])):
        assert cache.get("table", name) is None
        cache.put("table", name, name)
        cache.save()
    cache = Cache(tmp_path, KEY)
    assert [cache.get("table", name) for name in names[:3]] == [*names[:2], None]


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Processes that begin and save at the same time leave a cache that tells nothing wrong."""
    program = (
        "import sys; from pathlib import Path; from reconciler.system.cache import Cache\n"
        "for round in range(4):\n"
        "    with Cache(Path(sys.argv[1]), b'k' * 32) as cache:\n"
        "        for n in range(100):\n"
        "            name = f'{sys.argv[2]} {n}'\n"
        "            assert cache.get('table', name) in (None, name)\n"
        "            cache.put('table', name, name)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], env=environment())
        for name in ("one", "two")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    cache = Cache(tmp_path, KEY)
    for name in ("one", "two"):
        assert {cache.get("table", f"{name} {n}") for n in range(100)} <= {
            None,
            *(f"{name} {n}" for n in range(100)),
        }


# ------------------------------------------------------------------ what is not believed


@pytest.mark.parametrize("kind", ["flip", "zero", "cut", "longer"])
def test_a_damaged_file_tells_nothing_wrong(tmp_path: Path, kind: str) -> None:
    """Bytes flipped or lost anywhere: each entry is as it was or not there, and the next run makes
    it whole again.
    """
    whole = fill(tmp_path / "whole").read_bytes()
    chance = random.Random(kind)
    places = [*range(0, 100, 1 if kind == "flip" else 9)]  # the head of the file
    places += [chance.randrange(len(whole)) for _ in range(40)]
    places += [
        page + offset for page in range(4096, len(whole), 4096) for offset in range(0, 12, 3)
    ]
    for place in places:
        raw = bytearray(whole)
        if kind == "flip":
            raw[place] ^= 1 << chance.randrange(8)
        elif kind == "zero":
            raw[place : place + 64] = bytes(len(raw[place : place + 64]))
        elif kind == "cut":
            del raw[place:]
        else:
            raw[place:place] = bytes(1)
        path = tmp_path / "cache.db"
        path.write_bytes(raw)
        found = read(tmp_path)
        assert found.items() <= ALL.items(), (place, kind)
        fill(tmp_path)
        assert read(tmp_path) == ALL, (place, kind)


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    """The run that finds it leaves a sound one, whatever lay there."""
    for content in (b"", b"no database", b"SQLite format 3\0" + bytes(4096), bytes(100_000)):
        (tmp_path / "cache.db").write_bytes(content)
        assert read(tmp_path) == {}
        fill(tmp_path)
        assert read(tmp_path) == ALL


def test_a_row_in_the_place_of_another_is_none(tmp_path: Path) -> None:
    """A row is believed under its own name, in its own table, with its own value, and no other."""
    path = fill(tmp_path)
    first, second = name_block("key 001"), name_block("key 042")
    row = f"(select {{}} from entries where section = 'table' and key = x'{second.hex()}')"
    for changes in (
        f"value = {row.format('value')}",
        f"mac = {row.format('mac')}",
        f"value = {row.format('value')}, mac = {row.format('mac')}",
        f"value = x'{marshal.dumps({'key 001': [1, 'w']}).hex()}'",
        "mac = zeroblob(16)",
        "mac = zeroblob(0)",
    ):
        fill(tmp_path)
        alter(path, f"update entries set {changes} where key = ?", first)
        assert read(tmp_path) == leave_out("key 001")
    alter(path, "update entries set section = 'other' where key = ?", name_block("key 002"))
    assert Cache(tmp_path, KEY).get("other", "key 002") is None


def test_the_cache_of_another_machine_is_forgotten(tmp_path: Path) -> None:
    """A file that came with a project tells nothing, though all in it is well formed."""
    fill(tmp_path, OTHER_KEY)
    assert read(tmp_path) == {}
    fill(tmp_path)
    assert read(tmp_path) == ALL
    assert read(tmp_path, OTHER_KEY) == {}


def test_a_strangers_row_in_our_file(tmp_path: Path) -> None:
    """A row that somebody wrote who has no key is none, and the others stay."""
    path = fill(tmp_path)
    row = "insert or replace into entries values ('table', ?, ?, ?)"
    value = marshal.dumps({"key 003": [3, "www"]})
    alter(path, row, name_block("key 003"), value, b"m" * 16)
    alter(path, row, name_block("key 004"), b"[" * 100_000, b"m" * 16)
    assert read(tmp_path) == leave_out("key 003", "key 004")


def test_another_format_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version of the program wrote is as if it were not there."""
    fill(tmp_path)
    monkeypatch.setattr(cache_file, "_FORMAT", b"cutlist cache 0")
    assert read(tmp_path) == {}
    fill(tmp_path)
    assert read(tmp_path) == ALL


def _view(path: Path) -> None:
    alter(path, "alter table entries rename to more")
    alter(
        path,
        "create view entries as with recursive r(n) as (select 1 union all select n + 1 from r)"
        " select 'table' as section, n as key, n as value, n as mac from r",
    )


def _trigger(path: Path) -> None:
    alter(path, "create trigger t after insert on entries begin delete from entries; end")


def _log(path: Path) -> None:
    alter(path, "pragma journal_mode = wal")


def _journal(path: Path) -> None:
    Path(f"{path}-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))


def _link(path: Path) -> None:
    path.rename(path.parent / "elsewhere.db")
    path.symlink_to("elsewhere.db")


def _folder(path: Path) -> None:
    path.rename(path.parent / "elsewhere.db")
    path.mkdir()


@pytest.mark.parametrize("prepare", [_view, _trigger, _log, _journal, _link])
def test_a_file_that_would_act_is_not_opened(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    """Views, triggers, logs, rollbacks and links: SQLite would do what they say."""
    path = fill(tmp_path)
    prepare(path)
    assert read(tmp_path) == {}
    fill(tmp_path)
    assert read(tmp_path) == ALL
    assert {each.name for each in tmp_path.iterdir()} - {"elsewhere.db"} == {"cache.db"}
    if prepare is _link:
        (tmp_path / "elsewhere.db").rename(path)
        assert read(tmp_path) == ALL  # nothing was done to what it led to


# ------------------------------------------------------------------ where nothing can be kept


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """What is there is read; what is new is not kept, and nobody is told."""
    fill(tmp_path)
    tmp_path.chmod(0o500)
    (tmp_path / "cache.db").chmod(0o400)
    try:
        assert read(tmp_path) == ALL
        with Cache(tmp_path, KEY) as cache:
            cache.put("table", "new", 1)
        assert Cache(tmp_path, KEY).get("table", "new") is None
        assert Cache(tmp_path / "below", KEY).get("table", "new") is None
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A file in the place of the folder, or a folder in the place of the file."""
    (tmp_path / "file").write_bytes(b"")
    fill(tmp_path / "file")
    assert read(tmp_path / "file") == {}
    _folder(fill(tmp_path / "cache"))
    fill(tmp_path / "cache")
    assert read(tmp_path / "cache") == {}


def test_while_another_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that takes long: what was there is read, or nothing, and the file stays as it is."""
    monkeypatch.setattr(cache_file, "_PATIENCE_S", 0.0)
    path = fill(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = memory")
        connection.execute("begin immediate")
        connection.execute("delete from entries")
        assert read(tmp_path) == ALL
        with Cache(tmp_path, KEY) as cache:
            cache.put("table", "new", 1)
        connection.execute("rollback")
        connection.execute("begin exclusive")
        assert read(tmp_path) == {}
        connection.execute("rollback")
    assert read(tmp_path) == ALL


def test_without_a_key_it_lives_as_long_as_the_run(tmp_path: Path) -> None:
    """It remembers, and writes nothing."""
    cache = Cache(tmp_path / "cache", None)
    cache.put("table", "key", 1)
    cache.save()
    assert (cache.get("table", "key"), cache.fetch("table", "key")) == (1, 1)
    assert not (tmp_path / "cache").exists()


# ------------------------------------------------------------------ the key


def test_the_key_is_private_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One key for a user of a machine, in the user's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = read_machine_key()
    assert key is not None
    assert (len(key), read_machine_key()) == (32, key)
    path = tmp_path / "cutlist/cache.key"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (key, 0o600)
    assert [each.name for each in path.parent.iterdir()] == ["cache.key"]
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert read_machine_key() not in (None, key)
    assert (tmp_path / "home/.local/state/cutlist/cache.key").is_file()


def test_a_key_that_others_could_know_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that others may read, that is a link, or cut short, is none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path, keys = tmp_path / "cutlist/cache.key", {read_machine_key()}
    for harm in (
        lambda: path.chmod(0o640),
        lambda: path.chmod(0o602),
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(KEY + b"more"),
        lambda: (path.rename(tmp_path / "elsewhere"), path.symlink_to(tmp_path / "elsewhere")),
        lambda: (path.unlink(), os.mkfifo(path, 0o600)),
    ):
        harm()
        keys.add(read_machine_key())
    assert len(keys - {None}) == 7
    assert not path.is_symlink()


def test_where_there_is_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept, and nothing is wrong."""
    monkeypatch.delenv("XDG_STATE_HOME")
    for home in ("", "relative", str(tmp_path / "file")):
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("HOME", home)
        assert read_machine_key() is None
        with open_cache(tmp_path / "cache") as cache:
            cache.put("table", "key", 1)
        assert open_cache(tmp_path / "cache").get("table", "key") is None
    assert not (tmp_path / "cache").exists()
