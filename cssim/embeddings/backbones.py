"""Which backbones there are, and where their weights lie; nothing here loads torch.

A name is looked up in this order: a local folder, the folder of `CSSIM_MODELS`, the tiny
backbones that come with CS-Sim, the cache of the Hub on this machine, the Hub itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cssim.embeddings.checkpoints import CHECKPOINTS, how_to_convert
from cssim.embeddings.weights import (
    fetch,
    hub_folder,
    is_model_folder,
    looks_like_hub_name,
    model_type,
)
from cssim.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from cssim.embeddings.network import Backbone

SHIPPED = Path(__file__).resolve().parent.parent / "demo" / "weights"
"""Folder of the tiny backbones that come with CS-Sim."""

LORA_TARGETS = {
    "vit": ("q_proj", "v_proj"),
    "clip": ("q_proj", "v_proj"),
    "siglip": ("q_proj", "v_proj"),
    "cnn": ("convolution",),
    "convnext": ("pwconv1", "pwconv2"),
}
"""Last parts of the names of the layers that LoRA adapts by default, for each family."""

FAMILIES = {
    "vit": "vit",
    "deit": "vit",
    "dinov2": "vit",
    "dinov2_with_registers": "vit",
    "dinov3_vit": "vit",
    "clip": "clip",
    "clip_vision_model": "clip",
    "siglip": "siglip",
    "siglip_vision_model": "siglip",
    "resnet": "cnn",
    "mobilenet_v1": "cnn",
    "mobilenet_v2": "cnn",
    "convnext": "convnext",
    "convnextv2": "convnext",
    "dinov3_convnext": "convnext",
    "cssim-vgg": "cnn",
    "cssim-retrieval-resnet": "cnn",
}
"""`model_type` of a Hugging Face configuration -> family."""

POOLING = {
    "vit": "class token",
    "clip": "projection",
    "siglip": "pooler",
    "cnn": "pooler",
    "convnext": "pooler",
    "metric": "none",
    "unknown": "pooler",
}
"""How each family means its image embedding.

`class token`: the first token after the final norm; `projection`: CLIP's `image_embeds`, the
vector that is compared with texts; `pooler`: `pooler_output`, flattened.
"""


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """What is known of a backbone before it is loaded."""

    name: str
    """Short name, Hub name, or the folder's full path."""
    hub: str = ""
    """Hub name such as `facebook/dino-vits16`; empty for folders, checkpoint files and metrics."""
    family: str = "unknown"
    """`vit`, `clip`, `siglip`, `cnn`, `convnext`, `metric`, or `unknown` until it is loaded."""
    input_size: int = 0
    """Side of the square input in pixels; 0 where only the loaded folder tells."""
    parameters: float = 0.0
    """Millions of parameters of the image tower; 0 where unknown."""
    licence: str = "see its source"
    folder: Path | None = None
    """Where it lies on this machine; None where it does not, or needs no weights."""

    @property
    def pooling(self) -> str:
        """How the embedding is taken; see `POOLING`."""
        return POOLING[self.family]

    @property
    def targets(self) -> tuple[str, ...]:
        """Layers that LoRA adapts by default; empty for metrics and unknown families."""
        return LORA_TARGETS.get(self.family, ())


def _row(
    name: str, hub: str, family: str, size: int, millions: float, licence: str
) -> BackboneSpec:
    return BackboneSpec(name, hub, family, size, millions, licence)


_APACHE, _MIT, _BSD = "Apache-2.0", "MIT", "BSD-3-Clause"
_DINOV3, _DINOV3_HUB = "DINOv3 licence (gated)", "facebook/dinov3-vit"

