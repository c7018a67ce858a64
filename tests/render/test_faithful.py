"""A stack is what the environment file requires, no matter what its templates render."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import finbase

LOCALS = "{{ locals | attributes(2) }}"
OTHER_ACCOUNT = '{{ group | attributes(2) | replace("local.account_id", "1") | raw }}'
BACKEND, MAIN = "templates/stack/backend.tf.j2", "templates/stack/main.tf.j2"


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
