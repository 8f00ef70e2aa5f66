"""Between messages and the types of `asks`, `answers` and `events`: by name, so that no member has a rule of its own here.

A message becomes what its JSON would have been, and is then checked as that would be. `PHASE_RUNNING` is `running`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from dlm.model.error import InvalidRequest

T = TypeVar("T")
M = TypeVar("M", bound=Message)
_KEYWORDS = {"from_phase": "from", "to_phase": "to"}
"""Members that have a keyword of Python as their name in JSON."""


def parsed(kind: type[M], content: bytes) -> M:
    """The message of these bytes. Raises `InvalidRequest`."""
    try:
        message: M = kind.FromString(content)
    except DecodeError as error:
        raise InvalidRequest(f"the message is no {kind.DESCRIPTOR.name} of this version") from error
    return message


def known(message: Message) -> None:
    """Raises `InvalidRequest` where the message says something that this version does not know: it is not passed over."""
    said = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != said:
        raise InvalidRequest(f"the {message.DESCRIPTOR.name} has members that this version of dlm does not know")


def members(message: Message) -> dict[str, Any]:
    """What was set, as JSON has it. What was not set is left out. Raises `InvalidRequest` as `known` does."""
    known(message)
    return _members(message)


def checked(said: Mapping[str, Any], kind: type[T]) -> T:
    """As that type. Raises `InvalidRequest` with the member that makes no sense."""
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from error


def _members(message: Message) -> dict[str, Any]:
    return {field.name: _plain(field, value) for field, value in message.ListFields()}


def _plain(field: FieldDescriptor, value: Any) -> Any:
    if _is_map(field):
        return dict(value)
    if field.is_repeated:
        return [_plain_one(field, each) for each in value]
    return _plain_one(field, value)


def _plain_one(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return _members(value)
    return value if field.enum_type is None else _word(field.enum_type, value)


def _word(kind: EnumDescriptor, number: int) -> str:
    named = kind.values_by_number.get(number)
    return str(number) if named is None else named.name.removeprefix(_prefix(kind)).lower()


def _prefix(kind: EnumDescriptor) -> str:
    return f"{kind.name.upper()}_"


# --- to messages ------------------------------------------------------------------------------------------------------


def message_of(kind: type[M], told: object) -> M:
    """What is told, as a message. Members that the message lacks are left out; text that is not Unicode gets question marks."""
    message: M = kind()
    fill(message, msgspec.to_builtins(told))
    return message


def fill(message: Message, values: Mapping[str, Any]) -> None:
    """Set what is known of `values`."""
    for field in message.DESCRIPTOR.fields:
        value = values.get(_KEYWORDS.get(field.name, field.name))
        if value is not None:
            _set(message, field, value)


def _set(message: Message, field: FieldDescriptor, value: Any) -> None:
    if _is_map(field):
        getattr(message, field.name).update(value)
    elif field.message_type is None:
        written = [_written(field, each) for each in value] if field.is_repeated else _written(field, value)
        if field.is_repeated:
            getattr(message, field.name).extend(written)
        else:
            setattr(message, field.name, written)
    elif field.is_repeated:
        for each in value:
            _fill_from(getattr(message, field.name).add(), each)
    else:
        child = getattr(message, field.name)
        child.SetInParent()
        _fill_from(child, value)


def _fill_from(message: Message, value: Any) -> None:
    # A pair, as an interval is, has its members in order.
    pair = isinstance(value, list | tuple)
    fill(message, dict(zip(message.DESCRIPTOR.fields_by_name, value, strict=True)) if pair else value)


def _written(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        named = field.enum_type.values_by_name.get(_prefix(field.enum_type) + value.upper())
        return 0 if named is None else named.number
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
