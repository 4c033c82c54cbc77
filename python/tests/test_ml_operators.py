"""The standard operators that ONNX's suite never tests, over random inputs: onnxruntime's answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import ortolan
import pytest
from onnx import TensorProto, helper

ROUNDS = 25
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
Feeds = dict[str, object]
Random = np.random.Generator
ELEMENTS = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "object": TensorProto.STRING,
}


def tensor_input(name: str, value: np.ndarray) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, ELEMENTS[value.dtype.name], [None] * value.ndim)


def one_node(
    name: str,
    inputs: list[onnx.ValueInfoProto],
    outputs: list[str],
    domain: str = "ai.onnx.ml",
    **attributes: object,
) -> onnx.ModelProto:
    """Make a model of one node; empty lists are left out, which onnx cannot write."""
    given = {key: value for key, value in attributes.items() if not (isinstance(value, list) and not value)}
    node = helper.make_node(name, [value.name for value in inputs], outputs, domain=domain, **given)
    graph = helper.make_graph([node], "one", inputs, [onnx.ValueInfoProto(name=output) for output in outputs])
    opsets = [
        helper.make_opsetid("", 21),
        helper.make_opsetid("ai.onnx.ml", 5 if name == "TreeEnsemble" else 3),
    ]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def same(ours: object, theirs: object, about: str, tolerance: float) -> None:
    if isinstance(theirs, list):
        assert isinstance(ours, list)
        assert len(ours) == len(theirs), about
        for mine, other in zip(ours, theirs, strict=True):
            same(mine, other, about, tolerance)
    elif isinstance(theirs, dict):
        assert isinstance(ours, dict)
        assert list(ours) == list(theirs), about
        np.testing.assert_allclose(
            list(ours.values()), list(theirs.values()), tolerance, tolerance, err_msg=about
        )
    else:
        assert isinstance(ours, np.ndarray)
        assert isinstance(theirs, np.ndarray)
        assert ours.dtype == theirs.dtype, about
        assert ours.shape == theirs.shape, about
        if theirs.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, tolerance, tolerance, err_msg=about)
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=about)


def run_both(model: onnx.ModelProto, feeds: Feeds, tolerance: float = 1e-5) -> None:
    data = model.SerializeToString()
    theirs = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, feeds)
    ours = ortolan.InferenceSession(data).run(None, feeds)
    about = helper.printable_node(model.graph.node[0])[:600]
    for mine, other in zip(ours, theirs, strict=True):
        same(mine, other, about, tolerance)


def rows(random: Random, features: int, kinds: tuple[str, ...] = ("float32",)) -> np.ndarray:
    """Make 1 to 40 rows, of small numbers that often meet thresholds exactly."""
    shape = (int(random.choice([1, 2, 15, 16, 17, 40])), features)
    return (random.integers(-8, 9, shape) / 4).astype(random.choice(kinds))


def floats(random: Random, count: int) -> list[float]:
    return random.normal(size=count).astype(np.float32).tolist()


def scaler(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x = rows(random, 5, ("float32", "float64", "int64", "int32"))
    size = int(random.choice([1, 5]))
    inputs = [tensor_input("x", x)]
    return one_node("Scaler", inputs, ["y"], offset=floats(random, size), scale=floats(random, size)), {
        "x": x
    }


def normalizer(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x = rows(random, 4, ("float32", "float64", "int64", "int32"))
    return one_node(
        "Normalizer", [tensor_input("x", x)], ["y"], norm=str(random.choice(["MAX", "L1", "L2"]))
    ), {"x": x}


def imputer(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x = rows(random, 6, ("float32", "int64"))
    count = int(random.choice([1, 6]))
    if x.dtype == np.int64:
        values = {"imputed_value_int64s": random.integers(-9, 9, count).tolist(), "replaced_value_int64": 1}
    else:
        replaced = float(random.choice([np.nan, 0.5]))
        x[random.random(x.shape) < 0.3] = replaced
        values = {"imputed_value_floats": floats(random, count), "replaced_value_float": replaced}
    return one_node("Imputer", [tensor_input("x", x)], ["y"], **values), {"x": x}


def one_hot(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    if random.random() < 0.5:
        x = random.choice(["a", "bé", "c", ""], (5, 2)).astype(object)
        cats = {"cats_strings": ["bé", "a", "c", ""]}
    else:
        x = random.integers(0, 4, (6, 3)).astype(random.choice(["int64", "float32", "float64"]))
        cats = {"cats_int64s": [3, 1, 0, 2]}
    return one_node("OneHotEncoder", [tensor_input("x", x)], ["y"], zeros=1, **cats), {"x": x}


def category_mapper(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    cats = {
        "cats_int64s": [5, 7, 9],
        "cats_strings": ["a", "bé", "c"],
        "default_int64": -3,
        "default_string": "?",
    }
    x = (
        random.choice(["a", "bé", "x", ""], (4, 3)).astype(object)
        if random.random() < 0.5
        else random.integers(4, 11, (7,))
    )
    return one_node("CategoryMapper", [tensor_input("x", x)], ["y"], **cats), {"x": x}


def feature_vectorizer(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    kind = random.choice(["float32", "int64", "float64", "int32"])
    widths = random.integers(1, 5, int(random.integers(1, 4)))
    feeds = {f"x{i}": random.integers(-5, 5, (3, width)).astype(kind) for i, width in enumerate(widths)}
    inputs = [tensor_input(name, value) for name, value in feeds.items()]
    return one_node("FeatureVectorizer", inputs, ["y"], inputdimensions=widths.tolist()), dict(feeds)


def linear_regressor(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x, targets = rows(random, 5), int(random.integers(1, 4))
    intercepts = floats(random, targets) if random.random() < 0.7 else []
    transform = "NONE" if random.random() < 0.5 else "SOFTMAX"
    model = one_node(
        *("LinearRegressor", [tensor_input("x", x)], ["y"]),
        coefficients=floats(random, 5 * targets),
        intercepts=intercepts,
        targets=targets,
        post_transform=transform,
    )
    return model, {"x": x}


def linear_classifier(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x = rows(random, 6, ("float32", "float64", "int64", "int32"))
    classes = int(random.integers(1, 5))
    labels = [f"l{i}" for i in range(max(classes, 2))] if random.random() < 0.5 else []
    model = one_node(
        *("LinearClassifier", [tensor_input("x", x)], ["y", "z"]),
        coefficients=floats(random, 6 * classes),
        intercepts=floats(random, classes),
        classlabels_strings=labels,
        classlabels_ints=[] if labels else list(range(10, 10 + max(classes, 2))),
        post_transform=str(random.choice(["NONE", "SOFTMAX", "LOGISTIC"])),
    )
    return model, {"x": x}


def svm_kernel(random: Random) -> dict[str, object]:
    kind = str(random.choice(["LINEAR", "POLY", "RBF", "SIGMOID"]))
    return {"kernel_type": kind, "kernel_params": [0.25, 0.5, float(random.choice([2, 3, 1.0]))]}


def svm_regressor(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x, supports = rows(random, 4), int(random.integers(1, 20))
    model = one_node(
        *("SVMRegressor", [tensor_input("x", x)], ["y"]),
        **svm_kernel(random),
        coefficients=floats(random, supports),
        support_vectors=floats(random, 4 * supports),
        n_supports=supports,
        rho=floats(random, 1),
        one_class=int(random.random() < 0.2),
    )
    return model, {"x": x}


def svm_classifier(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x, classes = rows(random, 4, ("float32", "float64", "int64", "int32")), int(random.integers(2, 5))
    per_class = random.integers(1, 8, classes)
    pairs = classes * (classes - 1) // 2
    chances = (
        {"prob_a": floats(random, pairs), "prob_b": floats(random, pairs)} if random.random() < 0.5 else {}
    )
    model = one_node(
        *("SVMClassifier", [tensor_input("x", x)], ["y", "z"]),
        **svm_kernel(random),
        **chances,
        coefficients=floats(random, int(per_class.sum()) * (classes - 1)),
        support_vectors=floats(random, 4 * int(per_class.sum())),
        vectors_per_class=per_class.tolist(),
        rho=floats(random, pairs),
        classlabels_ints=list(range(classes)),
    )
    return model, {"x": x}


def old_trees(random: Random, prefix: str, targets: int, modes: tuple[str, ...]) -> dict[str, list[object]]:
    """Make two to ten random trees in the form of TreeEnsembleRegressor (target) and -Classifier (class)."""
    keys = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    nodes: dict[str, list[object]] = {key: [] for key in (*keys, "missing_value_tracks_true")}
    leaves: dict[str, list[object]] = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(int(random.integers(2, 11))):
        count = 1
        pending = [(0, 0)]
        while pending:
            node, depth = pending.pop(0)
            leaf = depth >= 6 or random.random() < 0.25
            nodes["treeids"].append(tree)
            nodes["nodeids"].append(node)
            nodes["featureids"].append(0 if leaf else int(random.integers(5)))
            nodes["values"].append(0.0 if leaf else float(random.integers(-8, 9) / 4))
            nodes["modes"].append("LEAF" if leaf else str(random.choice(modes)))
            nodes["truenodeids"].append(0 if leaf else count)
            nodes["falsenodeids"].append(0 if leaf else count + 1)
            nodes["missing_value_tracks_true"].append(0 if leaf else int(random.random() < 0.5))
            if leaf:
                for target in random.permutation(targets)[: random.integers(1, targets + 1)]:
                    leaves["treeids"].append(tree)
                    leaves["nodeids"].append(node)
                    leaves["ids"].append(int(target))
                    leaves["weights"].append(float(np.float32(random.normal())))
            else:
                pending += [(count, depth + 1), (count + 1, depth + 1)]
                count += 2
    return {
        **{f"nodes_{key}": value for key, value in nodes.items()},
        **{f"{prefix}_{key}": value for key, value in leaves.items()},
    }


def with_gaps(random: Random, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        x[random.random(x.shape) < 0.1] = np.nan
    return x


def some_modes(random: Random) -> tuple[str, ...]:
    return MODES if random.random() < 0.3 else (str(random.choice(MODES)),)


def tree_regressor(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x, targets = with_gaps(random, rows(random, 5, ("float32", "float64"))), int(random.integers(1, 4))
    model = one_node(
        *("TreeEnsembleRegressor", [tensor_input("x", x)], ["y"]),
        **old_trees(random, "target", targets, some_modes(random)),
        n_targets=targets,
        aggregate_function=str(random.choice(["SUM", "AVERAGE", "MIN", "MAX"])),
        base_values=floats(random, targets) if random.random() < 0.5 else [],
        post_transform=str(random.choice(["NONE", "SOFTMAX", "LOGISTIC"])),
    )
    return model, {"x": x}


def tree_classifier(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x, classes = (
        with_gaps(random, rows(random, 5, ("float32", "float64", "int64", "int32"))),
        int(random.integers(2, 5)),
    )
    labels = [f"l{i}" for i in range(classes)] if random.random() < 0.5 else []
    model = one_node(
        *("TreeEnsembleClassifier", [tensor_input("x", x)], ["y", "z"]),
        **old_trees(random, "class", classes, some_modes(random)),
        classlabels_strings=labels,
        classlabels_int64s=[] if labels else list(range(classes)),
        base_values=floats(random, classes) if random.random() < 0.5 else [],
        post_transform=str(random.choice(["NONE", "SOFTMAX", "LOGISTIC"])),
    )
    return model, {"x": x}


def tree_ensemble(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    """Trees of opset 5: complete ones, every mode, membership, in float and double."""
    kind = str(random.choice(["float32", "float64"]))
    depth, trees, targets = (
        int(random.integers(1, 6)),
        int(random.integers(1, 12)),
        int(random.integers(1, 4)),
    )
    x = with_gaps(random, rows(random, 5, (kind,)))
    inner, outer = 2**depth - 1, 2**depth
    modes = (
        random.integers(0, 7, inner * trees)
        if random.random() < 0.5
        else np.full(inner * trees, random.integers(7))
    )
    if 6 in modes:  # onnxruntime cuts fractions off before it looks for members
        x = np.round(x)
    members: list[float] = []
    for _ in range(int((modes == 6).sum())):
        members += [*random.integers(-2, 3, int(random.integers(1, 6))).tolist(), np.nan]
    last = 2 ** (depth - 1) - 1  # the first node whose children are leaves

    def children(tree: int, node: int, side: int) -> int:
        return tree * outer + 2 * (node - last) + side if node >= last else tree * inner + 2 * node + 1 + side

    places = [(tree, node) for tree in range(trees) for node in range(inner)]
    leaf = [int(node >= last) for _, node in places]

    def numbers(name: str, values: object) -> onnx.TensorProto:
        return onnx.numpy_helper.from_array(np.array(values, dtype=kind), name)

    memberships = {"membership_values": numbers("m", members)} if members else {}
    model = one_node(
        *("TreeEnsemble", [tensor_input("x", x)], ["y"]),
        **memberships,
        n_targets=targets,
        aggregate_function=int(random.integers(0, 4)),
        post_transform=0,
        tree_roots=[tree * inner for tree in range(trees)],
        nodes_modes=onnx.numpy_helper.from_array(modes.astype(np.uint8), "modes"),
        nodes_splits=numbers("splits", random.integers(-8, 9, inner * trees) / 4),
        nodes_featureids=random.integers(0, 5, inner * trees).tolist(),
        nodes_missing_value_tracks_true=random.integers(0, 2, inner * trees).tolist(),
        nodes_truenodeids=[children(tree, node, 0) for tree, node in places],
        nodes_falsenodeids=[children(tree, node, 1) for tree, node in places],
        nodes_trueleafs=leaf,
        nodes_falseleafs=leaf,
        leaf_targetids=random.integers(0, targets, outer * trees).tolist(),
        leaf_weights=numbers("weights", random.normal(size=outer * trees)),
    )
    return model, {"x": x}


def zip_map(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x = rows(random, 3)
    labels = (
        {"classlabels_strings": ["a", "bé", "c"]}
        if random.random() < 0.5
        else {"classlabels_int64s": [7, -1, 3]}
    )
    return one_node("ZipMap", [tensor_input("x", x)], ["y"], **labels), {"x": x}


def map_input(name: str, key: int, element: int) -> onnx.ValueInfoProto:
    value = onnx.TypeProto(
        map_type=onnx.TypeProto.Map(key_type=key, value_type=helper.make_tensor_type_proto(element, []))
    )
    return onnx.ValueInfoProto(name=name, type=value)


def dict_vectorizer(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    words = ["a", "bé", "c", "d"]
    chosen = random.permutation(words)[: random.integers(1, 4)].tolist()
    if random.random() < 0.5:
        feed: dict[object, object] = {word: float(i) - 1.5 for i, word in enumerate(chosen)}
        inputs = [map_input("x", TensorProto.STRING, TensorProto.FLOAT)]
        return one_node("DictVectorizer", inputs, ["y"], string_vocabulary=words[1:]), {"x": feed}
    feed = {i: float(i) + 0.5 for i, _ in enumerate(chosen)}
    inputs = [map_input("x", TensorProto.INT64, TensorProto.FLOAT)]
    return one_node("DictVectorizer", inputs, ["y"], int64_vocabulary=[3, 0, 1]), {"x": feed}


def cast_map(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    feed = {int(key): float(random.normal()) for key in random.permutation(8)[:5]}
    inputs = [map_input("x", TensorProto.INT64, TensorProto.FLOAT)]
    to, form = str(random.choice(["TO_FLOAT", "TO_INT64"])), str(random.choice(["DENSE", "SPARSE"]))
    return one_node("CastMap", inputs, ["y"], cast_to=to, map_form=form, max_map=9), {"x": feed}


def global_lp_pool(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x = random.normal(size=(2, 3, *random.integers(1, 6, int(random.integers(1, 4))))).astype(np.float32)
    return one_node("GlobalLpPool", [tensor_input("x", x)], ["y"], "", p=int(random.integers(1, 4))), {"x": x}


def max_roi_pool(random: Random) -> tuple[onnx.ModelProto, Feeds]:
    x = random.normal(size=(2, 3, 9, 11)).astype(np.float32)
    low = random.uniform(0, 6, (4, 2))
    regions = np.concatenate([random.integers(0, 2, (4, 1)), low, low + random.uniform(0, 5, (4, 2))], axis=1)
    regions = regions.astype(np.float32)
    model = one_node(
        *("MaxRoiPool", [tensor_input("x", x), tensor_input("rois", regions)], ["y"], ""),
        pooled_shape=random.integers(1, 4, 2).tolist(),
        spatial_scale=float(random.choice([1.0, 0.5])),
    )
    return model, {"x": x, "rois": regions}


MAKERS: list[Callable[[Random], tuple[onnx.ModelProto, Feeds]]] = [
    *(
        scaler,
        normalizer,
        imputer,
        one_hot,
        category_mapper,
        feature_vectorizer,
        zip_map,
        dict_vectorizer,
        cast_map,
    ),
    *(linear_regressor, linear_classifier, svm_regressor, svm_classifier),
    *(tree_regressor, tree_classifier, tree_ensemble, global_lp_pool, max_roi_pool),
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_agrees_with_onnxruntime(make: Callable[[Random], tuple[onnx.ModelProto, Feeds]]) -> None:
    for seed in range(ROUNDS):
        model, feeds = make(np.random.default_rng(seed))
        run_both(model, feeds, 2e-4 if make is svm_classifier else 1e-5)


@pytest.mark.parametrize(
    "name",
    ["RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"],
)
def test_random_numbers_have_onnxruntimes_form_and_their_own_streams(name: str) -> None:
    """Types and shapes agree, a seed repeats, runs go on, and set_seed starts over."""
    x = np.full((30, 40), 0.25, np.float32)
    attributes: dict[str, object] = (
        {} if name.endswith("Like") or name in ("Multinomial", "Bernoulli") else {"shape": [30, 40]}
    )
    if name == "Multinomial":
        attributes = {"sample_size": 50}
    inputs = [] if name in ("RandomNormal", "RandomUniform") else [tensor_input("x", x)]
    feeds = {"x": x} if inputs else {}

    def session(**more: object) -> ortolan.InferenceSession:
        return ortolan.InferenceSession(
            one_node(name, inputs, ["y"], "", **attributes, **more).SerializeToString()
        )

    data = one_node(name, inputs, ["y"], "", **attributes, seed=3.0).SerializeToString()
    theirs = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, feeds)[0]
    seeded = session(seed=3.0)
    first, second = seeded.run(None, feeds)[0], seeded.run(None, feeds)[0]
    assert (first.dtype, first.shape) == (theirs.dtype, theirs.shape)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(session(seed=3.0).run(None, feeds)[0], first)
    assert not np.array_equal(session(seed=4.0).run(None, feeds)[0], first)
    # onnxruntime's Bernoulli draws the contrary of what it should.
    expected = 1 - theirs if name == "Bernoulli" else theirs
    for moment in (np.mean, np.std):
        assert abs(moment(first) - moment(expected)) < 0.15 * max(1.0, abs(moment(expected)))
    runs = []
    for seed in (11, 11, 12):
        ortolan.set_seed(seed)
        runs.append(session().run(None, feeds)[0])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
