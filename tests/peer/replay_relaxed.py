"""Redoes the steps of a trace of mode relax in PyTorch, each from the trace's own state and noise, and compares. The exit code is
the result.

Usage: python tests/peer/replay_relaxed.py [--double] [--no-decay] [--first-order] [--own-sides] TRACE...
Gates follow from alphas by the published formulas and their gradients come from autograd; alphas are moved by torch.optim.Adam,
weights by the optimiser of the trace. Bounds and options: README.md beside this file. Not here: nets (net.py), the comparison of
weights and statistics (replay.py).
"""
import argparse
import json
import sys
import numpy as np
import torch
import torch.nn.functional as F
from replay import KINK, LOOSE, NOISE, TIGHT, Trace, Worst, clip, compare_gradients, compare_state, norm, same_bits, tensor, use_sides

REDONE = ("darts", "gdas", "snas", "drnas", "fairdarts", "softmax")
EXACT = 1e-9  # alphas and gates are doubles on both sides
DIRICHLET = 1e-3  # of PyTorch's derivative of a Dirichlet draw, an approximation


class Dirichlet(torch.autograd.Function):
    """A draw whose derivative along the concentrations is that of torch.distributions.Dirichlet.rsample."""

    @staticmethod
    def forward(ctx, concentration, draw):
        ctx.save_for_backward(concentration, draw)
        return draw.clone()

    @staticmethod
    def backward(ctx, grad):
        concentration, draw = ctx.saved_tensors
        total = concentration.sum(-1, True).expand_as(concentration)
        return torch._dirichlet_grad(draw, concentration, total) * (grad - (draw * grad).sum(-1, True)), None


class Relaxation:
    """From alphas, by place, to what the method keeps and to gates, as functions that autograd can follow."""

    def __init__(self, trace):
        self.settings = json.loads(trace.attrs["relax"])
        self.method, self.decisions, place = self.settings["method"], [], 0
        if self.method not in REDONE or self.settings.get("cost_form", "add") != "add":
            sys.exit(f"the trace: method {self.method}, "
                     f"cost_form {self.settings.get('cost_form')}: redone are {', '.join(REDONE)} with cost_form add")
        for d in trace.space["decisions"]:
            self.decisions.append([place + k for k, name in enumerate(d["options"]) if name is not None])
            place += len(d["options"])
        self.places, self.first = place, [d[0] - next(k for k, n in enumerate(s["options"]) if n is not None)
                                          for d, s in zip(self.decisions, trace.space["decisions"])]
        self.learned = [d for d, learned in zip(self.decisions, self.settings["learned"]) if learned]

    def temperature(self, number):
        s = self.settings
        progress = (number - 1) / (s["steps"] - 1) if s["steps"] > 1 else 1.0
        return s["temperature"] + (s["temperature_end"] - s["temperature"]) * progress

    def shares(self, alpha, noise, draw, temperature):
        """Of one decision."""
        if self.method == "fairdarts":
            return torch.sigmoid(alpha)
        if self.method == "drnas":
            return Dirichlet.apply(F.elu(alpha) + 1, draw)
        if self.method == "darts":
            return torch.softmax(alpha, -1)
        return torch.softmax((alpha + noise) / temperature, -1)

    def make(self, alpha, p, number):
        """Of a pass of the step of this number: kept and gates, by place."""
        noise, draw = tensor(p["noise"], torch.float64), tensor(p["kept"], torch.float64)
        kept, gates = torch.zeros(self.places, dtype=torch.float64), torch.zeros(self.places, dtype=torch.float64)
        for d in self.decisions:
            if d not in self.learned:  # one option, or ways to pick, by which every value is there once
                gates = gates.index_put((torch.tensor(d),), tensor(p["gates"], torch.float64)[d])
                continue
            shares = self.shares(alpha[d], noise[d], draw[d], self.temperature(number))
            weights = shares
            if self.method == "gdas":
                hard = F.one_hot(shares.argmax(), len(d)).double()
                weights = hard * (shares - shares.detach() + 1)
            kept, gates = kept.index_put((torch.tensor(d),), shares), gates.index_put((torch.tensor(d),), weights)
        return kept, gates

    def regular(self, alpha, kept, costs):
        """What is added to the loss of alphas: the expected cost, FairDARTS' second loss."""
        more = self.settings["cost"] * (costs * kept).sum() if costs is not None else torch.zeros((), dtype=torch.float64)
        if self.method == "fairdarts":
            s = torch.sigmoid(torch.cat([alpha[d] for d in self.learned]))
            more = more - self.settings["zero_one"] * ((s - 0.5) ** 2).mean()
        return more

    def taken(self, gates, active, as_it_is, dtype):
        """What the net takes of each decision. as_it_is: an option that runs alone with gate 1 is not weighed."""
        out = []
        for d, first in zip(self.decisions, self.first):
            on = [i for i in d if active[i]]
            plain = d not in self.learned or as_it_is and len(on) == 1
            out.append([(i - first, None if plain else gates[i].to(dtype)) for i in on])
        return out


