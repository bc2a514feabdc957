# Where a mixture's router sends tokens (Shazeer et al., 2017), and how their rows are laid out for the experts'
# products: one by one on a CPU, in groups on a GPU, or in tiles where a kernel of its own multiplies them. The router
# is frozen, but what it says depends on its input. Knows nothing of experts' weights.
from typing import List, NamedTuple, Optional

import torch
from torch import Tensor

from .dtypes import FLOAT32


class Router(NamedTuple):
    weight: Tensor  # [experts, width]
    bias: Optional[Tensor]  # [experts]
    chosen: int  # how many experts a token has
    normed: bool  # whether the weights of those that are chosen are divided by their sum


# Experts that have about as many rows, so that they are one product where each gets as many as the one that has most.
class Group(NamedTuple):
    experts: Tensor  # which they are, int64 [n]
    rows: Tensor  # their pairs, int64 [m]
    slots: Tensor  # where these stand among n * most rows, int64 [m]
    most: int


# Pairs in pieces of at most 64 of one expert; where there are fewer, the last ones are empty. How many pieces there are
# does not depend on what the router chose, so that a step can be recorded. All int64 [pieces].
class Tiles(NamedTuple):
    expert: Tensor
    first: Tensor  # the first pair
    end: Tensor  # the one behind the last


# Which experts tokens go to. A pair is a token with one of its experts; there are N * chosen.
class Routes(NamedTuple):
    p: Tensor  # the router's softmax, float32 [N, experts]
    top: Tensor  # the experts that are chosen, int64 [N, chosen]
    weights: Tensor  # what their outputs are multiplied with, float32 [N, chosen]
    order: Tensor  # the pairs, sorted by expert, int64 [N * chosen]
    counts: List[int]  # how many pairs each expert has; empty if there are tiles
    groups: List[Group]  # the experts that have any, where products are padded
    tiles: Optional[Tiles]  # where neither counts nor groups are needed


# For h [N, width]: p = softmax(h W^T + b), [N, experts]; the largest are the weights, divided by their sum if the model
# was trained so, which is the
# softmax of the chosen alone.
def routes_of(h: Tensor, router: Router, tiled: bool) -> Routes:
    logits = h.mm(router.weight.t())
    bias = router.bias
    if bias is not None:
        logits.add_(bias)
    p = logits.to(FLOAT32).softmax(1)
    weights, top = p.topk(router.chosen, 1)
    if router.normed:
        weights = weights / weights.sum([1], True)
    pairs = top.flatten()
    if tiled:
        experts, order = pairs.sort()
        return Routes(p, top, weights, order, [], [], tiles_of(experts, p.size(1)))
    counts: List[int] = pairs.bincount(minlength=p.size(1)).tolist()
    return Routes(p, top, weights, pairs.argsort(), counts, groups_of(counts, h), None)


# d_h [N, width] of the router from d_w, float32 [N, chosen]. With s = sum(p_k) and w = p_k / s, d_p_k = (d_w - sum(d_w
# w)) / s; then d_logits = p (d_p - sum(d_p p)), and the router's weight.
def d_routes(d_w: Tensor, routes: Routes, router: Router) -> Tensor:
    d = d_w
    if router.normed:
        total = routes.p.gather(1, routes.top).sum([1], True)
        d = (d_w - (d_w * routes.weights).sum([1], True)) / total
    d_p = torch.zeros_like(routes.p).scatter_(1, routes.top, d)
    d_logits = routes.p * (d_p - (d_p * routes.p).sum([1], True))
    return d_logits.to(router.weight.dtype).mm(router.weight)


# Of a tile; kernels.cu knows it as TILE_ROWS.
def tile_rows() -> int:
    return 64


# Whether products by expert are made tile by tile, by a kernel.
def has_tiles() -> bool:
    return False


# The tiles of pairs that are sorted by expert, experts [pairs].
def tiles_of(experts: Tensor, count: int) -> Tiles:
    starts = torch.searchsorted(experts, torch.arange(count + 1, device=experts.device))
    counts = starts[1:] - starts[0:count]
    rows = tile_rows()
    pieces = (counts + (rows - 1)) // rows
    behind = pieces.cumsum(0)
    i = torch.arange(count + experts.size(0) // rows, device=experts.device)
    expert = torch.searchsorted(behind, i, right=True)
    there = expert < count
    expert = expert.clamp_max(count - 1)
    first = starts.index_select(0, expert) + (i - (behind - pieces).index_select(0, expert)) * rows
    end = torch.minimum(first + rows, starts.index_select(0, expert + 1))
    return Tiles(expert, first, torch.where(there, end, first))


# On a GPU the experts in groups: none has less than half as many rows as the first of its group, so that there are at
# most twice as many rows as pairs, and some ten products where an expert by itself would be one. On a CPU none.
def groups_of(counts: List[int], x: Tensor) -> List[Group]:
    groups: List[Group] = []
    if not pads(x):
        return groups
    n = torch.tensor(counts)
    starts = n.cumsum(0) - n
    order: List[int] = n.argsort(descending=True).tolist()
    at = 0
    while at < len(order) and counts[order[at]] > 0:
        most = counts[order[at]]
        members: List[int] = []
        while at < len(order) and 2 * counts[order[at]] >= most:
            members.append(order[at])
            at += 1
        experts = torch.tensor(members)
        places = torch.arange(most)
        there = places < n.index_select(0, experts).unsqueeze(1)
        rows = (starts.index_select(0, experts).unsqueeze(1) + places).masked_select(there)
        slots = there.flatten().nonzero().flatten()
        groups.append(Group(experts.to(x.device), rows.to(x.device), slots.to(x.device), most))
    return groups


# Whether products of experts are made in groups, padded: on the device of x, which is any tensor [...].
def pads(x: Tensor) -> bool:
    return x.is_cuda


# A group's rows of pairs in their slots, zeros between them: [n, most, columns].
def in_slots(x: Tensor, group: Group) -> Tensor:
    n = group.experts.size(0)
    room = x.new_zeros([n * group.most, x.size(1)])
    return room.index_copy_(0, group.slots, x.index_select(0, group.rows)).view([n, group.most, -1])


# What stands in a group's slots [n, most, columns], back in its rows of y [N * chosen, columns].
def from_slots(padded: Tensor, group: Group, y: Tensor) -> None:
    y.index_copy_(0, group.rows, padded.flatten(0, 1).index_select(0, group.slots))


# What a group's experts have of x [experts, ...].
def of_group(x: Tensor, group: Group) -> Tensor:
    return x.index_select(0, group.experts)


# Rows of pairs from rows [N, columns] of tokens.
def to_pairs(x: Tensor, routes: Routes) -> Tensor:
    return x.index_select(0, routes.order // routes.top.size(1))


# Rows of pairs [N * chosen, columns], each times its weight, added for each token: [N, columns].
def of_tokens(y: Tensor, weights: Tensor, routes: Routes) -> Tensor:
    by_token = torch.empty_like(y).index_copy_(0, routes.order, y).unflatten(0, [-1, routes.top.size(1)])
    return (by_token * weights.to(y.dtype).unsqueeze(2)).sum([1])
