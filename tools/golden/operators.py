"""Small problems of single operators, computed by PyTorch in float64: inputs, results and, for a given gradient of the
result, the gradients of every input.

A case is {"name", "op", "attrs", "in": {tensor...}, "out": {tensor...}}; a tensor is {"shape", "data"}, row-major.
Inputs are multiples of 1/64 in [-1, 1) unless a case needs others: exact in float32 and bfloat16, and products of two
summed over fewer than 2^11 terms are exact in float32 as well. `diff_dst` is an input; `diff_X` in "out" is d/dX of
sum(dst * diff_dst). Padding is [top, bottom, left, right]; it is made by F.pad in front of the operator where PyTorch's
own argument cannot be asymmetric.
"""

import numpy as np
import torch
import torch.nn.functional as F

from golden import store
from golden.stream import Values


def case(op, name, attrs, inputs, function, order, diff=None):
    """Runs function(*inputs in `order`) in float64, differentiates it, and returns the stored form."""
    leaves = {}
    for key, value in inputs.items():
        leaf = torch.from_numpy(np.ascontiguousarray(value))
        if leaf.is_floating_point() and key in order:
            leaf.requires_grad_(True)
        leaves[key] = leaf
    dst = function(*(leaves[key] for key in order))
    seed = torch.ones_like(dst) if diff is None else torch.from_numpy(diff(*dst.shape))
    dst.backward(seed)
    stored = {key: store.tensor(value) for key, value in inputs.items()}
    if diff is not None:
        stored["diff_dst"] = store.tensor(seed)
    out = {"dst": store.tensor(dst)}
    for key in order:
        if leaves[key].grad is not None:
            out[f"diff_{key}"] = store.tensor(leaves[key].grad)
    return {"name": name, "op": op, "attrs": attrs, "in": stored, "out": out}


def padded(x, pad, value=0.0):
    top, bottom, left, right = pad
    return F.pad(x, (left, right, top, bottom), value=value)


