#!/usr/bin/env python3
"""Known accuracies of a space of one's own: a sample of its architectures, spread over their multiplications, each trained alone.

The architectures of the run's space are sorted by multiplications and cut into N parts of equal size; one of each part is drawn.
Each is retrained from fresh weights with every seed (`supernet retrain --init scratch`) and scored on the test split. The CSV has
arch, accuracy (mean over seeds), spread (their standard deviation), macs and one column per seed: what `rank --against` reads.
The seeds of an architecture are trained side by side, with one thread each. Stopped, it goes on where it was, and writes the CSV
after each architecture.

  python tests/peer/truth.py RUN -o truth.csv [--archs 40] [--seeds 11 12] [--epochs 4] [--program build/supernet]
"""
import argparse, csv, json, os, random, statistics, subprocess, sys
from concurrent.futures import ThreadPoolExecutor


def sample(a):
    config = os.path.join(a.run, "config.yaml")
    text = subprocess.run([a.program, "describe", config, "--no-timing", "--archs", "all", "--csv", "--quiet"],
                          check=True, capture_output=True, text=True).stdout
    rows = sorted(csv.DictReader(text.splitlines()), key=lambda r: int(r["macs"]))
    draw = random.Random(a.draw)
    cuts = [len(rows) * i // a.archs for i in range(a.archs + 1)]
    return [draw.choice(rows[cuts[i]:cuts[i + 1]]) for i in range(a.archs)]


def trained(a, arch, index, seed):
    command = [a.program, "retrain", a.run, "--arch", arch, "--init", "scratch", "--name", f"truth-{index}-{seed}", "--set",
               f"retrain.epochs={a.epochs}", "--set", f"retrain.seed={seed}", "--threads", "1", "--json", "--quiet"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["test_top1"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run")
    p.add_argument("-o", "--out", required=True)
    p.add_argument("--program", default="build/supernet")
    p.add_argument("--archs", type=int, default=40)
    p.add_argument("--seeds", type=int, nargs="+", default=[11, 12])
    p.add_argument("--epochs", type=int, default=4)
    p.add_argument("--draw", type=int, default=1, help="seed of the choice of architectures")
    a = p.parse_args()
    rows = []
    pool = ThreadPoolExecutor(len(a.seeds))
    for i, r in enumerate(sample(a)):
        scores = list(pool.map(lambda s: trained(a, r["arch"], i, s), a.seeds))
        spread = statistics.stdev(scores) if len(scores) > 1 else ""
        rows.append([r["arch"], statistics.mean(scores), spread, r["macs"], *scores])
        with open(a.out + ".new", "w", newline="") as f:
            w = csv.writer(f)
            w.writerow(["arch", "accuracy", "spread", "macs", *(f"seed{s}" for s in a.seeds)])
            w.writerows(rows)
        os.replace(a.out + ".new", a.out)
        print(f"{i + 1}/{a.archs} {r['arch']} {r['macs']} {' '.join(f'{s:.4f}' for s in scores)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
