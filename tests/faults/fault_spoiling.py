"""Ways to spoil the bytes of a file, by number: the same number gives the same bytes."""

from __future__ import annotations

import random

#: One flipped bit is what memory and cables do; the others are what disks and broken copies do.
KINDS = ("bit", "bit", "bit", "cut", "sector", "burst", "swap", "extra")
SECTOR = 512


def spoil(whole: bytes, seed: int, number: int) -> tuple[str, bytes]:
    """Kind and content of variant `number`."""
    rng = random.Random(f"{seed} {number}")
    kind, data = KINDS[number % len(KINDS)], bytearray(whole)
    at = rng.randrange(len(data))
    if kind == "bit":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "sector":  # never written
        start = at - at % SECTOR
        data[start : start + SECTOR] = bytes(len(data[start : start + SECTOR]))
    elif kind == "burst":
        data[at : at + 16] = rng.randbytes(len(data[at : at + 16]))
    elif kind == "swap":
        other = rng.randrange(len(data) // SECTOR + 1) * SECTOR
        start = at - at % SECTOR
        one, two = bytes(data[start : start + SECTOR]), bytes(data[other : other + SECTOR])
        if len(one) == len(two):
            data[start : start + SECTOR], data[other : other + SECTOR] = two, one
    else:
        data += rng.randbytes(64)
    return kind, bytes(data)
