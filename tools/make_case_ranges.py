"""Writes src/ops/text/case_ranges.inc: Unicode's simple case mappings, as this Python's tables have them.

In a row {first, last, step, delta} each letter first, first + step, ..., last becomes itself plus delta.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src" / "ops" / "text" / "case_ranges.inc"


def upper(code: int) -> int:
    """Give the one letter that is the upper (or title) case of a letter; itself where that takes more."""
    for text in (chr(code).upper(), chr(code).title()):
        if len(text) == 1:
            return ord(text)
    return code


def lower(code: int) -> int:
    """Give the one letter that is the lower case of a letter."""
    text = chr(code).lower()
    return ord(text[0]) if len(text) == 1 or code == 0x130 else code


def ranges(change: dict[int, int]) -> list[tuple[int, int, int, int]]:
    """Join letters of one delta that follow each other at a distance of one or two."""
    rows: list[tuple[int, int, int, int]] = []
    for code, delta in sorted(change.items()):
        if rows:
            first, last, step, same = rows[-1]
            distance = code - last
            if same == delta and distance in (1, 2) and (first == last or distance == step):
                rows[-1] = (first, code, distance, delta)
                continue
        rows.append((code, code, 1, delta))
    return rows


def main() -> None:
    """Write the file."""
    codes = [code for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]
    lines = [f"// Made by tools/make_case_ranges.py from Unicode {unicodedata.unidata_version}."]
    for name, change in (("UPPER", upper), ("LOWER", lower)):
        rows = ranges({code: change(code) - code for code in codes if change(code) != code})
        lines.append(f"#ifdef ORTOLAN_{name}_RANGES")
        lines += [f"{{0x{first:x}, 0x{last:x}, {step}, {delta}}}," for first, last, step, delta in rows]
        lines.append("#endif")
    TARGET.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
