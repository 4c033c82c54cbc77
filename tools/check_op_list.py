"""Checks that src/ops/ops.inc has one row for each operator under src/ops, sorted by folder and name."""

from __future__ import annotations

import re
import sys
from pathlib import Path

OPS = Path(__file__).resolve().parent.parent / "src" / "ops"


def expected_rows() -> list[str]:
    places = [
        (file.parent.relative_to(OPS).as_posix(), name)
        for file in OPS.rglob("*.cc")
        if not file.name.endswith("_test.cc")
        for name in re.findall(r"^constexpr OpDef k(\w+)", file.read_text(), re.MULTILINE)
    ]
    return [f"ORTOLAN_OP({name})" for _, name in sorted(places)]


def main() -> int:
    for file in sorted(OPS.rglob("*.cc")):
        text = file.read_text()
        for name in re.findall(r"^constexpr OpDef k(\w+)", text, re.MULTILINE):
            if f"extern const OpDef k{name};" not in text:
                where = file.relative_to(OPS.parent.parent)
                print(f"{where}: `extern const OpDef k{name};` is missing above its OpDef")
                return 1
    rows = [line for line in (OPS / "ops.inc").read_text().splitlines() if line.startswith("ORTOLAN_OP")]
    expected = expected_rows()
    if rows == expected:
        return 0
    for row in sorted(set(expected) - set(rows)):
        print(f"src/ops/ops.inc: no row {row}")
    for row in sorted(set(rows) - set(expected)):
        print(f"src/ops/ops.inc: {row} has no OpDef under src/ops")
    if sorted(rows) == sorted(expected):
        wrong = next(row for row, want in zip(rows, expected, strict=True) if row != want)
        print(f"src/ops/ops.inc: not sorted by folder and name from {wrong} on")
    return 1


if __name__ == "__main__":
    sys.exit(main())
