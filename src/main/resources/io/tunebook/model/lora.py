# LoRA's factors and the products with them, forward and backward. A product may have several targets that share their
# input: q, k and v; gate and up. Knows nothing of what the targets are for.
from typing import List, NamedTuple, Optional

import torch
from torch import Tensor, ops

from .dtypes import FLOAT32
from .quantized import Linear, dense, times, times_stored, times_transposed


# The factors of one product's targets (Hu et al., 2021): y_i = x W_i^T + s_i z_i B_i^T with z_i = x A_i^T. A target of
# rank 0 is not adapted; a product without B has no factors at all. The derivatives by the factors have this form too.
class Lora(NamedTuple):
    A: Tensor  # [sum of ranks, in]
    B: List[Tensor]  # [out, rank] of each target
    ranks: List[int]
    scales: List[float]  # alpha / rank, or what else B A is multiplied with
    magnitude: Optional[Tensor]  # DoRA's (Liu et al., 2024), [sum of the adapted targets' widths]
    c: Optional[Tensor]  # DoRA's magnitude / |W + s B A|, [sum of widths]; 1 for a target of rank 0


# The factors of a product's targets one by one: A [rank, in], B [width, rank] and c [width] of each.
def loras_of(lora: Lora, widths: List[int]) -> List[Lora]:
    alone: List[Lora] = []
    if len(lora.B) == 0:
        for _width in widths:
            alone.append(lora)
        return alone
    cs: List[Tensor] = []
    c = lora.c
    if c is not None:
        cs = c.split_with_sizes(widths)
    for i, A in enumerate(lora.A.split_with_sizes(lora.ranks)):
        c_i = cs[i] if len(cs) > 0 else None
        alone.append(Lora(A, [lora.B[i]], [lora.ranks[i]], [lora.scales[i]], None, c_i))
    return alone


# z = x A^T for all targets side by side, from x [N, in]: [N, sum of ranks], or [0] where a product has no factors. With
# dropout each target has a mask [N, in], which has 0 for what is dropped and 1 / (1 - p) for what is kept.
def inputs(x: Tensor, lora: Lora, masks: List[Tensor]) -> Tensor:
    if len(lora.B) == 0:
        return x.new_empty([0])
    if len(masks) == 0:
        return x.mm(lora.A.t())
    zs: List[Tensor] = []
    for A, mask in zip(lora.A.split_with_sizes(lora.ranks), masks):
        zs.append((x * mask).mm(A.t()))
    return torch.cat(zs, 1)


# onto + y for x [N, in] and z [N, sum of ranks]: [N, sum of widths]; onto is a bias [sum of widths], a residual
# [N, sum of widths] or nothing. DoRA: y = c * (x W^T + s z B^T), where the denominator in c counts as a constant; onto
# is then a bias or nothing.
def linear(x: Tensor, W: Linear, onto: Optional[Tensor], z: Tensor, lora: Lora) -> Tensor:
    c = lora.c
    alone = len(lora.B) == 1 and lora.ranks[0] > 0 and onto is None and len(W.parts) == 0
    if len(W.parts) > 0:
        y = times(x, W) if W.eight is not None else times_stored(x, W.parts)
        if c is None and onto is not None:
            y.add_(onto)
    elif alone:
        # the small product first: adding to it costs the large one less than the other way round
        y = x.new_empty([x.size(0), W.widths[0]])
        y.addmm_(z, lora.B[0].t(), beta=0, alpha=lora.scales[0]).addmm_(x, W.weight.t())
    elif c is not None or onto is None:
        y = x.mm(W.weight.t())
    else:
        y = torch.addmm(onto, x, W.weight.t())
    if len(lora.B) > 0 and not alone:
        zs = z.split_with_sizes(lora.ranks, 1)
        ys = y.split_with_sizes(W.widths, 1)
        for i, B in enumerate(lora.B):
            if lora.ranks[i] > 0:
                ys[i].addmm_(zs[i], B.t(), alpha=lora.scales[i])
    if c is not None:
        y.mul_(c)
        if onto is not None:
            y.add_(onto)
    return y


