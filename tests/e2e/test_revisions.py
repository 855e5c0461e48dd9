"""`plan --from REV`: what a commit asks for, read from the repository; the work tree says where and
how.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.plan.step import Action
from reconciler.system.git.run import Objects
from tests.e2e.bench import Bench
from tests.repository import Repository
from tests.workspace import PROJECT, Workspace


def rendered(plan: str) -> list[str]:
    """The edits that a plan says it would render, in its order."""
    return re.findall(r"^  \+ (\S+) +renders/", plan, re.MULTILINE)


@pytest.fixture
def film(workspace: Workspace, media: Path) -> Workspace:
    """A project with two edits, committed."""
    workspace.take(media, "ok.mp4", "ok.mov")
    workspace.write(".gitignore", ".cutlist/\nrenders/\n")
    workspace.edit("rain")
    workspace.edit("snow")
    return workspace


@pytest.fixture
def repository(film: Workspace) -> Repository:
    made = Repository(film.root)
    made.commit("one")
    return made


def untouched(film: Workspace) -> dict[str, bytes | str]:
    """Every file but what is remembered."""
    return {path: held for path, held in film.files().items() if not path.startswith(".cutlist/")}


@pytest.mark.parametrize(
    "form", [(), ("--json",), ("--markdown",), ("--target", "rain"), ("--detailed-exitcode",)]
)
def test_a_revision_like_the_work_tree_has_its_plan(
    film: Workspace, repository: Repository, form: tuple[str, ...]
) -> None:
    """To the byte, in every form; one line beside it says which revision it is of."""
    before = untouched(film)
    plain = film.run("plan", *form)
    said = film.run("plan", "--from", "main", *form)
    assert (said.code, said.out) == (plain.code, plain.out)
    assert said.err == f"Manifests of {repository.git('rev-parse', 'HEAD')[:7]} (main).\n"
    assert untouched(film) == before


def test_everything_desired_is_the_revisions(film: Workspace, repository: Repository) -> None:
    """Manifests, defaults, folders and the bytes of clips are those of the commit, however the work
    tree looks now.
    """
    plain = film.run("plan")
    film.edit(
        "rain",
        input={"prompt": "Something else", "media": [{"type": "video", "url": "./media/ok.mp4"}]},
    )
    (film.root / "specs/snow.yaml").unlink()
    (film.root / "specs").rename(film.root / "edits")
    (film.root / "edits/media/ok.mp4").unlink()
    defaults = "  manifests: [edits/]\n  defaults: {parameters: {watermark: true}}\n"
    film.write("cutlist.yaml", PROJECT + defaults)
    assert film.run("plan", "--from", "HEAD").out == plain.out
    film.write("specs/media/ok.mp4", b"not even a video")
    assert film.run("plan", "--from", "HEAD").out == plain.out


def test_where_and_how_are_the_work_trees(film: Workspace, repository: Repository) -> None:
    """Endpoint, account and prices of an old commit do not count."""
    film.write("cutlist.yaml", PROJECT.replace("720P: 0.10", "720P: 0.30") + "  account: studio\n")
    plain = film.run("plan")
    assert "1.20 USD" in plain.out
    assert "account studio" in plain.out
    assert film.run("plan", "--from", "HEAD").out == plain.out


def test_a_project_in_a_sub_folder(workspace: Workspace, media: Path) -> None:
    """The repository may begin above the project; names of folders may hold anything."""
    repository = Repository(workspace.root)
    below = Workspace(workspace.root / "two words/ünd", workspace._capfd)
    below.take(media, "ok.mp4")
    below.edit("rain")
    workspace.edit("not-ours", input={"prompt": "x", "media": []})
    repository.commit()
    plain = below.run("plan")
    assert plain.code == 0
    assert below.run("plan", "--from", "HEAD").out == plain.out


def test_which_files_of_a_revision_are_manifests(film: Workspace, repository: Repository) -> None:
    """The rules of the work tree: no hidden files, no other projects."""
    edit = (film.root / "specs/rain.yaml").read_text()
    paths = {
        "b": "specs/b.yml",
        "c": "specs/deep/er/c.yaml",
        "d": "specs/.hidden.yaml",
        "e": "specs/.x/e.yaml",
        "f": "specs/other/cutlist.yaml",
        "g": "specs/other/in/g.yaml",
        "h": "specs/h.txt",
        "i": "out/i.yaml",
    }
    for name, path in paths.items():
        up = "../" * (path.count("/") - 1)
        film.write(path, edit.replace('"rain"', f'"{name}"').replace("./media", f"{up}./media"))
    repository.commit()
    plain = film.run("plan")
    assert rendered(plain.out) == ["b", "c", "rain", "snow"]
    assert film.run("plan", "--from", "HEAD").out == plain.out
    film.write(
        "cutlist.yaml", PROJECT + "  manifests: [specs/deep, specs/b.yml, specs/other/in/]\n"
    )
    repository.commit()
    plain = film.run("plan")
    assert rendered(plain.out) == ["b", "c", "g"]
    assert film.run("plan", "--from", "HEAD").out == plain.out


def test_symbolic_links_are_followed_inside_the_project(
    film: Workspace, repository: Repository
) -> None:
    """To files and through folders, as in the work tree; a folder that is a link is no folder of
    manifests.
    """
    film.write(
        "out/linked.yaml", (film.root / "specs/rain.yaml").read_text().replace('"rain"', '"linked"')
    )
    (film.root / "specs/linked.yaml").symlink_to("../out/linked.yaml")
    (film.root / "specs/folder.yaml").symlink_to("../out")
    (film.root / "specs/more").symlink_to("../out")
    (film.root / "specs/media/again.mp4").symlink_to("../../specs/././media/ok.mp4")
    (film.root / "specs/clips").symlink_to("media")
    film.edit(
        "rain", input={"prompt": "x", "media": [{"type": "video", "url": "./clips/again.mp4"}]}
    )
    repository.commit()
    plain = film.run("plan")
    assert rendered(plain.out) == ["linked", "rain", "snow"]
    assert film.run("plan", "--from", "HEAD").out == plain.out


FAULTS = {
    "a link that leaves": (
        lambda film: (film.root / "specs/a.yaml").symlink_to("../../out.yaml"),
        "specs/a.yaml:1:1: error: the manifest is a symbolic link that leaves the project",
    ),
    "an absolute link": (
        lambda film: (film.root / "specs/a.yaml").symlink_to("/etc/passwd"),
        "specs/a.yaml:1:1: error: the manifest is a symbolic link that leaves the project",
    ),
    "a link to nothing": (
        lambda film: (film.root / "specs/a.yaml").symlink_to("nothing"),
        "specs/a.yaml:1:1: error: the manifest does not exist in this revision",
    ),
    "a circle": (
        lambda film: (film.root / "specs/a.yaml").symlink_to("a.yaml"),
        "specs/a.yaml:1:1: error: the manifest cannot be read: Too many levels of symbolic links",
    ),
    "a long manifest": (
        lambda film: film.write("specs/a.yaml", "# " + "x" * (3 << 20)),
        (
            "specs/a.yaml:1:1: error: the file has 1048577 bytes; at most 1048576 (1 MiB) are"
            " read\n1 error in 1 of 3 manifests"
        ),
    ),
    "a clip that is not committed": (
        lambda film: film.write(".gitignore", "ok.mp4\n.cutlist/\n"),
        "specs/rain.yaml:11:16: error: the file specs/media/ok.mp4 does not exist in this revision",
    ),
    "a clip that is a folder": (
        lambda film: film.write("specs/media/ok.mp4/inside", "x"),
        "specs/rain.yaml:11:16: error: the file specs/media/ok.mp4 is a folder, not a file",
    ),
    "a folder that is a link": (
        lambda film: (
            (film.root / "x").symlink_to("specs"),
            film.write("cutlist.yaml", PROJECT + "  manifests: [x]"),
        ),
        "cutlist.yaml:7:15: error: manifests: 'x' passes through the symbolic link x",
    ),
    "a folder that is not there": (
        lambda film: film.write("cutlist.yaml", PROJECT + "  manifests: [specs, x/]"),
        'cutlist.yaml:7:22: error: manifests names "x/", which does not exist',
    ),
    "a field of no project": (
        lambda film: film.write("cutlist.yaml", PROJECT + "  colour: red"),
        'cutlist.yaml:7:3: error: unknown field "colour"',
    ),
    "no pins": (
        lambda film: film.write("cutlist.lock", "version: 7\n"),
        "cutlist.lock:1:1: error: this is no lock file of version 1; restore it from git",
    ),
}


@pytest.mark.parametrize(("make", "words"), FAULTS.values(), ids=FAULTS)
def test_a_revision_is_as_little_trusted_as_any_file(
    film: Workspace, make: Callable[[Workspace], object], words: str
) -> None:
    """Its faults have the places of its files, and the summary says which revision they are in."""
    repository = Repository(film.root)
    repository.commit()
    if "media/ok.mp4" in words:
        (film.root / "specs/media/ok.mp4").unlink()
    make(film)
    commit = repository.commit()
    repository.git("checkout", "--quiet", "main~1")
    said = film.run("plan", "--from", "main")
    assert (said.code, said.out) == (3, "")
    assert words in said.err
    assert f" at {commit[:7]} (main). Nothing was sent." in said.err


REFUSED = {
    "unknown": ("mian", 64, 'there is no revision "mian" in this repository', "Did you mean main?"),
    "empty": ("", 64, 'there is no revision "" in this repository', "git log --oneline --all"),
    "an option": (
        "--output=/tmp/x",
        64,
        'there is no revision "--output=/tmp/x"',
        "Nothing was sent",
    ),
    "two lines": ("main\nmain", 64, "there is no revision", "Nothing was sent"),
    "a missing commit": ("1" * 40, 64, "there is no revision", "Nothing was sent"),
    "of the remote": ("topic", 64, 'there is no revision "topic"', "Did you mean origin/topic?"),
    "two things": ("twice", 64, 'the revision "twice" is ambiguous', "refs/heads/NAME"),
    "a folder": ("main:specs", 64, '"main:specs" is a tree, not a commit', "Nothing was sent"),
    "no project": (
        "empty",
        1,
        "cutlist.yaml does not exist in this revision",
        "in which the project lies in the same folder",
    ),
}


@pytest.mark.parametrize(("name", "code", "words", "way_out"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_revision_of_a_project_is_refused(
    film: Workspace, repository: Repository, name: str, code: int, words: str, way_out: str
) -> None:
    """In one message with the way out, by plan and by diff; nothing is written."""
    repository.git("branch", "twice")
    repository.git("tag", "twice")
    repository.git("update-ref", "refs/remotes/origin/topic", "main")
    repository.git(
        "branch", "empty", repository.git("commit-tree", "-m", "x", repository.git("mktree"))
    )
    before = untouched(film)
    for command in (("plan", f"--from={name}"), ("diff", "--", f"{name or ' '}..main")):
        said = film.run(*command)
        assert (said.code, said.out) == (code, "")
        assert words.replace('""', '" "' if command[0] == "diff" else '""') in said.err
        assert way_out in " ".join(said.err.split())
        assert said.err.count("error: ") == 1
    assert untouched(film) == before


def test_where_there_is_no_history(film: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, no commit, no git: each is said."""
    said = film.run("plan", "--from", "HEAD")
    assert (said.code, said.out) == (1, "")
    assert "is not in a git repository" in said.err
    Repository(film.root)
    said = film.run("plan", "--from", "HEAD")
    assert (said.code, said.out) == (64, "")
    assert "There is no commit yet" in said.err
    monkeypatch.setenv("PATH", "/nowhere")
    said = film.run("plan", "--from", "HEAD")
    assert (said.code, said.out) == (1, "")
    assert "git is not installed" in said.err


