"""Models as people train them with scikit-learn, XGBoost and LightGBM: onnxruntime's answers.

Labels must be equal, numbers close, dicts have the same keys; in batches and row by row.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import ortolan
import pytest

# What requirements-clients.txt installs, where this Python is new enough.
for package in ("sklearn", "skl2onnx", "onnxmltools", "xgboost", "lightgbm"):
    pytest.importorskip(package)

import lightgbm  # noqa: E402
import onnxmltools  # noqa: E402
import skl2onnx  # noqa: E402
import xgboost  # noqa: E402
from onnxmltools.convert.common import data_types as onnxml_types  # noqa: E402
from skl2onnx.common import data_types as skl_types  # noqa: E402
from sklearn import (  # noqa: E402
    calibration,
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_extraction,
    impute,
    linear_model,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

pytestmark = pytest.mark.slow
RANDOM = np.random.default_rng(11)
FEATURES = 8
X = RANDOM.normal(size=(300, FEATURES)).astype(np.float32)
TWO = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(np.int64)
THREE = np.digitize(X[:, 0] + 0.5 * X[:, 3] ** 2, [-0.3, 0.9])
NAMES = np.array(["ant", "bee", "cat"])[THREE]
TARGET = (X[:, 0] * 2 + np.sin(X[:, 1]) + X[:, 2] ** 2).astype(np.float32)
FRESH = RANDOM.normal(size=(67, FEATURES)).astype(np.float32)
WITH_GAPS = np.where(RANDOM.random(FRESH.shape) < 0.15, np.nan, FRESH).astype(np.float32)
WORDS = ["red", "green", "blue", "Köln", "naïve", "sea", "sky"]
TEXTS = np.array([" ".join(RANDOM.choice(WORDS, RANDOM.integers(1, 9))) for _ in range(200)])


def from_sklearn(model: object, y: object, **options: object) -> onnx.ModelProto:
    """Train on X and convert."""
    fitted = model.fit(X, y)
    return skl2onnx.to_onnx(
        fitted, X[:1], options={id(fitted): options} if options else None, target_opset=18
    )


def from_boosting(
    model: object, y: object, convert: Callable[..., onnx.ModelProto], **options: object
) -> onnx.ModelProto:
    """Train on X with gaps and convert by onnxmltools."""
    gaps = np.where(RANDOM.random(X.shape) < 0.1, np.nan, X).astype(np.float32)
    fitted = model.fit(gaps, y)
    types = [("X", onnxml_types.FloatTensorType([None, FEATURES]))]
    return convert(fitted, initial_types=types, target_opset=15, **options)


def steps(*models: object) -> pipeline.Pipeline:
    return pipeline.make_pipeline(*models)


def xgb(model: object, y: object) -> onnx.ModelProto:
    return from_boosting(model, y, onnxmltools.convert_xgboost)


def lgbm(model: object, y: object, **options: object) -> onnx.ModelProto:
    return from_boosting(model, y, onnxmltools.convert_lightgbm, **options)


NUMERIC: dict[str, Callable[[], onnx.ModelProto]] = {
    "logistic": lambda: from_sklearn(
        steps(preprocessing.StandardScaler(), linear_model.LogisticRegression()), THREE, zipmap=False
    ),
    "logistic_dicts": lambda: from_sklearn(linear_model.LogisticRegression(), NAMES),
    "logistic_two": lambda: from_sklearn(
        steps(preprocessing.MinMaxScaler(), linear_model.LogisticRegression()), TWO
    ),
    "logistic_columns": lambda: from_sklearn(linear_model.LogisticRegression(), NAMES, zipmap="columns"),
    "sgd": lambda: from_sklearn(linear_model.SGDClassifier(loss="log_loss", random_state=0), THREE),
    "ridge": lambda: from_sklearn(steps(preprocessing.PolynomialFeatures(2), linear_model.Ridge()), TARGET),
    "lasso": lambda: from_sklearn(steps(preprocessing.RobustScaler(), linear_model.Lasso(0.01)), TARGET),
    "bayes": lambda: from_sklearn(naive_bayes.GaussianNB(), THREE, zipmap=False),
    "discriminant": lambda: from_sklearn(discriminant_analysis.LinearDiscriminantAnalysis(), NAMES),
    "principal": lambda: from_sklearn(
        steps(preprocessing.StandardScaler(), decomposition.PCA(4), linear_model.LogisticRegression()), TWO
    ),
    "imputed": lambda: from_sklearn(
        steps(impute.SimpleImputer(), preprocessing.Normalizer(), linear_model.LogisticRegression()), THREE
    ),
    "binned": lambda: from_sklearn(
        steps(preprocessing.KBinsDiscretizer(4, encode="onehot-dense"), linear_model.LogisticRegression()),
        TWO,
    ),
    "svc": lambda: from_sklearn(svm.SVC(probability=True, random_state=0), THREE, zipmap=False),
    "svc_poly": lambda: from_sklearn(svm.SVC(kernel="poly", coef0=0.5), NAMES),
    "svc_linear": lambda: from_sklearn(svm.LinearSVC(), THREE),
    "svr": lambda: from_sklearn(svm.SVR(), TARGET),
    "one_class": lambda: from_sklearn(svm.OneClassSVM(), None),
    "tree": lambda: from_sklearn(tree.DecisionTreeClassifier(max_depth=7), NAMES),
    "tree_regressor": lambda: from_sklearn(tree.DecisionTreeRegressor(), TARGET),
    "forest": lambda: from_sklearn(ensemble.RandomForestClassifier(20, random_state=0), THREE, zipmap=False),
    "forest_two": lambda: from_sklearn(ensemble.RandomForestClassifier(9, random_state=0), TWO),
    "forest_regressor": lambda: from_sklearn(
        ensemble.RandomForestRegressor(15, random_state=0),
        np.stack([TARGET, -TARGET], axis=1),
    ),
    "extra_trees": lambda: from_sklearn(ensemble.ExtraTreesRegressor(11, random_state=0), TARGET),
    "boosting": lambda: from_sklearn(ensemble.GradientBoostingClassifier(n_estimators=12), THREE),
    "boosting_two": lambda: from_sklearn(
        ensemble.GradientBoostingClassifier(n_estimators=12), TWO, zipmap=False
    ),
    "boosting_regressor": lambda: from_sklearn(ensemble.GradientBoostingRegressor(), TARGET),
    "ada": lambda: from_sklearn(ensemble.AdaBoostClassifier(n_estimators=7), THREE, zipmap=False),
    "bagging": lambda: from_sklearn(
        ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=4), 5, random_state=0), TWO
    ),
    "voting": lambda: from_sklearn(
        ensemble.VotingClassifier(
            [("line", linear_model.LogisticRegression()), ("tree", tree.DecisionTreeClassifier(max_depth=3))],
            voting="soft",
            flatten_transform=False,
        ),
        TWO,
    ),
    "stacking": lambda: from_sklearn(
        ensemble.StackingClassifier(
            [("bayes", naive_bayes.GaussianNB()), ("tree", tree.DecisionTreeClassifier(max_depth=3))]
        ),
        TWO,
    ),
    "calibrated": lambda: from_sklearn(
        calibration.CalibratedClassifierCV(tree.DecisionTreeClassifier(max_depth=3), cv=2), TWO
    ),
    "one_vs_rest": lambda: from_sklearn(
        multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), THREE
    ),
    "neighbours": lambda: from_sklearn(neighbors.KNeighborsClassifier(3), THREE),
    "clusters": lambda: from_sklearn(cluster.KMeans(4, random_state=0, n_init=2), None),
    "perceptron": lambda: from_sklearn(
        steps(
            preprocessing.StandardScaler(), neural_network.MLPClassifier((12, 6), max_iter=60, random_state=0)
        ),
        NAMES,
    ),
    "xgboost": lambda: xgb(xgboost.XGBClassifier(n_estimators=12, max_depth=4), THREE),
    "xgboost_two": lambda: xgb(xgboost.XGBClassifier(n_estimators=15, max_depth=3), TWO),
    "xgboost_regressor": lambda: xgb(xgboost.XGBRegressor(n_estimators=25), TARGET),
    "lightgbm": lambda: lgbm(lightgbm.LGBMClassifier(n_estimators=12, verbose=-1), THREE),
    "lightgbm_tensor": lambda: lgbm(lightgbm.LGBMClassifier(n_estimators=8, verbose=-1), THREE, zipmap=False),
    "lightgbm_two": lambda: lgbm(lightgbm.LGBMClassifier(n_estimators=12, verbose=-1), TWO),
    "lightgbm_regressor": lambda: lgbm(lightgbm.LGBMRegressor(n_estimators=30, verbose=-1), TARGET),
}
# They send missing values their own way; the others refuse them before they are converted.
TAKES_GAPS = ("xgboost", "lightgbm", "imputed")


def agree(ours: object, theirs: object, where: str) -> None:
    """Compare two outputs: arrays, or lists of dicts."""
    if isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for i, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            agree(mine, other, f"{where}[{i}]")
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        assert [type(key) for key in ours] == [type(key) for key in theirs], where
        assert {type(value) for value in ours.values()} == {float}, where
        np.testing.assert_allclose(list(ours.values()), list(theirs.values()), 1e-4, 2e-5, err_msg=where)
    else:
        assert ours.dtype == theirs.dtype, where
        assert ours.shape == theirs.shape, where
        if theirs.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, 1e-4, 2e-5, err_msg=where)
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=where)


def compare(model: onnx.ModelProto, batches: list[dict[str, Any]]) -> None:
    """Run both on every batch and on single rows of the first."""
    data = model.SerializeToString()
    ours = ortolan.InferenceSession(data)
    theirs = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    rows = [{name: value[i : i + 1] for name, value in batches[0].items()} for i in range(5)]
    for feeds in batches + rows:
        names = [output.name for output in theirs.get_outputs()]
        for name, mine, other in zip(names, ours.run(None, feeds), theirs.run(None, feeds), strict=True):
            agree(mine, other, name)


@pytest.mark.parametrize("name", NUMERIC)
def test_numeric_pipelines(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NUMERIC[name]()
    batches = [FRESH] + ([WITH_GAPS] if name.startswith(TAKES_GAPS) else [])
    compare(model, [{model.graph.input[0].name: batch} for batch in batches])


def test_columns_of_every_kind() -> None:
    """A column transformer over numbers, integers and strings, one input each."""
    ages = RANDOM.integers(18, 90, (200, 1))
    incomes = RANDOM.normal(3000, 900, (200, 1)).astype(np.float32)
    cities = RANDOM.choice(["Köln", "Oslo", "Łódź"], (200, 1))
    table = np.concatenate([ages.astype(object), incomes.astype(object), cities.astype(object)], axis=1)
    transformer = compose.ColumnTransformer(
        [
            ("numbers", preprocessing.StandardScaler(), [0, 1]),
            ("cities", preprocessing.OneHotEncoder(handle_unknown="ignore"), [2]),
        ]
    )
    model = pipeline.make_pipeline(transformer, linear_model.LogisticRegression())
    model.fit(table, (ages[:, 0] > 40).astype(np.int64))
    types = [
        ("age", skl_types.Int64TensorType([None, 1])),
        ("income", skl_types.FloatTensorType([None, 1])),
        ("city", skl_types.StringTensorType([None, 1])),
    ]
    converted = skl2onnx.convert_sklearn(model, initial_types=types, target_opset=17)
    cities[:3, 0] = ["Roma", "", "köln"]
    compare(converted, [{"age": ages[:20], "income": incomes[:20], "city": cities[:20].astype(object)}])


@pytest.mark.parametrize("kind", ["counts", "tfidf", "ordinal"])
def test_text_pipelines(kind: str) -> None:
    labels = np.array(["sea" in text for text in TEXTS]).astype(np.int64)
    text = feature_extraction.text
    options: dict[int, dict[str, object]] = {}
    if kind == "ordinal":
        encoder = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        fitted = encoder.fit(TEXTS[:, None])
        feeds = TEXTS[:30, None]
    else:
        made = {"counts": text.CountVectorizer, "tfidf": text.TfidfVectorizer}[kind]
        vectorizer = made(ngram_range=(1, 2), token_pattern="[a-zA-ZöïÖÏ]+")
        fitted = pipeline.make_pipeline(vectorizer, linear_model.LogisticRegression()).fit(TEXTS, labels)
        feeds = TEXTS[:30]
        # One that every machine has, for onnxruntime, which asks the system.
        options = {id(vectorizer): {"locale": "C.UTF-8"}}
    types = [("text", skl_types.StringTensorType([None, 1] if kind == "ordinal" else [None]))]
    converted = skl2onnx.convert_sklearn(fitted, initial_types=types, options=options, target_opset=17)
    feeds = feeds.astype(object)
    compare(converted, [{"text": feeds}])


def test_double_precision() -> None:
    wide = X.astype(np.float64) * (1 + 1e-9)
    for model in (
        linear_model.LinearRegression(),
        steps(preprocessing.StandardScaler(), decomposition.PCA(3), linear_model.Ridge()),
        neural_network.MLPRegressor(hidden_layer_sizes=(9,), max_iter=50, random_state=0),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted = skl2onnx.to_onnx(model.fit(wide, TARGET), wide[:1], target_opset=17)
        compare(converted, [{"X": FRESH.astype(np.float64)}])
