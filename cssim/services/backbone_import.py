"""Bring a backbone that is published as a checkpoint file into the folder of backbones."""

from __future__ import annotations

from pathlib import Path

from cssim.config import Settings


def import_backbone(settings: Settings, name: str, file: Path) -> Path:
    """The folder that the checkpoint file was made into; from now on `name` can be loaded.

    Args:
        settings: say where backbones lie (`CSSIM_MODELS`, or `backbones` in the home folder).
        name: a name of `cssim.embeddings.checkpoints.CHECKPOINTS`, such as `vgg-16`.
        file: the published file.

    Raises:
        NotFound, BadInput, Conflict: see `cssim.embeddings.checkpoints.convert`.
    """
    from cssim.embeddings.checkpoints import convert

    folder = settings.models or settings.home / "backbones"
    return convert(name, file, folder / name)
