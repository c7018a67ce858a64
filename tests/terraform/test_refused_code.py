"""Code that would run, or change with the machine, is refused before Terraform reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finbase.errors import TerraformError
from finbase.terraform.refused_code import refused_in, refused_in_file, refused_in_project
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT

LOGIN = '{"Version":1,"AccessKeyId":"offline","SecretAccessKey":"offline"}'
NESTED = "environments/small/main.tf", 'module "a" {\n  source = "../../modules/a/1.0.0"\n}\n'


def problems(text: str, *, of_stack: bool = False, name: str = "main.tf") -> list[str]:
    return list(refused_in_file(name, text, of_stack=of_stack))


@pytest.mark.parametrize(
    "text",
    [
        'provider "aws" {\n  shared_config_files = ["${path.module}/config"]\n}',
        'provider aws { region = "x" }',
        '/* a */ provider "a\\u0077s" {}',
        'terraform {\n  backend "http" {}\n}',
        "terraform {\n  cloud {}\n}",
        'terraform {\n  provider_meta "aws" {}\n}',
        'terraform {\n  encryption {\n    key_provider "external" "a" {}\n  }\n}',
        'terraform {\n  required_providers {\n    external = {\n      source = "x/external"\n'
        "    }\n  }\n}",
        "terraform {\n  required_providers {\n"
        '    aws = { version = "5", source = "evil/aws" }\n  }\n}',
        "terraform {\n  required_providers {\n    external = {\n"
        '      # source = "hashicorp/aws"\n    }\n  }\n}',
        'terraform {\n  required_providers {\n    external = "~> 2.0"\n  }\n}',
        'data "external" "a" {\n  program = ["sh"]\n}',
        'data "http" "a" {}',
        'check "a" {\n  data "external" "b" {}\n}',
        'resource "null_resource" "a" {}',
        'data "terraform_remote_state" "a" {}',
        'resource "aws_s3_bucket" "a" {\n  provider = external\n}',
        'ephemeral "random_password" "a" {}',
        'module "a" {\n  source = "/tmp/a"\n}',
        'module "a" {\n  source = "git::https://host.example/a"\n}',
        'module "a" {\n  source = var.source\n}',
        'removed {\n  from = aws_s3_bucket.a\n  provisioner "local-exec" {}\n}',
        'action "local_command" "a" {}',
        'locals {\n  a = file("../../README.md")\n}',
        'locals {\n  a = fileexists("${path.root}/../../README.md")\n}',
        'locals {\n  a = filemd5("${path.module}/../b")\n}',
        'locals {\n  a = fileexists /* b */ ("/etc/passwd")\n}',
        'locals {\n  a = "${file("/etc/passwd")}"\n}',
        "locals {\n  a = file(var.name)\n}",
        'locals {\n  a = file("${path.module}/${var.name}")\n}',
        'locals {\n  a = file("${path.module}/${var.region}.md")\n}',
        'locals {\n  condition = fileexists("${path.module}/ca/${var.region}.pem")\n}',
        "locals {\n  precondition = {\n    condition = "
        'fileexists("${path.module}/ca/${var.region}.pem")\n  }\n}',
        'locals {\n  a = fileset("${path.module}/a", "*")\n}',
        'locals {\n  a = templatefile("${path.module}/a", {})\n}',
        "locals {\n  a = plantimestamp()\n}",
        "locals {\n  a = timestamp()\n}",
        "locals {\n  a = terraform.workspace\n}",
        "locals {\n  a = path . cwd\n}",
        'locals {\n  a = abspath(".")\n}',
    ],
)
def test_refused_in_file_of_a_module(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize(
    "text",
    [
        'resource "terraform_data" "a" {\n  input = filebase64sha256("${path.module}/a.zip")\n}',
        'locals {\n  a = fileexists("${path.module}/ca/eu-west-1.pem")\n}',
        'resource "terraform_data" "a" {\n  lifecycle {\n    precondition {\n'
        '      condition = fileexists("${path.module}/ca/${var.region}.pem")\n    }\n  }\n}',
        '# file("../x"), provider "aws" {}\n'
        'variable "a" {\n  description = "The file (no end)."\n}',
        'data "aws_region" "a" {\n  provider = aws.other\n}',
        'terraform {\n  required_providers {\n    aws = {\n      source  = "hashicorp/aws"\n'
        '      version = ">= 5.100.0"\n    }\n  }\n}',
        'module "a" {\n  source = "./inner"\n}',
    ],
)
def test_refused_in_file_allows(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("aws_s3_object", "source"),
        ("aws_s3_bucket_object", "source"),
        ("aws_lambda_function", "filename"),
        ("aws_lambda_layer_version", "filename"),
        ("aws_connect_contact_flow", "filename"),
        ("aws_connect_contact_flow_module", "filename"),
        ("aws_rds_custom_db_engine_version", "filename"),
        ("aws_gamelift_script", "zip_file"),
        ("aws_synthetics_canary", "zip_file"),
        ("aws_emr_cluster", "configurations"),
    ],
)
def test_refused_local_files(type_: str, name: str) -> None:
    """The provider uploads the file, which can be a secret of the machine."""
    for value in (
        *('"../../.aws-token"', '"/etc/passwd"', '"~/.aws/credentials"', "var.name", '"a.json"'),
        *('"${path.module}/../a"', '"${path.module}/.env"', '"${path.root}/a"', "local.a"),
        *('"${path.module}/a${var.name}"', 'join("", ["${path.module}/a"])', '"https://a.example"'),
        'true ? "/etc/passwd" : "${path.module}/a"',
    ):
        found = problems(f'resource "{type_}" "a" {{\n  {name} = {value}\n}}')
        assert len(found) == 1, value
        assert f"{type_} reads a local file by {name}" in found[0]
    assert not problems(f'resource "{type_}" "a" {{\n  {name} = "${{path.module}}/b/a.zip"\n}}')


def test_refused_local_files_in_inner_blocks() -> None:
    inner = '{\n    import_assets_from_signed_url {\n      filename = "/etc/passwd"\n    }\n  }\n'
    for block in (f"asset {inner}", f'dynamic "asset" {{\n  content {inner}}}\n'):
        assert problems(f'resource "aws_dataexchange_revision_assets" "a" {{\n  {block}}}\n')


def test_refused_local_files_allows_sources_in_aws() -> None:
    text = 'resource "aws_s3_object_copy" "a" {\n  source = "bucket/key"\n}'
    assert not problems(text)


def test_refused_in_file_of_a_stack() -> None:
    text = 'provider "aws" {\n  region = "x"\n}\nterraform {\n  backend "s3" {}\n}\n'
    assert problems(text, of_stack=True) == []
    for other in ('provider "external" {}', 'provider "aws" {\n  profile = "x"\n}'):
        assert problems(other, of_stack=True)


@pytest.mark.parametrize("name", ["zz_override.tf", "override.tf", "a_override.tofu"])
def test_refused_override_of_a_module(name: str) -> None:
    assert problems("", name=name) == ["is an override file; change the file that it overrides"]


@pytest.mark.parametrize(
    "content",
    [
        {"provider": {"aws": {"alias": "x"}}},
        {"terraform": [{"backend": {"http": {}}}]},
        {"terraform": {"required_providers": {"external": {"source": "hashicorp/external"}}}},
        {"terraform": {"required_providers": {"external": {"version": "1"}}}},
        {"data": {"external": {"a": {"program": ["sh"]}}}},
        {"resource": [{"aws_s3_bucket": {"a": {"provider": "external"}}}]},
        {"module": {"a": {"source": "/tmp/a"}}},
        {"removed": {"from": "aws_s3_bucket.a"}},
    ],
)
def test_refused_in_json(content: object) -> None:
    # Also JSON that Python refuses, or in which it sees the last of two equal keys only.
    for text in (json.dumps(content), f'{{"//": {"9" * 5000}}}', "[" * 3000, '{"a": 1, "a": 2}'):
        for name in ("a.tf.json", "a.tofu.json", "override.tf.json"):
            assert problems(text, of_stack=True, name=name) == [
                "is JSON, which two readers can read differently; write it as .tf"
            ]


CONTROL = ["\r", "\x1f", "\x1c", "\x0b", "\x0c", "\x85", "\u2028", "\0"]
UNSEEN = ["\u202e", "\u2066", "\u200b", "\u2060", "\xad", "\ufeff", "\u3164", "\U000e0041"]


@pytest.mark.parametrize("character", [*CONTROL, *UNSEEN])
def test_refused_invisible_characters(character: str, tmp_path: Path) -> None:
    """Terraform ends a line, or a heredoc, elsewhere than a reader that splits there.

    A reviewer sees a comment where Terraform reads code, or two equal names that differ.
    """
    hidden = f'# a{character}/*\nprovider "aws" {{\n  alias = "x"\n}}\n# {character}*/\n'
    (tmp_path / "main.tf").write_bytes(hidden.encode())
    expected = f"has the invisible character U+{ord(character):04X}, which hides code; remove it"
    assert expected in {problem for _, problem in refused_in(tmp_path, of_stack=True)}


def test_accepted_line_ends(tmp_path: Path) -> None:
    text = '\ufefflocals {\r\n\ta = "ü – 日本"\r\n}\r\n'
    (tmp_path / "main.tf").write_bytes(text.encode())
    assert list(refused_in(tmp_path, of_stack=True)) == []


def test_refused_in_project_is_empty() -> None:
    assert list(refused_in_project(ROOT)) == []


def test_refused_in_project_reads_nested_modules(tmp_path: Path) -> None:
    files = dict([NESTED]) | {
        "modules/a/1.0.0/main.tf": 'module "b" {\n  source = "./inner"\n}\n',
        "modules/a/1.0.0/inner/b.tofu": 'provider "aws" {}\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert list(refused_in_project(tmp_path)) == [
        "modules/a/1.0.0/inner/b.tofu: has a provider block; only a stack may have one"
    ]


@pytest.mark.parametrize(
    "folder",
    ["docs/values", "docs/modules/a/1.0.0", "modules/a", "modules/a/x", "environments/other", "b"],
)
@pytest.mark.parametrize("through_a_link", [False, True])
def test_refused_modules_outside_of_versions(
    folder: str, through_a_link: bool, tmp_path: Path
) -> None:
    """No release and no reviewer of modules looks there, and `affected` does not."""
    for name in ("environments/small", "modules/a/1.0.0", folder):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "main.tf").write_text("")
    (tmp_path / NESTED[0]).write_text(NESTED[1])
    source = f"../../../{folder}"
    if through_a_link:
        (tmp_path / "modules/a/1.0.0/inner").symlink_to(source)
        source = "./inner"
    (tmp_path / "modules/a/1.0.0/main.tf").write_text(f'module "b" {{\n  source = "{source}"\n}}')
    assert list(refused_in_project(tmp_path)) == [
        f"{folder}: small uses it as a module, but it is not in a folder modules/NAME/VERSION; "
        "move it there"
    ]


@pytest.mark.terraform
def test_plan_starts_no_program(workspace: Workspace, tmp_path: Path) -> None:
    """The shell script of a module's own provider would run while Terraform plans."""
    module = tmp_path / "modules/a/1.0.0"
    for folder in (module, tmp_path / "environments/small"):
        folder.mkdir(parents=True)
    (tmp_path / NESTED[0]).write_text(NESTED[1])
    (module / "main.tf").write_text(
        'provider "aws" {\n  region = "eu-west-1"\n'
        f'  shared_config_files = ["{module}/config"]\n}}\n'
        'resource "aws_sqs_queue" "a" {\n  name = "a"\n}\n'
    )
    (module / "tool.sh").write_text(f"touch {tmp_path}/ran\necho '{LOGIN}'\n")
    (module / "config").write_text(
        f"[default]\ncredential_process = /bin/sh {module}/tool.sh\nregion = eu-west-1\n"
    )
    with pytest.raises(TerraformError, match="has a provider block"):
        workspace.plan(tmp_path / "environments/small", project=tmp_path)
    assert not (tmp_path / "ran").exists()
