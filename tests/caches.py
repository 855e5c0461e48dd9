"""Looks into the file of a cache."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def read_tables(path: Path) -> dict[str, bytes]:
    """By the name of each table of a cache: all that stands in it."""
    texts: dict[str, bytes] = {}
    with closing(sqlite3.connect(path)) as connection:
        for table, key, value in connection.execute("select section, key, value from entries"):
            texts[table] = texts.get(table, b"") + key + b"\n" + value + b"\n"
    return texts
