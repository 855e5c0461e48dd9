"""What the environment of the process says about a project. The only reader of it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import field

from reconciler.errors import UsageError
from reconciler.formats.names import make_plain
from reconciler.formats.secret import Secret
from reconciler.formats.values import value
from reconciler.service.routes import Routes


@value(frozen=True, slots=True)
class Variables:
    """DASHSCOPE_API_KEY, CUTLIST_ with ENDPOINT, STORE, LEDGER, ENV and APPROVER, and the usual
    variables for proxies and certificates (routes.VARIABLES). Empty where a variable is not set.
    """

    api_key: Secret = field(default_factory=lambda: Secret(""))
    endpoint: str = ""
    store: str = ""
    environment: str = ""  # the name of one that the project file describes
    approver: str = ""
    routes: Routes = field(default_factory=Routes)
    ledger: Secret = field(default_factory=lambda: Secret(""))  # its address may have a password

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Variables:
        """The variables of this process, or of `environ`."""
        variables = os.environ if environ is None else environ

        def read_own(name: str) -> str:
            return variables.get(f"CUTLIST_{name}", "").strip()

        return cls(
            Secret(variables.get("DASHSCOPE_API_KEY", "").strip()),
            endpoint=read_own("ENDPOINT"),
            store=read_own("STORE"),
            ledger=Secret(read_own("LEDGER")),
            environment=read_own("ENV"),
            approver=read_own("APPROVER"),
            routes=Routes.of(variables),
        )


def read_secret(name: str, environ: Mapping[str, str] | None = None) -> Secret:
    """The variable that a document names for a token, a key or an address; an empty secret where
    it is not set, or none is named.
    """
    variables = os.environ if environ is None else environ
    return Secret(variables.get(name, "").strip() if name else "")


def require_secret(name: str, environ: Mapping[str, str] | None = None) -> Secret:
    """The variable that a document names. Raises UsageError where it is not set, or empty."""
    secret = read_secret(name, environ)
    if not secret:
        raise UsageError(
            f"the variable {make_plain(name)} is not set.",
            hint="Set it where this program is started; its value is told to nobody.",
        )
    return secret


def find_machine_name() -> str:
    """What this machine calls itself."""
    return make_plain(os.uname().nodename)


def find_user_name() -> str:
    """Who runs this process, by the list of users of this machine."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container without a list of users
        return f"user {os.getuid()}"
