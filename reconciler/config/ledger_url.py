"""Whether a text can be the address of a shared ledger. Pure. No word of it shows what follows the
scheme, where a password may stand.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from reconciler.formats.names import make_plain

SCHEMES = ("postgresql", "postgres")
FORM = "legal is postgresql://HOST/DATABASE"
_PARAMETERS = ("host", "port", "sslmode", "sslrootcert", "target_session_attrs", "connect_timeout")


def describe_url_fault(url: str) -> str:
    """What is wrong with an address, whoever gave it; empty where nothing is."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return f"it is no URL; {FORM}"
    if parts.scheme not in SCHEMES:
        named = (
            f'its scheme is "{make_plain(parts.scheme)}"' if parts.scheme else "it has no scheme"
        )
        return f"{named}; {FORM}"
    if not parts.path.strip("/"):
        return f"it names no database; {FORM}"
    return ""


def describe_written_fault(url: str) -> str:
    """The same of an address that stands in a file, which everybody can read: no secret, and
    nothing that makes this machine read a file of another's choice.
    """
    fault = describe_url_fault(url)
    if fault:
        return fault
    parts = urlsplit(url)
    names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if parts.password is not None or "password" in names:
        return (
            "it carries a password; leave that out here, and set PGPASSWORD, a file for PGPASSFILE,"
            " or the whole address as CUTLIST_LEDGER"
        )
    unknown = sorted(names - set(_PARAMETERS))
    if unknown:
        return f'it has "{make_plain(unknown[0])}"; legal after ? are {", ".join(_PARAMETERS)}'
    return ""
