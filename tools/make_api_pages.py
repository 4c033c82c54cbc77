"""Write the API's pages, made of the docstrings, into a folder: ``make_api_pages.py FOLDER``.

Every public name has to have a docstring; those that have none are listed, and the exit status is 1.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pdoc
from pdoc.doc import Class, Doc, Module

MODULES = ["ortolan", "ortolan.vision", "ortolan.backend", "ortolan.dropin", "ortolan.datasets"]


def load(name: str) -> None:
    """Import a module and the names that it imports only when they are asked for."""
    module = importlib.import_module(name)
    for each in getattr(module, "__all__", []):
        setattr(module, each, getattr(module, each))


def undocumented(doc: Doc) -> list[str]:
    """Return the public names at and below this one that say nothing about themselves."""
    found = []
    if doc.kind in ("function", "class", "module") and not doc.docstring.strip():
        found.append(doc.fullname)
    if isinstance(doc, (Module, Class)):
        for member in doc.own_members if isinstance(doc, Class) else doc.members.values():
            if not member.name.startswith("_") and member.kind != "module":
                found += undocumented(member)
    return found


def main() -> int:
    for name in MODULES:
        load(name)
    pdoc.render.configure(docformat="restructuredtext", footer_text="Ortolan")
    pdoc.pdoc(*MODULES, output_directory=Path(sys.argv[1]))
    missing = sorted({name for each in MODULES for name in undocumented(Module(sys.modules[each]))})
    for name in missing:
        print(f"{name} has no docstring", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
