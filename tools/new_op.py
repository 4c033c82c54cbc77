"""Writes the room of a new operator, src/ops/TOPIC/NAME.cc, from ONNX's schema, and adds its row to ops.inc.

usage: new_op.py NAME TOPIC        (./dev new-op does it; NAME as in ONNX, e.g. Trilu)
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import onnx.defs

ROOT = Path(__file__).resolve().parent.parent
OPS = ROOT / "src" / "ops"

TYPES = {
    "float": "kFloat",
    "double": "kDouble",
    "float16": "kFloat16",
    "bfloat16": "kBFloat16",
    "uint8": "kUInt8",
    "uint16": "kUInt16",
    "uint32": "kUInt32",
    "uint64": "kUInt64",
    "int8": "kInt8",
    "int16": "kInt16",
    "int32": "kInt32",
    "int64": "kInt64",
    "string": "kString",
    "bool": "kBool",
    "complex64": "kComplex64",
    "complex128": "kComplex128",
    "float8e4m3fn": "kFloat8E4M3FN",
    "float8e4m3fnuz": "kFloat8E4M3FNUZ",
    "float8e5m2": "kFloat8E5M2",
    "float8e5m2fnuz": "kFloat8E5M2FNUZ",
    "float8e8m0": "kFloat8E8M0",
    "float4e2m1": "kFloat4E2M1",
    "uint4": "kUInt4",
    "int4": "kInt4",
    "uint2": "kUInt2",
    "int2": "kInt2",
    "float6e2m3": "kFloat6E2M3",
    "float6e3m2": "kFloat6E3M2",
}
FLOATS = {"float", "double", "float16", "bfloat16"}
INTEGERS = {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
NAMED_SETS = {
    "kFloatTypes": FLOATS,
    "kIntegerTypes": INTEGERS,
    "kNumericTypes": FLOATS | INTEGERS,
    "kAllTypes": set(TYPES),
}
ATTRIBUTE_TYPES = {
    "INT": "kInt",
    "INTS": "kInts",
    "FLOAT": "kFloat",
    "FLOATS": "kFloats",
    "STRING": "kString",
    "STRINGS": "kStrings",
    "TENSOR": "kTensor",
    "GRAPH": "kGraph",
}
ARITIES = {"Single": "", "Optional": ", Arity::kOptional", "Variadic": ", Arity::kVariadic"}


def snake_case(name: str) -> str:
    """Spell an ONNX name as a file name: GlobalLpPool becomes global_lp_pool."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def type_set(names: set[str]) -> str:
    """Spell a set of element types as C++."""
    for spelled, members in NAMED_SETS.items():
        if names == members:
            return spelled
    return "SetOf(" + ", ".join(f"DType::{TYPES[name]}" for name in TYPES if name in names) + ")"


def constraint_row(parameter: str, allowed: set[str]) -> str:
    """Spell one type constraint as C++."""
    fields = []
    for prefix, field in (
        ("tensor(", "tensors"),
        ("seq(tensor(", "sequences"),
        ("optional(tensor(", "optionals"),
    ):
        names = {text[len(prefix) :].rstrip(")") for text in allowed if text.startswith(prefix)}
        if names:
            fields.append(f".{field} = {type_set(names)}")
    return f'{{.name = "{parameter}", {", ".join(fields)}}}'


def array(kind: str, name: str, rows: list[str]) -> str:
    """Spell a constexpr array as C++; nothing where it would be empty."""
    return f"constexpr {kind} {name}[] = {{{', '.join(rows)}}};\n" if rows else ""


def room(name: str) -> str:
    """Write the text of the operator's file."""
    schema = onnx.defs.get_schema(name)
    versions = sorted(
        {
            known.since_version
            for known in onnx.defs.get_all_schemas_with_history()
            if known.name == name and known.domain == schema.domain
        }
    )
    summary = re.split(r"(?<=\.)\s", " ".join((schema.doc or "").split()))[0]

    def formals(parameters: list[onnx.defs.OpSchema.FormalParameter]) -> list[str]:
        return [f'{{"{p.name}", "{p.type_str}"{ARITIES[p.option.name]}}}' for p in parameters]

    attributes = [
        f'{{"{a.name}", AttributeType::{ATTRIBUTE_TYPES[a.type.name]}{", true" if a.required else ""}}}'
        for a in schema.attributes.values()
    ]
    types = [constraint_row(c.type_param_str, set(c.allowed_type_strs)) for c in schema.type_constraints]
    tables = (
        array("int", "kVersions", [str(version) for version in versions])
        + array("FormalParameter", "kInputs", formals(schema.inputs))
        + array("FormalParameter", "kOutputs", formals(schema.outputs))
        + array("TypeConstraint", "kTypes", types)
        + array("AttributeSpec", "kAttributes", attributes)
    )
    members = [f'.domain = "{schema.domain}"', f'.name = "{name}"', ".versions = kVersions"]
    for member in ("inputs", "outputs", "types", "attributes"):
        constant = "k" + member.capitalize()
        if f" {constant}[]" in tables:
            members.append(f".{member} = {constant}")
    members += [".infer = Infer", ".prepare = Prepare"]
    return f"""// {name}: {summary}
//
// Refuses: (say what, and test it).
#include "ops/op.h"

namespace ortolan {{
namespace {{

using graph::AttributeType;

Status Infer(InferContext& context) {{ return InferSameShape(context); }}

Status Run(const void*, RunContext&) {{ return NotImplemented("{name} has no kernel yet"); }}

Status Prepare(PrepareContext&, Prepared* prepared) {{
  prepared->run = Run;
  prepared->kernel = "{snake_case(name)}";
  return OkStatus();
}}

{tables}
}}  // namespace

extern const OpDef k{name};
constexpr OpDef k{name}{{{", ".join(members)},}};

}}  // namespace ortolan
"""


def folder_of(row: str) -> str:
    """Name the topic of an operator that has a row already."""
    for path in OPS.rglob("*.cc"):
        if f"OpDef k{row}{{" in path.read_text(encoding="utf-8"):
            return path.relative_to(OPS).parts[0]
    return ""


def add_row(name: str, topic: str) -> None:
    """Insert the row into ops.inc, which is sorted by folder and name."""
    path = OPS / "ops.inc"
    lines = path.read_text(encoding="utf-8").splitlines()
    position = len(lines)
    for index, line in enumerate(lines):
        match = re.match(r"ORTOLAN_OP\((\w+)\)", line)
        if match and (folder_of(match[1]), match[1]) > (topic, name):
            position = index
            break
    lines.insert(position, f"ORTOLAN_OP({name})")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Write the file and the row; 2 for a wrong command line."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    name, topic = sys.argv[1:]
    path = OPS / topic / f"{snake_case(name)}.cc"
    if not onnx.defs.has(name):
        print(f"ONNX has no operator {name}", file=sys.stderr)
        return 2
    if path.exists() or f"ORTOLAN_OP({name})" in (OPS / "ops.inc").read_text(encoding="utf-8"):
        print(f"{name} is there already", file=sys.stderr)
        return 2
    path.parent.mkdir(exist_ok=True)
    path.write_text(room(name), encoding="utf-8")
    add_row(name, topic)
    print(f"wrote {path.relative_to(ROOT)} and its row in src/ops/ops.inc")
    return 0


if __name__ == "__main__":
    sys.exit(main())
