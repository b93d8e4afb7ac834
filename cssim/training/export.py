"""A trained model as a folder that transformers and peft read without CS-Sim.

README.md   how to read it, in a few lines of Python that run
processor/  how pictures become pixels, for `AutoImageProcessor`: always the whole picture
backbone/   the frozen backbone's own files, for `AutoModel`
adapter/    LoRA, for `PeftModel.from_pretrained` (models trained with LoRA)
network/    the whole network with all its weights, for `AutoModel` alone: full fine-tuning, or LoRA
            where peft's wrapper does not run in the network's own code, as in MobileNet
model/      the model as CS-Sim keeps it, with its card, its ranking block, and its head
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from cssim.embeddings.preprocess import Preprocessing
from cssim.embeddings.weights import model_type, weight_files
from cssim.errors import Unavailable
from cssim.training.checkpoint import CARD, TENSORS, TrainedModel, read_tensors
from cssim.training.config import TrainConfig

if TYPE_CHECKING:
    from peft import PeftModel

BACKBONE, ADAPTER, NETWORK, MODEL = "backbone", "adapter", "network", "model"
PROCESSOR = "processor"
_BODY = "network.body."

_POOLED = {
    "class token": "output.last_hidden_state[:, 0]",
    "projection": "output.image_embeds",
}
_LORA = """from peft import PeftModel
network = PeftModel.from_pretrained(network, "adapter")
"""
_CONVOLUTIONS = """import torch
from peft import PeftModel
from transformers import AutoModel
network = PeftModel.from_pretrained(AutoModel.from_pretrained("backbone"), "adapter")
for module in network.modules():
    inner = getattr(module, "base_layer", None)
    if isinstance(inner, torch.nn.Conv2d):
        module.stride, module.kernel_size = inner.stride, inner.kernel_size
        module.dilation = inner.dilation
"""
_MERGED = """`network` holds LoRA folded into the weights. This network pads by its convolutions'
own numbers, which peft's wrapper hides, so that the adapter alone runs only after these lines:

```python
{code}```

"""
_HEAD = """from safetensors.torch import load_file
head = load_file("model/model.safetensors")
embedding = embedding + {scale} * embedding @ head["head.down.weight"].T @ head["head.up.weight"].T
"""


def export_trained(model: TrainedModel, folder: Path, target: Path) -> None:
    """Write a trained model to a folder of its own.

    Args:
        model: as loaded.
        folder: where CS-Sim keeps it.
        target: exists, and is empty.

    Raises:
        Unavailable: the backbone has no files of its own to copy.
    """
    source = model.backbone.spec.folder
    if source is None:
        raise Unavailable(f"{model.backbone.name} has no folder of weights to export")
    _copy_backbone(source, target / BACKBONE)
    _save_processor(model.backbone.preprocessing, target / PROCESSOR)
    (target / MODEL).mkdir()
    for name in (CARD, TENSORS):
        shutil.copy2(folder / name, target / MODEL / name)
    config = TrainConfig.from_dict(model.info.config)
    tensors, _ = read_tensors(folder / TENSORS)
    whole: Any = model.model.network.body if config.adapter == "full" else None
    if config.adapter == "lora":
        adapted = _adapted(model, config, tensors)
        adapted.save_pretrained(str(target / ADAPTER), save_embedding_layers=False)
        if not _runs(adapted, model):
            whole = adapted.merge_and_unload()
    if whole is not None:
        whole.save_pretrained(target / NETWORK)
        _copy_description(source, target / NETWORK)
    (target / "README.md").write_text(
        _readme(model, config, whole=whole is not None), encoding="utf-8"
    )


def _copy_backbone(source: Path, target: Path) -> None:
    """Its configuration and weights, bit for bit, so that their digest stays the same."""
    target.mkdir()
    for path in (source / "config.json", *weight_files(source), *source.glob("*.index.json")):
        shutil.copy2(path, target / path.name)
    _copy_description(source, target)


def _copy_description(source: Path, target: Path) -> None:
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (source / name).is_file():
            shutil.copy2(source / name, target / name)


def _save_processor(given: Preprocessing, target: Path) -> None:
    """The backbone's own processor may crop, which would hide the border of a picture."""
    words = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": given.height, "width": given.width},
        "resample": given.resample,
        "do_rescale": True,
        "rescale_factor": given.scale,
        "do_normalize": True,
        "image_mean": list(given.mean),
        "image_std": list(given.std),
    }
    target.mkdir()
    (target / "preprocessor_config.json").write_text(json.dumps(words, indent=1), encoding="utf-8")


