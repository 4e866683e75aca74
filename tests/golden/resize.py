#!/usr/bin/env python3
"""Golden images: what Pillow makes of small images that it resizes, as torchvision's `Resize` has it do.

    pip install pillow==13.0.0
    python resize.py > resize.txt

One line per image: rows and columns before and behind, and the resized bytes in hexadecimal digits. Byte i of
an image that is resized is byte 3 of x, counted from the least significant, where x starts as 1 and is
1664525·x + 1013904223 modulo 2^32 before each byte.
"""

import argparse

from PIL import Image

SIZES = [
    ((28, 28), (32, 32)),
    ((28, 28), (14, 14)),
    ((32, 32), (28, 28)),
    ((28, 28), (28, 20)),
    ((5, 7), (11, 3)),
    ((30, 20), (7, 9)),
    ((3, 40), (40, 3)),
    ((1, 1), (3, 2)),
    ((9, 9), (1, 1)),
]


def image(rows, columns):
    x, bytes_ = 1, bytearray()
    for _ in range(rows * columns):
        x = (1664525 * x + 1013904223) % 2**32
        bytes_.append(x >> 24)
    return Image.frombytes("L", (columns, rows), bytes(bytes_))


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for (rows, columns), (to_rows, to_columns) in SIZES:
        resized = image(rows, columns).resize((to_columns, to_rows), Image.Resampling.BILINEAR)
        print(rows, columns, to_rows, to_columns, resized.tobytes().hex())


if __name__ == "__main__":
    main()
