"""A provider that is written to only while this controller leads the Sync."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.controller.lead import Lead
from reconciler.controller.providers.base import (
    CommitStatus,
    PostedComment,
    Provider,
    PullRequest,
)


@dataclass(frozen=True, slots=True)
class LedProvider:
    """Asks `inner`, and tells it nothing more once the lead is lost: then LeaseLost is raised."""

    inner: Provider
    lead: Lead

    async def list_open(self) -> tuple[PullRequest, ...]:
        """As the inner one."""
        return await self.inner.list_open()

    async def list_merged(self, since: float) -> tuple[PullRequest, ...]:
        """As the inner one."""
        return await self.inner.list_merged(since)

    async def find_comment(self, number: int, marker: str) -> PostedComment | None:
        """As the inner one."""
        return await self.inner.find_comment(number, marker)

    async def write_comment(self, number: int, marker: str, body: str) -> PostedComment:
        """As the inner one, while this controller leads."""
        self.lead.require()
        return await self.inner.write_comment(number, marker, body)

    async def set_status(self, sha: str, status: CommitStatus, *, branch: str = "") -> bool:
        """As the inner one, while this controller leads."""
        self.lead.require()
        return await self.inner.set_status(sha, status, branch=branch)

    async def open_pull_request(self, head: str, base: str, title: str, body: str) -> PullRequest:
        """As the inner one, while this controller leads."""
        self.lead.require()
        return await self.inner.open_pull_request(head, base, title, body)

    async def close(self) -> None:
        """As the inner one."""
        await self.inner.close()
