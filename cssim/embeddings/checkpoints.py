"""Published checkpoint files (`.pth`) made into Hugging Face folders, without torchvision.

Some networks of Liao and Chen 2024 are published as bare files of tensors. Converted once, they
are folders like all others: they are loaded, fingerprinted, trained and exported the same way.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cssim.embeddings.renaming import NAMES
from cssim.errors import BadInput, Conflict, NotFound

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network that is published as a file of tensors."""

    kind: str
    """`resnet`, `retrieval` or `vgg`: whose names its tensors get."""
    shape: Mapping[str, Any]
    """Fields of the configuration."""
    file: str
    """Name of the published file, as a help to find it; any other name works as well."""
    publisher: str
    """Who publishes it."""


def _resnet(layer_type: str, depths: list[int], file: str, publisher: str) -> Checkpoint:
    wide = [256, 512, 1024, 2048] if layer_type == "bottleneck" else [64, 128, 256, 512]
    shape = {"layer_type": layer_type, "depths": depths, "hidden_sizes": wide}
    return Checkpoint("resnet", shape, file, publisher)


def _vgg(depths: tuple[int, ...], batch_norm: bool, file: str) -> Checkpoint:
    return Checkpoint("vgg", {"depths": depths, "batch_norm": batch_norm}, file, "torchvision")


def _cvnet(depths: list[int], file: str) -> Checkpoint:
    shape = {"layer_type": "bottleneck", "depths": depths, "hidden_sizes": [256, 512, 1024, 2048]}
    return Checkpoint("retrieval", shape, file, "the authors of CVNet")


_PLACES = "the Places365 project (CSAIL, MIT)"
CHECKPOINTS: dict[str, Checkpoint] = {
    "resnet-18": _resnet("basic", [2, 2, 2, 2], "resnet18-f37072fd.pth", "torchvision"),
    "resnet-34": _resnet("basic", [3, 4, 6, 3], "resnet34-b627a593.pth", "torchvision"),
    "resnet-50": _resnet("bottleneck", [3, 4, 6, 3], "resnet50-0676ba61.pth", "torchvision"),
    "resnet-18-places365": _resnet("basic", [2, 2, 2, 2], "resnet18_places365.pth.tar", _PLACES),
    "vgg-11": _vgg((1, 1, 2, 2, 2), False, "vgg11-8a719046.pth"),
    "vgg-11-bn": _vgg((1, 1, 2, 2, 2), True, "vgg11_bn-6002323d.pth"),
    "vgg-13": _vgg((2, 2, 2, 2, 2), False, "vgg13-19584684.pth"),
    "vgg-13-bn": _vgg((2, 2, 2, 2, 2), True, "vgg13_bn-abd245e5.pth"),
    "vgg-16": _vgg((2, 2, 3, 3, 3), False, "vgg16-397923af.pth"),
    "vgg-16-bn": _vgg((2, 2, 3, 3, 3), True, "vgg16_bn-6c64b313.pth"),
    "cvnet-r50": _cvnet([3, 4, 6, 3], "CVPR2022_CVNet_R50.pyth"),
    "cvnet-r101": _cvnet([3, 4, 23, 3], "CVPR2022_CVNet_R101.pyth"),
}
"""Short names of `backbones.REGISTRY` that a published file of tensors can be made into."""


def how_to_convert(name: str) -> str:
    """What to do to have a backbone that is published as a file."""
    known = CHECKPOINTS[name]
    return (
        f"{name} is published by {known.publisher} as the file {known.file}. Fetch that file, then "
        f"`python -m cssim backbones import {name} {known.file}`."
    )


def convert(name: str, file: Path, folder: Path) -> Path:
    """Make a published checkpoint file into the Hugging Face folder `folder`.

    Nothing in the file is executed: it is read as tensors only.

    Args:
        name: A name of `CHECKPOINTS`.
        file: `.pth`, `.pth.tar`, `.pyth`, `.pt` or `.safetensors`.
        folder: Is made; it appears complete or not at all.

    Raises:
        NotFound: the name or the file does not exist.
        BadInput: the file holds no tensors, or not those of this network.
        Conflict: the folder exists already.
    """
    if name not in CHECKPOINTS:
        raise NotFound(
            f"no checkpoint file is known as {name!r}; known are {', '.join(CHECKPOINTS)}"
        )
    if not file.is_file():
        raise NotFound(f"there is no file {file}. {how_to_convert(name)}")
    if folder.exists():
        raise Conflict(f"{folder} exists already; remove it first to import {name} anew")
    known = CHECKPOINTS[name]
    model = empty_network(known)
    _fill(model, NAMES[known.kind](read_tensors(file), model), name, file)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        model.save_pretrained(scratch)
        text = json.dumps(_PREPROCESSING, indent=2)
        (scratch / "preprocessor_config.json").write_text(text, encoding="utf-8")
        scratch.chmod(0o755)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def read_tensors(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint file by name, without the wrappers that trainers put around them.

    Raises:
        BadInput: it cannot be read as tensors only, or holds none.
    """
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            found: Any = load_file(file)
        else:
            found = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        # What torch says of other files advises to run what is in them.
        raise BadInput(
            f"{file} cannot be read as a file of tensors: expected what torch.save or safetensors "
            "wrote, with nothing but tensors in it; download it again"
        ) from error
    for wrapper in ("state_dict", "model_state", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
    tensors = (
        {str(k).removeprefix("module."): v for k, v in found.items() if torch.is_tensor(v)}
        if isinstance(found, Mapping)
        else {}
    )
    if not tensors:
        raise BadInput(f"{file} holds no tensors by name: expected a state dict")
    return tensors


def empty_network(known: Checkpoint) -> Any:
    """The network with random weights."""
    from transformers import ResNetConfig, ResNetModel

    if known.kind == "resnet":
        return ResNetModel(ResNetConfig(embedding_size=64, **known.shape))
    if known.kind == "vgg":
        from cssim.embeddings.vgg import VGGConfig, VGGModel

        return VGGModel(VGGConfig(**known.shape))
    from cssim.embeddings.retrieval import RetrievalResNet, RetrievalResNetConfig

    return RetrievalResNet(RetrievalResNetConfig(embedding_size=64, **known.shape))


def _fill(model: Any, tensors: Mapping[str, torch.Tensor], name: str, file: Path) -> None:
    """Put the tensors into the network; every one must find its place, and every place one."""
    own = model.state_dict()
    # Counters of batch normalisation: files older than PyTorch 0.4 have none, nothing needs them.
    needed = {k for k in own if not k.endswith("num_batches_tracked")}
    missing, extra = sorted(needed - set(tensors)), sorted(set(tensors) - set(own))
    wrong = sorted(k for k in needed & set(tensors) if own[k].shape != tensors[k].shape)
    if missing or extra or wrong:
        what = (
            f"lacks {missing[0]}"
            if missing
            else f"has {extra[0]} besides"
            if extra
            else f"has {wrong[0]} of shape {tuple(tensors[wrong[0]].shape)}, "
            f"not {tuple(own[wrong[0]].shape)}"
        )
        raise BadInput(f"{file} is no {name}: it {what} (names as transformers has them)")
    model.load_state_dict({**own, **tensors})


_PREPROCESSING = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 224, "width": 224},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
"""ImageNet's mean and spread; bilinear, as torchvision resizes."""
