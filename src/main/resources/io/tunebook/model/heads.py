# The queries and keys of a layer's attention between their product and attention: norms over heads and rotations, in
# either order, and the derivatives.
from typing import List, Tuple

import torch
from torch import Tensor

from .norm import d_rms_norm, rms_norm
from .records import Config, Layer, Norms
from .rotary import Rotation, norm_rope, rotated


# RMSNorm of x [N, heads, head_dim] over each head, w [head_dim], or over all of them, w [heads * head_dim]. Returns
# [N, heads, head_dim].
def head_norm(x: Tensor, w: Tensor, eps: float) -> Tensor:
    if w.size(0) == x.size(2):
        y, _t = rms_norm(x, w, eps)
        return y
    y, _t = rms_norm(x.flatten(1, 2), w, eps)
    return y.unflatten(1, [-1, x.size(2)])


# d_x [N, heads, head_dim] from d_y alike: d_rms_norm over the same dimensions; t is computed once more.
def d_head_norm(d_y: Tensor, x: Tensor, w: Tensor, eps: float) -> Tensor:
    if w.size(0) == x.size(2):
        _y, t = rms_norm(x, w, eps)
        return d_rms_norm(d_y.contiguous(), x, t, w)
    flat = x.flatten(1, 2)
    _y, t = rms_norm(flat, w, eps)
    return d_rms_norm(d_y.flatten(1, 2).contiguous(), flat, t, w).unflatten(1, [-1, x.size(2)])


# q and k side by side [N, heads + kv_heads, head_dim], each behind its norm where they have them.
def heads_normed(qk: Tensor, norms: Norms, config: Config) -> Tensor:
    q_norm, k_norm = norms.q, norms.k
    if q_norm is None or k_norm is None:
        return qk
    q, k = qk.split_with_sizes([config.heads, config.kv_heads], 1)
    return torch.cat([head_norm(q, q_norm, config.eps), head_norm(k, k_norm, config.eps)], 1)


# d_q [N, heads, head_dim] and d_k [N, kv_heads, head_dim] before the norms from those behind them; qk
# [N, heads + kv_heads, head_dim] is as it was before.
def d_heads_normed(d_q: Tensor, d_k: Tensor, qk: Tensor, norms: Norms, config: Config) -> Tuple[Tensor, Tensor]:
    q_norm, k_norm = norms.q, norms.k
    if q_norm is None or k_norm is None:
        return d_q, d_k
    q, k = qk.split_with_sizes([config.heads, config.kv_heads], 1)
    return d_head_norm(d_q, q, q_norm, config.eps), d_head_norm(d_k, k, k_norm, config.eps)


# Whether q and k pass norms over each head and then a rotation of all its dimensions, which norm_rope does at once.
def norms_then_rope(rotations: List[Rotation], layer: Layer, config: Config) -> bool:
    w = layer.norms.q
    if w is None or config.norm_behind or config.gated or layer.rotary < 0:
        return False
    rotation = rotations[layer.rotary]
    width = config.head_dim
    return w.size(0) == width and rotation.cos.size(2) == width and not rotation.neighbours and width <= 512


# q and k side by side [N, heads + kv_heads, head_dim], rotated and behind their norms. overwrite allows the result to
# take their place.
def placed(qk: Tensor, rotations: List[Rotation], layer: Layer, config: Config, overwrite: bool) -> Tensor:
    w_q, w_k = layer.norms.q, layer.norms.k
    if w_q is not None and w_k is not None and norms_then_rope(rotations, layer, config):
        cos, sin, _neighbours = rotations[layer.rotary]
        return norm_rope(qk, w_q, w_k, cos, sin, config.heads, config.eps)
    if config.norm_behind:
        return heads_normed(rotated(qk, rotations, layer.rotary, overwrite), layer.norms, config)
    return rotated(heads_normed(qk, layer.norms, config), rotations, layer.rotary, overwrite)
