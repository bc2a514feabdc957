# Rotary positions, alone and behind norms of the heads, forward and backward. Knows nothing of attention.
from typing import List, NamedTuple

import torch
from torch import Tensor

from .norm import d_rms_norm, rms_norm


# Cosines and sines of a batch's tokens.
class Rotation(NamedTuple):
    cos: Tensor  # [N, 1, rotated width]
    sin: Tensor  # the same, with the minus in its first half
    neighbours: bool  # whether dimensions 2i and 2i + 1 of a head turn together, not i and i + width / 2


# Rotary position embedding (Su et al., 2021), halves rotated as in the Hugging Face checkpoints: (a, b) becomes (a cos
# - b sin, b cos + a sin). x [N, heads, width], cos and sin as in Rotation, [N, 1, width]; returns [N, heads, width].
# overwrite allows the result to take the place of x.
def rope(x: Tensor, cos: Tensor, sin: Tensor, overwrite: bool) -> Tensor:
    return (x * cos).addcmul_(x.roll([x.size(-1) // 2], [-1]), sin)


# A rotation's transpose is its inverse: d_x is the rotation of d_y by the negative angle. Returns those of q and k and
# what came for v side by side, [N, heads + 2 * kv heads, head_dim].
def d_rope(d_q: Tensor, d_k: Tensor, d_v: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    d_x = torch.cat([d_q, d_k, d_v], 1)
    d_qk = d_x[:, 0 : d_q.size(1) + d_k.size(1)]
    rolled = d_qk.roll([d_qk.size(-1) // 2], [-1])
    d_qk.mul_(cos).addcmul_(rolled, sin, value=-1)
    return d_x


# rope behind RMSNorm over each head. qk [N, heads + kv_heads, width] are q and k side by side; w_q and w_k [width].
# Returns [N, heads + kv_heads, width].
def norm_rope(qk: Tensor, w_q: Tensor, w_k: Tensor, cos: Tensor, sin: Tensor, heads: int, eps: float) -> Tensor:
    q, k = qk.split_with_sizes([heads, qk.size(1) - heads], 1)
    return rope(torch.cat([rms_norm(q, w_q, eps)[0], rms_norm(k, w_k, eps)[0]], 1), cos, sin, True)


# Its derivative by qk, from d_q and d_k, and what came for v beside it: [N, heads + 2 * kv_heads, width].
def d_norm_rope(
    d_q: Tensor, d_k: Tensor, d_v: Tensor, qk: Tensor, w_q: Tensor, w_k: Tensor, cos: Tensor, sin: Tensor, eps: float
) -> Tensor:
    sizes = [d_q.size(1), d_k.size(1)]
    d_q, d_k, d_v = d_rope(d_q, d_k, d_v, cos, sin).split_with_sizes(sizes + [d_v.size(1)], 1)
    q, k = qk.split_with_sizes(sizes, 1)
    d_q = d_rms_norm(d_q.contiguous(), q, rms_norm(q, w_q, eps)[1], w_q)
    d_k = d_rms_norm(d_k.contiguous(), k, rms_norm(k, w_k, eps)[1], w_k)
    return torch.cat([d_q, d_k, d_v], 1)


# Neighbours [N, heads, width] set apart into halves. q and k keep that order behind their rotation: their products do
# not depend on it.
def apart(x: Tensor) -> Tensor:
    return x.unflatten(2, [-1, 2]).transpose(2, 3).flatten(2, 3).contiguous()


# Halves [N, heads, width] as neighbours again.
def together(x: Tensor) -> Tensor:
    return x.unflatten(2, [2, -1]).transpose(2, 3).flatten(2, 3)


# The rotations of positions [N] by each table [2, positions, rotated width].
def angles(rotary: List[Tensor], neighbours: bool, positions: Tensor, like: Tensor) -> List[Rotation]:
    rotations: List[Rotation] = []
    for table in rotary:
        cos, sin = table.index_select(1, positions.flatten()).unsqueeze(2).to(like.dtype).unbind()
        rotations.append(Rotation(cos, sin, neighbours))
    return rotations


# x [N, heads, head_dim], whose first dimensions are rotated: as many as the table has. number is the table's; -1: no
# rotation. overwrite allows the result to take the place of x.
def rotated(x: Tensor, rotations: List[Rotation], number: int, overwrite: bool) -> Tensor:
    if number < 0:
        return x
    cos, sin, neighbours = rotations[number]
    width = cos.size(2)
    if width == x.size(2) and not neighbours:
        return rope(x, cos, sin, overwrite)
    part = x[:, :, 0:width]
    turned = rope(apart(part) if neighbours else part.contiguous(), cos, sin, True)
    return torch.cat([turned, x[:, :, width:]], 2)


# Its derivative, for q and k; what came for v stands beside them: [N, heads + 2 * kv heads, head_dim].
def d_rotated(d_q: Tensor, d_k: Tensor, d_v: Tensor, rotations: List[Rotation], number: int) -> Tensor:
    if number < 0:
        return torch.cat([d_q, d_k, d_v], 1)
    cos, sin, neighbours = rotations[number]
    width = cos.size(2)
    if width == d_q.size(2) and not neighbours:
        return d_rope(d_q, d_k, d_v, cos, sin)
    d_qk = torch.cat([d_q, d_k], 1)
    turned = rope(d_qk[:, :, 0:width].contiguous(), cos, sin.neg(), False)
    if neighbours:
        turned = together(turned)
    return torch.cat([torch.cat([turned, d_qk[:, :, width:]], 2), d_v], 1)
