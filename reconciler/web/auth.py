"""Reads what `--auth` says: a file of tokens, or a reverse proxy that knows people."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

from reconciler.errors import CutlistError, UsageError
from reconciler.formats.names import make_plain
from reconciler.formats.secret import Secret, is_key
from reconciler.web.gate import PageGate, ProxyGate, TokenGate

COOKIE = "cutlist"
_LEAST_TOKEN = 16  # characters
_MOST_FILE_BYTES = 1 << 20
_LEGAL = "legal are tokens:FILE and proxy:ADDRESS,header=NAME"
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")


def open_gate(text: str, folder: Path) -> PageGate:
    """The gate that `text` asks for; a file is named from `folder` on. Raises UsageError,
    CutlistError.
    """
    kind, _, rest = text.partition(":")
    if kind == "tokens" and rest:
        return TokenGate(read_tokens(folder / rest), COOKIE)
    if kind == "proxy" and rest:
        return _open_proxy_gate(rest)
    raise UsageError(f'--auth is "{make_plain(text)}"; {_LEGAL}.')


def read_tokens(path: Path) -> Sequence[tuple[str, Secret]]:
    """The people of a file and their tokens: a line each, `NAME TOKEN`. Raises CutlistError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_FILE_BYTES).decode()
    except OSError as error:
        raise CutlistError(
            f"the tokens in {path} cannot be read: {error.strerror}.",
            hint="Write a line `NAME TOKEN` for each person.",
        ) from error
    except UnicodeDecodeError:
        raise CutlistError(f"{path} is no text in UTF-8.", hint="Write it anew.") from None
    people: dict[str, Secret] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, token = line.strip().rpartition(" ")
        name, secret = make_plain(name.strip()), Secret(token)
        if not name or len(token) < _LEAST_TOKEN or not is_key(secret):
            raise CutlistError(
                f"{path}:{number}: this is no person with a token.",
                hint=f"Write `NAME TOKEN`; a token has at least {_LEAST_TOKEN} characters, as"
                " `openssl rand -hex 16` prints them.",
            )
        if name in people or any(secret.reveal() == one.reveal() for one in people.values()):
            raise CutlistError(
                f"{path}:{number}: name or token stand there twice.",
                hint="Give each person one token of their own.",
            )
        people[name] = secret
    if not people:
        raise CutlistError(
            f"{path} names nobody.", hint="Write a line `NAME TOKEN` for each person."
        )
    return list(people.items())


def _open_proxy_gate(text: str) -> ProxyGate:
    address, _, named = text.partition(",")
    field, _, header = named.partition("=")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise UsageError(
            f'--auth names the proxy "{make_plain(address)}"; legal is its IP address.'
        ) from None
    if field != "header" or not _HEADER.fullmatch(header):
        raise UsageError(
            f'--auth says "{make_plain(named)}" of the proxy; legal is header=NAME, such as'
            " header=X-Forwarded-User."
        )
    return ProxyGate(address, header)