# The derivatives of such a product; ys are the targets' d_y, [N, width] each, with DoRA c * d_y:
#   d_z_i = s_i d_y_i B_i   d_B_i = s_i d_y_i^T z_i   d_A = d_z^T x   d_x = d_y W + d_z A
# One by one, since x may be known only behind d_x (the MLP's inner activation is computed again). First d_z
# [N, sum of ranks], from z of the same shape; d_B [width, rank] of each target is left in G.
def d_z(ys: List[Tensor], z: Tensor, lora: Lora, G: Lora) -> Tensor:
    d = torch.empty_like(z)
    ds = d.split_with_sizes(lora.ranks, 1)
    zs = z.split_with_sizes(lora.ranks, 1)
    for i, B in enumerate(lora.B):
        if lora.ranks[i] > 0:
            ds[i].addmm_(ys[i], B, beta=0, alpha=lora.scales[i])
            G.B[i].addmm_(ys[i].t(), zs[i], beta=0, alpha=lora.scales[i])
    return d


# d_x = d_y W + d_z A, [N, in], from d_y [N, width] of each target and d_z [N, sum of ranks]; W is not in blocks. ys may
# be several targets in one where they lie side by side. With dropout's masks [N, in]: d_y W + sum of mask_i (d_z_i
# A_i).
def d_x(ys: List[Tensor], W: Linear, d_z: Tensor, lora: Lora, masks: List[Tensor]) -> Tensor:
    at = ys[0].size(1)
    early = len(masks) == 0 and d_z.numel() > 0
    if W.eight is not None:
        d = times_transposed(ys[0] if len(ys) == 1 else torch.cat(ys, 1), W)
        if early:
            d.addmm_(d_z, lora.A)
    else:
        if early:
            d = d_z.mm(lora.A).addmm_(ys[0], W.weight[0:at])
        else:
            d = ys[0].mm(W.weight[0:at])
        for d_y in ys[1:]:
            end = at + d_y.size(1)
            d.addmm_(d_y, W.weight[at:end])
            at = end
    if len(masks) > 0:
        ds = d_z.split_with_sizes(lora.ranks, 1)
        As = lora.A.split_with_sizes(lora.ranks)
        for i, mask in enumerate(masks):
            if lora.ranks[i] > 0:
                d.add_(ds[i].mm(As[i]) * mask)
    return d


# d_A = d_z^T x, [sum of ranks, in], left in G, from d_z [N, sum of ranks] and x [N, in]. With dropout's masks [N, in],
# target by target: d_A_i = d_z_i^T (mask_i x).
def d_A(d_z: Tensor, x: Tensor, lora: Lora, masks: List[Tensor], G: Lora) -> None:
    if len(masks) == 0:
        if d_z.numel() > 0:
            G.A.addmm_(d_z.t(), x, beta=0)
    else:
        gs = G.A.split_with_sizes(lora.ranks)
        ds = d_z.split_with_sizes(lora.ranks, 1)
        for i, mask in enumerate(masks):
            if lora.ranks[i] > 0:
                gs[i].addmm_(ds[i].t(), x * mask, beta=0)


# DoRA's two derivatives, from d_y and y [N, sum of widths] and the bias [sum of widths]: d_magnitude
# [sum of the adapted targets' widths], left in G, and c * d_y [N, sum of widths], returned. y = c u + bias, so
# d_magnitude = sum(d_y u) / |W + s B A| = sum(d_y (y - bias)) / magnitude, with sums over the N rows. Targets of rank 0
# have no magnitude.
def d_magnitude(d_y: Tensor, y: Tensor, bias: Optional[Tensor], lora: Lora, widths: List[int], G: Lora) -> Tensor:
    c, magnitude, d = lora.c, lora.magnitude, G.magnitude
    if c is None or magnitude is None or d is None:
        return d_y
    u = y
    if bias is not None:
        u = y - bias
    parts: List[Tensor] = []
    for i, sums in enumerate((d_y * u).to(FLOAT32).sum([0]).split_with_sizes(widths)):
        if lora.ranks[i] > 0:
            parts.append(sums)
    d.copy_(torch.cat(parts, 0) / magnitude.to(FLOAT32))
    return d_y * c


