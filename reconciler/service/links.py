"""Where an answer may lead: only by https (http on this machine), only to hosts we expect. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from reconciler.errors import HostRefused
from reconciler.formats.hosts import is_loopback
from reconciler.formats.names import is_plain
from reconciler.formats.untrusted import make_plain_line

LONGEST = 8 << 10  # characters of a link
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts that links of one kind may name; `*.` stands for everything below a name."""

    names: Sequence[str]
    what: str  # what the links are for, as people read it
    loopback: bool  # whether the service is on this machine, and so may name this machine

    def check(self, url: str) -> None:
        """Raises HostRefused, with the reason in words, for a link that is not followed."""
        parts = self._parts(url)
        host = (parts.hostname or "").lower()
        near = self.loopback and is_loopback(host)
        encrypted = parts.scheme == "https" or (parts.scheme == "http" and near)
        known = near or any(
            host == name or (name.startswith("*.") and host.endswith(name[1:]))
            for name in self.names
        )
        if not (encrypted and known):
            raise HostRefused(
                f"the service names {make_plain_line(f'{parts.scheme}://{host}')} for the"
                f" {self.what}, which is not an allowed host.",
                hint="If this host is right, add it to result_hosts in cutlist.yaml.",
            )

    def _parts(self, url: str) -> SplitResult:
        """The parts of a link that can be one. What every reader takes for the same host passes,
        and nothing else.
        """
        if len(url) > LONGEST:
            raise self._refused(f"is longer than {LONGEST:,} characters")
        if not is_plain(url) or re.search(r"[\s\\]", url):
            raise self._refused("holds characters that no link has")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            bad_port = "port" in str(error).lower()
            raise self._refused("has no legal port" if bad_port else "is no URL") from None
        if parts.username is not None or parts.password is not None:
            raise self._refused("holds a user name")
        if port == 0:
            raise self._refused("has no legal port")
        if not _HOST.fullmatch((parts.hostname or "").lower()):
            raise self._refused("has no legal name of a host")
        return parts

    def _refused(self, why: str) -> HostRefused:
        return HostRefused(f"what the service names for the {self.what} {why}.")
