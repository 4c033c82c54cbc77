"""Train scikit-learn pipelines, convert them with skl2onnx and run them; writes what they answer."""

import sys
import warnings

import numpy as np
import onnxruntime as ort
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, make_regression
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

warnings.simplefilter("ignore")
answers = {}


def record(name, model, feeds):
    source = model.SerializeToString()
    session = ort.InferenceSession(source, providers=["CPUExecutionProvider"])
    for declared, value in zip(session.get_outputs(), session.run(None, feeds), strict=True):
        if isinstance(value, list):  # of maps
            answers[f"{name}.{declared.name}.keys"] = np.array([str(key) for key in value[0]])
            value = np.array([list(each.values()) for each in value])
        answers[f"{name}.{declared.name}"] = value


x, y = (part.astype(kind) for part, kind in zip(load_iris(return_X_y=True), ("f4", "i8"), strict=True))
classifiers = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "svc": make_pipeline(MinMaxScaler(), SVC(probability=True, random_state=0)),
    "forest": make_pipeline(PCA(3, random_state=0), RandomForestClassifier(20, random_state=0)),
    "boosting": GradientBoostingClassifier(n_estimators=10, random_state=0),
    "tree": make_pipeline(KBinsDiscretizer(4, encode="ordinal"), DecisionTreeClassifier(random_state=0)),
    "neighbours": make_pipeline(RobustScaler(), KNeighborsClassifier(5)),
    "bayes": make_pipeline(Normalizer(), GaussianNB()),
    "perceptron": make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=200, random_state=0)),
    "gradient": make_pipeline(PolynomialFeatures(2), StandardScaler(), SGDClassifier(random_state=0)),
}
for name, pipeline in classifiers.items():
    pipeline.fit(x[::2], y[::2])
    for zipmap in (True, False):
        if zipmap and name == "gradient":  # gives scores, not probabilities
            continue
        options = {id(pipeline): {"zipmap": zipmap}}
        model = to_onnx(pipeline, x[:1], options=options, target_opset=17)
        record(f"{name}.{zipmap}", model, {"X": x})

x, y = (part.astype("f4") for part in make_regression(200, 6, noise=3, random_state=0))
regressors = {
    "ridge": make_pipeline(QuantileTransformer(n_quantiles=50, random_state=0), Ridge()),
    "forest_regressor": RandomForestRegressor(10, random_state=0),
    "svr": make_pipeline(StandardScaler(), SVR()),
    "means": KMeans(4, n_init=2, random_state=0),
    "isolation": IsolationForest(n_estimators=20, random_state=0),
}
for name, pipeline in regressors.items():
    pipeline.fit(x[::2], y[::2])
    opsets = {"": 17, "ai.onnx.ml": 3}
    record(name, to_onnx(pipeline, x[:1], target_opset=opsets), {"X": x})

words = "red green blue small large old new".split()
rng = np.random.default_rng(0)
kinds = rng.choice(["warm", "cold"], 60)
numbers = rng.normal(size=(60, 3)).astype("f4")
numbers[::7, 1] = np.nan
colours = rng.choice(words[:3], (60, 1)).astype(object)
sizes = rng.choice(words[3:7], (60, 1)).astype(object)
table = np.concatenate([numbers.astype(object), colours, sizes], axis=1)
pipeline = make_pipeline(
    ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1, 2]),
            ("colours", OneHotEncoder(handle_unknown="ignore"), [3]),
            ("sizes", OrdinalEncoder(), [4]),
        ]
    ),
    RandomForestClassifier(10, random_state=0),
).fit(table, kinds)
columns = [
    ("numbers", FloatTensorType([None, 3])),
    ("colours", StringTensorType([None, 1])),
    ("sizes", StringTensorType([None, 1])),
]
model = convert_sklearn(pipeline, initial_types=columns, target_opset=17)
record("columns", model, {"numbers": numbers, "colours": colours, "sizes": sizes})

plain = {key: value.astype(str) if value.dtype == object else value for key, value in answers.items()}
np.savez(sys.argv[1], **plain)