# DoRA's c = magnitude / |W + s B A|, row by row: [sum of widths].
def dora_scale(W: Linear, lora: Lora) -> Optional[Tensor]:
    magnitude = lora.magnitude
    if magnitude is None:
        return None
    As = lora.A.split_with_sizes(lora.ranks)
    Ws = dense(W, lora.A, None).split_with_sizes(W.widths)
    at = 0
    parts: List[Tensor] = []
    for i, B in enumerate(lora.B):
        if lora.ranks[i] > 0:
            m = magnitude[at : at + W.widths[i]]
            at += W.widths[i]
            norm = row_norms(Ws[i] + B.mm(As[i]) * lora.scales[i])
            parts.append(m / norm.to(m.dtype))
        else:
            parts.append(magnitude.new_ones([W.widths[i]]))
    return torch.cat(parts, 0)


# The norms of a weight's rows, float32 [rows]: what DoRA's magnitudes start from.
def row_norms(W: Tensor) -> Tensor:
    return ops.aten.linalg_vector_norm(W.to(FLOAT32), 2, [1])


# y + s B A x for one vector x [in] and y = W x [sum of widths], in place; then DoRA's factor.
def vector_lora_(y: Tensor, x: Tensor, lora: Lora, widths: List[int]) -> Tensor:
    if len(lora.B) > 0:
        zs = lora.A.mv(x).split_with_sizes(lora.ranks)
        ys = y.split_with_sizes(widths)
        for i, B in enumerate(lora.B):
            if lora.ranks[i] > 0:
                ys[i].addmv_(B, zs[i], alpha=lora.scales[i])
    c = lora.c
    if c is not None:
        y.mul_(c)
    return y


# W + sign * s B A, [width, in], in place and target by target; sign -1 takes it out again, up to rounding.
def merge_(W: Linear, lora: Lora, sign: float) -> None:
    As = lora.A.split_with_sizes(lora.ranks)
    if len(W.parts) > 0:
        targets = [part.codes for part in W.parts]
    else:
        targets = W.weight.split_with_sizes(W.widths)
    for i, B in enumerate(lora.B):
        if lora.ranks[i] > 0:
            merged = torch.addmm(targets[i].to(B.dtype), B, As[i], alpha=sign * lora.scales[i])
            targets[i].copy_(merged)


# The sizes of one product's factors A, B of each target, in elements. Magnitudes come behind all products' factors.
def factor_sizes(W: Linear, ranks: List[int]) -> List[int]:
    sizes = [0]
    for rank, width in zip(ranks, W.widths):
        sizes[0] += rank * W.columns
        sizes.append(rank * width)
    return sizes


# The sum of the adapted targets' widths: so many magnitudes DoRA has.
def adapted_width(W: Linear, ranks: List[int]) -> int:
    n = 0
    for rank, width in zip(ranks, W.widths):
        if rank > 0:
            n += width
    return n


# One product's factors, as views of their pieces in the flat array: A [sum of ranks * in], B [width * rank] of each
# target, and the magnitudes [sum of the adapted targets' widths], or none of them [0].
def shaped(W: Linear, pieces: List[Tensor], magnitude: Tensor, ranks: List[int], scales: List[float]) -> Lora:
    B: List[Tensor] = []
    for piece, rank, width in zip(pieces[1:], ranks, W.widths):
        B.append(piece.view([width, rank]))
    m: Optional[Tensor] = None
    if magnitude.numel() > 0:
        m = magnitude
    return Lora(pieces[0].view([pieces[0].numel() // W.columns, W.columns]), B, ranks, scales, m, None)
