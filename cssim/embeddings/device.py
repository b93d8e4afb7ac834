"""Where models run, and in which precision: what the machine has decides."""

from __future__ import annotations

import time
from functools import cache

import torch

from cssim.errors import BadInput, Unavailable

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_CLEARLY = 1.25
"""A gain that is worth the digits, and far from what either kind of processor measures."""
_ROUNDS = 10


def choose_device(wanted: str = "auto") -> torch.device:
    """The device of that name; `auto` takes CUDA, then Apple's MPS, then the processor.

    Raises:
        Unavailable: this machine has no such device.
        BadInput: the name means nothing to torch.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise BadInput(
            f"device must be auto, cpu, mps, cuda or cuda:<number>, got {wanted!r}"
        ) from None
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": _mps_count()}
    if (device.index or 0) >= present.get(device.type, 0):
        raise Unavailable(f"this machine has no device {wanted}; set the device to auto or cpu")
    return device


def choose_precision(wanted: str, device: torch.device, family: str) -> torch.dtype:
    """The dtype of the weights: float32, or bfloat16 where asked for or where it pays.

    `auto` gives bfloat16 to transformers where the hardware multiplies it clearly faster than
    float32. CNNs stay in float32: on a processor with AVX-512 bf16, images per CPU second changed
    by a factor of 1.6 for MobileNetV2, 0.95 for MobileNetV1 and 0.73 for ResNet-18, so the family
    as a whole gains nothing sure. Ask for `bfloat16` where it is known to pay.
    """
    if wanted != "auto":
        if wanted not in PRECISIONS:
            raise BadInput(f"precision must be auto, float32 or bfloat16, got {wanted!r}")
        return PRECISIONS[wanted]
    pays = family in ("vit", "clip", "siglip") and computes_bfloat16(device)
    return torch.bfloat16 if pays else torch.float32


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself, and by that faster than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        has = able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16")
        return bool(has) and bfloat16_gain() > _CLEARLY
    return False


@cache
def bfloat16_gain() -> float:
    """How many times faster this processor multiplies bfloat16 than float32 matrices.

    To have the instructions is not enough: those of AMX are several times faster, while AVX-512's
    alone came to 0.53 of float32 on an Intel Xeon. Measured once in a process, in about 50 ms, as
    the ratio of the best of several rounds in turn, which other load on the machine hardly moves.
    """
    best = dict.fromkeys(PRECISIONS.values(), float("inf"))
    with torch.inference_mode():
        operands = {
            dtype: (torch.ones(394, 768, dtype=dtype), torch.ones(768, 768, dtype=dtype))
            for dtype in best
        }
        for _ in range(_ROUNDS):
            for dtype, (rows, weights) in operands.items():
                start = time.perf_counter()
                torch.nn.functional.linear(rows, weights)
                best[dtype] = min(best[dtype], time.perf_counter() - start)
    return best[torch.float32] / best[torch.bfloat16]


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The CPU tensor on `device`; to a GPU from pinned memory, without waiting for the copy."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _mps_count() -> int:
    return int(torch.backends.mps.is_available())
