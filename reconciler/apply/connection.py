"""Reaching the service of a project: its key, its address, and the bundled server where it
is that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reconciler.config import Config
from reconciler.errors import CutlistError
from reconciler.formats.secret import is_key


@asynccontextmanager
async def reach_service(config: Config) -> AsyncIterator[str]:
    """The base URL of the endpoint; the bundled server runs for the length of the block. Raises
    CutlistError where there is no key.
    """
    if not config.endpoint.bundled:
        check_key(config)
        yield config.endpoint.base_url
        return
    from reconciler.service.bundled import start_bundled_server  # lazy: aiohttp

    async with start_bundled_server(config.state_dir / "server") as url:
        yield url


def check_key(config: Config) -> None:
    """Raise CutlistError where there is no key, or what is none."""
    if not config.api_key:
        raise CutlistError(
            f"no API key: DASHSCOPE_API_KEY is not set, and {config.endpoint.name} wants one.",
            hint=(
                "Set it to a key of this region, or try offline with --endpoint mock. Nothing was"
                " sent."
            ),
        )
    if not is_key(config.api_key):
        raise CutlistError(
            "DASHSCOPE_API_KEY is no key: it holds spaces, line ends or characters beyond ASCII.",
            hint="Copy it anew from the vendor's console. Nothing was sent.",
        )
