"""The list of types is the one of the provider that finbase was run with."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from finbase.aws.supported import combinations
from finbase.aws.types import types
from finbase.terraform.program import find_terraform
from finbase.terraform.provider import find_provider

STACK = """terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "%s"
    }
  }
}
"""


@pytest.mark.terraform
def test_types_are_those_of_the_provider(tmp_path: Path) -> None:
    terraform = find_terraform()
    version = combinations()[0].provider
    (tmp_path / "main.tf").write_text(STACK % version)
    settings = tmp_path / "settings.tfrc"
    settings.write_text(find_provider(terraform).cli_config(terraform.host, tmp_path))
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(settings)}
    for arguments in (["init", "-input=false"], ["providers", "schema", "-json"]):
        done = subprocess.run(
            [terraform.path, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            check=True,
        )
    (schema,) = json.loads(done.stdout)["provider_schemas"].values()
    kinds = ("resource_schemas", "data_source_schemas", "ephemeral_resource_schemas")
    assert types() == {type_ for kind in kinds for type_ in schema[kind]}