def conv2d_cases():
    v = Values(101)
    problems = (
        # name, src N,C,H,W, filters, kernel R,S, stride, pad, dilation, groups, bias
        ("plain 3x3", (2, 3, 6, 5), 4, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, True),
        ("1x1", (2, 5, 4, 3), 6, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1, False),
        ("1x1 stride 2", (2, 4, 5, 6), 3, (1, 1), (2, 2), (0, 0, 0, 0), (1, 1), 1, True),
        ("3x3 stride 2, last row unused", (1, 3, 8, 8), 4, (3, 3), (2, 2), (0, 0, 0, 0), (1, 1), 1, False),
        ("stride differs by axis", (1, 2, 9, 7), 3, (3, 2), (2, 3), (1, 1, 0, 0), (1, 1), 1, True),
        ("pad all different", (2, 2, 5, 6), 3, (3, 3), (1, 1), (0, 1, 2, 3), (1, 1), 1, True),
        ("pad bottom right, stride 2", (1, 3, 8, 6), 4, (3, 3), (2, 2), (0, 1, 0, 1), (1, 1), 1, False),
        ("pad larger than the kernel", (1, 1, 3, 3), 2, (2, 2), (1, 1), (3, 3, 3, 3), (1, 1), 1, True),
        ("dilation 2", (1, 2, 8, 9), 3, (3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 1, True),
        ("dilation 2 by 3, stride 2", (1, 2, 9, 10), 2, (3, 3), (2, 1), (1, 0, 2, 1), (2, 3), 1, False),
        ("groups 2", (2, 4, 5, 5), 6, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 2, True),
        ("groups 3, stride 2", (1, 6, 7, 6), 9, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 3, False),
        ("depthwise 3x3", (2, 6, 6, 5), 6, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 6, False),
        ("depthwise 5x5 stride 2", (1, 5, 9, 8), 5, (5, 5), (2, 2), (2, 2, 2, 2), (1, 1), 5, True),
        ("depthwise, two filters each", (1, 3, 6, 6), 6, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 3, True),
        ("groups, dilation, stride, asymmetric", (1, 4, 9, 9), 4, (3, 3), (2, 2), (2, 1, 0, 3), (2, 2), 2, True),
        ("kernel covers the image", (2, 3, 4, 5), 4, (4, 5), (1, 1), (0, 0, 0, 0), (1, 1), 1, True),
        ("1x7 kernel", (1, 2, 3, 9), 2, (1, 7), (1, 1), (0, 0, 3, 3), (1, 1), 1, False),
    )
    cases = []
    for name, src, filters, kernel, stride, pad, dilation, groups, bias in problems:
        inputs = {"src": v.small(*src), "weights": v.small(filters, src[1] // groups, *kernel)}
        if bias:
            inputs["bias"] = v.small(filters)

        def function(x, w, b=None, pad=pad, stride=stride, dilation=dilation, groups=groups):
            return F.conv2d(padded(x, pad), w, b, stride, 0, dilation, groups)

        attrs = {"stride": stride, "pad": pad, "dilation": dilation, "groups": groups}
        cases.append(case("conv2d", name, attrs, inputs, function, list(inputs), v.small))
    return cases


def pool_cases():
    v = Values(102)
    cases = []
    windows = (
        # name, src, kernel, stride, pad
        ("2x2", (2, 3, 6, 4), (2, 2), (2, 2), (0, 0)),
        ("2x2, odd size drops the rest", (1, 2, 7, 5), (2, 2), (2, 2), (0, 0)),
        ("3x3 stride 2, overlapping", (1, 3, 9, 7), (3, 3), (2, 2), (0, 0)),
        ("3x3 stride 2 padding 1", (2, 2, 6, 8), (3, 3), (2, 2), (1, 1)),
        ("3x2 stride 1 by 2 padding 1 by 0", (1, 2, 5, 6), (3, 2), (1, 2), (1, 0)),
    )
    for name, src, kernel, stride, pad in windows:
        attrs = {"kernel": kernel, "stride": stride, "pad": [pad[0], pad[0], pad[1], pad[1]]}

        def largest(x, k=kernel, s=stride, p=pad):
            return F.max_pool2d(x, k, s, p, ceil_mode=False)

        cases.append(case("max_pool2d", name, attrs, {"src": v.distinct(*src)}, largest, ["src"], v.small))
        for counted in (True, False):

            def mean(x, k=kernel, s=stride, p=pad, c=counted):
                return F.avg_pool2d(x, k, s, p, ceil_mode=False, count_include_pad=c)

            full = {**attrs, "count_include_pad": counted}
            label = f"{name}, padding {'counted' if counted else 'not counted'}"
            cases.append(case("avg_pool2d", label, full, {"src": v.small(*src)}, mean, ["src"], v.small))
    for src, size in (((2, 3, 5, 7), (1, 1)), ((1, 2, 7, 5), (3, 2)), ((1, 2, 4, 6), (2, 3)), ((1, 2, 3, 4), (5, 6))):
        name = f"{src[2]}x{src[3]} to {size[0]}x{size[1]}"
        attrs = {"size": size}
        cases.append(
            case(
                "adaptive_avg_pool2d",
                name,
                attrs,
                {"src": v.small(*src)},
                lambda x, s=size: F.adaptive_avg_pool2d(x, s),
                ["src"],
                v.small,
            )
        )
        if size[0] <= src[2]:
            cases.append(
                case(
                    "adaptive_max_pool2d",
                    name,
                    attrs,
                    {"src": v.distinct(*src)},
                    lambda x, s=size: F.adaptive_max_pool2d(x, s),
                    ["src"],
                    v.small,
                )
            )
    return cases


def norm_cases():
    """Running statistics: running = (1 - momentum) * running + momentum * batch, the variance unbiased (n - 1)."""
    v = Values(103)
    cases = []
    for name, src, training, momentum, eps, offset in (
        ("train", (4, 3, 5, 4), True, 0.1, 1e-5, 0.0),
        ("train, momentum 0.3, eps 1e-3", (2, 5, 3, 3), True, 0.3, 1e-3, 0.0),
        ("train, mean far from zero", (3, 2, 4, 4), True, 0.1, 1e-5, 1000.0),
        ("train, 1x1 maps", (6, 4, 1, 1), True, 0.1, 1e-5, 0.0),
        ("eval", (3, 4, 4, 3), False, 0.1, 1e-5, 0.0),
    ):
        c = src[1]
        inputs = {
            "src": v.small(*src) + offset,
            "gamma": v.positive(c),
            "beta": v.small(c),
            "running_mean": v.small(c),
            "running_var": v.positive(c),
        }
        mean, var = torch.from_numpy(inputs["running_mean"].copy()), torch.from_numpy(inputs["running_var"].copy())

        def function(x, g, b, mean=mean, var=var, training=training, momentum=momentum, eps=eps):
            return F.batch_norm(x, mean, var, g, b, training, momentum, eps)

        attrs = {"training": training, "momentum": momentum, "eps": eps}
        made = case("batch_norm", name, attrs, inputs, function, ["src", "gamma", "beta"], v.small)
        made["out"]["running_mean"], made["out"]["running_var"] = store.tensor(mean), store.tensor(var)
        cases.append(made)
    return cases


def activation_cases():
    """Points between -10 and 10 that avoid the kinks at 0, 6 and +-3, where a derivative is a convention."""
    v = Values(104)
    points = np.array(
        [-10, -6.5, -5, -4, -3.25, -3.015625, -2.984375, -2.5, -2, -1.5, -1, -0.75, -0.5, -0.25, -0.125, -0.015625]
        + [0.015625, 0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 2.984375, 3.015625, 3.25, 4, 5, 5.984375, 6.015625, 6.5, 10],
        dtype=np.float64,
    ).reshape(2, 17)
    functions = {
        "relu": F.relu,
        "relu6": F.relu6,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "gelu": F.gelu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "hardswish": F.hardswish,
        "hardsigmoid": F.hardsigmoid,
    }
    cases = [case(op, "points", {}, {"src": points}, f, ["src"], v.small) for op, f in functions.items()]
    for op, f in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax)):
        cases.append(
            case(op, "rows", {"axis": 1}, {"src": v.small(4, 7) * 4}, lambda x, f=f: f(x, 1), ["src"], v.small)
        )
        wide = v.small(2, 5) * 512
        cases.append(case(op, "large values", {"axis": 1}, {"src": wide}, lambda x, f=f: f(x, 1), ["src"], v.small))
    return cases


def loss_cases():
    """Mean over the batch; label smoothing e mixes (1 - e) of the target with e / classes of the uniform one."""
    v = Values(105)
    cases = []
    for name, rows, classes, smoothing, scale in (
        ("hard labels", 5, 7, 0.0, 4),
        ("label smoothing 0.1", 5, 7, 0.1, 4),
        ("label smoothing 0.3, two classes", 6, 2, 0.3, 4),
        ("large logits", 4, 10, 0.1, 512),
    ):
        inputs = {"src": v.small(rows, classes) * scale, "labels": v.integers(classes, rows)}

        def function(x, labels, e=smoothing):
            return F.cross_entropy(x, labels, label_smoothing=e)

        attrs = {"label_smoothing": smoothing}
        cases.append(case("softmax_cross_entropy", name, attrs, inputs, function, ["src", "labels"]))
    for name, smoothing in (("soft targets", 0.0), ("soft targets, label smoothing 0.2", 0.2)):
        targets = v.positive(4, 6)
        inputs = {"src": v.small(4, 6) * 4, "targets": targets / targets.sum(1, keepdims=True)}
        soft = torch.from_numpy(inputs["targets"])

        def blend(x, soft=soft, e=smoothing):
            return F.cross_entropy(x, soft, label_smoothing=e)

        attrs = {"label_smoothing": smoothing}
        cases.append(case("softmax_cross_entropy", name, attrs, inputs, blend, ["src"]))
    return cases + weighted_loss_cases() + focal_cases() + binary_loss_cases()


def class_weights(v, classes):
    """Exact in float32: multiples of 1/16 in (0, 2]."""
    return (v.integers(32, classes) + 1) / 16.0


def one_hot(labels, classes, smoothing):
    hot = F.one_hot(torch.as_tensor(labels), classes).to(torch.float64)
    return (1.0 - smoothing) * hot + smoothing / classes


def weighted_loss_cases():
    """PyTorch's weighted mean: divided by the sum of the labels' weights; with soft targets by the number of samples."""
    v = Values(109)
    cases = []
    for name, rows, classes, smoothing in (("weights", 6, 5, 0.0), ("weights, label smoothing 0.2", 7, 4, 0.2)):
        weights = class_weights(v, classes)
        inputs = {"src": v.small(rows, classes) * 4, "labels": v.integers(classes, rows)}

        def function(x, labels, w=torch.from_numpy(weights), e=smoothing):
            return F.cross_entropy(x, labels, weight=w, label_smoothing=e)

        attrs = {"label_smoothing": smoothing, "class_weights": weights.tolist()}
        cases.append(case("cross_entropy", name, attrs, inputs, function, ["src", "labels"]))
    targets, weights = v.positive(4, 6), class_weights(v, 6)
    inputs = {"src": v.small(4, 6) * 4, "targets": targets / targets.sum(1, keepdims=True)}
    soft, w = torch.from_numpy(inputs["targets"]), torch.from_numpy(weights)

    def blend(x):
        return F.cross_entropy(x, soft, weight=w, label_smoothing=0.1)

    attrs = {"label_smoothing": 0.1, "class_weights": weights.tolist()}
    cases.append(case("cross_entropy", "soft targets, weights, label smoothing 0.1", attrs, inputs, blend, ["src"]))
    return cases


def focal_cases():
    """sum_k w_k t_k (1 - p_k)^gamma (-log p_k) from PyTorch's own functions, mean as of cross-entropy."""
    v = Values(110)
    cases = []
    for name, rows, classes, gamma, smoothing, weighted in (
        ("gamma 2", 6, 5, 2.0, 0.0, False),
        ("gamma 0.5", 5, 4, 0.5, 0.0, False),
        ("gamma 0 is cross-entropy", 5, 4, 0.0, 0.1, False),
        ("gamma 2, weights, label smoothing 0.1", 7, 6, 2.0, 0.1, True),
    ):
        weights = class_weights(v, classes) if weighted else np.ones(classes)
        inputs = {"src": v.small(rows, classes) * 4, "labels": v.integers(classes, rows)}

        def function(x, labels, w=torch.from_numpy(weights), g=gamma, e=smoothing):
            log_p = F.log_softmax(x, 1)
            t = one_hot(labels, x.shape[1], e) * w
            return (t * (1.0 - log_p.exp()) ** g * -log_p).sum() / w[labels].sum()

        attrs = {"label_smoothing": smoothing, "gamma": gamma}
        if weighted:
            attrs["class_weights"] = weights.tolist()
        cases.append(case("focal", name, attrs, inputs, function, ["src", "labels"]))
    return cases


def binary_loss_cases():
    """BCEWithLogitsLoss with one-hot targets; also at logits of exactly zero, where its slope is 1/2 - t."""
    v = Values(111)
    cases = []
    for name, rows, classes, smoothing, scale, weighted in (
        ("one against the rest", 6, 5, 0.0, 4, False),
        ("zero logits", 3, 4, 0.0, 0, False),
        ("large logits, label smoothing 0.1", 4, 6, 0.1, 512, False),
        ("weights", 5, 4, 0.0, 4, True),
    ):
        weights = class_weights(v, classes)
        inputs = {"src": v.small(rows, classes) * scale, "labels": v.integers(classes, rows)}

        def function(x, labels, w=torch.from_numpy(weights) if weighted else None, e=smoothing):
            return F.binary_cross_entropy_with_logits(x, one_hot(labels, x.shape[1], e), weight=w)

        attrs = {"label_smoothing": smoothing}
        if weighted:
            attrs["class_weights"] = weights.tolist()
        cases.append(case("bce", name, attrs, inputs, function, ["src", "labels"]))
    return cases


def resize_cases():
    """Pixel centres at half-integers (align_corners off), no antialiasing."""
    v = Values(106)
    cases = []
    for src, size in (((1, 2, 4, 5), (8, 10)), ((1, 2, 6, 5), (3, 3)), ((2, 1, 5, 4), (7, 9)), ((1, 1, 3, 3), (1, 1))):
        for mode in ("nearest", "bilinear"):

            def function(x, size=size, mode=mode):
                corners = None if mode == "nearest" else False
                return F.interpolate(x, size=size, mode=mode, align_corners=corners)

            name = f"{mode}, {src[2]}x{src[3]} to {size[0]}x{size[1]}"
            attrs = {"mode": mode, "size": size}
            cases.append(case("resize", name, attrs, {"src": v.small(*src)}, function, ["src"], v.small))
    return cases


def make_all(folder):
    torch.set_num_threads(1)
    header = {
        "format": "athanor-golden-operators",
        "generator": f"tools/make_golden.py, torch {torch.__version__}, numpy {np.__version__}, float64",
    }
    makers = {
        "conv2d": conv2d_cases,
        "pool": pool_cases,
        "norm": norm_cases,
        "activation": activation_cases,
        "loss": loss_cases,
        "resize": resize_cases,
    }
    for kind, maker in makers.items():
        store.write(folder, f"operator-{kind}.json", {**header, "cases": maker()})
