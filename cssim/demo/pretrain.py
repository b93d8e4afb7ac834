"""How the shipped tiny backbones were made.

    python -m cssim.demo.pretrain clip cssim/demo/weights/tiny-clip
    python -m cssim.demo.pretrain dino cssim/demo/weights/tiny-dino

Both see scenes of a world that the demo never draws, and no judgement; DINO sees no caption
either. The same command gives the same weights on one platform with one thread.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cssim.demo.pretrain_clip import train_clip
from cssim.demo.pretrain_dino import DinoConfig, train_dino
from cssim.demo.pretrain_views import MEAN, SIDE, STD, WORLD, pictures
from cssim.demo.scenes import random_scenes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

EPOCHS = {"clip": 14, "dino": DinoConfig().epochs}
"""Passes over the scenes."""
_PROCESSORS = {"clip": "CLIPImageProcessor", "dino": "ViTImageProcessor"}


def main(arguments: list[str] | None = None) -> None:
    """Train a tiny backbone and write it as a Hugging Face folder."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m cssim.demo.pretrain")
    parser.add_argument("method", choices=EPOCHS, help="with captions, or without")
    parser.add_argument("folder", type=Path, help="where the Hugging Face folder goes")
    parser.add_argument("--per-context", type=int, default=1000, help="scenes of each context")
    parser.add_argument("--epochs", type=int, help="passes over the scenes")
    parser.add_argument("--cache", type=Path, help="keep the drawn scenes in this .npy file")
    chosen = parser.parse_args(arguments)
    torch.manual_seed(WORLD)
    scenes = [scene for _, scene in random_scenes(chosen.per_context, WORLD)]
    stored = pictures(scenes, chosen.cache)
    epochs = chosen.epochs or EPOCHS[chosen.method]
    model: PreTrainedModel = (
        train_clip(stored, scenes, epochs)
        if chosen.method == "clip"
        else train_dino(stored, replace(DinoConfig(), epochs=epochs))
    )
    save(model, chosen.folder, _PROCESSORS[chosen.method])


def save(model: PreTrainedModel, folder: Path, processor: str) -> None:
    """Write `model` in half precision with the configuration of its image processor."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)  # type: ignore[no-untyped-call]
    described = {
        "image_processor_type": processor,
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
        "resample": 3,
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [MEAN] * 3,
        "image_std": [STD] * 3,
    }
    text = json.dumps(described, indent=2) + "\n"
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")
    (folder / "model.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
