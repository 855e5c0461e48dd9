"""Each provider with its server, on injected time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reconciler.controller.documents import ProviderAddress
from reconciler.controller.providers.base import Provider
from reconciler.controller.providers.opening import open_provider
from reconciler.formats.secret import Secret
from reconciler.service.routes import Routes
from tests.clock import FakeClock
from tests.controller.providers.host import TOKEN, Host, serve
from tests.controller.providers.servers import GiteaHost, GitHubHost, GitLabHost

HOSTS: dict[str, type[Host]] = {"github": GitHubHost, "gitlab": GitLabHost, "gitea": GiteaHost}


@pytest.fixture(params=HOSTS)
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    """A server of each kind; in the end nobody may have asked it for what it does not document."""
    made = HOSTS[request.param]()
    runner = await serve(made)
    yield made
    await runner.cleanup()
    assert made.complaints == []


def open_for(host: Host, clock: FakeClock, url: str = "") -> Provider:
    """The provider that belongs to a server, or one of its kind at another URL."""
    address = ProviderAddress(host.kind, host.repo, url or host.url, "TOKEN")
    return open_provider(address, Secret(TOKEN), clock=clock, routes=Routes())


@pytest.fixture
async def provider(host: Host, clock: FakeClock) -> AsyncIterator[Provider]:
    """The provider of the server."""
    opened = open_for(host, clock)
    yield opened
    await opened.close()
