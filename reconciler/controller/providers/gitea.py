"""Gitea, and Forgejo, which keeps its API: version 1 (docs.gitea.com/api).

It is GitHub's API with other names for pages and orders, and a list of comments without pages.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import ClassVar

from reconciler.controller.providers.api import Params, ProviderAccess
from reconciler.controller.providers.base import CommitStatus, PostedComment, PullRequest
from reconciler.controller.providers.fields import Item, read_items
from reconciler.controller.providers.github import (
    GitHub,
    read_comment,
    read_pull_request,
    read_status,
)
from reconciler.formats.secret import Secret

_DRAFT = re.compile(r"\[WIP\]|WIP:", re.IGNORECASE)  # how Gitea's titles say so by default


def describe_gitea(url: str, token: Secret) -> ProviderAccess:
    """How Gitea's API is asked."""
    return ProviderAccess(
        "Gitea",
        url,
        token,
        "token",
        "the scopes `write:repository`, `write:issue` and `read:user`",
        {"Accept": "application/json"},
    )


class Gitea(GitHub):
    """The pull requests of a repository at a Gitea."""

    _nameless_is_app = False
    _page_size = "limit"
    _newest_change_first: ClassVar[Params] = {"sort": "recentupdate"}
    _newest_status_first: ClassVar[Params] = {"sort": "highestindex"}

    async def _iterate_comments(self, number: int) -> AsyncIterator[PostedComment]:
        path = f"{self._repo}/issues/{number}/comments"
        for comment in await self._api.ask("GET", path, lambda v: read_items(v, read_comment)):
            yield comment

    def _read_pull_request(self, item: Item) -> PullRequest:
        found = read_pull_request(item)
        return replace(found, draft=found.draft or _DRAFT.match(found.title) is not None)

    def _read_status(self, item: Item) -> CommitStatus:
        return read_status(item, "status")
