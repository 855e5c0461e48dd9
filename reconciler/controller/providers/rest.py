"""What all providers have in common: one comment that is updated, a status that is set once, one
pull request for a branch. The requests themselves are each provider's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from reconciler.controller.providers.api import Api
from reconciler.controller.providers.base import (
    CommitStatus,
    PostedComment,
    PullRequest,
    begins_with,
    cut_comment,
    cut_description,
    says_the_same,
)
from reconciler.errors import NotAllowed, NotThere, ProviderError


class RestProvider(ABC):
    """Implements base.Provider over requests that a provider spells out."""

    # whether only the tokens of apps may not ask for their own name
    _nameless_is_app = False

    def __init__(self, api: Api) -> None:
        self._api = api
        self._own_name: str | None = None  # None: not asked yet; empty: the provider does not tell

    async def close(self) -> None:
        await self._api.close()

    async def list_open(self) -> tuple[PullRequest, ...]:
        return tuple([pull_request async for pull_request in self._iterate_open()])

    @abstractmethod
    async def list_merged(self, since: float) -> tuple[PullRequest, ...]: ...

    # ------------------------------------------------------------------ comments

    async def find_comment(self, number: int, marker: str) -> PostedComment | None:
        own_name = await self._find_own_name()
        async for comment in self._iterate_comments(number):
            if begins_with(comment.body, marker) and self._is_own(comment, own_name):
                return comment
        return None

    async def write_comment(self, number: int, marker: str, body: str) -> PostedComment:
        whole = cut_comment(f"{marker}\n{body}")
        there = await self.find_comment(number, marker)
        if there is not None and says_the_same(there.body, whole):
            return there
        if there is not None:
            try:
                return await self._update_comment(number, there.id, whole)
            except NotThere:  # somebody has deleted it in this moment
                pass
        made = await self._create_comment(number, whole)
        self._own_name = made.author or self._own_name
        return made

    async def _find_own_name(self) -> str:
        """The account of the token. Tokens of apps, and tokens with few rights, may not ask."""
        if self._own_name is None:
            try:
                self._own_name = await self._read_own_name()
            except (NotAllowed, NotThere):
                self._own_name = ""
        return self._own_name

    def _is_own(self, comment: PostedComment, own_name: str) -> bool:
        """Whether a comment with our marker is ours. Where nobody tells who we are, the first one
        is: a copy can only be made of it.
        """
        if own_name:
            return comment.author == own_name
        return comment.by_app or not self._nameless_is_app

    # ------------------------------------------------------------------ statuses

    async def set_status(self, sha: str, status: CommitStatus, *, branch: str = "") -> bool:
        wanted = CommitStatus(
            status.state, cut_description(status.description), status.target_url, status.context
        )
        there = await self._find_status(sha, wanted.context)
        if there == wanted:
            return False
        await self._post_status(sha, wanted, branch)
        return True

    # ------------------------------------------------------------------ pull requests

    async def open_pull_request(self, head: str, base: str, title: str, body: str) -> PullRequest:
        there = await self._find_open(head, base)
        if there is not None:
            return there
        try:
            return await self._create_pull_request(head, base, title, cut_comment(body))
        except ProviderError as error:
            if error.status not in (409, 422):
                raise
            there = await self._find_open(head, base)  # opened by somebody else in this moment
            if there is None:
                raise
            return there

    async def _find_open(self, head: str, base: str) -> PullRequest | None:
        async for pull_request in self._iterate_open():
            fits = (pull_request.head_branch, pull_request.base_ref) == (head, base)
            if fits and not pull_request.from_fork:
                return pull_request
        return None

    # ------------------------------------------------------------------ each provider's own

    @abstractmethod
    def _iterate_open(self) -> AsyncIterator[PullRequest]:
        """The open pull requests, the newest first."""

    @abstractmethod
    def _iterate_comments(self, number: int) -> AsyncIterator[PostedComment]:
        """The comments on a pull request, the oldest first."""

    @abstractmethod
    async def _read_own_name(self) -> str: ...

    @abstractmethod
    async def _create_comment(self, number: int, body: str) -> PostedComment: ...

    @abstractmethod
    async def _update_comment(self, _number: int, comment_id: int, body: str) -> PostedComment: ...

    @abstractmethod
    async def _find_status(self, sha: str, context: str) -> CommitStatus | None:
        """The newest status of a commit in a context."""

    @abstractmethod
    async def _post_status(self, sha: str, status: CommitStatus, branch: str) -> None: ...

    @abstractmethod
    async def _create_pull_request(
        self, head: str, base: str, title: str, body: str
    ) -> PullRequest: ...
