"""What a child process may know of its caller: an allow-list of variables, with no credential."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.project import git
from finbase.system.child_environ import child_environ, python_environ
from finbase.terraform import program

SECRETS = """
AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_WEB_IDENTITY_TOKEN_FILE
AWS_CONTAINER_CREDENTIALS_RELATIVE_URI GITHUB_TOKEN GH_TOKEN GITHUB_ENV GITHUB_OUTPUT GITHUB_PATH
ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_RUNTIME_TOKEN CI_JOB_TOKEN
CI_REGISTRY_PASSWORD GITLAB_TOKEN TF_TOKEN_app_terraform_io TF_HTTP_PASSWORD VAULT_TOKEN NPM_TOKEN
SSH_AUTH_SOCK SSH_AGENT_PID GPG_AGENT_INFO PGPASSWORD GIT_ASKPASS GIT_SSH_COMMAND GIT_CONFIG_VALUE_0
GIT_CONFIG_PARAMETERS KUBECONFIG DOCKER_AUTH_CONFIG GOOGLE_APPLICATION_CREDENTIALS ARM_CLIENT_SECRET
DBUS_SESSION_BUS_ADDRESS LD_PRELOAD BASH_ENV PROMPT_COMMAND TF_LOG TFC_ERROR PYTHONSTARTUP
""".split()
ALLOWED = ["", program._ALLOWED, git._SETTINGS]
CREDENTIAL = re.compile(r"(AWS|GITHUB|ACTIONS|CI)_.*|.*(TOKEN|SECRET|PASSWORD|CREDENTIAL|AUTH).*")


@pytest.mark.parametrize("more", ALLOWED)
def test_secrets_are_not_passed_on(more: str) -> None:
    given = dict.fromkeys(SECRETS, "secret") | {"PATH": "/bin"}
    assert child_environ(more, given) == {"PATH": "/bin"}


@given(
    st.sampled_from(ALLOWED),
    st.from_regex(CREDENTIAL, fullmatch=True)
    | st.sampled_from(["PATH", "LANG", "LC_ALL", "HOME", "TMPDIR"]).flatmap(
        lambda name: st.sampled_from([f"{name}\n", f"{name}_X", f"X{name}", f"{name}TOKEN"])
    ),
)
def test_unlisted_name_is_not_passed_on(more: str, name: str) -> None:
    assert child_environ(more, {name: "secret"}) == {}


def test_python_environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, "XDG_CONFIG_HOME", "TF_PLUGIN_CACHE_DIR", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "of the caller")
    environ = python_environ(tmp_path)
    assert environ["HOME"] == str(tmp_path)
    assert environ["PATH"] == os.environ["PATH"]
    assert "of the caller" not in environ.values()


def test_git_has_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\nenv >> {seen}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    for name in SECRETS:
        monkeypatch.setenv(name, "of the caller")
    git.Repository(tmp_path)
    assert "HOME=" in seen.read_text()
    assert "of the caller" not in seen.read_text()
