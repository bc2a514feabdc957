# Attention of documents of one length on a CPU, forward and backward, and how its tensors are laid out: q, k, v are
# [N, heads, head_dim] with N = batch * length.
from typing import Optional, Tuple

import torch
from torch import Tensor, ops

from .dtypes import BFLOAT16, BOOL, FLOAT32


# Whether each of T queries at the end of n keys sees a key, bool [T, n].
def window_of(T: int, n: int, window: int, like: Tensor) -> Tensor:
    past = torch.ones([T, n], dtype=BOOL, device=like.device).tril(n - T)
    return past if window >= n else past.triu(n - T - window + 1)


# The window that counts for documents of at most so many tokens: 0 where each fits into it.
def effective(window: int, longest: int) -> int:
    return window if window < longest else 0


# What a CPU adds to the scores of documents of T tokens, [1, 1, T, T]: 0 where a query sees a key, else -inf; none
# where it sees all that are not later.
def window_mask(T: int, window: int, like: Tensor) -> Optional[Tensor]:
    mask: Optional[Tensor] = None
    if effective(window, T) > 0:
        hidden = window_of(T, T, window, like).bitwise_not()
        mask = like.new_zeros([1, 1, T, T]).masked_fill(hidden, float("-inf"))
    return mask


# [N, heads, head_dim] as [B, heads * times, T, head_dim]: each head stands there so many times, copy beside copy.
def by_head(x: Tensor, batch: int, times: int) -> Tensor:
    y = x.unflatten(0, [batch, -1]).transpose(1, 2)
    return y.repeat_interleave(times, 1) if times > 1 else y


# [B, heads, T, head_dim] as [N, heads, head_dim].
def by_token(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(0, 1)


# attention of attention.py for batch documents of one length: o [N, heads, head_dim], and the logarithms of the sums
# [batch, heads, length].
def same_length(q: Tensor, k: Tensor, v: Tensor, batch: int, window: int, scale: float) -> Tuple[Tensor, Tensor]:
    groups = q.size(1) // k.size(1)
    q1, k1, v1 = by_head(q, batch, 1), by_head(k, batch, groups), by_head(v, batch, groups)
    mask = window_mask(q.size(0) // batch, window, q)
    o, lse = ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q1, k1, v1, 0.0, mask is None, attn_mask=mask, scale=scale
    )
    return by_token(o), lse


# The derivatives, by the formulas of d_attention; lse [batch, heads, length]. In float32 by PyTorch's kernel, where the
# gradients of a group's copies of k and v are added up here.
def d_same_length(
    d_o: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, lse: Tensor, batch: int, window: int, scale: float
) -> Tuple[Tensor, Tensor, Tensor]:
    if q.dtype == BFLOAT16:
        return d_by_products(d_o, q, k, v, o, lse, batch, window, scale)
    groups = q.size(1) // k.size(1)
    mask = window_mask(q.size(0) // batch, window, q)
    d_q, d_k, d_v = ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        by_head(d_o, batch, 1),
        by_head(q, batch, 1),
        by_head(k, batch, groups),
        by_head(v, batch, groups),
        by_head(o, batch, 1),
        lse,
        0.0,
        mask is None,
        attn_mask=mask,
        scale=scale,
    )
    d_k = d_k.unflatten(1, [-1, groups]).sum([2])
    d_v = d_v.unflatten(1, [-1, groups]).sum([2])
    return by_token(d_q), by_token(d_k), by_token(d_v)


# The same by products of whole matrices. PyTorch's kernel for CPUs computes blocks of 64, which in bfloat16 takes two
# to four times as long. Scores are float32. Some queries and heads at a time, so that their scores stay in the cache
# and few of them are of keys that are not seen. The queries of a group stand below one another, so that no key is
# copied, and the sum over the group is the product's own.
def d_by_products(
    d_o: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, lse: Tensor, batch: int, window: int, scale: float
) -> Tuple[Tensor, Tensor, Tensor]:
    T, groups = q.size(0) // batch, q.size(1) // k.size(1)
    qs, d_os = by_group(q, batch, groups), by_group(d_o, batch, groups)
    ks, vs = by_group(k, batch, 1).squeeze(1), by_group(v, batch, 1).squeeze(1)
    log2e = 1.4426950408889634  # powers of two: exp is four times as slow here
    minus_lse = lse.reshape([-1, groups, T, 1]).mul(-log2e)
    sums = (d_os.to(FLOAT32) * by_group(o, batch, groups).to(FLOAT32)).sum([3], True).mul_(-scale)
    d_q = torch.empty_like(qs)
    d_k = torch.zeros_like(ks, dtype=FLOAT32)
    d_v = torch.zeros_like(vs, dtype=FLOAT32)
    queries = 128
    heads = max(1048576 // (groups * min(T, queries) * T), 1)
    for i in range(0, ks.size(0), heads):
        j = min(i + heads, ks.size(0))
        kt, vt = ks[i:j].to(FLOAT32).transpose(1, 2), vs[i:j].to(FLOAT32).transpose(1, 2)
        for s in range(0, T, queries):
            e = min(s + queries, T)
            some, d_some = qs[i:j, :, s:e].flatten(1, 2), d_os[i:j, :, s:e].flatten(1, 2)
            scores = torch.baddbmm(
                minus_lse[i:j, :, s:e].flatten(1, 2), some.to(FLOAT32), kt[:, :, 0:e], alpha=scale * log2e
            )
            p = scores.exp2_()
            seen = p.view([j - i, groups, e - s, e]).tril_(s)
            if effective(window, T) > 0:
                seen.triu_(s - window + 1)
            d_s = torch.baddbmm(sums[i:j, :, s:e].flatten(1, 2), d_some.to(FLOAT32), vt[:, :, 0:e], alpha=scale)
            d_s = d_s.mul_(p).to(q.dtype)
            d_q[i:j, :, s:e] = d_s.bmm(ks[i:j, 0:e]).unflatten(1, [groups, e - s])
            d_k[i:j, 0:e].add_(d_s.transpose(1, 2).bmm(some))
            d_v[i:j, 0:e].add_(p.to(q.dtype).transpose(1, 2).bmm(d_some))
    heads_of_k = [batch, k.size(1), T, k.size(2)]
    return (
        by_token(d_q.view([batch, q.size(1), T, q.size(2)])),
        by_token(d_k.to(k.dtype).view(heads_of_k)),
        by_token(d_v.to(v.dtype).view(heads_of_k)),
    )


# [N, heads, head_dim] as [batch * heads of keys, groups, T, head_dim].
def by_group(x: Tensor, batch: int, groups: int) -> Tensor:
    y = by_head(x, batch, 1)
    return y.reshape([-1, groups, y.size(2), y.size(3)])
