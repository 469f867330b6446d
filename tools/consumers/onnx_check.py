"""onnx_check.py NAME...: exported networks in the hands of onnx's checker and of onnxruntime.

NAME.onnx has its batch norms folded, NAME.kept.onnx keeps them; both have to pass the checker with shape inference, and give
the logits of NAME.logits.npy.
"""
import sys

import numpy as np
import onnx
import onnxruntime

from compare import report

CONSUMER = f"onnx {onnx.__version__} checker, onnxruntime {onnxruntime.__version__}"
good = True
for name in sys.argv[1:]:
    for form, path in (("onnx", f"{name}.onnx"), ("onnx (fold=false)", f"{name}.kept.onnx")):
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        good &= report(CONSUMER, form, name, session.run(None, {"input": np.load(f"{name}.npy")})[0])
sys.exit(not good)
