"""Ten steps of every optimiser and the rates of every schedule, computed in float64.

optimizers.json   two parameters, w (3, 8) and b (5), and ten gradients of each that do not depend on them. Each case has
                  the optimiser, our settings and both parameters (w, then b, row-major) after every step; "rows" is w's number
                  of rows where the optimiser looks at matrices. PyTorch has
                  most of them; LARS, Muon's two forms (PyTorch's own rounds to bfloat16 on the way) and Lookahead follow
                  their papers' formulas in numpy.
schedules.json    the rate of each step of a run, from PyTorch's schedulers (MindSpore's squared decay by its formula), and
                  what ReduceLROnPlateau does with scripted metrics.
"""

import numpy as np
import torch

from golden import store
from golden.stream import Values

STEPS, SHAPES = 10, ((3, 8), (5,))
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def torch_case(kind, options):
    """A function from starts and gradients to the trail of one PyTorch optimiser."""

    def run(start, gradients):
        params = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in start]
        optimizer = kind(params, **options)
        trail = []
        for step in gradients:
            for p, g in zip(params, step):
                p.grad = torch.from_numpy(g.copy())
            optimizer.step()
            trail.append([p.detach().numpy().copy() for p in params])
        return trail

    return run


def lars(lr, momentum, weight_decay, trust, eps):
    def run(start, gradients):
        params, speed, trail = [p.copy() for p in start], [np.zeros_like(p) for p in start], []
        for step in gradients:
            for i, g in enumerate(step):
                p, ratio = params[i], 1.0
                if p.ndim >= 2:
                    p_norm, g_norm = np.linalg.norm(p), np.linalg.norm(g)
                    if p_norm > 0 and g_norm > 0:
                        ratio = trust * p_norm / (g_norm + weight_decay * p_norm + eps)
                speed[i] = momentum * speed[i] + ratio * (g + weight_decay * p)
                params[i] = p - lr * speed[i]
            trail.append([p.copy() for p in params])
        return trail

    return run


def orthogonal(d, steps, eps):
    a, b, c = NEWTON_SCHULZ
    x = d / (np.linalg.norm(d) + eps)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def muon(rows, lr, momentum, nesterov, weight_decay, ns_steps, eps, renormalize):
    """w alone, as a matrix of that many rows; b stays where it is."""

    def run(start, gradients):
        w = start[0].reshape(rows, -1).copy()
        speed, trail = np.zeros_like(w), []
        for g, _ in gradients:
            g = g.reshape(rows, -1)
            speed = momentum * speed + g
            move = orthogonal(g + momentum * speed if nesterov else speed, ns_steps, eps)
            if renormalize:
                w = w * np.sqrt(w.shape[0]) / np.linalg.norm(w)
            else:
                w = w - lr * weight_decay * w
                move = move * np.sqrt(max(1.0, w.shape[0] / w.shape[1]))
            w = w - lr * move
            trail.append([w.copy(), start[1].copy()])
        return trail

    return run


def check_muon(rows, start, gradients):
    """PyTorch's Muon rounds its products to bfloat16 (8 bits), thirty times over: its moves are ours to a few hundredths."""
    settings = {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "ns_steps": 5, "eps": 1e-7}
    ours = muon(rows, renormalize=False, **settings)(start, gradients)
    theirs = torch_case(torch.optim.Muon, settings)(
        [start[0].reshape(rows, -1)], [[g.reshape(rows, -1)] for g, _ in gradients])
    moved = settings["lr"] * max(1.0, rows * rows / start[0].size) ** 0.5
    apart = max(np.abs(a[0] - b[0]).max() for a, b in zip(ours[:1], theirs[:1]))
    if apart > 0.05 * moved:
        raise SystemExit(f"Muon of {rows} rows is {apart:g} from PyTorch's after a move of {moved:g}")


def lookahead(kind, options, k, alpha):
    def run(start, gradients):
        params = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in start]
        optimizer, slow, trail = kind(params, **options), [p.copy() for p in start], []
        for t, step in enumerate(gradients):
            for p, g in zip(params, step):
                p.grad = torch.from_numpy(g.copy())
            optimizer.step()
            if (t + 1) % k == 0:
                for i, p in enumerate(params):
                    slow[i] = slow[i] + alpha * (p.detach().numpy() - slow[i])
                    p.data = torch.from_numpy(slow[i].copy())
            trail.append([p.detach().numpy().copy() for p in params])
        return trail

    return run


