"""What was made of an object is had again for that object, and for no other that looks like it."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.formats.identity import cache_by_identity


def test_made_once_for_each_object() -> None:
    """Equal objects are two, and what cannot be hashed is taken."""
    made: list[Mapping[str, int]] = []

    @cache_by_identity(8)
    def build(rules: Mapping[str, int]) -> int:
        made.append(rules)
        return rules["a"]

    first, second = {"a": 1}, {"a": 1}
    assert [build(rules) for rules in (first, second, first, second)] == [1, 1, 1, 1]
    assert [each is rules for each, rules in zip(made, (first, second), strict=True)] == [True] * 2


def test_no_more_are_held_than_said() -> None:
    """The one that was asked for longest ago is made again."""
    made: list[int] = []

    @cache_by_identity(2)
    def build(rules: list[int]) -> int:
        made.append(rules[0])
        return rules[0]

    several = [[number] for number in range(3)]
    for rules in (*several, several[2], several[0]):
        build(rules)
    assert made == [0, 1, 2, 0]
