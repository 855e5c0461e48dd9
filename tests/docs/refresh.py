"""`python -m tests.docs.refresh`: make the tables anew, run what the pages show, and write down
what it prints now.

An output that still matches, with its `…`, is left as it stands. One that begins with `…` keeps as
many lines of the end as it had; of any other with a `…` the new text is only printed, for a person
to shorten.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.docs.pages import PAGES, name
from tests.docs.tables import filled
from tests.docs.transcripts import is_run, matches, replay


def main() -> None:
    """Refresh every page."""
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = filled(before)
        with tempfile.TemporaryDirectory(prefix="docs-") as folder:
            replayed = replay(after, Path(folder)) if is_run(after) else []
            for shown, printed in reversed(replayed):
                if matches(shown.output, printed):
                    continue
                if "Traceback" in printed:
                    raise SystemExit(
                        f"{name(page)}: nothing is refreshed, the program is broken:\n{printed}"
                    )
                new = shortened(shown.output, printed.rstrip())
                if new is None:
                    print(f"{name(page)}: shorten this by hand:\n$ {shown.command}\n{printed}")
                else:
                    after = after[: shown.at] + new + after[shown.at + len(shown.output) :]
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"refreshed {name(page)}")


def shortened(shown: str, printed: str) -> str | None:
    """`printed` as the page should show it; None where only a person can tell."""
    lines = printed.splitlines(keepends=True)
    if lines:
        lines[-1] += "\n"
    head, *rest = shown.splitlines() or [""]
    if "…" not in shown.splitlines():
        return "".join(lines)
    return "".join(["…\n", *lines[-len(rest) :]]) if head == "…" and "…" not in rest else None


if __name__ == "__main__":
    main()
