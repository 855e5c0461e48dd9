"""GitLab, public or self-managed: REST API v4 (docs.gitlab.com/api).

What other providers call a pull request is a merge request here, a comment a note, and a status the
job of an external pipeline.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import cast
from urllib.parse import quote

from reconciler.controller.providers.api import Api, ProviderAccess
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
from reconciler.errors import NotThere, ProviderError, Unavailable
from reconciler.formats.secret import Secret
from reconciler.formats.words import format_moment

PUBLIC_URL = "https://gitlab.com/api/v4"
_STATES = {"pending": "pending", "success": "success", "failure": "failed"}
_OWN_STATES = {"failed": "failure", "running": "pending", "created": "pending"}
_WAITS_ALREADY = "Cannot transition status"


def describe_gitlab(url: str, token: Secret) -> ProviderAccess:
    """How GitLab's API is asked."""
    return ProviderAccess(
        "GitLab",
        url,
        token,
        "Bearer",
        "the scope `api` and the role Developer or higher in the project",
        {"Accept": "application/json"},
    )


class GitLab(RestProvider):
    """The merge requests of a project at GitLab."""

    def __init__(self, api: Api, repo: str) -> None:
        super().__init__(api)
        self._project = f"/projects/{quote(repo, safe='')}"

    async def _iterate_open(self) -> AsyncIterator[PullRequest]:
        params = {"state": "opened", "order_by": "created_at", "sort": "desc"}
        async for found in self._api.list_items(
            f"{self._project}/merge_requests", read_merge_request, params=params
        ):
            if found.head_sha:  # there is none where the source was lost
                yield found

    async def list_open(self) -> tuple[PullRequest, ...]:
        """A list of merge requests does not tell what they would be merged into: each branch is
        asked for once.
        """
        found = await super().list_open()
        tips = {name: await self._find_tip(name) for name in {one.base_ref for one in found}}
        return tuple(replace(one, base_sha=tips[one.base_ref]) for one in found)

    async def _find_tip(self, branch: str) -> str:
        path = f"{self._project}/repository/branches/{quote(branch, safe='')}"
        try:
            return await self._api.ask(
                "GET", path, lambda v: take_sha(read_item(v), "commit", "id")
            )
        except NotThere:
            return ""

    async def list_merged(self, since: float) -> tuple[PullRequest, ...]:
        params = {
            "state": "merged",
            "order_by": "updated_at",
            "sort": "desc",
            "updated_after": format_moment(since),
        }
        listed = self._api.list_items(
            f"{self._project}/merge_requests", read_merge_request, params=params
        )
        return tuple(
            [one async for one in listed if one.merged_at is not None and one.merged_at >= since]
        )

    async def _iterate_comments(self, number: int) -> AsyncIterator[PostedComment]:
        async for comment in self._api.list_items(
            f"{self._project}/merge_requests/{number}/notes",
            _read_note,
            params={"sort": "asc", "order_by": "created_at"},
        ):
            if comment is not None:
                yield comment

    async def _read_own_name(self) -> str:
        return await self._api.ask("GET", "/user", lambda v: take_text(read_item(v), "username"))

    async def _create_comment(self, number: int, body: str) -> PostedComment:
        path = f"{self._project}/merge_requests/{number}/notes"
        return await self._api.ask("POST", path, _parse_note, body={"body": body})

    async def _update_comment(self, _number: int, comment_id: int, body: str) -> PostedComment:
        path = f"{self._project}/merge_requests/{_number}/notes/{comment_id}"
        return await self._api.ask("PUT", path, _parse_note, body={"body": body})

    async def _find_status(self, sha: str, context: str) -> CommitStatus | None:
        newest: tuple[int, CommitStatus] | None = None
        try:
            async for status_id, status in self._api.list_items(
                f"{self._project}/repository/commits/{sha}/statuses",
                _read_status,
                params={"name": context},
            ):
                if status.context == context and (newest is None or status_id > newest[0]):
                    newest = status_id, status
        except NotThere:  # no pipeline has ever run for this commit
            return None
        return newest[1] if newest else None

    async def set_status(self, sha: str, status: CommitStatus, *, branch: str = "") -> bool:
        """GitLab knows one kind of failure only, and refuses a status that waits already to wait,
        whatever else it says.
        """
        if status.state == "error":
            status = replace(status, state="failure")
        try:
            return await super().set_status(sha, status, branch=branch)
        except ProviderError as error:
            if error.status == 409:  # another status of the same commit is being written
                raise Unavailable(error.message, status=409, hint=error.hint) from error
            waits = status.state == "pending" and error.status == 400
            if waits and _WAITS_ALREADY in error.message:
                return False
            raise

    async def _post_status(self, sha: str, status: CommitStatus, branch: str) -> None:
        # in the pipeline that people see: a new one would stand before it, and hide its failures
        path = f"{self._project}/repository/commits/{sha}"
        pipeline = await self._api.ask("GET", path, _read_pipeline)
        body = {
            "state": _STATES[status.state],
            "description": status.description,
            "name": status.context,
            **({"target_url": status.target_url} if status.target_url else {}),
            **(pipeline or ({"ref": branch} if branch else {})),
        }
        await self._api.ask("POST", f"{self._project}/statuses/{sha}", read_item, body=body)

    async def _create_pull_request(
        self, head: str, base: str, title: str, body: str
    ) -> PullRequest:
        fields = {
            "source_branch": head,
            "target_branch": base,
            "title": title,
            "description": body,
            "remove_source_branch": True,
        }
        return await self._api.ask(
            "POST",
            f"{self._project}/merge_requests",
            lambda v: read_merge_request(read_item(v)),
            body=fields,
        )


