#!/usr/bin/env python3
"""Whether scores taken with shared prefixes have the same bits as scores taken one arch at a time, on a trained run.

Ranks N random archs in a copy of the run (one call, prefixes shared), then each of them alone, by a process of its own, in another
copy. Hit bits, loss and the hash of the logits of every arch must be equal.

  python tests/peer/one_by_one.py --program build/supernet RUN [--archs 300] [--calibrate 500] [--images 500]

Prints what was compared; exit code 1 where a bit differs.
"""
import argparse, glob, os, shutil, subprocess, sys, tempfile

import h5py


def copy_of(run, folder):
    os.makedirs(os.path.join(folder, "checkpoints"))
    shutil.copy(os.path.join(run, "config.yaml"), folder)
    newest = sorted(glob.glob(os.path.join(run, "checkpoints", "step-*.h5")))[-1]
    shutil.copy(newest, os.path.join(folder, "checkpoints"))
    return folder


def rank(a, folder, *more):
    sets = ["--set", f"rank.calibrate={a.calibrate}", "--set", f"rank.images={a.images}"]
    subprocess.run([a.program, "rank", folder, *more, *sets, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def rows(folder):
    with h5py.File(os.path.join(folder, "ranking.h5"), "r") as f:
        assert len(f) == 1, "one setting expected"
        g = f[list(f)[0]]
        names = bytes(g["arch"][:]).decode().split("\n")[:-1]
        return {n: tuple(g[k][i].tobytes() for k in ("hits", "loss", "logits")) for i, n in enumerate(names)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run")
    p.add_argument("--program", default="build/supernet")
    for name, default in (("archs", 300), ("calibrate", 500), ("images", 500)):
        p.add_argument("--" + name, type=int, default=default)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        together, alone = (copy_of(a.run, os.path.join(scratch, n)) for n in ("together", "alone"))
        rank(a, together, "--sample", str(a.archs))
        expected = rows(together)
        assert len(expected) == a.archs, f"{len(expected)} archs"
        one = os.path.join(scratch, "one.txt")
        for arch in expected:
            with open(one, "w") as f:
                f.write(arch + "\n")
            rank(a, alone, "--archs", one)
        found = rows(alone)
    differ = [n for n in expected if found.get(n) != expected[n]]
    print(f"{len(expected)} archs on {a.images} images, recalibrated on {a.calibrate}: {len(differ)} differ in hit bits, loss or logits")
    sys.exit(bool(differ) or set(found) != set(expected))


if __name__ == "__main__":
    main()
