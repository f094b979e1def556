"""Reads a run's points with TensorBoard's own code and holds them against log.jsonl. The exit code is the result.

Usage: python tests/peer/check_events.py RUN        (a run trained with train.tensorboard: true; needs the package tensorboard)
"""
import glob
import json
import os
import sys
import numpy as np
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

TAGS = {"loss/train": "loss", "accuracy/train": "accuracy", "learning_rate": "lr", "accuracy/validation": "validation"}


def logged(run, key):
    """Rounded to nine digits there, so the last place of a float may differ."""
    lines = [json.loads(line) for line in open(os.path.join(run, "log.jsonl"))]
    return [(x["step"], np.float32(x[key])) for x in lines if key in x and "test_split" not in x and "passes" not in x]


def main(run):
    folder, bad = os.path.join(run, "tensorboard"), 0
    accumulator = event_accumulator.EventAccumulator(folder, size_guidance={event_accumulator.SCALARS: 0})
    accumulator.Reload()
    for tag, key in TAGS.items():
        theirs, ours = [(e.step, np.float32(e.value)) for e in accumulator.Scalars(tag)], logged(run, key)
        same = [e[0] for e in theirs] == [e[0] for e in ours] and all(abs(a - b) <= np.spacing(b) for (_, a), (_, b) in zip(theirs, ours))
        bad += not same
        print(f"{tag}: {len(theirs)} points, {'as' if same else 'NOT as'} in the log ({len(ours)})")
    if "images_per_second" in accumulator.Tags()["scalars"]:
        print(f"images_per_second: {len(accumulator.Scalars('images_per_second'))} points")
    seen = set()  # in the files themselves, before TensorBoard leaves out what a restart made void
    files = sorted(glob.glob(os.path.join(folder, "*tfevents*")))
    for path in files:
        for event in LegacyEventFileLoader(path).Load():
            for value in event.summary.value:
                bad += (value.tag, event.step) in seen
                seen.add((value.tag, event.step))
    print(f"{len(files)} files, {len(seen)} points in them")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main(sys.argv[1])
