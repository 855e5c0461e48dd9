"""Who may call: accounts of the service, each with its API keys, its region and its workspaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from mockserver.digest import compute_sha256
from mockserver.errors import FOREIGN_WORKSPACE, INVALID_KEY, NO_KEY, ApiError
from mockserver.fields import BadOrder, Doc, Fields, read_all


@dataclass(frozen=True)
class ApiKey:
    """One key of an account. `id` is what the task list shows; `secret` is what a client sends."""

    id: str
    secret: str


@dataclass(frozen=True)
class Account:
    """An account: tasks, uploads and limits belong to it, whichever of its keys is used.

    `region` decides which model names it can call, and at which server: model, endpoint and key
    have to be of one region (API reference). None is at home everywhere and knows the names of
    every region. `workspaces` are the ids that X-DashScope-WorkSpace may name; empty: any.
    """

    name: str
    uid: str
    keys: tuple[ApiKey, ...]
    region: str | None = None
    workspaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Caller:
    """Who sent a request: an account by one of its keys."""

    account: Account
    key: ApiKey


DEFAULT_ACCOUNTS = (Account("default", "1000000000000001", (ApiKey("100001", "sk-mock"),)),)


class Accounts:
    """The accounts of one server, by key.

    `region` is the server's own; None serves every region.
    """

    def __init__(
        self, accounts: Iterable[Account] = DEFAULT_ACCOUNTS, region: str | None = None
    ) -> None:
        self.region = region
        self.replace(accounts)

    def replace(self, accounts: Iterable[Account]) -> None:
        """Have these accounts from now on. Raises BadOrder when a name or a key stands twice."""
        accounts = tuple(accounts)
        callers = [Caller(account, key) for account in accounts for key in account.keys]
        by_secret = {caller.key.secret: caller for caller in callers}
        names = {account.name for account in accounts}
        if len(names) != len(accounts) or len(by_secret) != len(callers):
            raise BadOrder(
                "every account needs a name of its own and every key a secret of its own"
            )
        self.all, self._callers = accounts, by_secret

    def to_documents(self) -> list[Doc]:
        """The accounts as `read_accounts` reads them, keys and all."""
        return [asdict(account) for account in self.all]

    def find(self, name: str) -> Account | None:
        """The account of a name; None when there is none."""
        return next((account for account in self.all if account.name == name), None)

    def identify(self, authorization: str | None) -> Caller:
        """Find out for whom an Authorization header speaks.

        Raises ApiError 401 with one of the two messages of the error page. The key of an account
        of another region than the server's is as good as none (API reference).
        """
        if not authorization or not authorization.strip():
            raise NO_KEY
        scheme, _, secret = authorization.strip().partition(" ")
        if scheme.lower() == "bearer" and not secret.strip():
            raise NO_KEY
        caller = self._callers.get(secret.strip())
        if scheme.lower() != "bearer" or caller is None:
            raise INVALID_KEY
        if self.region is not None and caller.account.region not in (None, self.region):
            raise INVALID_KEY
        return caller

    def find_name(self, authorization: str | None) -> str | None:
        """The name of the account for which an Authorization header speaks; None without one."""
        try:
            return self.identify(authorization).account.name
        except ApiError:
            return None

    def get_region(self, caller: Caller) -> str | None:
        """The region whose model names a caller can use: the account's, else the server's."""
        return caller.account.region or self.region


def check_workspace(caller: Caller, workspace: str | None) -> None:
    """Check the workspace that X-DashScope-WorkSpace names.

    Raises ApiError 403 when the account does not have it. Which of the service's checks comes
    first is not documented (assumption: right after the key).
    """
    if workspace and caller.account.workspaces and workspace not in caller.account.workspaces:
        raise FOREIGN_WORKSPACE


def read_accounts(documents: object, regions: Iterable[str]) -> list[Account]:
    """Read accounts from a list of mappings {name, uid, keys: [{id, secret}], region, workspaces}.

    Raises BadOrder, also for a region that is not one of `regions`.
    """
    known = tuple(regions)

    def read_account(document: object, place: str) -> Account:
        fields = Fields(document, place)
        name, uid = fields.take("name", str), fields.take("uid", str, "1000000000000001")
        keys = read_all(fields.take("keys", list, []), _read_key, f"{place}.keys")
        region, workspaces = fields.take("region", str), fields.take("workspaces", list, [])
        fields.end()
        if not name or not keys:
            raise BadOrder(
                f"{place} should have a name and keys such as [{{id: '1', secret: sk-1}}]"
            )
        if region is not None and region not in known:
            raise BadOrder(f"{place}.region should be one of {', '.join(known)}, not {region!r}")
        return Account(name, uid, tuple(keys), region, tuple(map(str, workspaces)))

    return read_all(documents, read_account, "accounts")


def _read_key(document: object, place: str) -> ApiKey:
    fields = Fields(document, place)
    secret = fields.take("secret", str, "")
    key = ApiKey(fields.take("id", str, compute_sha256(secret.encode())[:10]), secret)
    fields.end()
    if not secret:
        raise BadOrder(f"{place} should have a secret, which is what clients send")
    return key
