"""Inputs of three sizes for the benchmark of single operators: those of ai.onnx.ml, and texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from operator_inputs import Inputs, Rng, enter, normal

ML = "ai.onnx.ml"
ROWS = (1, 64, 4096)
WIDTH = 32


def _floats(x: np.ndarray) -> list[float]:
    return [float(number) for number in x.ravel()]


@enter("Binarizer", ML)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([normal(rng, ROWS[size], WIDTH)], {"threshold": 0.1}, domain_opset=1)


@enter("Normalizer", ML)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([normal(rng, ROWS[size], WIDTH)], {"norm": "L2"}, domain_opset=1)


@enter("Scaler", ML)
def _(rng: Rng, size: int) -> Inputs:
    attributes = {"offset": _floats(normal(rng, WIDTH)), "scale": _floats(normal(rng, WIDTH))}
    return Inputs([normal(rng, ROWS[size], WIDTH)], attributes, domain_opset=1)


@enter("Imputer", ML)
def _(rng: Rng, size: int) -> Inputs:
    attributes = {"imputed_value_floats": _floats(normal(rng, WIDTH)), "replaced_value_float": 0.0}
    return Inputs([normal(rng, ROWS[size], WIDTH)], attributes, domain_opset=1)


@enter("ArrayFeatureExtractor", ML)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([normal(rng, ROWS[size], WIDTH), rng.integers(0, WIDTH, 8)], domain_opset=1)


@enter("FeatureVectorizer", ML)
def _(rng: Rng, size: int) -> Inputs:
    parts = [normal(rng, ROWS[size], WIDTH) for _ in range(2)]
    return Inputs(parts, {"inputdimensions": [WIDTH, WIDTH]}, domain_opset=1)


@enter("LabelEncoder", ML)
def _(rng: Rng, size: int) -> Inputs:
    attributes = {"keys_int64s": list(range(100)), "values_floats": _floats(normal(rng, 100))}
    return Inputs([rng.integers(0, 120, ROWS[size] * WIDTH)], attributes, domain_opset=2)


@enter("OneHotEncoder", ML)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rng.integers(0, 16, ROWS[size])], {"cats_int64s": list(range(16))}, domain_opset=1)


@enter("LinearRegressor", ML)
def _(rng: Rng, size: int) -> Inputs:
    attributes = {"coefficients": _floats(normal(rng, WIDTH)), "intercepts": [0.5], "targets": 1}
    return Inputs([normal(rng, ROWS[size], WIDTH)], attributes, domain_opset=1)


@enter("LinearClassifier", ML)
def _(rng: Rng, size: int) -> Inputs:
    attributes: dict[str, Any] = {"coefficients": _floats(normal(rng, 3, WIDTH)), "intercepts": [0.5] * 3}
    attributes |= {"classlabels_ints": [0, 1, 2], "multi_class": 1, "post_transform": "SOFTMAX"}
    return Inputs([normal(rng, ROWS[size], WIDTH)], attributes, domain_opset=1, outputs=2)


@enter("SVMRegressor", ML)
def _(rng: Rng, size: int) -> Inputs:
    attributes: dict[str, Any] = {"coefficients": _floats(normal(rng, 64)), "kernel_type": "RBF"}
    attributes |= {"kernel_params": [0.05, 0.0, 3.0], "n_supports": 64, "rho": [0.1]}
    attributes["support_vectors"] = _floats(normal(rng, 64, WIDTH))
    return Inputs([normal(rng, ROWS[size], WIDTH)], attributes, domain_opset=1)


@enter("TreeEnsembleRegressor", ML)
def _(rng: Rng, size: int) -> Inputs:
    trees, inner = 50, 31
    count = 2 * inner + 1
    node = np.arange(count)
    leaf = node >= inner
    attributes: dict[str, Any] = {
        "nodes_treeids": np.repeat(np.arange(trees), count).tolist(),
        "nodes_nodeids": np.tile(node, trees).tolist(),
        "nodes_featureids": rng.integers(0, WIDTH, trees * count).tolist(),
        "nodes_values": _floats(normal(rng, trees * count)),
        "nodes_modes": np.tile(np.where(leaf, "LEAF", "BRANCH_LEQ"), trees).tolist(),
        "nodes_truenodeids": np.tile(np.where(leaf, 0, 2 * node + 1), trees).tolist(),
        "nodes_falsenodeids": np.tile(np.where(leaf, 0, 2 * node + 2), trees).tolist(),
        "target_treeids": np.repeat(np.arange(trees), inner + 1).tolist(),
        "target_nodeids": np.tile(node[leaf], trees).tolist(),
        "target_ids": [0] * (trees * (inner + 1)),
        "target_weights": _floats(normal(rng, trees * (inner + 1))),
        "n_targets": 1,
    }
    return Inputs([normal(rng, ROWS[size], WIDTH)], attributes, domain_opset=1)


def _words(rng: Rng, count: int) -> np.ndarray:
    return np.array([f"word {rng.integers(0, 99)} or so" for _ in range(count)], object)


@enter("StringConcat")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([_words(rng, ROWS[size]) for _ in range(2)])


@enter("StringSplit")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([_words(rng, ROWS[size])], outputs=2)


@enter("RegexFullMatch")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([_words(rng, ROWS[size])], {"pattern": "word [0-9]+.*"})


@enter("TfIdfVectorizer")
def _(rng: Rng, size: int) -> Inputs:
    attributes: dict[str, Any] = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 2}
    attributes |= {"max_skip_count": 0, "ngram_counts": [0, 16], "ngram_indexes": list(range(24))}
    attributes["pool_int64s"] = [*range(16), *range(16)]
    return Inputs([rng.integers(0, 20, (ROWS[size], WIDTH))], attributes)
