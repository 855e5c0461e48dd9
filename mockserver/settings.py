"""The settings of a server, as one value that does not change while it runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from mockserver.accounts import DEFAULT_ACCOUNTS, Account
from mockserver.errors import ServerError

if TYPE_CHECKING:
    from mockserver.clock import Clock
    from mockserver.media.renderer import Renderer, RunBlocking

P = ParamSpec("P")
T = TypeVar("T")

# When a request with wrong fields is refused: its task fails after the POST, or 400 at once.
VALIDATION_MODES = ("service", "strict")


@dataclass(frozen=True)
class Settings:
    """All that can be set of a server. Raises ServerError for values that cannot be together.

    A region that there is not, or a rule that cannot be read, is only found by the server itself.
    """

    state_dir: Path | None = None
    """Folder in which tasks, uploads and videos outlive the process. None keeps them in memory
    and a temporary folder."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: int = 0
    """Port to listen on; 0 takes a free one."""

    clock: Clock | None = None
    """The server's time; None is the machine's."""

    validation: str = "service"
    """`service` fails a bad task after the POST, `strict` answers 400 at once."""

    seed: int = 0
    """Ids, times and films follow from it and from the order of requests."""

    task_seconds: tuple[float, float] | None = (2.0, 4.0)
    """Range of a task's time in seconds; None takes each model's usual times (minutes)."""

    public_url: str | None = None
    """Root of upload and result URLs, when clients reach the server under another address."""

    renderer: Renderer | None = None
    """An object with `probe` and `render` in place of FFmpeg."""

    run_blocking: RunBlocking | None = None
    """How slow calls are run; None is `asyncio.to_thread`."""

    accounts: tuple[Account, ...] = DEFAULT_ACCOUNTS
    """Who may call, by which keys."""

    region: str | None = None
    """singapore or beijing: keys of accounts of another region are refused. None serves every
    region."""

    rate_limits: bool = False
    """Whether submits, fetches, lists, cancels and policies per second are limited, with 429.
    They count on the server's clock, and on one that stands still the second never ends."""

    scenarios: object = None
    """What is to become of tasks: one rule or a list, as orders/scenarios.py reads them."""

    faults: object = None
    """Which requests meet a fault: one rule or a list, as orders/faults.py reads them."""

    webhooks: object = None
    """Who is told of the ends of tasks: one or a list, as tasks/webhooks.py reads them."""

    fetch_inputs: bool = False
    """Download media by http(s), and fail tasks whose media cannot be had, instead of making
    them up."""

    models: Sequence[Path] = ()
    """Files of models of one's own, or folders with such files (docs/models.md). A single path
    will do."""

    any_model: bool = False
    """Answer model names that there is no file of with a generic model: any fields, media by URL
    fields, a film of 5 s. Nothing else becomes lax."""

    remote_controls: bool = False
    """Let /_mock/ answer other machines too."""

    state_file: Path | None = None
    """A snapshot to begin with, if it is there, and to write at the end."""

    cors: Sequence[str] = ()
    """Sites whose pages may use the controls from a browser, such as http://localhost:5173, or
    `*`. The API itself answers pages of every site."""

    cert: Path | None = None
    """PEM file of a certificate (with its chain), to be reached by https."""

    key: Path | None = None
    """PEM file of the key of `cert`, unless it stands in the same file."""

    tls: bool = False
    """Make a certificate on the spot. `MockServer.ca_file` then says where the authority is that
    clients have to trust."""

    def __post_init__(self) -> None:
        if self.validation not in VALIDATION_MODES:
            modes = ", ".join(VALIDATION_MODES)
            raise ServerError(f"validation is one of {modes}, not {self.validation!r}")
        if self.task_seconds is not None and not 0 <= self.task_seconds[0] <= self.task_seconds[1]:
            raise ServerError(f"task_seconds is a range such as (2, 4), not {self.task_seconds}")
        if self.key is not None and self.cert is None:
            raise ServerError("key is the key of a certificate: name its cert too")
        if self.tls and self.cert is not None:
            raise ServerError("tls makes a certificate on the spot; with cert there is one")
        object.__setattr__(self, "cors", tuple(self.cors))
        models = [self.models] if isinstance(self.models, str | Path) else self.models
        object.__setattr__(self, "models", tuple(map(Path, models)))


def take_settings(
    build: Callable[P, Settings],
) -> Callable[[Callable[[T, Settings], None]], Callable[Concatenate[T, P], None]]:
    """Let an `__init__(self, settings)` take the arguments of Settings, which stand only there.

    `build` is Settings: type checkers, editors and `inspect.signature` see its arguments.
    """

    def decorate(init: Callable[[T, Settings], None]) -> Callable[Concatenate[T, P], None]:
        @functools.wraps(init)
        def take(self: T, /, *args: P.args, **kwargs: P.kwargs) -> None:
            init(self, build(*args, **kwargs))

        signature = inspect.signature(build)
        owner = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = [owner, *signature.parameters.values()]
        take.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return take

    return decorate
