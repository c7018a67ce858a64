"""The function as Lambda gets it: packed, unpacked into a folder, imported and called there."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from finbase.render.archive import pack

BOTO3 = '''
"""Answers as Secrets Manager does to a rotation that is over."""
import json, types

class Client:
    exceptions = types.SimpleNamespace(ResourceNotFoundException=KeyError)
    def describe_secret(self, SecretId):
        return {"RotationEnabled": True, "VersionIdsToStages": {"token": ["AWSCURRENT"]}}

def client(name, **options):
    assert name == "secretsmanager"
    return Client()
'''
CALL = """
import json, pathlib, sys, types
import rotation
event = {"Step": "finishSecret", "SecretId": "arn", "ClientRequestToken": "token"}
context = types.SimpleNamespace(get_remaining_time_in_millis=lambda: 60000)
assert rotation.handler(event, context) is None
home = pathlib.Path(rotation.__file__).parent
ours = {"credentials", "postgres", "rotation", "scram", "store", "wire"}
assert all(pathlib.Path(sys.modules[name].__file__).parent == home for name in ours)
print(json.dumps({"home": str(home), "roots": str(rotation.roots("us-east-1"))}))
"""


@pytest.fixture
def archive(source: Path) -> bytes:
    """The function's zip: its modules, and the roots in their folder."""
    paths = [*source.glob("*.py"), *source.glob("ca/*.pem")]
    return pack({path.relative_to(source).as_posix(): path.read_bytes() for path in paths})


@pytest.fixture
def task(archive: bytes, tmp_path: Path) -> Path:
    """The folder that Lambda unpacks it into."""
    folder = tmp_path / "task"
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        zipped.extractall(folder)
    return folder


def test_zip_has_source_and_roots(archive: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        names = zipped.namelist()
    assert [name for name in names if not name.startswith("ca/")] == [
        "credentials.py",
        "postgres.py",
        "rotation.py",
        "scram.py",
        "store.py",
        "wire.py",
    ]
    assert all(name.endswith(".pem") for name in names if name.startswith("ca/"))


def test_zip_handler_runs(task: Path, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    (runtime / "botocore").mkdir(parents=True)
    (runtime / "boto3.py").write_text(BOTO3)
    (runtime / "botocore" / "__init__.py").write_text("")
    (runtime / "botocore" / "config.py").write_text("Config = dict")
    # -S: nothing that happens to be installed here can be imported.
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-W", "error", "-c", CALL],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{task}{os.pathsep}{runtime}",
            "AWS_REGION": "eu-west-1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "home": str(task),
        "roots": str(task / "ca" / "us-east-1.pem"),
    }
