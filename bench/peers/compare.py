"""Lays `athanor bench` beside PyTorch: alternating runs of the same net, batch, threads and precision.

What:  N pairs of runs, A B A B ..., each in a fresh process; the figure of a side is the median over its runs of the
       median step. Where the peer runs in its best configuration, that is found once (train_peer.py --pick) before the
       pairs start. Prints a table and, with --markdown FILE, appends it there.
Why:   machines drift by tens of percent within minutes; alternating runs and medians make the ratio hold still. The
       spread of each side is printed too: a ratio inside it says nothing.

    python compare.py --athanor build/athanor --model lenet5 --batch 256 --threads 2 --repeats 5 --config default best
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

import models

HERE = os.path.dirname(os.path.abspath(__file__))


def last_json(command):
    """The JSON object that a command prints last on standard output; exits with its message where there is none."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        raise SystemExit(f"compare: cannot run {command[0]}: {error.strerror}") from error
    lines = done.stdout.strip()
    if done.returncode != 0 or not lines:
        raise SystemExit(f"compare: {' '.join(command)} failed (exit {done.returncode})")
    try:
        return json.loads(lines)
    except json.JSONDecodeError:
        return json.loads(lines.splitlines()[-1])


def athanor_command(args):
    shape = "x".join(map(str, models.input_shape(args.model)))
    name = args.athanor_model or args.model
    command = [args.athanor, "bench", f"model={name}", f"mode={args.mode}", f"batch={args.batch}"]
    command += [f"threads={args.threads}", f"precision={args.precision}", f"input={shape}", "classes=10", "--json"]
    return command + args.athanor_args


def peer_command(args, config):
    command = [sys.executable, os.path.join(HERE, "train_peer.py"), "--config", config]
    for key in ("model", "mode", "batch", "threads", "precision", "seconds"):
        command += [f"--{key}", str(getattr(args, key))]
    return command


def pick_best(args):
    command = peer_command(args, "best") + ["--pick"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    name = done.stdout.strip()
    if done.returncode != 0 or not name:
        raise SystemExit("compare: no configuration of the peer ran; see the messages above")
    return name


def processor():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def describe(runs):
    """Median, lowest and highest images/s of the runs' median steps, and the largest peak memory."""
    speeds = [run["images_per_second"]["median"] for run in runs]
    return {
        "median": statistics.median(speeds),
        "low": min(speeds),
        "high": max(speeds),
        "rss": max(run.get("peak_rss_mib") or 0 for run in runs),
    }


def table(args, rows, versions):
    what = f"{args.model}, {args.mode}, batch {args.batch}, {args.precision}, {args.threads} threads"
    lines = [f"### {what}", "", f"{processor()}; {versions}; median of {args.repeats} alternating runs.", ""]
    lines += ["| side | images/s (median) | lowest - highest run | ratio | peak MiB |", "|---|---|---|---|---|"]
    ours = rows[0][1]["median"]
    for index, (name, r) in enumerate(rows):
        ratio = "" if index == 0 else f"{ours / r['median']:.2f}x"
        lines.append(f"| {name} | {r['median']:,.1f} | {r['low']:,.1f} - {r['high']:,.1f} | {ratio} | {r['rss']:,.0f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Compare athanor bench with PyTorch, in alternating runs.")
    parser.add_argument("--athanor", default="athanor", help="the program")
    parser.add_argument("--model", required=True, choices=sorted(models.MODELS))
    parser.add_argument("--athanor-model", default="", help="the net's name in athanor where it differs")
    parser.add_argument("--athanor-args", nargs="*", default=[], help="more key=value words for athanor bench")
    parser.add_argument("--mode", choices=("train", "infer"), default="train")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--seconds", type=float, default=8, help="per run of the peer")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--config", nargs="+", default=["default", "best"], help="the peer's configurations")
    parser.add_argument("--markdown", default="", help="append the table to this file")
    parser.add_argument("--json", action="store_true", help="print every run as JSON instead of the table")
    args = parser.parse_args()

    last_json([args.athanor, "version", "--json"])  # fail at once, not after the peer's search
    configs = {config: pick_best(args) if config == "best" else config for config in args.config}
    ours, theirs = [], {config: [] for config in configs}
    for repeat in range(args.repeats):
        ours.append(last_json(athanor_command(args)))
        for config, candidate in configs.items():
            theirs[config].append(last_json(peer_command(args, candidate)))
        print(f"compare: {args.model}: {repeat + 1} of {args.repeats}", file=sys.stderr)
    if args.json:
        print(json.dumps({"athanor": ours, "pytorch": theirs}))
        return 0
    rows = [("athanor", describe(ours))]
    for config, candidate in configs.items():
        label = config if candidate == config else f"{config}: {candidate}"
        rows.append((f"PyTorch ({label})", describe(theirs[config])))
    version = next(iter(theirs.values()))[0]["version"]
    text = table(args, rows, f"PyTorch {version}")
    print(text)
    if args.markdown:
        with open(args.markdown, "a", encoding="utf-8") as out:
            out.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
