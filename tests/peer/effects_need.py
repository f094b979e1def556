#!/usr/bin/env python3
"""How many scored architectures main effects need: a ranking held against the truth, whole and from samples of it.

Scores are those of a run (`supernet rank RUN --csv scores.csv`); known accuracies as for `rank --against`. For each N, N of the
scored architectures are drawn 20 times, main effects fitted on them (ridge regression, its weight by generalised cross-validation,
written here from the definition, not this program's code), and what they predict of ALL architectures with a known accuracy is
held against it: Kendall's tau-b, tau inside the true best 10 %, regret of the pick, mean regret over 20 limits on multiplications
(their quantiles, as `rank --against` has them). Mean and standard deviation over draws. Beside them the raw scores, multiplications,
parameters, and main effects fitted on the truth itself. Needs numpy and scipy.

  python tests/peer/effects_need.py RUN scores.csv truth.json --key mean_acc [--sizes 50 100 200] [--program build/supernet]
"""
import argparse, csv, json, os, subprocess

import numpy as np
from scipy.stats import kendalltau


def options_of(arch):
    return tuple(arch.split(",")) if "," in arch else tuple(arch)


def read_truth(a):
    if a.truth.endswith(".json"):
        return {arch: float(v[a.key]) for arch, v in json.load(open(a.truth)).items()}
    return {r["arch"]: float(r[a.key or "accuracy"]) for r in csv.DictReader(open(a.truth))}


class Space:
    """The architectures of known accuracy: indicators of their options, costs, truth in points."""

    def __init__(self, a):
        config = os.path.join(a.run, "config.yaml")
        text = subprocess.run([a.program, "describe", config, "--no-timing", "--archs", "all", "--csv", "--quiet"], check=True,
                              capture_output=True, text=True).stdout
        truth = read_truth(a)
        rows = [r for r in csv.DictReader(text.splitlines()) if r["arch"] in truth]
        self.index = {r["arch"]: i for i, r in enumerate(rows)}
        self.macs = np.array([float(r["macs"]) for r in rows])
        self.params = np.array([float(r["params"]) for r in rows])
        self.truth = np.array([truth[r["arch"]] for r in rows])
        if self.truth.max() <= 1:
            self.truth *= 100
        options = [options_of(r["arch"]) for r in rows]
        columns = sorted({(d, o) for arch in options for d, o in enumerate(arch)})
        self.z = np.array([[arch[d] == o for d, o in columns] for arch in options], float)


def fitted(z, y, everywhere):
    """Ridge regression on the indicators, lambda by generalised cross-validation (Golub, Heath, Wahba 1979)."""
    mean = z.mean(0)
    u, s, v = np.linalg.svd(z - mean, full_matrices=False)
    keep = s > 1e-5 * s[0]
    u, e, v = u[:, keep], s[keep] ** 2, v[keep]
    c, n, best = u.T @ (y - y.mean()), len(y), None
    outside = ((y - y.mean()) ** 2).sum() - (c ** 2).sum()
    for lam in [0.0] + [e[0] * 2.0 ** k for k in range(-30, 11)]:
        rest, freedom = outside + ((lam / (e + lam) * c) ** 2).sum(), (e / (e + lam)).sum()
        score = n * rest / (n - 1 - freedom) ** 2
        if best is None or score < best[0]:
            best = score, lam
    return y.mean() + (everywhere - mean) @ (v.T @ (np.sqrt(e) / (e + best[1]) * c))


def figures(s, score):
    good = ~np.isnan(score)
    score, truth, macs = score[good], s.truth[good], s.macs[good]
    top = truth >= np.sort(truth)[-max(1, round(len(truth) / 10))]
    limits = np.sort(macs)[[-(-b * len(macs) // 20) - 1 for b in range(1, 21)]]
    regret = [truth[macs <= m].max() - truth[macs <= m][score[macs <= m].argmax()] for m in limits]
    return (kendalltau(score, truth)[0], kendalltau(score[top], truth[top])[0], truth.max() - truth[score.argmax()],
            np.mean(regret), np.max(regret))


def line(name, drawn):
    drawn = np.atleast_2d(drawn)
    cells = [f"{m:.3f}" + (f" ({d:.3f})" if len(drawn) > 1 else "") for m, d in zip(drawn.mean(0), drawn.std(0, ddof=len(drawn) > 1))]
    print("|", name, "|", " | ".join(cells), "|", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run")
    p.add_argument("scores")
    p.add_argument("truth")
    p.add_argument("--key")
    p.add_argument("--program", default="build/supernet")
    p.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 200, 400, 1000, 6561])
    p.add_argument("--draws", type=int, default=20)
    a = p.parse_args()
    s = Space(a)
    rows = [r for r in csv.DictReader(open(a.scores)) if r["arch"] in s.index]
    at = np.array([s.index[r["arch"]] for r in rows])
    hit, images = (np.array([float(r[k]) for r in rows]) for k in ("top1", "images"))
    part = (hit * images + 0.5) / (images + 1)
    scores = {"accuracy": np.log(part / (1 - part)), "loss": -np.array([float(r["loss"]) for r in rows])}
    raw = {"accuracy": hit, "loss": scores["loss"]}
    random = np.random.default_rng(1)
    print(f"{len(rows)} scored architectures, {len(s.truth)} with a known accuracy")
    print("| | tau | inside the true top 10 % | regret | mean over budgets | worst |\n|---|---|---|---|---|---|")
    for what, y in raw.items():
        score = np.full(len(s.truth), np.nan)
        score[at] = y
        line(f"raw, {what}, {len(rows)}", figures(s, score))
    for n in a.sizes:
        if n > len(rows):
            continue
        for what, y in scores.items():
            draws = [random.permutation(len(rows))[:n] for _ in range(a.draws if n < len(rows) else 1)]
            line(f"effects, {what}, from {n}", [figures(s, fitted(s.z[at[d]], y[d], s.z)) for d in draws])
    line("effects of the truth", figures(s, fitted(s.z, s.truth, s.z)))
    line("multiplications", figures(s, s.macs))
    line("parameters", figures(s, s.params))


if __name__ == "__main__":
    main()
