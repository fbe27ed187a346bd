"""Compares an exported adapter as PEFT reads it with what ftl computes at the same rank.

usage: logits.py MODEL ADAPTERS OUT RANK...   (ADAPTERS/rank-R as `ftlc export` writes them, OUT as logits.ts does)
Prints the largest difference of a logit at positions that are not padding, for each rank; ends with 1 where it is over 1e-3.
"""

import json
import sys

import numpy
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

model, adapters, out, *ranks = sys.argv[1:]
with open(f"{out}/rows.json") as file:
    rows = {name: torch.tensor(values) for name, values in json.load(file).items()}
mask = rows["attention_mask"].bool()
most = 0.0
for rank in ranks:
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, f"{adapters}/rank-{rank}").eval()
    with torch.no_grad():
        theirs = tuned(**rows).logits
    ours = torch.from_numpy(numpy.fromfile(f"{out}/rank-{rank}.f32", dtype="<f4")).view(theirs.shape)
    apart = (ours - theirs)[mask].abs().max().item()
    print(f"rank {rank}: r {tuned.peft_config['default'].r}, {int(mask.sum())} positions, "
          f"logits up to {theirs[mask].abs().max().item():.3g}, at most {apart:.3g} apart")
    most = max(most, apart)
sys.exit(0 if most <= 1e-3 else 1)
