# SwiGLU and GeGLU, alone, clamped and with LoRA's thin products around them; forward and backward.
from typing import Tuple

import torch
from torch import Tensor, ops


# SwiGLU (Shazeer, 2020): m = silu(g) * u, all [N, inner].
def swiglu(g: Tensor, u: Tensor) -> Tensor:
    return ops.aten.silu(g).mul_(u)


# d_u = d_m silu(g),  d_g = d_m u (sigma + silu(g) (1 - sigma)),  sigma = sigmoid(g), all [N, inner]. Returns d_g, d_u
# and m again. overwrite allows them to take the places of g, u and d_m.
def d_swiglu(d_m: Tensor, g: Tensor, u: Tensor, overwrite: bool) -> Tuple[Tensor, Tensor, Tensor]:
    sg = ops.aten.silu(g)
    m = sg * u
    d_g = ops.aten.silu_backward(d_m * u, g)
    d_u = d_m.mul_(sg) if overwrite else d_m * sg
    return d_g, d_u, m


# gpt-oss's: with a = min(g, limit) and b = u between -limit and limit, m = a sigmoid(alpha a) (b + 1), all [N, inner].
def clamped_swiglu(g: Tensor, u: Tensor, alpha: float, limit: float) -> Tensor:
    a = g.clamp_max(limit)
    return (a * (a * alpha).sigmoid()).mul_(u.clamp(-limit, limit) + 1)


# With s = sigmoid(alpha a): d_a = d_m (b + 1) (s + alpha a s (1 - s)),  d_b = d_m a s, and nothing beyond the limits;
# all [N, inner]. Returns d_g, d_u and m again.
def d_clamped_swiglu(d_m: Tensor, g: Tensor, u: Tensor, alpha: float, limit: float) -> Tuple[Tensor, Tensor, Tensor]:
    a = g.clamp_max(limit)
    s = (a * alpha).sigmoid()
    h = a * s
    b = u.clamp(-limit, limit) + 1
    d_g = (d_m * b * (s + h * (1 - s) * alpha)).masked_fill_(g > limit, 0.0)
    d_u = (d_m * h).masked_fill_(u.abs() > limit, 0.0)
    return d_g, d_u, h * b


# GeGLU (Shazeer, 2020), with the tanh form of GELU (Hendrycks and Gimpel, 2016): m = gelu(g) * u, all [N, inner].
def geglu(g: Tensor, u: Tensor) -> Tensor:
    return ops.aten.gelu(g, approximate="tanh").mul_(u)


# d_u = d_m gelu(g),  d_g = d_m u gelu'(g), all [N, inner]. Returns d_g, d_u and m again. overwrite as in d_swiglu.
def d_geglu(d_m: Tensor, g: Tensor, u: Tensor, overwrite: bool) -> Tuple[Tensor, Tensor, Tensor]:
    a = ops.aten.gelu(g, approximate="tanh")
    return ops.aten.gelu_backward(d_m * u, g, approximate="tanh"), d_m * a, a * u


# Either, by the model's activation.
def glu(g: Tensor, u: Tensor, gelu: bool) -> Tensor:
    return geglu(g, u) if gelu else swiglu(g, u)


# Its derivatives.
def d_glu(d_m: Tensor, g: Tensor, u: Tensor, gelu: bool, overwrite: bool) -> Tuple[Tensor, Tensor, Tensor]:
    return d_geglu(d_m, g, u, overwrite) if gelu else d_swiglu(d_m, g, u, overwrite)


# SwiGLU, or with gelu GeGLU, with LoRA's thin products around it. gu [N, 2 * inner] is what the large product gave,
# gate's and up's side by side, and z [N, 2 * rank] alike; B of gate and up is [inner, rank], A of down [rank, inner].
# With a = g + s z B^T and b of up, m = silu(a) b, or gelu(a) b. Returns m [N, inner] and down's z = m A^T [N, rank].
def swiglu_lora(
    gu: Tensor, z: Tensor, B_gate: Tensor, B_up: Tensor, A_down: Tensor, s_gate: float, s_up: float, gelu: bool
) -> Tuple[Tensor, Tensor]:
    g, u = gu.chunk(2, 1)
    z_gate, z_up = z.chunk(2, 1)
    a = torch.addmm(g, z_gate, B_gate.t(), alpha=s_gate)
    b = torch.addmm(u, z_up, B_up.t(), alpha=s_up)
    m = glu(a, b, gelu)
    return m, m.mm(A_down.t())


# Its derivatives, from d_m [N, inner], which is what the large product gave, without d_z A, and d_z_down [N, rank].
# With a, b and m as in the forward, and d_a and d_b as in d_swiglu or d_geglu:
#   d_m' = d_m + d_z_down A_down      d_A_down = d_z_down^T m
#   d_B_gate = s_gate d_a^T z_gate    d_z_gate = s_gate d_a B_gate
# and of up alike with d_b. Returns d_a and d_b side by side, [N, 2 * inner], which may take the place of gu, and d_z of
# gate and up [N, 2 * rank]; leaves d_B [inner, rank] of gate and up and d_A [rank, inner] of down in the last three,
# which lie one behind the other in the flat gradient.
def d_swiglu_lora(
    d_m: Tensor,
    gu: Tensor,
    z: Tensor,
    d_z_down: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    s_gate: float,
    s_up: float,
    gelu: bool,
    d_B_gate: Tensor,
    d_B_up: Tensor,
    d_A_down: Tensor,
) -> Tuple[Tensor, Tensor]:
    g, u = gu.chunk(2, 1)
    z_gate, z_up = z.chunk(2, 1)
    a = torch.addmm(g, z_gate, B_gate.t(), alpha=s_gate)
    b = torch.addmm(u, z_up, B_up.t(), alpha=s_up)
    d_g, d_u, m = d_glu(torch.addmm(d_m, d_z_down, A_down), a, b, gelu, False)
    d_B_gate.addmm_(d_g.t(), z_gate, beta=0, alpha=s_gate)
    d_B_up.addmm_(d_u.t(), z_up, beta=0, alpha=s_up)
    d_A_down.addmm_(d_z_down.t(), m, beta=0)
    return torch.cat([d_g, d_u], 1), torch.cat([d_g.mm(B_gate) * s_gate, d_u.mm(B_up) * s_up], 1)
