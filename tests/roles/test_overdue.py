"""The alarm about an overdue rotation, from what the function measures to what was applied."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import roles

from tests.support.commands import ROOT


@pytest.fixture(scope="module")
def alarm() -> dict[str, Any]:
    """The alarm of the role ``app`` of development, as the local AWS has it."""
    state = (ROOT / "features" / "applied" / "development.state.gz").read_bytes()
    (found,) = (
        instance["attributes"]
        for resource in json.loads(gzip.decompress(state))["resources"]
        for instance in resource["instances"]
        if (resource["name"], instance.get("index_key")) == ("rotation_overdue", "app")
    )
    return dict(found)


@pytest.mark.parametrize(
    ("created", "rotated", "rings"),
    [(400, 0, False), (400, 7, False), (400, 36, True), (3, None, False), (36, None, True)],
)
def test_overdue_rotation_raises_the_alarm(
    alarm: dict[str, Any],
    created: int,
    rotated: int | None,
    rings: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = datetime.now(UTC)
    secret = {"CreatedDate": now - timedelta(days=created)}
    if rotated is not None:
        secret["LastRotatedDate"] = now - timedelta(days=rotated)
    monkeypatch.setenv("METRICS_NAMESPACE", "finbase/ledger-development")
    client = SimpleNamespace(describe_secret=lambda **_: secret)
    roles._measure(0, {"app": roles._days_since_rotation(client, "arn:app")})
    metric = json.loads(capsys.readouterr().out.splitlines()[-1])
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert alarm["namespace"] == directive["Namespace"]
    assert [alarm["metric_name"]] == [each["Name"] for each in directive["Metrics"]]
    assert alarm["dimensions"] == {key: metric[key] for (key,) in directive["Dimensions"]}
    assert alarm["comparison_operator"] == "GreaterThanThreshold"
    assert (metric[alarm["metric_name"]] > alarm["threshold"]) is rings


def test_function_that_measures_nothing_raises_the_alarm(alarm: dict[str, Any]) -> None:
    """The function measures twice a day, so no value in a period is a function that fails."""
    assert (alarm["treat_missing_data"], alarm["period"]) == ("breaching", 86_400)
    assert alarm["actions_enabled"] is True
    assert alarm["alarm_actions"]
