"""What the first bytes of a file say it is. Pure.

Only what the service takes is ever opened; the other names are there so that people are told what
they have.
"""

from __future__ import annotations

HEAD_BYTES = 64  # so much of a file tells its form

CLIP = "mp4"  # the form of MP4 and MOV, which are one family
PICTURES = ("jpeg", "png", "bmp", "webp")
SOUNDS = ("wav", "mp3")

# the boxes that a file of the MP4 family may begin with (ISO/IEC 14496-12, QuickTime File Format)
_FIRST_BOXES = frozenset(
    (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"styp", b"moof")
)
_STILL_BRANDS = {
    b"heic": "heic",
    b"heix": "heic",
    b"hevc": "heic",
    b"mif1": "heic",
    b"msf1": "heic",
    b"avif": "avif",
    b"avis": "avif",
}
_BEGINNINGS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"BM", "bmp"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"8BPS", "psd"),
    (b"\xff\x0a", "jpeg xl"),
    (b"\0\0\0\x0cJXL ", "jpeg xl"),
    (b"\0\0\0\x0cjP  ", "jpeg 2000"),
    (b"\x1aE\xdf\xa3", "matroska/webm"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
    (b"\0\0\x01\xba", "mpeg"),
    (b"\0\0\x01\xb3", "mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wmv"),
    (b"%PDF-", "pdf"),
    (b"<svg", "svg"),
    (b"#EXTM3U", "a playlist"),
    (b"v=0", "a session description"),
    (b"ffconcat", "a concat script"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)


def describe_form(form: str) -> str:
    """A form as people write it: GIF, but a playlist."""
    return form if form.startswith("a ") else form.upper()


def detect_form(head: bytes) -> str:
    """The form that a file's first HEAD_BYTES bytes tell; empty for one that is not known."""
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        return _STILL_BRANDS[head[8:12]]
    for beginning, form in _BEGINNINGS:
        if head.startswith(beginning):
            return form
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12], "")
    if _begins_mp3(head):
        return "mp3"
    return CLIP if head[4:8] in _FIRST_BOXES else ""


def _begins_mp3(head: bytes) -> bool:
    """Whether a file begins with the header of an MPEG audio frame of layer 3."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version, bit_rate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and 0 < bit_rate < 15 and rate != 3
