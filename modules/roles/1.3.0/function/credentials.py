"""The text of the secret: who logs in where, and with which password."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


class SecretError(Exception):
    """The secret is not such that it can be rotated; the text never quotes a value of it."""


@dataclass(frozen=True)
class Credentials:
    """A role, its database and its password, which neither ``repr`` nor ``str`` shows."""

    host: str
    port: int
    dbname: str
    username: str
    password: str = field(repr=False)
    fields: Mapping[str, object] = field(repr=False)

    @classmethod
    def parse(cls, text: str, version: str) -> Credentials:
        """Read the JSON of ``version``, a word for messages; raises ``SecretError``."""
        fields = _object(text, version)

        def wrong(name: str, rule: str) -> SecretError:
            return SecretError(f"{name!r} in the {version} version of the secret {rule}")

        def readable(name: str) -> str:
            value = fields.get(name)
            if not isinstance(value, str) or not value or not value.isprintable():
                raise wrong(name, "is not a text of printable characters")
            return value

        if fields.get("engine") != "postgres":
            raise wrong("engine", 'is not "postgres"')
        port = fields.get("port")
        if type(port) is not int or not 0 < port < 65536:
            raise wrong("port", "is not a port number")
        password = readable("password")
        if not password.isascii():
            raise wrong("password", "is not ASCII")
        return cls(
            readable("host"), port, readable("dbname"), readable("username"), password, fields
        )

    @property
    def target(self) -> tuple[str, int, str, str]:
        """All but the password: what two versions share if they are of the same role."""
        return self.host, self.port, self.dbname, self.username

    def with_password(self, password: str) -> Credentials:
        """Return the same role on the same database with another password."""
        return replace(self, password=password, fields={**self.fields, "password": password})

    def text(self) -> str:
        """Return the JSON to be stored: every field, also those that are not used here."""
        return json.dumps(self.fields)


def _object(text: str, version: str) -> dict[str, object]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    # Not raised in the handler: a JSONDecodeError has the whole text as an attribute.
    if not isinstance(fields, dict):
        raise SecretError(f"the {version} version of the secret is not a JSON object")
    return fields
