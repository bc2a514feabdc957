# Rotary positions and attention: causal, within each document, grouped heads; forward and backward. q, k, v are
# [N, heads, head_dim] with N = batch * length. Knows nothing of projections.
from typing import List, NamedTuple, Tuple

import torch
from torch import Tensor, ops

from .dtypes import BOOL, FLOAT32, INT32, INT64


# Where the tokens of a batch stand.
class Places(NamedTuple):
    cos: Tensor  # [N, 1, head_dim]
    sin: Tensor  # the same, with the minus in its first half
    mask: Tensor  # [B, 1, T, T], added to the scores, on a CPU; empty where each row is one document
    starts: Tensor  # where each document begins among all tokens, and the end: [documents + 1], int32
    longest: int  # the length of the longest document
    batch: int  # B
    cudnn: bool  # whether cuDNN's attention may be used for whole rows


# What the backward needs of the forward.
class Softmax(NamedTuple):
    lse: Tensor  # the logarithm of the softmax's sums
    from_q: Tensor  # the rest is what cuDNN adds; empty otherwise
    from_k: Tensor
    seed: Tensor
    offset: Tensor


# Rotary position embedding (Su et al., 2021), halves rotated as in the Hugging Face checkpoints:
# (a, b) becomes (a cos - b sin, b cos + a sin). overwrite allows the result to take the place of x.
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


# Cosines and signed sines [2, N, 1, head_dim] of positions [N], from the rotary table [2, positions, head_dim].
def angles(rotary: Tensor, positions: Tensor, like: Tensor) -> Tensor:
    return rotary.index_select(1, positions.flatten()).unsqueeze(2).to(like.dtype)


# The scores' mask for packed documents [B, T]: 0 where query and key are of one document and the key is not later, else
# -inf; [B, 1, T, T]. Empty if each row is one document; on a GPU, where kernels know documents by their starts, just not
# empty.
def document_mask(documents: Tensor, like: Tensor) -> Tensor:
    if documents.numel() == 0 or documents.is_cuda:
        return documents
    T = documents.size(1)
    same = documents.unsqueeze(2) == documents.unsqueeze(1)
    past = torch.ones([T, T], dtype=BOOL, device=documents.device).tril()
    zero = like.new_zeros([documents.size(0), 1, T, T])
    return zero.masked_fill((same & past).bitwise_not().unsqueeze(1), float("-inf"))


# [N, heads, head_dim] as [B, heads, T, head_dim], each head so many times.
def by_head(x: Tensor, batch: int, times: int) -> Tensor:
    y = x.unflatten(0, [batch, -1]).transpose(1, 2)
    return y.repeat_interleave(times, 1) if times > 1 else y


