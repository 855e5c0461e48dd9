"""Brings the lock file of a pass back to the branch it came from, or to a pull request where the
branch takes no pushes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from reconciler.apply.outcome import Report
from reconciler.controller.checkout import Checkout
from reconciler.controller.lead import ALONE, Lead
from reconciler.controller.providers.base import Provider
from reconciler.controller.write_back import LockChange, push_branch, push_lock
from reconciler.errors import BranchProtected
from reconciler.formats.words import format_count
from reconciler.plan.step import Action
from reconciler.state.lockfile import LOCK_FILE
from reconciler.system.files import write_atomic
from reconciler.system.git.writing import read_parents

_MOST_OWN = 100  # commits that are known again
_MOST_NAMED = 50  # edits in the message of a commit


async def return_lock(
    checkout: Checkout,
    open_provider: Callable[[], Provider | None],
    ref: str,
    commit: str,
    report: Report,
    lead: Lead = ALONE,
) -> str:
    """Commit and push the lock file as the pass over `commit` left it; what was done, in words,
    and nothing where it is as it was.

    Raises BranchProtected where the branch takes no pushes and there is no provider to ask,
    LeaseLost before anything is pushed where another controller may lead, and what `push_lock`
    raises.
    """
    sync, path = checkout.sync, checkout.places.find_lock_dir(commit) / LOCK_FILE
    if not path.is_file():
        return ""
    change = LockChange(
        path=_find_path(checkout),
        base=commit,
        content=path.read_bytes(),
        message=write_message(report),
        author=sync.write_back.author,
        sync=sync.name,
        when_s=checkout.clock.now(),
    )
    try:
        pushed = push_lock(
            checkout.mirror, ref, change, note=lambda made: _note_own(checkout, made, lead)
        )
    except BranchProtected:
        lead.require()
        provider = open_provider()
        if provider is None:
            raise
        try:
            return await _open_pull_request(checkout, provider, ref, change)
        finally:
            await provider.close()
    return f"{LOCK_FILE} is committed as {pushed[:7]}" if pushed != commit else ""


async def _open_pull_request(
    checkout: Checkout, provider: Provider, ref: str, change: LockChange
) -> str:
    """Have people merge the lock file; what was done, in words."""
    branch = push_branch(checkout.mirror, ref, change)
    if not branch:
        return ""
    head, base = (name.removeprefix("refs/heads/") for name in (branch, ref))
    title, _, body = change.message.partition("\n")
    opened = await provider.open_pull_request(head, base, title, body.strip())
    return f"{LOCK_FILE} waits in the pull request {opened.number}: the branch is protected"


def find_foreign_commit(checkout: Checkout, commit: str) -> str:
    """The newest commit, from `commit` down, that this Sync has not made itself. It need not be in
    the mirror. Raises GitError.

    Ours are known by their ids: a message says nothing that anybody could not write.
    """
    own = _read_own(checkout)
    while commit in own:
        checkout.mirror.fetch_commit(commit)
        parents = read_parents(checkout.mirror, commit)
        if not parents:
            break
        commit = parents[0]
    return commit


def is_only_own(checkout: Checkout, old: str, new: str) -> bool:
    """Whether all that a branch has got since `old` are commits that this Sync has made itself;
    not where it went back. Raises GitError.
    """
    own = _read_own(checkout)
    while new != old and new in own:
        checkout.mirror.fetch_commit(new)
        new = read_parents(checkout.mirror, new)[0]
    return new == old


def _read_own(checkout: Checkout) -> list[str]:
    """The ids of the commits that this Sync has made, the newest last."""
    try:
        return checkout.places.own_commits.read_text("ascii", "replace").split()
    except FileNotFoundError:
        return []


def _note_own(checkout: Checkout, commit: str, lead: Lead) -> None:
    """Remember a commit as ours, and have whoever leads next know it again. Raises LeaseLost."""
    own = [*_read_own(checkout), commit][-_MOST_OWN:]
    content = "".join(f"{one}\n" for one in own).encode()
    write_atomic(checkout.places.own_commits, content, tmp_name=checkout.clock.new_id())
    lead.require_hand_over(checkout.places.own_commits)


def write_message(report: Report) -> str:
    """The message of the commit: what was rendered, and what that cost."""
    rendered = [
        outcome
        for _, outcome in sorted(report.outcomes.items())
        if outcome.ok and outcome.step.action in (Action.RENDER, Action.RESUME)
    ]
    if not rendered:
        return f"{LOCK_FILE}: as it is rendered"
    price = ""
    if report.price is not None and report.plan.currency:
        price = f", {report.price:.2f} {report.plan.currency}"
    title = f"{LOCK_FILE}: {format_count(len(rendered), 'edit')} rendered{price}"
    names = [f"- {outcome.step.name}: {outcome.billed_s:.1f} s billed" for outcome in rendered]
    if len(names) > _MOST_NAMED:
        names = [*names[:_MOST_NAMED], f"- and {len(names) - _MOST_NAMED} more"]
    return "\n".join([title, "", *names])


def _find_path(checkout: Checkout) -> str:
    """The lock file from the top of the repository."""
    return posixpath.normpath(posixpath.join(checkout.sync.repository.path, LOCK_FILE))