REGISTRY: dict[str, BackboneSpec] = {
    spec.name: spec
    for spec in (
        _row("dino-vits16", "facebook/dino-vits16", "vit", 224, 21.7, _APACHE),
        _row("dino-vitb16", "facebook/dino-vitb16", "vit", 224, 85.8, _APACHE),
        _row("dinov2-small", "facebook/dinov2-small", "vit", 224, 22.1, _APACHE),
        _row("dinov2-base", "facebook/dinov2-base", "vit", 224, 86.6, _APACHE),
        _row("dinov3-vits16", f"{_DINOV3_HUB}s16-pretrain-lvd1689m", "vit", 224, 21.6, _DINOV3),
        _row("dinov3-vitb16", f"{_DINOV3_HUB}b16-pretrain-lvd1689m", "vit", 224, 85.7, _DINOV3),
        _row("clip-vitb32", "openai/clip-vit-base-patch32", "clip", 224, 87.8, _MIT),
        _row("clip-vitb16", "openai/clip-vit-base-patch16", "clip", 224, 86.2, _MIT),
        _row("clip-vitl14", "openai/clip-vit-large-patch14", "clip", 224, 304.0, _MIT),
        _row("openclip-vitb32", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "clip", 224, 87.8, _MIT),
        _row("siglip-b16", "google/siglip-base-patch16-224", "siglip", 224, 92.9, _APACHE),
        _row("siglip2-b16", "google/siglip2-base-patch16-224", "siglip", 224, 92.9, _APACHE),
        _row("vit-b16-in21k", "google/vit-base-patch16-224-in21k", "vit", 224, 85.8, _APACHE),
        _row("convnext-tiny", "facebook/convnext-tiny-224", "convnext", 224, 27.8, _APACHE),
        _row("resnet-18", "microsoft/resnet-18", "cnn", 224, 11.2, _APACHE),
        _row("resnet-34", "microsoft/resnet-34", "cnn", 224, 21.3, _APACHE),
        _row("resnet-50", "microsoft/resnet-50", "cnn", 224, 23.5, _APACHE),
        _row("mobilenet-v1", "google/mobilenet_v1_1.0_224", "cnn", 224, 3.2, _APACHE),
        _row("mobilenet-v2", "google/mobilenet_v2_1.0_224", "cnn", 224, 2.2, _APACHE),
        _row("resnet-18-places365", "", "cnn", 224, 11.2, "CC BY"),
        _row("vgg-11", "", "cnn", 224, 9.2, _BSD),
        _row("vgg-11-bn", "", "cnn", 224, 9.2, _BSD),
        _row("vgg-13", "", "cnn", 224, 9.4, _BSD),
        _row("vgg-13-bn", "", "cnn", 224, 9.4, _BSD),
        _row("vgg-16", "", "cnn", 224, 14.7, _BSD),
        _row("vgg-16-bn", "", "cnn", 224, 14.7, _BSD),
        _row("cvnet-r50", "", "cnn", 224, 27.7, "see its source"),
        _row("cvnet-r101", "", "cnn", 224, 46.7, "see its source"),
        BackboneSpec("histogram", family="metric", licence="none needed"),
        BackboneSpec("hog", family="metric", licence="none needed"),
        BackboneSpec("ssim", family="metric", licence="none needed"),
    )
}
"""The backbones and metrics with a short name; any Hub name and any local folder work as well."""


def shipped() -> tuple[str, ...]:
    """Names of the tiny backbones that come with CS-Sim, sorted."""
    if not SHIPPED.is_dir():
        return ()
    return tuple(sorted(p.name for p in SHIPPED.iterdir() if is_model_folder(p)))


