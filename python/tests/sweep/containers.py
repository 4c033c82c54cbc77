"""Forms of sequences, optionals, bodies and text."""

from __future__ import annotations

import numpy as np
from onnx import helper

from sweep.draft import Draft, Draw, Skip, form
from sweep.movement import ints
from sweep.values import element_of, number_of, type_proto


def _list(d: Draw, least: int = 1) -> list[np.ndarray]:
    return [d.numbers(d.shape(0, 3)) for _ in range(d.int(least, 4))]


@form("SequenceConstruct")
def construct(d: Draw, name: str) -> Draft:
    return Draft(_list(d))


@form("SequenceEmpty")
def empty(d: Draw, name: str) -> Draft:
    element = element_of(d.types["S"])
    return Draft([], {"dtype": number_of(element)} if element != "float" or d.chance() else {})


@form("SequenceAt", "SequenceErase")
def at(d: Draw, name: str) -> Draft:
    items = _list(d)
    return Draft([items, np.array(d.int(-len(items), len(items) - 1))])


@form("SequenceInsert")
def insert(d: Draw, name: str) -> Draft:
    if element_of(d.types["S"]) != d.element("T"):
        raise Skip
    items = _list(d)
    position = np.array(d.int(-len(items), len(items))) if d.chance(0.7) else None

    def expected(given: list, item: np.ndarray, where: np.ndarray | None = None) -> list:
        made = list(given)
        made.insert(len(made) if where is None else int(where), item)
        return [made]

    return Draft([items, d.numbers(d.shape(0, 3)), position], expected=expected)


@form("SequenceLength")
def length(d: Draw, name: str) -> Draft:
    return Draft([_list(d)])


@form("ConcatFromSequence")
def concat(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 3)
    new = d.int(0, 1)
    axis = d.int(-len(shape) - new, len(shape) - 1 + new)
    return Draft([[d.numbers(shape) for _ in range(d.int(1, 3))]], {"axis": axis, "new_axis": new})


@form("SplitToSequence")
def split(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 3, empty=False)
    axis = d.axis(len(shape))
    kind = d.choice(["each", "even", "sizes"])
    attributes: dict = {"axis": axis}
    given = None
    if kind == "each":
        attributes["keepdims"] = d.int(0, 1)
    elif kind == "even":
        given = np.array(d.int(1, 3))
    else:
        first = d.int(0, shape[axis])
        given = ints([first, shape[axis] - first])
    return Draft([d.numbers(shape), given], attributes)


@form("Optional", "OptionalGetElement", "OptionalHasElement")
def optional(d: Draw, name: str) -> Draft:
    text = d.types["V" if name == "Optional" else "O"]
    value = _list(d) if "seq(" in text else d.numbers(d.shape())
    if name == "OptionalHasElement":
        return Draft([value])
    return Draft([value], expected=lambda given: [given])


def _body(d: Draw, name: str, inputs: list, nodes: list, outputs: list) -> object:
    values = [helper.make_value_info(n, t) for n, t in inputs]
    return helper.make_graph(nodes, name, values, [helper.make_value_info(n, t) for n, t in outputs])


@form("If")
def if_(d: Draw, name: str) -> Draft:
    from sweep.models import tensor_attribute

    element = element_of(d.types["V"])
    arrays = [d.numbers(d.shape(0, 2)) for _ in range(2)]
    bodies = []
    for i, array in enumerate(arrays):
        node = helper.make_node("Constant", [], [f"r{i}"], value=tensor_attribute(array, element))
        bodies.append(_body(d, f"b{i}", [], [node], [(f"r{i}", type_proto(f"tensor({element})"))]))
    return Draft([np.array(float(d.choice([-1, 1])))], {"then_branch": bodies[0], "else_branch": bodies[1]})


