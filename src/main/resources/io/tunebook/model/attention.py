# Attention: causal, within each document and a window, grouped heads; forward and backward. q, k, v are
# [N, heads, head_dim] with N = batch * length. Knows nothing of projections.
from typing import List, NamedTuple, Tuple

import torch
from torch import Tensor, ops

from .attention_cpu import by_head, by_token, d_same_length, effective, same_length, window_of
from .dtypes import FLOAT32, INT32, INT64
from .rotary import Rotation


# Where the tokens of a batch stand. Documents lie one behind the other, without padding between them.
class Places(NamedTuple):
    rotations: List[Rotation]  # by each of the model's rotary tables
    starts: Tensor  # where each document begins among all tokens, and the end: [documents + 1], int32
    longest: int  # the length of the longest document
    batch: int  # so many documents, all of one length; 0 where their lengths differ
    cudnn: bool  # whether cuDNN's attention may be used, which wants documents of one length
    deterministic: bool  # whether the backward gives the same bits each time


# What the backward needs of the forward.
class Softmax(NamedTuple):
    lse: Tensor  # the logarithm of each query's sum of e^score; by_position says in which shapes
    from_q: Tensor  # the rest is what cuDNN adds; empty otherwise
    from_k: Tensor
    seed: Tensor
    offset: Tensor


# q and k side by side [N, heads + kv_heads, head_dim], and v, of what their product gave; where it is gated, each
# head's gate stands behind its query.
def queries_of(qkv: Tensor, heads: int, kv_heads: int, head_dim: int, gated: bool) -> Tuple[Tensor, Tensor]:
    if not gated:
        all_heads = qkv.unflatten(1, [-1, head_dim])
        return all_heads[:, 0 : heads + kv_heads], all_heads[:, heads + kv_heads :]
    q = qkv[:, 0 : 2 * heads * head_dim].unflatten(1, [heads, 2, head_dim]).select(2, 0)
    kv = qkv[:, 2 * heads * head_dim :].unflatten(1, [-1, head_dim])
    return torch.cat([q, kv[:, 0:kv_heads]], 1), kv[:, kv_heads:]


# The gates [N, heads * head_dim], before their sigmoid.
def gates_of(qkv: Tensor, heads: int, head_dim: int) -> Tensor:
    return qkv[:, 0 : 2 * heads * head_dim].unflatten(1, [heads, 2, head_dim]).select(2, 1).flatten(1, 2)


# The derivatives by o [N, heads, head_dim], flat, and by the gates, from that by o sigmoid(gate).
def d_gates(d_a: Tensor, o: Tensor, gates: Tensor) -> Tuple[Tensor, Tensor]:
    s = gates.sigmoid()
    return d_a * s, d_a * o.flatten(1, 2) * s * (1 - s)


# Whether cuDNN's attention takes a layer of this window: documents of one length, all keys seen.
def for_cudnn(at: Places, window: int) -> bool:
    return at.cudnn and at.batch > 0 and effective(window, at.longest) == 0


# softmax(scale q k^T) v: [N, heads, head_dim], where a query sees the last `window` keys of its document, itself among
# them; window 0: all. Documents of one length go to cuDNN on GPUs where it is the fastest. Else the flash kernel takes
# the documents' starts on a GPU, and a CPU computes one document after the other.
def attention(q: Tensor, k: Tensor, v: Tensor, at: Places, window: int, scale: float) -> Tuple[Tensor, Softmax]:
    none = torch.empty([0], device=q.device)
    if for_cudnn(at, window):
        o, lse, from_q, from_k, _0, _1, seed, offset, _2 = ops.aten._scaled_dot_product_cudnn_attention(
            by_head(q, at.batch, 1),
            by_head(k, at.batch, 1),
            by_head(v, at.batch, 1),
            None,
            True,
            0.0,
            True,
            False,
            scale=scale,
        )
        return by_token(o), Softmax(lse, from_q, from_k, seed, offset)
    if q.is_cuda:
        o, lse, _3, _4, _5 = ops.aten._flash_attention_forward(
            q,
            k,
            v,
            at.starts,
            at.starts,
            at.longest,
            at.longest,
            0.0,
            True,
            False,
            scale=scale,
            window_size_left=effective(window, at.longest) - 1,
        )
        return o, Softmax(lse, none, none, none, none)
    if at.batch > 0:
        o, lse = same_length(q, k, v, at.batch, window, scale)
        return o, Softmax(lse, none, none, none, none)
    os: List[Tensor] = []
    lses: List[Tensor] = []
    for i in range(at.starts.size(0) - 1):
        start, end = int(at.starts[i]), int(at.starts[i + 1])
        if end > start:
            o, lse = same_length(q[start:end], k[start:end], v[start:end], 1, window, scale)
            os.append(o)
            lses.append(lse)
    return torch.cat(os, 0), Softmax(torch.cat(lses, 2), none, none, none, none)


