"""A stack is what the environment file requires, no matter what its templates render."""

from __future__ import annotations

from pathlib import Path

import pytest

from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.render.faithful import unfaithful
from finbase.render.stack import render_stacks
from tests.support.commands import ROOT, copy_folders, finbase

LOCALS = "{{ locals | attributes(2) }}"
OTHER_ACCOUNT = '{{ group | attributes(2) | replace("local.account_id", "1") | raw }}'
BACKEND, MAIN = "templates/stack/backend.tf.j2", "templates/stack/main.tf.j2"
PROVIDERS, OUTPUTS = "templates/stack/providers.tf.j2", "templates/stack/outputs.tf.j2"


def test_faithful_as_rendered(project: Path) -> None:
    done = finbase(project, "render", "--check")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("file", "find", "replace", "message"),
    [
        (BACKEND, "{{ environment.state.bucket }}", '"other"', "the backend is not the one"),
        (BACKEND, "{{ environment.region }}", '"us-east-1"', "the backend is not the one"),
        (BACKEND, "use_lockfile = true", "use_lockfile = false", "the backend is not the one"),
        (BACKEND, "use_lockfile = true", "use_lockfile = true\n    acl = 1", "the backend is not"),
        (BACKEND, 'backend "s3"', 'backend "local"', "the backend is not the one"),
        (MAIN, "{{ group | attributes(2) }}", OTHER_ACCOUNT, "account_id of module.kms is not"),
        (
            MAIN,
            "{{ locals | attributes(2) }}",
            "{{ locals | attributes(2) }}\n  account_id = 2",
            "local.account_id is not",
        ),
        (
            MAIN,
            "source = {{ block.source }}",
            'source = "../../modules/kms/1.0.1"',
            "source of module.kms is not",
        ),
    ],
)
def test_render_check_refuses_other_stacks(
    project: Path, file: str, find: str, replace: str, message: str
) -> None:
    template = project / file
    text = template.read_text()
    assert find in text
    template.write_text(text.replace(find, replace))
    finbase(project, "render")
    for command in (["render", "--check"], ["check", "development"], ["plan", "development"]):
        done = finbase(project, *command)
        assert done.exit_code == 1, done.output
        assert message in done.output


def test_render_check_refuses_a_stack_without_backend(project: Path) -> None:
    (project / BACKEND).unlink()
    finbase(project, "render")
    done = finbase(project, "render", "--check")
    assert done.exit_code == 1
    assert "the backend is not the one of `state`" in done.output


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """A folder with only the templates of the stack, to be changed."""
    copy_folders(tmp_path, "templates")
    return tmp_path


def found(templates: Path) -> list[str]:
    environment = load(ROOT / "environments" / "development.yaml", Registry(ROOT), ROOT)
    return list(unfaithful([environment], render_stacks([environment], templates)))


SOURCE = "source = {{ block.source }}"
MODULE = 'module "kms_2" {\n  source = "../../modules/kms/2.0.0"\n}\n'
PARAMETERS = f'{SOURCE}\n  parameters = {{ "session_replication_role" = "replica" }}'
NEW = "templates/stack/new.tf.j2"


@pytest.mark.parametrize(
    ("file", "find", "replace", "message"),
    [
        (MAIN, SOURCE, PARAMETERS, "parameters of module.database is not"),
        (MAIN, SOURCE, f"{SOURCE}\n  count = 1", "count of module.kms is not"),
        (MAIN, SOURCE, f"{SOURCE}\n  depends_on = [module.kms]", "depends_on of module.cache is"),
        (MAIN, SOURCE, f"{SOURCE}\n  lifecycle {{\n  }}", "lifecycle of module.kms is not"),
        (MAIN, "block in blocks", "block in blocks[1:]", "source of module.kms is not"),
        (
            MAIN,
            "[block.inputs, block.wiring]",
            "[block.wiring]",
            "database_name of module.database",
        ),
        (MAIN, LOCALS, f'{LOCALS}\n  other = "a"', "local.other is not"),
        (MAIN, "if block.guard", "if false", "triggers_replace of resource.terraform_data.keep"),
        (MAIN, "prevent_destroy = true", "prevent_destroy = false", "lifecycle of resource.terr"),
        (PROVIDERS, "local.region", '"eu-west-2"', "region of provider.aws is not"),
        (
            PROVIDERS,
            "{{ default_tags",
            "      A = 1\n{{ default_tags",
            "default_tags of provider.aws",
        ),
        (
            OUTPUTS,
            "declaration | attributes(2)",
            "{'value': 1} | attributes(2)",
            "value of output.",
        ),
        (NEW, "", MODULE, "module.kms_2 does not come from"),
        (NEW, "", MODULE.replace("kms_2", "kms"), "module.kms is there twice"),
        (NEW, "", 'provider "aws" {\n}\n', "provider.aws is there twice"),
        (NEW, "", 'provider "aws" {\n  alias = "b"\n}\n', "provider.aws is there twice"),
        (NEW, "", 'variable "a" {\n}\n', "variable.a does not come from"),
        (NEW, "", 'resource "aws_vpc" "a" {\n}\n', "resource.aws_vpc.a does not come from"),
        (NEW, "", 'data "aws_vpc" "a" {\n}\n', "data.aws_vpc.a does not come from"),
        (NEW.replace(".tf", "_override.tf"), "", MODULE.replace("kms_2", "kms"), "is there twice"),
        (NEW.replace(".tf", ".tofu"), "", MODULE, "module.kms_2 does not come from"),
    ],
)
def test_deviations_of_additions(
    templates: Path, file: str, find: str, replace: str, message: str
) -> None:
    template = templates / file
    text = template.read_text() if find else ""
    assert find in text
    template.write_text(text.replace(find, replace) if find else replace)
    assert message in "\n".join(found(templates))


def test_deviations_accept_outputs_and_moves(templates: Path) -> None:
    """What the controls judge, and how the files are laid out, is free."""
    moved = "moved {\n  from = module.kms.a\n  to   = module.kms.b\n}\n"
    output = 'output "own" {\n  value = module.kms.logs_key_arn\n}\n'
    (templates / NEW).write_text(f"# A comment.\n{output}{moved}{moved.replace('kms', 'cache')}")
    main = templates / MAIN
    lines = main.read_text().splitlines(keepends=True)
    main.with_name("locals.tf.j2").write_text("".join(lines[:3]))
    main.write_text("".join(lines[3:]))
    assert found(templates) == []
