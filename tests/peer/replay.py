"""Redoes the steps of a trace in PyTorch, each from the trace's own state before it, and compares. The exit code is the result.

Usage: python tests/peer/replay.py [--double] [--no-decay] [--own-sides] TRACE...
       python tests/peer/replay.py --free N [--csv FILE] TRACE
       python tests/peer/replay.py --self TRACE
Needs torch, h5py, numpy. Bounds and options: README.md beside this file; the format of traces: src/supernet/train/trace.h.
"""
import argparse
import csv
import json
import sys
import h5py
import numpy as np
import torch
import torch.nn.functional as F
from net import Net

LOOSE, TIGHT = 1e-3, 1e-4
KINK = 3e-5  # how far from a kink the two programs may disagree about the side: what rounding makes of a normalised value
NOISE = 1e-6  # of the global norm: a smaller gradient is rounding and nothing else


class Trace:
    def __init__(self, path):
        self.file = h5py.File(path)
        a = self.attrs = dict(self.file.attrs)
        if a.get("format") != "supernet-trace" or a["format_version"] != 1:
            sys.exit(f"{path} is not a trace of version 1")
        self.space, self.optimizer = json.loads(a["space"]), json.loads(a["optimizer"])
        self.steps = [self.file["steps"][k] for k in sorted(self.file["steps"])]
        self.groups = [(float(g["weight_decay"][()]), g.attrs["params"].split("\n")) for g in self.file["decay_groups"].values()]
        sgd = self.optimizer["name"] == "sgd"
        self.slots = {"momentum": "momentum_buffer"} if sgd else {"exp_avg": "exp_avg", "exp_avg_sq": "exp_avg_sq"}

    def make_net(self, dtype):
        return Net(self.space, self.attrs["bn_eps"], self.attrs["bn_momentum"]).to(dtype)

    def make_optimizer(self, net, lr, decay):
        """The optimiser of the trace over the net, as a user of PyTorch writes it; decay False leaves weight decay out."""
        by_name, o = dict(net.named_parameters()), self.optimizer
        groups = [{"params": [by_name[n] for n in names if n in by_name], "weight_decay": d if decay else 0.0} for d, names in self.groups]
        if o["name"] == "sgd":
            return torch.optim.SGD(groups, lr=lr, momentum=o["momentum"], nesterov=o["nesterov"])
        return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[o["name"]](groups, lr=lr, betas=(o["beta1"], o["beta2"]), eps=o["eps"])

    def load(self, state, net, optimizer):
        """Puts a state of the trace into net and optimiser; returns the names it has."""
        by_name = {**dict(net.named_parameters()), **dict(net.named_buffers())}
        with torch.no_grad():
            for kind in ("params", "buffers"):
                for name, value in state[kind].items():
                    by_name[name].copy_(tensor(value, by_name[name].dtype))
        for name in state["params"]:
            p = by_name[name]
            slots = state["optim"][name] if "optim" in state else {}
            s = {own: tensor(slots[ours], p.dtype) for ours, own in self.slots.items() if ours in slots}
            if "step" in slots:
                s["step"] = torch.tensor(float(slots["step"][()]))
            if s:
                optimizer.state[p] = s
        return set(state["params"])


def tensor(dataset, dtype):
    return torch.from_numpy(dataset[()]).to(dtype)


# ---------------------------------------------------------------- comparing
class Worst:
    """Per kind of figure: the largest error as a multiple of its bound, and where; how many were compared."""

    def __init__(self):
        self.kinds = {}

    def note(self, kind, where, error, bound):
        ratio = 0.0 if error == 0 else float(error) / float(bound) if bound > 0 else np.inf
        worst, place, n = self.kinds.get(kind, (-1.0, "", 0))
        self.kinds[kind] = (ratio, where, n + 1) if not ratio <= worst else (worst, place, n + 1)

    def good(self):
        return bool(self.kinds) and all(ratio <= 1 for ratio, _, _ in self.kinds.values())

    def show(self):
        for kind, (ratio, where, n) in self.kinds.items():
            print(f"  {kind:12s} {ratio:10.4g} of the bound, worst of {n:5d}: {where}{'' if ratio <= 1 else '   <-- FAILS'}")


def norm(x):
    return float(np.linalg.norm(np.asarray(x, np.float64)))


def compare_change(worst, kind, where, ours, theirs, before, floor, ulp=0):
    """ours, theirs, before: arrays of floats. floor: what a gradient error within its own bound may do to this tensor. ulp: of what
    the values were summed from, where that is larger than their own."""
    theirs = theirs.astype(np.float32)
    ulps = norm(np.maximum(np.spacing(np.abs(theirs)), ulp))
    worst.note(kind, where, norm(ours.astype(np.float64) - theirs), max(LOOSE * norm(theirs.astype(np.float64) - before), floor) + ulps)


def reach(trace, state, lr, floor):
    """How far an error of `floor` in a gradient carries into the weight. Adam divides by the root of the squares: where these are
    noise too, the step has any sign."""
    o = trace.optimizer
    if o["name"] == "sgd":
        return 2 * lr * floor
    root = np.sqrt(state["exp_avg_sq"][()].astype(np.float64) / (1 - o["beta2"] ** float(state["step"][()])))
    return 2 * lr * norm(np.minimum(1, floor / (root + o["eps"])))


