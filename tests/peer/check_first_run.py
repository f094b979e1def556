"""Holds the programs that docs/first-run.md shows, in Python and in C++, against this project's own answers.
Not here: any code of this project, or of those programs: they are taken from the page. It needs Python with numpy, h5py, pillow and
onnxruntime; for the C++ one also g++, libspng, jansson and the unpacked archive of onnxruntime.
Next: docs/first-run.md.   Usage: check_first_run.py MODEL.onnx LOGITS.h5 PICTURES [--onnxruntime FOLDER]

LOGITS.h5 is what `supernet eval RUN --split test --logits LOGITS.h5` writes, PICTURES the folder of classes that RUN was trained on,
all of one size: images and files are matched by their pixels. Passes (exit 0) when every answer is the class of the largest logit.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import onnxruntime
from PIL import Image


def block(page, language):
    return re.search(rf"^```{language}\n(.*?)^```$", page, re.M | re.S).group(1)


def expected(model, logits, pictures):
    """The class that the largest logit names, by the path of each picture."""
    session = onnxruntime.InferenceSession(model)
    notes = session.get_modelmeta().custom_metadata_map
    channels = session.get_inputs()[0].shape[1]
    mean, std = (np.array(json.loads(notes[key])).reshape(-1, 1, 1) for key in ("mean", "std"))
    paths = {}
    for path in sorted(pathlib.Path(pictures).rglob("*.png")):
        pixels = np.asarray(Image.open(path).convert("L" if channels == 1 else "RGB"))
        paths[pixels.reshape(*pixels.shape[:2], channels).transpose(2, 0, 1).tobytes()] = str(path)
    with h5py.File(logits, "r") as file:
        (arch,) = file["archs"].values()
        pixels = np.rint((file["images"][:] * std + mean) * 255).astype(np.uint8)
        return {paths[p.tobytes()]: json.loads(notes["classes"])[row.argmax()] for p, row in zip(pixels, arch["logits"][:])}


def compare(name, command, want):
    said = subprocess.run([*command, *want], check=True, capture_output=True, text=True).stdout.splitlines()
    found = dict(line.split()[:2] for line in said)
    wrong = [path for path in want if found.get(path) != want[path]]
    print(f"{name}: {len(want)} pictures, another class on {len(wrong)}", *wrong[:3])
    return bool(want) and not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("logits")
    parser.add_argument("pictures")
    parser.add_argument("--onnxruntime", help="folder with include and lib; without it the C++ program is left out")
    args = parser.parse_args()
    page = (pathlib.Path(__file__).parents[2] / "docs/first-run.md").read_text()
    want = expected(args.model, args.logits, args.pictures)
    with tempfile.TemporaryDirectory() as place:
        script = pathlib.Path(place, "classify.py")
        script.write_text(block(page, "python"))
        good = compare("Python", [sys.executable, script, args.model], want)
        if args.onnxruntime:
            source, lib = pathlib.Path(place, "classify.cpp"), f"{args.onnxruntime}/lib"
            source.write_text(block(page, "cpp"))
            subprocess.run(["g++", "-std=c++17", "-I", f"{args.onnxruntime}/include", source, "-L", lib, f"-Wl,-rpath,{lib}",
                            "-lonnxruntime", "-lspng", "-ljansson", "-o", source.with_suffix("")], check=True)
            good = compare("C++", [source.with_suffix(""), args.model], want) and good
        else:
            print("C++: left out, without --onnxruntime")
    print("passed" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
