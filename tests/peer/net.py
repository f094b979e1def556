"""A supernet in PyTorch, written from the definitions of its operations and the description of its space (`space` in a trace).

Names of parameters and buffers are those of the trace. Not here: steps and comparisons (replay.py).
"""
import functools
import itertools
import sys
import torch
from torch import nn
import torch.nn.functional as F

MOST_INPUTS = 4  # of a motif
ACTIVATIONS = {"linear": lambda x: x, "relu": F.relu, "relu6": F.relu6, "h_swish": F.hardswish, "h_sigmoid": F.hardsigmoid}
KINKS = {"relu": [0], "relu6": [0, 6], "h_swish": [-3, 3], "h_sigmoid": [-3, 3]}


def between_kinks(act, u):
    kinks = KINKS[act]
    return (u > kinks[0]) & (u < kinks[-1]) if len(kinks) > 1 else u > kinks[0]


class Sided(torch.autograd.Function):
    """An activation with the slope that it has between its kinks where `inside` says so, and elsewhere that beyond them."""

    @staticmethod
    def forward(ctx, y, inside, act):
        ctx.save_for_backward(y, inside)
        ctx.act = act
        return ACTIVATIONS[act](y)

    @staticmethod
    def backward(ctx, grad):
        y, inside = ctx.saved_tensors
        slope = {"h_swish": y / 3 + 0.5, "h_sigmoid": 1 / 6}.get(ctx.act, 1.0)
        beyond = (y > 0).to(y.dtype) if ctx.act == "h_swish" else 0.0
        return grad * torch.where(inside.bool(), slope, beyond), None, None


def add(terms):
    return sum(terms[1:], terms[0]) if terms else None


