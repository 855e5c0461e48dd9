"""Listening on a port: an application, started and stopped."""

from __future__ import annotations

import os
import ssl
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from aiohttp import web

from mockserver.errors import ServerError

_EVERY_ADDRESS = ("0.0.0.0", "::", "")


class Listener:
    """One port on which applications are served, one after the other."""

    def __init__(self, host: str, port: int, *, tls: bool = False) -> None:
        self.host, self.port = host, port  # 0 until a free port was taken
        self._scheme = "https" if tls else "http"
        self._runner: web.AppRunner | None = None

    @property
    def root_url(self) -> str:
        """Where it is reached from this machine, without a path."""
        host = "127.0.0.1" if self.host in _EVERY_ADDRESS else self.host
        if ":" in host:
            host = f"[{host}]"
        return f"{self._scheme}://{host}:{self.port}"

    async def start(self, app: web.Application, ssl_context: ssl.SSLContext | None = None) -> None:
        """Listen. Raises ServerError when the port cannot be had."""
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        try:
            await self._runner.setup()
            site = web.TCPSite(self._runner, self.host, self.port, ssl_context=ssl_context)
            await site.start()
        except OSError as error:
            await self.stop()
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ServerError(
                f"cannot listen on {self.host} port {self.port}: {reason}; name another port"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, if it does."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def drop_connections(self, spared: object) -> None:
        """Cut every connection but the one of this transport."""
        if self._runner is None or self._runner.server is None:
            return
        for connection in self._runner.server.connections:
            if connection.transport is not None and connection.transport is not spared:
                connection.transport.abort()


class Runnable(ABC):
    """A server that is started and stopped, or runs for the length of a block."""

    @abstractmethod
    async def start(self) -> None:
        """Listen. Raises ServerError."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop listening."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
