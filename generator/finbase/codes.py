"""The codes of all problems in an environment file, and their titles.

``FB0xx`` are problems of the project's modules. ``FB1xx`` come from reading a file and from its
schema. ``FB2xx`` and the notes, ``FB3xx``, belong to ``finbase.environment.rules``, which has
their titles. A code never changes its meaning and is never reused.
"""

from __future__ import annotations

from typing import Final

TITLES: Final[dict[str, str]] = {}
"""What each code means."""


def _code(code: str, title: str) -> str:
    TITLES[code] = title
    return code


# Problems that a maintainer of the modules has to fix.
CONTRACT: Final = _code("FB010", "a module's contract or template is broken")
LOCK: Final = _code("FB011", "invalid line in modules/releases.lock")

# Problems of the file's text.
NOT_UTF8: Final = _code("FB101", "the file is not encoded in UTF-8")
CHARACTER: Final = _code("FB102", "invisible character")
TOO_LARGE: Final = _code("FB103", "the file is too large")
EMPTY: Final = _code("FB104", "the file is empty")
SYNTAX: Final = _code("FB105", "invalid YAML")
TAB: Final = _code("FB106", "a tab instead of spaces")
INDENTATION: Final = _code("FB107", "wrong indentation")
DUPLICATE_KEY: Final = _code("FB108", "duplicate key")
ALIAS: Final = _code("FB109", "anchor or alias")
TAG: Final = _code("FB110", "YAML tag")
SEVERAL_DOCUMENTS: Final = _code("FB111", "more than one YAML document in a file")
TOO_DEEP: Final = _code("FB112", "nested too deeply")
MERGE_KEY: Final = _code("FB113", "merge key")
KEY_NOT_TEXT: Final = _code("FB114", "a key is not text")
LEADING_ZERO: Final = _code("FB115", "number with a leading zero")

# Problems of the file itself.
MISSING_FILE: Final = _code("FB120", "environment not found")
UNREADABLE: Final = _code("FB121", "the file cannot be read")
OUTSIDE: Final = _code("FB122", "the file is outside the project")
FILE_NAME: Final = _code("FB123", "the file name is not a valid environment name")
OTHER_NAME: Final = _code("FB124", "the environment's name differs from the file name")
SAME_STACK: Final = _code("FB125", "two environments with the same names of resources")
TOO_MANY: Final = _code("FB129", "too many problems to show")

# Values that the schema rejects.
UNKNOWN_KEY: Final = _code("FB130", "unknown key")
WRONG_TYPE: Final = _code("FB131", "wrong type")
MISSING_KEY: Final = _code("FB132", "missing key")
NOT_ONE_OF: Final = _code("FB133", "value is not one of the allowed values")
FORM: Final = _code("FB134", "wrong format")
RANGE: Final = _code("FB135", "number out of range")
LENGTH: Final = _code("FB136", "too short or too long")
KEY_FORM: Final = _code("FB137", "invalid key")
CONSTRAINT: Final = _code("FB138", "value breaks the rule of its input")

# Modules and versions that do not fit together.
UNKNOWN_MODULE: Final = _code("FB140", "unknown module")
UNKNOWN_VERSION: Final = _code("FB141", "unknown module version")
MISSING_MODULE: Final = _code("FB142", "required module is missing")
MISSING_SOURCE: Final = _code("FB143", "a module requires another module, which is missing")
MISSING_OUTPUT: Final = _code("FB144", "incompatible module versions")
CYCLE: Final = _code("FB145", "modules require each other in a cycle")
SAME_PLACE: Final = _code("FB146", "a module beside the one in whose place it stands")

# Changes of a file that AWS refuses, compared with an earlier commit.
SMALLER_STORAGE: Final = _code("FB160", "storage that shrinks")
OTHER_VERSION: Final = _code("FB161", "a major version that RDS refuses")
NO_IOPS: Final = _code("FB162", "storage that grows to 400 GiB without IOPS")
REPLICAS_STAY_SMALL: Final = _code("FB163", "storage that grows to 400 GiB beside replicas")
SEVERAL_SETTINGS: Final = _code("FB164", "several settings of the cache in one change")
NO_RESET: Final = _code("FB165", "a restore or another connection without a password reset")

# Problems of a project's other files.
NOT_KNOWN_DATA: Final = _code("FB150", "invalid known.yaml")
