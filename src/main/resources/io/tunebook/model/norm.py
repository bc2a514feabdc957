# RMSNorm and its derivative. Knows nothing of layers.
from typing import Optional, Tuple

import torch
from torch import Tensor, ops

from .dtypes import FLOAT32


# RMSNorm (Zhang and Sennrich, 2019): y = w * t * x with t = 1 / sqrt(mean(x^2) + eps), in float32.
# x [..., width], w [width]; returns y [..., width] and t [..., 1].
def rms_norm(x: Tensor, w: Tensor, eps: float) -> Tuple[Tensor, Tensor]:
    n = ops.aten.linalg_vector_norm(x, 2, [-1], True, dtype=FLOAT32)
    t = torch.rsqrt(n * n / x.size(-1) + eps)
    return (x * t).to(x.dtype) * w, t


# With g = d_y * w: d_x = t * (g - x t^2 mean(g x)). Returns onto + d_x, [..., width] like x.
def d_rms_norm(d_y: Tensor, x: Tensor, t: Tensor, w: Tensor, onto: Optional[Tensor] = None) -> Tensor:
    a = x.to(FLOAT32)
    g = d_y.to(FLOAT32) * w
    m = (g * a).sum([-1], True) / x.size(-1)
    if onto is not None:
        d_x = torch.addcmul(onto.to(FLOAT32), g, t)
    else:
        d_x = g.mul_(t)
    return d_x.addcmul_(a, t * t * t * m, value=-1).to(x.dtype)
