"""What a model says of itself: the size of its picture input, the names of its classes."""

from __future__ import annotations

import ast
import warnings


def spatial_input_size(shape: tuple[int | str, ...] | None) -> tuple[int, int] | None:
    """Return width and height of an input (n, c, h, w); None where either is not fixed."""
    if shape is None or len(shape) not in (3, 4):
        return None
    height, width = shape[-2], shape[-1]
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return width, height
    return None


def resolve_input_size(
    *,
    graph_shape: tuple[int | str, ...] | None,
    requested: tuple[int, int] | None,
    fallback: tuple[int, int],
) -> tuple[int, int]:
    """Return width and height: the graph's, else those asked for, else the fallback."""
    fixed = spatial_input_size(graph_shape)
    if fixed is None:
        return requested if requested is not None else fallback
    if requested is not None and tuple(requested) != fixed:
        warnings.warn(
            f"The model declares a {fixed[0]}x{fixed[1]} input; ignoring the requested "
            f"{requested[0]}x{requested[1]}, which it would reject.",
            UserWarning,
            stacklevel=4,
        )
    return fixed


def parse_names(raw: str | None) -> dict[int, str] | None:
    """Read the ``names`` that exporters leave in a model, a dict of 0..n-1; None where they are not."""
    try:
        names = ast.literal_eval(raw or "")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(names, dict) or not all(type(key) is int for key in names):
        return None
    if not all(isinstance(name, str) for name in names.values()):
        return None
    return dict(sorted(names.items())) if sorted(names) == list(range(len(names))) and names else None


def model_names(metadata: dict[str, str] | None) -> dict[int, str] | None:
    """Return the names in a model's own key-value pairs, if it has any."""
    return parse_names((metadata or {}).get("names"))
