"""What kernels the engine has."""

from __future__ import annotations

from dataclasses import dataclass

from ortolan import _native

_NEWEST = 2**31 - 1


@dataclass(frozen=True)
class KernelDef:
    """A kernel: the operator, the versions and the types that it serves."""

    op_name: str
    domain: str
    provider: str
    version_range: tuple[int, int]
    type_constraints: dict[str, list[str]]


def all_kernels() -> list[KernelDef]:
    """Return one entry for each version of each operator."""
    made = []
    for domain, name, versions, _, _, types, _ in _native.all_operators():
        ends = [after - 1 for after in versions[1:]] + [_NEWEST]
        for since, end in zip(versions, ends, strict=True):
            made.append(KernelDef(name, domain, "CPUExecutionProvider", (since, end), types))
    return made
