"""As tests/unit/test_api_generated.py, with hundreds of requests for each command."""

from __future__ import annotations

import os

import pytest

from tests.generated import attacked
from tests.unit.test_api_generated import NAMES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EXAMPLES = int(os.environ.get("DLM_TEST_EXAMPLES", "200"))


@pytest.mark.parametrize("valid", [True, False], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_as_the_schema_says(name: str, valid: bool) -> None:
    """Whatever is sent: a status, a media type and a body that are documented, and no failure of ours."""
    attacked(name, valid=valid, examples=EXAMPLES)
