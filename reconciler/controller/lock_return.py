"""Brings the lock file of a pass back to the branch it came from, or to a pull request where the
branch takes no pushes.
"""

from __future__ import annotations

import posixpath

from reconciler.apply.outcome import Report
from reconciler.controller.checkout import Checkout
from reconciler.controller.providers.base import Provider
from reconciler.controller.write_back import LockChange, is_own_commit, push_branch, push_lock
from reconciler.errors import BranchProtected
from reconciler.formats.words import format_count
from reconciler.plan.step import Action
from reconciler.state.lockfile import LOCK_FILE

_MOST_NAMED = 50  # edits in the message of a commit


async def return_lock(
    checkout: Checkout, provider: Provider | None, ref: str, commit: str, report: Report
) -> str:
    """Commit and push the lock file as the pass over `commit` left it; what was done, in words,
    and nothing where it is as it was.

    Raises BranchProtected where the branch takes no pushes and there is no provider to ask, and
    what `push_lock` raises.
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
        pushed = push_lock(checkout.mirror, ref, change)
    except BranchProtected:
        if provider is None:
            raise
        branch = push_branch(checkout.mirror, ref, change)
        if not branch:
            return ""
        head, base = (name.removeprefix("refs/heads/") for name in (branch, ref))
        title, _, body = change.message.partition("\n")
        opened = await provider.open_pull_request(head, base, title, body.strip())
        return f"{LOCK_FILE} waits in the pull request {opened.number}: the branch is protected"
    return f"{LOCK_FILE} is committed as {pushed[:7]}" if pushed != commit else ""


def is_own_change(checkout: Checkout, old: str, new: str) -> bool:
    """Whether all that is new since `old` is the lock file that this Sync has pushed itself."""
    path = _find_path(checkout)
    return is_own_commit(checkout.mirror, old, new, path, checkout.sync.name)


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
