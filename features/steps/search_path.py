"""Put ``shared`` on the search path, so that the checks can import what they share.

radish loads every ``.py`` file below this folder by itself, in no fixed order within a folder, but
it loads the files of a folder before those of its subfolders. So this is the only file here.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "shared"))
