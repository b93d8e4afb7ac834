"""A pretrained vision network with the pooling of its family, loaded by transformers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import nn

from cssim import words
from cssim.embeddings import retrieval, vgg
from cssim.embeddings.backbones import BackboneSpec
from cssim.embeddings.class_token import keep_class_token
from cssim.embeddings.device import choose_device, choose_precision, to_device
from cssim.embeddings.preprocess import Preprocessing, from_processor
from cssim.embeddings.weights import content_hash, model_type
from cssim.errors import BadInput, Unavailable


class PooledNetwork(nn.Module):
    """Pixels (n, 3, h, w) in, one vector per image (n, dim) float32 out."""

    def __init__(self, body: nn.Module, pooling: str) -> None:
        super().__init__()
        self.body = body
        self.pooling = pooling
        if pooling in ("class token", "projection"):
            keep_class_token(body)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the pretrained weights."""
        return next(p.dtype for p in self.parameters() if p.is_floating_point())

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, dim) float32 embeddings, as the family means them."""
        output = self.body(pixel_values=pixels.to(self.dtype))
        return self._pooled(output).float()

    def _pooled(self, output: Any) -> torch.Tensor:
        if self.pooling == "class token":
            return output.last_hidden_state[:, 0]  # type: ignore[no-any-return]
        if self.pooling == "projection":
            return output.image_embeds  # type: ignore[no-any-return]
        return output.pooler_output.flatten(1)  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen pretrained network: an `Encoder` that can also be trained on."""

    name: str
    fingerprint: str
    """32 hexadecimal digits of weights, preprocessing, pooling and precision."""
    weights: str
    """SHA-256 of the weights and their configuration, whatever the precision."""
    dim: int
    module: PooledNetwork
    """In eval mode, on `device`, gradients off."""
    preprocessing: Preprocessing
    spec: BackboneSpec
    device: torch.device

    @property
    def precision(self) -> str:
        """`float32` or `bfloat16`."""
        return str(self.module.dtype).removeprefix("torch.")

    def preprocess(self, images: Sequence[PIL.Image.Image]) -> torch.Tensor:
        """(n, 3, h, w) float32 pixels on the CPU."""
        return self.preprocessing(images)

    def embed(self, images: Sequence[PIL.Image.Image]) -> NDArray[np.float32]:
        """(n, dim) float32 embeddings; batches of 4 to 8 images are fastest on a processor."""
        if not images:
            return np.zeros((0, self.dim), dtype=np.float32)
        with torch.inference_mode():
            vectors = self.module(to_device(self.preprocess(images), self.device))
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)


def load(spec: BackboneSpec, *, device: str = "auto", precision: str = "auto") -> Backbone:
    """The backbone of a resolved spec whose folder is on this machine.

    Raises:
        BadInput: the folder is no image model, or its files do not fit together.
        Unavailable: the device is not there, or weights are missing from the file.
    """
    if spec.folder is None:
        raise BadInput(f"{spec.name} has no weights to load; metrics come from load_encoder")
    where = choose_device(device)
    dtype = choose_precision(precision, where, spec.family)
    weights = content_hash(spec.folder)
    preprocessing = from_processor(_processor(spec.folder))
    module = PooledNetwork(_body(spec), spec.pooling).to(where, dtype).eval().requires_grad_(False)
    return Backbone(
        name=spec.name,
        fingerprint=_fingerprint(weights, preprocessing, spec.pooling, dtype),
        weights=weights,
        dim=_output_dim(module, preprocessing, spec, where),
        module=module,
        preprocessing=preprocessing,
        spec=spec,
        device=where,
    )


def _body(spec: BackboneSpec) -> nn.Module:
    from transformers import AutoModel, CLIPVisionModelWithProjection, SiglipVisionModel

    kind = model_type(spec.folder) if spec.folder else ""
    if kind.startswith("cssim-"):  # networks of ours, which transformers does not know by itself
        retrieval.register()
        vgg.register()
    loader = {"clip": CLIPVisionModelWithProjection, "siglip": SiglipVisionModel}.get(
        spec.family, AutoModel
    )
    # A ViT's own pooler is not part of the class token, and many checkpoints lack it.
    options = {"add_pooling_layer": False} if kind in ("vit", "deit") else {}
    with _quiet(), _readable(spec):
        body, report = loader.from_pretrained(  # type: ignore[attr-defined]
            spec.folder, local_files_only=True, output_loading_info=True, **options
        )
    missing = sorted({*report["missing_keys"], *map(str, report["mismatched_keys"])})
    if missing:
        raise Unavailable(
            f"the weights in {spec.folder} lack {words.count(len(missing), 'tensor')} of "
            f"{type(body).__name__}, e.g. {missing[0]}; they would be random. Fetch the complete "
            "folder again."
        )
    return body  # type: ignore[no-any-return]


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    try:
        with _quiet():
            return AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                folder, backend="pil", local_files_only=True
            )
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{folder} has no usable preprocessor_config.json, which says size and normalisation "
            f"of the images: {error}"
        ) from error


def _fingerprint(
    weights: str, preprocessing: Preprocessing, pooling: str, dtype: torch.dtype
) -> str:
    facts = {
        "weights": weights,
        "preprocessing": preprocessing.to_dict(),
        "pooling": pooling,
        "precision": str(dtype),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _output_dim(
    module: PooledNetwork, preprocessing: Preprocessing, spec: BackboneSpec, device: torch.device
) -> int:
    """Length of an embedding, asked of the network itself with one black image."""
    pixels = torch.zeros(1, 3, preprocessing.height, preprocessing.width, device=device)
    try:
        with torch.inference_mode():
            return int(module(pixels).shape[1])
    except (AttributeError, TypeError, KeyError) as error:
        raise BadInput(
            f"{spec.name} is no image model that CS-Sim can pool ({spec.pooling}): {error}"
        ) from error


@contextmanager
def _readable(spec: BackboneSpec) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, SafetensorError, RuntimeError) as error:
        raise BadInput(f"{spec.folder} cannot be loaded by transformers: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bar and its table of heads left out on purpose."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
