"""Pixels of any kind as sRGB, upright: orientation, modes, depth, transparency, profiles."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from cssim import colour

_OPAQUE_8_BIT = ("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "RGBX")
_ORIENTATION = 0x0112
"""EXIF tag; 5 to 8 mean that width and height change places."""


def in_srgb(image: Image.Image) -> Image.Image:
    """A picture of any mode in sRGB, on white where it is transparent."""
    profile = image.info.get("icc_profile")
    if profile and colour.use_of(image) is colour.Use.CONVERT:
        return _with_profile(image, bytes(profile))
    return _rgb(image)


def upright(image: Image.Image) -> Image.Image:
    """The picture turned and mirrored as its EXIF orientation says."""
    if orientation(image) == 1:
        return image
    return ImageOps.exif_transpose(image)


def orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1 (upright) where there is none or it makes no sense."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a broken EXIF block does not spoil the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _with_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture converted by a profile that can be used; transparency is laid on white."""
    mode = colour.plain_mode(image)
    wide = image.mode == "F" or image.mode.startswith("I")
    plain = (_from_wide(image) if wide else _opaque(image)).convert(mode)
    rgb = colour.converted(plain, profile) or plain.convert("RGB")
    if wide or not _is_layered(image):
        return rgb
    rgb.putalpha(image.convert("RGBA").getchannel("A"))
    return _on_white(rgb)


def _opaque(image: Image.Image) -> Image.Image:
    """The colours without what says where they are transparent."""
    if not _is_layered(image):
        return image
    return image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")


def _is_layered(image: Image.Image) -> bool:
    return image.mode not in _OPAQUE_8_BIT or "transparency" in image.info


def _on_white(layered: Image.Image) -> Image.Image:
    white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layered).convert("RGB")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_wide(image)
    if image.mode in _OPAQUE_8_BIT and "transparency" not in image.info:
        return image.convert("RGB")
    return _on_white(image.convert("RGBA"))


def _from_wide(image: Image.Image) -> Image.Image:
    """One channel of 16 or 32 bits: scaled to 0..255, where Pillow's own conversion clips.

    Integers within 0..65535 are taken as 16 bits and floats within 0..1 as shares of white; other
    ranges are stretched from their least to their greatest value.
    """
    values = np.asarray(image, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    full = 1.0 if image.mode == "F" else 65535.0
    if low >= 0 and high <= full:
        low, high = 0.0, full
    scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(scaled).astype(np.uint8), mode="L").convert("RGB")
