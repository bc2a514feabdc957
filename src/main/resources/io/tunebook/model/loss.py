# Cross entropy of the labelled positions, forward and backward, some rows at a time, so that logits are never whole.
from typing import List, Tuple

import torch
from torch import Tensor

from .dtypes import FLOAT32


# For rows of logits [N, vocabulary] and targets [N], with p = softmax(logits): the sum of -log p[target], float32 [1],
# and, if wanted, p - onehot(target), which is its derivative. The sums are float32 in either type. A target of -1 does
# not count; only kernels.py is given any.
def entropy(logits: Tensor, targets: Tensor, backward: bool) -> Tuple[Tensor, Tensor]:
    ts = targets.unsqueeze(1)
    p = logits.softmax(1)
    total = p.gather(1, ts).to(FLOAT32).clamp_min(1e-38).log().sum([0]).neg()
    if backward:
        p.scatter_add_(1, ts, torch.full_like(ts, -1, dtype=p.dtype))
    return total, p


# The same for hidden states h [N, width] and the output's weight W [vocabulary, width], chunk rows at a time. With
# p = softmax(h W^T):  d_h = (p - onehot) W.  Returns the sum, float32 [1], and, if wanted, d_h [N, width].
def cross_entropy(h: Tensor, W: Tensor, targets: Tensor, chunk: int, backward: bool) -> Tuple[Tensor, Tensor]:
    total = torch.zeros([1], dtype=FLOAT32, device=h.device)
    ds: List[Tensor] = []
    n = h.size(0)
    for i in range((n + chunk - 1) // chunk):
        start = i * chunk
        end = min(start + chunk, n)
        part, d = entropy(h[start:end].mm(W.t()), targets[start:end], backward)
        total.add_(part)
        if backward:
            ds.append(d.mm(W))
    d_h = h.new_empty([0])
    if len(ds) == 1:
        d_h = ds[0]
    elif backward:
        d_h = torch.cat(ds, 0)
    return total, d_h
