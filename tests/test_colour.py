"""Colour profiles, held against matrices and tables worked out without any colour library."""

import io
from itertools import product

import numpy as np
import pytest
from PIL import Image

from cssim import colour
from cssim.images import ImageStore, colour_of, decode
from tests.icc import (
    ADOBE,
    P3,
    SRGB,
    by_matrices,
    cmyk_profile,
    grey_profile,
    rgb_profile,
    srgb_coded,
)

BITS = (0, 1)
CORNERS = list(product(BITS, BITS, BITS, BITS))
RUBBISH = b"\0\0\2\0" + b"no profile at all" * 30


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def levels(data):
    return np.asarray(decode(data, name="a"), dtype=float)


def noise(shape=(48, 64, 3)):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(("primaries", "gamma"), [(P3, None), (ADOBE, 563 / 256), (P3, 1.8)])
def test_wide_colours_become_srgb_as_the_matrices_say(primaries, gamma):
    pixels = noise()
    data = encoded(Image.fromarray(pixels), icc_profile=rgb_profile(primaries, gamma=gamma))
    assert np.abs(levels(data) - by_matrices(pixels, primaries, gamma)).max() <= 1


def test_the_red_of_srgb_is_a_paler_number_in_display_p3():
    """The example that every description of Display P3 gives."""
    image = Image.new("RGB", (2, 2), (234, 51, 35))
    assert levels(encoded(image, icc_profile=rgb_profile(P3)))[0, 0].tolist() == [255, 0, 0]


def test_a_profile_that_says_srgb_changes_nothing():
    image = Image.fromarray(noise())
    data = encoded(image, icc_profile=rgb_profile(SRGB))
    assert np.array_equal(levels(data), np.asarray(image))
    assert colour_of(data) == ""


def test_grey_has_a_curve_of_its_own():
    ramp = np.arange(256, dtype=np.uint8)[None]
    found = levels(encoded(Image.fromarray(ramp), icc_profile=grey_profile(1.0)))
    expected = 255 * srgb_coded(ramp / 255)
    assert np.abs(found - expected[..., None]).max() <= 1
    assert found[0, 128].tolist() == [188, 188, 188]


def test_sixteen_bits_of_grey_have_a_curve_as_well():
    ramp = (np.arange(256, dtype=np.uint16) * 257)[None]
    found = levels(encoded(Image.fromarray(ramp), "TIFF", icc_profile=grey_profile(1.0)))
    assert np.abs(found[0, :, 0] - 255 * srgb_coded(np.arange(256) / 255)).max() <= 1


def test_inks_have_the_colours_that_the_table_of_their_profile_gives():
    """A table of 16 corners: Lab is linear between them, and here every corner is a grey."""
    corner = {inks: (255 - 60 * sum(inks), 128, 128) for inks in CORNERS}
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    found = levels(encoded(image, "JPEG", quality=100, icc_profile=cmyk_profile(corner)))[0, 0]
    lightness = 195 / 255 * 100
    shares_of_light = ((lightness + 16) / 116) ** 3  # CIE 15: L* above 8
    assert found == pytest.approx([255 * float(srgb_coded(np.array(shares_of_light)))] * 3, abs=2)
    assert found[0] != 0  # what Pillow alone makes of full cyan


def test_a_grey_picture_may_carry_a_profile_for_colours():
    ramp = np.arange(0, 256, 5, dtype=np.uint8)[None]
    found = levels(encoded(Image.fromarray(ramp), icc_profile=rgb_profile(P3, gamma=1.8)))
    expected = by_matrices(np.repeat(ramp[..., None], 3, axis=-1), P3, 1.8)
    assert np.abs(found - expected).max() <= 1


def test_transparency_is_laid_on_the_white_of_srgb_after_the_conversion():
    pixels = np.full((1, 2, 4), (200, 100, 50, 255), dtype=np.uint8)
    pixels[0, 1, 3] = 128
    found = levels(encoded(Image.fromarray(pixels), icc_profile=rgb_profile(P3)))
    solid = by_matrices(np.array([200, 100, 50], dtype=np.uint8), P3, None)
    assert np.abs(found[0, 0] - solid).max() <= 1
    half = 128 / 255
    assert np.abs(found[0, 1] - (half * solid + (1 - half) * 255)).max() <= 1


