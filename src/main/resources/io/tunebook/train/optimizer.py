# AdamW (Loshchilov and Hutter, 2019) over one flat float32 parameter, by PyTorch's fused kernel.
from typing import List

from torch import Tensor, ops


# The Euclidean norm of the gradient, summed in float32.
def norm(gradient: Tensor) -> Tensor:
    return gradient.norm()


# m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p = p - rate (m' / (sqrt(v') + eps) + decay p), with m'
# and v' free of the start's bias. The gradient is scaled first and is zero afterwards. Each list has one element, and
# comes from outside: PyTorch takes a call that changes only the elements of a list made here for dead code, and leaves
# it out.
def step(
    parameter: List[Tensor],
    gradient: List[Tensor],
    mean: List[Tensor],
    square: List[Tensor],
    steps: List[Tensor],
    scale: float,
    rate: float,
    beta1: float,
    beta2: float,
    decay: float,
    epsilon: float,
) -> Tensor:
    if scale != 1.0:
        gradient[0].mul_(scale)
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
        grad_scale=None,
        found_inf=None,
    )
    return gradient[0].zero_()
