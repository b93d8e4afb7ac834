"""Paths, Pillow images and arrays as the upright RGB pictures that encoders take.

Files are decoded by the image store's own decoder, so that a picture has the same pixels whether it
was uploaded or is asked about by its path.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cssim.errors import BadImage, BadInput, NotFound
from cssim.images import decode
from cssim.pixels import in_srgb, upright

Picture: TypeAlias = str | Path | PIL.Image.Image | NDArray[np.uint8]
"""A path, a Pillow image, or an array (height, width) or (height, width, 3) of uint8."""


def as_picture(given: Picture) -> PIL.Image.Image:
    """The picture in RGB, upright.

    Raises:
        NotFound: there is no such file.
        BadImage: the file or the Pillow image cannot be decoded.
        BadInput: an array of another shape or type, or something that is no picture.
    """
    if isinstance(given, str | Path):
        return _from_file(Path(given))
    if isinstance(given, PIL.Image.Image):
        return _from_pillow(given)
    if isinstance(given, np.ndarray):
        return _from_array(given)
    raise BadInput(f"expected a path, a Pillow image or a uint8 array, got {type(given).__name__}")


def _from_file(path: Path) -> PIL.Image.Image:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no image file {path}") from None
    except OSError as error:
        raise BadImage(f"{path} cannot be read: {error.strerror}") from error
    return decode(data, name=str(path))


def _from_pillow(image: PIL.Image.Image) -> PIL.Image.Image:
    """Any mode, as the image store would have it."""
    try:
        image.load()
        return in_srgb(upright(image))
    except (OSError, ValueError) as error:
        raise BadImage(f"a Pillow image of mode {image.mode} cannot be used: {error}") from error


def _from_array(array: NDArray[np.uint8]) -> PIL.Image.Image:
    colour = array.ndim == 3 and array.shape[2] == 3
    if array.dtype != np.uint8 or not (array.ndim == 2 or colour) or not array.size:
        raise BadInput(
            "an array must be uint8 of shape (height, width) or (height, width, 3), got "
            f"{array.dtype} of shape {array.shape}"
        )
    return PIL.Image.fromarray(np.ascontiguousarray(array)).convert("RGB")
