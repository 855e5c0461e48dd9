"""Serving https, with a certificate that is there or one that is made on the spot."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from mockserver.errors import ServerError

_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """Three PEM files: the certificate with its chain, its key, and the authority to trust."""

    chain: Path
    key: Path
    authority: Path


def build_ssl_context(chain: Path, key: Path | None) -> ssl.SSLContext:
    """What a listening socket needs. Raises ServerError when the files cannot be used."""
    for path in filter(None, (chain, key)):
        if not path.is_file():
            raise ServerError(f"there is no file {path}, which is named for https")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(chain, key)
    except (ssl.SSLError, OSError) as error:
        raise ServerError(
            f"{chain} cannot be used for https: {getattr(error, 'reason', None) or error}. It"
            " should hold a certificate in PEM form, and the key too unless that is named apart"
        ) from error
    return context


def make_certificate(folder: Path, host: str) -> Certificate:
    """Make a certificate for this machine in `folder`; the one that is there is used again.

    Raises ServerError where the package that makes certificates is missing.
    """
    files = Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    if all(path.is_file() for path in (files.chain, files.key, files.authority)):
        return files
    try:
        import trustme  # lazy: an extra, and slow to load
    except ImportError as error:
        raise ServerError(
            "a certificate is made by the package trustme, which is not installed:"
            " pip install 'cutlist[tls]', or name a certificate of your own (--cert, --key)"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys(_NAMES)
    if host not in ("0.0.0.0", "::", ""):
        names[host] = None
    authority = trustme.CA(organization_name="cutlist mock server")
    issued = authority.issue_cert(*names)
    files.key.touch(mode=0o600)
    issued.private_key_pem.write_to_path(files.key)
    files.chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(files.authority)
    return files
