# A mixture of experts in the place of an MLP (Shazeer et al., 2017): a router chooses some of many small MLPs for each
# token, and their outputs are added, each times its weight. Forward and backward. Rows are sorted by expert, so that
# each expert is one product. Experts may have LoRA's factors. Knows nothing of layers.
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from .dtypes import FLOAT32
from .lora import Lora
from .mlp import clamped_swiglu, d_clamped_swiglu, d_swiglu, swiglu
from .quantized import Linear, Matrix, dense, times_stored
from .router import Group, Router, Routes, Tiles, d_routes, from_slots, has_tiles, in_slots, of_group, of_tokens, pads
from .router import routes_of, to_pairs


class Experts(NamedTuple):
    router: Router
    gate_up: Linear  # gate and up of the first expert, then of the next: [experts * 2 * inner, width]
    down: Linear  # [experts * width, inner]
    alpha: float  # of the clamped SwiGLU
    limit: float  # 0: SwiGLU as it is
    turns: bool  # whether a row of gate and one of up take turns in LoRA's B
    shared: Optional[Tensor]  # [1, width], the gate of an expert that all tokens have; None: there is no such expert


# What the backward needs of the forward.
class SavedExperts(NamedTuple):
    routes: Routes
    gate: Tensor  # of each pair, [N * chosen, inner]
    up: Tensor
    z_gate_up: Tensor  # LoRA's x A^T of each pair, [N * chosen, rank]
    z_down: Tensor


# LoRA's factors of one product, expert by expert, or their gradients.
class ExpertLora(NamedTuple):
    A: Tensor  # [experts, rank, in]
    B: Tensor  # [experts, out, rank]
    rank: int  # 0: no factors
    scale: float


# The factors as PEFT has them for a parameter of all experts: A [experts * rank, in], and B [out, rank * experts],
# where the experts of a place of the rank stand side by side.
def by_expert(lora: Lora, experts: int, turns: bool) -> ExpertLora:
    if len(lora.B) == 0 or lora.ranks[0] == 0:
        return ExpertLora(lora.A, lora.A, 0, 0.0)
    rank = lora.ranks[0] // experts
    B = lora.B[0].view([-1, rank, experts]).permute([2, 0, 1])
    if turns:
        B = B.unflatten(1, [-1, 2]).transpose(1, 2).flatten(1, 2)
    return ExpertLora(lora.A.view([experts, rank, -1]), B.contiguous(), rank, lora.scales[0])


# Room for gradients; an expert without tokens gets zeros.
def zeros_by_expert(lora: ExpertLora) -> ExpertLora:
    return ExpertLora(torch.zeros_like(lora.A), torch.zeros_like(lora.B), lora.rank, lora.scale)


# Leaves gradients where PEFT's form has them.
def leave(found: ExpertLora, turns: bool, G: Lora) -> None:
    if found.rank > 0:
        experts = found.A.size(0)
        B = found.B
        if turns:
            B = B.unflatten(1, [2, -1]).transpose(1, 2).flatten(1, 2)
        G.A.view([experts, found.rank, -1]).copy_(found.A)
        G.B[0].view([-1, found.rank, experts]).copy_(B.permute([1, 2, 0]))


# The blocks of all experts below one another, so that a GPU expands them in one kernel.
def joined_blocks(W: Linear) -> Linear:
    if len(W.parts) < 2 or W.parts[0].kind == 0:
        return W
    scales: List[Tensor] = []
    codes: List[Tensor] = []
    kind, rows = W.parts[0].kind, 0
    for part in W.parts:
        if part.kind != kind:
            return W
        scales.append(part.scales)
        codes.append(part.codes)
        rows += part.rows
    whole = Matrix(torch.cat(scales, 0), torch.cat(codes, 0), kind, rows)
    return Linear(W.weight, [whole], [rows], W.columns, W.bias, None)


# The rows of each expert.
def rows_of_expert(W: Linear, experts: int) -> int:
    rows = 0
    for width in W.widths:
        rows += width
    return rows // experts


