"""Times PyTorch on the work of `athanor bench`: training steps or inference of one net on the CPU.

What:  forward, mean cross-entropy, backward and an SGD step with momentum (mode=train), or the forward pass alone
       (mode=infer), as a user's own loop does it: gradients set to None in every step, the loss read back every tenth
       step. Data are synthetic and lie in memory, so nothing but the computation is timed.
Why:   speed claims are ratios on the same machine, threads, batch and precision, against PyTorch both as a user starts
       it (--config default) and in the best set-up that is known to help on CPUs (--config best): channels-last or
       N,C,H,W; an allocator that keeps large blocks (jemalloc, tcmalloc or glibc's own settings); huge pages; denormal
       numbers flushed to zero. `best` runs every candidate briefly, each in its own process because allocators are
       chosen at start-up, and then times the fastest one at full length.
Role:  prints one JSON object with the keys of `athanor bench --json` plus framework, version and config.

    python train_peer.py --model resnet18-cifar --batch 128 --threads 2 --config best
"""

import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import time

HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "THP_MEM_ALLOC_ENABLE": "1"}
# Serve every block from the heap and never give it back: no page faults on fresh activation memory in each step.
GLIBC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "68719476736", "MALLOC_TOP_PAD_": "67108864"}
JEMALLOC = {
    "MALLOC_CONF": "thp:always,metadata_thp:always,background_thread:true,"
    "oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1"
}
TCMALLOC = {"TCMALLOC_RELEASE_RATE": "0"}


def find_library(stem):
    for pattern in ("/usr/lib/*/", "/usr/lib64/", "/usr/local/lib/", "/usr/lib/"):
        found = sorted(glob.glob(f"{pattern}{stem}.so*"))
        if found:
            return found[0]
    return None


def allocators():
    """Name -> environment of every allocator set-up that this machine can run."""
    found = {"glibc": {**GLIBC, **HUGE}}
    jemalloc = find_library("libjemalloc")
    if jemalloc:
        found["jemalloc"] = {"LD_PRELOAD": jemalloc, "THP_MEM_ALLOC_ENABLE": "1", **JEMALLOC}
    tcmalloc = find_library("libtcmalloc_minimal") or find_library("libtcmalloc")
    if tcmalloc:
        found["tcmalloc"] = {"LD_PRELOAD": tcmalloc, "THP_MEM_ALLOC_ENABLE": "1", **TCMALLOC}
    return found


def candidates(mode, compiled):
    """Names `layout+allocator[+how]` of every set-up that `best` tries. For inference also the two ways in which PyTorch
    folds batch norms and fuses: `traced` (torch.jit.optimize_for_inference) and `compile` (torch.compile with frozen
    weights)."""
    names = [f"{layout}+{a}" for layout in ("nchw", "nhwc") for a in ("stock", *allocators())]
    ways = ["traced", "compile"] if mode == "infer" else ["compile"] if compiled else []
    return names + [f"{name}+{way}" for way in ways for name in names]


def optimized(net, images, precision, words):
    """The net as the candidate's words say."""
    import torch

    if "traced" in words:
        low = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16", cache_enabled=False)
        with torch.no_grad(), low:
            return torch.jit.optimize_for_inference(torch.jit.trace(net, images))
    if "compile" not in words:
        return net
    if not net.training:
        import torch._inductor.config

        torch._inductor.config.freezing = True
    return torch.compile(net)