def optimizer_cases():
    sgd, opt = torch.optim.SGD, torch.optim
    adam = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8}
    ours = {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    plain = (
        # ours, PyTorch's class, settings of both
        ("sgd", sgd, {"lr": 0.1}),
        ("sgd", sgd, {"lr": 0.1, "weight_decay": 0.05}),
        ("sgd", sgd, {"lr": 0.1, "momentum": 0.9}),
        ("sgd", sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05}),
        ("sgd", sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
        ("rmsprop", opt.RMSprop, {"lr": 0.01, "alpha": 0.99, "eps": 1e-8}),
        ("rmsprop", opt.RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-6, "momentum": 0.9, "weight_decay": 0.05}),
        ("rmsprop", opt.RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-6, "momentum": 0.9, "centered": True}),
        ("adagrad", opt.Adagrad, {"lr": 0.01, "eps": 1e-10}),
        ("adagrad", opt.Adagrad, {"lr": 0.1, "eps": 1e-8, "lr_decay": 0.05, "weight_decay": 0.05}),
    )
    runs = [(name, settings, torch_case(kind, settings)) for name, kind, settings in plain]
    for name, kind in (("adam", opt.Adam), ("adamw", opt.AdamW), ("nadam", opt.NAdam)):
        for decay in (0.0, 0.05):
            runs.append((name, {**ours, "weight_decay": decay}, torch_case(kind, {**adam, "weight_decay": decay})))
    hard = {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4, "momentum_decay": 0.04, "weight_decay": 0.0}
    options = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "momentum_decay": 0.04}
    runs.append(("nadam", hard, torch_case(opt.NAdam, options)))
    settings = {"lr": 1.0, "momentum": 0.9, "weight_decay": 0.01, "trust": 0.02, "eps": 1e-8}
    runs.append(("lars", settings, lars(**settings)))
    for rows, renormalize in ((3, False), (3, True), (8, False), (8, True)):
        settings = {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "ns_steps": 5, "eps": 1e-7}
        settings["renormalize"] = renormalize
        runs.append(("muon", settings, muon(rows, **settings), rows))
    around = {"lr": 0.1, "momentum": 0.9}
    runs.append(("sgd", {**around, "lookahead": 3, "lookahead.alpha": 0.5}, lookahead(sgd, around, 3, 0.5)))
    return runs


def make_optimizers(folder, header):
    v = Values(107)
    start = [v.small(*shape) for shape in SHAPES]
    gradients = [[v.small(*shape) for shape in SHAPES] for _ in range(STEPS)]
    flat = lambda rows: np.array([np.concatenate([p.ravel() for p in row]) for row in rows])  # noqa: E731
    cases = []
    for rows in (3, 8):
        check_muon(rows, start, gradients)
    for name, settings, run, *rows in optimizer_cases():
        case = {"optimizer": name, "settings": settings, "params": store.tensor(flat(run(start, gradients)))}
        cases.append({**case, "rows": rows[0] if rows else SHAPES[0][0]})
    data = {"shapes": SHAPES, "start": store.tensor(flat([start])[0]), "gradients": store.tensor(flat(gradients))}
    store.write(folder, "optimizers.json", {**header, **data, "cases": cases})


# ---- schedules --------------------------------------------------------------------------------------------------------

PEAK = 0.1