# The weight of one expert, [rows, columns], in the type of like.
def expert_weight(W: Linear, expert: int, experts: int, like: Tensor) -> Tensor:
    per = len(W.widths) // experts
    if len(W.parts) > 0:
        parts, widths = W.parts[expert * per : (expert + 1) * per], W.widths[expert * per : (expert + 1) * per]
        return dense(Linear(W.weight, parts, widths, W.columns, None, None), like, None)
    rows = W.weight.size(0) // experts
    return W.weight[expert * rows : (expert + 1) * rows]


# y [N * chosen, rows] and z [N * chosen, rank] of times_experts, a product a group.
def times_groups(x: Tensor, W: Linear, experts: int, groups: List[Group], lora: ExpertLora) -> Tuple[Tensor, Tensor]:
    weight = dense(W, x, None).view([experts, -1, W.columns])
    y = x.new_empty([x.size(0), weight.size(1)])
    z = x.new_empty([x.size(0), lora.rank])
    bias = W.bias
    for group in groups:
        p = in_slots(x, group)
        y_group = p.bmm(of_group(weight, group).transpose(1, 2))
        if bias is not None:
            y_group.add_(of_group(bias.view([experts, 1, -1]), group))
        if lora.rank > 0:
            z_group = p.bmm(of_group(lora.A, group).transpose(1, 2))
            y_group.baddbmm_(z_group, of_group(lora.B, group).transpose(1, 2), alpha=lora.scale)
            from_slots(z_group, group, z)
        from_slots(y_group, group, y)
    return y, z


# d_x [N * chosen, columns] and d_z [N * chosen, rank] of d_times_experts alike: d_z = s d_y B and d_x = d_y W + d_z A.
def d_times_groups(
    d_y: Tensor, W: Linear, experts: int, groups: List[Group], lora: ExpertLora
) -> Tuple[Tensor, Tensor]:
    weight = dense(W, d_y, None).view([experts, -1, W.columns])
    d = d_y.new_empty([d_y.size(0), W.columns])
    d_z = d_y.new_empty([d_y.size(0), lora.rank])
    for group in groups:
        p = in_slots(d_y, group)
        d_group = p.bmm(of_group(weight, group))
        if lora.rank > 0:
            d_z_group = p.bmm(of_group(lora.B, group)) * lora.scale
            d_group.baddbmm_(d_z_group, of_group(lora.A, group))
            from_slots(d_z_group, group, d_z)
        from_slots(d_group, group, d)
    return d, d_z


# x W^T, or with transposed x W, for rows in tiles and weights [experts, rows, columns].
def times_tiles(x: Tensor, weight: Tensor, tiles: Tiles, transposed: bool) -> Tensor:
    y = x.new_empty([x.size(0), weight.size(2 if transposed else 1)])
    experts: List[int] = tiles.expert.tolist()
    firsts: List[int] = tiles.first.tolist()
    ends: List[int] = tiles.end.tolist()
    for expert, first, end in zip(experts, firsts, ends):
        if first < end:
            W = weight[expert]
            y[first:end].addmm_(x[first:end], W if transposed else W.t(), beta=0)
    return y


# The bias of each pair's expert, [N * chosen, rows].
def bias_of_pairs(bias: Tensor, routes: Routes) -> Tensor:
    expert = routes.top.flatten().index_select(0, routes.order)
    return bias.view([routes.p.size(1), -1]).index_select(0, expert)


