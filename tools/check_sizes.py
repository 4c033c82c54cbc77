"""Checks the norms of size: a file has at most 1,000 lines, a function 100 (a kernel's body 200).

Past the soft limit of 600 lines a file is reported, which fails nothing.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SOFT_FILE, HARD_FILE = 600, 1000
HARD_FUNCTION, HARD_KERNEL = 100, 200

# clang-format puts the line that opens a body and the one that closes it at the same indentation, so a
# function is what stands between a line with parentheses that ends in `{` and the next `}` in its column.
# Deeper than one class (two columns) there are only statements.
OPENS = re.compile(r"^(?P<indent>|  )(?=\S)(?!namespace|class |struct |enum |union |extern|#|//).*\{$")


def cpp_functions(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield first line, length and opening text of each function."""
    start, closing, opening = 0, "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if start and line.startswith(closing) and not line.startswith((closing + ";", closing + " else")):
            yield start, number - start + 1, opening
            start = 0
        elif not start and (match := OPENS.match(line)) and ("(" in line or ")" in line):
            start, closing, opening = number, match["indent"] + "}", line.strip()


def python_functions(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield first line, length and name of each function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1, node.name


def main() -> int:
    """Print what is too long; 1 where a hard limit is broken."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.cc", "*.h", "*.cu", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    broken = 0
    for name in sorted(listed.stdout.split()):
        path = ROOT / name
        if not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > HARD_FILE:
            broken += 1
            print(f"{name}: {lines} lines, at most {HARD_FILE}")
        elif lines > SOFT_FILE:
            print(f"{name}: note: {lines} lines, past the soft limit of {SOFT_FILE}")
        limit = HARD_KERNEL if name.endswith("_body.h") or "/simd/" in name else HARD_FUNCTION
        functions = python_functions if path.suffix == ".py" else cpp_functions
        for start, length, what in functions(text):
            if length > limit:
                broken += 1
                print(f"{name}:{start}: {length} lines, at most {limit}: {what}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