def compare_state(worst, trace, step, net, optimizer, floor, lr):
    by_name, after, before = dict(net.named_parameters()), step["after"], step["before"]
    for name, p in by_name.items():
        if name not in after["params"]:
            continue
        compare_change(worst, "weights", f"{step.name} {name}", after["params"][name][()], p.detach().numpy(), before["params"][name][()],
                       reach(trace, after["optim"][name], lr, floor) if "optim" in after else 2 * lr * floor)
        for ours, own in trace.slots.items():
            if "optim" in after and ours in after["optim"][name]:
                compare_change(worst, "slots", f"{step.name} {name} {ours}", after["optim"][name][ours][()],
                               optimizer.state[p][own].numpy(), before["optim"][name][ours][()], floor)
    for name, bn in net.named_modules():
        if name + ".running_mean" in after["buffers"]:
            compare_statistics(worst, step, name, bn, float(trace.attrs["bn_momentum"]))


def compare_statistics(worst, step, name, bn, momentum):
    """A mean is a sum of values around it: where it is 0 but for rounding, the unit is the last place of their deviation."""
    before, after = step["before/buffers"], step["after/buffers"]
    kept = (1 - momentum) ** int(bn.num_batches_tracked)  # of the statistics before the step
    if kept == 1:  # no pass moved them
        for leaf in (".running_mean", ".running_var"):
            worst.note("statistics", f"{step.name} {name}{leaf}", norm(after[name + leaf][()] - before[name + leaf][()]), 0)
        return
    var, old = bn.running_var.numpy(), before[name + ".running_var"][()]
    deviation = np.sqrt(np.maximum(var - kept * old, 0) / (1 - kept))
    compare_change(worst, "statistics", f"{step.name} {name}.running_var", after[name + ".running_var"][()], var, old, 0)
    compare_change(worst, "statistics", f"{step.name} {name}.running_mean", after[name + ".running_mean"][()], bn.running_mean.numpy(),
                   before[name + ".running_mean"][()], 0, (1 - kept) * 2.0 ** -23 * deviation)


def compare_gradients(worst, step, net, total):
    ours = step["gradients"]
    theirs = {n: p.grad for n, p in net.named_parameters() if p.grad is not None}
    worst.note("params used", step.name, len(set(ours) ^ set(theirs)), 0)
    for name in ours:
        if name in theirs:
            g = theirs[name].numpy()
            kind = "gradients" if norm(g) > NOISE * total else "noise"
            worst.note(kind, f"{step.name} {name}", norm(ours[name][()] - g), TIGHT * max(norm(g), LOOSE * total))


def same_bits(a, b):
    return all(same_bits(a[k], b[k]) if isinstance(a[k], h5py.Group) else np.array_equal(a[k][()], b[k][()]) for k in a if k in b)


# ---------------------------------------------------------------- steps
def use_sides(net, p):
    """Activations take the sides of this pass from now on; None: PyTorch's own."""
    net.sides = None if p is None else {n: np.unpackbits(d[()]) for n, d in p.get("inside", {}).items()}


def run_pass(net, trace, x, y, p, sides):
    use_sides(net, p if sides else None)
    logits = net(x, p["mask"][()].tolist())
    loss = F.cross_entropy(logits, y, label_smoothing=float(trace.attrs["label_smoothing"]))
    loss.backward()
    return logits.detach(), loss.item()


def clip(net, most):
    """Total norm and factor of clipping; without clipping the norm alone."""
    used = [p for p in net.parameters() if p.grad is not None]
    total = float(torch.nn.utils.clip_grad_norm_(used, most or np.inf))
    return total, min(1.0, most / (total + 1e-6)) if most else 1.0


def replay_step(worst, trace, step, net, args):
    lr = float(step.attrs["lr"])
    for p in net.parameters():
        p.grad = None
    optimizer = trace.make_optimizer(net, lr, not args.no_decay)
    trace.load(step["before"], net, optimizer)
    x, y = tensor(step["images"], net.dtype), tensor(step["labels"], torch.long)
    net.disagreed = []
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.num_batches_tracked.zero_()
    for k in sorted(step["passes"], key=int):
        p = step["passes"][k]
        logits, loss = run_pass(net, trace, x, y, p, not args.own_sides)
        worst.note("loss", p.name, abs(loss - p.attrs["loss"]), TIGHT * abs(loss))
        worst.note("logits", p.name, norm(p["logits"][()] - logits.numpy()), TIGHT * norm(logits))
        worst.note("gates", p.name, norm(p["gates"][()] - 1), 0)
    worst.note("sides", step.name, max(net.disagreed, default=0), KINK)
    total = norm([norm(p.grad) for p in net.parameters() if p.grad is not None])
    compare_gradients(worst, step, net, total)
    total, factor = clip(net, trace.optimizer["clip"])
    worst.note("clipping", step.name, abs(total - step.attrs["norm"]) / total + abs(factor - step.attrs["factor"]) / factor, TIGHT)
    optimizer.step()
    compare_state(worst, trace, step, net, optimizer, TIGHT * LOOSE * total * factor, lr)
    return len(net.disagreed)