def test_a_plan_of_a_revision_is_not_saved(film: Workspace, repository: Repository) -> None:
    """A saved plan is applied from the work tree."""
    said = film.run("plan", "--from", "HEAD", "--out", "night.plan")
    assert (said.code, said.out) == (64, "")
    assert not (film.root / "night.plan").exists()


def test_an_environment_of_a_revision(film: Workspace, repository: Repository) -> None:
    """Overlays are the revision's; one that it does not name is refused by the name of the
    revision.
    """
    spec = "  environments: {final: {parameters: {resolution: 1080P}}}\n"
    film.write("cutlist.yaml", PROJECT + spec)
    repository.commit()
    film.write("cutlist.yaml", PROJECT + spec.replace("1080P", "720P"))
    assert "0.60 USD" in film.run("plan", "--from", "HEAD", "--env", "final").out
    said = film.run("plan", "--from", "HEAD~1", "--env", "final")
    assert said.code == 64
    assert 'the environment is "final"; cutlist.yaml of ' in said.err


def test_a_submodule_is_another_repository(film: Workspace, repository: Repository) -> None:
    """What lies in it is not read, and said to be so."""
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},specs/media/sub")
    film.edit(
        "rain", input={"prompt": "x", "media": [{"type": "video", "url": "./media/sub/ok.mp4"}]}
    )
    repository.git("add", "specs/rain.yaml")
    repository.git("commit", "--quiet", "--message", "a submodule")
    said = film.run("plan", "--from", "HEAD")
    assert said.code == 3
    assert "specs/media/sub/ok.mp4 lies in a submodule" in said.err


