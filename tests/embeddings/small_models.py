"""Small random networks of each family, saved as Hugging Face folders, and pictures to embed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

SIZE = 32
_VIT: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": SIZE,
    "patch_size": 8,
}


def _vit():
    from transformers import ViTConfig, ViTModel

    return ViTModel(ViTConfig(**_VIT), add_pooling_layer=False)


def _dinov2():
    from transformers import Dinov2Config, Dinov2Model

    layout = {k: v for k, v in _VIT.items() if k != "intermediate_size"}
    return Dinov2Model(Dinov2Config(**layout))


def _dinov2_with_registers():
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    layout = {k: v for k, v in _VIT.items() if k != "intermediate_size"}
    return Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**layout, num_register_tokens=2))


def _deit():
    from transformers import DeiTConfig, DeiTModel

    return DeiTModel(DeiTConfig(**_VIT), add_pooling_layer=False)


def _dinov3():
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    return DINOv3ViTModel(DINOv3ViTConfig(**_VIT))


def _clip():
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    text = CLIPTextConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        projection_dim=24,
    )
    vision = CLIPVisionConfig(**_VIT, projection_dim=24)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24))


def _siglip():
    from transformers import SiglipVisionConfig, SiglipVisionModel

    return SiglipVisionModel(SiglipVisionConfig(**_VIT))


def _resnet():
    from transformers import ResNetConfig, ResNetModel

    return ResNetModel(
        ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16, 24], depths=[1, 2, 1], layer_type="basic"
        )
    )


def _mobilenet_v2():
    from transformers import MobileNetV2Config, MobileNetV2Model

    return MobileNetV2Model(MobileNetV2Config(depth_multiplier=0.25, image_size=SIZE))


def _mobilenet_v1():
    from transformers import MobileNetV1Config, MobileNetV1Model

    return MobileNetV1Model(MobileNetV1Config(depth_multiplier=0.25, image_size=SIZE))


def _convnext():
    from transformers import ConvNextConfig, ConvNextModel

    return ConvNextModel(
        ConvNextConfig(
            hidden_sizes=[8, 16, 24], depths=[1, 2, 1], num_stages=3, layer_scale_init_value=0.5
        )
    )


BUILDERS: dict[str, Callable[[], Any]] = {
    "vit": _vit,
    "deit": _deit,
    "dinov2": _dinov2,
    "dinov2_with_registers": _dinov2_with_registers,
    "dinov3": _dinov3,
    "clip": _clip,
    "siglip": _siglip,
    "resnet": _resnet,
    "mobilenet_v1": _mobilenet_v1,
    "mobilenet_v2": _mobilenet_v2,
    "convnext": _convnext,
}
FAMILIES = sorted(BUILDERS)


def save_small(family: str, folder: Path, *, seed: int = 0) -> Path:
    """A random network of the family, with its image processor, in `folder`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BUILDERS[family]()
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
    model.save_pretrained(folder)
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": SIZE, "width": SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.25, 0.5, 0.2],
        "resample": 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def pictures(n: int, *, seed: int = 0, size: tuple[int, int] = (40, 30)) -> list[PIL.Image.Image]:
    """Random pictures with coarse blobs, in RGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 5, 4, 3), dtype=np.uint8)
    return [PIL.Image.fromarray(c).resize(size, PIL.Image.Resampling.BICUBIC) for c in coarse]
