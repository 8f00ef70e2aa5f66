"""What every implementation of a port must do.

A suite is a class; a subclass in tests/unit or tests/integration says how one is made.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.contracts.control",
    "tests.contracts.downloads",
    "tests.contracts.outlets",
    "tests.contracts.queue",
    "tests.contracts.queue_line",
    "tests.contracts.repository",
    "tests.contracts.repository_edits",
    "tests.contracts.repository_life",
    "tests.contracts.sink",
    "tests.contracts.source",
    "tests.contracts.source_faults",
    "tests.contracts.worker",
)
