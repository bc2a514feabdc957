# On a GPU these functions take the places of those of the same names in norm.py, rotary.py, attention.py, mlp.py,
# loss.py, router.py, experts.py and quantized.py, which say the same in PyTorch's operators and explain it. Each is one
# kernel of kernels.cu; the last two arguments of a kernel are its blocks and the threads in each.
from typing import Optional, Tuple

import torch
from torch import Tensor, ops

from .blocks import by_operators, expand_by_operators
from .dtypes import FLOAT8, FLOAT32
from .quantized import expand_mx
from .router import Tiles


# The threads for a row of so many elements, eight each
def threads(width: int) -> int:
    return (width + 255) // 256 * 32


# The kernels of norms take x [N, width], or [N, heads, width] whose heads lie one behind the other.
def with_heads_together(x: Tensor) -> Tensor:
    if x.dim() < 3 or (x.stride(1) == x.size(2) and x.stride(2) == 1):
        return x
    return x.contiguous()


def rms_norm(x: Tensor, w: Tensor, eps: float) -> Tuple[Tensor, Tensor]:
    x = with_heads_together(x)
    width = x.size(-1)
    rows = x.numel() // width
    h = x.new_empty(x.size())
    t = torch.empty([rows], dtype=FLOAT32, device=x.device)
    ops.tunebook.rms_norm(x, w, h, t, rows // x.size(0), x.stride(0), width, eps, rows, threads(width))
    return h, t


def d_rms_norm(d_y: Tensor, x: Tensor, t: Tensor, w: Tensor, onto: Optional[Tensor] = None) -> Tensor:
    x = with_heads_together(x)
    width = x.size(-1)
    rows = x.numel() // width
    d_x = x.new_empty(x.size())
    more = onto.contiguous() if onto is not None else x.new_empty([0])
    ops.tunebook.d_rms_norm(
        d_y.contiguous(), x, t, w, more, d_x, rows // x.size(0), x.stride(0), width, rows, threads(width)
    )
    return d_x


def add_norm(x: Tensor, y: Tensor, w: Tensor, eps: float, w1: Optional[Tensor] = None) -> Tuple[Tensor, Tensor, Tensor]:
    rows, width = x.size()
    x1 = x.new_empty([rows, width])
    none = x.new_empty([0])
    h, t, follows = none, none, none
    if w1 is not None:
        h, t, follows = torch.empty_like(x1), torch.empty([rows], dtype=FLOAT32, device=x.device), w1
    ops.tunebook.add_norm(x.contiguous(), y.contiguous(), w, follows, x1, h, t, width, eps, rows, threads(width))
    return x1, h if w1 is not None else x1, t


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
    d_out, y = d_out.contiguous(), y.contiguous()
    rows, width = y.size()
    none = y.new_empty([0])
    d_x1, d_y = d_out, y.new_empty([rows, width])
    from_h, inner, factor, follows = none, none, none, none
    if d_h is not None:
        from_h, d_x1 = d_h.contiguous(), y.new_empty([rows, width])
        if w1 is not None and x1 is not None and t is not None:
            inner, factor, follows = x1.contiguous(), t, w1
    ops.tunebook.d_add_norm(d_out, y, w, from_h, inner, factor, follows, d_x1, d_y, width, eps, rows, threads(width))
    return d_x1, d_y


def rope(x: Tensor, cos: Tensor, sin: Tensor, overwrite: bool) -> Tensor:
    y = x
    if not overwrite:
        y = x.new_empty(x.size())
    ops.tunebook.rope(x, y, cos, sin, x.size(1), x.size(2), x.stride(0), y.stride(0), x.size(0), 128)
    return y


def d_rope(d_q: Tensor, d_k: Tensor, d_v: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    rows, heads, width = d_q.size(0), d_q.size(1), d_q.size(2)
    kv = d_k.size(1)
    d_qkv = d_q.new_empty([rows, heads + 2 * kv, width])
    ops.tunebook.d_rope(
        d_q.contiguous(), d_k.contiguous(), d_v.contiguous(), cos, sin, d_qkv, heads, kv, width, rows, 128
    )
    return d_qkv


# Eight threads for 128 values of a head; see kernels.cu
def threads_of_heads(heads: int, width: int) -> int:
    team = 1
    while team * 16 < width:
        team *= 2
    return min(max((heads * team + 31) // 32, 1), 8) * 32


def norm_rope(qk: Tensor, w_q: Tensor, w_k: Tensor, cos: Tensor, sin: Tensor, heads: int, eps: float) -> Tensor:
    x = with_heads_together(qk)
    y = x.new_empty(x.size())
    n, width = x.size(1), x.size(2)
    block = threads_of_heads(n, width)
    ops.tunebook.norm_rope(x, w_q, w_k, cos, sin, y, heads, n - heads, width, x.stride(0), eps, x.size(0), block)
    return y


def d_norm_rope(
    d_q: Tensor, d_k: Tensor, d_v: Tensor, qk: Tensor, w_q: Tensor, w_k: Tensor, cos: Tensor, sin: Tensor, eps: float
) -> Tensor:
    x = with_heads_together(qk)
    heads, kv, width = d_q.size(1), d_k.size(1), x.size(2)
    d_qkv = x.new_empty([x.size(0), heads + 2 * kv, width])
    ops.tunebook.d_norm_rope(
        d_q.contiguous(),
        d_k.contiguous(),
        d_v.contiguous(),
        x,
        w_q,
        w_k,
        cos,
        sin,
        d_qkv,
        heads,
        kv,
        width,
        x.stride(0),
        eps,
        x.size(0),
        threads_of_heads(heads + kv, width),
    )
    return d_qkv


def turn_deterministic(x: Tensor, on: bool) -> None:
    ops.tunebook.deterministic(x, int(on))


def glu(g: Tensor, u: Tensor, gelu: bool) -> Tensor:
    m = torch.empty_like(g)
    vectors = g.numel() // 8
    ops.tunebook.swiglu(g, u, m, vectors, int(gelu), (vectors + 255) // 256, 256)
    return m


def swiglu(g: Tensor, u: Tensor) -> Tensor:
    return glu(g, u, False)


def geglu(g: Tensor, u: Tensor) -> Tensor:
    return glu(g, u, True)


def d_glu(d_m: Tensor, g: Tensor, u: Tensor, gelu: bool, overwrite: bool) -> Tuple[Tensor, Tensor, Tensor]:
    vectors = g.numel() // 8
    d_g, d_u, m = g, u, d_m
    if not overwrite:
        d_g, d_u = torch.empty_like(g), torch.empty_like(u)
    ops.tunebook.d_swiglu(d_m, g, u, d_g, d_u, m, vectors, int(gelu), (vectors + 255) // 256, 256)
    return d_g, d_u, m


def d_swiglu(d_m: Tensor, g: Tensor, u: Tensor, overwrite: bool) -> Tuple[Tensor, Tensor, Tensor]:
    return d_glu(d_m, g, u, False, overwrite)


def d_geglu(d_m: Tensor, g: Tensor, u: Tensor, overwrite: bool) -> Tuple[Tensor, Tensor, Tensor]:
    return d_glu(d_m, g, u, True, overwrite)


# The next two pass over tiles of 64 rows and 128 columns and leave parts of what is a sum of several tiles. The
# launcher takes at most as many blocks as there are multiprocessors, and 160 of them.
def tiles(rows: int, inner: int) -> int:
    return (rows + 63) // 64 * ((inner + 127) // 128)


def sum_parts(parts: Tensor) -> Tensor:
    total = parts.new_empty([parts.size(1), parts.size(2)])
    fours = total.numel() // 4
    ops.tunebook.sum_parts(parts, total, parts.size(0), fours, (fours + 127) // 128, 128)
    return total


def swiglu_lora(
    gu: Tensor, z: Tensor, B_gate: Tensor, B_up: Tensor, A_down: Tensor, s_gate: float, s_up: float, gelu: bool
) -> Tuple[Tensor, Tensor]:
    g, u = gu.chunk(2, 1)
    rows, inner, rank = g.size(0), g.size(1), A_down.size(0)
    m = gu.new_empty([rows, inner])
    parts = gu.new_empty([(inner + 127) // 128, rows, rank])
    blocks = tiles(rows, inner)
    wide = gu.stride(0)
    if gelu:
        ops.tunebook.geglu_lora(
            g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, wide, rank, s_gate, s_up, blocks, 256
        )
    else:
        ops.tunebook.swiglu_lora(
            g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, wide, rank, s_gate, s_up, blocks, 256
        )
    return m, sum_parts(parts)


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
    rows, inner, rank = g.size(0), g.size(1), A_down.size(0)
    strips = (inner + 127) // 128
    parts = gu.new_empty([strips, rows, 2 * rank])
    factors = torch.empty([160 // strips + 2, 3 * inner * rank], dtype=FLOAT32, device=gu.device)
    if gelu:
        ops.tunebook.d_geglu_lora(
            d_m,
            g,
            u,
            z,
            d_z_down,
            B_gate,
            B_up,
            A_down,
            parts,
            factors,
            rows,
            inner,
            gu.stride(0),
            rank,
            s_gate,
            s_up,
            tiles(rows, inner),
            256,
        )
    else:
        ops.tunebook.d_swiglu_lora(
            d_m,
            g,
            u,
            z,
            d_z_down,
            B_gate,
            B_up,
            A_down,
            parts,
            factors,
            rows,
            inner,
            gu.stride(0),
            rank,
            s_gate,
            s_up,
            tiles(rows, inner),
            256,
        )
    # d_B_up and d_A_down lie right behind d_B_gate
    ops.tunebook.sum_factors(factors, d_B_gate, rows, inner, rank, tiles(rows, inner), 256)
    return gu, sum_parts(parts)


def entropy(logits: Tensor, targets: Tensor, backward: bool) -> Tuple[Tensor, Tensor]:
    losses = torch.empty([logits.size(0)], dtype=FLOAT32, device=logits.device)
    ops.tunebook.cross_entropy(logits, targets, losses, logits.size(1), int(backward), logits.size(0), 512)
    return losses.sum([0], True), logits


def has_tiles() -> bool:
    return True


# A block a tile of 64 rows and 128 columns.
def times_tiles(x: Tensor, weight: Tensor, tiles: Tiles, transposed: bool) -> Tensor:
    width = weight.size(2 if transposed else 1)
    y = x.new_empty([x.size(0), width])
    blocks = tiles.expert.size(0) * ((width + 127) // 128)
    ops.tunebook.times_tiles(
        x.contiguous(), weight, tiles.expert, tiles.first, tiles.end, y, x.size(1), width, int(transposed), blocks, 128
    )
    return y


def eight_rows(x: Tensor) -> Tuple[Tensor, Tensor]:
    rows, width = x.size()
    codes = torch.empty([rows, width], dtype=FLOAT8, device=x.device)
    scales = torch.empty([rows, 1], dtype=FLOAT32, device=x.device)
    ops.tunebook.eight_rows(x, codes, scales, x.stride(0), width, rows, min(threads(width), 512))
    return codes, scales


def expand(scales: Tensor, codes: Tensor, kind: int, out: Tensor) -> Tensor:
    if kind == 0:
        return out.copy_(codes)
    if kind == -8:
        return torch.mul(codes.to(FLOAT32), scales, out=out.view(codes.size()))
    if kind == 39 or kind == -39:
        return expand_mx(scales, codes, kind, out)
    if by_operators(kind):
        return expand_by_operators(scales, codes, kind, out)
    vectors = out.numel() // 8
    ops.tunebook.expand(scales, codes, out, kind, vectors, (vectors + 255) // 256, 256)
    return out
