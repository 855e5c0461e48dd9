"""Removes from a URL what signs it, and keeps what chooses its content. Pure.

The rule is part of the key's contract (schemas/key.md); the providers are data
(schemas/signatures.yaml).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from reconciler.formats.digest import hash_bytes
from reconciler.formats.values import value

# A link that is its own identity: no parameters, and spelled as `_join_url` spells it.
_UNSIGNED = re.compile(r"https?://[a-z0-9][a-z0-9.-]*/[!-~]*")


@value(frozen=True, slots=True)
class Signer:
    """Whoever signs links of one kind: how they are recognised, and which parameters sign them."""

    name: str
    marks: frozenset[str]  # all of them are there
    drops: frozenset[str]  # these go, the marks among them
    values: Mapping[str, re.Pattern[str]]  # by mark: what its value is
    hosts: tuple[str, ...]  # one of them, `*.` before it for all below; none: any host
    path: re.Pattern[str] | None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Signer:
        """One entry of schemas/signatures.yaml."""
        marks = frozenset(entry["marks"])
        return cls(
            entry["name"],
            marks,
            marks | set(entry.get("also", ())),
            {name: re.compile(rule) for name, rule in entry.get("values", {}).items()},
            tuple(entry.get("hosts", ())),
            re.compile(entry["path"]) if "path" in entry else None,
        )

    def signs(self, host: str, path: str, given: Mapping[str, str]) -> bool:
        """Whether a link is this signer's; `given` are its parameters, decoded, by name."""
        if not self.marks <= given.keys():
            return False
        if not all(rule.fullmatch(given[name]) for name, rule in self.values.items()):
            return False
        if self.path is not None and not self.path.fullmatch(path):
            return False
        return not self.hosts or any(_matches_host(host, domain) for domain in self.hosts)


@value(frozen=True, slots=True)
class Signatures:
    """The rule by which a link loses what signs it."""

    signers: tuple[Signer, ...]
    suspect_names: frozenset[str]
    suspect_endings: tuple[str, ...]
    names_1: frozenset[str]  # of version 1 of the rule
    beside_sig_1: frozenset[str]
    ignored: frozenset[str] = field(default=frozenset())  # by the project's own word

    @classmethod
    def of(cls, document: Mapping[str, Any], ignored: Collection[str] = ()) -> Signatures:
        """The rule of schemas/signatures.yaml, with `identity.ignore_query` of a project."""
        suspects, first = document["suspects"], document["version_1"]
        return cls(
            tuple(Signer.of(entry) for entry in document["providers"]),
            frozenset(suspects["names"]),
            tuple(suspects["endings"]),
            frozenset(first["names"]),
            frozenset(first["beside_sig"]),
            frozenset(name.lower() for name in ignored),
        )

    def remove_signature(self, url: str) -> str:
        """`url` without what signs or dates it, so that the same object keeps one identity when
        its link is refreshed; what is left and looks like a secret stands there as a digest.

        Scheme and host are lower-cased. The usual port, a user name and a fragment are dropped.
        The other parameters keep their order.
        """
        if "?" not in url and "#" not in url and _UNSIGNED.fullmatch(url):
            return url
        parts = urlsplit(url)
        pairs = self._keep_unsigned(parts)
        return _join_url(parts, [self._hide_value(pair) for pair in pairs])

    def find_suspects(self, url: str) -> Sequence[str]:
        """Names of what looks like a signature of a provider that is not known, as written."""
        return [
            _decode_name(pair)
            for pair in self._keep_unsigned(urlsplit(url))
            if pair.partition("=")[2] and self._is_suspect(_fold_name(pair))
        ]

    def remove_signature_v1(self, url: str) -> str:
        """`url` as version 1 of the rule left it."""
        parts = urlsplit(url)
        pairs = _split_query(parts)
        names = self.names_1
        if any(pair.startswith("sig=") for pair in pairs):
            names |= self.beside_sig_1
        return _join_url(parts, [pair for pair in pairs if _fold_name(pair) not in names])

    def _keep_unsigned(self, parts: SplitResult) -> list[str]:
        """The parameters that no known provider, and not the project, takes out."""
        pairs = _split_query(parts)
        if not pairs:
            return pairs
        given = {_fold_name(pair): unquote(pair.partition("=")[2]) for pair in pairs}
        host = (parts.hostname or "").removesuffix(".")
        gone = set(self.ignored)
        for signer in self.signers:
            if signer.signs(host, parts.path, given):
                gone |= signer.drops
        return [pair for pair in pairs if _fold_name(pair) not in gone]

    def _is_suspect(self, name: str) -> bool:
        return name in self.suspect_names or name.endswith(self.suspect_endings)

    def _hide_value(self, pair: str) -> str:
        name, mark, value = pair.partition("=")
        # what was hidden before, in a record that is read again, stays as it is
        if not value or value.startswith("sha256:") or not self._is_suspect(_fold_name(pair)):
            return pair
        return f"{name}{mark}sha256:{hash_bytes(value.encode())}"


def _split_query(parts: SplitResult) -> list[str]:
    return [pair for pair in parts.query.split("&") if pair]


def _decode_name(pair: str) -> str:
    return unquote(pair.partition("=")[0])


def _fold_name(pair: str) -> str:
    return _decode_name(pair).lower()


def _join_url(parts: SplitResult, pairs: Sequence[str]) -> str:
    scheme, host = parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()
    host = host.removesuffix(":443" if scheme == "https" else ":80")
    return urlunsplit((scheme, host, parts.path or "/", "&".join(pairs), ""))


def _matches_host(host: str, pattern: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))