def test_grey_with_alpha_and_palettes_are_converted_too():
    both = Image.new("LA", (1, 1), (128, 255))
    assert levels(encoded(both, icc_profile=grey_profile(1.0)))[0, 0].tolist() == [188] * 3
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([234, 51, 35])
    assert levels(encoded(palette, icc_profile=rgb_profile(P3)))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_format_that_carries_profiles_is_converted(format):
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(image, format, icc_profile=rgb_profile(P3), **options)
    expected = by_matrices(np.array([200, 100, 50], dtype=np.uint8), P3, None)
    assert np.abs(levels(data)[8, 8] - expected).max() <= (3 if format == "JPEG" else 1)
    assert colour_of(data) == colour.VERSION


def test_a_picture_turned_by_exif_is_converted_as_well():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (4, 2), (234, 51, 35))
    data = encoded(image, "JPEG", quality=100, exif=exif, icc_profile=rgb_profile(P3))
    found = decode(data, name="a.jpg")
    assert found.size == (2, 4)
    assert np.abs(np.asarray(found, dtype=float) - [255, 0, 0]).max() <= 4


@pytest.mark.parametrize(
    ("image", "profile"),
    [
        (Image.new("RGB", (4, 4), (200, 100, 50)), RUBBISH),
        (Image.new("RGB", (4, 4), (200, 100, 50)), rgb_profile(P3)[:150]),
        (Image.new("RGB", (4, 4), (200, 100, 50)), grey_profile(1.8)),
        (Image.new("L", (4, 4), 100), cmyk_profile(dict.fromkeys(CORNERS, (0, 128, 128)))),
    ],
    ids=["rubbish", "cut off", "made for grey", "made for inks"],
)
def test_a_profile_that_cannot_be_used_is_ignored_and_said(image, profile, tmp_path):
    data = encoded(image, icc_profile=profile)
    stored = ImageStore(tmp_path).add(data, name="a.png")
    assert stored.notes == (colour.UNUSABLE,)
    assert stored.colour == ""
    assert np.array_equal(levels(data), np.asarray(image.convert("RGB")))


def test_a_profile_of_many_megabytes_is_not_read():
    image = Image.new("RGB", (4, 4), (200, 100, 50))
    image.info["icc_profile"] = rgb_profile(P3) + b"\0" * (5 << 20)
    assert colour.use_of(image) is colour.Use.UNUSABLE


def test_what_comes_out_carries_no_profile_any_more():
    for primaries in (P3, SRGB):
        data = encoded(Image.fromarray(noise()), icc_profile=rgb_profile(primaries))
        assert "icc_profile" not in decode(data, name="a.png").info


def test_the_store_knows_which_pictures_are_converted(tmp_path):
    store = ImageStore(tmp_path)
    image = Image.fromarray(noise())
    wide = store.add(encoded(image, icc_profile=rgb_profile(P3)), name="wide.png")
    plain = store.add(encoded(image), name="plain.png")
    assert (wide.colour, plain.colour) == (colour.VERSION, "")
    assert (store.colour(wide.sha256), store.colour(plain.sha256)) == (colour.VERSION, "")
    assert store.colour("0" * 64) == ""


def test_a_thumbnail_shows_what_models_see(tmp_path):
    store = ImageStore(tmp_path)
    data = encoded(Image.new("RGB", (40, 40), (234, 51, 35)), icc_profile=rgb_profile(P3))
    sha256 = store.add(data, name="a.png").sha256
    shown = Image.open(io.BytesIO(store.thumbnail(sha256, 128)))
    assert "icc_profile" not in shown.info
    seen = np.asarray(store.open(sha256), dtype=float)
    assert np.abs(np.asarray(shown, dtype=float) - seen).max() <= 4  # JPEG


def test_real_photos_in_adobe_rgb_become_srgb_as_the_matrices_say(shared):
    path = shared / "contexts8" / "field" / "field_028.jpg"
    raw = Image.open(path)
    assert len(raw.info["icc_profile"]) == 560
    expected = by_matrices(np.asarray(raw), ADOBE, 563 / 256)
    assert np.abs(levels(path.read_bytes()) - expected).max() <= 2
