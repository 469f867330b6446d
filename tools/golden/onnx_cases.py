"""Small ONNX graphs with what onnxruntime makes of them: tests/golden/onnx/NAME.onnx and NAME.npz.

The .npz holds the inputs under their names and each output as "expected:NAME". One graph for each family of operators
that Athanor imports; `classifier` is also trained on. ONNX's own cases are run by tools/onnx_conformance.
"""

import os

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

F, I64 = TensorProto.FLOAT, TensorProto.INT64


def node(op, ins, outs, **attributes):
    return helper.make_node(op, ins, outs, **attributes)


def weights(rng, **shapes):
    return [numpy_helper.from_array((0.3 * rng.standard_normal(s)).astype(np.float32), n) for n, s in shapes.items()]


def ints(**lists):
    return [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in lists.items()]


def cases(rng):
    yield ("conv", 11, {"x": (2, 4, 9, 8)}, ["a", "b", "c"],
           [node("Slice", ["x", "from", "to", "axis"], ["row"]), node("Squeeze", ["row"], ["flat"], axes=[2]),
            node("Conv", ["x", "w1", "b1"], ["a"], group=2, dilations=[2, 1], pads=[1, 0, 2, 1], strides=[2, 1]),
            node("Conv", ["x", "w2"], ["b"], auto_pad="SAME_UPPER", strides=[2, 2]),
            node("Conv", ["flat", "w3"], ["c"], pads=[2, 2])],
           weights(rng, w1=(6, 2, 3, 2), b1=(6,), w2=(3, 4, 3, 3), w3=(5, 4, 5)) + ints(**{"from": [1], "to": [2], "axis": [2]}))
    yield ("pool", 13, {"x": (1, 3, 8, 9)}, ["a", "b", "c", "d", "e"],
           [node("MaxPool", ["x"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
            node("AveragePool", ["x"], ["b"], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], count_include_pad=1),
            node("AveragePool", ["x"], ["c"], kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]),
            node("MaxPool", ["x"], ["d"], kernel_shape=[2, 2], dilations=[2, 3]),
            node("GlobalAveragePool", ["x"], ["e"])], [])
    yield ("norm", 17, {"x": (2, 4, 3, 5)}, ["a", "b", "c", "d"],
           [node("BatchNormalization", ["x", "g", "s", "m", "v"], ["a"], epsilon=1e-3),
            node("LayerNormalization", ["x", "lg", "ls"], ["b"], axis=-1),
            node("InstanceNormalization", ["x", "g", "s"], ["c"]),
            node("LRN", ["x"], ["d"], size=3, alpha=0.1)],
           weights(rng, g=(4,), s=(4,), m=(4,), lg=(5,), ls=(5,)) +
           [numpy_helper.from_array(np.linspace(0.5, 2, 4).astype(np.float32), "v")])
    yield ("act", 14, {"x": (3, 4, 5)}, list("abcdefghi"),
           [node("LeakyRelu", ["x"], ["a"], alpha=0.2), node("Clip", ["x", "low", "high"], ["b"]),
            node("HardSigmoid", ["x"], ["c"]), node("Elu", ["x"], ["d"]), node("Erf", ["x"], ["e"]),
            node("Softmax", ["x"], ["f"], axis=1), node("LogSoftmax", ["x"], ["g"]), node("HardSwish", ["x"], ["h"]),
            node("PRelu", ["x", "slope"], ["i"])],
           weights(rng, slope=(4, 1)) + [numpy_helper.from_array(np.float32(v), n) for n, v in (("low", -0.5), ("high", 0.7))])
    yield ("shapes", 13, {"x": (2, 6, 4)}, list("abcdefg"),
           [node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "zero"], ["n"], axis=0),
            node("Unsqueeze", ["n", "first"], ["n1"]), node("Concat", ["n1", "rest"], ["target"], axis=0),
            node("Reshape", ["x", "target"], ["r"]), node("Transpose", ["r"], ["a"], perm=[0, 2, 1, 3]),
            node("Split", ["x", "parts"], ["b", "c"], axis=1), node("Slice", ["x", "starts", "ends", "axes", "steps"], ["d"]),
            node("Pad", ["x", "margins"], ["e"], mode="reflect"), node("ReduceMean", ["x"], ["f"], axes=[1], keepdims=0),
            node("Gather", ["x", "picked"], ["g"], axis=1)],
           ints(first=[0], rest=[2, 3, 4], parts=[2, 4], starts=[-1, 0], ends=[-9, 4], axes=[1, 2], steps=[-2, 2],
                margins=[0, 1, 2, 0, 1, 0], picked=[[5, 0], [2, 2]]) + [numpy_helper.from_array(np.int64(0), "zero")])
    yield ("products", 13, {"x": (3, 4), "y": (2, 3, 4)}, ["a", "b", "c"],
           [node("Gemm", ["x", "w", "s"], ["a"], transB=1, alpha=0.5, beta=2.0), node("MatMul", ["y", "m"], ["b"]),
            node("Pow", ["x", "two"], ["p"]), node("Sub", ["p", "x"], ["c"])],
           weights(rng, w=(5, 4), s=(5,), m=(4, 2)) + [numpy_helper.from_array(np.float32(2), "two")])
    yield ("resize", 13, {"x": (1, 2, 4, 5)}, ["a", "b", "c"],
           [node("Resize", ["x", "", "half"], ["a"], mode="linear"),
            node("Resize", ["x", "", "twice"], ["b"], mode="nearest", coordinate_transformation_mode="asymmetric",
                 nearest_mode="floor"),
            node("Resize", ["x", "", "", "sizes"], ["c"], mode="cubic")],
           [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("half", [1, 1, 0.5, 0.6]), ("twice", [1, 1, 2, 2]))] +
           ints(sizes=[1, 2, 7, 8]))
    yield ("classifier", 13, {"x": (2, 3, 8, 8)}, ["y"],
           [node("Conv", ["x", "conv.weight"], ["v1"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
            node("BatchNormalization", ["v1", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"], ["v2"]),
            node("Clip", ["v2", "low", "high"], ["v3"]),
            node("Conv", ["v3", "dw.weight", "dw.bias"], ["v4"], group=8, pads=[1, 1, 1, 1]), node("Relu", ["v4"], ["v5"]),
            node("Add", ["v5", "v3"], ["v6"]), node("GlobalAveragePool", ["v6"], ["v7"]), node("Flatten", ["v7"], ["v8"]),
            node("Gemm", ["v8", "fc.weight", "fc.bias"], ["v9"], transB=1), node("Softmax", ["v9"], ["y"], axis=1)],
           weights(rng, **{"conv.weight": (8, 3, 3, 3), "bn.weight": (8,), "bn.bias": (8,), "bn.running_mean": (8,),
                           "dw.weight": (8, 1, 3, 3), "dw.bias": (8,), "fc.weight": (5, 8), "fc.bias": (5,)}) +
           [numpy_helper.from_array(np.linspace(0.5, 2, 8).astype(np.float32), "bn.running_var")] +
           [numpy_helper.from_array(np.float32(v), n) for n, v in (("low", 0), ("high", 6))])


def make_all(folder):
    folder = os.path.join(folder, "onnx")
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(7)
    for name, opset, inputs, outputs, nodes, tensors in cases(rng):
        infos = [helper.make_tensor_value_info(n, F, ("batch",) + s[1:]) for n, s in inputs.items()]
        graph = helper.make_graph(nodes, name, infos, [helper.make_tensor_value_info(o, F, None) for o in outputs], tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="golden")
        model.ir_version = 8 if opset > 14 else 7
        path = os.path.join(folder, name + ".onnx")
        onnx.save(model, path)
        arrays = {n: rng.standard_normal(s).astype(np.float32) for n, s in inputs.items()}
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for output, value in zip(outputs, session.run(outputs, arrays)):
            arrays["expected:" + output] = value
        np.savez(os.path.join(folder, name + ".npz"), **arrays)
