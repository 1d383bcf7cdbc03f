"""Tokens of an image: its size from the first bytes of the file, OpenAI's rules for the rest."""

import base64
import binascii
import math
import struct

from local.provider.models import PATCH_CAP, TYPICAL_SIDE, PatchRule, TileRule

HEADER_CHARS = 262_144  # of base64: enough to meet a JPEG frame header behind its EXIF block
LONG_SIDE = 2_048  # pixels: the square an image is first fitted into
SHORT_SIDE = 768  # pixels: what its shorter side is then reduced to
TILE_SIDE = 512
PATCH_SIDE = 32
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def tokens_of_image(rule: TileRule | PatchRule, url: str, detail: str) -> int:
    """Prompt tokens of one image given by address or data URL at `detail` low, high or auto."""
    size = size_of_data_url(url) or (TYPICAL_SIDE, TYPICAL_SIDE)
    if isinstance(rule, PatchRule):
        return math.ceil(patches(*size) * rule.percent / 100)
    return rule.base if detail == "low" else rule.base + rule.tile * tiles(*size)


def tiles(width: int, height: int) -> int:
    """Tiles of 512 pixels after fitting into 2048 x 2048 and reducing the short side to 768."""
    scale = min(1.0, LONG_SIDE / max(width, height))
    scale = min(scale, SHORT_SIDE / min(width, height))
    across, down = round(width * scale), round(height * scale)
    return math.ceil(across / TILE_SIDE) * math.ceil(down / TILE_SIDE)


def patches(width: int, height: int) -> int:
    """Patches of 32 pixels, at most 1,536."""
    return min(PATCH_CAP, math.ceil(width / PATCH_SIDE) * math.ceil(height / PATCH_SIDE))


def size_of_data_url(url: str) -> tuple[int, int] | None:
    """Width and height in pixels of a base64 PNG or JPEG data URL; None when it shows neither."""
    head, comma, encoded = url[: HEADER_CHARS + 64].partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    usable = encoded[: len(encoded) // 4 * 4]
    try:
        data = base64.b64decode(usable)
    except (binascii.Error, ValueError):
        return None
    size = _png_size(data) if data.startswith(_PNG) else _jpeg_size(data)
    return size if size and min(size) > 0 else None


def _png_size(data: bytes) -> tuple[int, int] | None:
    """The size in the header chunk, which a PNG always starts with."""
    if len(data) < 24:  # noqa: PLR2004 -- signature, chunk length, chunk name, two integers
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """The size in the first frame header, found by stepping over the segments before it."""
    if not data.startswith(_JPEG):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 -- a JPEG marker
        if data[at + 1] in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None
