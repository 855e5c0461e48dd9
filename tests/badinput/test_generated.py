"""Bad input that no text file can hold: sizes, bytes, links, folders. Each has its words in
generated/.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workspace import Workspace, manifest

HERE = Path(__file__).parent
Maker = Callable[[Workspace], None]
VIDEO = {"type": "video", "url": "./media/ok.mp4"}


def spec(url: str = "./media/ok.mp4", **more: object) -> dict[str, object]:
    return {
        "model": "wan2.7-videoedit",
        "input": {"media": [{"type": "video", "url": url}]},
        **more,
    }


def too_deep(workspace: Workspace) -> None:
    """More than 32 levels."""
    workspace.write("specs/case.yaml", "a: " + "[" * 40 + "]" * 40 + "\n")


def far_too_deep(workspace: Workspace) -> None:
    """So many levels that a careless reader would end with a stack overflow."""
    workspace.write("specs/case.yaml", "a: " + "[" * 100_000 + "\n")


def too_large(workspace: Workspace) -> None:
    """A manifest of more than 1 MiB."""
    workspace.write("specs/case.yaml", manifest("bad", spec()) + "#" * (1 << 20) + "\n")


def latin_1(workspace: Workspace) -> None:
    """Bytes that are not UTF-8."""
    workspace.write(
        "specs/case.yaml", manifest("bad", spec()).encode() + "# caf\u00e9\n".encode("latin-1")
    )


def utf_16(workspace: Workspace) -> None:
    """A file as some editors save it."""
    workspace.write("specs/case.yaml", manifest("bad", spec()).encode("utf-16"))


def hidden_file_name(workspace: Workspace) -> None:
    """A manifest whose name would write on the terminal."""
    workspace.write("specs/a\x1b[31m\u202e.yaml", manifest("bad", spec()))


def manifest_link_leaves(workspace: Workspace) -> None:
    """A manifest that is a symbolic link out of the project."""
    outside = workspace.root.parent / "outside.yaml"
    outside.write_text(manifest("bad", spec()))
    (workspace.root / "specs" / "case.yaml").symlink_to(outside)


def manifest_links_in_a_circle(workspace: Workspace) -> None:
    """Symbolic links that lead nowhere, one of them for ever."""
    (workspace.root / "specs" / "circle.yaml").symlink_to("circle.yaml")
    (workspace.root / "specs" / "nowhere.yaml").symlink_to("gone.yaml")


def manifests_folder_link(workspace: Workspace) -> None:
    """A folder of manifests that is a symbolic link out of the project."""
    outside = workspace.root.parent / "outside"
    outside.mkdir()
    (workspace.root / "edits").symlink_to(outside)
    text = (workspace.root / "cutlist.yaml").read_text()
    workspace.write("cutlist.yaml", f"{text}  manifests: [specs/, edits/]\n")


def media_link_leaves(workspace: Workspace) -> None:
    """A clip that is a symbolic link out of the project, and one below a folder that is."""
    outside = workspace.root.parent / "outside"
    outside.mkdir()
    (outside / "clip.mp4").write_bytes((workspace.root / "specs" / "media" / "ok.mp4").read_bytes())
    (workspace.root / "specs" / "link.mp4").symlink_to(outside / "clip.mp4")
    (workspace.root / "specs" / "folder").symlink_to(outside)
    workspace.write("specs/one.yaml", manifest("one", spec("./link.mp4")))
    workspace.write("specs/two.yaml", manifest("two", spec("./folder/clip.mp4")))


def media_links_in_a_circle(workspace: Workspace) -> None:
    """A clip that is a symbolic link to itself, and one to a file that is gone."""
    (workspace.root / "specs" / "circle.mp4").symlink_to("circle.mp4")
    (workspace.root / "specs" / "nowhere.mp4").symlink_to("gone.mp4")
    workspace.write("specs/one.yaml", manifest("one", spec("./circle.mp4")))
    workspace.write("specs/two.yaml", manifest("two", spec("./nowhere.mp4")))


def media_is_a_pipe(workspace: Workspace) -> None:
    """A clip that is no regular file: reading it would never end."""
    os.mkfifo(workspace.root / "specs" / "pipe.mp4")
    workspace.write("specs/case.yaml", manifest("bad", spec("./pipe.mp4")))


def output_through_link(workspace: Workspace) -> None:
    """An output below a symbolic link, and one that is a symbolic link, in the project and out of
    it.
    """
    (workspace.root / "real").mkdir()
    (workspace.root / "renders").symlink_to("real")
    (workspace.root / "real" / "two.mp4").symlink_to(workspace.root.parent / "elsewhere.mp4")
    workspace.write("specs/one.yaml", manifest("one", spec(output="renders/one.mp4")))
    workspace.write("specs/two.yaml", manifest("two", spec(output="real/two.mp4")))


def output_is_a_folder(workspace: Workspace) -> None:
    """An output where a folder is, and one below a file."""
    (workspace.root / "renders" / "one.mp4").mkdir(parents=True)
    workspace.write("renders/file", "not a folder\n")
    workspace.write("specs/one.yaml", manifest("one", spec(output="renders/one.mp4")))
    workspace.write("specs/two.yaml", manifest("two", spec(output="renders/file/two.mp4")))


def many_files(workspace: Workspace) -> None:
    """Faults of several files come in one run, sorted, and are counted; the good file is not
    blamed.
    """
    workspace.write("specs/c.yaml", manifest("c", spec(take=0)))
    workspace.write("specs/a.yaml", manifest("a", spec("edit://nobody", output="a.avi")))
    workspace.write("specs/b.yaml", manifest("b", spec()))
    workspace.write("specs/d/e.yml", manifest("b", spec("../media/ok.mp4")))


MAKERS: list[Maker] = [
    too_deep,
    far_too_deep,
    too_large,
    latin_1,
    utf_16,
    hidden_file_name,
    manifest_link_leaves,
    manifest_links_in_a_circle,
    manifests_folder_link,
    media_link_leaves,
    media_links_in_a_circle,
    media_is_a_pipe,
    output_through_link,
    output_is_a_folder,
    many_files,
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_generated(
    make: Maker, workspace: Workspace, media: Path, golden: Callable[[Path, str], None]
) -> None:
    """It is refused in the words of its .txt, with exit code 3, and nothing is written outside
    .cutlist/cache.
    """
    workspace.take(media, "ok.mp4")
    make(workspace)
    before = workspace.files()
    said = workspace.run("validate")
    golden(HERE / "generated" / f"{make.__name__}.txt", f"{said.err}{said.out}exit {said.code}\n")
    assert said.code == 3
    written = {name for name, content in workspace.files().items() if before.get(name) != content}
    assert all(name.startswith(".cutlist/cache/") for name in written)
    assert workspace.run("plan").err == said.err
