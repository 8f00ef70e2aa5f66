"""Frozen dataclasses that are made in a quarter of the time.

The standard decorator compiles six methods for each class, 0.4 ms, and a command loads eighty classes before it does
anything. Here the methods that compare, hash and show are closures, and `__init__` is compiled when the first value is
made. Fields, slots and the functions of `dataclasses` (`fields`, `replace`, `asdict`) are the standard ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from inspect import Signature

__all__ = ["dataclass"]


def _quick(
    *, frozen: bool = False, slots: bool = False, kw_only: bool = False, eq: bool = True
) -> Callable[[type[Any]], type[Any]]:
    """As `dataclasses.dataclass`, which makes what is not frozen or has no slots. None of these inherits from another."""
    if not frozen or not slots or not eq:
        return dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only, eq=eq)

    def decorate(cls: type[Any]) -> type[Any]:
        made: type[Any] = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
        for name, method in _methods(dataclasses.fields(made)).items():
            if name not in cls.__dict__:
                setattr(made, name, method)
        return made

    return decorate


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _quick


class _LateSignature:
    """What `inspect` asks for: that of the `__init__` that is still to be compiled."""

    def __get__(self, value: object, cls: type[Any]) -> Signature:
        from inspect import signature

        init = signature(_initializer(cls))
        return init.replace(parameters=list(init.parameters.values())[1:])


_LATE_SIGNATURE = _LateSignature()


def _methods(fields: tuple[dataclasses.Field[Any], ...]) -> Mapping[str, object]:
    key = _getter([field.name for field in fields if field.compare])
    names = [field.name for field in fields]
    state = _getter(names)

    def initialize(self: Any, *args: object, **kwargs: object) -> None:
        cls = type(self)
        cls.__init__ = _initializer(cls)
        cls.__init__(self, *args, **kwargs)

    def equals(self: Any, other: object) -> bool:
        return bool(key(self) == key(other)) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    def shown(self: Any) -> str:
        values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields if field.repr)
        return f"{self.__class__.__qualname__}({values})"

    def restore(self: Any, values: tuple[object, ...]) -> None:
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    return {
        "__init__": initialize,
        "__eq__": equals,
        "__hash__": hashed,
        "__repr__": shown,
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        "__getstate__": state,
        "__setstate__": restore,
        "__signature__": _LATE_SIGNATURE,
    }


def _getter(names: list[str]) -> Callable[[Any], tuple[object, ...]]:
    """What gives these attributes as one tuple. A function, which as an attribute of a class is a method."""
    if len(names) < 2:
        return lambda self: tuple(getattr(self, name) for name in names)
    get = attrgetter(*names)
    return lambda self: get(self)  # noqa: PLW0108 - an attrgetter would be no method


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _initializer(cls: type[Any]) -> Any:
    """The `__init__` of these fields, compiled."""
    scope: dict[str, Any] = {"put": object.__setattr__, "absent": dataclasses.MISSING}
    positional, named, body = ["self"], list[str](), list[str]()
    fields = dataclasses.fields(cls)
    for number, field in enumerate(fields):
        parameter = value = field.name
        if field.default is not dataclasses.MISSING:
            scope[f"preset_{number}"] = field.default
            parameter += f"=preset_{number}"
        elif field.default_factory is not dataclasses.MISSING:
            scope[f"make_{number}"] = field.default_factory
            parameter += "=absent"
            value = f"make_{number}() if {value} is absent else {value}"
        (named if field.kw_only else positional).append(parameter)
        body.append(f"put(self, {field.name!r}, {value})")
    parameters = ", ".join([*positional, *(["*", *named] if named else [])])
    exec(f"def __init__({parameters}):\n {'; '.join(body) or 'pass'}", scope)  # noqa: S102 - of names in our sources only
    init = scope["__init__"]
    init.__module__, init.__qualname__ = cls.__module__, f"{cls.__qualname__}.__init__"
    init.__annotations__ = {**{field.name: field.type for field in fields}, "return": None}
    return init
