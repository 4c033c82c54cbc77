"""BeamSearch, GreedySearch, Sampling and WhisperBeamSearch against onnxruntime over random models."""

from __future__ import annotations

from typing import Any

import numpy as np
import ortolan
import pytest
import search_models as models

onnxruntime = pytest.importorskip("onnxruntime")

SEEDS = range(8)
PAD = 1
EOS = 2


def both(model: bytes, feeds: dict[str, np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    theirs = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, feeds)
    return ortolan.InferenceSession(model).run(None, feeds), theirs


def check_sequences(found: np.ndarray, expected: np.ndarray) -> None:
    """Compare up to where all have ended: what is behind, onnxruntime does not write."""
    assert found.shape == expected.shape
    said = np.flatnonzero((found != PAD).any(axis=0)).max() + 2
    assert np.array_equal(found[:, :said], expected[:, :said])


def one(number: float, dtype: type = np.int32) -> np.ndarray:
    return np.array([number], dtype)


def prompt(rng: np.random.Generator, batch: int, length: int) -> np.ndarray:
    ids = rng.integers(3, models.VOCABULARY, (batch, length)).astype(np.int32)
    for row in ids:
        row[: rng.integers(0, length)] = PAD
    return ids


def options_of(rng: np.random.Generator, batch: int) -> dict[str, np.ndarray]:
    """Draw the inputs that all searches have."""
    feeds = {}
    if rng.integers(2):
        feeds["min_length"] = one(rng.integers(1, 7))
    if rng.integers(2):
        feeds["repetition_penalty"] = one(rng.uniform(0.7, 1.6), np.float32)
    if rng.integers(2):
        mask = rng.integers(0, 3, models.VOCABULARY) > 0
        mask[EOS] = mask[4] = mask[5] = True
        feeds["vocab_mask"] = mask.astype(np.int32)
    if rng.integers(2):
        mask = rng.integers(0, 2, (batch, models.VOCABULARY))
        mask[:, 4:7] = 1
        feeds["prefix_vocab_mask"] = mask.astype(np.int32)
    return feeds


BEAM_INPUTS = [
    "input_ids",
    "max_length",
    "min_length",
    "num_beams",
    "num_return_sequences",
    "length_penalty",
    "repetition_penalty",
    "vocab_mask",
    "prefix_vocab_mask",
    "attention_mask",
    "decoder_input_ids",
    "logits_processor",
    "cross_qk_layer_head",
    "extra_decoding_ids",
    "temperature",
]


def beams_of(rng: np.random.Generator) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    beams = int(rng.integers(1, 5))
    feeds = {
        "max_length": one(rng.integers(9, 14)),
        "min_length": one(0),  # which onnxruntime wants here
        "num_beams": one(beams),
        "num_return_sequences": one(rng.integers(1, beams + 1)),
        "length_penalty": one(rng.uniform(0.5, 2), np.float32),
    }
    attributes = {
        "eos_token_id": EOS,
        "pad_token_id": PAD,
        "early_stopping": int(rng.integers(2)),
        "no_repeat_ngram_size": int(rng.integers(0, 4)),
    }
    return feeds, attributes


def check_beams(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert [value.shape for value in found] == [value.shape for value in expected]
    assert np.array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("first_decoder", [False, True])
def test_beam_search_of_a_decoder(seed: int, first_decoder: bool) -> None:
    rng = np.random.default_rng(seed)
    feeds, attributes = beams_of(rng)
    batch = int(rng.integers(1, 4))
    feeds |= {"input_ids": prompt(rng, batch, int(rng.integers(1, 6)))} | options_of(rng, batch)
    if rng.integers(2):
        feeds["attention_mask"] = (feeds["input_ids"] != PAD).astype(np.int32)
    attributes["decoder"] = models.gpt_decoder("decoder", rng)
    if first_decoder:
        attributes["init_decoder"] = models.gpt_decoder("first", rng, "f_")
    model = models.model_of(
        "BeamSearch", feeds, BEAM_INPUTS, ["sequences", "sequences_scores", "scores"], attributes
    )
    found, expected = both(model, feeds)
    check_beams(found, expected)
    steps = found[2].shape[0] if not (expected[0] == PAD).any() else 1
    np.testing.assert_allclose(found[2][:steps], expected[2][:steps], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_beam_search_of_an_encoder(seed: int) -> None:
    rng = np.random.default_rng(seed)
    feeds, attributes = beams_of(rng)
    batch = int(rng.integers(1, 4))
    feeds |= {"input_ids": prompt(rng, batch, int(rng.integers(1, 6)))} | options_of(rng, batch)
    attributes |= {"model_type": 1, "decoder_start_token_id": 3}
    attributes["encoder"] = models.encoder(rng, False)
    attributes["decoder"] = models.cross_decoder(rng, False, bool(rng.integers(2)))
    model = models.model_of("BeamSearch", feeds, BEAM_INPUTS, ["sequences", "sequences_scores"], attributes)
    check_beams(*both(model, feeds))


@pytest.mark.parametrize("seed", SEEDS)
def test_whisper_beam_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    feeds, attributes = beams_of(rng)
    batch = int(rng.integers(1, 4))
    features = rng.standard_normal((batch, int(rng.integers(2, 5)), models.WIDTH)).astype(np.float32)
    feeds |= {"input_ids": features} | options_of(rng, batch)
    if rng.integers(2):
        feeds["decoder_input_ids"] = rng.integers(3, 6, (batch, int(rng.integers(1, 4)))).astype(np.int32)
    if rng.integers(2):
        feeds["temperature"] = one(rng.uniform(0.5, 1.5), np.float32)
    attributes |= {
        "model_type": 2,
        "decoder_start_token_id": 3,
        "no_speech_token_id": 4,
        "translate_token_id": 5,
        "transcribe_token_id": 6,
        "start_of_lm_token_id": 7,
        "no_timestamps_token_id": 8,
        "beginning_timestamp_token_id": 9,
    }
    feeds["logits_processor"] = one(rng.integers(2))
    attributes["encoder"] = models.encoder(rng, True)
    attributes["decoder"] = models.cross_decoder(rng, True, bool(rng.integers(2)))
    outputs = ["sequences", "sequences_scores", "", "", "non_speech_probs"]
    model = models.model_of("WhisperBeamSearch", feeds, BEAM_INPUTS, outputs, attributes)
    found, expected = both(model, feeds)
    check_beams(found, expected)
    # onnxruntime writes these on GPUs alone.
    assert found[2].shape == expected[2].shape
    assert ((found[2] > 0) & (found[2] < 1)).all()


GREEDY_INPUTS = [
    "input_ids",
    "max_length",
    "min_length",
    "repetition_penalty",
    "vocab_mask",
    "prefix_vocab_mask",
    "attention_mask",
    "presence_mask",
    "seed",
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("first_decoder", [False, True])
def test_greedy_search(seed: int, first_decoder: bool) -> None:
    rng = np.random.default_rng(seed)
    batch = int(rng.integers(1, 4))
    feeds = {"input_ids": prompt(rng, batch, int(rng.integers(1, 6))), "max_length": one(rng.integers(9, 14))}
    feeds |= options_of(rng, batch)
    if rng.integers(2):
        feeds["attention_mask"] = (feeds["input_ids"] != PAD).astype(np.int32)
    attributes: dict[str, Any] = {"eos_token_id": EOS, "pad_token_id": PAD}
    attributes["no_repeat_ngram_size"] = int(rng.integers(0, 4))
    attributes["decoder"] = models.gpt_decoder("decoder", rng)
    if first_decoder:
        attributes["init_decoder"] = models.gpt_decoder("first", rng, "f_")
    model = models.model_of("GreedySearch", feeds, GREEDY_INPUTS, ["sequences"], attributes)
    found, expected = both(model, feeds)
    check_sequences(found[0], expected[0])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("custom", [0, 1])
def test_sampling(seed: int, custom: int) -> None:
    rng = np.random.default_rng(seed)
    batch = int(rng.integers(1, 4))
    feeds = {"input_ids": prompt(rng, batch, int(rng.integers(1, 6))), "max_length": one(rng.integers(9, 14))}
    feeds |= options_of(rng, batch) | {"seed": one(rng.integers(1, 1000))}
    attributes: dict[str, Any] = {"eos_token_id": EOS, "pad_token_id": PAD, "custom": custom}
    attributes |= {
        "top_p": float(rng.uniform(0.3, 0.95)),
        "temperature": float(rng.uniform(0.5, 1.5)),
        "filter_value": -1e20,
        "min_tokens_to_keep": int(rng.integers(0, 3)),
    }
    attributes["decoder"] = models.gpt_decoder("decoder", rng)
    model = models.model_of("Sampling", feeds, GREEDY_INPUTS, ["sequences"], attributes)
    found, expected = both(model, feeds)
    check_sequences(found[0], expected[0])


def test_what_cannot_be_searched() -> None:
    rng = np.random.default_rng(0)
    attributes = {"eos_token_id": EOS, "pad_token_id": PAD, "decoder": models.gpt_decoder("decoder", rng)}
    feeds = {"input_ids": prompt(rng, 1, 3), "max_length": one(3)}
    session = ortolan.InferenceSession(
        models.model_of("GreedySearch", feeds, GREEDY_INPUTS, ["sequences"], attributes)
    )
    with pytest.raises(Exception, match="max_length"):
        session.run(None, feeds)
    with pytest.raises(Exception, match="model_type"):
        ortolan.InferenceSession(
            models.model_of(
                "GreedySearch", feeds, GREEDY_INPUTS, ["sequences"], attributes | {"model_type": 1}
            )
        )
