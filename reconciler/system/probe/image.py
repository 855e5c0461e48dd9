"""Tells what a picture is, by the one decoder of its form. Runs in the worker's process."""

from __future__ import annotations

import io
import struct
from typing import IO, Any

from PIL import Image, ImageChops

from reconciler.system.probe.refusal import Refusal

WHOLE_PX = 24_000_000  # pictures of so many pixels are decoded whole: 96 MB
DRAFT_PX = 8_000_000  # JPEG of more is decoded at an eighth of its sides: the same bytes are read
GUARD_PX = (
    Image.MAX_IMAGE_PIXELS or 89_478_485
)  # beyond it only the header is read, as Pillow advises

_WHITE_FROM = 128  # of 255: a mask's pixel from here on is white, below it black
_COLOURED_FROM = 48  # of 255: the distance between a pixel's channels that no compression makes
_COLOURED_SHARE = 0.005  # so many pixels of a mask make it coloured


def read_picture(file: IO[bytes], form: str, size_bytes: int, *, mask: bool) -> dict[str, Any]:
    """The facts of a picture whose first bytes say that it is of `form`. Raises Refusal.

    A picture of several frames (multi-picture JPEG, animated WebP) counts as its first.
    """
    Image.MAX_IMAGE_PIXELS = None  # the sides are looked at here
    if form == "webp" and (large := _read_large_webp(file, size_bytes)):
        return large
    try:
        image = Image.open(file, formats=(form.upper(),))
    except Exception:  # a decoder of strangers' bytes raises what it likes
        _check_length(file, form, size_bytes)
        raise Refusal(f"it begins as {form.upper()} and is no picture that can be opened") from None
    with image:
        facts: dict[str, Any] = {
            "kind": "image",
            "format": form,
            "size_bytes": size_bytes,
            "width": image.width,
            "height": image.height,
            "alpha": "A" in image.getbands() or "transparency" in image.info,
        }
        if not (image.width and image.height):
            raise Refusal("it has no pixels")
        try:
            decoded = _read_to_the_end(image, file, form, size_bytes)
        except (MemoryError, Refusal):
            raise
        except Exception as error:
            raise Refusal(
                f"its picture data are broken or cut short: {_shorten_error(error)}; the file has"
                f" {size_bytes:,} bytes"
            ) from None
        if mask and decoded:
            facts["tone"] = judge_tones(*measure_tones(image))
    return facts


def _read_to_the_end(image: Image.Image, file: IO[bytes], form: str, size_bytes: int) -> bool:
    """Read all of a picture; whether its pixels are there now. Raises anything for a broken one."""
    pixels = image.width * image.height
    if form == "jpeg" and pixels > DRAFT_PX and not image.info.get("progressive"):
        if pixels > GUARD_PX:
            return False
        image.draft(image.mode, (image.width // 8, image.height // 8))
        image.load()
        return True
    if pixels <= WHOLE_PX:
        image.load()
        return True
    if pixels > GUARD_PX:
        return False
    if form == "png":
        image.verify()  # every chunk with its check sum, to the last
    else:
        _check_length(file, form, size_bytes)
    return False


def _read_large_webp(file: IO[bytes], size_bytes: int) -> dict[str, Any] | None:
    """The facts of a WebP of more than WHOLE_PX pixels, by its header; None for a smaller one.

    Pillow makes room for all of its pixels, twice, before it tells the sides.
    """
    file.seek(0)
    head = file.read(30).ljust(30, b"\0")
    match head[12:16]:
        case b"VP8X":
            width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
            alpha = bool(head[20] & 0x10)
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            width, height, alpha = (
                bits % 0x4000 + 1,
                (bits >> 14) % 0x4000 + 1,
                bool(bits >> 28 & 1),
            )
        case _:
            width, height = (
                int.from_bytes(head[at : at + 2], "little") % 0x4000 for at in (26, 28)
            )
            alpha = False
    file.seek(0)
    if width * height <= WHOLE_PX:
        return None
    _check_length(file, "webp", size_bytes)
    sides = {"width": width, "height": height}
    return {"kind": "image", "format": "webp", "size_bytes": size_bytes, **sides, "alpha": alpha}


def _check_length(file: IO[bytes], form: str, size_bytes: int) -> None:
    """A WebP or a BMP begins with its own length. Raises Refusal for a file that is shorter."""
    if form not in ("webp", "bmp") or size_bytes < 8:
        return
    file.seek(0)
    head = file.read(8)
    stated_bytes = struct.unpack_from("<I", head, 4)[0] + 8 if form == "webp" else 0
    stated_bytes = stated_bytes or struct.unpack_from("<I", head, 2)[0]
    if stated_bytes > size_bytes:
        raise Refusal(
            f"it is cut short: its header tells of {stated_bytes:,} bytes, and the file has"
            f" {size_bytes:,} bytes"
        )


def _shorten_error(error: Exception) -> str:
    text = str(error).partition("\n")[0].partition(" (")[0] or type(error).__name__
    return "".join(c for c in text if c.isprintable())[:100]


def measure_tones(image: Image.Image) -> tuple[int, int, bool]:
    """The darkest and the lightest grey of a picture (0 to 255), and whether it has colours."""
    rgb = image.convert("RGB")
    low, high = rgb.convert("L").getextrema()
    red, green, blue = rgb.split()
    lightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    far = sum(ImageChops.subtract(lightest, darkest).histogram()[_COLOURED_FROM:])
    coloured = far > _COLOURED_SHARE * rgb.width * rgb.height
    return int(low), int(high), coloured  # type: ignore[arg-type]


def judge_tones(low: int, high: int, coloured: bool) -> str | None:
    """The tone that makes a mask doubtful: coloured, black or white; None for a good one."""
    if coloured:
        return "coloured"
    if high < _WHITE_FROM:
        return "black"
    return "white" if low >= _WHITE_FROM else None


def warm_up() -> None:
    """Read a small picture of every form, so that Pillow has imported all that it ever needs.

    It imports its parts by name when it first needs them; the worker cannot open a file by then.
    """
    for form, mode in (
        ("jpeg", "RGB"),
        ("jpeg", "CMYK"),
        ("mpo", "RGB"),
        ("png", "P"),
        ("png", "I;16"),
        ("webp", "RGBA"),
        ("bmp", "1"),
    ):
        picture, exif = Image.new(mode, (16, 16)), Image.Exif()
        exif[0x0112] = 1
        content = io.BytesIO()
        more = {"append_images": [picture], "save_all": True} if form == "mpo" else {}
        picture.save(content, form, exif=exif, **more)
        content.seek(0)
        form = "jpeg" if form == "mpo" else form
        read_picture(content, form, len(content.getvalue()), mask=True)
        with Image.open(content, formats=(form.upper(),)) as image:
            image.verify()
