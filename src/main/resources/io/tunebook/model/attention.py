# Rotary positions and attention: causal, within each document and a window, grouped heads; forward and backward. q, k, v are
# [N, heads, head_dim] with N = batch * length. Knows nothing of projections.
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, ops

from .dtypes import BOOL, FLOAT32, INT32, INT64


# Cosines and sines of a batch's tokens.
class Rotation(NamedTuple):
    cos: Tensor  # [N, 1, rotated width]
    sin: Tensor  # the same, with the minus in its first half


# Where the tokens of a batch stand.
class Places(NamedTuple):
    rotations: List[Rotation]  # by each of the model's rotary tables
    mask: Tensor  # [B, 1, T, T], added to the scores, on a CPU; empty where each row is one document
    windowed: Tensor  # the same for the layers with a sliding window; empty where none is shorter than the documents
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


# The rotations of positions [N] by each table [2, positions, rotated width].
def angles(rotary: List[Tensor], positions: Tensor, like: Tensor) -> List[Rotation]:
    rotations: List[Rotation] = []
    for table in rotary:
        cos, sin = table.index_select(1, positions.flatten()).unsqueeze(2).to(like.dtype).unbind()
        rotations.append(Rotation(cos, sin))
    return rotations


# x [N, heads, head_dim], whose first dimensions are rotated: as many as the table has. number is the table's; -1: no
# rotation. overwrite allows the result to take the place of x.
def rotated(x: Tensor, rotations: List[Rotation], number: int, overwrite: bool) -> Tensor:
    if number < 0:
        return x
    cos, sin = rotations[number]
    width = cos.size(2)
    if width == x.size(2):
        return rope(x, cos, sin, overwrite)
    turned = rope(x[:, :, 0:width].contiguous(), cos, sin, False)
    return torch.cat([turned, x[:, :, width:]], 2)


# Its derivative, for q and k; what came for v stands beside them: [N, heads + 2 * kv heads, head_dim].
def d_rotated(d_q: Tensor, d_k: Tensor, d_v: Tensor, rotations: List[Rotation], number: int) -> Tensor:
    if number < 0:
        return torch.cat([d_q, d_k, d_v], 1)
    cos, sin = rotations[number]
    width = cos.size(2)
    if width == d_q.size(2):
        return d_rope(d_q, d_k, d_v, cos, sin)
    d_qk = torch.cat([d_q, d_k], 1)
    turned = rope(d_qk[:, :, 0:width].contiguous(), cos, sin.neg(), False)
    return torch.cat([torch.cat([turned, d_qk[:, :, width:]], 2), d_v], 1)


# The scores' mask for packed documents [B, T]: 0 where query and key are of one document and the key is not later, else
# -inf; [B, 1, T, T]. Empty if each row is one document; on a GPU, where kernels know documents by their starts, just not
# empty.
def document_mask(documents: Tensor, like: Tensor) -> Tensor:
    if documents.numel() == 0 or documents.is_cuda:
        return documents
    return window_mask(documents, documents.size(1), documents.size(1), like)


# The same where a query sees the last `window` keys alone, itself among them; T is the length of a row. Documents may be
# empty: each row is one.
def window_mask(documents: Tensor, T: int, window: int, like: Tensor) -> Tensor:
    seen = window_of(T, T, window, like)
    if documents.numel() == 0:
        return like.new_zeros([1, 1, T, T]).masked_fill(seen.bitwise_not(), float("-inf"))
    same = documents.unsqueeze(2) == documents.unsqueeze(1)
    zero = like.new_zeros([documents.size(0), 1, T, T])
    return zero.masked_fill((same & seen).bitwise_not().unsqueeze(1), float("-inf"))


# Whether each of T queries at the end of n keys sees a key, bool [T, n].
def window_of(T: int, n: int, window: int, like: Tensor) -> Tensor:
    past = torch.ones([T, n], dtype=BOOL, device=like.device).tril(n - T)
    return past if window >= n else past.triu(n - T - window + 1)


# [N, heads, head_dim] as [B, heads, T, head_dim], each head so many times.
def by_head(x: Tensor, batch: int, times: int) -> Tensor:
    y = x.unflatten(0, [batch, -1]).transpose(1, 2)
    return y.repeat_interleave(times, 1) if times > 1 else y


# [B, heads, T, head_dim] as [N, heads, head_dim].
def by_token(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(0, 1)


# The window that counts for a batch: 0 where every document fits into it.
def effective(window: int, at: Places) -> int:
    return window if window < at.longest else 0


# Whether cuDNN's attention takes a layer of this window: whole rows of documents, all keys seen.
def for_cudnn(at: Places, window: int) -> bool:
    return at.cudnn and at.mask.numel() == 0 and effective(window, at) == 0


# What a CPU adds to the scores of a layer of this window; none where it is causal alone.
def mask_of(at: Places, window: int) -> Optional[Tensor]:
    mask = at.windowed if effective(window, at) > 0 else at.mask
    return mask if mask.numel() > 0 else None


# softmax(scale q k^T) v: [N, heads, head_dim], where a query sees the last `window` keys of its document, itself among
# them; window 0: all. Whole rows of documents go to cuDNN on GPUs where it is the fastest. Else the flash kernel takes the
# documents' starts on a GPU; on a CPU windows, and documents other than whole rows, need the mask.
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
            window_size_left=effective(window, at) - 1,
        )
        return o, Softmax(lse, none, none, none, none)
    groups = q.size(1) // k.size(1)
    q1, k1, v1 = by_head(q, at.batch, 1), by_head(k, at.batch, groups), by_head(v, at.batch, groups)
    mask = mask_of(at, window)
    o, lse = ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q1, k1, v1, 0.0, mask is None, attn_mask=mask, scale=scale
    )
    return by_token(o), Softmax(lse, none, none, none, none)


# The kernels' own backwards; on the CPU the gradients of a group's copies of k and v are added up here.
def d_attention(
    d_o: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    o: Tensor,
    softmax: Softmax,
    at: Places,
    window: int,
    scale: float,
) -> Tuple[Tensor, Tensor, Tensor]:
    if for_cudnn(at, window):
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
            scale=scale,
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
            scale=scale,
            window_size_left=effective(window, at) - 1,
        )
        return d_q, d_k, d_v
    groups = q.size(1) // k.size(1)
    q1, k1, v1 = by_head(q, at.batch, 1), by_head(k, at.batch, groups), by_head(v, at.batch, groups)
    mask = mask_of(at, window)
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
        scale=scale,
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
        at = Places([], none, none, starts, 128, 2, cudnn)
        o, softmax = attention(q, k, v, at, 0, head_dim**-0.5)
        d_q, d_k, d_v = d_attention(d_o, q, k, v, o, softmax, at, 0, head_dim**-0.5)
        found.append([o, d_q, d_k, d_v])
    worst = torch.zeros([1], dtype=FLOAT32, device=like.device)
    for flash, other in zip(found[0], found[1]):
        difference = (flash.to(FLOAT32) - other.to(FLOAT32)).abs().max() / flash.to(FLOAT32).abs().max()
        worst = torch.maximum(worst, difference)
    return worst
