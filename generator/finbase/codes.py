"""The codes of all problems in an environment file, and their titles.

``FB0xx`` are problems of the project's modules. ``FB1xx`` come from reading a file and from its
schema. ``FB2xx`` and the notes, ``FB3xx``, belong to ``finbase.environment.rules``, which has
their titles. A code never changes its meaning and is never reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Problems that a maintainer of the modules has to fix.
CONTRACT: Final = "FB010"
LOCK: Final = "FB011"

# Problems of the file's text.
NOT_UTF8: Final = "FB101"
CHARACTER: Final = "FB102"
TOO_LARGE: Final = "FB103"
EMPTY: Final = "FB104"
SYNTAX: Final = "FB105"
TAB: Final = "FB106"
INDENTATION: Final = "FB107"
DUPLICATE_KEY: Final = "FB108"
ALIAS: Final = "FB109"
TAG: Final = "FB110"
SEVERAL_DOCUMENTS: Final = "FB111"
TOO_DEEP: Final = "FB112"
MERGE_KEY: Final = "FB113"
KEY_NOT_TEXT: Final = "FB114"
LEADING_ZERO: Final = "FB115"

# Problems of the file itself.
MISSING_FILE: Final = "FB120"
UNREADABLE: Final = "FB121"
OUTSIDE: Final = "FB122"
FILE_NAME: Final = "FB123"
OTHER_NAME: Final = "FB124"
SAME_STACK: Final = "FB125"
TOO_MANY: Final = "FB129"

# Values that the schema rejects.
UNKNOWN_KEY: Final = "FB130"
WRONG_TYPE: Final = "FB131"
MISSING_KEY: Final = "FB132"
NOT_ONE_OF: Final = "FB133"
FORM: Final = "FB134"
RANGE: Final = "FB135"
LENGTH: Final = "FB136"
KEY_FORM: Final = "FB137"
CONSTRAINT: Final = "FB138"

# Modules and versions that do not fit together.
UNKNOWN_MODULE: Final = "FB140"
UNKNOWN_VERSION: Final = "FB141"
MISSING_MODULE: Final = "FB142"
MISSING_SOURCE: Final = "FB143"
MISSING_OUTPUT: Final = "FB144"
CYCLE: Final = "FB145"
SAME_PLACE: Final = "FB146"

# Changes of a file that AWS refuses, compared with an earlier commit.
SMALLER_STORAGE: Final = "FB160"
OTHER_VERSION: Final = "FB161"
NO_IOPS: Final = "FB162"
REPLICAS_STAY_SMALL: Final = "FB163"
SEVERAL_SETTINGS: Final = "FB164"

# Problems of a project's other files.
NOT_KNOWN_DATA: Final = "FB150"

TITLES: Final[Mapping[str, str]] = {
    CONTRACT: "a module's contract or template is broken",
    LOCK: "invalid line in modules/releases.lock",
    NOT_UTF8: "the file is not encoded in UTF-8",
    CHARACTER: "invisible character",
    TOO_LARGE: "the file is too large",
    EMPTY: "the file is empty",
    SYNTAX: "invalid YAML",
    TAB: "a tab instead of spaces",
    INDENTATION: "wrong indentation",
    DUPLICATE_KEY: "duplicate key",
    ALIAS: "anchor or alias",
    TAG: "YAML tag",
    SEVERAL_DOCUMENTS: "more than one YAML document in a file",
    TOO_DEEP: "nested too deeply",
    MERGE_KEY: "merge key",
    KEY_NOT_TEXT: "a key is not text",
    LEADING_ZERO: "number with a leading zero",
    MISSING_FILE: "environment not found",
    UNREADABLE: "the file cannot be read",
    OUTSIDE: "the file is outside the project",
    FILE_NAME: "the file name is not a valid environment name",
    OTHER_NAME: "the environment's name differs from the file name",
    SAME_STACK: "two environments with the same names of resources",
    TOO_MANY: "too many problems to show",
    UNKNOWN_KEY: "unknown key",
    WRONG_TYPE: "wrong type",
    MISSING_KEY: "missing key",
    NOT_ONE_OF: "value is not one of the allowed values",
    FORM: "wrong format",
    RANGE: "number out of range",
    LENGTH: "too short or too long",
    KEY_FORM: "invalid key",
    CONSTRAINT: "value breaks the rule of its input",
    UNKNOWN_MODULE: "unknown module",
    UNKNOWN_VERSION: "unknown module version",
    MISSING_MODULE: "required module is missing",
    MISSING_SOURCE: "a module requires another module, which is missing",
    MISSING_OUTPUT: "incompatible module versions",
    CYCLE: "modules require each other in a cycle",
    SAME_PLACE: "a module beside the one in whose place it stands",
    SMALLER_STORAGE: "storage that shrinks",
    OTHER_VERSION: "a major version that RDS refuses",
    NO_IOPS: "storage that grows to 400 GiB without IOPS",
    REPLICAS_STAY_SMALL: "storage that grows to 400 GiB beside replicas",
    SEVERAL_SETTINGS: "several settings of the cache in one change",
    NOT_KNOWN_DATA: "invalid known.yaml",
}
