"""What a batch costs, and how well its triples are answered, given the embeddings of its images."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from cssim.training.config import TrainConfig
from cssim.training.data import Batch
from cssim.training.losses import choice_loss, order_loss, unit
from cssim.training.model import RankingBlock, Trainable


def batch_loss(
    model: Trainable, embeddings: torch.Tensor, batch: Batch, config: TrainConfig
) -> torch.Tensor:
    """The loss of a batch from the (m, dim) embeddings of its distinct images.

    choice_weight * cross-entropy of the ranking block + order_weight * order triplet.
    """
    batch = on_device(batch, embeddings.device)
    rows = unit(embeddings)  # once per image, and not for each triple in which it stands
    logits = choice_logits(model, embeddings, batch, rows)
    choice = choice_loss(logits, batch.share_a, batch.weight)
    reference = rows[batch.reference]
    order = order_loss(
        (reference - rows[batch.a]).square().sum(dim=1),
        (reference - rows[batch.b]).square().sum(dim=1),
        batch.share_a,
        batch.margin,
        batch.weight,
    )
    return config.choice_weight * choice + config.order_weight * order


def choice_logits(
    model: Trainable, embeddings: torch.Tensor, batch: Batch, rows: torch.Tensor | None = None
) -> torch.Tensor:
    """(n,) the ranking block's log odds that `a` is closer; `rows` are `unit(embeddings)`."""
    if isinstance(model.ranking, RankingBlock):
        rows = unit(embeddings) if rows is None else rows
        return model.ranking.on_units(rows[batch.reference], rows[batch.a], rows[batch.b])
    return model.ranking(  # type: ignore[no-any-return]
        embeddings[batch.reference], embeddings[batch.a], embeddings[batch.b]
    )


def agreement(margin: torch.Tensor, share_a: torch.Tensor) -> float:
    """Share of the triples with a majority on which a margin > 0 means `a`; even margins half."""
    decided = share_a != 0.5
    if not bool(decided.any()):
        return math.nan
    right = torch.sign(margin) * torch.sign(share_a - 0.5)
    return float((0.5 + 0.5 * right[decided].double()).mean())


def set_scale(
    model: Trainable, encoded: Callable[[torch.Tensor], torch.Tensor], batch: Batch
) -> None:
    """Give the ranking block the sureness that fits the untrained distances best.

    The published block has none: it starts anywhere.
    """
    if not isinstance(model.ranking, RankingBlock):
        return
    embeddings = encoded(batch.images)
    batch = on_device(batch, embeddings.device)
    losses = {}
    with torch.no_grad():
        for power in range(17):
            model.ranking.log_scale.fill_(power * math.log(2) / 2)
            logits = choice_logits(model, embeddings, batch)
            losses[power] = float(choice_loss(logits, batch.share_a, batch.weight))
        model.ranking.log_scale.fill_(min(losses, key=losses.__getitem__) * math.log(2) / 2)


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with all its tensors on `device`."""
    return Batch(**{name: tensor.to(device) for name, tensor in vars(batch).items()})
