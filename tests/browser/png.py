"""A PNG of 256 colours at most from one of the browser's, a third of its size.

A picture in docs/ has to be small. Whoever remakes it needs no program for that but Python.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TRUE_COLOR, PALETTE = 2, 3  # kinds of PNG
Color = bytes  # three bytes: red, green, blue


def with_palette(png: bytes) -> bytes:
    """Return the picture with a palette of its most frequent colours; others become the nearest."""
    rows = rows_of(png)
    width, height = len(rows[0]) // 3, len(rows)
    pixels = [[row[i : i + 3] for i in range(0, len(row), 3)] for row in rows]
    counts = Counter(pixel for row in pixels for pixel in row)
    palette = [color for color, _ in counts.most_common(256)]
    index = {color: nearest(color, palette) for color in counts}
    packed = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in pixels)
    return SIGNATURE + b"".join(
        chunk(name, data)
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, PALETTE, 0, 0, 0)),
            (b"PLTE", b"".join(palette)),
            (b"IDAT", zlib.compress(packed, 9)),
            (b"IEND", b""),
        )
    )


def nearest(color: Color, palette: list[Color]) -> int:
    """Return the place in the palette of the color that differs least."""

    def distance(place: int) -> int:
        return sum((a - b) ** 2 for a, b in zip(color, palette[place], strict=True))

    return min(range(len(palette)), key=distance)


def chunks_of(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of each chunk."""
    place = len(SIGNATURE)
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        yield name, png[place + 8 : place + 8 + length]
        place += length + 12


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def data_of(png: bytes) -> bytes:
    """Return the pixels with the filter of each row before it."""
    return zlib.decompress(b"".join(data for name, data in chunks_of(png) if name == b"IDAT"))


def rows_of(png: bytes) -> list[bytes]:
    """Return the rows of pixels, three bytes each, without the filters of PNG.

    It reads what Chromium writes: 8 bits for red, green and blue, not interlaced.
    """
    header = next(chunks_of(png))[1]
    width, height, depth, kind, *_, interlaced = struct.unpack(">IIBBBBB", header)
    assert (depth, kind, interlaced) == (8, TRUE_COLOR, 0), "another kind of PNG"
    data, length, rows = data_of(png), width * 3, [bytearray(width * 3)]
    for start in range(0, height * (length + 1), length + 1):
        row = bytearray(data[start + 1 : start + 1 + length])
        unfilter(data[start], row, rows[-1])
        rows.append(row)
    return [bytes(row) for row in rows[1:]]


def unfilter(kind: int, row: bytearray, above: bytearray) -> None:
    """Undo the filter of a row in place: none, left, above, average or Paeth (PNG, section 9)."""
    for i in range(len(row)):
        left, corner = (row[i - 3], above[i - 3]) if i >= 3 else (0, 0)
        guess = (0, left, above[i], (left + above[i]) // 2)
        add = paeth(left, above[i], corner) if kind == 4 else guess[kind]
        row[i] = (row[i] + add) & 255


def paeth(left: int, above: int, corner: int) -> int:
    """Return the neighbour that is nearest to left + above - corner."""
    estimate = left + above - corner
    return min((left, above, corner), key=lambda value: abs(estimate - value))
