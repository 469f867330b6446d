"""compare.py CONSUMER FORMAT NAME ANSWERS: the largest difference of a consumer's logits (.f32 or .npy) from Athanor's.

As a module: report(consumer, form, name, logits) prints the line and says whether it is small enough.
"""
import sys

import numpy as np

LARGEST = 1e-4


def report(consumer, form, name, logits):
    expected = np.load(f"{name}.logits.npy")
    logits = np.asarray(logits, dtype=np.float64).reshape(expected.shape)
    difference = np.abs(logits - expected).max()
    same = (logits.argmax(1) == expected.argmax(1)).mean()
    good = difference <= LARGEST
    print(f"{'ok' if good else 'FAILED'}: {consumer}: {form} of {name}: {len(expected)} pictures, logits differ by at most "
          f"{difference:.2e}, {100 * same:.0f}% the same class")
    return good


if __name__ == "__main__":
    consumer, form, name, answers = sys.argv[1:]
    read = np.load(answers) if answers.endswith(".npy") else np.fromfile(answers, np.float32)
    sys.exit(not report(consumer, form, name, read))