def rates_of(make, count, peak=PEAK):
    """Rates (and momenta) of `count` steps of a scheduler."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=peak, momentum=0.9)
    scheduler = make(optimizer)
    rates, momenta = [], []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        scheduler.step()
    return rates, momenta


def schedule_cases():
    s = torch.optim.lr_scheduler
    per_epoch = (
        # ours, settings, PyTorch's; one of its steps is an epoch of ours
        ("constant", {}, lambda o: s.LambdaLR(o, lambda e: 1.0)),
        ("step", {"every": "3ep", "factor": "0.3"}, lambda o: s.StepLR(o, 3, 0.3)),
        ("multistep", {"milestones": "[2ep,5ep,9ep]", "factor": "0.2"}, lambda o: s.MultiStepLR(o, [2, 5, 9], 0.2)),
        ("lambda", {"expression": "0.1^floor(epoch/4)"}, lambda o: s.LambdaLR(o, lambda e: 0.1 ** (e // 4))),
        ("lambda", {"expression": "epoch < 3 ? (epoch+1)/3 : 0.95^epoch"},
         lambda o: s.LambdaLR(o, lambda e: (e + 1) / 3 if e < 3 else 0.95**e)),
        ("exponential", {"factor": "0.9"}, lambda o: s.ExponentialLR(o, 0.9)),
        ("polynomial", {"power": "2", "length": "12ep"}, lambda o: s.PolynomialLR(o, 12, 2.0)),
        ("cosine", {"end": "0.01", "length": "12ep"}, lambda o: s.CosineAnnealingLR(o, 12, 0.01 * PEAK)),
        ("cosine-restarts", {"period": "3ep", "growth": "2", "end": "0.05"},
         lambda o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.05 * PEAK)),
        ("linear", {"start": "0.25", "end": "1", "length": "5ep"}, lambda o: s.LinearLR(o, 0.25, 1.0, 5)),
    )
    cases = []
    for name, settings, make in per_epoch:
        cases.append({"schedule": name, "settings": settings, "epochs": 12, "steps_per_epoch": 7, "every": 7,
                      "rates": rates_of(make, 12)[0]})
    for anneal, their in (("cosine", "cos"), ("linear", "linear")):
        settings = {"rise": "0.3", "div": "25", "final_div": "1e4", "anneal": anneal, "momentum_low": "0.85",
                    "momentum_high": "0.95"}
        rates, momenta = rates_of(
            lambda o, their=their: s.OneCycleLR(o, max_lr=PEAK, total_steps=20, anneal_strategy=their), 20)
        cases.append({"schedule": "one-cycle", "settings": settings, "epochs": 4, "steps_per_epoch": 5, "every": 1,
                      "rates": rates, "momenta": momenta})
    # MindSpore's build_lr(decay_type="square"): lr_end + (lr_max - lr_end) * (1 - i / steps)^2
    square = [0.002 + (PEAK - 0.002) * (1.0 - i / 20) ** 2 for i in range(20)]
    cases.append({"schedule": "square", "settings": {"end": "0.02"}, "epochs": 4, "steps_per_epoch": 5, "every": 1,
                  "rates": square})
    # airbench's: up from 0.2 over 23% of the steps, down to 0.07
    triangle = [np.interp(i, [0, int(0.25 * 20), 20], [0.2, 1.0, 0.07]) * PEAK for i in range(20)]
    cases.append({"schedule": "triangle", "settings": {"rise": "0.25", "start": "0.2", "end": "0.07"}, "epochs": 4,
                  "steps_per_epoch": 5, "every": 1, "rates": [float(r) for r in triangle]})
    return cases


def metrics(index, falls):
    """A noisy curve that gets better, then stands still."""
    noise = Values(109 + index).small(40)
    curve = [1.0 - 0.8 * (1 - np.exp(-t / 6)) + 0.03 * float(noise[t]) for t in range(40)]
    return curve if falls else [100.0 * (1.2 - c) for c in curve]


def plateau_cases():
    cases = []
    problems = (
        ("val_loss", {"factor": 0.5, "patience": 2}, {}),
        ("val_loss", {"factor": 0.1, "patience": 0, "threshold": 0.01, "cooldown": 3}, {}),
        ("train_loss", {"factor": 0.5, "patience": 1, "threshold": 0.05, "min_lr": 0.01}, {"threshold_mode": "abs"}),
        ("val_top1", {"factor": 0.5, "patience": 2}, {}),
        ("val_top1", {"factor": 0.2, "patience": 1, "threshold": 0.5, "cooldown": 2}, {"threshold_mode": "abs"}),
        ("train_top1", {"factor": 0.1, "patience": 3, "threshold": 0.02, "min_lr": 1e-4}, {"threshold_mode": "rel"}),
    )
    for index, (metric, numbers, mode) in enumerate(problems):
        falls = "loss" in metric
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min" if falls else "max", **numbers, **mode)
        values, rates = metrics(index, falls), []
        for value in values:
            scheduler.step(value)
            rates.append(optimizer.param_groups[0]["lr"])
        settings = {"metric": metric, **{k: repr(x) for k, x in numbers.items()}, **mode}
        cases.append({"settings": settings, "values": values, "rates": rates})
    return cases


def make_all(folder):
    torch.set_num_threads(1)
    header = {
        "format": "athanor-golden-optimizers",
        "generator": f"tools/make_golden.py, torch {torch.__version__}, numpy {np.__version__}, float64",
    }
    make_optimizers(folder, header)
    content = {**header, "peak": PEAK, "cases": schedule_cases(), "plateau": plateau_cases()}
    store.write(folder, "schedules.json", content)
