"""A pytest plugin for CI: a test that is skipped there counts as failed, unless its reason begins with `not here:`.

Load it with `-p tests.no_skips`.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

ALLOWED = "not here:"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip without a good reason into a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(ALLOWED):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped where it should run: {reason}"
    return report