def _adapted(
    model: TrainedModel, config: TrainConfig, tensors: Mapping[str, torch.Tensor]
) -> PeftModel:
    """The same LoRA as peft makes it, on a copy of the frozen backbone."""
    import copy

    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft takes fractions as well
        lora_dropout=config.dropout,
        target_modules=_targets(tensors),
        bias="none",
    )
    with warnings.catch_warnings():
        # peft asks transformers by a name that transformers has given up.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        adapted = get_peft_model(copy.deepcopy(model.backbone.module.body), lora)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if ".lora_" in name:
                parameter.copy_(tensors[_BODY + name.removeprefix("base_model.model.")])
    adapted.peft_config["default"].base_model_name_or_path = BACKBONE
    return adapted.eval()


def _runs(adapted: PeftModel, model: TrainedModel) -> bool:
    """Whether the network runs with peft's wrappers in it, as `PeftModel` leaves them.

    MobileNet's own code asks each convolution for its stride and the like, to pad as TensorFlow
    does; a wrapper has none.
    """
    size = model.backbone.preprocessing
    try:
        with torch.inference_mode():
            adapted(torch.zeros(1, 3, size.height, size.width, device=model.backbone.device))
    except AttributeError:
        return False
    return True


def _targets(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Full names of the adapted layers of the network."""
    names = {name.removeprefix(_BODY).split(".lora_")[0] for name in tensors if ".lora_" in name}
    return sorted(names)


def _loader(model: TrainedModel) -> str:
    """What reads its backbone; two-tower models have a class of their own for the image tower."""
    name = type(model.backbone.module.body).__name__
    return name if model.backbone.spec.family in ("clip", "siglip") else "AutoModel"


def _ours(model: TrainedModel) -> bool:
    source = model.backbone.spec.folder
    return source is not None and model_type(source).startswith("cssim-")


def _readme(model: TrainedModel, config: TrainConfig, *, whole: bool) -> str:
    size = model.backbone.preprocessing
    loader = _loader(model)
    lines = [
        f"from transformers import AutoImageProcessor, {loader}",
        f'processor = AutoImageProcessor.from_pretrained("{PROCESSOR}")',
        f'network = {loader}.from_pretrained("{NETWORK if whole else BACKBONE}")',
    ]
    if _ours(model):
        lines.insert(1, "from cssim.embeddings import retrieval, vgg")
        lines.insert(2, "retrieval.register(); vgg.register()  # networks that transformers lacks")
    text = "\n".join(lines) + "\n"
    if config.adapter == "lora" and not whole:
        text += _LORA
    text += "network = network.eval()\n"
    text += 'output = network(**processor(images, return_tensors="pt"))\n'
    pooled = _POOLED.get(model.backbone.spec.pooling, "output.pooler_output.flatten(1)")
    text += f"embedding = {pooled}\n"
    if config.adapter == "head":
        text += _HEAD.format(scale=config.scale)
    return (
        f"# {model.name}\n\nTrained by CS-Sim on {model.info.backbone} ({config.adapter}). "
        f"Pictures are resized to {size.width} x {size.height}; two are the closer, the smaller "
        "1 - cosine of their embeddings is. From this folder:\n\n"
        f"```python\n{text}```\n\n"
        + (_MERGED.format(code=_CONVOLUTIONS) if whole and config.adapter == "lora" else "")
        + "`python -m cssim models import FOLDER` takes it back into a project.\n"
    )
