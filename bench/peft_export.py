"""What Trainer.export hands over, trained on with PEFT: ten steps here and there from the same adapter on the same data, by one process and by two, and
the adapter that comes back. Losses must agree to 1e-3.

    python bench/peft_export.py --model FOLDER_OR_GGUF [--record]

The Python that runs it needs torch, transformers, peft and accelerate.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import record
import training


def java(*arguments):
    out = subprocess.run(["java", "-cp", training.classpath(), "io.tunebook.bench.PeftExport", *arguments], check=True, capture_output=True, text=True,
                         env=os.environ | training.KERNEL_ENVIRONMENT).stdout
    return json.loads(out.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = java("train", given.model, folder)
        worst = 0.0
        for launch in [[sys.executable], [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]]:
            out = subprocess.run([*launch, f"{folder}/train.py"], check=True, capture_output=True, text=True,
                                 env=os.environ | dict(CUDA_VISIBLE_DEVICES="", ACCELERATE_USE_CPU="true")).stdout
            theirs = [json.loads(line)["loss"] for line in out.splitlines() if line.startswith("{")]
            print(f"{'PEFT' if len(launch) == 1 else 'PEFT, two processes'}:", " ".join(f"{loss:.5f}" for loss in theirs))
            print("Tunebook:".ljust(len("PEFT, two processes:")), " ".join(f"{loss:.5f}" for loss in ours["losses"]))
            assert len(theirs) == len(ours["losses"]) == 10
            worst = max(worst, max(abs(a - b) for a, b in zip(theirs, ours["losses"])))
            back = java("load", given.model, folder)
            print(f"the adapter that comes back, loaded in Tunebook: loss {back['heldOut']:.5f}, of Tunebook's own {ours['heldOut']:.5f}")
            worst = max(worst, abs(back["heldOut"] - ours["heldOut"]))
        print(f"largest difference of a loss: {worst:.2e}")
        if given.record:
            record.row(**dict(id="train.export", work="ten steps from one exported adapter, PEFT by one process and by two on a CPU: largest difference of a loss",
                              ours=float(f"{worst:.1e}"), peer=0, unit="loss", ratio=float(f"{worst:.1e}"), goal="<=0.001",
                              command=f"python bench/peft_export.py --model {given.model} --record"))
        sys.exit(worst > 1e-3)


if __name__ == "__main__":
    main()
