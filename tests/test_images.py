import hashlib
import io
import random
import struct
import threading
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from cssim.errors import BadImage, NotFound
from cssim.images import THUMBNAIL_WIDTHS, ImageStore, decode, is_image_file


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def same(one, other):
    return np.array_equal(np.asarray(one), np.asarray(other))


def gradient(width=64, height=48):
    """A picture whose pixels all differ enough to notice a turn."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 4 % 256, y * 5 % 256, (x + y) % 256], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels)


def test_a_plain_picture_comes_back_as_it_was():
    picture = gradient()
    assert same(decode(encoded(picture), name="a.png"), picture)


def test_exif_orientation_turns_the_pixels_upright():
    picture = gradient()
    expected = {
        1: picture,
        2: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: picture.transpose(Image.Transpose.ROTATE_180),
        4: picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: picture.transpose(Image.Transpose.TRANSPOSE),
        6: picture.transpose(Image.Transpose.ROTATE_270),
        7: picture.transpose(Image.Transpose.TRANSVERSE),
        8: picture.transpose(Image.Transpose.ROTATE_90),
    }
    for orientation, upright in expected.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encoded(picture, exif=exif)
        assert same(decode(data, name="a.png"), upright), orientation


def test_a_senseless_orientation_counts_as_upright():
    exif = Image.Exif()
    exif[0x0112] = 42
    data = encoded(gradient(), exif=exif)
    assert same(decode(data, name="a.png"), gradient())


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    values = np.array([[0, 257, 25_700, 65_535]], dtype=np.uint16)
    for format in ("PNG", "TIFF"):
        data = encoded(Image.fromarray(values), format)
        found = np.asarray(decode(data, name="a"))
        assert found.shape == (1, 4, 3)
        assert found[0, :, 0].tolist() == [0, 1, 100, 255]
        assert same(found[..., 0], found[..., 2])


def test_a_sixteen_bit_portable_greymap_is_scaled():
    data = b"P5 3 1 65535\n" + struct.pack(">3H", 0, 32_896, 65_535)
    assert np.asarray(decode(data, name="a.pgm"))[0, :, 0].tolist() == [0, 128, 255]


def test_floating_point_pictures_are_shares_of_white_or_stretched():
    shares = encoded(Image.fromarray(np.array([[0.0, 0.2, 1.0]], dtype=np.float32)), "TIFF")
    assert np.asarray(decode(shares, name="a"))[0, :, 0].tolist() == [0, 51, 255]
    wide = encoded(Image.fromarray(np.array([[-10.0, 0.0, 10.0]], dtype=np.float32)), "TIFF")
    assert np.asarray(decode(wide, name="a"))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_colour_modes_become_rgb(mode):
    image = gradient().convert(mode)
    data = encoded(image, "PNG" if mode in ("1", "L", "P") else "TIFF")
    found = decode(data, name="a")
    assert found.mode == "RGB"
    assert same(found, image.convert("RGB"))


def test_transparency_is_laid_on_white():
    layered = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    layered.putpixel((1, 0), (0, 0, 0, 128))
    found = decode(encoded(layered), name="a.png")
    assert found.getpixel((0, 0)) == (255, 255, 255)
    assert found.getpixel((1, 0)) == (127, 127, 127)


def test_grey_with_alpha_and_a_transparent_palette_colour_show_white():
    grey = Image.new("LA", (1, 1), (0, 0))
    assert decode(encoded(grey), name="a.png").getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((1, 0), 1)
    found = decode(encoded(palette, transparency=0), name="a.png")
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (200, 100, 50)]


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_a_damaged_file_of_several_frames_is_taken_or_refused_and_never_worse(tmp_path, format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    whole = encoded(frames[0], format, save_all=True, append_images=frames[1:])
    store, rng = ImageStore(tmp_path), random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole[: rng.choice((None, rng.randrange(10, len(whole))))])
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        with suppress(BadImage):
            store.add(bytes(damaged), name=f"x.{format.lower()}")


def test_of_an_animation_the_first_frame_is_taken_and_said(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data, name="a.gif").getpixel((0, 0)) == (255, 0, 0)
    stored = ImageStore(tmp_path).add(data, name="a.gif")
    assert stored.notes == ("3 frames or pages; the first one is used",)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "JPEG2000"])
def test_a_file_that_was_cut_off_is_refused(format):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), format)
    assert decode(data, name="whole").size == (64, 64)
    with pytest.raises(BadImage, match=r"cut off|damaged|not an image"):
        decode(data[: len(data) // 2], name="half")


def test_a_file_whose_checksum_is_wrong_is_refused():
    data = bytearray(encoded(gradient()))
    at = data.index(b"IDAT") + 10
    data[at] ^= 0xFF
    with pytest.raises(BadImage, match=r"a\.png"):
        decode(bytes(data), name="a.png")


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"<svg></svg>", b"%PDF-1.4", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n"],
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(BadImage, match="thing"):
        decode(data, name="thing")


def bomb(width, height):
    """A PNG whose header promises far more than its few bytes hold."""

    def chunk(kind, body):
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def test_too_many_pixels_are_refused_from_the_header(monkeypatch):
    def refuse(*_):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("cssim.images._converted", refuse)
    with pytest.raises(BadImage, match=r"60000 x 60000 pixels .* 100,000,000 .*CSSIM_MAX_PIXELS"):
        decode(bomb(60_000, 60_000), name="bomb.png")


def test_the_pixel_limit_is_inclusive():
    data = encoded(gradient(10, 10))
    assert decode(data, name="a", max_pixels=100).size == (10, 10)
    with pytest.raises(BadImage, match="99 allowed"):
        decode(data, name="a", max_pixels=99)


def test_the_store_keeps_the_bytes_under_their_hash(tmp_path):
    store = ImageStore(tmp_path)
    data = encoded(gradient(), "JPEG")
    stored = store.add(data, name="photo.jpg")
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert (stored.width, stored.height, stored.notes) == (64, 48, ())
    assert store.path(stored.sha256) == tmp_path / stored.sha256[:2] / stored.sha256
    assert store.path(stored.sha256).read_bytes() == data
    assert same(store.open(stored.sha256), decode(data, name="photo.jpg"))


def test_the_second_time_changes_nothing_and_says_the_same(tmp_path):
    store = ImageStore(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(gradient(), "JPEG", exif=exif)
    first = store.add(data, name="a.jpg")
    before = store.path(first.sha256).stat().st_mtime_ns
    assert store.add(data, name="a.jpg") == first
    assert (first.width, first.height) == (48, 64)
    assert store.path(first.sha256).stat().st_mtime_ns == before


def test_an_extension_that_lies_is_noted_and_the_content_counts(tmp_path):
    store = ImageStore(tmp_path)
    assert store.add(encoded(gradient()), name="a.jpg").notes == (
        "named .jpg, but it is a PNG file",
    )
    assert store.add(encoded(gradient()), name="a").notes == (
        "named without extension, but it is a PNG file",
    )


def test_a_refused_picture_leaves_nothing_behind(tmp_path):
    store = ImageStore(tmp_path / "store")
    data = encoded(gradient(), "JPEG")
    with pytest.raises(BadImage):
        store.add(data[:-200], name="cut.jpg")
    assert not (tmp_path / "store").exists()


def test_a_name_cannot_lead_out_of_the_store(tmp_path):
    (tmp_path / "secret").write_bytes(encoded(gradient()))
    store = ImageStore(tmp_path / "store")
    for name in ("../secret", "/etc/passwd", "", "a" * 64 + "/../x", "A" * 64):
        assert name not in store
        with pytest.raises(NotFound):
            store.path(name)


def test_thumbnails_fit_the_next_size_of_the_ladder_and_never_grow(tmp_path):
    store = ImageStore(tmp_path)
    sha256 = store.add(encoded(gradient(600, 300)), name="a.png").sha256

    def size(width):
        with Image.open(io.BytesIO(store.thumbnail(sha256, width))) as image:
            assert image.format == "JPEG"
            return image.size

    assert size(1) == size(128) == (128, 64)
    assert size(129) == (256, 128)
    assert size(1024) == size(99_999) == (600, 300)
    folders = {path.name for path in (tmp_path / "thumbnails").glob("*/*")}
    assert folders <= set(map(str, THUMBNAIL_WIDTHS))


def test_thumbnails_can_be_deleted_and_come_again(tmp_path):
    store = ImageStore(tmp_path)
    sha256 = store.add(encoded(gradient()), name="a.png").sha256
    first = store.thumbnail(sha256, 128)
    (file,) = (tmp_path / "thumbnails").rglob("*.jpg")
    file.write_bytes(b"cached")
    assert store.thumbnail(sha256, 128) == b"cached"
    file.unlink()
    assert store.thumbnail(sha256, 128) == first


def test_many_threads_can_add_the_same_picture(tmp_path):
    store = ImageStore(tmp_path)
    data = encoded(gradient())
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(store.add(data, name="a.png")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [found[0].sha256]


def test_image_files_are_told_from_others_by_their_content(tmp_path):
    picture, text = tmp_path / "noextension", tmp_path / "picture.png"
    picture.write_bytes(encoded(gradient()))
    text.write_text("not a picture")
    assert is_image_file(picture)
    assert not is_image_file(text)
    assert not is_image_file(tmp_path / "absent")


def test_every_real_photo_is_read_upright_in_rgb(shared):
    photos = sorted((shared / "contexts8").glob("*/*.jpg"))[::40]
    assert len(photos) == 40
    for photo in photos:
        with Image.open(photo) as plain:
            assert decode(photo.read_bytes(), name=photo.name).size == plain.size