# ---------------------------------------------------------------- passes
class Step:
    """A step of the trace, with a net that is in its state before it."""

    def __init__(self, worst, trace, relaxation, step, net, args):
        self.worst, self.trace, self.relax, self.step, self.net, self.args = worst, trace, relaxation, step, net, args
        self.number = int(step.name.rsplit("/", 1)[1])
        self.passes = [step["passes"][k] for k in sorted(step["passes"], key=int)]
        self.lr = float(step.attrs["lr"])
        self.noise = NOISE * float(step.attrs["norm"])  # of gates' gradients, beside those of weights
        self.noisy = []  # decisions of which some have no more
        for p in net.parameters():
            p.grad = None
        self.optimizer = trace.make_optimizer(net, self.lr, not args.no_decay)
        trace.load(step["before"], net, self.optimizer)
        self.bns = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        for m in self.bns:
            m.num_batches_tracked.zero_()
        net.disagreed = []

    def run(self, p, alpha):
        """A pass of the trace with gates from these alphas: its loss, kept, and gates."""
        batch = self.step["alpha_batch"] if p.attrs["half"] == "alphas" and "alpha_batch" in self.step else self.step
        kept, gates = self.relax.make(alpha, p, self.number)
        active, recorded = p["active"][()], p["gates"][()]
        self.worst.note("gates", p.name, norm(gates.detach().numpy() - recorded), EXACT * norm(recorded))
        self.worst.note("gates", p.name + "/active", int(((recorded != 0) & (active == 0)).sum()), 0)
        for m in self.bns:
            m.track_running_stats = bool(p.attrs["moves_statistics"])
        use_sides(self.net, None if self.args.own_sides else p)
        self.net.unsided = set()
        wants_gates = bool(p.attrs["wants_gates"])
        logits = self.net(tensor(batch["images"], self.net.dtype), self.relax.taken(gates, active, not wants_gates, self.net.dtype))
        if p.attrs["wants_weights"] and not self.args.own_sides:
            self.worst.note("sides known", f"{p.name} {sorted(self.net.unsided)[:3]}", len(self.net.unsided), 0)
        loss = F.cross_entropy(logits, tensor(batch["labels"], torch.long), label_smoothing=float(self.trace.attrs["label_smoothing"]))
        self.worst.note("loss", p.name, abs(loss.item() - p.attrs["loss"]), TIGHT * abs(loss.item()))
        self.worst.note("logits", p.name, norm(p["logits"][()] - logits.detach().numpy()), TIGHT * norm(logits.detach()))
        return loss, kept, gates

    def gate_gradients(self, p, loss, gates, more=()):
        """Also gradients of `more`; None where the loss does not depend on one."""
        if not loss.requires_grad:
            return [torch.zeros_like(gates)] + [None for _ in more]
        of_gates, *others = torch.autograd.grad(loss, [gates, *more], allow_unused=True, retain_graph=True)
        of_gates = torch.zeros_like(gates) if of_gates is None else of_gates
        if p.attrs["wants_gates"]:
            theirs, ours = of_gates.numpy(), p["gate_gradients"][()]
            for d in self.relax.learned:
                noise = norm(theirs[d]) <= self.noise
                self.noisy += [d] if noise else []
                self.worst.note("gates' noise" if noise else "gates' grads", f"{p.name} {d}", norm(ours[d] - theirs[d]),
                                self.noise if noise else TIGHT * max(norm(theirs[d]), LOOSE * norm(theirs)))
        return [of_gates, *others]

    # ------------------------------------------------------------ alphas
    def of_alphas(self, gates, kept, of_gates, alpha):
        """The gradient of alphas from that of gates, through the formula; what is added to the loss with it."""
        costs = tensor(self.step["costs"], torch.float64) if "costs" in self.step else None
        total = (gates * of_gates.detach()).sum() + self.relax.regular(alpha, kept, costs)
        return torch.autograd.grad(total, alpha, allow_unused=True)[0]

    def first_order(self, alpha, p):
        loss, kept, gates = self.run(p, alpha)
        return self.of_alphas(gates, kept, self.gate_gradients(p, loss, gates)[0], alpha)

    def second_order(self, alpha, passes):
        """Equations 7 and 8 of DARTS as its authors compute them: at the weights one step ahead, then beside the weights."""
        params = [p for p in self.net.parameters() if p.requires_grad]
        weights = [p.detach().clone() for p in params]
        decay = {p: g["weight_decay"] for g in self.optimizer.param_groups for p in g["params"]}
        momentum = self.trace.optimizer.get("momentum", 0)
        buffers = [self.optimizer.state[p].get("momentum_buffer", torch.zeros_like(p)) for p in params]

        def put(values):
            with torch.no_grad():
                for p, v in zip(params, values):
                    p.copy_(v)
        loss, _, gates = self.run(passes[0], alpha)
        _, *g = self.gate_gradients(passes[0], loss, gates, params)
        put([w if d is None else w - self.lr * (momentum * b + d + decay[p] * w) for p, w, b, d in zip(params, weights, buffers, g)])
        loss, kept, gates = self.run(passes[1], alpha)
        ahead, *v = self.gate_gradients(passes[1], loss, gates, params)
        size = norm([norm(d) for d in v if d is not None])
        eps, beside = 0.01 / size, []
        for sign, p in zip((1, -1), passes[2:]):
            put([w if d is None else w + sign * eps * d for w, d in zip(weights, v)])
            loss, _, gates = self.run(p, alpha)
            beside.append(self.gate_gradients(p, loss, gates)[0])
        put(weights)
        second = (beside[0] - beside[1]) / (2 * eps)
        total = ahead if self.args.first_order else ahead - self.lr * second
        return self.of_alphas(gates, kept, total, alpha)

    def alphas(self):
        before, s = self.step["alphas/before"], self.relax.settings
        alpha = tensor(before["alpha"], torch.float64).requires_grad_()
        if len(self.passes) == 1:  # alphas rest
            self.worst.note("resting alphas", self.step.name, 0 if same_bits(before, self.step["alphas/after"]) else 1, 0)
            return
        theirs = self.second_order(alpha, self.passes[:-1]) if len(self.passes) > 2 else self.first_order(alpha, self.passes[0])
        ours, total, drnas = self.step["alpha_gradients"][()], norm(theirs), self.relax.method == "drnas"
        for d in [range(self.relax.places)] if drnas else self.relax.learned:
            d = list(d)
            bound = DIRICHLET * total if drnas else self.noise if d in self.noisy else TIGHT * max(norm(theirs[d]), LOOSE * total)
            self.worst.note("alphas' noise" if d in self.noisy else "alphas' grads", f"{self.step.name} {d}", norm(ours[d] - theirs[d].numpy()), bound)
        self.compare_alphas("Adam", torch.from_numpy(ours), EXACT, 0.0)
        self.compare_alphas("alphas", theirs, LOOSE, DIRICHLET * total if drnas else TIGHT * LOOSE * total)

    def compare_alphas(self, kind, gradient, bound, floor):
        """torch.optim.Adam from the state before with this gradient, which is known to `floor`, against the state after."""
        before, after, s = self.step["alphas/before"], self.step["alphas/after"], self.relax.settings
        learned = [i for d in self.relax.learned for i in d]
        a = torch.nn.Parameter(tensor(before["alpha"], torch.float64)[learned])
        adam = torch.optim.Adam([a], lr=s["lr"], betas=(s["beta1"], s["beta2"]), weight_decay=0 if self.args.no_decay else s["weight_decay"])
        adam.state[a] = {"step": torch.tensor(float(before["step"][()])),
                         **{k: tensor(before[k], torch.float64)[learned] for k in ("exp_avg", "exp_avg_sq")}}
        a.grad = gradient[learned].clone()
        adam.step()
        root = np.sqrt(after["exp_avg_sq"][()][learned] / (1 - s["beta2"] ** float(after["step"][()])))
        carried = 2 * s["lr"] * norm(np.minimum(1, floor / (root + 1e-8)))
        for name, value, reach in (("alpha", a.detach(), carried), ("exp_avg", adam.state[a]["exp_avg"], floor),
                                   ("exp_avg_sq", adam.state[a]["exp_avg_sq"], 2 * floor * norm(gradient))):
            old, new = before[name][()][learned], after[name][()][learned]
            self.worst.note(kind, f"{self.step.name} {name}", norm(new - value.numpy()), bound * norm(value.numpy() - old) + reach + 1e-15 * norm(old))

    # ------------------------------------------------------------ weights
    def weights(self):
        p, step, net = self.passes[-1], self.step, self.net
        loss, _, _ = self.run(p, tensor(step["alphas/after/alpha"], torch.float64))
        loss.backward()
        total = norm([norm(q.grad) for q in net.parameters() if q.grad is not None])
        compare_gradients(self.worst, step, net, total)
        total, factor = clip(net, self.trace.optimizer["clip"])
        self.worst.note("clipping", step.name, abs(total - step.attrs["norm"]) / total + abs(factor - step.attrs["factor"]) / factor, TIGHT)
        self.optimizer.step()
        compare_state(self.worst, self.trace, step, net, self.optimizer, TIGHT * LOOSE * total * factor, self.lr)
        self.worst.note("sides", step.name, max(net.disagreed, default=0), KINK)


