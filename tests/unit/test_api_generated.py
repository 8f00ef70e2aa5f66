"""The API against its own schema: requests made of the OpenAPI document by Schemathesis, with tokens of every scope."""

from __future__ import annotations

import pytest

from dlm.api.commands import COMMANDS
from tests.generated import attacked, operations

NAMES = [command.name for command in COMMANDS]


def test_every_command_is_an_operation() -> None:
    """None is left out of what is generated."""
    assert sorted(operations()) == sorted(NAMES)


@pytest.mark.parametrize("valid", [True, False], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_as_the_schema_says(name: str, valid: bool) -> None:
    """Whatever is sent: a status, a media type and a body that are documented, and no failure of ours."""
    attacked(name, valid=valid, examples=3)
