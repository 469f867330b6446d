"""Writes golden files: JSON that a person can read and that C reads with a stock parser.

Float64 is written with the fewest digits that give the same double, float32 with the fewest that give the same float.
"""

import json
import os

import numpy as np

LIMIT = 200 * 1024


def number32(value):
    return float(str(np.float32(value)))


def list32(values):
    return [number32(v) for v in np.asarray(values, dtype=np.float32).ravel()]


def tensor(values):
    """{"shape": [...], "data": [...]} of a numpy array or torch tensor, row-major, in double precision."""
    if hasattr(values, "detach"):
        values = values.detach().numpy()
    values = np.asarray(values)
    if values.dtype.kind == "f":
        data = [int(v) if v == int(v) else v for v in values.astype(np.float64).ravel().tolist()]
    else:
        data = values.ravel().tolist()
    return {"shape": list(values.shape), "data": data}


def write(folder, name, content):
    """One top-level key per line, and one list item per line below it, so that changes show in a diff."""
    lines = []
    for key, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join(json.dumps(item, separators=(",", ":"), allow_nan=False) for item in value)
            text = f"[\n{rows}\n]"
        else:
            text = json.dumps(value, allow_nan=False)
        lines.append(f"{json.dumps(key)}: {text}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    if len(text) > LIMIT:
        raise ValueError(f"{name} would have {len(text)} bytes; keep golden files below {LIMIT}")
    path = os.path.join(folder, name)
    with open(path + ".tmp", "w", encoding="ascii") as out:
        out.write(text)
    os.replace(path + ".tmp", path)
    print(f"{name}: {len(text)} bytes")
