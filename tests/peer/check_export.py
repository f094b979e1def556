"""Holds an exported ONNX model, run by onnxruntime, against logits that this project computed for the same images.
Not here: any code of this project. It needs Python with numpy, h5py, onnx and onnxruntime.
Next: src/supernet/export/export.h.   Usage: check_export.py MODEL.onnx LOGITS.h5 [--images 1000] [--tolerance 1e-4]

LOGITS.h5 is what `supernet eval RUN --arch A --images 1000 --logits LOGITS.h5` writes: /images (n, c, h, w), normalised as the model
wants them, and /archs/NNNN/logits (n, classes) with the attribute `arch`; the logits taken are those of the architecture that the
model's metadata name. Passes (exit 0) when no logit differs by more than tolerance times the largest logit, and the predicted class
is the same wherever the two best logits differ by more than that. Otherwise exit 1.
"""
import argparse
import sys

import h5py
import numpy as np
import onnx
import onnxruntime


def load(path, arch, most):
    """Images and the arch's logits, at most `most` of each."""
    with h5py.File(path, "r") as f:
        there = {g["logits"].attrs["arch"]: g["logits"] for g in f["archs"].values()}
        if arch not in there:
            sys.exit(f"the model is architecture {arch}; {path} holds {', '.join(there)}")
        return f["images"][:most], there[arch][:most]


def run(model, images, batch):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()], [o.name for o in session.get_outputs()]
    if names != (["images"], ["logits"]):
        sys.exit(f"{model} has inputs {names[0]} and outputs {names[1]}; expected images and logits")
    parts = [session.run(["logits"], {"images": images[i:i + batch]})[0] for i in range(0, len(images), batch)]
    return np.concatenate(parts)


def compare(ours, theirs, tolerance):
    """Prints the figures; True when the two agree."""
    if ours.shape != theirs.shape:
        print(f"shapes differ: {ours.shape} in the file, {theirs.shape} from onnxruntime")
        return False
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        print("some logits are not finite")
        return False
    largest = float(np.abs(ours).max())
    difference = float(np.abs(ours.astype(np.float64) - theirs).max())
    best = np.sort(ours, axis=1)
    clear = best[:, -1] - best[:, -2] > tolerance * largest
    same = ours.argmax(1) == theirs.argmax(1)
    wrong = int((clear & ~same).sum())
    print(f"images {len(ours)}, classes {ours.shape[1]}, largest logit {largest:.6g}")
    print(f"largest difference {difference:.3g} = {difference / largest:.3g} of the largest logit (allowed {tolerance:g})")
    print(f"same class on {int(same.sum())} images; another class on {wrong} of the {int(clear.sum())} with a clear winner (allowed 0)")
    return largest > 0 and difference <= tolerance * largest and wrong == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("logits")
    parser.add_argument("--images", type=int, default=1000, help="at most so many (default 1000)")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="share of the largest logit (default 1e-4)")
    args = parser.parse_args()
    model = onnx.load(args.model)
    onnx.checker.check_model(model, full_check=True)
    arch = {p.key: p.value for p in model.metadata_props}["architecture"]
    images, logits = load(args.logits, arch, args.images)
    if len(images) == 0:
        sys.exit(f"{args.logits} holds no images")
    good = compare(logits, run(args.model, np.ascontiguousarray(images, dtype=np.float32), args.batch), args.tolerance)
    print("passed" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
