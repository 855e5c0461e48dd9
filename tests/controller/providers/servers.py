"""GitHub, GitLab and Gitea by the shapes that their pages publish, as far as pull requests go."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import unquote

from aiohttp import web

from tests.controller.providers.host import SELF, TOKEN, Asked, Body, Host, Note, Pull, iso

REPO = "studio/films"
GROUP = "studio/spring/films"


def not_found() -> web.Response:
    return web.json_response({"message": "Not Found"}, status=404)


class GitHubHost(Host):
    """docs.github.com/rest, version 2022-11-28."""

    kind = "github"
    repo = REPO
    prefix = "/api/v3"  # as GitHub Enterprise has it
    headers: ClassVar = {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    pages = ("per_page", "page")
    pull_params = ("state", "head", "base", "sort", "direction")
    status_params: tuple[str, ...] = ()

    def add_routes(self) -> None:
        repo = f"/repos/{REPO}"
        self.route("GET", "/user", self.tell_user)
        self.route("GET", f"{repo}/pulls", self.list_pulls, *self.pull_params, *self.pages)
        self.route("POST", f"{repo}/pulls", self.create_pull)
        self.add_comment_list(f"{repo}/issues/*/comments")
        self.route("POST", f"{repo}/issues/*/comments", self.create_comment)
        self.route("PATCH", f"{repo}/issues/comments/*", self.update_comment)
        listed = f"{repo}/commits/*/statuses"
        self.route("GET", listed, self.list_statuses, *self.status_params, *self.pages)
        self.route("POST", f"{repo}/statuses/*", self.post_status)

    def add_comment_list(self, path: str) -> None:
        self.route("GET", path, self.list_comments, "since", *self.pages)

    def tell_user(self, asked: Asked) -> Any:
        if not self.tells_own_name:
            message = {"message": "Resource not accessible by integration"}
            return web.json_response(message, status=403)
        return {"login": SELF, "id": 7, "type": "User"}

    def list_pulls(self, asked: Asked) -> web.Response:
        state = asked.query.get("state", "open")
        found = [pull for pull in self.pulls.values() if pull.open == (state == "open")]
        by_update = asked.query.get("sort") in ("updated", "recentupdate")
        found.sort(key=lambda pull: -pull.updated_at if by_update else -pull.number)
        return self.page(asked, [self.show_pull(pull) for pull in found])

    def show_pull(self, pull: Pull) -> Body:
        head = {"id": 9 if pull.fork else 5, "full_name": "eve/films" if pull.fork else REPO}
        merged = None if pull.merged_at is None else iso(pull.merged_at)
        return {
            "id": 1000 + pull.number,
            "number": pull.number,
            "state": "open" if pull.open else "closed",
            "title": pull.title,
            "body": pull.body or None,
            "user": {"login": pull.author, "id": 3, "type": "User"},
            "html_url": f"https://github.com/{REPO}/pull/{pull.number}",
            "draft": pull.draft,
            "updated_at": iso(pull.updated_at),
            "merged_at": merged,
            "merge_commit_sha": "c" * 40,
            "head": {
                "ref": pull.head_branch,
                "sha": pull.head_sha,
                "repo": None if pull.fork_gone else head,
            },
            "base": {
                "ref": "main",
                "sha": pull.base_sha,
                "repo": {"id": 5, "full_name": REPO},
            },
        }

    def create_pull(self, asked: Asked) -> web.Response:
        body = asked.body or {}
        self.check_fields(body, {"title", "head", "base"}, {"body", "draft"})
        taken = [pull for pull in self.pulls.values() if pull.open and not pull.fork]
        if any(pull.head_branch == body["head"] for pull in taken):
            return self.already_open()
        pull = Pull(self.make_id(), head_branch=body["head"], title=body["title"])
        self.add(pull)
        return web.json_response(self.show_pull(pull), status=201)

    def already_open(self) -> web.Response:
        errors = [{"resource": "PullRequest", "message": "A pull request already exists"}]
        return web.json_response({"message": "Validation Failed", "errors": errors}, status=422)

    def list_comments(self, asked: Asked, number: str) -> web.Response:
        return self.page(asked, [self.show_note(note) for note in self.notes.get(int(number), [])])

    def show_note(self, note: Note) -> Body:
        kind = "Bot" if note.bot else "User"
        user = {"login": note.author, "id": 8, "type": kind}
        return {"id": note.id, "body": note.body, "user": user, "html_url": "https://example.com"}

    def create_comment(self, asked: Asked, number: str) -> web.Response:
        self.check_fields(asked.body, {"body"}, set())
        assert asked.body is not None
        note = self.say(int(number), SELF, asked.body["body"], bot=self.bot)
        return web.json_response(self.show_note(note), status=201)

    def update_comment(self, asked: Asked, *ids: str) -> Any:
        self.check_fields(asked.body, {"body"}, set())
        assert asked.body is not None
        for notes in self.notes.values():
            for note in notes:
                if note.id == int(ids[-1]):
                    note.body = asked.body["body"]
                    return self.show_note(note)
        return not_found()

    def list_statuses(self, asked: Asked, sha: str) -> web.Response:
        return self.page(asked, self.statuses.get(sha, [])[::-1])

    def post_status(self, asked: Asked, sha: str) -> web.Response:
        body = asked.body or {}
        self.check_fields(body, {"state"}, {"description", "context", "target_url"})
        if body["state"] not in ("pending", "success", "failure", "error"):
            self.complaints.append(f"no such state: {body['state']}")
        return self.keep_status(sha, body)

    def keep_status(self, sha: str, shown: Body) -> web.Response:
        kept = {"id": self.make_id(), "target_url": None, "description": None, **shown}
        self.statuses.setdefault(sha, []).append(kept)
        return web.json_response(kept, status=201)


class GiteaHost(GitHubHost):
    """docs.gitea.com/api: GitHub's shapes with its own names."""

    kind = "gitea"
    prefix = "/api/v1"
    size = "limit"
    headers: ClassVar = {"Authorization": f"token {TOKEN}", "Accept": "application/json"}
    pages = ("limit", "page")
    pull_params = ("state", "sort", "base_branch")
    status_params = ("sort", "state")

    def __init__(self) -> None:
        super().__init__()
        self.most = 50

    def add_comment_list(self, path: str) -> None:
        self.route("GET", path, self.list_comments, "since", "before")

    def list_comments(self, asked: Asked, number: str) -> web.Response:
        notes = [self.show_note(note) for note in self.notes.get(int(number), [])]
        return web.json_response(notes, headers={"X-Total-Count": str(len(notes))})

    def show_note(self, note: Note) -> Body:
        return {"id": note.id, "body": note.body, "user": {"login": note.author, "id": 8}}

    def show_pull(self, pull: Pull) -> Body:
        shown = super().show_pull(pull)
        title = f"WIP: {pull.title}" if pull.draft else pull.title
        shown |= {"merged": pull.merged_at is not None, "title": title}
        del shown["draft"]  # before 1.21
        return shown

    def already_open(self) -> web.Response:
        return web.json_response({"message": "pull request already exists"}, status=409)

    def list_statuses(self, asked: Asked, sha: str) -> web.Response:
        if asked.query.get("sort") != "highestindex":
            self.complaints.append("statuses without an order")
        return super().list_statuses(asked, sha)

    def keep_status(self, sha: str, shown: Body) -> web.Response:
        kept = {**shown, "status": shown["state"]}
        del kept["state"]
        return super().keep_status(sha, kept)