def replay(path, args):
    trace = Trace(path)
    if "relax" in trace.attrs:
        sys.exit(f"{path} is a trace of mode relax: replay_relaxed.py redoes it")
    if trace.attrs["inputs_only"]:
        sys.exit(f"{path} holds inputs only: use --free")
    net = trace.make_net(torch.float64 if args.double else torch.float32)
    net.dtype = torch.float64 if args.double else torch.float32
    worst, sides, before = Worst(), 0, None
    for step in trace.steps:
        if before is not None:
            worst.note("continuity", step.name, 0 if same_bits(before["after"], step["before"]) else 1, 0)
        sides += replay_step(worst, trace, step, net, args)
        before = step
    print(f"{path}: {len(trace.steps)} steps of {len(step['passes'])} passes ({trace.attrs['sampler']}), batch {trace.attrs['batch']}; "
          f"{sides} activations on the other side of a kink in PyTorch")
    worst.show()
    return worst.good()


def compare_with_itself(path, args):
    """How far PyTorch in float is from PyTorch in double by the gradients' bound, when each decides the sides of activations itself."""
    trace, dtypes = Trace(path), (torch.float64, torch.float32)
    nets = [trace.make_net(t) for t in dtypes]
    for step in trace.steps:
        for net, dtype in zip(nets, dtypes):
            net.zero_grad(set_to_none=True)
            trace.load(step["before"], net, trace.make_optimizer(net, 0.1, True))
            x, y = tensor(step["images"], dtype), tensor(step["labels"], torch.long)
            for p in step["passes"].values():
                run_pass(net, trace, x, y, p, False)
        grads = [{n: p.grad.double().numpy() for n, p in net.named_parameters() if p.grad is not None} for net in nets]
        total = norm([norm(g) for g in grads[0].values()])
        ratios = [norm(g - grads[1][n]) / (TIGHT * max(norm(g), LOOSE * total)) for n, g in grads[0].items()]
        print(f"{step.name}: PyTorch in float misses the bound for {sum(r > 1 for r in ratios)} of {len(ratios)} gradients, by up to {max(ratios):.3g} times")
    return True


def free_run(path, args):
    """Trains on from the trace's initial state with its inputs and masks; only losses are compared, by eye."""
    trace = Trace(path)
    net = trace.make_net(torch.float32)
    optimizer = trace.make_optimizer(net, 0.1, not args.no_decay)
    trace.load(trace.file["initial"], net, optimizer)
    rows = []
    for step in trace.steps[:args.free]:
        for g in optimizer.param_groups:
            g["lr"] = float(step.attrs["lr"])
        optimizer.zero_grad(set_to_none=True)
        x, y = tensor(step["images"], torch.float32), tensor(step["labels"], torch.long)
        passes = list(step["passes"].values())
        theirs = np.mean([run_pass(net, trace, x, y, p, False)[1] for p in passes])
        clip(net, trace.optimizer["clip"])
        optimizer.step()
        rows.append((int(step.name.rsplit("/", 1)[1]), np.mean([p.attrs["loss"] for p in passes]), theirs))
    if args.csv:
        with open(args.csv, "w", newline="") as f:
            csv.writer(f).writerows([("step", "supernet", "pytorch"), *rows])
    table = np.array(rows)
    print(f"{path}: {len(rows)} free-running steps; mean loss of each tenth\n  steps            supernet   pytorch")
    for part in np.array_split(table, min(10, len(rows))):
        print(f"  {int(part[0, 0]):5d} to {int(part[-1, 0]):5d} {part[:, 1].mean():11.4f} {part[:, 2].mean():9.4f}")
    apart = np.abs(table[:, 1] - table[:, 2]) / table[:, 2]
    first = next((int(s) for s, a in zip(table[:, 0], apart) if a > 0.01), None)
    print(f"  losses of one step first differ by 1 % at step {first}; largest difference {apart.max():.3g}, of all means "
          f"{abs(table[:, 1].mean() / table[:, 2].mean() - 1):.3g}")
    return bool(np.isfinite(table).all())


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("trace", nargs="+")
    a.add_argument("--double", action="store_true", help="PyTorch computes in double, so that only our rounding is seen")
    a.add_argument("--no-decay", action="store_true", help="leave weight decay out: must fail")
    a.add_argument("--own-sides", action="store_true", help="PyTorch decides the sides of activations itself")
    a.add_argument("--free", type=int, metavar="N", help="train N steps on in PyTorch from the initial state; compare losses")
    a.add_argument("--self", action="store_true", help="compare PyTorch in float with PyTorch in double")
    a.add_argument("--csv", help="with --free: write step, our loss, PyTorch's")
    args = a.parse_args()
    check = compare_with_itself if args.self else free_run if args.free else replay
    results = [check(t, args) for t in args.trace]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
