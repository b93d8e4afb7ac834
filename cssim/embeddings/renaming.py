"""Names of tensors in published checkpoints -> names in transformers' networks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    Tensors = Mapping[str, torch.Tensor]


def _renamed(tensors: Tensors, rules: list[tuple[str, str]]) -> dict[str, torch.Tensor]:
    """Each tensor by the first rule that fits; names that none fits stay, and are refused later."""
    found = {}
    for name, tensor in tensors.items():
        for pattern, place in rules:
            match = re.fullmatch(pattern, name)
            if match:
                found[_counted(match, place)] = tensor
                break
        else:
            found[name] = tensor
    return found


def _counted(match: re.Match[str], place: str) -> str:
    """`place` with the groups of the match; `{1-1}` is group 1, a number from 1, counted from 0."""

    def fill(slot: re.Match[str]) -> str:
        text = match.group(int(slot[1]))
        if not slot[2]:
            return text
        return str("abc".index(text) if text in "abc" else int(text) - 1)

    return re.sub(r"\{(\d)(-1)?\}", fill, place)


_BLOCK = "encoder.stages.{1-1}.layers.{2}"
_TORCHVISION = [
    (r"conv1\.(.+)", "embedder.embedder.convolution.{1}"),
    (r"bn1\.(.+)", "embedder.embedder.normalization.{1}"),
    (r"layer(\d)\.(\d+)\.conv(\d)\.(.+)", _BLOCK + ".layer.{3-1}.convolution.{4}"),
    (r"layer(\d)\.(\d+)\.bn(\d)\.(.+)", _BLOCK + ".layer.{3-1}.normalization.{4}"),
    (r"layer(\d)\.(\d+)\.downsample\.0\.(.+)", _BLOCK + ".shortcut.convolution.{3}"),
    (r"layer(\d)\.(\d+)\.downsample\.1\.(.+)", _BLOCK + ".shortcut.normalization.{3}"),
]
_PYCLS_BLOCK = "encoder.stages.{1-1}.layers.{2-1}"
_PYCLS = [
    (r"stem\.conv\.(.+)", "embedder.embedder.convolution.{1}"),
    (r"stem\.bn\.(.+)", "embedder.embedder.normalization.{1}"),
    (r"s(\d)\.b(\d+)\.f\.([abc])\.(.+)", _PYCLS_BLOCK + ".layer.{3-1}.convolution.{4}"),
    (r"s(\d)\.b(\d+)\.f\.([abc])_bn\.(.+)", _PYCLS_BLOCK + ".layer.{3-1}.normalization.{4}"),
    (r"s(\d)\.b(\d+)\.proj\.(.+)", _PYCLS_BLOCK + ".shortcut.convolution.{3}"),
    (r"s(\d)\.b(\d+)\.bn\.(.+)", _PYCLS_BLOCK + ".shortcut.normalization.{3}"),
    (r"head\.pool\.p", "pooler.p"),
    (r"head\.fc\.(.+)", "whitening.{1}"),
]


def _from_torchvision(tensors: Tensors, _: Any) -> dict[str, torch.Tensor]:
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}
    return _renamed(kept, _TORCHVISION)


def _from_cvnet(tensors: Tensors, _: Any) -> dict[str, torch.Tensor]:
    """The global branch. It was trained on blue-green-red pixels; we give red-green-blue."""
    prefix = "encoder_q."
    if any(name.startswith(prefix) for name in tensors):  # the others belong to its re-ranking
        tensors = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    found = _renamed(tensors, _PYCLS)
    first = "embedder.embedder.convolution.weight"
    if first in found:
        found[first] = found[first].flip(1)
    return found


def _from_vgg(tensors: Tensors, model: Any) -> dict[str, torch.Tensor]:
    """Torchvision numbers all modules of `features` in a row; the order of layers is the same."""
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("classifier.")}
    end = ".convolution.weight"
    ours = [name.removesuffix(end) for name in model.state_dict() if name.endswith(end)]
    numbers = [
        int(match[1])
        for name, tensor in kept.items()
        if (match := re.fullmatch(r"features\.(\d+)\.weight", name)) and tensor.ndim == 4
    ]
    places = {}
    for number, layer in zip(sorted(numbers), ours, strict=False):
        places[number], places[number + 1] = f"{layer}.convolution", f"{layer}.normalization"
    found = {}
    for name, tensor in kept.items():
        match = re.fullmatch(r"features\.(\d+)\.(.+)", name)
        place = places.get(int(match[1])) if match else None
        found[f"{place}.{match[2]}" if match and place else name] = tensor
    return found


NAMES: dict[str, Callable[[Tensors, Any], dict[str, torch.Tensor]]] = {
    "resnet": _from_torchvision,
    "retrieval": _from_cvnet,
    "vgg": _from_vgg,
}
"""Kind of a checkpoint -> function of its tensors and the empty network: the tensors, renamed.

Tensors of classifiers are left out; names that are not known stay as they are.
"""