class GitLabHost(Host):
    """docs.gitlab.com/api, version 4."""

    kind = "gitlab"
    repo = GROUP
    prefix = "/api/v4"
    headers: ClassVar = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}

    def __init__(self) -> None:
        super().__init__()
        self.pipelines: dict[str, Body] = {}  # the last one of each commit

    def add_routes(self) -> None:
        project = f"/projects/{GROUP.replace('/', '%2F')}"
        pages = ("per_page", "page")
        order = ("order_by", "sort")
        self.route("GET", "/user", self.tell_user)
        self.route(
            "GET",
            f"{project}/merge_requests",
            self.list_merge_requests,
            *("state", "updated_after", "source_branch", "target_branch"),
            *order,
            *pages,
        )
        self.route("POST", f"{project}/merge_requests", self.create_merge_request)
        self.route("GET", f"{project}/repository/branches/*", self.show_branch)
        notes = f"{project}/merge_requests/*/notes"
        self.route("GET", notes, self.list_notes, *order, *pages)
        self.route("POST", notes, self.create_note)
        self.route("PUT", f"{notes}/*", self.update_note)
        commit = f"{project}/repository/commits/*"
        self.route("GET", commit, self.show_commit)
        self.route("GET", f"{commit}/statuses", self.list_statuses, "name", "ref", "all", *pages)
        self.route("POST", f"{project}/statuses/*", self.post_status)

    def page_headers(self, page: int, more: bool) -> dict[str, str]:
        return {"X-Page": str(page), "X-Next-Page": str(page + 1) if more else ""}

    def tell_user(self, asked: Asked) -> Any:
        if not self.tells_own_name:
            return web.json_response({"message": "403 Forbidden"}, status=403)
        return {"id": 7, "username": SELF, "name": "Cutlist"}

    def list_merge_requests(self, asked: Asked) -> web.Response:
        state, after = asked.query["state"], asked.query.get("updated_after", "")
        found = [
            pull
            for pull in self.pulls.values()
            if (pull.open if state == "opened" else pull.merged_at is not None)
            and iso(pull.updated_at) >= after
        ]
        found.sort(key=lambda pull: -pull.number)
        return self.page(asked, [self.show_merge_request(pull) for pull in found])

    def show_merge_request(self, pull: Pull) -> Body:
        return {
            "id": 1000 + pull.number,
            "iid": pull.number,
            "project_id": 5,
            "title": pull.title,
            "description": pull.body,
            "state": "opened" if pull.open else "merged",
            "merged_at": None if pull.merged_at is None else iso(pull.merged_at),
            "updated_at": iso(pull.updated_at),
            "target_branch": "main",
            "source_branch": pull.head_branch,
            "author": {"id": 3, "username": pull.author, "name": pull.author.title()},
            "source_project_id": None if pull.fork_gone else 9 if pull.fork else 5,
            "target_project_id": 5,
            "draft": pull.draft,
            "sha": pull.head_sha,
            "merge_commit_sha": "c" * 40 if pull.merged_at else None,
            "squash_commit_sha": None,
            "web_url": f"https://gitlab.com/{GROUP}/-/merge_requests/{pull.number}",
        }

    def create_merge_request(self, asked: Asked) -> web.Response:
        body = asked.body or {}
        may = {"description", "remove_source_branch"}
        self.check_fields(body, {"source_branch", "target_branch", "title"}, may)
        taken = [pull for pull in self.pulls.values() if pull.open and not pull.fork]
        if any(pull.head_branch == body["source_branch"] for pull in taken):
            text = "Another open merge request already exists for this source branch: !3"
            return web.json_response({"message": [text]}, status=409)
        pull = Pull(self.make_id(), head_branch=body["source_branch"], title=body["title"])
        self.add(pull)
        return web.json_response(self.show_merge_request(pull), status=201)

    def show_branch(self, asked: Asked, name: str) -> Any:
        if unquote(name) != "main":
            return not_found()
        return {"name": "main", "commit": {"id": "b" * 40, "short_id": "b" * 8}}

    def list_notes(self, asked: Asked, number: str) -> web.Response:
        if (asked.query.get("sort"), asked.query.get("order_by")) != ("asc", "created_at"):
            self.complaints.append("notes in GitLab's own order: the newest first")
        return self.page(asked, [self.show_note(note) for note in self.notes.get(int(number), [])])

    def show_note(self, note: Note) -> Body:
        author = {"id": 8, "username": note.author, "name": note.author}
        return {"id": note.id, "body": note.body, "author": author, "system": note.system}

    def create_note(self, asked: Asked, number: str) -> web.Response:
        self.check_fields(asked.body, {"body"}, set())
        assert asked.body is not None
        note = self.say(int(number), SELF, asked.body["body"])
        return web.json_response(self.show_note(note), status=201)

    def update_note(self, asked: Asked, number: str, note_id: str) -> Any:
        self.check_fields(asked.body, {"body"}, set())
        assert asked.body is not None
        for note in self.notes.get(int(number), []):
            if note.id == int(note_id):
                note.body = asked.body["body"]
                return self.show_note(note)
        return not_found()

    def show_commit(self, asked: Asked, sha: str) -> Any:
        return {"id": sha, "short_id": sha[:8], "last_pipeline": self.pipelines.get(sha)}

    def list_statuses(self, asked: Asked, sha: str) -> web.Response:
        every = self.statuses.get(sha, [])
        latest = {(status["name"], status.get("ref")): status for status in every}
        named = [one for one in latest.values() if one["name"] == asked.query.get("name")]
        return self.page(asked, named)

    def post_status(self, asked: Asked, sha: str) -> web.Response:
        body = asked.body or {}
        self.check_fields(
            body, {"state", "name"}, {"description", "target_url", "ref", "pipeline_id"}
        )
        if body["state"] not in ("pending", "running", "success", "failed", "canceled"):
            self.complaints.append(f"no such state: {body['state']}")
        there = [one for one in self.statuses.get(sha, []) if one["name"] == body["name"]]
        if there and there[-1]["status"] == body["state"] == "pending":
            text = "Cannot transition status via :enqueue from :pending"
            return web.json_response({"message": text}, status=400)
        kept = {"target_url": None, "description": None, **body, "status": body["state"]}
        del kept["state"]
        pipeline = self.pipelines.get(sha)
        if pipeline and (body.get("pipeline_id"), body.get("ref")) != (8, pipeline["ref"]):
            self.complaints.append("a new pipeline would hide the one that is there")
        self.statuses.setdefault(sha, []).append({**kept, "id": self.make_id()})
        return web.json_response(kept, status=201)