def stride_to(shape, wanted):
    """By how much height and width are to be divided, rounding up, to be as wanted; 1 where there is no such number."""
    return next((s for s in range(1, max(shape[1:]) + 1) if all(-(-a // s) == b for a, b in zip(shape[1:], wanted[1:]))), 1)


class Net(nn.Module):
    """space: that of a trace, {input: {channels, height, width}, classes, blocks, network: [entry], decisions: [{name, options}]}.
    A block is {op, attributes}, {choose: [NAME, ...], shared} or {nodes, inputs, shared}: a motif, whose inputs are {name, block},
    the last value of the network first, none standing for one, "input", and whose nodes are {name, pick, sum or concat: [{name,
    block, from, item}]}; block null is a value as it is, and pick that many of the terms that are items. An entry is {name, out,
    stride} with block: NAME, and repeat where its layers are numbered, or with layers: [[NAME, ...], ...], the options of each
    layer, null where one is not allowed; shared: true gives all its layers, or all places of a block, the same decisions.

    What a part computes is a function of functions that give its inputs, so that nothing is computed that nobody reads; it
    computes it once, however many do. The value None is nothing: that of a zero, of a sum of nothing, and of what reads nothing.
    Shapes are (channels, height, width)."""

    def __init__(self, space, bn_eps=1e-5, bn_momentum=0.1):
        super().__init__()
        self.space, self.bn = space, {"eps": bn_eps, "momentum": bn_momentum}
        self.decision = {d["name"]: i for i, d in enumerate(space["decisions"])}
        self.chain = []  # (function, how many of the values before it that reads)
        self.taken = None  # of each decision: [(option, gate), ...]; gate None: taken as it is
        self.slack = None  # a list: each activation adds how near to a kink its values came
        self.sides = None  # by BN or activation (inside in a trace): 1 where the slope is 1, as one list; without it PyTorch decides
        self.disagreed = []  # with sides: distances from the kink of the values that PyTorch puts on the other side
        self.unsided = set()  # with sides: activations that have none, though their input has a gradient
        past = [tuple(space["input"][k] for k in ("channels", "height", "width"))] * MOST_INPUTS
        for entry in space["network"]:
            out, layers, block = entry.get("out") or space["classes"], entry.get("layers"), entry.get("block")
            n = max(1, len(space["blocks"][block].get("inputs", ()))) if block else 1
            for i in range(len(layers) if layers else entry.get("repeat", 1)):
                path = f"{entry['name']}.layer{i + 1}" if layers or entry.get("repeat", 1) > 1 else entry["name"]
                scope, stride = entry["name"] if entry.get("shared") else path, 1 if i else entry["stride"]
                run, shape = (self.site(path, scope, layers[i], past[:1], out, stride) if layers else
                              self.block(block, path, scope, past[:n], out, stride))
                self.chain.append((run, n))
                past = [shape] + (past[:-1] if n > 1 else [shape] * (MOST_INPUTS - 1))

    def forward(self, x, taken):
        """taken: of each decision an option, or [(option, gate), ...], whose values times their gates are added up."""
        self.taken = [t if isinstance(t, list) else [(t, None)] for t in taken]
        self.batch = len(x)
        past = [lambda: x] * MOST_INPUTS
        for run, n in self.chain:
            y = functools.cache(functools.partial(run, *past[:n]))
            past = [y] + (past[:-1] if n > 1 else [y] * (MOST_INPUTS - 1))
        return past[0]()

    # ------------------------------------------------------------ blocks: each gives its function and its shape
    def block(self, block, path, scope, shapes, o, stride):
        b = self.space["blocks"][block]
        scope = block if b.get("shared") else scope
        if "choose" in b:
            allowed = self.space["decisions"][self.decision[scope]]["options"]
            return self.site(path, scope, [n if n in allowed else None for n in b["choose"]], shapes, o, stride)
        return self.motif(b, path, scope, shapes, o, stride) if "nodes" in b else self.op(b, path, shapes[0], o, stride)

    def site(self, path, scope, options, shapes, o, stride):
        d = self.decision[scope]
        built = [n and self.block(n, f"{path}.{n}", f"{scope}.{n}", shapes, o, stride) for n in options]

        def run(get):
            values = [(built[k][0](get), gate) for k, gate in self.taken[d]]
            return add([y if gate is None else gate * y for y, gate in values if y is not None])
        return run, next(b[1] for b in built if b)

    def motif(self, b, path, scope, shapes, o, stride):
        inputs, nodes, shape, through = b.get("inputs") or [{"name": "input", "block": None}], [], {}, []
        for entry, own in reversed(list(zip(inputs, shapes))):
            name, run = entry["name"], None
            if entry["block"]:
                run, own = self.block(entry["block"], f"{path}.{name}", f"{scope}.{name}", [own], o, stride_to(own, shapes[0]))
            through.insert(0, (name, run))
            shape[name] = own
        outer = set(shape)
        for node in b["nodes"]:
            terms, items = [], 0
            for t in node.get("sum") or node["concat"]:
                part, own = None, shape[t["from"]]
                if t["block"]:
                    part, own = self.block(t["block"], f"{path}.{t['name']}", f"{scope}.{t['name']}", [own], o,
                                           stride if t["from"] in outer else 1)
                terms.append((part, t["from"], items if t.get("item") else None, own))
                items += bool(t.get("item"))
            picks = list(itertools.combinations(range(items), node["pick"])) if node.get("pick") else []
            nodes.append((node["name"], terms, picks, self.decision.get(f"{scope}.{node['name']}"), "concat" in node))
            shape[node["name"]] = (sum(t[3][0] for t in terms), *terms[0][3][1:]) if "concat" in node else terms[0][3]

        def value(values, terms, picks, d, concat):
            out = []
            for part, source, item, own in terms:
                gates = [None] if item is None else [gate for k, gate in self.taken[d] if item in picks[k]]
                y = (part(values[source]) if part else values[source]()) if gates else None
                out.append((y, None if None in gates else sum(gates), own))
            known = [y if gate is None else gate * y for y, gate, _ in out if y is not None]
            if not concat or not known:
                return add(known)
            return torch.cat([known[0].new_zeros(self.batch, *own) if y is None else y for y, _, own in out], 1)

        def run(*gets):
            values = {name: functools.cache(functools.partial(part, get)) if part else get for (name, part), get in zip(through, gets)}
            for name, *rest in nodes:
                values[name] = functools.cache(functools.partial(value, values, *rest))
            return values[nodes[-1][0]]()
        return run, shape[nodes[-1][0]]

    def op(self, block, name, shape, o, stride):
        a = dict(block)
        kind = a.pop("op")
        after = (o, *(-(-n // stride) for n in shape[1:]))
        build = getattr(self, "op_" + kind, None)
        if kind == "zero":
            return lambda get: None, after
        if not build:
            sys.exit(f"{name}: the operation {kind} cannot be rebuilt here")
        run = build(name, shape[0], o, stride, **a)

        def something(get):
            x = get()
            return run(x) if x is not None or kind == "classifier" else None
        return something, after

    # ------------------------------------------------------------ parts
    def put(self, name, module):
        """Registers a module under a dotted path, so that its parameters get that name."""
        *above, last = name.split(".")
        place = self
        for part in above:
            if part not in place._modules:
                place.add_module(part, nn.Module())
            place = place._modules[part]
        place.add_module(last, module)
        return module

    def conv_bn(self, name, i, o, kernel, stride=1, groups=1, act="linear", dilation=1):
        conv = self.put(name, nn.Conv2d(i, o, kernel, stride, dilation * (kernel // 2), dilation, groups, bias=False))
        return self.bn_act(name, o, act, conv)

    def bn_act(self, name, channels, act, before):
        normalise = self.normalise(name + "_bn", channels)
        return lambda x: self.activate(normalise(before(x)), act, name + "_act")

    def normalise(self, name, channels):
        bn = self.put(name, nn.BatchNorm2d(channels, **self.bn))

        def run(x):
            y = bn(x)
            y.behind = name
            return y
        return run

    def activate(self, y, act, name):
        """Sides go by the BN that y comes from, as long as it is that very value, or else by the activation."""
        if act == "linear" or self.slack is None and self.sides is None:
            return ACTIVATIONS[act](y)
        name, u = getattr(y, "behind", name), y.detach()
        distance = torch.minimum(u.abs(), (u - 6).abs()) if act == "relu6" else u.abs()
        if self.slack is not None:
            self.slack.append(float(distance.min()))
        if self.sides is None or name not in self.sides:
            if self.sides is not None and y.requires_grad:
                self.unsided.add(name)
            return ACTIVATIONS[act](y)
        inside = torch.from_numpy(self.sides[name][:y.numel()].astype(bool)).view(y.shape)
        own = (u > 0) & (u < 6) if act == "relu6" else u > 0
        self.disagreed += distance[own != inside].tolist()
        return Sided.apply(y, inside, act)

    # ------------------------------------------------------------ operations
    def op_conv(self, name, i, o, stride, kernel, dilation, groups, activation):
        return self.conv_bn(name, i, o, kernel, stride, groups, activation, dilation)

    def op_actconv(self, name, i, o, stride, kernel, dilation, groups, activation):
        conv = self.conv_bn(name, i, o, kernel, stride, groups, dilation=dilation)
        return lambda x: conv(self.activate(x, activation, name + "_act"))

    def op_actsepconv(self, name, i, o, stride, kernel, dilation, times, activation):
        parts = []
        for k in range(1, times + 1):
            pw = self.conv_bn(f"{name}.{k}", i, o if k == times else i, 1)  # first: dw is inside it by name
            dw = self.put(f"{name}.{k}.dw", nn.Conv2d(i, i, kernel, 1 if parts else stride, dilation * (kernel // 2), dilation, i, bias=False))
            parts.append(lambda x, k=k, dw=dw, pw=pw: pw(dw(self.activate(x, activation, f"{name}.{k}_act"))))
        return self.series(parts, False)

    def op_factorized_reduce(self, name, i, o, stride, keep, activation):
        if keep and i == o and stride == 1:
            return lambda x: x
        half, shift = o // 2, stride // 2
        if stride == 1 or not half:
            conv = self.conv_bn(name, i, o, 1, stride)
            return lambda x: conv(self.activate(x, activation, name + "_act"))
        first = self.put(name + ".1", nn.Conv2d(i, o - half, 1, stride, bias=False))
        second = self.put(name + ".2", nn.Conv2d(i, half, 1, stride, bias=False))
        normalise = self.normalise(name + "_bn", o)

        def run(x):
            x = self.activate(x, activation, name + "_act")
            return normalise(torch.cat([first(x), second(F.pad(x, (0, shift, 0, shift))[:, :, shift:, shift:])], 1))
        return run

    def op_norm(self, name, i, o, stride, activation):
        project = self.conv_bn(name + ".project", i, o, 1, stride) if i != o or stride > 1 else lambda x: x
        normalise = self.normalise(name + ".bn", o)
        return lambda x: self.activate(normalise(project(x)), activation, name + ".act")

    def op_shortcut(self, name, i, o, stride):
        pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False) if stride > 1 else lambda x: x
        conv = self.put(name, nn.Conv2d(i, o, 1, bias=False))
        return lambda x: conv(pool(x))

    def op_mbconv(self, name, i, o, stride, expand, kernel, activation, residual):
        h, parts = i * expand, []
        if h != i:
            parts.append(self.conv_bn(name + ".expand", i, h, 1, act=activation))
        parts.append(self.conv_bn(name + ".dw", h, h, kernel, stride, h, activation))
        if se:
            parts.append(self.squeeze_excite(name + ".se", h, h // se))
        parts.append(self.conv_bn(name + ".project", h, o, 1))
        return self.series(parts, residual and i == o and stride == 1)

    def squeeze_excite(self, name, channels, squeezed):
        n = max(8, (squeezed + 4) // 8 * 8)
        n += 8 if n < 0.9 * squeezed else 0
        reduce, expand = self.put(name + ".reduce", nn.Conv2d(channels, n, 1)), self.put(name + ".expand", nn.Conv2d(n, channels, 1))
        return lambda x: x * F.hardsigmoid(expand(F.relu(reduce(x.mean((2, 3), keepdim=True)))))

    def op_sepconv(self, name, i, o, stride, kernel, activation, residual):
        parts = [self.conv_bn(name + ".dw", i, i, kernel, stride, i, activation), self.conv_bn(name + ".pw", i, o, 1, act=activation)]
        return self.series(parts, residual and i == o and stride == 1)

    def op_pool(self, name, i, o, stride, kind, kernel, bn=True):
        pool = nn.MaxPool2d(kernel, stride, kernel // 2) if kind == "max" else nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
        parts = [] if i == o else [self.conv_bn(name + ".project", i, o, 1)]
        return self.series(parts + [self.bn_act(name + ".pool", o, "linear", pool) if bn else pool], False)

    def op_identity(self, name, i, o, stride):
        return (lambda x: x) if i == o and stride == 1 else self.conv_bn(name + ".project", i, o, 1, stride)

    def op_classifier(self, name, i, o, stride):
        linear = self.put(name, nn.Linear(i, o))
        return lambda x: linear.bias.expand(self.batch, o) if x is None else linear(x.mean((2, 3)))

    @staticmethod
    def series(parts, residual):
        def run(x):
            y = x
            for part in parts:
                y = part(y)
            return y + x if residual else y
        return run


def macro(size=32, width=32, head=1280, classes=10):
    """NAS-Bench-Macro (Su et al., CVPR 2021); width 32 and head 1280 are the published net."""
    def mb(e, k):
        return {"op": "mbconv", "expand": e, "kernel": k, "activation": "relu", "residual": True}

    def conv(k):
        return {"op": "conv", "kernel": k, "dilation": 1, "groups": 1, "activation": "relu"}
    options = ["id", "mb3_k3", "mb6_k5"]
    stages = [{"name": f"stage{s + 1}", "out": width * 2 << s, "stride": 2, "layers": [options] * n} for s, n in enumerate((2, 3, 3))]
    decisions = [{"name": f"{s['name']}.layer{i + 1}", "options": options} for s in stages for i in range(len(s["layers"]))]
    return {"input": {"channels": 3, "height": size, "width": size}, "classes": classes,
            "blocks": {"id": {"op": "identity"}, "mb3_k3": mb(3, 3), "mb6_k5": mb(6, 5), "stem": conv(3), "head": conv(1),
                       "classifier": {"op": "classifier"}},
            "decisions": decisions,
            "network": [{"name": "stem", "block": "stem", "out": width, "stride": 1}, *stages,
                        {"name": "head", "block": "head", "out": head, "stride": 1},
                        {"name": "classifier", "block": "classifier", "stride": 1}]}
