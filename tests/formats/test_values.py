"""Values are dataclasses in all but the guard at run time."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace

import pytest

from reconciler.formats.values import value


@value(frozen=True, slots=True)
class Point:
    """A value with a field of each kind."""

    x: int
    y: tuple[int, ...] = ()
    secret: str = field(default="", repr=False)
    seen: list[int] = field(default_factory=list, compare=False, repr=False)
    loud: dict[str, int] = field(default_factory=dict, hash=False)


@value(frozen=True, slots=True)
class Empty:
    """A value without fields."""


@dataclass(frozen=True, slots=True)
class Plain:
    """What a Point is compared with: the same fields, as dataclasses has them."""

    x: int
    y: tuple[int, ...] = ()
    secret: str = field(default="", repr=False)
    seen: list[int] = field(default_factory=list, compare=False, repr=False)
    loud: dict[str, int] = field(default_factory=dict, hash=False)


POINTS = [
    (1,),
    (2,),
    (1, (2,)),
    (1, (2,), "key"),
    (1, (2,), "key", [3]),
    (1, (2,), "key", [3], {"a": 1}),
]


@pytest.mark.parametrize("first", POINTS)
@pytest.mark.parametrize("second", POINTS)
def test_values_are_equal_as_dataclasses_are(first: tuple, second: tuple) -> None:
    """Two values are equal, and have one hash, where the dataclasses of the same fields do."""
    assert (Point(*first) == Point(*second)) == (Plain(*first) == Plain(*second))
    same_hash = hash(Point(*first)) == hash(Point(*second))
    assert same_hash == (hash(Plain(*first)) == hash(Plain(*second)))


@pytest.mark.parametrize("fields", POINTS)
def test_value_shows_itself_as_a_dataclass_does(fields: tuple) -> None:
    """A value shows what a dataclass shows: no field that is kept out, and itself by dots."""
    assert repr(Point(*fields)) == repr(Plain(*fields)).replace("Plain", "Point")
    assert "key" not in repr(Point(1, secret="key"))
    point = Point(1)
    point.loud["me"] = point  # type: ignore[assignment]
    assert repr(point) == "Point(x=1, y=(), loud={'me': ...})"


def test_value_is_not_one_of_another_class() -> None:
    """Values of two classes are never equal, whatever they have."""
    assert Point(1) != Plain(1)
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert Empty() != ()


def test_value_can_be_taken_apart_and_changed_in_a_copy() -> None:
    """What dataclasses offer for their own works for values; they have no room for more."""
    assert asdict(Point(1, (2,))) == asdict(Plain(1, (2,)))
    assert replace(Point(1), x=2) == Point(2)
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]


def test_only_the_type_checker_guards_a_value() -> None:
    """Nothing stops a program from changing a value, as it would stop it from changing a frozen
    dataclass: that is what makes values cheap.
    """
    point, plain = Point(1), Plain(1)
    point.x = 2  # type: ignore[misc]
    assert point == Point(2)
    with pytest.raises(FrozenInstanceError):
        plain.x = 2  # type: ignore[misc]
