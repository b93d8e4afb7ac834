"""Embedded colour profiles (ICC): what a picture's numbers mean, turned into sRGB.

Screens, models and metrics here all take pixels as sRGB. A photo in Display P3 or Adobe RGB, a
CMYK scan and a grey picture with a curve of its own mean other colours by the same numbers; they
are converted when they are decoded, by relative colorimetric intent with black point compensation
(ICC.1:2022, 6.2.3). Profiles that say sRGB in other words cost a look-up and change no pixel.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from enum import Enum
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

VERSION = "icc-1"
"""Of the conversion: what was computed of a converted picture is kept under this version."""
NEAR = 2
"""Levels 0..255; a profile that nowhere moves a colour further says sRGB."""
UNUSABLE = "its colour profile cannot be used; its pixels are taken as sRGB"
"""What a person is told of a picture whose profile is broken or made for other pixels."""

_LARGEST = 4 << 20
"""Bytes of a profile that is read at all; those of printing presses have up to 3 MB."""
_GREY = ("1", "L", "LA", "La", "F")
_SPACES = {"L": ("GRAY", "RGB"), "RGB": ("RGB",), "CMYK": ("CMYK",)}
"""Modes of pixels, and the spaces of profiles that may speak of them."""


class Use(Enum):
    """What a picture's profile is good for."""

    NONE = "there is none, or it says sRGB"
    CONVERT = "it is converted"
    UNUSABLE = "it is broken, or made for other pixels"


def use_of(image: Image.Image) -> Use:
    """What becomes of the picture's profile; reads no pixels.

    Args:
        image: as it was opened, whose format has put the profile into `info`.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "LAB":  # L*a*b* needs none, and Pillow knows it
        return Use.NONE
    way = _way(bytes(profile), plain_mode(image))
    return way if isinstance(way, Use) else Use.CONVERT


def plain_mode(image: Image.Image) -> str:
    """`L`, `CMYK` or `RGB`: the mode of the picture's colours without alpha, palette or depth."""
    if image.mode in _GREY or image.mode.startswith("I"):
        return "L"
    return "CMYK" if image.mode == "CMYK" else "RGB"


def converted(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB; None where its numbers are sRGB already, or nobody can tell.

    Args:
        image: of a mode that `plain_mode` names.
        profile: as the file holds it.
    """
    way = _way(bytes(profile), image.mode)
    return None if isinstance(way, Use) else way(image)


_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_EXACT = _FLAGS | ImageCms.Flags.NOOPTIMIZE


@lru_cache(maxsize=16)
def _way(profile: bytes, mode: str) -> Callable[[Image.Image], Image.Image] | Use:
    """What turns a picture of that mode into sRGB, or why nothing does.

    Building it takes milliseconds and an album has few profiles, so the last ones are kept.
    """
    if len(profile) > _LARGEST:
        return Use.UNUSABLE
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip().upper()
        if space not in _SPACES[mode]:
            return Use.UNUSABLE
        way = _by_curve(source) if space == "GRAY" else _by_transform(source, space)
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):  # whatever is wrong with it
        return Use.UNUSABLE
    return Use.NONE if space != "CMYK" and _changes_nothing(way, space) else way


def _by_curve(source: ImageCms.ImageCmsProfile) -> Callable[[Image.Image], Image.Image]:
    """For grey: each level is converted once, since a coarse grid would spoil the dark ones."""
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    tables = [band.tobytes() for band in _applied(_transform(source, "L", _EXACT), ramp).split()]

    def convert(image: Image.Image) -> Image.Image:
        return Image.merge("RGB", [image.point(list(table)) for table in tables])

    return convert


def _by_transform(
    source: ImageCms.ImageCmsProfile, mode: str
) -> Callable[[Image.Image], Image.Image]:
    transform = _transform(source, mode, _FLAGS)

    def convert(image: Image.Image) -> Image.Image:
        return _applied(transform, image if image.mode == mode else image.convert(mode))

    return convert


def _transform(
    source: ImageCms.ImageCmsProfile, mode: str, flags: ImageCms.Flags
) -> ImageCms.ImageCmsTransform:
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, srgb, mode, "RGB", _INTENT, flags)


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    out = ImageCms.applyTransform(image, transform)
    assert out is not None  # it works in place only where asked to
    out.info.pop("icc_profile", None)  # what it was converted to needs none
    return out


def _changes_nothing(way: Callable[[Image.Image], Image.Image], space: str) -> bool:
    """Whether a sample of all colours comes out as Pillow alone would make them RGB."""
    if space == "RGB":
        levels = np.arange(0, 256, 15, dtype=np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1)  # (18, 18, 18, 3)
        sample = Image.fromarray(grid.reshape(-1, len(levels), 3))
    else:
        sample = Image.frombytes("L", (256, 1), bytes(range(256)))
    moved = np.asarray(way(sample), np.int16) - np.asarray(sample.convert("RGB"), np.int16)
    return int(np.abs(moved).max()) <= NEAR
