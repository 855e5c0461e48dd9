"""GitHub and GitHub Enterprise: REST API 2022-11-28 (docs.github.com/rest)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar, cast
from urllib.parse import quote

from reconciler.controller.providers.api import Api, Params, ProviderAccess
from reconciler.controller.providers.base import (
    CommitStatus,
    PostedComment,
    PullRequest,
    StatusState,
)
from reconciler.controller.providers.fields import (
    Item,
    look_up,
    read_item,
    take_flag,
    take_line,
    take_moment,
    take_number,
    take_optional_sha,
    take_page,
    take_sha,
    take_text,
)
from reconciler.controller.providers.rest import RestProvider
from reconciler.formats.secret import Secret

PUBLIC_URL = "https://api.github.com"


def describe_github(url: str, token: Secret) -> ProviderAccess:
    """How GitHub's API is asked."""
    return ProviderAccess(
        "GitHub",
        url,
        token,
        "Bearer",
        "the rights `Pull requests: write`, `Commit statuses: write` and `Contents: read` (or the"
        " scope `repo`)",
        {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    )


class GitHub(RestProvider):
    """The pull requests of a repository at GitHub."""

    _nameless_is_app = True
    _page_size = "per_page"
    _newest_change_first: ClassVar[Params] = {"sort": "updated", "direction": "desc"}
    _newest_status_first: ClassVar[Params] = {}  # as it is

    def __init__(self, api: Api, repo: str) -> None:
        super().__init__(api)
        self._repo = f"/repos/{quote(repo)}"

    async def _iterate_open(self) -> AsyncIterator[PullRequest]:
        async for found in self._api.list_items(
            f"{self._repo}/pulls",
            self._read_pull_request,
            params={"state": "open"},
            size=self._page_size,
        ):
            if found.head_sha:  # Gitea has none where the branch was lost
                yield found

    async def list_merged(self, since: float) -> tuple[PullRequest, ...]:
        found = []
        async for updated_at, one in self._api.list_items(
            f"{self._repo}/pulls",
            lambda item: (take_moment(item, "updated_at") or 0.0, self._read_pull_request(item)),
            params={"state": "closed", **self._newest_change_first},
            size=self._page_size,
        ):
            if updated_at < since:
                break
            if one.merged_at is not None and one.merged_at >= since:
                found.append(one)
        return tuple(found)

    async def _iterate_comments(self, number: int) -> AsyncIterator[PostedComment]:
        async for comment in self._api.list_items(
            f"{self._repo}/issues/{number}/comments", read_comment
        ):
            yield comment

    async def _read_own_name(self) -> str:
        return await self._api.ask("GET", "/user", lambda v: take_text(read_item(v), "login"))

    async def _create_comment(self, number: int, body: str) -> PostedComment:
        path = f"{self._repo}/issues/{number}/comments"
        return await self._api.ask("POST", path, _parse_comment, body={"body": body})

    async def _update_comment(self, _number: int, comment_id: int, body: str) -> PostedComment:
        path = f"{self._repo}/issues/comments/{comment_id}"
        return await self._api.ask("PATCH", path, _parse_comment, body={"body": body})

    async def _find_status(self, sha: str, context: str) -> CommitStatus | None:
        async for status in self._api.list_items(
            f"{self._repo}/commits/{sha}/statuses",
            self._read_status,
            params=self._newest_status_first,
            size=self._page_size,
        ):
            if status.context.lower() == context.lower():  # GitHub knows no case in them
                return status
        return None

    async def _post_status(self, sha: str, status: CommitStatus, _branch: str) -> None:
        body = {
            "state": status.state,
            "description": status.description,
            "context": status.context,
            **({"target_url": status.target_url} if status.target_url else {}),
        }
        await self._api.ask("POST", f"{self._repo}/statuses/{sha}", read_item, body=body)

    async def _create_pull_request(
        self, head: str, base: str, title: str, body: str
    ) -> PullRequest:
        fields = {"title": title, "head": head, "base": base, "body": body}
        return await self._api.ask(
            "POST",
            f"{self._repo}/pulls",
            lambda v: self._read_pull_request(read_item(v)),
            body=fields,
        )

    def _read_pull_request(self, item: Item) -> PullRequest:
        return read_pull_request(item)

    def _read_status(self, item: Item) -> CommitStatus:
        return read_status(item, "state")


def read_pull_request(item: Item) -> PullRequest:
    """One of GitHub's pull requests."""
    number = take_number(item, "number")
    merged_at = take_moment(item, "merged_at")
    head, base = look_up(item, "head", "repo", "id"), look_up(item, "base", "repo", "id")
    return PullRequest(
        number=number,
        title=take_line(item, "title"),
        head_sha=take_sha(item, "head", "sha"),
        head_ref=f"refs/pull/{number}/head",
        head_branch=take_text(item, "head", "ref"),
        base_ref=take_text(item, "base", "ref"),
        base_sha=take_optional_sha(item, "base", "sha"),
        from_fork=head is None or head != base,  # None: the fork was deleted
        draft=take_flag(item, "draft"),
        author=take_line(item, "user", "login"),
        url=take_page(item, "html_url"),
        merged_at=merged_at,
        # before the merge it names GitHub's own merge for tests
        merge_sha="" if merged_at is None else take_optional_sha(item, "merge_commit_sha"),
    )


def read_comment(item: Item) -> PostedComment:
    """One comment on a pull request."""
    return PostedComment(
        take_number(item, "id"),
        take_text(item, "user", "login"),
        take_text(item, "body"),
        by_app=take_text(item, "user", "type") == "Bot",
    )


def read_status(item: Item, state: str) -> CommitStatus:
    """One status of a commit; `state` names the field with its state."""
    return CommitStatus(
        cast(StatusState, take_text(item, state)),  # only ever compared
        take_text(item, "description"),
        take_text(item, "target_url"),
        take_text(item, "context"),
    )


def _parse_comment(value: object) -> PostedComment:
    return read_comment(read_item(value))