def replay(path, args):
    trace = Trace(path)
    if "relax" not in trace.attrs:
        sys.exit(f"{path} is a trace of mode sample: replay.py redoes it")
    if trace.attrs["inputs_only"]:
        sys.exit(f"{path} holds inputs only")
    dtype = torch.float64 if args.double else torch.float32
    net, relaxation, worst, before, sides = trace.make_net(dtype), Relaxation(trace), Worst(), None, 0
    net.dtype = dtype
    for step in trace.steps:
        if before is not None:
            worst.note("continuity", step.name, 0 if same_bits(before["after"], step["before"]) and
                       same_bits(before["alphas/after"], step["alphas/before"]) else 1, 0)
        s = Step(worst, trace, relaxation, step, net, args)
        s.alphas()
        s.weights()
        sides, before = sides + len(net.disagreed), step
    print(f"{path}: {len(trace.steps)} steps of {len(step['passes'])} passes ({trace.attrs['sampler']}), batch {trace.attrs['batch']}; "
          f"{sides} activations on the other side of a kink in PyTorch")
    worst.show()
    return worst.good()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("trace", nargs="+")
    a.add_argument("--double", action="store_true", help="PyTorch computes in double, so that only our rounding is seen")
    a.add_argument("--no-decay", action="store_true", help="leave the decay of weights and alphas out: must fail")
    a.add_argument("--first-order", action="store_true", help="leave the second term of second order out: must fail")
    a.add_argument("--own-sides", action="store_true", help="PyTorch decides the sides of activations itself")
    args = a.parse_args()
    sys.exit(0 if all([replay(t, args) for t in args.trace]) else 1)


if __name__ == "__main__":
    main()
