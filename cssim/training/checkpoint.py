"""Trained models on disk: tensors as safetensors, the rest as JSON; no pickle.

A finished model's folder holds

- `model.safetensors`: the adapter and the ranking block of the best epoch;
- `model.json`: `ModelCard`; it names the SHA-256 of the tensors and is written last, so a folder
  with it is complete;

and a running one's holds `state.safetensors`, all that is needed to go on after the last epoch.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from cssim.embeddings.backbones import load_backbone
from cssim.embeddings.network import Backbone
from cssim.embeddings.weights import beside
from cssim.errors import BadInput, NotFound, Unavailable
from cssim.training.config import TrainConfig
from cssim.training.model import CSModel

TENSORS, CARD, STATE = "model.safetensors", "model.json", "state.safetensors"


@dataclass(frozen=True)
class ModelCard:
    """What a trained model is, on what it was trained, and how that went."""

    backbone: str
    """The name under which `load_backbone` found it; `./NAME` lies in the model's own folder."""
    backbone_weights: str
    """`Backbone.weights`: the model works on these only, in any precision."""
    config: Mapping[str, Any]
    """`TrainConfig.to_dict()`."""
    data_fingerprint: str
    """`Triples.fingerprint` of all triples given, held-out ones included."""
    curve: Sequence[Mapping[str, Any]]
    """`Epoch.to_dict()` of each epoch; the first is the untrained model."""
    best_epoch: int
    """Number of the epoch whose weights are kept."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Of the whole run; shares are 0..1, times are seconds."""
    references: Sequence[int] = ()
    """Image ids of the references among the triples, sorted."""
    versions: Mapping[str, str] = field(default_factory=dict)
    tensors_sha256: str = ""
    format: int = 1

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained model as an `Encoder`."""

    name: str
    fingerprint: str
    """32 hexadecimal digits of backbone, adapter and ranking block."""
    dim: int
    model: CSModel
    backbone: Backbone
    info: ModelCard

    def embed(self, images: Sequence[PIL.Image.Image]) -> NDArray[np.float32]:
        """(n, dim) float32 embeddings."""
        if not images:
            return np.zeros((0, self.dim), dtype=np.float32)
        with torch.inference_mode():
            pixels = self.backbone.preprocess(images).to(self.backbone.device)
            return np.asarray(self.model(pixels).cpu().numpy(), dtype=np.float32)

    def choose(
        self,
        reference: NDArray[np.float32],
        a: NDArray[np.float32],
        b: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """(n,) the ranking block's log odds that `a` is closer, from (n, dim) embeddings."""
        with torch.inference_mode():
            given = (torch.from_numpy(x).to(self.backbone.device) for x in (reference, a, b))
            return np.asarray(self.model.ranking(*given).cpu().numpy(), dtype=np.float32)


def save_model(folder: Path, tensors: Mapping[str, torch.Tensor], card: ModelCard) -> None:
    """Write a finished model; whoever reads meanwhile sees the old one or the new one."""
    digest = write_tensors(folder / TENSORS, tensors, {})
    text = json.dumps({**card.to_dict(), "tensors_sha256": digest}, indent=1)
    _replace(folder / CARD, text.encode())


def read_card(folder: Path) -> ModelCard:
    """The card of a finished model; needs no weights.

    Raises:
        NotFound: there is no finished model in `folder`.
        BadInput: its card is damaged or from a newer version.
    """
    path = folder / CARD
    if not path.is_file():
        raise NotFound(f"{folder} holds no finished model: expected {CARD} in it")
    try:
        card = ModelCard(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise BadInput(f"{path} cannot be read as a model card: {error}") from error
    if card.format != 1:
        raise BadInput(f"{path} has format {card.format}, expected 1: update CS-Sim to read it")
    return card


def load_model(
    folder: Path,
    *,
    models: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> TrainedModel:
    """The finished model in `folder`, on its backbone, ready to embed.

    Raises:
        NotFound: there is none.
        Unavailable: its backbone is not on this machine.
        BadInput: files are damaged, or the backbone is not the one it was trained on.
    """
    card = read_card(folder)
    tensors, _ = read_tensors(folder / TENSORS, card.tensors_sha256)
    name = beside(folder, card.backbone)
    backbone = load_backbone(name, models=models, device=device, precision=precision)
    if backbone.weights != card.backbone_weights:
        raise BadInput(
            f"{card.backbone} holds other weights than those the model was trained on; put the "
            "original ones back, or train again"
        )
    model = CSModel(backbone, TrainConfig.from_dict(card.config))
    model.load_trained_state(tensors)
    digest = hashlib.sha256(f"{backbone.fingerprint}:{card.tensors_sha256}".encode())
    return TrainedModel(
        name=folder.name,
        fingerprint=digest.hexdigest()[:32],
        dim=backbone.dim,
        model=model.requires_grad_(False),
        backbone=backbone,
        info=card,
    )


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> str:
    """Write one safetensors file atomically; gives its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with _appearing(path) as partial:
        save_file(contiguous, partial, dict(metadata))
        with open(partial, "rb+") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
    return digest


def read_tensors(path: Path, sha256: str = "") -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """(tensors, metadata) of a safetensors file; checked where its SHA-256 is given.

    Raises:
        BadInput: the file is absent or damaged.
    """
    try:
        if sha256 and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise BadInput(f"{path} is not the file that {CARD} names: copy the folder again")
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


def _replace(path: Path, data: bytes) -> None:
    with _appearing(path) as partial, open(partial, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A file to write that becomes `path` once it is whole; on a full disk nothing is left of it.

    Raises:
        Unavailable: it cannot be written; what `path` held before is still there.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        raise Unavailable(
            f"{path} cannot be written ({error}): free some space on its disk, then try again; "
            "what was saved before is safe"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
