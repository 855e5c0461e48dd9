"""What the controller asks of a provider, the host of a repository and its pull requests, and what
it gets to know there.

Each method says whether it may be repeated. All of them raise reconciler.errors.ProviderError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import quote

from reconciler.report.markdown import MOST_CHARACTERS

LONGEST_DESCRIPTION = 140  # characters of a status: what GitHub shows; GitLab takes 255
STATUS_CONTEXT = "cutlist"
_ROOM_FOR_THE_END = 200
_CLOSED_BY_HAND = ("details", "pre")  # what a cut may leave open

StatusState = Literal["pending", "success", "failure", "error"]


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as its provider describes it; at GitLab a merge request.

    `title`, `head_branch` and `author` are words of strangers.
    """

    number: int
    title: str
    head_sha: str
    head_ref: str  # what git fetches from the repository itself, also for a fork
    head_branch: str
    base_ref: str  # the branch it is to be merged into
    base_sha: str  # the tip of that branch, as far as the provider tells; empty: it does not
    from_fork: bool
    draft: bool
    author: str
    url: str  # its page, for people; empty where there is none
    merged_at: float | None = None  # seconds since 1970
    merge_sha: str = ""  # the commit by which it is in its base; empty before

    @property
    def merged(self) -> bool:
        return self.merged_at is not None


@dataclass(frozen=True, slots=True)
class PostedComment:
    """A comment on a pull request, whoever wrote it."""

    id: int
    author: str  # the name of an account
    body: str
    by_app: bool = False  # the account belongs to a program


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A mark on a commit. The newest of each `context` counts."""

    state: StatusState
    description: str
    target_url: str = ""
    context: str = STATUS_CONTEXT


class Provider(Protocol):
    """The pull requests of one repository."""

    async def list_open(self) -> tuple[PullRequest, ...]:
        """The open pull requests. May be repeated."""

    async def list_merged(self, since: float) -> tuple[PullRequest, ...]:
        """Those that were merged at `since` (seconds since 1970) or later. May be repeated."""

    async def find_comment(self, number: int, marker: str) -> PostedComment | None:
        """The first comment on a pull request that begins with `marker` and that this account
        wrote. May be repeated.
        """

    async def write_comment(self, number: int, marker: str, body: str) -> PostedComment:
        """Let the one comment with `marker` say `body`: it is made, changed, or left alone when it
        says so already. A body that is too long is cut. May be repeated.
        """

    async def set_status(self, sha: str, status: CommitStatus, *, branch: str = "") -> bool:
        """Let a commit have a status, and say whether that had to be sent. `branch` is the one that
        the commit was pushed to. May be repeated.
        """

    async def open_pull_request(self, head: str, base: str, title: str, body: str) -> PullRequest:
        """The open pull request from branch `head` to branch `base` of the same repository: the one
        that is there, or a new one. May be repeated.
        """

    async def close(self) -> None:
        """Let go of the connections."""


# ------------------------------------------------------------------ comments. Pure.


def make_marker(name: str) -> str:
    """What the comment of the Sync `name` begins with: invisible, and another one for each name."""
    return f"<!-- cutlist sync {quote(name, safe='').replace('-', '%2D')} -->"


def begins_with(body: str, marker: str) -> bool:
    """Whether a comment is the one of `marker`. Inside of a comment a marker is only quoted."""
    return body.lstrip().startswith(marker)


def says_the_same(one: str, other: str) -> bool:
    """Whether two bodies are one, whatever a provider does to the ends of lines."""
    return _get_lines(one) == _get_lines(other)


def _get_lines(body: str) -> list[str]:
    return [line.rstrip() for line in body.strip().splitlines()]


def cut_comment(body: str, most: int = MOST_CHARACTERS) -> str:
    """`body` in at most `most` characters: whole lines, and a word of how much is left out."""
    if len(body) <= most:
        return body
    kept = body[: most - _ROOM_FOR_THE_END]
    kept = kept[: kept.rfind("\n") + 1] or kept
    closing = "".join(
        f"</{tag}>\n" * (kept.count(f"<{tag}>") - kept.count(f"</{tag}>"))
        for tag in reversed(_CLOSED_BY_HAND)
    )
    left_out = f"{len(body) - len(kept):,} more characters are left out: too long for a comment."
    return f"{kept}{closing}\n**{left_out}**\n"


def cut_description(text: str, most: int = LONGEST_DESCRIPTION) -> str:
    """`text` as one line that fits a status."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
