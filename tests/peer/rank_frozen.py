"""Writes tests/data/rank_frozen.json: score and truth vectors with the figures that scipy and numpy give for them.
Not here: any code of this project; tests/test_rankstats.c compares its own figures with the file.
Next: tests/test_rankstats.c.   Usage: rank_frozen.py nas-bench-macro_cifar10.json > tests/data/rank_frozen.json
"""
import json
import sys

import numpy as np
from scipy.stats import kendalltau, spearmanr


def corr(f, x, y):
    c = f(x, y)[0]
    return None if np.isnan(c) else float(c)


def share(score, truth, k):
    """Expected overlap of the two sets of k best when ties are broken by lot, item by item."""
    def chance(v):
        out = np.zeros(len(v))
        for i, x in enumerate(v):
            above, here = (v > x).sum(), (v == x).sum()
            out[i] = min(max((k - above) / here, 0), 1)
        return out
    return float((chance(score) * chance(truth)).sum() / k)


def case(name, score, truth):
    score, truth = np.asarray(score, float), np.asarray(truth, float)
    n = len(score)
    top = truth >= np.percentile(truth, 90)
    figures = {
        "tau": corr(kendalltau, score, truth),
        "rho": corr(spearmanr, score, truth),
        "tau_top": corr(kendalltau, score[top], truth[top]) if top.sum() > 1 else None,
        "regret": float(truth.max() - truth[score == score.max()].mean()),
        "share_10": share(score, truth, min(10, n)),
        "share_1pc": share(score, truth, max(1, (n + 50) // 100)),
        "share_10pc": share(score, truth, max(1, (n + 5) // 10)),
    }
    return {"name": name, "score": score.tolist(), "truth": truth.tolist(), "top": int(top.sum()), "figures": figures}


def main():
    table = json.load(open(sys.argv[1]))
    archs = sorted(table)[::131]  # 51 rows
    get = lambda key: [table[a][key] for a in archs]
    seed = lambda s: [table[a]["test_acc"][s] for a in archs]
    r = np.random.default_rng(1)
    cases = [
        case("macro flops", get("flops"), get("mean_acc")),
        case("macro params", get("params"), get("mean_acc")),
        case("macro seed 0 against 1", seed(0), seed(1)),
        case("macro whole points", np.round(seed(0)), np.round(seed(2))),
        case("many ties", r.integers(0, 4, 97), r.integers(0, 3, 97)),
        case("ties in the score", r.integers(0, 5, 60), r.permutation(60)),
        case("ties in the truth", r.permutation(61), r.integers(0, 12, 61)),
        case("constant score", np.ones(7), np.arange(7)),
        case("reversed", -np.arange(33), np.arange(33)),
        case("two", [1, 2], [5, 3]),
        case("one", [1], [5]),
    ]
    rows = ",\n ".join(json.dumps(c) for c in cases)
    print(f'{{"archs": {json.dumps(archs)},\n"cases": [\n {rows}\n]}}')


main()
