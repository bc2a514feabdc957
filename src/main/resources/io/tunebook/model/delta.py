# Gated DeltaNet (Yang, Kautz and Hatamizadeh, 2024), as Qwen3.5 has it in the place of attention: a short convolution
# over q, k and v, a state for each head that each token's key and value correct, and a gated RMSNorm; forward and
# backward. It computes a chunk of tokens at a time, and the state goes from chunk to chunk. Knows nothing of the
# products around it.
#
# With a state S [key_dim, value_dim], a decay a_t = e^(g_t) and a rate b_t, for each token t of a document:
#   S_t = a_t S_(t-1) + k_t (b_t (v_t - a_t S_(t-1)^T k_t))^T        o_t = S_t^T q_t
from typing import List, NamedTuple, Tuple

import torch
from torch import Tensor, ops

from .dtypes import BOOL, FLOAT32, INT64
from .norm import d_rms_norm, rms_norm


# The product before it gives q | k | v | z | b | a: q and k of key_heads, v and z of the value heads, and a number b
# and a for each of these. Where there are n times as many value heads, i * n to i * n + n - 1 have the queries and keys
# of i.
class Delta(NamedTuple):
    conv: Tensor  # [channels of q | k | v, kernel]
    dt: Tensor  # [value heads], what is added to a
    A: Tensor  # [value heads], the logarithm of the decay's rate
    norm: Tensor  # [value_dim], of the heads' outputs
    key_heads: int
    key_dim: int
    chunk: int  # so many tokens at a time


# What the product before it gave, apart.
class Mixed(NamedTuple):
    qkv: Tensor  # [N, channels]
    z: Tensor  # [N, value heads, value_dim]
    b: Tensor  # [N, value heads]
    a: Tensor


# Where tokens stand.
class Order(NamedTuple):
    document: Tensor  # [N], int64, counted from 1; 0 is the document whose state is there already
    place: Tensor  # [N], int64, in the document


# What the rule is given, [chunks, sequences * value heads, tokens of a chunk, ...] in float32.
class Given(NamedTuple):
    q: Tensor  # [..., key_dim], of length 1 / sqrt(key_dim)
    k: Tensor  # [..., key_dim], of length 1
    v: Tensor  # [..., value_dim]
    b: Tensor  # [..., 1]
    g: Tensor  # [..., 1]
    within: Tensor  # bool [..., tokens of a chunk], for each token: whether that one is of its document, and not later
    carried: Tensor  # bool [..., 1], whether a token's document began before the chunk
    ends: Tensor  # bool [..., 1], whether it is the one of the chunk's last token


# What of a chunk depends on no other chunk. With G the sums of g in it, for tokens i and j:
class Chunks(NamedTuple):
    D: Tensor  # e^(G_i - G_j), or 0
    A: Tensor  # b_i D_ij k_i k_j for j < i
    P: Tensor  # D_ij q_i k_j
    e: Tensor  # e^(G_i) where the state that came counts, else 0
    f: Tensor  # e^(G_last - G_j) where the token counts for the state that goes on, else 0
    c: Tensor  # [..., 1, 1], how much of the state that came goes on
    U: Tensor  # (1 + A)^-1 b v
    W: Tensor  # (1 + A)^-1 b e k


# Of documents that lie one behind the other, from their starts [documents + 1].
def order_of(starts: Tensor, n: int) -> Order:
    token = torch.arange(n, dtype=INT64, device=starts.device)
    before = torch.bucketize(token, starts[1:], right=True)
    return Order(before + 1, token - starts.to(INT64).index_select(0, before))


# The parts of y [N, channels + (value_dim + 2) * value heads], as views.
def apart_mixed(y: Tensor, delta: Delta) -> Mixed:
    channels, heads = delta.conv.size(0), delta.dt.size(0)
    qkv, z, b, a = y.split_with_sizes([channels, heads * delta.norm.size(0), heads, heads], 1)
    return Mixed(qkv, z.unflatten(1, [heads, -1]), b, a)


