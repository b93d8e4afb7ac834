"""All settings of a training run; a run is reproducible from them and the data's fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from cssim.errors import BadSetting

ADAPTERS = ("lora", "head", "full")
SPLITS = ("page", "reference", "strict", "paper")
SCHEDULES = ("cosine", "constant")
BLOCKS = ("antisymmetric", "linear")

_DEFAULTS: dict[str, dict[str, Any]] = {
    "lora": {"lr": 1e-3, "epochs": 20},
    "head": {"lr": 1e-3, "epochs": 60},
    "full": {"lr": 1e-5, "epochs": 20},
}
"""What an adapter takes where the config says None."""


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained; None means the adapter's own default and is filled in at birth."""

    adapter: str = "lora"
    """`lora`: low-rank changes of the backbone's layers; `head`: a low-rank linear change of the
    frozen embedding, trained in seconds; `full`: every weight of the backbone."""
    rank: int = 4
    """Rank of the change (LoRA and head), >= 1."""
    alpha: float | None = None
    """The change is scaled by alpha / rank; None: alpha = rank, so scale 1."""
    dropout: float = 0.0
    """LoRA and head: share of the change's inputs dropped while training, 0 to below 1."""
    targets: tuple[str, ...] = ()
    """Last parts of the names of the layers that LoRA adapts; empty: the family's default."""
    last_blocks: int | None = 4
    """LoRA and full: only the last so many blocks (and what follows them) learn; what lies before
    is computed once per image. None: all blocks. Four did as well as all on real judgements
    (docs/methods.md)."""
    epochs: int | None = None
    """Passes over the training triples, at most."""
    lr: float | None = None
    """Learning rate of the adapter at the start."""
    ranking_lr: float = 1e-3
    """Learning rate of the ranking block at the start."""
    schedule: str = "cosine"
    """`cosine`: the learning rates fall to 0 along half a cosine; `constant`: they stay."""
    weight_decay: float = 0.01
    """AdamW's decoupled decay; with 0 it is Adam."""
    batch_pages: int = 16
    """Pages per step; each distinct image among them is encoded once."""
    batch_triples: int = 0
    """Above 0, a step is so many single triples instead of whole pages: each triple comes twice in
    an epoch, once with A and B swapped, and each of its images is encoded, and augmented, anew."""
    held_images: int = 0
    """Images whose activations are held for the gradient at once (>= 3); a step on more is done in
    parts whose gradients add up. 0: 16 on a processor, no limit on a GPU, none for heads."""
    soft: bool = True
    """Learn the share of the votes; False: the majority's answer, without ties."""
    block: str = "antisymmetric"
    """Ranking block: `antisymmetric` (swapping A and B turns its answer), or `linear` (a linear
    layer from the three embeddings in a row to two numbers, as published)."""
    choice_weight: float = 1.0
    """Factor of the ranking block's cross-entropy."""
    order_weight: float = 1.0
    """Factor of the order triplet loss."""
    margin: float = 0.2
    """The order triplet's margin on squared distances of unit vectors (0..4), equal classes."""
    class_margin: float = 0.2
    """Added to the margin for each step between the candidates' classes."""
    validation_share: float = 0.2
    """Share of the pages held out to choose the best epoch; 0: the last epoch is kept."""
    split: str = "page"
    """How they are held out: `page`, `reference`, `strict` (no candidate in common), or `paper`
    (the last rows in their order, as published: a page may be parted)."""
    patience: int = 8
    """Epochs without a better one after which training stops; only with a validation part."""
    augment: bool = False
    """Random crops and flips, drawn anew for each image of each step."""
    compile: str = ""
    """Backend of torch.compile for the blocks that learn, e.g. `inductor`, which needs a C++
    compiler; empty: they run as they are."""
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.adapter not in ADAPTERS:
            raise BadSetting(f"adapter must be one of {', '.join(ADAPTERS)}, got {self.adapter!r}")
        choices = {"split": SPLITS, "schedule": SCHEDULES, "block": BLOCKS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise BadSetting(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        object.__setattr__(self, "targets", tuple(self.targets))
        for name, value in {"alpha": self.rank, **_DEFAULTS[self.adapter]}.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name, kind, low, high in _RANGES:
            value = getattr(self, name)
            if value is None and name == "last_blocks":
                continue
            if type(value) not in (int, kind) or not low <= value <= high:
                what = "a whole number" if kind is int else "a number"
                raise BadSetting(f"{name} must be {what} in {low}..{high}, got {value!r}")
        if self.held_images in (1, 2):
            raise BadSetting(f"a triple needs held_images of 3 or more, got {self.held_images}")
        if self.augment and self.adapter == "head":
            raise BadSetting("a head learns on embeddings computed once: it cannot augment images")

    @property
    def scale(self) -> float:
        """The factor alpha / rank of the low-rank change."""
        assert self.alpha is not None
        return self.alpha / self.rank

    @property
    def steps(self) -> tuple[int, float]:
        """(epochs, learning rate), filled in."""
        assert self.epochs is not None
        assert self.lr is not None
        return self.epochs, self.lr

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {**asdict(self), "targets": list(self.targets)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> TrainConfig:
        """The config of these fields; absent ones take their defaults.

        The field `recipe` names a preset of `RECIPES` that fills the others in; it is not kept, for
        the config says all that it said.

        Raises:
            BadSetting: a field is unknown, of the wrong type, or out of its range.
        """
        values = _with_recipe(dict(values))
        known = {f.name for f in fields(TrainConfig)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise BadSetting(
                f"unknown training setting {unknown[0]!r}; known are {', '.join(sorted(known))}"
            )
        try:
            return TrainConfig(**values)
        except TypeError as error:
            raise BadSetting(f"a training setting has the wrong type: {error}") from error


RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {
        "last_blocks": None,
        "epochs": 25,
        "schedule": "constant",
        "weight_decay": 0.0,
        "batch_triples": 8,
        "soft": False,
        "block": "linear",
        "choice_weight": 1.0,
        "order_weight": 0.1,
        "margin": 0.2,
        "class_margin": 0.2,
        "validation_share": 0.0,
        "augment": True,
        "clip": 1e6,
    },
    "global": {"rank": 16, "choice_weight": 0.0, "margin": 0.1, "class_margin": 0.0},
}
"""Settings by name of a recipe; the rest takes its defaults.

`default`: ours. `paper`: Liao and Chen 2024 without the defects of their release (their margin on
unnormalised distances, batch normalisation in training mode, a ranking block that stays random).
`global`: a rival for ensembles that is meant to be hard to beat, for one model on all answers:
hinge 0.05 on the difference of the cosine distances, which is 0.1 on squared distances.
"""
_PAPER_LR = {"lora": 1e-4, "full": 1e-5, "head": 1e-4}


def _with_recipe(values: dict[str, Any]) -> dict[str, Any]:
    """The fields with those of their recipe added."""
    name = values.pop("recipe", "default")
    if name not in RECIPES:
        raise BadSetting(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}")
    preset = dict(RECIPES[name])
    if name == "paper":
        rate = values.get("lr") or _PAPER_LR.get(values.get("adapter", "lora"), 1e-4)
        preset |= {"lr": rate, "ranking_lr": rate}
        if values.get("adapter") == "head":
            preset["augment"] = False  # it learns on embeddings that were computed once
    return preset | values


_RANGES: tuple[tuple[str, type, float, float], ...] = (
    ("rank", int, 1, 4096),
    ("alpha", float, 0, 65536),
    ("dropout", float, 0, 0.99),
    ("last_blocks", int, 1, 1000),
    ("epochs", int, 1, 100_000),
    ("lr", float, 0, 10),
    ("ranking_lr", float, 0, 10),
    ("weight_decay", float, 0, 10),
    ("batch_pages", int, 1, 100_000),
    ("batch_triples", int, 0, 100_000),
    ("held_images", int, 0, 100_000),
    ("choice_weight", float, 0, 1000),
    ("order_weight", float, 0, 1000),
    ("margin", float, 0, 4),
    ("class_margin", float, 0, 1),
    ("validation_share", float, 0, 0.9),
    ("patience", int, 1, 100_000),
    ("clip", float, 1e-6, 1e6),
    ("seed", int, 0, 2**31 - 1),
)
