"""Writes the frozen steps of tests/data: three training steps of a narrow NAS-Bench-Macro done by PyTorch, for test_frozen.c.

Usage: python tests/peer/freeze.py [NAME...]      (from the repository's root; needs torch, h5py, numpy; default: all)
Each step starts from a state of floats; PyTorch computes it in double, so that the expected values carry no rounding of their
own, and the state after it is stored as floats. Inputs are drawn until no value that an activation reads is near its kink: there
two correct programs may take different sides.

The files, frozen-uniform.h5, frozen-fair.h5, frozen-adam.h5 and frozen-adamw.h5 (HDF5 with the header of src/io/files/h5file.h):
  attributes     size, width, head, batch, steps; weight_decay, decay_bn, clip, label_smoothing; of SGD momentum, nesterov; of Adam
                 and AdamW beta1, beta2, eps;
                 params: the parameters that the steps use, "name elements" a line; stats: their BNs, "name channels" a line
  /before/weights, momentum (Adam, AdamW: exp_avg, exp_avg_sq)   all params one after the other, OIHW
  /before/stats   mean and variance of each BN      /before/updates   Adam, AdamW: how often each param was updated
  /steps/K/images (batch, 3, size, size) u8, pixel p stands for (p - 128)/64; labels; used: which params the step's passes use;
                 gradients, weights, momentum (exp_avg, exp_avg_sq) of those after the step; stats of all; loss of each pass
  attributes     lr, archs: one a line, norm, factor: of clipping
"""
import os
import struct
import sys
import numpy as np
import h5py
import torch
import torch.nn.functional as F
from net import Net, macro

SIZE, WIDTH, HEAD, BATCH, STEPS = 16, 2, 8, 8, 3
SLACK = 1e-5  # least distance from a kink
FOLDER = os.path.join(os.path.dirname(__file__), "..", "data")
RECIPES = {  # archs of each step, settings
    "uniform": ([["21202101"], ["02011210"], ["12120120"]],
                dict(momentum=0.9, nesterov=True, weight_decay=5e-4, decay_bn=True, clip=5.0, label_smoothing=0.0), [0.1, 0.08, 0.05]),
    "fair": ([["01201201", "12012012", "20120120"], ["00112012", "11220120", "22001201"], ["20210102", "01021210", "12102021"]],
             dict(momentum=0.9, nesterov=False, weight_decay=3e-3, decay_bn=False, clip=0.0, label_smoothing=0.1), [0.05, 0.05, 0.02]),
    "adam": ([["10010010"], ["10010100"], ["00011010"]],
             dict(beta1=0.9, beta2=0.99, eps=1e-4, weight_decay=2e-2, decay_bn=True, clip=2.0, label_smoothing=0.0), [0.02, 0.02, 0.01]),
    "adamw": ([["01001020"], ["01001001"], ["20001010"]],
              dict(beta1=0.85, beta2=0.98, eps=1e-4, weight_decay=5e-2, decay_bn=False, clip=2.0, label_smoothing=0.0), [0.02, 0.02, 0.01]),
}
ADAMS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
SLOTS = {"uniform": {"momentum": "momentum_buffer"}, "fair": {"momentum": "momentum_buffer"},
         **{name: {"exp_avg": "exp_avg", "exp_avg_sq": "exp_avg_sq"} for name in ADAMS}}  # in the file, in PyTorch


def crc32c(data):
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def seal(path):
    """Fills the 512 bytes of the user block: magic, version, length, checksums."""
    with open(path, "r+b") as f:
        body = f.read()
        head = bytearray(512)
        head[:20] = struct.pack("<4sIQI", b"SNH5", 1, len(body), crc32c(body[512:]))
        head[20:24] = struct.pack("<I", crc32c(head))
        f.seek(0)
        f.write(head)


def round_to_float(tensor):
    tensor.data.copy_(tensor.data.float().double())


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).float().numpy()


def run(net, optimizer, images, labels, archs, settings):
    """One step; returns losses, gradients before clipping, norm and factor, or None when an activation came near its kink."""
    optimizer.zero_grad(set_to_none=True)
    net.slack, losses = [], []
    for arch in archs:
        loss = F.cross_entropy(net(images, [int(d) for d in arch]), labels, label_smoothing=settings["label_smoothing"])
        loss.backward()
        losses.append(loss.item())
    if min(net.slack) < SLACK:
        return None
    used = [p for p in net.parameters() if p.grad is not None]
    grads = {p: p.grad.clone() for p in used}
    norm = torch.nn.utils.clip_grad_norm_(used, settings["clip"] or float("inf")).item()
    factor = min(1.0, settings["clip"] / (norm + 1e-6)) if settings["clip"] else 1.0
    optimizer.step()
    return losses, grads, norm, factor


def snapshot(net, optimizer):
    return ({k: v.clone() for k, v in net.state_dict().items()},
            {p: {k: v.clone() for k, v in s.items()} for p, s in optimizer.state.items()})


def restore(net, optimizer, saved):
    net.load_state_dict(saved[0])
    for p, state in saved[1].items():
        optimizer.state[p] = {k: v.clone() for k, v in state.items()}