# Attention with a sink in each head, as gpt-oss has it: one more score [heads] beside those of the keys. It has no
# value and takes its share of the softmax. Where the logarithms of the sums were l, they are l' = log(e^l + e^sink),
# and o becomes e^(l - l') o. The backward needs this o and l' alone: with p = e^(score - l') the derivative by
# a score is p (d_p - sum(d_o o)), as it is without sinks.
def with_sinks(o: Tensor, softmax: Softmax, sinks: Tensor, at: Places) -> Tuple[Tensor, Softmax]:
    s = sinks.to(softmax.lse.dtype).unsqueeze(1)
    if softmax.lse.dim() == 4:
        s = s.unsqueeze(2)
    lse = torch.logaddexp(softmax.lse, s)
    share = by_position((softmax.lse - lse).exp(), at, o.size(0)).unsqueeze(2)
    kept = Softmax(lse, softmax.from_q, softmax.from_k, softmax.seed, softmax.offset)
    return o * share.to(o.dtype), kept


# What a kernel leaves for each query and head as [N, heads]. Kernels have it as [heads, N], as
# [documents, heads, longest] or, cuDNN, with a dimension of 1 behind that.
def by_position(x: Tensor, at: Places, n: int) -> Tensor:
    if x.dim() == 2:
        return x[:, 0:n].t()
    if x.dim() == 4:
        x = x.squeeze(3)
    rows = x.transpose(1, 2).flatten(0, 1)
    if rows.size(0) == n:
        return rows
    token = torch.arange(n, dtype=INT64, device=x.device)
    document = torch.bucketize(token, at.starts[1:], right=True)
    return rows.index_select(0, document * x.size(2) + token - at.starts.to(INT64).index_select(0, document))


