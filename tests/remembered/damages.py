"""What may happen to the cache itself: damage, strangers, and caches of other days and machines."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from reconciler.system import cache as cache_module
from reconciler.system import cache_file
from tests.remembered.stage import Stage, remove


def _find_file(stage: Stage) -> Path | None:
    path = stage.cache / "cache.db"
    return path if path.is_file() else None


def flip_cache(stage: Stage) -> None:
    """Some bits of the file are others."""
    path = _find_file(stage)
    if path is not None and (raw := bytearray(path.read_bytes())):
        for _ in range(stage.chance.choice((1, 1, 3, 40))):
            raw[stage.chance.randrange(len(raw))] ^= 1 << stage.chance.randrange(8)
        path.write_bytes(raw)


def cut_cache(stage: Stage) -> None:
    """The file is cut short, in the middle of a page or not."""
    path = _find_file(stage)
    if path is not None:
        raw = path.read_bytes()
        at = stage.chance.randrange(len(raw) + 1)
        path.write_bytes(raw[: stage.chance.choice((at, at // 4096 * 4096))])


def _alter(stage: Stage, change: str, *values: object) -> None:
    """What somebody does to it who knows SQLite."""
    path = _find_file(stage)
    if path is not None:
        # it may have been damaged before
        with (
            suppress(sqlite3.DatabaseError),
            closing(sqlite3.connect(path)) as connection,
            connection,
        ):
            connection.execute(change, values)


def swap_rows(stage: Stage) -> None:
    """In each section every row has the value of the next, with or without what vouches for it."""
    next_row = (
        "(select {0} from entries e where e.section = entries.section and e.key > entries.key"
        " order by e.key limit 1)"
    )
    columns = stage.chance.choice((("value",), ("mac",), ("value", "mac")))
    changes = ", ".join(f"{each} = coalesce({next_row.format(each)}, {each})" for each in columns)
    _alter(stage, f"update entries set {changes} where section != ''")


def forge_rows(stage: Stage) -> None:
    """Rows of somebody who knows what should stand in them, and has no key."""
    before, after = stage.chance.choice(
        ((b"rain", b"hail"), (b"renders/", b"renderx/"), (b"mock", b"live"), (b"e0", b"e9"),
         (b"a", b"b"), (b"1", b"2"))
    )  # fmt: skip
    path = _find_file(stage)
    if path is None:
        return
    # it may have been damaged before
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("select section, key, value from entries where section != ''")
        forged = [(value.replace(before, after), *row) for *row, value in rows.fetchall()]
        connection.executemany("update entries set value = ? where section = ? and key = ?", forged)


def _list_sections(stage: Stage) -> list[str]:
    """The sections of the file, as far as they can be read."""
    path, names = _find_file(stage), list[str]()
    if path is not None:
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            question = "select distinct section from entries where section != ''"
            names = [str(name) for (name,) in connection.execute(question)]
    return sorted(names)


def drop_rows(stage: Stage) -> None:
    """Some rows are gone, those of one section among them."""
    if names := _list_sections(stage):
        gone = "section = ? or (section != '' and unicode(hex(mac)) % 2 = 0)"
        _alter(stage, f"delete from entries where {gone}", stage.chance.choice(names))


def move_rows(stage: Stage) -> None:
    """Rows stand in another section."""
    names = _list_sections(stage)
    if len(names) > 1:
        before, after = stage.chance.sample(names, 2)
        _alter(stage, "update or replace entries set section = ? where section = ?", after, before)


def remember_elsewhere(stage: Stage) -> None:
    """The whole cache was written by another user or on another machine."""
    remove(stage.cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_module, "read_machine_key", lambda: b"o" * 32)
        stage.look()


def remember_in_another_format(stage: Stage) -> None:
    """The whole cache was written by another version."""
    remove(stage.cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_file, "_FORMAT", b"cutlist cache 0")
        stage.look()


def bring_back_cache(stage: Stage) -> None:
    """The cache is the one of a moment ago, or, somebody else's words, of another environment."""
    kept = stage.cache.with_name("kept")
    if not stage.cache.is_dir():
        return
    if kept.is_dir() and stage.chance.random() < 0.7:
        remove(stage.cache)
        shutil.copytree(kept, stage.cache)
    else:
        remove(kept)
        shutil.copytree(stage.cache, kept)


def replace_cache(stage: Stage) -> None:
    """Something else lies there: a folder, a link, a file of nothing, or of something."""
    path = stage.cache / "cache.db"
    if not stage.cache.is_dir():
        return
    remove(path)
    kind = stage.chance.randrange(5)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        path.symlink_to("nowhere.db")
    elif kind == 2:
        path.write_bytes(b"")
    elif kind == 3:
        path.write_bytes(b"SQLite format 3\0" + bytes(4080))
    else:
        remove(stage.cache)
        stage.cache.write_bytes(b"no folder")


def shut_cache(stage: Stage) -> None:
    """The file or its folder cannot be read or written."""
    path = _find_file(stage)
    if path is not None:
        stage.chance.choice((path, stage.cache)).chmod(stage.chance.choice((0o000, 0o500)))


def lose_cache(stage: Stage) -> None:
    """It was removed, as anybody may."""
    remove(stage.cache)


DAMAGES = (
    flip_cache,
    cut_cache,
    swap_rows,
    forge_rows,
    drop_rows,
    move_rows,
    remember_elsewhere,
    remember_in_another_format,
    bring_back_cache,
    replace_cache,
    shut_cache,
    lose_cache,
)