# [B, heads, T, head_dim] as [N, heads, head_dim].
def by_token(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(0, 1)


# softmax(q k^T / sqrt(head_dim)) v: [N, heads, head_dim]. Whole rows of documents go to cuDNN on GPUs where it is the
# fastest. Else the flash kernel takes the documents' starts on a GPU; on a CPU documents other than whole rows need the
# mask.
def attention(q: Tensor, k: Tensor, v: Tensor, at: Places) -> Tuple[Tensor, Softmax]:
    none = torch.empty([0], device=q.device)
    if at.cudnn and at.mask.numel() == 0:
        o, lse, from_q, from_k, _0, _1, seed, offset, _2 = ops.aten._scaled_dot_product_cudnn_attention(
            by_head(q, at.batch, 1), by_head(k, at.batch, 1), by_head(v, at.batch, 1), None, True, 0.0, True, False
        )
        return by_token(o), Softmax(lse, from_q, from_k, seed, offset)
    if q.is_cuda:
        o, lse, _3, _4, _5 = ops.aten._flash_attention_forward(
            q, k, v, at.starts, at.starts, at.longest, at.longest, 0.0, True, False
        )
        return o, Softmax(lse, none, none, none, none)
    groups = q.size(1) // k.size(1)
    q1, k1, v1 = by_head(q, at.batch, 1), by_head(k, at.batch, groups), by_head(v, at.batch, groups)
    mask = None if at.mask.numel() == 0 else at.mask
    o, lse = ops.aten._scaled_dot_product_flash_attention_for_cpu(q1, k1, v1, 0.0, mask is None, attn_mask=mask)
    return by_token(o), Softmax(lse, none, none, none, none)


# The kernels' own backwards; on the CPU the gradients of a group's copies of k and v are added up here.
def d_attention(
    d_o: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, softmax: Softmax, at: Places
) -> Tuple[Tensor, Tensor, Tensor]:
    if at.cudnn and at.mask.numel() == 0:
        T = q.size(0) // at.batch
        # there is no bias, which is said by a tensor that does not exist, as from_q does not without nested rows
        d_q, d_k, d_v = ops.aten._scaled_dot_product_cudnn_attention_backward(
            by_head(d_o, at.batch, 1),
            by_head(q, at.batch, 1),
            by_head(k, at.batch, 1),
            by_head(v, at.batch, 1),
            by_head(o, at.batch, 1),
            softmax.lse,
            softmax.seed,
            softmax.offset,
            softmax.from_q,
            softmax.from_q,
            softmax.from_k,
            T,
            T,
            0.0,
            True,
        )
        return by_token(d_q), by_token(d_k), by_token(d_v)
    if q.is_cuda:
        unused = torch.zeros([2], dtype=INT64, device=q.device)
        d_q, d_k, d_v = ops.aten._flash_attention_backward(
            d_o,
            q,
            k,
            v,
            o,
            softmax.lse,
            at.starts,
            at.starts,
            at.longest,
            at.longest,
            0.0,
            True,
            unused,
            unused,
        )
        return d_q, d_k, d_v
    groups = q.size(1) // k.size(1)
    q1, k1, v1 = by_head(q, at.batch, 1), by_head(k, at.batch, groups), by_head(v, at.batch, groups)
    mask = None if at.mask.numel() == 0 else at.mask
    d_q, d_k, d_v = ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        by_head(d_o, at.batch, 1),
        q1,
        k1,
        v1,
        by_head(o, at.batch, 1),
        softmax.lse,
        0.0,
        mask is None,
        attn_mask=mask,
    )
    d_k = d_k.unflatten(1, [-1, groups]).sum([2])
    d_v = d_v.unflatten(1, [-1, groups]).sum([2])
    return by_token(d_q), by_token(d_k), by_token(d_v)


# How far cuDNN's attention is from the flash kernel's for such heads, forward and backward, as a share of the largest
# value: float32 [1].
def cudnn_differs(like: Tensor, heads: int, kv_heads: int, head_dim: int) -> Tensor:
    N = 256
    q = torch.randn([N, heads, head_dim], dtype=like.dtype, device=like.device)
    k = torch.randn([N, kv_heads, head_dim], dtype=like.dtype, device=like.device)
    v = torch.randn([N, kv_heads, head_dim], dtype=like.dtype, device=like.device)
    d_o = torch.randn([N, heads, head_dim], dtype=like.dtype, device=like.device)
    starts = torch.arange(0, N + 1, 128, dtype=INT32, device=like.device)
    none = torch.empty([0], device=like.device)
    found: List[List[Tensor]] = []
    for cudnn in [False, True]:
        at = Places(none, none, none, starts, 128, 2, cudnn)
        o, softmax = attention(q, k, v, at)
        d_q, d_k, d_v = d_attention(d_o, q, k, v, o, softmax, at)
        found.append([o, d_q, d_k, d_v])
    worst = torch.zeros([1], dtype=FLOAT32, device=like.device)
    for flash, other in zip(found[0], found[1]):
        difference = (flash.to(FLOAT32) - other.to(FLOAT32)).abs().max() / flash.to(FLOAT32).abs().max()
        worst = torch.maximum(worst, difference)
    return worst
