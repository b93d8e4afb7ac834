"""Whatever is given becomes the same upright RGB pixels."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cssim.ensembles.pictures import as_picture
from cssim.errors import BadImage, BadInput, NotFound
from tests.icc import P3, rgb_profile

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)


def pixels(given) -> np.ndarray:
    picture = as_picture(given)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def test_path_text_pillow_and_array_of_one_picture_agree(tmp_path: Path):
    path = tmp_path / "a b ü.png"
    PIL.Image.fromarray(COLOUR).save(path)
    with PIL.Image.open(path) as opened:
        for given in (path, str(path), opened, COLOUR):
            assert np.array_equal(pixels(given), COLOUR)


def test_grey_arrays_and_images_become_three_equal_channels():
    expected = np.repeat(GREY[:, :, None], 3, axis=2)
    assert np.array_equal(pixels(GREY), expected)
    assert np.array_equal(pixels(PIL.Image.fromarray(GREY)), expected)


def test_transparency_is_laid_on_white():
    clear = PIL.Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert (pixels(clear) == 255).all()


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr", "LA", "I", "I;16", "F"])
def test_other_modes_of_pillow_are_converted(mode):
    image = PIL.Image.new("L", (4, 3), 0).convert(mode)
    assert pixels(image).shape == (3, 4, 3)
    assert pixels(image).max() <= 3


def test_pillow_images_are_turned_upright():
    image = PIL.Image.fromarray(COLOUR)
    image.getexif()[0x0112] = 6
    assert np.array_equal(pixels(image), np.rot90(COLOUR, -1))


def test_what_is_no_picture_is_refused(tmp_path: Path):
    with pytest.raises(NotFound, match="nothing"):
        as_picture(tmp_path / "nothing.png")
    with pytest.raises(BadImage):
        as_picture(tmp_path)
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(BadImage, match=r"x\.png"):
        as_picture(tmp_path / "x.png")
    with pytest.raises(BadInput, match="uint8"):
        as_picture(COLOUR.astype(float))
    with pytest.raises(BadInput, match="shape"):
        as_picture(np.zeros((2, 2, 4), dtype=np.uint8))
    with pytest.raises(BadInput, match="int"):
        as_picture(7)  # type: ignore[arg-type]
    PIL.Image.effect_noise((64, 64), 50).save(tmp_path / "y.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "y.png").read_bytes()[:2000])
    with PIL.Image.open(tmp_path / "half.png") as half, pytest.raises(BadImage, match="mode L"):
        as_picture(half)


def test_a_pillow_image_is_converted_by_the_profile_that_it_carries(tmp_path: Path):
    image = PIL.Image.new("RGB", (2, 2), (234, 51, 35))
    image.save(tmp_path / "wide.png", icc_profile=rgb_profile(P3))
    with PIL.Image.open(tmp_path / "wide.png") as opened:
        assert pixels(opened)[0, 0].tolist() == [255, 0, 0]
    assert pixels(tmp_path / "wide.png")[0, 0].tolist() == [255, 0, 0]
