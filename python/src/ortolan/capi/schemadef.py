"""What operators the engine knows, in the words of ONNX's schemas."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar

from ortolan import _native

_UNBOUNDED = 2**31 - 1


class FormalParameterOption(enum.Enum):
    """How often a parameter may be given."""

    Single = 0
    Optional = 1
    Variadic = 2


@dataclass(frozen=True)
class FormalParameter:
    """An input or output."""

    name: str
    typeStr: str
    option: FormalParameterOption


@dataclass(frozen=True)
class TypeConstraintParam:
    """The types that a name stands for."""

    type_param_str: str
    allowed_type_strs: list[str]


@dataclass(frozen=True)
class OpSchema:
    """An operator at a version. Parameters are those of its newest form."""

    FormalParameter: ClassVar[type] = FormalParameter
    FormalParameterOption: ClassVar[type] = FormalParameterOption
    TypeConstraintParam: ClassVar[type] = TypeConstraintParam

    name: str
    domain: str
    since_version: int
    inputs: list[FormalParameter]
    outputs: list[FormalParameter]
    type_constraints: list[TypeConstraintParam]
    attributes: list[str]

    @property
    def min_input(self) -> int:
        """The fewest inputs."""
        return sum(item.option is FormalParameterOption.Single for item in self.inputs)

    @property
    def max_input(self) -> int:
        """The most inputs."""
        return _most(self.inputs)

    @property
    def min_output(self) -> int:
        """The fewest outputs."""
        return sum(item.option is FormalParameterOption.Single for item in self.outputs)

    @property
    def max_output(self) -> int:
        """The most outputs."""
        return _most(self.outputs)


def _most(parameters: list[FormalParameter]) -> int:
    unbounded = any(item.option is FormalParameterOption.Variadic for item in parameters)
    return _UNBOUNDED if unbounded else len(parameters)


def all_schemas() -> list[OpSchema]:
    """Return one schema for each version of each operator."""

    def parameters(found: list[tuple[str, str, int]]) -> list[FormalParameter]:
        return [FormalParameter(name, type_, FormalParameterOption(arity)) for name, type_, arity in found]

    made = []
    for domain, name, versions, inputs, outputs, types, attributes in _native.all_operators():
        constraints = [TypeConstraintParam(key, allowed) for key, allowed in types.items()]
        for since in versions:
            made.append(
                OpSchema(
                    name,
                    domain,
                    since,
                    parameters(inputs),
                    parameters(outputs),
                    constraints,
                    list(attributes),
                )
            )
    return made