# ---- The convolution: y_t = sum over s of w_s x_(t - kernel + 1 + s), of the same document and channel, before SiLU. x
# is [N, channels], and so is y, float32; before [kernel - 1, channels] has what came before the first token.
def convolved(x: Tensor, before: Tensor, conv: Tensor, order: Order) -> Tensor:
    last = conv.size(1) - 1
    w = conv.to(FLOAT32)
    n = x.size(0)
    both = torch.cat([before, x], 0).to(FLOAT32)
    y = both[last:] * w[:, last]
    for back in range(1, last + 1):
        earlier = both[last - back : last - back + n].masked_fill(order.place.lt(back).unsqueeze(1), 0.0)
        y.addcmul_(earlier, w[:, last - back])
    return y


# d_x_t = sum over s of w_s d_y_(t + kernel - 1 - s), of the same document and channel: [N, channels] from d_y alike,
# float32, where nothing came before.
def d_convolved(d_y: Tensor, conv: Tensor, order: Order) -> Tensor:
    last = conv.size(1) - 1
    w = conv.to(FLOAT32)
    n = d_y.size(0)
    d_x = d_y * w[:, last]
    for back in range(1, last + 1):
        later = d_y.masked_fill(order.place.lt(back).unsqueeze(1), 0.0)
        moved = ops.aten.constant_pad_nd(later, [0, 0, 0, back])[back : back + n]
        d_x.addcmul_(moved, w[:, last - back])
    return d_x


# y = r x with r = 1 / sqrt(|x|^2 + 1e-6) over the last dimension. Returns y [..., width] and r [..., 1].
def normalized(x: Tensor) -> Tuple[Tensor, Tensor]:
    r = torch.rsqrt((x * x).sum([-1], True) + 1e-6)
    return x * r, r


# d_x = r (d_y - y sum(d_y y)), [..., width], from y and r.
def d_normalized(d_y: Tensor, y: Tensor, r: Tensor) -> Tensor:
    return (d_y - y * (d_y * y).sum([-1], True)) * r


# ---- In chunks. Documents of one length are so many sequences, others are one.
def sequences_of(n: int, batch: int, chunk: int) -> int:
    return batch if batch > 0 and n // batch >= chunk else 1


# [N, heads, width] as [chunks, sequences * heads, tokens of a chunk, width], with zeros behind each sequence.
def in_chunks(x: Tensor, sequences: int, chunk: int) -> Tensor:
    y = x.unflatten(0, [sequences, -1])
    more = (chunk - y.size(1) % chunk) % chunk
    if more > 0:
        y = ops.aten.constant_pad_nd(y, [0, 0, 0, 0, 0, more])
    return y.unflatten(1, [-1, chunk]).permute([1, 0, 3, 2, 4]).flatten(1, 2)


# The same back again, for sequences of so many tokens: [N, heads, width] from
# [chunks, sequences * heads, tokens of a chunk, width].
def from_chunks(x: Tensor, sequences: int, length: int) -> Tensor:
    y = x.unflatten(1, [sequences, -1]).permute([1, 0, 3, 2, 4]).flatten(1, 2)
    return y[:, 0:length].flatten(0, 1).contiguous()  # of one chunk it is a view, with the heads apart


