"""Every operator of ai.onnx at every opset and type that it ever had, on random shapes and attributes.

ORTOLAN_SWEEP=N runs N cases for each type in place of 1, ORTOLAN_SWEEP_SALT another set of them.
"""

from __future__ import annotations

import os

import pytest
from sweep.cases import SCHEMAS, Case, cases
from sweep.models import LEVELS
from sweep.reference import NoReference

REPEATS = int(os.environ.get("ORTOLAN_SWEEP", "1"))
SALT = int(os.environ.get("ORTOLAN_SWEEP_SALT", "0"))
# Pictures have tests of their own.
OPERATORS = [name for name in SCHEMAS if name != "ImageDecoder"]


def problem_of(case: Case, level: str) -> str | None:
    try:
        case.check(level)
    except NoReference as error:
        return f"no reference: {error}"
    except Exception as error:
        return f"{case} at {level}: {type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("name", OPERATORS)
def test_every_opset_and_type(name: str) -> None:
    problems, unknown, done = [], [], 0
    for schema in SCHEMAS[name]:
        for i, case in enumerate(cases(schema, REPEATS, SALT, big=REPEATS > 1)):
            problem = problem_of(case, LEVELS[i % len(LEVELS)])
            if problem is None:
                done += 1
            else:
                (unknown if problem.startswith("no reference") else problems).append(problem)
    assert not problems, f"{len(problems)} of {done + len(problems)}:\n" + "\n".join(problems[:5])
    assert done > 10 * len(unknown), unknown[:3]
