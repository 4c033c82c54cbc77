"""Checks every `#include "..."` against the table of who may include whom.

ARCHITECTURE.md shows the table. A folder may always include itself. `public` stands for the headers in
include/ortolan/.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ALLOWED: dict[str, set[str]] = {
    "base": set(),
    "threads": {"base"},
    "value": {"base"},
    "simd": {"base"},
    "kernels": {"base", "threads", "simd"},
    "graph": {"base", "value"},
    "model": {"base", "value"},
    "ops": {"base", "threads", "value", "graph", "kernels"},
    "import": {"base", "value", "model", "graph", "ops"},
    "passes": {"base", "threads", "value", "graph", "ops"},
    "plan": {"base", "threads", "value", "graph", "ops"},
    "exec": {"base", "threads", "value", "graph", "ops", "plan"},
    "export": {"base", "value", "model", "graph", "ops"},
    "session": {
        *("base", "threads", "value", "simd", "kernels", "graph", "model", "ops"),
        *("import", "passes", "plan", "exec", "export", "public"),
    },
    "providers": {"base", "value", "graph", "ops"},
    "capi": {"session", "public"},
    "vision": {"public", "kernels", "threads", "base"},
    "apps": {"public", "session", "base", "value", "ops"},
    "examples": {"public"},
    "python": {"public", "session", "base", "value", "vision"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<(ortolan/[^>]+)>)', re.MULTILINE)


def layer_of(path: Path) -> str:
    """Name the layer that a source file belongs to."""
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "src" else parts[0]


def target_layer(include: str) -> str | None:
    """Name the layer that an include reaches, or None for a file of the same folder."""
    first, _, rest = include.partition("/")
    if not rest:
        return None
    return "public" if first == "ortolan" else first


def main() -> int:
    """Print each forbidden include; 1 where there is one."""
    forbidden = 0
    for folder in ("src", "vision", "apps", "examples", "python/bindings"):
        for path in sorted((ROOT / folder).rglob("*")):
            # Tests may reach whatever they need to check a result.
            if path.suffix not in {".h", ".cc", ".inc"} or path.stem.endswith(("_test", "_bench")):
                continue
            layer = layer_of(path)
            for match in INCLUDE.finditer(path.read_text(encoding="utf-8")):
                include = match[1] or match[2]
                target = target_layer(include)
                if target is None or target == layer or target in ALLOWED.get(layer, set()):
                    continue
                forbidden += 1
                print(f'{path.relative_to(ROOT)}: {layer} may not include "{include}"')
    return 1 if forbidden else 0


if __name__ == "__main__":
    sys.exit(main())
