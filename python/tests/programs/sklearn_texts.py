"""Train scikit-learn's text vectorizers, convert them with skl2onnx and run them; writes what they answer."""

import sys

import numpy as np
import onnxruntime as ort
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import StringTensorType
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

words = "red green blue heavy light small large old new wooden paper glass".split()
rng = np.random.default_rng(0)
texts = np.array([" ".join(rng.choice(words, 6)) for _ in range(60)])
kinds = np.array(["warm" if "red" in text else "cold" for text in texts])
answers = {}
for name, vectorizer in (("tfidf", TfidfVectorizer(lowercase=False, ngram_range=(1, 2))), ("count", CountVectorizer(lowercase=False))):
    pipeline = make_pipeline(vectorizer, LogisticRegression()).fit(texts, kinds)
    model = convert_sklearn(pipeline, initial_types=[("text", StringTensorType([None]))], target_opset=17)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    kind, probabilities = session.run(None, {"text": texts})
    answers[f"{name}.kind"] = kind.astype(str)
    answers[f"{name}.names"] = np.array(list(probabilities[0]))
    answers[f"{name}.probabilities"] = np.array([list(each.values()) for each in probabilities])
np.savez(sys.argv[1], **answers)
