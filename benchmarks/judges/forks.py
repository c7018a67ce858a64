"""Run checkov again and again in one process, which imports it once.

The import takes five seconds of processor time, and most runs take less. Each line of standard
input is a JSON list: the file for the output, the file for messages, and the arguments. The run
has a process of its own, so it leaves nothing to the next one. Standard output gets a line with
its exit code.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType


def main() -> None:
    """Run checkov for each line of standard input."""
    warnings.simplefilter("ignore", category=SyntaxWarning)  # As the program `checkov` does.
    gc.disable()  # To search for garbage takes a quarter of the time, and a run ends soon.
    checkov = import_module("checkov.main")

    for line in sys.stdin:
        output, messages, *arguments = json.loads(line)
        if not (child := os.fork()):
            for name, number in ((os.devnull, 0), (output, 1), (messages, 2)):
                os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
            os._exit(_code(checkov, arguments))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _code(checkov: ModuleType, arguments: Sequence[str]) -> int:
    """Return the exit code of a run, whose output is written when this returns."""
    try:
        code = checkov.Checkov([*arguments]).run()
    except SystemExit as ended:
        code = ended.code
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else bool(code)


if __name__ == "__main__":
    main()