def start(name, settings):
    """A net away from its initial values: BN and running statistics too, some momentum; Adam's squares away from 0."""
    torch.manual_seed(20 + len(name))
    net = Net(macro(SIZE, WIDTH, HEAD)).double()
    vectors = [p for p in net.parameters() if p.ndim == 1]
    with torch.no_grad():
        for p in vectors:
            p.add_(0.2 * torch.randn_like(p))
        for key, b in net.named_buffers():
            if "running" in key:
                b.add_(0.1 * torch.rand_like(b))
                round_to_float(b)
        for p in net.parameters():
            round_to_float(p)
    decay = settings["weight_decay"]
    groups = [{"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": decay},
              {"params": vectors, "weight_decay": decay if settings["decay_bn"] else 0.0}]
    if name in ADAMS:
        optimizer = ADAMS[name](groups, lr=0.1, betas=(settings["beta1"], settings["beta2"]), eps=settings["eps"])
    else:
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=settings["momentum"], nesterov=settings["nesterov"])
    for p in net.parameters():
        for slot in SLOTS[name].values():
            m = (0.01 + 0.02 * torch.rand_like(p)) ** 2 if slot == "exp_avg_sq" else 0.02 * torch.randn_like(p)
            round_to_float(m)
            optimizer.state[p][slot] = m
        if name in ADAMS:
            optimizer.state[p]["step"] = torch.randint(0, 20, ()).float()
    return net, optimizer


def used_by(net, archs):
    """Names of parameters and BNs on the paths, in the order of the net."""
    for p in net.parameters():
        p.grad = None
    saved = {k: v.clone() for k, v in net.state_dict().items()}
    for arch in archs:
        net(torch.zeros(2, 3, SIZE, SIZE, dtype=torch.double), [int(d) for d in arch]).sum().backward()
    net.load_state_dict(saved)
    params = [n for n, p in net.named_parameters() if p.grad is not None]
    return params, [n[:-len(".weight")] for n in params if n.endswith("_bn.weight")]


def freeze(name):
    archs, settings, rates = RECIPES[name]
    net, optimizer = start(name, settings)
    params, stats = used_by(net, sum(archs, []))
    by_name = dict(net.named_parameters())
    buffers = [dict(net.named_buffers())[f"{s}.running_{k}"] for s in stats for k in ("mean", "var")]
    rng = np.random.default_rng(len(name))
    path = os.path.join(FOLDER, f"frozen-{name}.h5")
    with h5py.File(path, "w", userblock_size=512, libver="earliest") as f:
        for key, value in dict(size=SIZE, width=WIDTH, head=HEAD, batch=BATCH, steps=STEPS, **settings).items():
            f.attrs[key] = np.float64(value) if isinstance(value, float) else np.int64(value)
        f.attrs["params"] = "\n".join(f"{n} {by_name[n].numel()}" for n in params)
        f.attrs["stats"] = "\n".join(f"{s} {by_name[s + '.weight'].numel()}" for s in stats)
        f["before/weights"] = flat([by_name[n] for n in params])
        for slot, theirs in SLOTS[name].items():
            f[f"before/{slot}"] = flat([optimizer.state[by_name[n]][theirs] for n in params])
        if name in ADAMS:
            f["before/updates"] = np.array([int(optimizer.state[by_name[n]]["step"]) for n in params], np.int64)
        f["before/stats"] = flat(buffers)
        for k in range(STEPS):
            for g in optimizer.param_groups:
                g["lr"] = rates[k]
            before, done, tries = snapshot(net, optimizer), None, 0
            while done is None:
                restore(net, optimizer, before)
                pixels = rng.integers(0, 256, (BATCH, 3, SIZE, SIZE), dtype=np.uint8)
                labels = rng.integers(0, 10, BATCH).astype(np.int32)
                done = run(net, optimizer, torch.from_numpy((pixels.astype(np.float64) - 128) / 64), torch.from_numpy(labels).long(),
                           archs[k], settings)
                tries += 1
            losses, grads, norm, factor = done
            used = [n for n in params if by_name[n] in grads]
            for t in [*net.parameters(), *buffers, *(s[k] for s in optimizer.state.values() for k in SLOTS[name].values())]:
                round_to_float(t)
            step = f.create_group(f"steps/{k}")
            step["images"], step["labels"] = pixels, labels
            step["used"] = np.array([n in used for n in params], np.uint8)
            step["gradients"] = flat([grads[by_name[n]] for n in used])
            step["weights"] = flat([by_name[n] for n in used])
            for slot, theirs in SLOTS[name].items():
                step[slot] = flat([optimizer.state[by_name[n]][theirs] for n in used])
            step["stats"] = flat(buffers)
            step["loss"] = np.array(losses, np.float64)
            for key, value in dict(lr=rates[k], norm=norm, factor=factor).items():
                step.attrs[key] = np.float64(value)
            step.attrs["archs"] = "\n".join(archs[k])
            print(f"{name} step {k}: loss {losses}, norm {norm:.4f}, factor {factor:.4f}, inputs drawn {tries} times")
    seal(path)
    print(f"{path}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    for recipe in sys.argv[1:] or RECIPES:
        freeze(recipe)
