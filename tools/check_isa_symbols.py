"""Checks that objects compiled for a wide instruction set hold no weak symbols.

The linker keeps one copy of a weak symbol (an inline function or a template) for the whole program. Where it
keeps the copy of an AVX-512 unit, every caller of that function crashes on a machine without AVX-512.

usage: check_isa_symbols.py BUILD_FOLDER
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ISA_OBJECT = re.compile(r"_(avx2|avx512\w*|neon\w*)\.cc\.o$")
# nm's letters for weak definitions and for unique globals (static variables of inline functions).
WEAK_DEFINITIONS = {"W", "V", "u"}


def main() -> int:
    """Print each weak symbol; 1 where there is one, 2 where there is nothing to look at."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    objects = sorted(path for path in folder.rglob("*.o") if ISA_OBJECT.search(path.name))
    if not objects:
        print(f"no ISA objects under {folder}")
        return 0
    listing = subprocess.run(
        ["nm", "-C", "-A", *map(str, objects)], capture_output=True, text=True, check=True
    ).stdout
    weak = 0
    for line in listing.splitlines():
        path, _, rest = line.partition(":")
        letter, _, symbol = rest[17:].partition(" ")
        if letter in WEAK_DEFINITIONS:
            weak += 1
            print(f"{path}: weak symbol {symbol}")
    if not weak:
        print(f"{len(objects)} ISA objects hold no weak symbols")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
