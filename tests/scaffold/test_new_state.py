"""The bucket of the state: created on the local AWS, as the stack's backend needs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finbase.rehearsal.scratch import scratch_folder
from finbase.rehearsal.terraform import copied
from finbase.sandbox.client import client
from finbase.sandbox.server import running
from finbase.terraform.program import find_terraform
from tests.support.commands import finbase
from tests.support.formatting import fmt_check

FILES = (".terraform.lock.hcl", "main.tf", "versions.tf")


def test_new_state_names_what_it_wrote(project: Path) -> None:
    done = finbase(project, "new", "state", "staging")
    assert done.exit_code == 0
    folder = project / "bootstrap" / "staging"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert all(f"written: bootstrap/staging/{name}\n" in done.output for name in FILES)
    assert "  cd bootstrap/staging && terraform init && terraform apply\n" in done.output
    assert finbase(project, "render", "--check").exit_code == 0
    again = finbase(project, "new", "state", "staging")
    assert again.exit_code == 2
    assert "bootstrap/staging already exists" in again.output


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("alias/terraform-state", ("--existing-key",)),
        ("11111111-1111-1111-1111-111111111111", ()),
        ("arn:aws:kms:eu-west-1:333344445555:alias/state", ()),
    ],
)
def test_new_state_uses_an_existing_key(
    project: Path, key: str, arguments: tuple[str, ...]
) -> None:
    file = project / "environments" / "staging.yaml"
    file.write_text(file.read_text().replace("alias/terraform-state", key))
    assert finbase(project, "new", "state", "staging", *arguments).exit_code == 0
    text = (project / "bootstrap" / "staging" / "main.tf").read_text()
    assert f'key_id = "{key}"' in text
    assert "aws_kms_alias" not in text
    assert 'resource "aws_kms_key"' not in text


@pytest.mark.terraform
def test_new_state_applies(project: Path) -> None:
    done = finbase(project, "new", "state", "staging")
    assert done.exit_code == 0
    folder = project / "bootstrap" / "staging"
    terraform = find_terraform()
    assert fmt_check([folder], terraform) == ()
    with (
        scratch_folder() as scratch,
        running(scratch, account_id="444455556666", region="eu-west-1") as served,
        copied(
            folder, project, terraform=terraform, scratch=scratch / "work", endpoint=served
        ) as stack,
    ):
        assert stack.plan("first")[0]
        assert stack.apply("first").code == 0
        assert stack.plan("second")[0] is False
        s3 = client("s3", served, "eu-west-1")
        named = {"Bucket": "ledger-staging-terraform-state"}
        assert s3.get_bucket_versioning(**named)["Status"] == "Enabled"
        assert all(s3.get_public_access_block(**named)["PublicAccessBlockConfiguration"].values())
        statements = json.loads(s3.get_bucket_policy(**named)["Policy"])["Statement"]
        assert {each["Effect"] for each in statements} == {"Deny"}
        (rule,) = s3.get_bucket_encryption(**named)["ServerSideEncryptionConfiguration"]["Rules"]
        encrypted = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
        key = client("kms", served, "eu-west-1").describe_key(KeyId="alias/terraform-state")[
            "KeyMetadata"
        ]
        assert encrypted == key["Arn"]
