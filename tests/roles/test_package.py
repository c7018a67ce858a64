"""The function as Lambda gets it: alone in a folder, with nothing but the runtime's boto3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = ("credentials", "postgres", "rotation", "scram", "store", "wire")
BOTO3 = '''
"""Knows one secret, whose database cannot be reached."""
import json, types

class Client:
    exceptions = types.SimpleNamespace(ResourceNotFoundException=KeyError)
    def get_secret_value(self, SecretId, VersionStage):
        if VersionStage != "AWSCURRENT":
            raise KeyError
        fields = {"engine": "postgres", "host": "localhost", "port": 1, "dbname": "x"}
        return {"SecretString": json.dumps({**fields, "username": "u", "password": "p"})}

def client(name, **options):
    assert name == "secretsmanager"
    return Client()
'''
CALL = """
import json, pathlib, sys, types
import roles
context = types.SimpleNamespace(get_remaining_time_in_millis=lambda: 60000)
told = []
actions = [{"action": action} for action in ("apply", "check", "drop")]
for event in (*actions, {"Step": "createSecret"}):
    try:
        roles.handler(event, context)
    except Exception as error:
        told.append(f"{type(error).__name__}: {error}".split(":")[0])
home = pathlib.Path(roles.__file__).parent
ours = {path.stem for path in home.glob("*.py")}
others = [n for n in ours if pathlib.Path(sys.modules[n].__file__).parent != home]
print(json.dumps({"told": told, "ours": sorted(ours), "others": others}))
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """The folder that Lambda unpacks the zip into."""
    from tests.roles.conftest import SHARED as SECRET
    from tests.roles.conftest import SOURCE

    folder = tmp_path / "task"
    (folder / "ca").mkdir(parents=True)
    paths = [*SOURCE.glob("*.py"), *(SECRET / f"{name}.py" for name in SHARED)]
    for path in paths:
        (folder / path.name).write_bytes(path.read_bytes())
    assert len(list(folder.glob("*.py"))) == len(paths), "two files of the same name"
    for path in SECRET.glob("ca/*.pem"):
        (folder / "ca" / path.name).write_bytes(path.read_bytes())
    return folder


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
            "CONNECTION_SECRET": "arn:connection",
            "DECLARATION": '{"extensions": [], "roles": {}}',
            "METRICS_NAMESPACE": "finbase/x",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["told"] == ["PostgresError", "PostgresError", "EventError", "EventError"]
    assert told["others"] == []
    assert {*SHARED, "roles", "alternation", "wishes"} <= {*told["ours"]}
