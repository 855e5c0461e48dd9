"""The files that a browser gets: one page, and beside it scripts and styles under an address that
changes with them, so that they are fetched once.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from reconciler.errors import CutlistError
from reconciler.formats.digest import hash_bytes

STATIC = Path(__file__).parent / "static"
_PAGE = "index.html"
STATIC_AT = "/-/static"  # of all pages of a server; no Sync is called so
_MODULE = b'<script type="module" src="{assets}main.js"></script>'
_EXPORTED_SCRIPTS = (
    b'<script defer src="data.js"></script>',
    b'<script defer src="modules.js"></script>',
    b'<script defer src="{assets}offline.js"></script>',
)
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


class Shell:
    """All files of the front end, read once."""

    # where the one page is found; which part of it is shown, it reads from its address
    pages = ("/", "/edit/{name}", "/plan", "/cost", "/activity")

    def __init__(self, folder: Path = STATIC) -> None:
        self.files = _read_files(folder)
        if _PAGE not in self.files:
            raise CutlistError(
                f"the files of the page are not in {folder}.",
                hint="The installation is not complete: install cutlist anew.",
            )
        self.version = _compute_version(self.files)

    def make_page(self, base: str = "/", start: str = "project") -> bytes:
        """The page that begins at `base`: `/`, or below. `start` is what it is of: one project, or
        the `syncs` of a controller.
        """
        marks = {"base": base, "start": start, "assets": f"{STATIC_AT}/{self.version}/"}
        return _fill(self.files[_PAGE], marks)

    def make_export_page(self) -> bytes:
        """The page of an export: it has no modules to load, and brings along what it shows."""
        lines = self.files[_PAGE].splitlines(keepends=True)
        page = b"".join(line for line in lines if b'rel="modulepreload"' not in line)
        page = page.replace(_MODULE, b"\n    ".join(_EXPORTED_SCRIPTS))
        return _fill(page, {"base": "", "start": "project", "assets": "static/"})

    def find(self, version: str, path: str) -> tuple[bytes, str] | None:
        """A file and its type; None for any that is not there, and for those of other versions."""
        body = self.files.get(path)
        content_type = _TYPES.get(Path(path).suffix)
        if body is None or content_type is None or version != self.version:
            return None
        return body, content_type


def _fill(page: bytes, marks: Mapping[str, str]) -> bytes:
    for mark, text in marks.items():
        page = page.replace(b"{%s}" % mark.encode(), escape(text).encode())
    return page


def _read_files(folder: Path) -> Mapping[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (path.suffix in _TYPES or path.suffix == ".html")
    }


def _compute_version(files: Mapping[str, bytes]) -> str:
    """Changes with every file."""
    lines = [f"{path} {hash_bytes(body)}" for path, body in files.items()]
    return hash_bytes("\n".join(lines).encode())[:16]