def resolve(name: str, *, models: Path | None = None) -> BackboneSpec:
    """What `name` stands for, with its folder where the weights are on this machine.

    Args:
        name: A name of `REGISTRY`, a shipped name (`tiny-...`), a Hub name, or a local folder.
        models: Folder that holds Hugging Face folders by Hub name (`CSSIM_MODELS`).

    Raises:
        NotFound: the name is none of these.
    """
    if is_model_folder(Path(name)):
        local = Path(name).resolve()
        return _described(BackboneSpec(str(local)), local)
    if (SHIPPED / name).parent == SHIPPED and is_model_folder(SHIPPED / name):
        return _described(BackboneSpec(name, licence="as CS-Sim"), SHIPPED / name)
    spec = REGISTRY.get(name)
    if spec is None:
        by_hub = {row.hub: row for row in REGISTRY.values() if row.hub}
        spec = by_hub.get(name) or (
            BackboneSpec(name, hub=name) if looks_like_hub_name(name, models) else None
        )
    if spec is None:
        raise NotFound(
            f"no backbone is called {name!r}: expected one of {', '.join(known())}, a Hub name "
            "such as facebook/dino-vits16, or a folder with config.json and model.safetensors, "
            f"here or in {models or 'that of `models`, or CSSIM_MODELS'}"
        )
    if spec.family == "metric":
        return spec
    folder = _folder_of(spec, models)
    return spec if folder is None else _described(spec, folder)


def known() -> tuple[str, ...]:
    """All short names: shipped ones first, then the registry's."""
    return (*shipped(), *REGISTRY)


def status(name: str, *, models: Path | None = None) -> tuple[bool, str]:
    """Whether `name` can be loaded now without a network, and where from or what to do."""
    try:
        spec = resolve(name, models=models)
    except NotFound as error:
        return False, str(error)
    if spec.family == "metric":
        return True, "needs no weights"
    if spec.folder is None:
        return False, _advice(spec, models)
    return True, f"in {spec.folder}"


def how_to_get(hub: str, models: Path | None = None) -> str:
    """What to do about a backbone that is not on this machine."""
    place = f"below the folder CSSIM_MODELS, as {hub}"
    if models:
        place = f"to {models / hub} (CSSIM_MODELS names another place than {models})"
    return (
        f"the weights of {hub} are not on this machine. Where the Hub can be reached they are "
        f"fetched at first use, or beforehand with `hf download {hub}`. Elsewhere, copy its "
        f"Hugging Face folder {place}."
    )


def _advice(spec: BackboneSpec, models: Path | None) -> str:
    """What to do about an absent backbone: from the Hub, or from a published file, or either."""
    if not spec.hub:
        return how_to_convert(spec.name)
    file = f" Or else: {how_to_convert(spec.name)}" if spec.name in CHECKPOINTS else ""
    return how_to_get(spec.hub, models) + file


def load_backbone(
    name: str,
    *,
    models: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Backbone:
    """The backbone of that name, in eval mode on its device.

    Args:
        name: See `resolve`.
        models: See `resolve`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`; `auto` takes the fastest there is.
        precision: `auto`, `float32` or `bfloat16`; `auto` takes bfloat16 where it pays.

    Raises:
        Unavailable: the weights are not here and cannot be fetched.
        NotFound: nothing is called `name`.
        BadInput: the folder, the device or the precision cannot be used.
    """
    from cssim.embeddings.network import load

    spec = resolve(name, models=models)
    if spec.folder is None and spec.family != "metric":
        if not spec.hub:
            raise Unavailable(f"{spec.name} is not on this machine: {_advice(spec, models)}")
        spec = _described(spec, fetch(spec.hub, _advice(spec, models)))
    return load(spec, device=device, precision=precision)


def _folder_of(spec: BackboneSpec, models: Path | None) -> Path | None:
    if models is not None:
        for name in filter(None, (spec.hub, spec.name)):
            if is_model_folder(models / name):
                return models / name
    return hub_folder(spec.hub) if spec.hub else None


def _described(spec: BackboneSpec, folder: Path) -> BackboneSpec:
    """The spec with its folder, and with what the folder says where the registry does not."""
    from cssim.embeddings.folders import input_size, millions

    family = FAMILIES.get(model_type(folder), "unknown")
    return replace(
        spec,
        folder=folder,
        family=family if spec.family == "unknown" else spec.family,
        input_size=spec.input_size or input_size(folder),
        parameters=spec.parameters or millions(folder),
    )