# What the rule is given, from the convolution's output u [N, channels] before SiLU, float32.
def given(u: Tensor, mixed: Mixed, delta: Delta, order: Order, sequences: int) -> Given:
    heads = delta.dt.size(0)
    keys = delta.key_heads * delta.key_dim
    x = ops.aten.silu(u).to(mixed.qkv.dtype).to(FLOAT32)
    q, k, v = x.split_with_sizes([keys, keys, u.size(1) - 2 * keys], 1)
    q, _r = normalized(q.unflatten(1, [delta.key_heads, -1]))
    k, _r = normalized(k.unflatten(1, [delta.key_heads, -1]))
    times = heads // delta.key_heads
    if times > 1:
        q, k = q.repeat_interleave(times, 1), k.repeat_interleave(times, 1)
    b = mixed.b.sigmoid().to(FLOAT32).unsqueeze(2)
    g = ops.aten.softplus(mixed.a.to(FLOAT32) + delta.dt.to(FLOAT32)) * delta.A.to(FLOAT32).exp().neg()
    chunk = delta.chunk
    # a document goes on in the padding behind it, which changes nothing
    document = order.document.unflatten(0, [sequences, -1])
    more = (chunk - document.size(1) % chunk) % chunk
    document = torch.cat([document, document[:, -1:].expand([sequences, more])], 1)
    document = document.unflatten(1, [-1, chunk]).transpose(0, 1)  # [chunks, sequences, tokens]
    last = document[:, :, -1:]
    before = torch.cat([torch.zeros_like(last[0:1]), last[0:-1]], 0)
    earlier = torch.ones([chunk, chunk], dtype=BOOL, device=u.device).tril()
    within = document.unsqueeze(3).eq(document.unsqueeze(2)).bitwise_and(earlier)
    return Given(
        in_chunks(q * delta.key_dim**-0.5, sequences, chunk),
        in_chunks(k, sequences, chunk),
        in_chunks(v.unflatten(1, [heads, -1]), sequences, chunk),
        in_chunks(b, sequences, chunk),
        in_chunks(g.unsqueeze(2), sequences, chunk),
        within.repeat_interleave(heads, 1),
        document.eq(before).unsqueeze(3).repeat_interleave(heads, 1),
        document.eq(last).unsqueeze(3).repeat_interleave(heads, 1),
    )


def chunks_of(x: Given) -> Chunks:
    G = x.g.cumsum(2)
    last = G[:, :, -1:]
    D = (G - G.transpose(2, 3)).masked_fill(x.within.bitwise_not(), float("-inf")).exp()
    A = (x.k.matmul(x.k.transpose(2, 3)) * D * x.b).tril(-1)
    P = x.q.matmul(x.k.transpose(2, 3)) * D
    e = G.exp() * x.carried
    f = (last - G).exp() * x.ends
    both = torch.cat([x.v * x.b, x.k * (x.b * e)], 3)
    solved = ops.aten.linalg_solve_triangular(A, both, upper=False, left=True, unitriangular=True)
    U, W = solved.split_with_sizes([x.v.size(3), x.k.size(3)], 3)
    return Chunks(D, A, P, e, f, e[:, :, -1:], U, W)


# From the state that is there already [sequences * heads, key_dim, value_dim]: the states before each chunk and behind
# all of them, [chunks + 1, ...], and the corrected values [chunks, ...], which are b_t (v_t - a_t S_(t-1)^T k_t).
def states_of(x: Given, c: Chunks, state: Tensor) -> Tuple[Tensor, Tensor]:
    states: List[Tensor] = [state]
    values: List[Tensor] = []
    written = (x.k * c.f).transpose(2, 3).contiguous()
    S = state
    for i in range(x.k.size(0)):
        value = torch.baddbmm(c.U[i], c.W[i], S, alpha=-1)
        S = torch.baddbmm(S * c.c[i], written[i], value)
        values.append(value)
        states.append(S)
    return torch.stack(states), torch.stack(values)


# o = e q S + P V: [chunks, sequences * value heads, tokens of a chunk, value_dim], from the states S before each chunk
# and the corrected values V, see states_of.
def outputs_of(x: Given, c: Chunks, states: Tensor, values: Tensor) -> Tensor:
    return (x.q * c.e).matmul(states[0:-1]) + c.P.matmul(values)


