"""Values are what the standard library's frozen dataclasses are."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.value import dataclass


@dataclass(frozen=True, slots=True)
class Quick:
    """With every kind of field that the model has."""

    name: str
    size: int | None = None
    spans: tuple[int, ...] = ()
    names: list[str] = dataclasses.field(default_factory=list)
    note: str = dataclasses.field(default="", compare=False)

    @property
    def label(self) -> str:
        """A method among the fields."""
        return f"{self.name}!"


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    """The same, by the standard decorator."""

    name: str
    size: int | None = None
    spans: tuple[int, ...] = ()
    names: list[str] = dataclasses.field(default_factory=list)
    note: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """By keywords only."""

    first: int
    second: int = 2


@dataclass(frozen=True, slots=True)
class Single:
    """One field."""

    value: object


@dataclass(frozen=True, slots=True)
class Nothing:
    """None."""


@dataclass(frozen=True, slots=True)
class Shown:
    """With a method of its own where others are made."""

    secret: str

    def __repr__(self) -> str:
        return "Shown(***)"


facts = st.fixed_dictionaries(
    {"name": st.text(max_size=3)},
    optional={
        "size": st.none() | st.integers(0, 2),
        "spans": st.lists(st.integers(0, 1), max_size=2).map(tuple),
        "names": st.lists(st.text(max_size=1), max_size=2),
        "note": st.text(max_size=1),
    },
)


@given(facts, facts)
def test_they_compare_and_show_as_the_standard_ones_do(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Equality, text, contents and copies with changes are those of the standard decorator."""
    quick, standard = Quick(**ours), Standard(**ours)
    assert (quick == Quick(**theirs)) == (standard == Standard(**theirs))
    assert repr(quick) == repr(standard).replace("Standard", "Quick")
    assert dataclasses.asdict(quick) == dataclasses.asdict(standard)
    assert dataclasses.replace(quick, **theirs) == Quick(**{**ours, **theirs})
    assert copy.copy(quick) == quick == pickle.loads(pickle.dumps(quick))
    assert copy.copy(quick).note == quick.note


@given(st.lists(st.integers(0, 1) | st.text(max_size=1), min_size=2, max_size=2))
def test_equal_values_have_equal_hashes(values: list[object]) -> None:
    """A value is found in a set by any other that equals it."""
    one, other = map(Single, values)
    assert (other in {one}) == (one == other) == (values[0] == values[1])
    assert Nothing() in {Nothing()}
    assert Nothing() != object()


def test_what_cannot_be_hashed_makes_a_value_that_cannot() -> None:
    """A list among the fields is no key, nor is the value."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Quick("a"))


def test_they_cannot_be_changed() -> None:
    """Neither by setting nor by deleting an attribute, known or not."""
    value: Any = Single(1)
    for name in ("value", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, 2)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(value, name)
    assert value == Single(1)
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize(
    "call",
    [
        lambda kind: kind(),
        lambda kind: kind("a", 1, (), [], "", "more"),
        lambda kind: kind("a", unknown=1),
        lambda kind: kind("a", name="a"),
    ],
)
def test_wrong_arguments_are_refused_in_the_same_words(call: Callable[[Any], object]) -> None:
    """Too few, too many, unknown and repeated ones, in the words of the standard decorator."""
    with pytest.raises(TypeError) as ours:
        call(Quick)
    with pytest.raises(TypeError) as theirs:
        call(Standard)
    assert str(ours.value) == str(theirs.value).replace("Standard", "Quick")


def test_each_default_is_made_anew() -> None:
    """Two values share no list that a factory made."""
    assert Quick("a").names is not Quick("a").names


def test_keywords_only() -> None:
    """Where it was asked for, arguments without a name are refused."""
    assert Named(first=1) == Named(first=1, second=2)
    with pytest.raises(TypeError):
        Named(1)  # type: ignore[call-arg]  # what is refused here


def test_tools_see_what_they_take() -> None:
    """The signature is that of the standard decorator, also before the first value is made."""

    @dataclass(frozen=True, slots=True)
    class Unused:
        """Never made."""

        name: str
        size: int | None = None

    assert str(inspect.signature(Unused)) == "(name: 'str', size: 'int | None' = None) -> None"
    assert list(inspect.signature(Quick).parameters) == list(inspect.signature(Standard).parameters)
    assert Quick.__match_args__ == Standard.__match_args__


def test_methods_of_its_own_stay() -> None:
    """What a class says itself is not replaced."""
    assert repr(Shown("secret")) == "Shown(***)"
    assert Quick("a").label == "a!"


def test_what_is_not_frozen_is_the_standard_one() -> None:
    """Without `frozen` it can be changed, and has no hash."""

    @dataclass(slots=True)
    class Open:
        """Changes."""

        value: int

    open_one = Open(1)
    open_one.value = 2
    assert open_one == Open(2)
    assert Open.__hash__ is None