@form("Loop")
def loop(d: Draw, name: str) -> Draft:
    element = element_of(d.types["V"])
    carried = type_proto(f"tensor({element})")
    flag, count = type_proto("tensor(bool)", []), type_proto("tensor(int64)", [])
    nodes = [helper.make_node("Identity", ["go"], ["go_on"])]
    nodes += [helper.make_node("Identity", ["c"], [o]) for o in ("c_out", "each")]
    body = _body(
        d, "b", [("i", count), ("go", flag), ("c", carried)], nodes, [("go_on", flag), ("c_out", carried)]
    )
    body.output.append(helper.make_value_info("each", carried))
    count = d.int(1, 3)

    def expected(*given: np.ndarray) -> list:
        return [given[2], np.stack([given[2]] * count)]

    return Draft(
        [np.array(count), np.array(1.0), d.numbers(d.shape(0, 2))], {"body": body}, 2, expected=expected
    )


@form("Scan")
def scan(d: Draw, name: str) -> Draft:
    element = element_of(d.types["V"])
    item = type_proto(f"tensor({element})")
    nodes = [helper.make_node("Identity", ["x"], [o]) for o in ("state_out", "y")]
    body = _body(d, "b", [("state", item), ("x", item)], nodes, [("state_out", item), ("y", item)])
    steps, size = d.int(1, 4), d.int(1, 3)
    state, x = d.numbers([size]), d.numbers([steps, size])
    attributes: dict = {"body": body, "num_scan_inputs": 1}
    if d.limit < 9:

        def expected(*given: np.ndarray) -> list:
            return [given[-1][:, -1], given[-1]]

        return Draft([None, state[None], x[None]], attributes, 2, expected=expected)
    backwards = d.int(0, 1)
    attributes["scan_input_directions"] = [backwards]

    def expected_now(state: np.ndarray, x: np.ndarray) -> list:
        turned = x[::-1] if backwards else x
        return [turned[-1], turned]

    return Draft([state, x], attributes, 2, expected=expected_now)


@form("SequenceMap")
def sequence_map(d: Draw, name: str) -> Draft:
    element = element_of(d.types["S"])
    item = type_proto(f"tensor({element})")
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    return Draft([_list(d)], {"body": _body(d, "b", [("x", item)], nodes, [("y", item)])})


_WORDS = ["alpha", "Beta", "gamma delta", "", "a,b,c", "été", "x  y"]


def words(d: Draw, shape: list[int]) -> np.ndarray:
    return np.array([d.choice(_WORDS) for _ in range(int(np.prod(shape)))], object).reshape(shape)


@form("RegexFullMatch")
def regex(d: Draw, name: str) -> Draft:
    return Draft([words(d, d.shape())], {"pattern": d.choice(["[a-z]+", ".*a", "a,.*", ""])})


@form("StringNormalizer")
def normalizer(d: Draw, name: str) -> Draft:
    attributes: dict = {"case_change_action": d.choice(["LOWER", "UPPER", "NONE"])}
    if d.chance():
        attributes["stopwords"] = ["alpha"]
        attributes["is_case_sensitive"] = 1
    x = words(d, [d.int(1, 4)])
    x[0] = "Beta"
    change = {"LOWER": str.lower, "UPPER": str.upper, "NONE": str}[attributes["case_change_action"]]

    def expected(x: np.ndarray) -> list:
        kept = [change(word) for word in x if word not in attributes.get("stopwords", ())]
        return [np.array(kept or [""], object)]

    return Draft([x], attributes, expected=expected)


@form("StringSplit")
def string_split(d: Draw, name: str) -> Draft:
    return Draft([words(d, d.shape(1, 2, empty=False))], {"delimiter": d.choice([" ", ",", ""])}, 2)


@form("TfIdfVectorizer")
def tf_idf(d: Draw, name: str) -> Draft:
    attributes: dict = {
        "mode": d.choice(["TF", "IDF", "TFIDF"]),
        "min_gram_length": 1,
        "max_gram_length": 2,
        "max_skip_count": d.int(0, 2),
        "ngram_counts": [0, 3],
        "ngram_indexes": [0, 1, 2, 3, 4],
        "weights": [1.0, 0.5, 2.0, 3.0, 0.25],
    }
    pool = [1, 2, 3, 1, 2, 2, 3]
    x = d.ints([d.int(1, 2), d.int(1, 7)], 1, 4)
    if d.element() == "string":
        return Draft([x.astype(str).astype(object)], {**attributes, "pool_strings": [str(p) for p in pool]})
    return Draft([x], {**attributes, "pool_int64s": pool})