def test_an_object_that_is_not_here(film: Workspace, repository: Repository) -> None:
    """As in a partial clone: nothing is fetched, and the way to fetch it is told."""
    blob = repository.git("rev-parse", "HEAD:specs/media/ok.mp4")
    (film.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    said = film.run("plan", "--from", "HEAD")
    assert (said.code, said.out) == (3, "")
    assert (
        f"specs/media/ok.mp4 cannot be read: this clone lacks the object {blob}; clone without"
        " --filter" in said.err
    )


def test_a_clip_in_git_lfs(film: Workspace, repository: Repository) -> None:
    """A pointer names the digest: its bytes are taken from where Git LFS keeps them, or their
    absence is said.
    """
    plain = film.run("plan")
    clip = (film.root / "specs/media/ok.mp4").read_bytes()
    digest = hashlib.sha256(clip).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(clip)}\n"
    (film.root / "specs/media/ok.mp4").unlink()
    film.write("specs/media/ok.mp4", pointer)
    repository.commit()
    said = film.run("plan", "--from", "HEAD")
    assert said.code == 3
    assert (
        "is a Git LFS pointer, and this clone does not have its bytes; run `git lfs fetch`"
        in said.err
    )
    kept = film.write(f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}", clip)
    assert film.run("plan", "--from", "HEAD").out == plain.out
    kept.write_bytes(clip[:-1])
    assert "its bytes here are damaged" in film.run("plan", "--from", "HEAD").err


