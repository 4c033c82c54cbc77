"""Run a program that imports onnxruntime or ort_vision_sdk on Ortolan.

``python -m ortolan.dropin program.py [arguments]`` runs a program so; `install()` does the same for the
running process: from then on ``import onnxruntime`` gives ``ortolan``, and ``import ort_vision_sdk`` gives
``ortolan.vision``.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

_NAMES = {"onnxruntime": "ortolan", "ort_vision_sdk": "ortolan.vision"}
# The releases whose APIs the packages have; programs compare them with what they need.
_REPORTED_VERSIONS = {"onnxruntime": "1.31.1", "ort_vision_sdk": "0.12.0"}


def _facade(name: str, original: ModuleType) -> ModuleType:
    """Make the module that programs get by a name: the package's own names, the reported version."""
    made = ModuleType(name, original.__doc__)
    made.__dict__.update(
        {k: v for k, v in vars(original).items() if not k.startswith("__") or k == "__all__"}
    )
    version = _REPORTED_VERSIONS[name]
    made.__dict__["__version__"] = version
    if name == "onnxruntime":
        made.__dict__.update(
            __getattr__=vars(original)["__getattr__"],
            version=version,
            package_name=name,
            get_version_string=lambda: version,
        )
    return made


class _Loader(importlib.abc.Loader):
    """Answers an import with a module that is known by another name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.name)
        if spec.name in _NAMES:
            self.spec = None
            return _facade(spec.name, module)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        if self.spec is not None:
            module.__spec__ = self.spec  # the import system has put the other name's there


class _Finder(importlib.abc.MetaPathFinder):
    """Finds onnxruntime, ort_vision_sdk and their submodules in Ortolan."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        root, dot, rest = fullname.partition(".")
        if root not in _NAMES:
            return None
        name = _NAMES[root] + dot + rest
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return None
        return importlib.machinery.ModuleSpec(
            fullname, _Loader(name), is_package=found.submodule_search_locations is not None
        )


def install() -> None:
    """Make both names give Ortolan in this process. Call it before they are first imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _forget()


def uninstall() -> None:
    """Undo :func:`install`: from then on imports of either name find what is installed under it."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in _NAMES]:
        del sys.modules[name]


def main(arguments: list[str]) -> int:
    """Run the program that the first argument names as ``__main__``."""
    if not arguments or arguments[0].startswith("-"):
        print("usage: python -m ortolan.dropin program.py [arguments]", file=sys.stderr)
        return 2
    program = arguments[0]
    if not Path(program).is_file():
        print(f"ortolan.dropin: there is no program {program}", file=sys.stderr)
        return 2
    install()
    sys.argv = arguments
    sys.path[0:1] = [str(Path(program).resolve().parent)]
    runpy.run_path(program, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