def peak_rss_mib():
    """The largest resident set of this process alone (ru_maxrss would carry over what ran before exec)."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def measure(args):
    """Runs the candidate that args.config names in this process; returns the JSON object."""
    import torch
    import torch.nn.functional as F

    import models

    words = args.config.split("+")
    channels_last = "nhwc" in words
    torch.set_num_threads(args.threads)
    if args.config != "default":
        torch.set_flush_denormal(True)
    torch.manual_seed(1)
    net = models.build(args.model)
    shape = models.input_shape(args.model)
    images = torch.rand(args.batch, *shape) * 2 - 1
    labels = torch.randint(10, (args.batch,))
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    net.train(args.mode == "train")
    forward = optimized(net, images, args.precision, words)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16")

    def train_step(index):
        optimizer.zero_grad(set_to_none=True)
        with autocast:
            outputs = forward(images)
        loss = F.cross_entropy(outputs.float(), labels)
        loss.backward()
        optimizer.step()
        return loss.item() if index % 10 == 0 else None

    def infer_step(_):
        with torch.no_grad(), autocast:
            forward(images)

    step = train_step if args.mode == "train" else infer_step
    for i in range(args.warmup):
        step(i)
    times = []
    started = time.perf_counter()
    while len(times) < args.min_steps or time.perf_counter() - started < args.seconds:
        before = time.perf_counter()
        step(len(times))
        times.append((time.perf_counter() - before) * 1e3)
    low, middle, high = min(times), statistics.median(times), max(times)
    return {
        "framework": "pytorch",
        "version": torch.__version__,
        "model": args.model,
        "mode": args.mode,
        "batch": args.batch,
        "precision": args.precision,
        "threads": args.threads,
        "config": args.config,
        "steps": len(times),
        "step_ms": {"min": low, "median": middle, "max": high},
        "images_per_second": {
            "min": args.batch / high * 1e3,
            "median": args.batch / middle * 1e3,
            "max": args.batch / low * 1e3,
        },
        "peak_rss_mib": peak_rss_mib(),
    }


def run_candidate(args, name, seconds, min_steps):
    """Measures one candidate in a process of its own; returns its JSON object, or None if it failed."""
    environment = dict(os.environ)
    environment["OMP_NUM_THREADS"] = str(args.threads)
    if name != "default":
        allocator = name.split("+")[1]
        if allocator == "stock":
            environment.update(HUGE if args.huge_stock else {})
        else:
            environment.update(allocators()[allocator])
    command = [sys.executable, os.path.abspath(__file__), "--here", "--config", name]
    for key in ("model", "mode", "batch", "precision", "threads", "warmup"):
        command += [f"--{key}", str(getattr(args, key))]
    command += ["--seconds", str(seconds), "--min-steps", str(min_steps)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        print(f"train_peer: {name} failed (exit {done.returncode})", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def probe(args):
    """The fastest candidate's name, by the shortest step of a brief run of each."""
    best, best_ms = None, float("inf")
    for name in args.candidates.split(",") if args.candidates else candidates(args.mode, args.compile):
        result = run_candidate(args, name, args.probe_seconds, 2)
        if result is None:
            continue
        fastest = result["step_ms"]["min"]
        print(f"train_peer: {name:24} {args.batch / fastest * 1e3:10.1f} images/s", file=sys.stderr)
        if fastest < best_ms:
            best, best_ms = name, fastest
    return best


def main():
    parser = argparse.ArgumentParser(description="Time PyTorch training steps or inference on the CPU.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--mode", choices=("train", "infer"), default="train")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--config", default="default", help="default, best, or a candidate such as nhwc+jemalloc")
    parser.add_argument("--seconds", type=float, default=10, help="least time to measure for")
    parser.add_argument("--min-steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--probe-seconds", type=float, default=3, help="per candidate of --config best")
    parser.add_argument("--candidates", default="", help="the set-ups that best tries, with commas; all by default")
    parser.add_argument("--compile", action="store_true", help="let --config best try torch.compile for training too")
    parser.add_argument("--huge-stock", action="store_true", help="huge pages for the candidates named stock as well")
    parser.add_argument("--pick", action="store_true", help="print the name of the best candidate and stop")
    parser.add_argument("--here", action="store_true", help="measure in this process and its environment")
    args = parser.parse_args()
    if args.here:
        print(json.dumps(measure(args)))
        return 0
    name = args.config
    if name == "best":
        name = probe(args)
        if name is None:
            return 1
    if args.pick:
        print(name)
        return 0
    result = run_candidate(args, name, args.seconds, args.min_steps)
    if result is None:
        return 1
    if args.config == "best":
        result["config"] = f"best ({name})"
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
