"""The image store: files by the hash of their bytes, safe decoding, thumbnails.

Every picture that CS-Sim reads goes through `decode`. The bytes are kept as they came in; EXIF
orientation, colour profiles and modes, and transparency are dealt with at reading, so that what an
annotator sees, what a model embeds and what a thumbnail shows are the same pixels.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from cssim import colour, words
from cssim.errors import BadImage, NotFound
from cssim.pixels import in_srgb, orientation, upright

# Pillow registers formats lazily, and knows none of them by name before.
Image.init()

FORMATS = tuple(
    name
    for name in ("JPEG", "MPO", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
    if name in Image.OPEN
)
"""What is decoded. Pillow knows more formats, some of which run other programs (EPS) or hide
pictures of another size inside (ICO)."""

SUFFIXES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".mpo": "JPEG",
    ".png": "PNG", ".apng": "PNG", ".gif": "GIF", ".webp": "WEBP", ".bmp": "BMP", ".dib": "BMP",
    ".tif": "TIFF", ".tiff": "TIFF", ".ppm": "PPM", ".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM",
    ".jp2": "JPEG2000", ".j2k": "JPEG2000", ".avif": "AVIF",
}  # fmt: skip
"""Extensions of image files and the format that they promise."""

UNREADABLE = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "a HEIC photo"),
    **dict.fromkeys(
        (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"), "a camera's raw file"
    ),
    ".jxl": "a JPEG XL picture",
    ".psd": "a Photoshop file",
    ".svg": "a drawing in SVG",
}
"""Extensions of pictures that nothing here can read, and what to call them."""

THUMBNAIL_WIDTHS = (128, 256, 512, 1024, 2048)
"""Thumbnails exist in these sizes only: others could fill the disk."""
THUMBNAIL_TYPE = "image/jpeg"
"""Media type of the bytes that `ImageStore.thumbnail` gives."""

# `_opened` checks the settings' own limit from the header, before any pixel is decoded; Pillow's
# fixed one would refuse what a settings file allows, and warn on standard error below that.
Image.MAX_IMAGE_PIXELS = None

# What is wrong with a file is told in its refusal or note, not on standard error as well.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
"""Brands of files as phones write them; AVIF, which is read, has others."""
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What the store knows of a picture that it has taken in."""

    sha256: str
    """Hash of the bytes as given: the picture's identity."""
    width: int
    height: int
    """Pixels after EXIF orientation."""
    notes: tuple[str, ...] = ()
    """What a person should know: first frame of an animation, an extension that lies."""
    colour: str = ""
    """Version of the conversion to sRGB; empty where the pixels are taken as they stand."""


