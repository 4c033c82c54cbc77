"""Find speech with each model that silero-vad ships, as its wrapper does but in numpy; writes the probabilities.

The package itself imports torch, so only its files are used.
"""

import importlib.metadata
import sys

import numpy as np
import onnxruntime as ort


class Wrapper:
    """silero_vad.utils_vad.OnnxWrapper with arrays in place of tensors."""

    def __init__(self, path):
        options = ort.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(
            path, providers=["CPUExecutionProvider"], sess_options=options
        )
        self.wants_rate = any(each.name == "sr" for each in self.session.get_inputs())

    def audio_forward(self, audio, rate):
        samples, context_size = (512, 64) if rate == 16000 else (256, 32)
        state = np.zeros((2, 1, 128), np.float32)
        context = np.zeros((1, context_size), np.float32)
        found = []
        for start in range(0, len(audio) - samples + 1, samples):
            chunk = np.concatenate([context, audio[None, start : start + samples]], axis=1)
            feeds = {"input": chunk, "state": state}
            if self.wants_rate:
                feeds["sr"] = np.array(rate, dtype="int64")
            out, state = self.session.run(None, feeds)
            context = chunk[:, -context_size:]
            found.append(out[0, 0])
        return np.array(found), state


def speech(rate, seconds=4):
    """Two stretches of something like vowels between noise."""
    rng = np.random.default_rng(0)
    time = np.arange(rate * seconds) / rate
    pitch = 2 * np.pi * np.cumsum(120 + 25 * np.sin(2 * np.pi * 2 * time)) / rate
    formants = (700 + 300 * np.sin(2 * np.pi * 3 * time), 1500 + 500 * np.sin(2 * np.pi * 1.3 * time))
    voice = np.zeros_like(time)
    for harmonic in range(1, 28):
        loudness = sum(np.exp(-(((harmonic * 120 - each) / 180) ** 2)) for each in formants)
        voice += loudness * np.sin(harmonic * pitch)
    spoken = (time % 2 > 0.6) & (time % 2 < 1.7)
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * 5 * time)
    return (0.25 * voice * spoken * syllables + 0.004 * rng.normal(size=len(time))).astype(np.float32)


answers = {}
models = [each for each in importlib.metadata.files("silero-vad") if each.suffix == ".onnx"]
assert models
for model in models:
    name, path = model.stem, str(model.locate())
    if name.endswith("sequence"):
        chunks = speech(16000)[: 576 * 100].reshape(-1, 576)
        zeros = np.zeros((1, 1, 128), np.float32)
        values = ort.InferenceSession(path).run(None, {"input": chunks, "h": zeros, "c": zeros})
        answers.update({f"{name}.{i}": value for i, value in enumerate(values)})
        continue
    wrapper = Wrapper(path)
    for rate in (16000, 8000) if name == "silero_vad" else (16000,):
        found, state = wrapper.audio_forward(speech(rate), rate)
        answers[f"{name}.{rate}"], answers[f"{name}.{rate}.state"] = found, state
np.savez(sys.argv[1], **answers)
