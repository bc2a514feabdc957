# AdamW (Loshchilov and Hutter, 2019) over one flat float32 parameter, by PyTorch's fused kernel. Nothing here waits for
# a GPU.
from typing import List, Optional

import torch
from torch import Tensor, ops

from ..model.dtypes import FLOAT32, FLOAT64


# One step, with m' and v' free of the start's bias:
#   m = beta1 m + (1 - beta1) g    v = beta2 v + (1 - beta2) g^2    p = p - rate (m' / (sqrt(v') + eps) + decay p)
# The gradient is first scaled down to the norm most, if that is not 0, as torch.nn.utils.clip_grad_norm_ does. Returns
# the summed losses and the gradient's Euclidean norm, float64 [2]; losses, float64 [1], and gradient are zero
# afterwards.
#
# If one of the two is not finite, the parameter stays as it is, now and in all later steps: stopped, float32 [1], is 1
# from then on. Whoever reads the results learns of it later.
#
# Lists have one element each, and come from outside: PyTorch takes a call that changes only the elements of a list made
# here for dead code, and leaves it out.
def step(
    parameter: List[Tensor],
    gradient: List[Tensor],
    mean: List[Tensor],
    square: List[Tensor],
    steps: List[Tensor],
    stopped: Tensor,
    losses: Tensor,
    most: float,
    rate: float,
    beta1: float,
    beta2: float,
    decay: float,
    epsilon: float,
) -> Tensor:
    # In float64: PyTorch's CPU adds up the squares of one large float32 array with an error in the fourth digit.
    norm = gradient[0].norm(2, dtype=FLOAT64)
    results = torch.cat([losses, norm.view([1])], 0)
    stopped.copy_(torch.maximum(stopped, results.isfinite().all().bitwise_not().to(FLOAT32)))
    divisor: Optional[Tensor] = None
    if most > 0.0:
        divisor = ((norm + 1e-6) / most).clamp_min(1.0).to(FLOAT32)
    steps[0].add_(1)
    none: List[Tensor] = []
    ops.aten._fused_adamw_(
        parameter,
        gradient,
        mean,
        square,
        none,
        steps,
        lr=rate,
        beta1=beta1,
        beta2=beta2,
        weight_decay=decay,
        eps=epsilon,
        amsgrad=False,
        maximize=False,
        grad_scale=divisor,
        found_inf=stopped,
    )
    gradient[0].zero_()
    losses.zero_()
    return results


# Memory that a GPU copies to without anybody waiting: float64 [2].
def pinned() -> Tensor:
    return torch.zeros([2], dtype=FLOAT64).pin_memory()


# Begins to copy results, float64 [2], there.
def send(results: Tensor, host: Tensor) -> Tensor:
    return host.copy_(results, True)
