#!/usr/bin/env python3
"""Training steps of NAS-Bench-Macro beside PyTorch, A B A B, on one idle machine.

A step: zero gradients, forward, cross-entropy, backward, SGD with momentum and weight decay; random images; no loader, no clipping.
Both sides run the same paths (default: tests/peer/paths_macro.txt, every option of every decision equally often), each in a process
of its own. PyTorch runs channels_last; set MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ to large values for its best.

  python tests/peer/speed.py --program build/supernet [--device cpu-avx2] [--rounds 2] [--batch 256] [--threads 2]

Prints a line per run and the ratio of the mean images/s (ours / PyTorch); JSON with --json.
"""
import argparse, json, os, resource, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))


def torch_side(a):
    import torch, torch.nn as nn, torch.nn.functional as F

    def unit(i, o, k, s=1, g=1, act=True):
        parts = [nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o)]
        return nn.Sequential(*parts, nn.ReLU(inplace=True)) if act else nn.Sequential(*parts)

    class Block(nn.Module):
        def __init__(self, i, o, s, expand, k):
            super().__init__()
            self.body = nn.Sequential(unit(i, i * expand, 1), unit(i * expand, i * expand, k, s, i * expand), unit(i * expand, o, 1, act=False))
            self.joins = i == o and s == 1

        def forward(self, x):
            return x + self.body(x) if self.joins else self.body(x)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, c, layers = unit(3, 32, 3), 32, []
            for n, o in ((2, 64), (3, 128), (3, 256)):
                for j in range(n):
                    s = 2 if j == 0 else 1
                    skip = nn.Identity() if c == o else unit(c, o, 1, s, act=False)
                    layers.append(nn.ModuleList([skip, Block(c, o, s, 3, 3), Block(c, o, s, 6, 5)]))
                    c = o
            self.layers, self.head, self.classifier = nn.ModuleList(layers), unit(c, 1280, 1), nn.Linear(1280, 10)

        def forward(self, x, path):
            x = self.stem(x)
            for layer, option in zip(self.layers, path):
                x = layer[option](x)
            return self.classifier(self.head(x).mean((2, 3)))

    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    net = Net().to(memory_format=torch.channels_last)
    x = torch.randn(a.batch, 3, 32, 32).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (a.batch,))
    sgd = torch.optim.SGD(net.parameters(), 0.01, 0.9, weight_decay=3e-4)
    paths = [tuple(map(int, p)) for p in open(a.paths).read().split()]

    def step(path):
        net.zero_grad(set_to_none=True)
        F.cross_entropy(net(x, path), y).backward()
        sgd.step()

    for path in paths[:3]:
        step(path)
    seconds = []
    for path in paths:
        start = time.perf_counter()
        step(path)
        seconds.append(time.perf_counter() - start)
    mean = statistics.mean(seconds)
    return {"img_per_s": a.batch / mean, "mean_s": mean, "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "version": torch.__version__}


def ours(a):
    command = [a.program, "bench", os.path.join(HERE, "../../configs/nasbench-macro-cifar10.yaml"), "--paths", a.paths, "--batch", str(a.batch), "--threads",
               str(a.threads), "--device", a.device, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--program", default=os.path.join(HERE, "../../build/supernet"))
    p.add_argument("--device", default="cpu")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--batch", type=int, default=256)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--paths", default=os.path.join(HERE, "paths_macro.txt"))
    p.add_argument("--json", action="store_true")
    p.add_argument("--torch-side", action="store_true", help="internal: time PyTorch in this process")
    a = p.parse_args()
    if a.torch_side:
        print(json.dumps(torch_side(a)))
        return
    rows = {"supernet": [], "pytorch": []}
    for _ in range(a.rounds):
        rows["supernet"].append(ours(a))
        again = [sys.executable, __file__, "--torch-side", "--batch", str(a.batch), "--threads", str(a.threads), "--paths", a.paths]
        rows["pytorch"].append(json.loads(subprocess.run(again, check=True, stdout=subprocess.PIPE, text=True).stdout))
        for side in rows:
            r = rows[side][-1]
            print(f"{side:9} {r['mean_s']:.4f} s a step  {r['img_per_s']:.1f} images/s  peak memory {r['peak_rss_mb']} MB"
                  + (f"  {r['gflops']:.1f} GFLOP/s of {r['fma_peak_gflops'] or 0:.0f} ({r['device']})" if "gflops" in r else f"  (torch {r['version']})"), file=sys.stderr)
    ratio = statistics.mean(r["img_per_s"] for r in rows["supernet"]) / statistics.mean(r["img_per_s"] for r in rows["pytorch"])
    pairs = [o["img_per_s"] / t["img_per_s"] for o, t in zip(rows["supernet"], rows["pytorch"])]
    print(json.dumps({"ratio": ratio, "pairs": pairs, **rows}) if a.json else f"ratio of images/s: {ratio:.2f} (pairs: {', '.join(f'{r:.2f}' for r in pairs)})")


main()
