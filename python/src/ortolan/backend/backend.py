"""The backend: prepares models for ONNX's interface."""

from __future__ import annotations

import os
from typing import Any, ClassVar, NoReturn

import onnx
from onnx import ModelProto, checker, helper
from onnx.backend.base import Backend

from ortolan import InferenceSession, SessionOptions, get_available_providers, get_device
from ortolan.backend.backend_rep import OnnxRuntimeBackendRep

_SESSION_ATTRIBUTES = (
    "enable_cpu_mem_arena",
    "enable_mem_pattern",
    "enable_mem_reuse",
    "execution_mode",
    "execution_order",
    "graph_optimization_level",
    "inter_op_num_threads",
    "intra_op_num_threads",
    "log_severity_level",
    "log_verbosity_level",
    "logid",
    "use_deterministic_compute",
    "use_per_session_threads",
)


class OnnxRuntimeBackend(Backend):
    """ONNX's backend class over InferenceSession."""

    allowReleasedOpsetsOnly: ClassVar[bool] = os.getenv("ALLOW_RELEASED_ONNX_OPSET_ONLY", "1") == "1"

    @classmethod
    def is_compatible(cls, model: object, device: str | None = None, **kwargs: object) -> bool:
        """Return whether the model may be given to prepare."""
        return cls.supports_device(device or get_device())

    @classmethod
    def is_opset_supported(cls, model: ModelProto) -> tuple[bool, str]:
        """Return whether the model's opsets are released ones, and why not."""
        if not cls.allowReleasedOpsetsOnly:
            return True, ""
        for opset in model.opset_import:
            domain = opset.domain or "ai.onnx"
            newest = helper.OP_SET_ID_VERSION_MAP
            released = max((v for (d, v) in newest if d == domain), default=None)
            if released is not None and opset.version > released:
                return False, (
                    "Skipping this test as only released onnx opsets are supported."
                    "To run this test set env variable ALLOW_RELEASED_ONNX_OPSET_ONLY to 0. "
                    f"Got Domain '{domain}' version '{opset.version}'."
                )
        return True, ""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Return whether the build computes on this device, such as ``CPU``."""
        return device is not None and device.split(":")[0].upper() == get_device()

    @classmethod
    def prepare(cls, model: object, device: str | None = None, **kwargs: object) -> OnnxRuntimeBackendRep:
        """Load a model.

        :param model: a path, bytes, a ModelProto, a session, or what prepare returned
        :param kwargs: attributes of SessionOptions
        """
        if isinstance(model, OnnxRuntimeBackendRep):
            return model
        if isinstance(model, InferenceSession):
            return OnnxRuntimeBackendRep(model)
        if isinstance(model, ModelProto):
            checker.check_model(model)
            supported, why = cls.is_opset_supported(model)
            if not supported:
                import unittest

                raise unittest.SkipTest(why)
            model = model.SerializeToString()
        options = SessionOptions()
        for name, value in kwargs.items():
            if name in _SESSION_ATTRIBUTES:
                setattr(options, name, value)
            elif hasattr(options, name):
                raise RuntimeError(
                    f"SessionOptions attribute '{name}' is not permitted via the backend API. "
                    f"Allowed attributes: {', '.join(_SESSION_ATTRIBUTES)}"
                )
        if device is not None and not cls.supports_device(device):
            raise RuntimeError(f"Incompatible device expected '{device}', got '{get_device()}'")
        excluded = os.getenv("ORT_ONNX_BACKEND_EXCLUDE_PROVIDERS", "").split(",")
        providers = [name for name in get_available_providers() if name not in excluded]
        return OnnxRuntimeBackendRep(InferenceSession(model, options, providers=providers))

    @classmethod
    def run_model(
        cls, model: object, inputs: object, device: str | None = None, **kwargs: object
    ) -> list[Any]:
        """Prepare a model and run it."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: object,
        device: str | None = None,
        outputs_info: object = None,
        **kwargs: object,
    ) -> NoReturn:
        """Refuse: nodes run as models."""
        raise NotImplementedError(
            "It is much more efficient to run a whole model than every node independently."
        )


is_compatible = OnnxRuntimeBackend.is_compatible
prepare = OnnxRuntimeBackend.prepare
run = OnnxRuntimeBackend.run_model
supports_device = OnnxRuntimeBackend.supports_device

__all__ = [
    "InferenceSession",
    "OnnxRuntimeBackend",
    "OnnxRuntimeBackendRep",
    "SessionOptions",
    "get_available_providers",
    "get_device",
    "is_compatible",
    "prepare",
    "run",
    "supports_device",
]