class ImageStore:
    """A folder of pictures named by the hash of their bytes; safe for threads and processes.

    `<root>/ab/abcd...` holds the bytes as given, `<root>/thumbnails` can be deleted at any time.
    """

    def __init__(self, root: Path, *, max_pixels: int = 100_000_000) -> None:
        self.root = Path(root)
        self.max_pixels = max_pixels

    def add(self, data: bytes, *, name: str) -> StoredImage:
        """Take a picture in; the same bytes twice change nothing.

        Args:
            data: the file as it is.
            name: what to call it in errors and notes; its extension is compared with the content.

        Raises:
            BadImage: it cannot be decoded completely, or has more than `max_pixels` pixels.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        image = _opened(data, name, self.max_pixels)
        use = colour.use_of(image)  # decoding takes the profile off
        if sha256 in self:  # was decoded when it came in
            width, height = _oriented_size(image)
        else:
            width, height = _converted(image, name).size
            _write_atomically(self._file(sha256), data)
        return StoredImage(sha256, width, height, _notes(image, name, use), _version(use))

    def remove(self, sha256: str) -> int:
        """Delete a picture's file and its thumbnails, of earlier versions too: how many files."""
        if not _HASH.fullmatch(sha256):
            return 0
        found = [self._file(sha256), *self.root.glob(f"thumbnails/**/{sha256}.jpg")]
        gone = [path for path in found if path.is_file()]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def forget_old_thumbnails(self) -> int:
        """Delete the thumbnails of earlier versions, which nothing shows any more: how many."""
        found = (self.root / "thumbnails").rglob("*.jpg")
        old = [path for path in found if self._thumbnails not in path.parents]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def colour(self, sha256: str) -> str:
        """`StoredImage.colour` of a picture that came in before; reads only its header.

        Empty where its file is gone or damaged, too.
        """
        try:
            with Image.open(self._file(sha256), formats=FORMATS) as image:
                return _version(colour.use_of(image))
        except (OSError, ValueError, SyntaxError):
            return ""

    def __contains__(self, sha256: object) -> bool:
        return isinstance(sha256, str) and bool(_HASH.fullmatch(sha256)) and self._has(sha256)

    def path(self, sha256: str) -> Path:
        """The file with the picture's original bytes.

        Raises:
            NotFound: no such picture is in the store.
        """
        if sha256 not in self:
            raise NotFound(f"the image store holds no picture {sha256[:64]!r}; import its file")
        return self._file(sha256)

    def open(self, sha256: str) -> Image.Image:
        """The picture as RGB pixels, upright.

        Raises:
            NotFound: no such picture is in the store.
            BadImage: its file was damaged after it came in.
        """
        return decode(self.path(sha256).read_bytes(), name=sha256[:12], max_pixels=self.max_pixels)

    def thumbnail(self, sha256: str, width: int) -> bytes:
        """A JPEG that fits a square of `width` pixels, never larger than the picture itself.

        Args:
            sha256: the picture.
            width: rounded up to one of `THUMBNAIL_WIDTHS`, or down to the largest of them.

        Raises:
            NotFound: no such picture is in the store.
        """
        original = self.path(sha256)
        side = next((w for w in THUMBNAIL_WIDTHS if w >= width), THUMBNAIL_WIDTHS[-1])
        cached = self._thumbnails / str(side) / sha256[:2] / f"{sha256}.jpg"
        try:
            return cached.read_bytes()
        except FileNotFoundError:
            image = decode(original.read_bytes(), name=sha256[:12], max_pixels=self.max_pixels)
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=88)
        _write_atomically(cached, buffer.getvalue(), durable=False)
        return buffer.getvalue()

    @property
    def _thumbnails(self) -> Path:
        """Apart for each way of converting colours: those of an earlier one are not shown."""
        return self.root / "thumbnails" / colour.VERSION

    def _file(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def _has(self, sha256: str) -> bool:
        return self._file(sha256).is_file()


def decode(data: bytes, *, name: str, max_pixels: int = 100_000_000) -> Image.Image:
    """The picture in `data` as sRGB pixels, upright.

    EXIF orientation and colour profiles (`cssim.colour`) are applied; grey, palette, CMYK, 16-bit
    and floating-point pictures are converted; transparency is laid on white; of an animation the
    first frame is taken.

    Raises:
        BadImage: not an image, damaged or cut off, or more than `max_pixels` pixels (found in the
            header, before anything is decoded).
    """
    return _converted(_opened(data, name, max_pixels), name)


def colour_of(data: bytes) -> str:
    """`StoredImage.colour` of a file's bytes; reads only their header."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _version(colour.use_of(image))
    except (OSError, ValueError, SyntaxError):
        return ""


def pixel_key(sha256: str, colour: str) -> str:
    """64 hexadecimal digits under which caches keep what was computed of a picture's pixels.

    The hash of the file where its pixels are taken as they stand; another one where its colours are
    converted, so that what was computed before there was a conversion, or by another, is not met.

    Args:
        sha256: of the file's bytes.
        colour: version of the conversion; empty where there is none.
    """
    return hashlib.sha256(f"{sha256} {colour}".encode()).hexdigest() if colour else sha256


def is_image_file(path: Path) -> bool:
    """Whether the file begins like one of `FORMATS`; reads only its header."""
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except (OSError, ValueError, SyntaxError):
        return False


def _opened(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The picture with its header read and its size checked."""
    if not data:
        raise BadImage(f"{name}: expected an image, found an empty file")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
            raise BadImage(
                f"{name}: {UNREADABLE['.heic']}, which cannot be read here; export it as JPEG first"
            ) from None
        raise BadImage(
            f"{name}: not an image that can be read here (expected one of {', '.join(FORMATS)})"
        ) from None
    except Exception as error:  # decoders meet hostile bytes: any failure of theirs is a refusal
        raise BadImage(f"{name}: its header is damaged ({_reason(error)})") from error
    width, height = image.size
    if width * height > max_pixels:
        raise BadImage(
            f"{name}: {width} x {height} pixels are more than the {max_pixels:,} allowed; "
            "make it smaller or raise CSSIM_MAX_PIXELS"
        )
    return image


def _converted(image: Image.Image, name: str) -> Image.Image:
    """The first frame, upright, in RGB."""
    try:
        image.load()
        rgb = in_srgb(upright(image))
    except MemoryError as error:
        raise BadImage(f"{name}: too large for this machine's memory") from error
    except Exception as error:  # as in `_opened`
        raise BadImage(f"{name}: damaged or cut off ({_reason(error)})") from error
    rgb.info.pop("icc_profile", None)  # its numbers mean sRGB now
    return rgb


def _oriented_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if orientation(image) >= 5 else (width, height)


def _notes(image: Image.Image, name: str, use: colour.Use) -> tuple[str, ...]:
    notes = []
    frames = _frames(image)
    # A phone's MPO holds a preview or a second eye beside the photo: no animation.
    if frames > 1 and image.format != "MPO":
        notes.append(
            f"{words.count(frames, 'frame or page', 'frames or pages')}; the first one is used"
        )
    promised = SUFFIXES.get(Path(name).suffix.lower())
    found = "JPEG" if image.format == "MPO" else image.format
    if promised != found:
        notes.append(f"named {Path(name).suffix or 'without extension'}, but it is a {found} file")
    if use is colour.Use.UNUSABLE:
        notes.append(colour.UNUSABLE)
    return tuple(notes)


def _frames(image: Image.Image) -> int:
    """How many frames or pages a file has; 1 where those behind the first cannot be counted."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # decoders fail in many ways, and the first frame is all that is used
        return 1


def _version(use: colour.Use) -> str:
    return colour.VERSION if use is colour.Use.CONVERT else ""


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def _write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Whole or not at all, also when two processes write the same file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if durable:  # the database will say that it is here, also after a power cut
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