# y = x W^T + b + s z B^T with z = x A^T, each row with the weight of its expert; rows are sorted as routes says. From x
# [N * chosen, columns] returns y [N * chosen, rows] and z [N * chosen, rank]. On a CPU weights that stay as they are
# stored are expanded a few rows at a time.
def times_experts(x: Tensor, W: Linear, routes: Routes, lora: ExpertLora) -> Tuple[Tensor, Tensor]:
    counts = routes.counts
    tiles = routes.tiles
    bias = W.bias
    if tiles is not None:
        weight = dense(W, x, None).view([routes.p.size(1), -1, W.columns])
        y = times_tiles(x, weight, tiles, False)
        return y if bias is None else y.add_(bias_of_pairs(bias, routes)), x.new_empty([0, 0])
    if pads(x):
        return times_groups(x, W, len(counts), routes.groups, lora)
    per = len(W.widths) // len(counts)
    rows = rows_of_expert(W, len(counts))
    y = x.new_empty([x.size(0), rows])
    z = x.new_empty([x.size(0), lora.rank])
    at = 0
    for expert, n in enumerate(counts):
        end = at + n
        if n > 0:
            if len(W.parts) > 0:
                y[at:end] = times_stored(x[at:end], W.parts[expert * per : (expert + 1) * per])
            else:
                y[at:end].addmm_(x[at:end], expert_weight(W, expert, len(counts), x).t(), beta=0)
            if bias is not None:
                y[at:end].add_(bias[expert * rows : (expert + 1) * rows])
            if lora.rank > 0:
                z[at:end].addmm_(x[at:end], lora.A[expert].t(), beta=0)
                y[at:end].addmm_(z[at:end], lora.B[expert].t(), alpha=lora.scale)
        at = end
    return y, z


# d_z = s d_y B and d_x = d_y W + d_z A. From d_y [N * chosen, rows] returns d_x [N * chosen, columns] and d_z
# [N * chosen, rank].
def d_times_experts(d_y: Tensor, W: Linear, routes: Routes, lora: ExpertLora) -> Tuple[Tensor, Tensor]:
    counts = routes.counts
    tiles = routes.tiles
    if tiles is not None:
        weight = dense(W, d_y, None).view([routes.p.size(1), -1, W.columns])
        return times_tiles(d_y, weight, tiles, True), d_y.new_empty([0, 0])
    if pads(d_y):
        return d_times_groups(d_y, W, len(counts), routes.groups, lora)
    d = d_y.new_empty([d_y.size(0), W.columns])
    d_z = d_y.new_empty([d_y.size(0), lora.rank])
    at = 0
    for expert, n in enumerate(counts):
        end = at + n
        if n > 0:
            d[at:end].addmm_(d_y[at:end], expert_weight(W, expert, len(counts), d_y), beta=0)
            if lora.rank > 0:
                d_z[at:end].addmm_(d_y[at:end], lora.B[expert], beta=0, alpha=lora.scale)
                d[at:end].addmm_(d_z[at:end], lora.A[expert])
        at = end
    return d, d_z


# d_A = d_z^T x [rank, in] and d_B = s d_y^T z [out, rank], expert by expert, left in G; d_y [N * chosen, out], d_z and
# z [N * chosen, rank] and x [N * chosen, in] are rows of pairs.
def d_factors(
    d_y: Tensor, d_z: Tensor, x: Tensor, z: Tensor, routes: Routes, lora: ExpertLora, turns: bool, G: Lora
) -> None:
    if lora.rank > 0:
        found = zeros_by_expert(lora)
        if pads(x):
            for group in routes.groups:
                d_A = in_slots(d_z, group).transpose(1, 2).bmm(in_slots(x, group))
                d_B = in_slots(d_y, group).transpose(1, 2).bmm(in_slots(z, group)) * lora.scale
                found.A.index_copy_(0, group.experts, d_A)
                found.B.index_copy_(0, group.experts, d_B)
            leave(found, turns, G)
            return
        at = 0
        for expert, n in enumerate(routes.counts):
            end = at + n
            if n > 0:
                found.A[expert].addmm_(d_z[at:end].t(), x[at:end])
                found.B[expert].addmm_(d_y[at:end].t(), z[at:end], alpha=lora.scale)
            at = end
        leave(found, turns, G)


# y = sum of w_k down_k(silu(gate_k h) up_k h) for h [N, width].
def run_experts(h: Tensor, experts: Experts, lora_gate_up: Lora, lora_down: Lora) -> Tuple[Tensor, SavedExperts]:
    n = experts.router.weight.size(0)
    factors_gate_up = by_expert(lora_gate_up, n, experts.turns)
    factors_down = by_expert(lora_down, n, False)
    tiled = has_tiles() and factors_gate_up.rank == 0 and factors_down.rank == 0
    routes = routes_of(h, experts.router, tiled)
    gu, z_gate_up = times_experts(to_pairs(h, routes), experts.gate_up, routes, factors_gate_up)
    g, u = gu.chunk(2, 1)
    gate, up = g.contiguous(), u.contiguous()
    if experts.limit > 0.0:
        m = clamped_swiglu(gate, up, experts.alpha, experts.limit)
    else:
        m = swiglu(gate, up)
    y, z_down = times_experts(m, experts.down, routes, factors_down)
    return of_tokens(y, routes.weights, routes), SavedExperts(routes, gate, up, z_gate_up, z_down)


