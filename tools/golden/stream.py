"""Numbers that Python and C draw alike: Philox 4x32-10 in numpy, and what the golden files make of it.

What:  word j of the stream (seed, i) is philox(key = (seed, i), counter = (j / 4, 0, 0, 0))[j % 4].
Why:   nets of tens of millions of weights need not be shipped: both sides generate them. Every mapping below is exact
       or rounds once in float32, so C reproduces each value bit for bit:

           u      = (float)(word >> 8) * 2^-24              exact, in [0, 1)
           signed = 2 * u - 1                                exact, in [-1, 1)
           small  = (word % 128 - 64) / 64                   exact, also in bfloat16
"""

import numpy as np

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox(key, counter):
    """Ten rounds; key and counter are sequences of integers or of equally long uint64 arrays."""
    k = [np.uint64(x) for x in key]
    c = [np.asarray(x, dtype=np.uint64) for x in counter]
    for _ in range(10):
        first, second = MULTIPLIERS[0] * c[0], MULTIPLIERS[1] * c[2]
        c = [(second >> HALF) ^ c[1] ^ k[0], second & LOW, (first >> HALF) ^ c[3] ^ k[1], first & LOW]
        k = [(k[0] + KEY_STEPS[0]) & LOW, (k[1] + KEY_STEPS[1]) & LOW]
    return c


def words(seed, index, count):
    """The first `count` 32-bit words of the stream (seed, index), as uint32."""
    out = np.empty((count + 3) // 4 * 4, dtype=np.uint32)
    blocks = out.reshape(-1, 4)
    chunk = 1 << 20
    for start in range(0, len(blocks), chunk):
        counter = np.arange(start, min(start + chunk, len(blocks)), dtype=np.uint64)
        zero = np.zeros_like(counter)
        for lane, values in enumerate(philox((seed, index), (counter, zero, zero, zero))):
            blocks[start : start + chunk, lane] = values.astype(np.uint32)
    return out[:count]


def uniform(seed, index, count):
    """[0, 1) in float32, 24 bits each."""
    return (words(seed, index, count) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def signed(seed, index, count):
    """[-1, 1) in float32, exact."""
    return np.float32(2) * uniform(seed, index, count) - np.float32(1)


def check():
    """Known answers of the generator's authors (Random123, kat_vectors, philox4x32 with 10 rounds)."""
    ones = 0xFFFFFFFF
    cases = (
        ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ones, ones), (ones,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0xA4093822, 0x299F31D0),
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    )
    for key, counter, expected in cases:
        got = tuple(int(x) for x in philox(key, counter))
        if got != expected:
            raise AssertionError(f"philox{key}{counter}: {got} instead of {expected}")


class Values:
    """Hands out test tensors one after the other, each from a stream of its own."""

    def __init__(self, seed):
        self.seed, self.next = seed, 0

    def _words(self, shape):
        self.next += 1
        return words(self.seed, self.next, int(np.prod(shape, dtype=np.int64)))

    def small(self, *shape):
        """Multiples of 1/64 in [-1, 1): exact in bfloat16, and short as text."""
        return ((self._words(shape) % 128).astype(np.float64) - 64).reshape(shape) / 64

    def distinct(self, *shape):
        """Per plane of the last two dimensions a shuffle of different multiples of 1/64, so that no maximum ties."""
        plane = shape[-1] * shape[-2]
        order = np.argsort(self._words(shape).reshape(-1, plane), axis=1, kind="stable")
        return (order.astype(np.float64) - plane // 2).reshape(shape) / 64

    def positive(self, *shape):
        """Multiples of 1/64 in [0.5, 2.5)."""
        return ((self._words(shape) % 128).astype(np.float64) + 32).reshape(shape) / 64

    def integers(self, bound, *shape):
        return (self._words(shape) % bound).astype(np.int64).reshape(shape)
