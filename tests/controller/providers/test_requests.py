"""Each request as it goes out, letter by letter: what the pages of a provider document."""

from __future__ import annotations

import pytest

from reconciler.controller.providers.base import CommitStatus, Provider, make_marker
from tests.controller.providers.host import Host, Pull

SHA = "a" * 40
MARKER = make_marker("films")
GITLAB = "/projects/studio%2Fspring%2Ffilms"
HUB = "/repos/studio/films"
FIRST = {"per_page": "30", "page": "1"}
FIRST_OF_GITEA = {"limit": "30", "page": "1"}
COMMENT = {"body": f"{MARKER}\n1.30 USD"}
STATUS = {"description": "1.30 USD", "target_url": "https://status.example.com"}
OWN = {"title": "lock: 3 edits", "head": "cutlist/lock", "base": "main", "body": "text"}

ROUNDS = {
    "github": [
        ("GET", f"{HUB}/pulls", {"state": "open", **FIRST}, None),
        ("GET", "/user", {}, None),
        ("GET", f"{HUB}/issues/7/comments", FIRST, None),
        ("POST", f"{HUB}/issues/7/comments", {}, COMMENT),
        ("GET", f"{HUB}/commits/{SHA}/statuses", FIRST, None),
        (
            "POST",
            f"{HUB}/statuses/{SHA}",
            {},
            {"state": "error", "context": "cutlist/films", **STATUS},
        ),
        ("GET", f"{HUB}/pulls", {"state": "open", **FIRST}, None),
        ("POST", f"{HUB}/pulls", {}, OWN),
        (
            "GET",
            f"{HUB}/pulls",
            {"state": "closed", "sort": "updated", "direction": "desc", **FIRST},
            None,
        ),
    ],
    "gitea": [
        ("GET", f"{HUB}/pulls", {"state": "open", **FIRST_OF_GITEA}, None),
        ("GET", "/user", {}, None),
        ("GET", f"{HUB}/issues/7/comments", {}, None),
        ("POST", f"{HUB}/issues/7/comments", {}, COMMENT),
        (
            "GET",
            f"{HUB}/commits/{SHA}/statuses",
            {"sort": "highestindex", **FIRST_OF_GITEA},
            None,
        ),
        (
            "POST",
            f"{HUB}/statuses/{SHA}",
            {},
            {"state": "error", "context": "cutlist/films", **STATUS},
        ),
        ("GET", f"{HUB}/pulls", {"state": "open", **FIRST_OF_GITEA}, None),
        ("POST", f"{HUB}/pulls", {}, OWN),
        (
            "GET",
            f"{HUB}/pulls",
            {"state": "closed", "sort": "recentupdate", **FIRST_OF_GITEA},
            None,
        ),
    ],
    "gitlab": [
        (
            "GET",
            f"{GITLAB}/merge_requests",
            {"state": "opened", "order_by": "created_at", "sort": "desc", **FIRST},
            None,
        ),
        ("GET", f"{GITLAB}/repository/branches/main", {}, None),
        ("GET", "/user", {}, None),
        (
            "GET",
            f"{GITLAB}/merge_requests/7/notes",
            {"sort": "asc", "order_by": "created_at", **FIRST},
            None,
        ),
        ("POST", f"{GITLAB}/merge_requests/7/notes", {}, COMMENT),
        (
            "GET",
            f"{GITLAB}/repository/commits/{SHA}/statuses",
            {"name": "cutlist/films", **FIRST},
            None,
        ),
        ("GET", f"{GITLAB}/repository/commits/{SHA}", {}, None),
        (
            "POST",
            f"{GITLAB}/statuses/{SHA}",
            {},
            {"state": "failed", "name": "cutlist/films", "ref": "topic", **STATUS},
        ),
        (
            "GET",
            f"{GITLAB}/merge_requests",
            {"state": "opened", "order_by": "created_at", "sort": "desc", **FIRST},
            None,
        ),
        (
            "POST",
            f"{GITLAB}/merge_requests",
            {},
            {
                "title": "lock: 3 edits",
                "source_branch": "cutlist/lock",
                "target_branch": "main",
                "description": "text",
                "remove_source_branch": True,
            },
        ),
        (
            "GET",
            f"{GITLAB}/merge_requests",
            {
                "state": "merged",
                "order_by": "updated_at",
                "sort": "desc",
                "updated_after": "2027-01-15T08:00:00Z",
                **FIRST,
            },
            None,
        ),
    ],
}


@pytest.mark.parametrize("host", ROUNDS, indirect=True)
async def test_a_round_of_requests(host: Host, provider: Provider) -> None:
    """Nothing more is asked than what is needed, and everything is spelled as documented."""
    host.add(Pull(7))
    (one,) = await provider.list_open()
    await provider.write_comment(one.number, MARKER, "1.30 USD")
    status = CommitStatus("error", "1.30 USD", "https://status.example.com", "cutlist/films")
    await provider.set_status(one.head_sha, status, branch=one.head_branch)
    await provider.open_pull_request("cutlist/lock", "main", "lock: 3 edits", "text")
    await provider.list_merged(1_800_000_000.0)
    sent = [(asked.method, asked.path, dict(asked.query), asked.body) for asked in host.asked]
    assert sent == ROUNDS[host.kind]
