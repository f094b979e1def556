"""A supernet in PyTorch, written from the definitions of its operations and the description of its space (`space` in a trace).

Names of parameters and buffers are those of the trace. Not here: steps and comparisons (replay.py).
"""
import sys
import torch
from torch import nn
import torch.nn.functional as F

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


class Net(nn.Module):
    """space: {input: {channels, height, width}, classes, blocks: {NAME: {op, attributes}}, network: [entry]}; an entry is
    {name, out, stride, block: NAME} or {name, out, stride, layers: [[NAME, ...], ...]}, the options of each layer, null where
    one is not allowed; with shared: true one element of the mask holds for all its layers; depths: [2, 3]: an element before
    theirs says how many of the layers there are."""

    def __init__(self, space, bn_eps=1e-5, bn_momentum=0.1):
        super().__init__()
        self.bn = {"eps": bn_eps, "momentum": bn_momentum}
        self.chain = []  # a function, or a list of functions to choose from
        self.decision = []  # of each list in the chain: its element of the mask
        self.slack = None  # a list: each activation adds how near to a kink its values came
        self.sides = None  # by BN: where the slope of the activation behind it is 1; without it PyTorch decides
        self.disagreed = []  # with sides: distances from the kink of the values that PyTorch puts on the other side
        channels = space["input"]["channels"]
        for entry in space["network"]:
            out = entry.get("out") or space["classes"]
            if "depths" in entry:
                self.chain.append(tuple(entry["depths"]))
                self.decision.append(self.decision[-1] + 1 if self.decision else 0)
            if "block" in entry:
                self.chain.append(self.op(space, entry["block"], entry["name"], channels, out, entry["stride"]))
                channels = out
            for i, options in enumerate(entry.get("layers", ())):
                self.chain.append([o and self.op(space, o, f"{entry['name']}.layer{i + 1}.{o}", channels, out, 1 if i else entry["stride"])
                                   for o in options])
                again = i and entry.get("shared")
                self.decision.append(self.decision[-1] if again else self.decision[-1] + 1 if self.decision else 0)
                channels = out

    def forward(self, x, mask):
        chosen = iter([mask[d] for d in self.decision])
        layers = skipped = 0  # layers of a chosen depth that are still to come, and layers behind them
        for part in self.chain:
            if isinstance(part, tuple):
                layers = part[next(chosen)]
                skipped = part[-1] - layers
                continue
            part = part[i] if isinstance(part, list) and (i := next(chosen)) < len(part) else part
            if layers == 0 and skipped:
                skipped -= 1
                continue
            layers = max(layers - 1, 0)
            x = part(x)
        return x

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
        bn = self.put(name + "_bn", nn.BatchNorm2d(channels, **self.bn))

        def run(x):
            y = bn(before(x))
            if act == "linear" or self.slack is None and self.sides is None:
                return ACTIVATIONS[act](y)
            u = y.detach()
            distance = torch.stack([(u - kink).abs() for kink in KINKS[act]]).amin(0)
            if self.slack is not None:
                self.slack.append(float(distance.min()))
            if self.sides is None:
                return ACTIVATIONS[act](y)
            inside = self.sides[name + "_bn"].view(y.shape)
            own = between_kinks(act, u)
            self.disagreed += distance[own != inside].tolist()
            return Sided.apply(y, inside, act)
        return run

    def op(self, space, block, name, i, o, stride):
        a = dict(space["blocks"][block])
        build = getattr(self, "op_" + a.pop("op", ""), None)
        if not build:
            sys.exit(f"block {block} cannot be rebuilt here: motifs, choices as blocks, zero, actconv, norm, shortcut, actsepconv, factorized_reduce and shuffle are not known")
        return build(name, i, o, stride, **a)

    # ------------------------------------------------------------ operations
    def op_conv(self, name, i, o, stride, kernel, dilation, groups, activation):
        return self.conv_bn(name, i, o, kernel, stride, groups, activation, dilation)

    def op_mbconv(self, name, i, o, stride, expand, kernel, activation, residual, se=0):
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

    def op_classifier(self, name, i, o, stride, hidden=0, activation="linear", bias=True):
        act, linear = ACTIVATIONS[activation], self.put(name, nn.Linear(hidden or i, o, bias))
        if not hidden:
            return lambda x: linear(x.mean((2, 3)))
        before = self.put(name + ".hidden", nn.Conv2d(i, hidden, 1, bias=False))
        return lambda x: linear(act(before(x.mean((2, 3), keepdim=True))).flatten(1))

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
    return {"input": {"channels": 3, "height": size, "width": size}, "classes": classes,
            "blocks": {"id": {"op": "identity"}, "mb3_k3": mb(3, 3), "mb6_k5": mb(6, 5), "stem": conv(3), "head": conv(1),
                       "classifier": {"op": "classifier"}},
            "network": [{"name": "stem", "block": "stem", "out": width, "stride": 1}, *stages,
                        {"name": "head", "block": "head", "out": head, "stride": 1},
                        {"name": "classifier", "block": "classifier", "stride": 1}]}
