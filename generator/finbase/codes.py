"""The codes of everything that can be wrong with an environment file, and what they mean.

``FB0xx`` are about what the project itself holds. ``FB1xx`` are found by reading and by the
schema; ``FB2xx`` and the notes, ``FB3xx``, belong to ``finbase.environment.rules``, which
carry their own titles. A code never changes its meaning and is never used again for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What whoever maintains the modules has to mend.
CONTRACT: Final = "FB010"
LOCK: Final = "FB011"

# The text of the file.
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

# The file itself.
MISSING_FILE: Final = "FB120"
UNREADABLE: Final = "FB121"
OUTSIDE: Final = "FB122"
FILE_NAME: Final = "FB123"
OTHER_NAME: Final = "FB124"
TOO_MANY: Final = "FB129"

# What the schema demands.
UNKNOWN_KEY: Final = "FB130"
WRONG_TYPE: Final = "FB131"
MISSING_KEY: Final = "FB132"
NOT_ONE_OF: Final = "FB133"
FORM: Final = "FB134"
RANGE: Final = "FB135"
LENGTH: Final = "FB136"
KEY_FORM: Final = "FB137"
CONSTRAINT: Final = "FB138"

# How modules and versions go together.
UNKNOWN_MODULE: Final = "FB140"
UNKNOWN_VERSION: Final = "FB141"
MISSING_MODULE: Final = "FB142"
MISSING_SOURCE: Final = "FB143"
MISSING_OUTPUT: Final = "FB144"
CYCLE: Final = "FB145"

# What a project says beside its environments.
NOT_KNOWN_DATA: Final = "FB150"

TITLES: Final[Mapping[str, str]] = {
    CONTRACT: "a contract or a template of a module is broken",
    LOCK: "a line of modules/releases.lock is broken",
    NOT_UTF8: "the file is not UTF-8",
    CHARACTER: "a character that cannot be seen",
    TOO_LARGE: "the file is too large",
    EMPTY: "the file is empty",
    SYNTAX: "the file is not YAML",
    TAB: "a tab instead of spaces",
    INDENTATION: "a line is not indented as it should be",
    DUPLICATE_KEY: "a key is given twice",
    ALIAS: "an anchor or an alias",
    TAG: "a tag",
    SEVERAL_DOCUMENTS: "several YAML documents in one file",
    TOO_DEEP: "nested too deep",
    MERGE_KEY: "a merge key",
    KEY_NOT_TEXT: "a key that is not text",
    LEADING_ZERO: "a number with a leading zero",
    MISSING_FILE: "there is no such environment",
    UNREADABLE: "the file cannot be read",
    OUTSIDE: "the file lies outside the project",
    FILE_NAME: "the file's name is no name for an environment",
    OTHER_NAME: "the environment is not called as its file",
    TOO_MANY: "more problems than are shown",
    UNKNOWN_KEY: "an unknown key",
    WRONG_TYPE: "a value of the wrong type",
    MISSING_KEY: "a missing key",
    NOT_ONE_OF: "a value that is not one of those allowed",
    FORM: "a text of the wrong form",
    RANGE: "a number out of range",
    LENGTH: "too short or too long",
    KEY_FORM: "a key of the wrong form",
    CONSTRAINT: "a value that breaks the input's rule",
    UNKNOWN_MODULE: "an unknown module",
    UNKNOWN_VERSION: "an unknown version of a module",
    MISSING_MODULE: "a required module is missing",
    MISSING_SOURCE: "a module needs another one that is missing",
    MISSING_OUTPUT: "two versions of modules do not fit together",
    CYCLE: "modules need each other in a circle",
    NOT_KNOWN_DATA: "known.yaml is not what it should be",
}
