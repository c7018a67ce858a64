"""The rule about thresholds of alarms: the nearest values on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.environment.test_role_rules import said

MEDIUM = {"database__instance_class": "db.t4g.medium"}
MOST = {"database__parameters": {"max_connections": "100"}}


@pytest.mark.parametrize(
    ("threshold", "fine", "refused", "beside"),
    [
        ("cpu_threshold_percent", 99, 100, {}),
        ("latency_threshold_milliseconds", 1000, 1001, {}),
        ("connections_threshold", 449, 450, MEDIUM),
        ("connections_threshold", 99, 100, MOST),
        ("load_threshold", 99, 100, {**MOST, "monitoring__connections_threshold": 50}),
        ("freeable_memory_threshold_mib", 64, 63, {}),
        ("freeable_memory_threshold_mib", 4095, 4096, MEDIUM),
        ("swap_threshold_mib", 4095, 4096, MEDIUM),
    ],
)
def test_thresholds_can_be_crossed(
    threshold: str, fine: int, refused: int, beside: dict[str, Any], tmp_path: Path
) -> None:
    def found(value: int) -> list[str]:
        each = said(tmp_path, **{**beside, f"monitoring__{threshold}": value})
        return [message for code, message in each if code == "FB281"]

    assert found(fine) == []
    (message,) = found(refused)
    assert message.startswith(f"`{threshold}: {refused}` ")


def test_default_threshold_of_a_small_class_is_refused(tmp_path: Path) -> None:
    change = {"database__instance_class": "db.t4g.small"}
    assert "FB281" in {code for code, _ in said(tmp_path, **change)}