def read_merge_request(item: Item) -> PullRequest:
    """One of GitLab's merge requests, as a pull request."""
    number = take_number(item, "iid")
    source, target = look_up(item, "source_project_id"), look_up(item, "target_project_id")
    merged_at = take_moment(item, "merged_at")
    head_sha = take_sha(item, "sha")
    merge_sha = (
        take_optional_sha(item, "merge_commit_sha")
        or take_optional_sha(item, "squash_commit_sha")
        or head_sha  # a fast-forward makes no commit of its own
    )
    return PullRequest(
        number=number,
        title=take_line(item, "title"),
        head_sha=head_sha,
        head_ref=f"refs/merge-requests/{number}/head",
        head_branch=take_text(item, "source_branch"),
        base_ref=take_text(item, "target_branch"),
        base_sha="",
        from_fork=source is None or source != target,  # None: the fork was deleted
        draft=take_flag(item, "draft") or take_flag(item, "work_in_progress"),
        author=take_line(item, "author", "username"),
        url=take_page(item, "web_url"),
        merged_at=merged_at,
        merge_sha="" if merged_at is None else merge_sha,
    )


def _read_note(item: Item) -> PostedComment | None:
    """A note of a person or a program; None for what GitLab itself notes down."""
    return None if take_flag(item, "system") else _parse_note(item)


def _parse_note(value: object) -> PostedComment:
    item = read_item(value)
    return PostedComment(
        take_number(item, "id"), take_text(item, "author", "username"), take_text(item, "body")
    )


def _read_pipeline(value: object) -> Mapping[str, object]:
    """What names the newest pipeline of a commit; nothing where it has none."""
    found = look_up(read_item(value), "last_pipeline")
    if found is None:
        return {}
    pipeline = read_item(found)
    return {"pipeline_id": take_number(pipeline, "id"), "ref": take_text(pipeline, "ref")}


def _read_status(item: Item) -> tuple[int, CommitStatus]:
    state = take_text(item, "status")
    return take_number(item, "id"), CommitStatus(
        cast(StatusState, _OWN_STATES.get(state, state)),  # only ever compared
        take_text(item, "description"),
        take_text(item, "target_url"),
        take_text(item, "name"),
    )