def test_clips_and_manifests_seen_before_are_not_read_again(
    film: Workspace, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blob's digest is remembered by the name that git gives it, for both ends of a
    comparison.
    """
    film.edit("rain", input={"prompt": "x", "media": [{"type": "video", "url": "./media/ok.mov"}]})
    repository.commit()
    plain, compared = film.run("plan", "--from", "HEAD"), film.run("diff", "HEAD~1..HEAD")
    asked: list[str] = []
    real = Objects.read_chunks
    monkeypatch.setattr(
        Objects, "read_chunks", lambda self, name: asked.append(name) or real(self, name)
    )
    for command, said in (
        (("diff", "HEAD~1..HEAD"), compared),
        (("plan", "--from", "HEAD"), plain),
    ):
        assert film.run(*command) == said
        assert repository.git("rev-parse", "HEAD:specs/rain.yaml") in asked
        clips = {
            repository.git("rev-parse", f"HEAD:specs/media/{name}") for name in ("ok.mp4", "ok.mov")
        }
        assert clips.isdisjoint(asked)


async def test_the_lock_file_of_a_revision_counts(bench: Bench) -> None:
    """Its pins are what a checkout would bring."""
    repository = Repository(bench.root)
    project = bench.live_project()
    bench.edit("rain")
    await bench.apply(project)
    repository.commit("one", "cutlist.yaml", "specs", "cutlist.lock")
    bench.edit("rain", take=2)
    await bench.apply(bench.live_project())
    (bench.root / "cutlist.lock").unlink()
    project = bench.live_project()
    seen = project.run_pass_at(project.find_revision("HEAD"))
    assert seen.observed.pins["rain"].key == seen.resolved["rain"].job.key
    assert [step.action for step in seen.plan.steps] == [Action.WRITE]
