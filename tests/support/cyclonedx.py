"""Judge bills of materials by the schema of CycloneDX, as the package of its makers brings it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs

from tests.support.commands import ROOT


@cache
def _validator() -> Any:
    found = [
        *(ROOT / "build" / "audit" / "lib").glob("python*/site-packages/cyclonedx/schema/_res")
    ]
    assert found, "`make build/audit/ready` installs it"
    schemas = {
        path.name: json.loads(path.read_bytes()) for path in found[0].glob("*.SNAPSHOT.schema.json")
    }
    bom = schemas["bom-1.6.SNAPSHOT.schema.json"]
    base = bom["$id"].rpartition("/")[0]
    registry = jsonschema_rs.Registry([(f"{base}/{name}", text) for name, text in schemas.items()])
    return jsonschema_rs.validator_for(bom, registry=registry)


def faults(document: dict[str, Any]) -> list[str]:
    """Return what is wrong with a bill of materials in CycloneDX 1.6."""
    assert document["specVersion"] == "1.6"
    return [error.message for error in _validator().iter_errors(document)]
