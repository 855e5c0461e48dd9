"""From the address in a Sync document to the provider it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.controller.addresses import explain_bad_api_url
from reconciler.controller.documents import ProviderAddress
from reconciler.controller.providers.api import Api, ProviderAccess
from reconciler.controller.providers.base import Provider
from reconciler.controller.providers.gitea import Gitea, describe_gitea
from reconciler.controller.providers.github import PUBLIC_URL as PUBLIC_GITHUB
from reconciler.controller.providers.github import GitHub, describe_github
from reconciler.controller.providers.gitlab import PUBLIC_URL as PUBLIC_GITLAB
from reconciler.controller.providers.gitlab import GitLab, describe_gitlab
from reconciler.errors import NotAllowed, UsageError
from reconciler.formats.secret import Secret, is_key
from reconciler.formats.untrusted import make_plain_line
from reconciler.service.routes import Routes
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.service.network import Transport  # lazy where it runs: httpx

_REPO = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)
_PATHS = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}
_PUBLIC = {"github": PUBLIC_GITHUB, "gitlab": PUBLIC_GITLAB}


_Describe = Callable[[str, Secret], ProviderAccess]
_KINDS: Mapping[str, tuple[_Describe, Callable[[Api, str], Provider]]] = {
    "github": (describe_github, GitHub),
    "gitlab": (describe_gitlab, GitLab),
    "gitea": (describe_gitea, Gitea),
}


def open_provider(
    address: ProviderAddress,
    token: Secret,
    *,
    clock: Clock,
    routes: Routes,
    transport: Transport | None = None,
) -> Provider:
    """The provider at `address`, asked with `token`. Nothing is sent yet.

    Raises UsageError for an address that cannot be asked, NotAllowed where there is no token.
    """
    repo, url = address.repo, find_api_url(address)
    levels = repo.count("/") + 1
    if not _REPO.fullmatch(repo) or ".." in repo or (levels > 2 and address.kind != "gitlab"):
        raise UsageError(
            f"provider.repo {make_plain_line(repo)} is no name of a repository.",
            hint="Name it as its address does: OWNER/NAME, at GitLab with all groups before it.",
        )
    if not is_key(token):
        variable = make_plain_line(address.token_from) or "the variable of provider.tokenFrom"
        raise NotAllowed(
            f"there is no usable token for {make_plain_line(repo)}: {variable} is not set, or"
            " holds blanks.",
            hint="Set the variable that provider.tokenFrom names to a token, and start the"
            " controller again.",
        )
    describe, kind = _KINDS[address.kind]
    return kind(Api(describe(url, token), clock=clock, routes=routes, transport=transport), repo)


def find_api_url(address: ProviderAddress) -> str:
    """The URL of a provider's API, without a slash at the end; of an address that is only a host,
    the usual one below it. Raises UsageError.
    """
    url = address.api_url.strip().rstrip("/") or _PUBLIC.get(address.kind, "")
    if not url:
        raise UsageError(
            "provider.apiUrl is missing: there is no public one for gitea.",
            hint="Name it, such as https://git.example.com/api/v1.",
        )
    if wrong := explain_bad_api_url(url):
        raise UsageError(
            f"provider.apiUrl cannot be asked with a token: {wrong}.",
            hint="Legal is https://HOST/PATH, without a user name; http only for this machine.",
        )
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.path or host.startswith("api."):  # GitHub's own hosts have no path
        return url
    return f"{url}{_PATHS[address.kind]}"
