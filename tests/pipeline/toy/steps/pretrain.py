"""Toy: counts steps, with a checkpoint after each; can be slow, killed or made to fail."""

import os
import sys
import time

from physlm.files import md5, read_json, write_json
from physlm.model.toy import weight
from physlm.steps.job import Job, main
from physlm.toy import executed


def run(job: Job) -> None:
    checkpoint = job.scratch / "checkpoint.json"
    start = read_json(checkpoint)["step"] if checkpoint.exists() else 0
    executed(job, f"from {start}" if start else "")
    if os.environ.get("TOY_FAIL", "none") in job.name:
        print("trouble ahead", file=sys.stderr, flush=True)
        raise ValueError("this toy was told to fail")
    steps = 10
    for step in range(start, steps):
        time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
        write_json(checkpoint, {"step": step + 1})
        print(f"step {step + 1}/{steps}  1s left", flush=True)
    value = weight(job.config["model"]["d_model"], job.config["optimiser"]["lr_peak"])
    corpus = md5(job.input("corpus") / "manifest.json")
    write_json(job.out / "model.safetensors", {"weight": value, "corpus": corpus})
    write_json(job.out / "model.json", {"n_params": job.config["model"]["d_model"] * 100})
    write_json(job.out / "metrics.jsonl", {"time": time.time()})


if __name__ == "__main__":
    sys.exit(main(run))
