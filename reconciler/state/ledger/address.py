"""The address of a shared ledger. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from reconciler.formats.digest import hash_bytes

_LONGEST_NAME = 63  # bytes of a name in PostgreSQL


@dataclass(frozen=True, slots=True)
class LedgerAddress:
    """Where a shared ledger lies, and whose it is."""

    url: str = field(repr=False)  # of the database; may carry a password
    realm: str
    account: str

    @property
    def host(self) -> str:
        """The machine, for people."""
        return urlsplit(self.url).hostname or "this machine"

    @property
    def schema(self) -> str:
        """The schema of the database that holds the ledger."""
        name = f"cutlist_{self.realm}_{self.account}"
        if len(name.encode()) > _LONGEST_NAME:
            name = f"cutlist_{self.realm}_{hash_bytes(self.account.encode())[:32]}"
        return name

    @property
    def lock(self) -> int:
        """The number of the lock that every transaction of this ledger takes."""
        return int(hash_bytes(self.schema.encode())[:16], 16) - (1 << 63)

    @property
    def fingerprint(self) -> str:
        """What tells this ledger from others, without its secrets."""
        parts = urlsplit(self.url)
        where = f"{parts.hostname or parts.query}:{parts.port or 5432}{parts.path} {self.schema}"
        return hash_bytes(where.encode())[:32]

    def redact(self, text: str) -> str:
        """`text` without the password of the address."""
        password = urlsplit(self.url).password or ""
        for secret in {password, unquote(password)} - {""}:
            text = text.replace(secret, "…")
        return text
