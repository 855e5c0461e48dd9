"""What PostgreSQL says otherwise than SQLite, in whose dialect the SQL of the ledger is written.
Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TEXT = re.compile(r"('[^']*')")
# in this order, outside of texts in quotes
_WORDS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"json_each\(\?\)", "json_array_elements_text(cast(? as json)) as each (value)"),
        (r"\binstr\(", "strpos("),
        (r"\bmax\((?=created_at,)", "greatest("),
        (r"(?<=where )((?:\w\.)?open_question)\b(?! =)", r"\1 <> 0"),
        (r"%", "%%"),
        (r"\?", "%s"),
    )
)
_TABLES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # the order in which rows were written, which every table of SQLite has by itself
        (
            r"(create table (?:attempts|holdings) \()",
            r"\1 rowid bigint generated always as identity,",
        ),
        (r"\binteger primary key\b", "bigint generated always as identity primary key"),
        (r"\binteger\b", "bigint"),
        (r"\breal\b", "double precision"),
        (r"\btext\b", 'text collate "C"'),
        (r"\) strict\b", ")"),
    )
)


@lru_cache(256)
def translate(sql: str) -> str:
    """A question or a change, with `%s` for each value."""
    return _replace(sql, _WORDS)


def translate_tables(sql: str) -> str:
    """Statements that make tables and indexes. They take no values."""
    return _replace(_replace(sql, _TABLES), _WORDS).replace("%%", "%")


def _replace(sql: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    """`sql` by each of the rules in turn; texts in quotes stay as they are, but for `%`."""
    parts = _TEXT.split(sql)
    for number, part in enumerate(parts):
        if number % 2:
            parts[number] = part.replace("%", "%%") if rules is _WORDS else part
            continue
        for pattern, replacement in rules:
            part = pattern.sub(replacement, part)
        parts[number] = part
    return "".join(parts)