# d_h from d_y, both [N, width]; the derivatives by the factors are left in G. With y = m W^T + b of a pair, d_w = d_y .
# y, and d_y . m W^T = (d_y W) . m.
def d_run_experts(
    d_y: Tensor,
    h: Tensor,
    saved: SavedExperts,
    experts: Experts,
    lora_gate_up: Lora,
    lora_down: Lora,
    G_gate_up: Lora,
    G_down: Lora,
) -> Tensor:
    routes = saved.routes
    n = experts.router.weight.size(0)
    factors_gate_up = by_expert(lora_gate_up, n, experts.turns)
    factors_down = by_expert(lora_down, n, False)
    d_pairs = to_pairs(d_y, routes)
    d_m, d_z_down = d_times_experts(d_pairs, experts.down, routes, factors_down)
    w = routes.weights.flatten().index_select(0, routes.order).unsqueeze(1)
    weighted = d_m * w.to(d_m.dtype)
    if experts.limit > 0.0:
        d_gate, d_up, m = d_clamped_swiglu(weighted, saved.gate, saved.up, experts.alpha, experts.limit)
    else:
        d_gate, d_up, m = d_swiglu(weighted, saved.gate, saved.up, False)
    d_sorted = (d_m.to(FLOAT32) * m.to(FLOAT32)).sum([1], True)
    bias = experts.down.bias
    if bias is not None:
        d_sorted = d_sorted + (d_pairs.to(FLOAT32) * bias_of_pairs(bias, routes).to(FLOAT32)).sum([1], True)
    d_w = torch.empty_like(w).index_copy_(0, routes.order, d_sorted)
    if factors_down.rank > 0:
        v = w.to(d_pairs.dtype)
        d_factors(d_pairs * v, d_z_down * v, m, saved.z_down, routes, factors_down, False, G_down)
    d_gu = torch.cat([d_gate, d_up], 1)
    d_x, d_z_gate_up = d_times_experts(d_gu, experts.gate_up, routes, factors_gate_up)
    if factors_gate_up.rank > 0:
        x = to_pairs(h, routes)
        d_factors(d_gu, d_z_gate_up, x, saved.z_gate_up, routes, factors_gate_up, experts.turns, G_gate_up)
    d_h = of_tokens(d_x, torch.ones_like(routes.weights), routes)
    return d_h.add_(d_routes(d_w.view_as(routes.weights), routes, experts.router))


# The weights of all experts with s B A added, or, sign -1, taken out again.
def merge_experts_(experts: Experts, lora_gate_up: Lora, lora_down: Lora, sign: float) -> None:
    n = experts.router.weight.size(0)
    merge_product_(experts.gate_up, by_expert(lora_gate_up, n, experts.turns), sign)
    merge_product_(experts.down, by_expert(lora_down, n, False), sign)


def merge_product_(W: Linear, lora: ExpertLora, sign: float) -> None:
    if lora.rank > 0:
        n = lora.A.size(0)
        per = len(W.widths) // n
        for expert in range(n):
            delta = lora.B[expert].mm(lora.A[expert]) * (sign * lora.scale)
            for i, piece in enumerate(delta.split_with_sizes(W.widths[expert * per : (expert + 1) * per])):
                if len(W.parts) > 0:
                    target = W.parts[expert * per + i].codes
                else:
                    rows = delta.size(0)
                    first = expert * rows
                    for width in W.widths[0:i]:
                        first += width
                    target = W.weight[first : first + piece.size(0)]
                target.copy_((target.to(piece.dtype) + piece))
