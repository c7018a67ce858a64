"""Property tests without a clock; long campaigns only with ``--soak``, summed up at the end."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

# How fast the machine is decides no test. In CI the drawn cases are the same in every run.
settings.register_profile(
    "finbase",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("finbase")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long campaigns at full length")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--soak"):
        long = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what ``record_property("seen", …)`` said in the tests of each function."""
    seen = Counter(
        (report.nodeid.rpartition("::")[2].partition("[")[0], value)
        for report in terminalreporter.getreports("passed")
        for key, value in report.user_properties
        if key == "seen" and report.when == "call"
    )
    for (test, value), count in sorted(seen.items()):
        terminalreporter.write_line(f"{test}: {count} x {value}")