# The derivatives by q, k, v, b and g of Given, from d_o [chunks, sequences * heads, tokens of a chunk, value_dim].
def d_rule(
    d_o: Tensor, x: Given, c: Chunks, states: Tensor, values: Tensor
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    n = x.k.size(0)
    S = states[0:-1]
    # from the last chunk to the first: by the state behind each, d_S, and by its corrected values
    read = (x.q * c.e).transpose(2, 3).matmul(d_o)
    d_own = c.P.transpose(2, 3).matmul(d_o)
    written = x.k * c.f
    back = c.W.transpose(2, 3).contiguous()
    d_Ss: List[Tensor] = []
    d_values: List[Tensor] = []
    d_S = torch.zeros_like(states[0])
    for j in range(n):
        i = n - 1 - j
        d_Ss.append(d_S)
        d_value = torch.baddbmm(d_own[i], written[i], d_S)
        d_values.append(d_value)
        d_S = torch.baddbmm(torch.addcmul(read[i], d_S, c.c[i]), back[i], d_value, alpha=-1)
    d_after = torch.stack(d_Ss).flip([0])
    d_U = torch.stack(d_values).flip([0])
    d_W = d_U.matmul(S.transpose(2, 3)).neg_()
    # what came of (1 + A) X = Y has d_Y = (1 + A)^-T d_X and d_A = -d_Y X^T
    d_both = ops.aten.linalg_solve_triangular(
        c.A.transpose(2, 3), torch.cat([d_U, d_W], 3), upper=True, left=True, unitriangular=True
    )
    d_bv, d_bk = d_both.split_with_sizes([x.v.size(3), x.k.size(3)], 3)
    d_A = d_both.matmul(torch.cat([c.U, c.W], 3).transpose(2, 3)).neg_().tril(-1)
    d_P = d_o.matmul(values.transpose(2, 3))
    by_A = d_A * c.D
    kk = x.k.matmul(x.k.transpose(2, 3))
    bv, bk = (d_bv * x.v).sum([3], True), (d_bk * x.k).sum([3], True)
    d_b = (by_A * kk).sum([3], True) + bv + bk * c.e
    by_k, by_q = by_A * x.b, d_P * c.D
    d_eq = d_o.matmul(S.transpose(2, 3))
    d_fk = values.matmul(d_after.transpose(2, 3))
    d_q = by_q.matmul(x.k) + d_eq * c.e
    d_k = (by_k + by_k.transpose(2, 3)).matmul(x.k) + by_q.transpose(2, 3).matmul(x.q) + d_bk * (x.b * c.e) + d_fk * c.f
    # by G: in D = e^(G_i - G_j), e, f and c
    by_D = d_P * c.P + d_A * c.A
    by_e = (bk * x.b + (d_eq * x.q).sum([3], True)) * c.e
    by_f = (d_fk * x.k).sum([3], True) * c.f
    d_G = by_D.sum([3], True) - by_D.sum([2], True).transpose(2, 3) + by_e - by_f
    d_last = by_f.sum([2], True) + (d_after * S).sum([2, 3], True) * c.c
    d_G[:, :, -1:].add_(d_last)
    return d_q, d_k, d_bv * x.b, d_b, d_G.flip([2]).cumsum(2).flip([2])


# ---- The layer's part between its two products. y [N, ...] is what the first gave; batch says how many documents of
# one length there are, or 0. Returns the heads' outputs [N, value heads, value_dim] in y's type.
def delta_rule(y: Tensor, starts: Tensor, batch: int, delta: Delta) -> Tensor:
    n = y.size(0)
    mixed, order, sequences = apart_mixed(y, delta), order_of(starts, n), sequences_of(n, batch, delta.chunk)
    nothing = mixed.qkv.new_zeros([delta.conv.size(1) - 1, delta.conv.size(0)])
    x = given(convolved(mixed.qkv, nothing, delta.conv, order), mixed, delta, order, sequences)
    c = chunks_of(x)
    states, values = states_of(
        x, c, torch.zeros([x.k.size(1), x.k.size(3), x.v.size(3)], dtype=FLOAT32, device=y.device)
    )
    return from_chunks(outputs_of(x, c, states, values), sequences, n // sequences).to(y.dtype)


# What the second product is given, [N, value heads * value_dim]: w norm(o) silu(z).
def delta_gated(o: Tensor, y: Tensor, delta: Delta, eps: float) -> Tensor:
    h, _t = rms_norm(o, delta.norm, eps)
    z = apart_mixed(y, delta).z.to(FLOAT32)
    return (h * ops.aten.silu(z)).to(y.dtype).flatten(1, 2)


# d_y [N, ...] like y, from d_a [N, value heads * value_dim], the derivative by what the second product is given, and
# the heads' outputs o [N, value heads, value_dim].
def d_delta(d_a: Tensor, o: Tensor, y: Tensor, starts: Tensor, batch: int, delta: Delta, eps: float) -> Tensor:
    n, heads = y.size(0), delta.dt.size(0)
    mixed, order, sequences = apart_mixed(y, delta), order_of(starts, n), sequences_of(n, batch, delta.chunk)
    # the gated norm
    h, t = rms_norm(o, delta.norm, eps)
    z = mixed.z.to(FLOAT32)
    d_gated = d_a.unflatten(1, [heads, -1]).to(FLOAT32)
    d_z = ops.aten.silu_backward(d_gated * h, z).to(y.dtype)
    d_o = d_rms_norm((d_gated * ops.aten.silu(z)).to(y.dtype), o, t, delta.norm)
    # the rule, whose forward is computed once more
    nothing = mixed.qkv.new_zeros([delta.conv.size(1) - 1, delta.conv.size(0)])
    u = convolved(mixed.qkv, nothing, delta.conv, order)
    x = given(u, mixed, delta, order, sequences)
    c = chunks_of(x)
    states, values = states_of(
        x, c, torch.zeros([x.k.size(1), x.k.size(3), x.v.size(3)], dtype=FLOAT32, device=y.device)
    )
    d_q, d_k, d_v, d_b, d_g = d_rule(in_chunks(d_o.to(FLOAT32), sequences, delta.chunk), x, c, states, values)
    length = n // sequences
    # what it was given
    times = heads // delta.key_heads
    parts = ops.aten.silu(u).to(y.dtype).to(FLOAT32)[:, 0 : 2 * delta.key_heads * delta.key_dim]
    qk = parts.unflatten(1, [2, delta.key_heads, -1])
    unit, r = normalized(qk)
    d_q = from_chunks(d_q, sequences, length).unflatten(1, [-1, times]).sum([2]) * delta.key_dim**-0.5
    d_k = from_chunks(d_k, sequences, length).unflatten(1, [-1, times]).sum([2])
    d_qk = d_normalized(torch.stack([d_q, d_k], 1), unit, r).flatten(1)
    d_x = torch.cat([d_qk, from_chunks(d_v, sequences, length).flatten(1)], 1)
    d_qkv = d_convolved(ops.aten.silu_backward(d_x, u), delta.conv, order)
    s = mixed.b.sigmoid().to(FLOAT32)
    d_b = from_chunks(d_b, sequences, length).squeeze(2) * s * (1 - s)
    slope = (mixed.a.to(FLOAT32) + delta.dt.to(FLOAT32)).sigmoid() * delta.A.to(FLOAT32).exp().neg()
    d_a = from_chunks(d_g, sequences, length).squeeze(2) * slope
    return torch.cat([d_qkv.to(y.dtype), d_z.flatten(1, 2), d_b.to(y.dtype), d_a.to(y.dtype)], 1)


# ---- Behind others, of which the convolution's last inputs [kernel - 1, channels] and the state
# [value heads, key_dim, value_dim] are kept; both are those behind the new tokens then. The first token of y [T, ...]
# stands at position p.
def next_delta(y: Tensor, p: int, delta: Delta, inputs: Tensor, state: Tensor) -> Tensor:
    T = y.size(0)
    mixed = apart_mixed(y, delta)
    place = torch.arange(p, p + T, dtype=INT64, device=y.device)
    # at the beginning what is kept is another text's, which is a document before this one
    order = Order(torch.full_like(place, 1 if p == 0 else 0), place)
    u = convolved(mixed.qkv, inputs, delta.conv, order)
    kept = torch.cat([inputs, mixed.qkv], 0)
    inputs.copy_(kept[kept.size(0) - inputs.size(0) :])
    if T > 1:
        x = given(u, mixed, delta, order, 1)
        c = chunks_of(x)
        states, values = states_of(x, c, state)
        state.copy_(states[-1])
        return from_chunks(outputs_of(x, c, states, values), 1, T).to(y.dtype)
    one = Delta(delta.conv, delta.dt, delta.A, delta.norm, delta.key_heads, delta.key_dim, 1)
    x = given(u, mixed, one, order, 1)
    S = state * (x.g[0].exp() * x.carried[0])
    value = (x.v[0] - x.k[0].matmul(S)) * x.b[0]
    state.copy_(torch.baddbmm(S, x.k[0].transpose(1, 2), value))
    return x.q[0].matmul(state).transpose(0, 1).to(y.dtype)
