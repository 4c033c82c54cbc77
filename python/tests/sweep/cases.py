"""The cases of one version of one operator: every allowed type of every constraint, drawn from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

import sweep.arithmetic
import sweep.containers
import sweep.elementwise
import sweep.layers
import sweep.movement
import sweep.quantized
import sweep.reduction  # noqa: F401 (each registers its forms)
from sweep.draft import FORMS, Draft, Draw, Skip, schemas
from sweep.models import input_types, one_node, run, typed
from sweep.reference import compare, expected
from sweep.values import ELEMENTS, dtype_of, element_of, is_tensor

SCHEMAS = schemas()
NEWEST = onnx.defs.onnx_opset_version()
# Constraints whose containers are the point of the operator.
_CONTAINERS = set(
    "SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap "
    "ConcatFromSequence SplitToSequence Optional OptionalGetElement OptionalHasElement".split()
)
# Pictures have tests of their own.
_WITHOUT = {"ImageDecoder"}


def allowed_types(schema: onnx.defs.OpSchema) -> dict[str, list[str]]:
    found = {}
    for constraint in schema.type_constraints:
        texts = sorted(constraint.allowed_type_strs)
        if schema.name not in _CONTAINERS:
            texts = [t for t in texts if is_tensor(t)]
        found[constraint.type_param_str] = [t for t in texts if element_of(t) in ELEMENTS and "map(" not in t]
    return {k: v for k, v in found.items() if v}


@dataclass
class Case:
    schema: onnx.defs.OpSchema
    types: dict[str, str]
    seed: tuple[int, ...]
    big: bool = False

    def __str__(self) -> str:
        types = ", ".join(f"{k}={element_of(v)}" for k, v in self.types.items())
        return f"{self.schema.name}-{self.schema.since_version}({types}) seed {self.seed}"

    def newest(self) -> onnx.defs.OpSchema:
        return SCHEMAS[self.schema.name][-1]

    def modern_types(self) -> dict[str, str]:
        """The types by the names that the newest version has for its constraints."""
        old = [self.types.get(i.type_str, i.type_str) for i in self.schema.inputs]
        made = {}
        for constraint in self.newest().type_constraints:
            name, allowed = constraint.type_param_str, constraint.allowed_type_strs
            place = [i for i, formal in enumerate(self.newest().inputs) if formal.type_str == name]
            likely = [self.types.get(name), *(old[i] for i in place if i < len(old))]
            likely += ["tensor(int64)", "tensor(float)", allowed[0]]
            made[name] = next(t for t in likely if t in allowed)
        return made

    def draft(self, form: int) -> Draft:
        limit = self.schema.since_version
        return FORMS[self.schema.name](Draw(self.seed, form, limit, self.modern_types(), self.big))

    def opset(self) -> int:
        """The newest opset at which this version is the one that counts."""
        later = [
            s.since_version for s in SCHEMAS[self.schema.name] if s.since_version > self.schema.since_version
        ]
        return later[0] - 1 if later else NEWEST

    def values(
        self, draft: Draft, schema: onnx.defs.OpSchema, types: dict[str, str]
    ) -> tuple[list, list[str]]:
        inputs = list(draft.inputs)
        while inputs and inputs[-1] is None:
            inputs.pop()
        texts = input_types(schema, len(inputs), types)
        return [typed(v, t) for v, t in zip(inputs, texts, strict=False)], texts

    def model(self, draft: Draft, values: list, texts: list[str]) -> tuple[onnx.ModelProto, dict[str, Any]]:
        choose = np.random.default_rng((*self.seed, 1))
        stored = tuple(i for i in draft.constant if i < len(values) and values[i] is not None)
        whole = [
            i
            for i, (v, t) in enumerate(zip(values, texts, strict=False))
            if is_tensor(t) and isinstance(v, np.ndarray)
        ]
        if choose.random() < 0.3:  # what is no data is often a constant
            stored = tuple(sorted({*stored, *(i for i in whole if i > 0)}))
        names = choose.random()

        def shapes(i: int, value: np.ndarray) -> list | None:
            if names < 0.3:
                return None
            return list(value.shape) if names < 0.6 else [f"d{i}_{j}" for j in range(value.ndim)]

        made = one_node(self.schema.name, self.opset(), draft, values, texts, stored, shapes)
        feeds = {
            f"x{i}": (v, t)
            for i, (v, t) in enumerate(zip(values, texts, strict=False))
            if v is not None and i not in stored
        }
        return made, feeds

    def check(self, level: str = "ORT_ENABLE_ALL") -> None:
        """Mismatch where the engine answers wrong, its own error where it refuses, Skip, NoReference."""
        draft = self.draft(self.schema.since_version)
        values, texts = self.values(draft, self.schema, self.types)
        made, feeds = self.model(draft, values, texts)
        if draft.check is not None:
            draft.check(values, run(made, feeds, level))
            return
        newest, types = self.newest(), self.modern_types()
        now = self.draft(newest.since_version)
        wide_values, wide_texts = self.values(now, newest, types)
        for i, (old, text) in enumerate(
            zip(values, wide_texts, strict=False)
        ):  # a type that the newest version has no more
            now_given = wide_values[i]
            if old is None or now_given is None or text == texts[i] or not is_tensor(text):
                continue
            if old.shape == now_given.shape and old.dtype.kind in "iu":
                wide_values[i] = old.astype(dtype_of(element_of(text)))
        want = expected(newest, NEWEST if not newest.deprecated else self.opset(), now, wide_values, types)
        got = run(made, feeds, level)
        wanted = [w for w, keep in zip(want, draft.wanted(), strict=False) if keep]
        for i, (w, g) in enumerate(zip(wanted, got, strict=False)):
            compare(w, g, draft.tolerance, f"output {i}")


def cases(schema: onnx.defs.OpSchema, repeats: int, salt: int = 0, big: bool = False) -> Iterator[Case]:
    """`repeats` cases for each type of each constraint; those that make no sense together are left out."""
    gone = schema.deprecated and schema.name != "GroupNormalization"  # of which old models are many
    if schema.name in _WITHOUT or gone:
        return
    allowed = allowed_types(schema)
    pairs = [(c, t) for c, texts in allowed.items() for t in texts] or [("", "")]
    covered: dict[tuple[str, str], int] = {}
    for constraint, text in pairs:
        attempt = 0
        while covered.get((constraint, text), 0) < repeats and attempt < 8 * repeats:
            key = zlib.crc32(f"{schema.name} {constraint} {text}".encode())
            seed = (salt, schema.since_version, key, attempt)
            pick = np.random.default_rng(seed)
            same = attempt % 2 == 0
            attempt += 1
            types = {}
            for c, texts in allowed.items():
                likewise = [t for t in texts if element_of(t) == element_of(text)] if same else []
                types[c] = text if c == constraint else str(pick.choice(likewise or texts))
            case = Case(schema, types, seed, big)
            try:
                case.draft(schema.since_version)
                case.draft(SCHEMAS[schema.name][-1].since_version)
            except Skip:
                continue
            for pair in types.items():
                covered[pair] = covered.get(pair, 0) + 1
            covered[(constraint, text)] = covered.get((constraint, text), 0) + (constraint == "")
            yield case
