"""Who may call the local AWS: nobody without the key of the run, and no web page even with it."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from finbase.sandbox.access import Access, new_key
from finbase.sandbox.calls import calls
from finbase.sandbox.client import Endpoint
from finbase.sandbox.server import Sandbox, running
from tests.support.browser import browser

QUERY = "Action=CreateRole&Version=2010-05-08&RoleName=planted&AssumeRolePolicyDocument=%7B%7D"
ROUTES = ("/", "/sandbox/databases", "/sandbox/rotations", "/moto-api/data.json", "/favicon.ico")
URL = "http://127.0.0.1:4566"


def signature(key: str, service: str = "iam") -> str:
    scope = f"{datetime.now(UTC):%Y%m%d}/eu-west-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host, Signature=0"


def send(
    sandbox: Sandbox,
    method: str = "POST",
    path: str = "/",
    *,
    body: str = "",
    **headers: str,
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def roles(client: Callable[..., Any]) -> set[str]:
    return {role["RoleName"] for role in client("iam").list_roles()["Roles"]}


def test_key_of_run_is_needed(sandbox: Sandbox, client: Callable[..., Any]) -> None:
    other = boto3.client(
        "iam",
        endpoint_url=sandbox.url,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError, match="AWS_ACCESS_KEY_ID") as caught:
        other.create_role(RoleName="planted", AssumeRolePolicyDocument="{}")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "planted" not in roles(client)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ROUTES)
def test_request_without_key_is_a_403(sandbox: Sandbox, method: str, path: str) -> None:
    status, headers, _ = send(sandbox, method, path)
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Authorization": ""},
        {"Authorization": "Basic bG9jYWw6bG9jYWw="},
        {"Authorization": signature("local")},
        {"Authorization": signature("")},
        {"Authorization": "AWS local:x"},
    ],
)
def test_form_creates_nothing(
    sandbox: Sandbox, client: Callable[..., Any], headers: dict[str, str]
) -> None:
    assert send(sandbox, body=QUERY, **headers)[0] == 403
    assert send(sandbox, path=f"/?{QUERY}", body="x", **headers)[0] == 403
    assert send(sandbox, path=f"/iam_eu-west-1/?{QUERY}", body="x", **headers)[0] == 403
    assert "planted" not in roles(client)


def test_key_in_query_does_not_count(sandbox: Sandbox) -> None:
    """A link or an image can have a query, but no header."""
    signed = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": signature(sandbox.key).split("=")[1].split(",")[0],
        "X-Amz-Signature": "0",
    }
    assert send(sandbox, "GET", f"/?{urlencode(signed)}&{QUERY}")[0] == 403
    assert send(sandbox, "GET", f"/sandbox/databases?key={sandbox.key}")[0] == 403


@pytest.mark.parametrize(
    ("path", "authorization"),
    [("/", signature), ("/sandbox/databases", "Bearer {}".format)],
)
def test_host_and_origin(sandbox: Sandbox, path: str, authorization: Callable[[str], str]) -> None:
    call = partial(send, sandbox, path=path, Authorization=authorization(sandbox.key))
    if path == "/":
        call = partial(call, body=QUERY.replace("CreateRole", "ListRoles"))
        call = partial(call, Content_Type="application/x-www-form-urlencoded")
    assert call()[0] == 200
    port = urlsplit(sandbox.url).port
    for host in ("rebind.evil.example", f"rebind.evil.example:{port}", "127.0.0.1", "", "moto_api"):
        assert call(Host=host)[0] == 403
    for origin in ("http://attacker.test", "null", sandbox.url, ""):
        status, headers, _ = call(Origin=origin)
        assert status == 403
        assert not [name for name in headers if name.startswith("access-control")]


def test_key_of_api_is_not_one_of_own_routes(sandbox: Sandbox) -> None:
    """Each form of the key counts on its own routes."""
    assert (
        send(sandbox, "GET", "/sandbox/databases", Authorization=signature(sandbox.key))[0] == 403
    )
    assert send(sandbox, "GET", "/", Authorization=f"Bearer {sandbox.key}")[0] == 403


@pytest.mark.parametrize("path", ["/moto-api/", "/moto-api/data.json", "/moto-api/reset"])
def test_moto_has_no_administration(sandbox: Sandbox, path: str) -> None:
    for method in ("GET", "POST"):
        status, _, text = send(sandbox, method, path, Authorization=signature(sandbox.key))
        assert (status, "no such route" in text) == (404, True)


def test_refused_body_is_no_second_request(sandbox: Sandbox, client: Callable[..., Any]) -> None:
    """The rest of a refused request must not be read as a request on the same connection."""
    port = urlsplit(sandbox.url).port or 0
    second = f"POST /?{QUERY} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n"
    second += f"Authorization: {signature(sandbox.key)}\r\n\r\n"
    first = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(second)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall((first + second).encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b" 403 " in answer
    assert "planted" not in roles(client)


def test_page_in_browser_reaches_nothing(
    sandbox: Sandbox, client: Callable[..., Any], tmp_path: Path
) -> None:
    """A page of another origin, in a real Chromium, tries all that it can send."""
    page = tmp_path / "page"
    page.mkdir()
    url, port = json.dumps(sandbox.url), urlsplit(sandbox.url).port
    (page / "evil.html").write_text(
        f"""<!DOCTYPE html><iframe name="into"></iframe><script>
        const text = {{"Content-Type": "text/plain"}}, query = {json.dumps(QUERY)};
        async function attempt(url, options) {{
          try {{ const a = await fetch(url, options); return `${{a.type}} ${{await a.text()}}` }}
          catch (error) {{ return "failed" }}
        }}
        async function attack() {{
          const url = {url}, form = document.createElement("form");
          form.method = "POST"; form.target = "into"; form.action = `${{url}}/?${{query}}`;
          document.body.append(form); form.submit();
          new Image().src = `${{url}}/?${{query}}`;
          const body = {{method: "POST", headers: text, body: query}};
          const signed = {{method: "POST", body: query, headers:
            {{"Authorization": {json.dumps(signature("local"))}}}}};
          const results = [];
          for (const path of ["/", `/?${{query}}`, `/iam_eu-west-1/?${{query}}`]) {{
            results.push(await attempt(url + path, {{...body, mode: "no-cors"}}));
            results.push(await attempt(url + path, body));
            results.push(await attempt(url + path, signed));
          }}
          for (const path of ["/sandbox/databases", "/moto-api/data.json"])
            results.push(await attempt(url + path, {{}}));
          return results;
        }}</script>"""
    )
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(page))
    before = len(calls(sandbox.log))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site,
        browser(tmp_path / "profile", loopback=True) as tab,
    ):
        threading.Thread(target=site.serve_forever, daemon=True).start()
        tab.open_url(f"http://127.0.0.1:{site.server_port}/evil.html")
        results = tab.ask("attack()")
        site.shutdown()
    assert set(results) == {"failed", "opaque "}
    assert results.count("opaque ") == 3
    sent = [
        e["params"]["response"] for e in tab.events if e["method"] == "Network.responseReceived"
    ]
    statuses = {r["status"] for r in sent if r["url"].startswith(f"http://127.0.0.1:{port}")}
    assert statuses == {403}
    assert len(calls(sandbox.log)) == before
    assert "planted" not in roles(client)


def test_other_user_reaches_nothing(sandbox: Sandbox, client: Callable[..., Any]) -> None:
    """Another user of the machine, who can connect, but cannot read the key."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can run a program as another user, with setpriv")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    curl = [*nobody, "curl", "--silent", "--noproxy", "*", "--output", "/dev/null"]
    curl += ["--write-out", "%{http_code}"]
    for arguments in (
        [f"{sandbox.url}/sandbox/databases"],
        ["--data", QUERY, sandbox.url],
        ["--data", QUERY, "--header", f"Authorization: {signature('local')}", sandbox.url],
    ):
        done = subprocess.run([*curl, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout == "403"
    assert "planted" not in roles(client)
    # Each user can read the command lines of all processes.
    for name in ("cmdline", "environ"):
        assert sandbox.key.encode() not in Path(f"/proc/{sandbox.pid}/{name}").read_bytes()
    assert sandbox.key not in repr(sandbox)


def test_server_has_no_files_of_working_folder_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has, functions have too."""
    folder, work = tmp_path / "aws", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    for name in ("flask", "werkzeug", "moto", "sitecustomize", "json"):
        (work / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit")
    monkeypatch.chdir(work)
    secrets = ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "CI_JOB_TOKEN", "SSH_AUTH_SOCK", "ANY_NAME")
    for name in secrets:
        monkeypatch.setenv(name, "of the caller")
    with running(folder, account_id="777788889999", region="eu-west-1") as served:
        assert Path(f"/proc/{served.pid}/cwd").readlink() == folder
        assert b"of the caller" not in Path(f"/proc/{served.pid}/environ").read_bytes()
    assert not (tmp_path / "ran").exists()


@given(st.text(max_size=40) | st.from_regex(r"(AWS4-HMAC-SHA256 Credential=|Bearer )\w*.{0,60}"))
def test_problem_with_any_other_authorization(text: str) -> None:
    access = Access(Endpoint(URL, new_key()))
    for path in ("/", "/sandbox/databases"):
        environ = {"HTTP_HOST": URL[7:], "HTTP_AUTHORIZATION": text, "PATH_INFO": path}
        assert access.problem(environ)


def test_keys_differ() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(16 <= len(key) <= 128 and key.isalnum() for key in keys)
