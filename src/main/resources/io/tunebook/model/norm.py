# RMSNorm, alone and between a branch and what it is added to, and the derivatives. Knows nothing of layers.
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


# A branch's output y behind its norm w, added to the residual: x1 = x + norm(y). Where a norm w1 follows, h = norm(x1),
# else x1 as it is; x, y and both results [N, width], w and w1 [width]. Returns x1, h and t of h, empty without w1.
def add_norm(x: Tensor, y: Tensor, w: Tensor, eps: float, w1: Optional[Tensor] = None) -> Tuple[Tensor, Tensor, Tensor]:
    x1 = x + rms_norm(y, w, eps)[0]
    if w1 is None:
        return x1, x1, x.new_empty([0])
    h, t = rms_norm(x1, w1, eps)
    return x1, h, t


# Its derivatives, all [N, width]: d_x1 = d_out + that of h's norm from d_h, and d_y = that of y's norm from d_x1. d_out
# comes to x1 past h; without d_h nothing comes from h, and without w1 h is x1. t is what add_norm gave.
def d_add_norm(
    d_out: Tensor,
    y: Tensor,
    w: Tensor,
    eps: float,
    d_h: Optional[Tensor] = None,
    x1: Optional[Tensor] = None,
    t: Optional[Tensor] = None,
    w1: Optional[Tensor] = None,
) -> Tuple[Tensor, Tensor]:
    d_x1 = d_out
    if d_h is not None:
        if w1 is not None and x1 is not None and t is not None:
            d_x1 = d_rms_norm(d_h, x1, t, w1, d_out)
        else:
            d_x1 = d_out + d_h
    return d_x1, d_rms_norm(d_x1, y, rms_norm(y, w, eps)[1], w)
