# A mixture of experts in the place of an MLP (Shazeer et al., 2017): a router chooses some of many small MLPs for each
# token, and their outputs are added, each times its weight. Forward and backward; the router is frozen, but what it says
# depends on its input. Rows are sorted by expert, so that each expert is one product. Knows nothing of layers.
from typing import List, NamedTuple, Tuple

import torch
from torch import Tensor

from .dtypes import FLOAT32
from .mlp import d_swiglu, swiglu
from .quantized import Linear, dense, times_stored


class Experts(NamedTuple):
    router: Tensor  # [experts, width]
    gate_up: Linear  # gate and up of the first expert, then of the next: [experts * 2 * inner, width]
    down: Linear  # [experts * width, inner]
    chosen: int  # how many experts a token has
    normed: bool  # whether the weights of those that are chosen are divided by their sum


# Which experts tokens go to. A pair is a token with one of its experts; there are N * chosen.
class Routes(NamedTuple):
    p: Tensor  # the router's softmax, float32 [N, experts]
    top: Tensor  # the experts that are chosen, int64 [N, chosen]
    weights: Tensor  # what their outputs are multiplied with, float32 [N, chosen]
    order: Tensor  # the pairs, sorted by expert, int64 [N * chosen]
    counts: List[int]  # how many pairs each expert has


# What the backward needs of the forward.
class SavedExperts(NamedTuple):
    routes: Routes
    gate: Tensor  # of each pair, [N * chosen, inner]
    up: Tensor


# p = softmax(h W^T); the largest are the weights, divided by their sum if the model was trained so.
def routes_of(h: Tensor, experts: Experts) -> Routes:
    p = h.mm(experts.router.t()).to(FLOAT32).softmax(1)
    weights, top = p.topk(experts.chosen, 1)
    if experts.normed:
        weights = weights / weights.sum([1], True)
    pairs = top.flatten()
    counts: List[int] = pairs.bincount(minlength=p.size(1)).tolist()
    return Routes(p, top, weights, pairs.argsort(), counts)


# d_h [N, width] of the router from d_w, float32 [N, chosen]. With s = sum(p_k) and w = p_k / s, d_p_k = (d_w - sum(d_w w)) / s;
# then d_logits = p (d_p - sum(d_p p)), and the router's weight.
def d_routes(d_w: Tensor, routes: Routes, experts: Experts) -> Tensor:
    d = d_w
    if experts.normed:
        total = routes.p.gather(1, routes.top).sum([1], True)
        d = (d_w - (d_w * routes.weights).sum([1], True)) / total
    d_p = torch.zeros_like(routes.p).scatter_(1, routes.top, d)
    d_logits = routes.p * (d_p - (d_p * routes.p).sum([1], True))
    return d_logits.to(experts.router.dtype).mm(experts.router)


# The weight of one expert, [rows, columns], in the type of like.
def expert_weight(W: Linear, expert: int, experts: int, like: Tensor) -> Tensor:
    per = len(W.widths) // experts
    if len(W.parts) > 0:
        parts, widths = W.parts[expert * per : (expert + 1) * per], W.widths[expert * per : (expert + 1) * per]
        return dense(Linear(W.weight, parts, widths, W.columns, None, None), like, None)
    rows = W.weight.size(0) // experts
    return W.weight[expert * rows : (expert + 1) * rows]


# y = x W^T, each row with the weight of its expert; rows are sorted, and each expert has as many as counts says. On a CPU
# weights that stay as they are stored are expanded a few rows at a time.
def times_experts(x: Tensor, W: Linear, counts: List[int]) -> Tensor:
    per = len(W.widths) // len(counts)
    rows = 0
    for width in W.widths[0:per]:
        rows += width
    y = x.new_empty([x.size(0), rows])
    at = 0
    for expert, n in enumerate(counts):
        if n > 0 and len(W.parts) > 0:
            y[at : at + n] = times_stored(x[at : at + n], W.parts[expert * per : (expert + 1) * per])
        elif n > 0:
            y[at : at + n].addmm_(x[at : at + n], expert_weight(W, expert, len(counts), x).t(), beta=0)
        at += n
    return y


# d_x = d_y W.
def d_times_experts(d_y: Tensor, W: Linear, counts: List[int]) -> Tensor:
    d = d_y.new_empty([d_y.size(0), W.columns])
    at = 0
    for expert, n in enumerate(counts):
        if n > 0:
            d[at : at + n].addmm_(d_y[at : at + n], expert_weight(W, expert, len(counts), d_y), beta=0)
        at += n
    return d


# Rows of pairs from rows [N, columns] of tokens.
def to_pairs(x: Tensor, routes: Routes) -> Tensor:
    return x.index_select(0, routes.order // routes.top.size(1))


# Rows of pairs [N * chosen, columns], each times its weight, added for each token: [N, columns].
def of_tokens(y: Tensor, weights: Tensor, routes: Routes) -> Tensor:
    by_token = torch.empty_like(y).index_copy_(0, routes.order, y).unflatten(0, [-1, routes.top.size(1)])
    return (by_token * weights.to(y.dtype).unsqueeze(2)).sum([1])


# y = sum of w_k down_k(silu(gate_k h) up_k h) for h [N, width].
def run_experts(h: Tensor, experts: Experts) -> Tuple[Tensor, SavedExperts]:
    routes = routes_of(h, experts)
    g, u = times_experts(to_pairs(h, routes), experts.gate_up, routes.counts).chunk(2, 1)
    gate, up = g.contiguous(), u.contiguous()
    y = times_experts(swiglu(gate, up), experts.down, routes.counts)
    return of_tokens(y, routes.weights, routes), SavedExperts(routes, gate, up)


# d_h from d_y, both [N, width]. With m = silu(g) u of a pair, d_w = d_y . (m W^T) = (d_y W) . m.
def d_run_experts(d_y: Tensor, saved: SavedExperts, experts: Experts) -> Tensor:
    routes = saved.routes
    d_m = d_times_experts(to_pairs(d_y, routes), experts.down, routes.counts)
    w = routes.weights.flatten().index_select(0, routes.order).unsqueeze(1)
    d_gate, d_up, m = d_swiglu(d_m * w.to(d_m.dtype), saved.gate, saved.up, False)
    d_w = torch.empty_like(w).index_copy_(0, routes.order, (d_m.to(FLOAT32) * m.to(FLOAT32)).sum([1], True))
    d_x = d_times_experts(torch.cat([d_gate, d_up], 1), experts.gate_up, routes.counts)
    d_h = of_tokens(d_x, torch.ones_like(routes.weights), routes)
    return d_h.add_(d_routes(d_w.view_as(routes.weights), routes, experts))