# Attention with sinks for T new tokens behind others: q [heads, T, head_dim], keys and values [kv_heads, n, head_dim],
# of which the last T are those of the new tokens. Returns [heads, T, head_dim]. It computes some queries at a time,
# since their scores lie in memory.
def past_with_sinks(q: Tensor, k: Tensor, v: Tensor, sinks: Tensor, window: int, scale: float) -> Tensor:
    heads, T, n = q.size(0), q.size(1), k.size(1)
    step = max(33554432 // (heads * n), 1)
    sink = sinks.to(FLOAT32).view([heads, 1, 1])
    os: List[Tensor] = []
    for i in range((T + step - 1) // step):
        some = q[:, i * step : min((i + 1) * step, T)]
        t = some.size(1)
        seen = n - T + i * step + t
        # the queries of a group stand below one another, so that no key is copied
        rows = some.reshape([k.size(0), -1, q.size(2)])
        scores = rows.matmul(k[:, 0:seen].transpose(1, 2)).view([heads, t, seen]).to(FLOAT32) * scale
        scores = scores.masked_fill(window_of(t, seen, window, q).bitwise_not(), float("-inf"))
        p = torch.cat([scores, sink.expand([heads, t, 1])], 2).softmax(2)[:, :, 0:seen].to(v.dtype)
        os.append(p.reshape([k.size(0), -1, seen]).matmul(v[:, 0:seen]).view([heads, t, q.size(2)]))
    return os[0] if len(os) == 1 else torch.cat(os, 1)


# Called before and behind an operator that is to give the same bits each time. A CPU's operators always do; kernels.py
# has this function for a GPU.
def turn_deterministic(x: Tensor, on: bool) -> None:
    pass


# The flash kernel's backward. Where cuDNN computed the forward, all documents have one length; the kernel takes them as
# [batch, length, heads, head_dim] and without starts. "Without" is an undefined tensor, and cuDNN left one in from_q.
def d_flash(
    d_o: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, softmax: Softmax, at: Places, window: int, scale: float
) -> Tuple[Tensor, Tensor, Tensor]:
    unused = torch.zeros([2], dtype=INT64, device=q.device)
    by_cudnn = softmax.lse.dim() > 2 and for_cudnn(at, window)
    starts, lse = at.starts, softmax.lse
    if by_cudnn:
        size = [at.batch, at.longest]
        starts, lse = softmax.from_q, lse.flatten(2).contiguous()
        d_o, o = d_o.unflatten(0, size), o.unflatten(0, size)
        q, k, v = q.unflatten(0, size), k.unflatten(0, size), v.unflatten(0, size)
    if at.deterministic:
        turn_deterministic(q, True)
    d_q, d_k, d_v = ops.aten._flash_attention_backward(
        d_o,
        q,
        k,
        v,
        o,
        lse,
        starts,
        starts,
        at.longest,
        at.longest,
        0.0,
        True,
        unused,
        unused,
        scale=scale,
        window_size_left=effective(window, at.longest) - 1,
    )
    if at.deterministic:
        turn_deterministic(q, False)
    if by_cudnn:
        return d_q.flatten(0, 1), d_k.flatten(0, 1), d_v.flatten(0, 1)
    return d_q, d_k, d_v


# The derivatives by q [N, heads, head_dim] and k and v [N, kv_heads, head_dim], from d_o [N, heads, head_dim]. With p =
# e^(scale q k^T - lse), which is the softmax, for each head and document:
#   d_v = p^T d_o       d_s = p (d_o v^T - sum(d_o o))       d_q = scale d_s k       d_k = scale d_s^T q
# and d_k and d_v are sums over the heads of a group. Each kernel has its own backward. cuDNN's adds to d_q in any
# order, so the flash kernel's takes its place where the bits must be the same each time.
def d_attention(
    d_o: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, softmax: Softmax, at: Places, window: int, scale: float
) -> Tuple[Tensor, Tensor, Tensor]:
    if for_cudnn(at, window) and not at.deterministic:
        T = q.size(0) // at.batch
        # from_q is an undefined tensor, since rows are not nested; in the bias's place it says that there is none
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
            scale=scale,
        )
        return by_token(d_q), by_token(d_k), by_token(d_v)
    if q.is_cuda:
        return d_flash(d_o, q, k, v, o, softmax, at, window, scale)
    if at.batch > 0:
        return d_same_length(d_o, q, k, v, o, softmax.lse, at.batch, window, scale)
    d_qs: List[Tensor] = []
    d_ks: List[Tensor] = []
    d_vs: List[Tensor] = []
    for i in range(at.starts.size(0) - 1):
        s, e = int(at.starts[i]), int(at.starts[i + 1])
        if e > s:
            lse = softmax.lse[:, :, s:e].contiguous()
            d_q, d_k, d_v = d_same_length(d_o[s:e], q[s:e], k[s:e], v[s:e], o[s:e], lse, 1, window, scale)
            d_qs.append(d_q)
            d_ks.append(d_k)
            d_vs.append(d_v)
    return torch.cat(d_qs, 0), torch.cat(d_ks, 0), torch.cat(d_vs, 0)


# How far attention computed in some way is from the flash kernel's for such heads, forward and backward, as a share of
# the largest value: float32 [1].
def differs_from_flash(
    like: Tensor, heads: int, kv_heads: int, head_dim: int, cudnn: bool, deterministic: bool
) -> Tensor:
    N, length = 512, 256
    q = torch.randn([N, heads, head_dim], dtype=like.dtype, device=like.device)
    k = torch.randn([N, kv_heads, head_dim], dtype=like.dtype, device=like.device)
    v = torch.randn([N, kv_heads, head_dim], dtype=like.dtype, device=like.device)
    d_o = torch.randn([N, heads, head_dim], dtype=like.dtype, device=like.device)
    starts = torch.arange(0, N + 1, length, dtype=INT32, device=like.device)
    found: List[List[Tensor]] = []
    for at in [Places([], starts, length, 2, False, False), Places([], starts, length, 2, cudnn, deterministic)]:
        o, softmax = attention(q, k, v, at, 0, head_dim**-0.5)
        d_q, d_k, d_v = d_attention(d_o, q, k, v, o, softmax, at, 0, head_dim**-0.5)
        found.append([o, d_q, d_k, d_v])
    worst = torch.zeros([1], dtype=FLOAT32, device=like.device)
    for flash, other in zip(found[0], found[1]):
        difference = (flash.to(FLOAT32) - other.to(FLOAT32)).abs().max() / flash.to(FLOAT32).abs().max()
        worst = torch.maximum(worst, difference)
    return worst
