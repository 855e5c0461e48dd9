"""Which media may stand together in a request, and what follows of it for other fields. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.desired.edit import Edit
from reconciler.errors import Fault
from reconciler.formats.document import join_pointer
from reconciler.service.models import Variant


def check_roles(edit: Edit, variant: Variant) -> Iterator[Fault]:
    """Every rule of the roles of media that an edit breaks, where it breaks it."""
    sections: Mapping[str, Mapping[str, Any]] = {"input": edit.input, "parameters": edit.parameters}
    there = {role for _, _, role in variant.media(edit.input)}
    for section, name, rule in variant.noted_fields:
        given, at = sections[section].get(name), join_pointer(f"/{section}", name)
        if isinstance(given, list):
            roles = [item.get("type") if isinstance(item, dict) else None for item in given]
            yield from _check_combinations(edit, at, name, roles, rule.get("x-combinations", ()))
            for together in rule.get("x-counts-together", ()):
                yield from _check_count(edit, at, name, roles, together)
        for role, most in rule.get("x-maximum-with", {}).items():
            if role in there and isinstance(given, int) and given > most:
                message = f"{section}.{name} is {given}; with a {role} at most {most} is legal"
                yield Fault(edit.place(at), message)


def _check_combinations(
    edit: Edit,
    at: str,
    name: str,
    roles: Sequence[str | None],
    legal: Sequence[Sequence[str]],
) -> Iterator[Fault]:
    """Whether one of the legal sets of roles is there; a role that is no role is told elsewhere."""
    known = {role for each in legal for role in each}
    sets: list[set[str | None]] = [{*each} for each in legal]
    if not legal or not roles or not known.issuperset(roles) or {*roles} in sets:
        return
    words = "; ".join(" and ".join(each) for each in legal)
    given = " and ".join(dict.fromkeys(role for role in roles if role is not None))
    for number in range(len(roles)):
        if not any({*roles[: number + 1]} <= each for each in sets):
            where = f"{at}/{number}/type"
            message = f"input.{name} has {given}, which do not go together; legal are {words}"
            yield Fault(edit.place(where), message)
            return
    yield Fault(edit.place(at), f"input.{name} has {given} alone; legal are {words}")


def _check_count(
    edit: Edit, at: str, name: str, roles: Sequence[str | None], rule: Mapping[str, Any]
) -> Iterator[Fault]:
    """Whether there are as many of some roles together as may be."""
    low, high = rule["count"]
    count = sum(role in rule["types"] for role in roles)
    if low <= count <= high or None in roles:
        return
    words = " and ".join(rule["types"])
    message = f"input.{name} has {count} of {words}; together {low} to {high} are legal"
    yield Fault(edit.place(at), message)
