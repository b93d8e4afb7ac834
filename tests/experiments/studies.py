"""What is compared: settings by name, the first of which the others are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]

PARTS: dict[str, tuple[str, Settings]] = {
    "default": ("the recipe `default`", {}),
    "linear-block": ("linear ranking block in place of the antisymmetric one", {"block": "linear"}),
    "majority": ("the majority's answer in place of shares of votes", {"soft": False}),
    "no-order": ("without the order triplet", {"order_weight": 0.0}),
    "order-0.1": ("order triplet weighed 0.1, as in the paper", {"order_weight": 0.1}),
    "no-choice": ("without the ranking block's cross-entropy", {"choice_weight": 0.0}),
    "raw-margin": ("order triplet on unnormalised distances, as in the release", {"raw": True}),
    "margin-0.05": ("margin 0.05 in place of 0.2", {"margin": 0.05}),
    "margin-0.5": ("margin 0.5 in place of 0.2", {"margin": 0.5}),
    "no-classes": ("no wider margin between classes", {"class_margin": 0.0}),
    "singles-8": ("steps of 8 single triples, both orders", {"batch_triples": 8}),
    "last-epoch": ("nothing held out, last epoch kept", {"validation_share": 0.0}),
    "augment": ("pictures cropped and flipped anew in each step", {"augment": True}),
    "constant": ("constant learning rates", {"schedule": "constant"}),
    "no-clip": ("gradients not clipped", {"clip": 1e6}),
    "no-decay": ("no weight decay", {"weight_decay": 0.0}),
}
"""Name -> what is changed, in words, and the settings; `raw` is none of the product's, see
`trial.raw_margin`."""

RECIPES: dict[str, tuple[str, Settings]] = {
    "default": ("default", {}),
    "paper": ("paper", {"recipe": "paper"}),
    "frozen": ("frozen backbone", {}),
}

DEPTHS: dict[str, tuple[str, Settings]] = {
    "4": ("4", {"last_blocks": 4}),
    "1": ("1", {"last_blocks": 1}),
    "2": ("2", {"last_blocks": 2}),
    "6": ("6", {"last_blocks": 6}),
    "8": ("8", {"last_blocks": 8}),
    "all": ("all", {"last_blocks": None}),
    "head": ("head", {"adapter": "head"}),
    "frozen": ("frozen backbone", {}),
}
"""How many of the last blocks LoRA adapts."""

STUDIES = {"parts": PARTS, "recipes": RECIPES, "depth": DEPTHS}
