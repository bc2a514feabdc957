# One layer of a decoder, with LoRA: x + attention(norm(x)), then + MLP(norm(.)), forward and backward. Knows nothing of
# the layers around it. Written for few and large kernels: a residual or a bias is what a product is added to, LoRA's
# products are added in place, and of each norm its output is kept and the one number by which it multiplied a row.
from typing import List, Optional, Tuple

import torch
from torch import Tensor

from .attention import Places, Softmax, attention, d_attention, d_gates, gates_of, queries_of, with_sinks
from .delta import d_delta, delta_gated, delta_rule
from .dtypes import FLOAT32
from .experts import d_run_experts, run_experts
from .heads import d_heads_normed, norms_then_rope, placed
from .lora import Lora, d_A, d_magnitude, d_x, d_z, inputs, linear, loras_of
from .mlp import d_glu, d_swiglu_lora, glu, swiglu_lora
from .norm import add_norm, d_add_norm, d_rms_norm, rms_norm
from .quantized import Linear, targets_of, times, times_transposed
from .records import Config, Layer, LayerLora, Masks, Norms, Saved
from .rotary import Rotation, d_norm_rope, d_rotated, rotated


# ---- One layer: x + attention(norm(x)), then + MLP(norm(.)). Its two halves return what the backward needs as well.


# RMSNorm of x [..., width] with w [width], where there is one, and t, one number for each row, which rms_norm in
# norm.py returns too; where there is none, x as it is and an empty tensor.
def normed(x: Tensor, w: Optional[Tensor], eps: float) -> Tuple[Tensor, Tensor]:
    if w is None:
        return x, x.new_empty([0])
    return rms_norm(x, w, eps)


# onto + d_x, where d_x is the derivative of normed from d_h; all [N, width] but w [width] and t, which normed gave.
def d_normed(d_h: Tensor, x: Tensor, t: Tensor, w: Optional[Tensor], onto: Tensor) -> Tensor:
    if w is None:
        return onto + d_h
    return d_rms_norm(d_h, x, t, w, onto)


# Whether a branch's output is added as it is, so that the residual can be what its last product is added to.
def plain_branch(lora: Lora, norm: Optional[Tensor], config: Config) -> bool:
    return lora.c is None and norm is None and config.residual == 1.0


# x1 = x + residual * norm(y) of a branch's output y, then h and t of the norm w1 of x1, as normed gives them; all
# [N, width]. Either norm may be None.
def add_branch(
    x: Tensor, y: Tensor, norm: Optional[Tensor], w1: Optional[Tensor], config: Config
) -> Tuple[Tensor, Tensor, Tensor]:
    if norm is not None and config.residual == 1.0:
        return add_norm(x, y, norm, config.eps, w1)
    x1 = x.add(normed(y, norm, config.eps)[0], alpha=config.residual)
    h, t = normed(x1, w1, config.eps)
    return x1, h, t


# A branch's output as its backward needs it: for DoRA's magnitudes, or for the norm behind the branch; else it is not
# kept.
def kept_output(y: Tensor, lora: Lora, norm: Optional[Tensor]) -> Optional[Tensor]:
    return y if lora.c is not None or norm is not None else None


# d_y of a branch from the derivative of the sum, both [N, width]: d_rms_norm of residual * d_out. y is needed where
# there is a norm.
def d_branch(d_out: Tensor, y: Optional[Tensor], norm: Optional[Tensor], config: Config) -> Tensor:
    d = d_out
    if config.residual != 1.0:
        d = d_out * config.residual
    if norm is not None and y is not None:
        d = d_add_norm(d, y, norm, config.eps)[1]
    return d


# d_x1 of the residual between the layer's halves, and d_y of attention's branch, from d_out of the layer and d_h1 of
# the MLP's input, all [N, width].
def d_between(d_out: Tensor, d_h1: Tensor, saved: Saved, norms: Norms, config: Config) -> Tuple[Tensor, Tensor]:
    y, norm = saved.y_o, norms.attention_out
    if y is not None and norm is not None and config.residual == 1.0:
        return d_add_norm(d_out, y, norm, config.eps, d_h1, saved.x1, saved.t1, norms.mlp)
    d_x1 = d_normed(d_h1, saved.x1, saved.t1, norms.mlp, d_out)
    return d_x1, d_branch(d_x1, y, norm, config)


# The first product of attention, from x [N, width]. Returns q and k side by side, rotated,
# [N, heads + kv_heads, head_dim]; v [N, kv_heads, head_dim]; then t, h [N, width], z [N, sum of ranks] and qkv = q | k
# | v [N, sum of widths] of Saved.
def project(
    x: Tensor, rotations: List[Rotation], layer: Layer, lora: Lora, config: Config, masks: List[Tensor]
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    h, t = normed(x, layer.norms.attention, config.eps)
    z = inputs(h, lora, masks)
    qkv = linear(h, layer.qkv, layer.qkv.bias, z, lora)
    qk, v = queries_of(qkv, config.heads, config.kv_heads, config.head_dim, config.gated)
    # the rotated ones may take their place, unless the product's output is needed again
    again = lora.c is not None or layer.norms.q is not None
    return placed(qk, rotations, layer, config, not again), v, t, h, z, qkv


# Whether LoRA's products around SwiGLU or GeGLU are computed with it: gate, up and down then have this rank.
def around_swiglu(lora: LayerLora, layer: Layer, rank: int) -> bool:
    stored = len(layer.gate_up.parts) > 0 and layer.gate_up.eight is None
    if rank == 0 or stored or len(lora.gate_up.B) != 2 or len(lora.down.B) == 0:
        return False
    return lora.gate_up.ranks[0] == rank and lora.gate_up.ranks[1] == rank and lora.down.ranks[0] == rank


# The residual behind attention x1 [N, width], from the layer's input x [N, width] and what the product o is given, a
# [N, heads * head_dim]; then h1 and t1 of the norm before the MLP, z_o [N, rank] and y_o [N, width] of Saved.
def add_attention(
    x: Tensor, a: Tensor, layer: Layer, lora: Lora, config: Config, masks: List[Tensor]
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Optional[Tensor]]:
    z = inputs(a, lora, masks)
    bias = layer.o.bias
    if not plain_branch(lora, layer.norms.attention_out, config):
        y = linear(a, layer.o, bias, z, lora)
        x1, h1, t1 = add_branch(x, y, layer.norms.attention_out, layer.norms.mlp, config)
        return x1, h1, t1, z, kept_output(y, lora, layer.norms.attention_out)
    x1 = linear(a, layer.o, x, z, lora)
    if bias is not None:
        x1.add_(bias)
    h1, t1 = normed(x1, layer.norms.mlp, config.eps)
    return x1, h1, t1, z, None


# What the product o is given [N, heads * head_dim], of the heads' outputs o [N, heads, head_dim] and of what the first
# product left, qkv [N, sum of widths]: o, or o * sigmoid(gate) where queries have gates.
def gated_outputs(o: Tensor, qkv: Tensor, layer: Layer, config: Config) -> Tensor:
    delta = layer.delta
    if delta is not None:
        return delta_gated(o, qkv, delta, config.eps)
    if not config.gated:
        return o.flatten(1, 2)
    return o.flatten(1, 2) * gates_of(qkv, config.heads, config.head_dim).sigmoid()


# Forward through one layer: its output [N, width], and what the backward needs. around is the rank whose products
# around SwiGLU are computed with it; 0: none.
def run_layer(
    x: Tensor, at: Places, layer: Layer, lora: LayerLora, config: Config, masks: Masks, around: int
) -> Tuple[Tensor, Saved]:
    none = x.new_empty([0])
    delta = layer.delta
    if delta is not None:
        h, t = normed(x, layer.norms.attention, config.eps)
        z = inputs(h, lora.qkv, masks.qkv)
        qkv = linear(h, layer.qkv, None, z, lora.qkv)
        o = delta_rule(qkv, at.starts, at.batch, delta)
        qk, v, softmax = none, none, Softmax(none, none, none, none, none)
    else:
        qk, v, t, h, z, qkv = project(x, at.rotations, layer, lora.qkv, config, masks.qkv)
        q, k = qk.split_with_sizes([config.heads, config.kv_heads], 1)
        o, softmax = attention(q, k, v, at, layer.window, config.scale)
        sinks = layer.sinks
        if sinks is not None:
            o, softmax = with_sinks(o, softmax, sinks, at)
    a = gated_outputs(o, qkv, layer, config)
    x1, h1, t1, z_o, y_o = add_attention(x, a, layer, lora.o, config, masks.o)
    experts = layer.experts
    if experts is not None:
        y, routed = run_experts(h1, experts, lora.experts_gate_up, lora.experts_down)
        z_gate_up, gate, up, z_down = none, none, none, none
        own: Optional[Tensor] = None
        shared = experts.shared
        if shared is not None:
            z_gate_up, gate, up, m, z_down = activated(h1, layer, lora, config, masks)
            y_shared = linear(m, layer.down, None, z_down, lora.down)
            y.addcmul_(y_shared, share_of(h1, shared))
            own = y_shared
        out, _h, _t = add_branch(x1, y, layer.norms.mlp_out, None, config)
        y_out = y if layer.norms.mlp_out is not None else None
        return out, Saved(
            x, t, h, z, qkv, qk, v, o, softmax, z_o, y_o, x1, t1, h1, z_gate_up, gate, up, z_down, y_out, routed, own
        )
    if around_swiglu(lora, layer, around):
        z_gate_up = inputs(h1, lora.gate_up, masks.gate_up)
        gate, up = times(h1, layer.gate_up), none
        B, s = lora.gate_up.B, lora.gate_up.scales
        m, z_down = swiglu_lora(gate, z_gate_up, B[0], B[1], lora.down.A, s[0], s[1], config.gelu)
    else:
        z_gate_up, gate, up, m, z_down = activated(h1, layer, lora, config, masks)
    out, y_down = add_mlp(x1, m, z_down, layer, lora.down, config)
    return out, Saved(
        x, t, h, z, qkv, qk, v, o, softmax, z_o, y_o, x1, t1, h1, z_gate_up, gate, up, z_down, y_down, None, None
    )


# The MLP, or the shared expert, up to its last product, from h [N, width]: z_gate_up, gate and up of Saved, the gated
# activations m [N, inner], and z_down of Saved.
def activated(
    h: Tensor, layer: Layer, lora: LayerLora, config: Config, masks: Masks
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    z_gate_up = inputs(h, lora.gate_up, masks.gate_up)
    gate, up = gate_and_up(h, z_gate_up, layer.gate_up, lora.gate_up)
    m = glu(gate, up, config.gelu)
    return z_gate_up, gate, up, m, inputs(m, lora.down, masks.down)


# What the shared expert's output is multiplied with, sigmoid(h w^T) for h [N, width] and w [1, width]: [N, 1].
def share_of(h: Tensor, w: Tensor) -> Tensor:
    return h.mm(w.t()).sigmoid()


# The residual behind the MLP [N, width], from the one before it x1 [N, width], the gated activations m [N, inner] and z
# [N, rank] of down; then y_down [N, width] of Saved.
def add_mlp(
    x1: Tensor, m: Tensor, z: Tensor, layer: Layer, lora: Lora, config: Config
) -> Tuple[Tensor, Optional[Tensor]]:
    if plain_branch(lora, layer.norms.mlp_out, config):
        return linear(m, layer.down, x1, z, lora), None
    y = linear(m, layer.down, None, z, lora)
    return add_branch(x1, y, layer.norms.mlp_out, None, config)[0], kept_output(y, lora, layer.norms.mlp_out)


# The MLP's two products from h [N, width] and z [N, sum of ranks]: gate and up, [N, inner] each, which lie apart; one
# by one where they are two targets.
def gate_and_up(h: Tensor, z: Tensor, W: Linear, lora: Lora) -> Tuple[Tensor, Tensor]:
    if len(W.widths) == 1:
        g, u = linear(h, W, None, z, lora).chunk(2, 1)
        return g.contiguous(), u.contiguous()
    z0, z1 = z, z
    if len(lora.B) > 0:
        z0, z1 = z.split_with_sizes(lora.ranks, 1)
    gate, up = targets_of(W)
    lora_gate, lora_up = loras_of(lora, W.widths)
    return linear(h, gate, None, z0, lora_gate), linear(h, up, None, z1, lora_up)


# Backward through one layer: d_x from d_out, both [N, width]. The derivatives by the factors are left in G. The layer's
# weights are in the type that the model computes in.
def d_layer(
    d_out: Tensor,
    saved: Saved,
    at: Places,
    layer: Layer,
    lora: LayerLora,
    G: LayerLora,
    config: Config,
    masks: Masks,
    around: int,
) -> Tensor:
    d_y = d_branch(d_out, saved.y_down, layer.norms.mlp_out, config)
    experts, routed = layer.experts, saved.experts
    if experts is not None and routed is not None:
        factors_gate_up, factors_down = lora.experts_gate_up, lora.experts_down
        d_h1 = d_run_experts(
            d_y, saved.h1, routed, experts, factors_gate_up, factors_down, G.experts_gate_up, G.experts_down
        )
        shared, y_shared = experts.shared, saved.y_shared
        if shared is not None and y_shared is not None:
            # of y = s y_shared with s = sigmoid(h1 w^T): d_y_shared = s d_y and d_(h1 w^T) = (d_y . y_shared) s (1 - s)
            s = share_of(saved.h1, shared)
            d_h1.add_(d_mlp(d_y * s, y_shared, saved, layer, lora, G, config, masks, 0))
            d_s = (d_y.to(FLOAT32) * y_shared.to(FLOAT32)).sum([1], True)
            d_h1.addmm_((d_s * s * (1 - s)).to(d_y.dtype), shared)
    else:
        d_h1 = d_mlp(d_y, saved.y_down, saved, layer, lora, G, config, masks, around)
    d_x1, d_y_o = d_between(d_out, d_h1, saved, layer.norms, config)
    return d_attention_half(d_x1, d_y_o, saved, at, layer, lora, G, config, masks)


# The MLP, or the shared expert: d_h1 from d_y of its output y_down, all [N, width]. With m = silu(gate) * up
# [N, inner], or what else the activation is:
#   d_z_down = s d_y B_down       d_m = d_y W_down + d_z_down A_down       d_gate, d_up: see mlp.py, [N, inner] each
#   d_z_gu = s d_gate B_gate | s d_up B_up       d_h1 = d_gate W_gate + d_up W_up + d_z_gu A_gu
# and d_A and d_B as in lora.py, left in G.
def d_mlp(
    d_y: Tensor,
    y_down: Optional[Tensor],
    saved: Saved,
    layer: Layer,
    lora: LayerLora,
    G: LayerLora,
    config: Config,
    masks: Masks,
    around: int,
) -> Tensor:
    gate, up = saved.gate, saved.up
    if y_down is not None:
        d_y = d_magnitude(d_y, y_down, None, lora.down, layer.down.widths, G.down)
    d_z_down = d_z([d_y], saved.z_down, lora.down, G.down)
    if around_swiglu(lora, layer, around):
        B, s, d_B = lora.gate_up.B, lora.gate_up.scales, G.gate_up.B
        d_m = times_transposed(d_y, layer.down)
        d_gu, d_z_gate_up = d_swiglu_lora(
            d_m,
            gate,
            saved.z_gate_up,
            d_z_down,
            B[0],
            B[1],
            lora.down.A,
            s[0],
            s[1],
            config.gelu,
            d_B[0],
            d_B[1],
            G.down.A,
        )
        d_ys = [d_gu]
    else:
        dora = lora.gate_up.c is not None
        d_m = d_x([d_y], layer.down, d_z_down, lora.down, masks.down)
        d_gate, d_up, m = d_glu(d_m, gate, up, config.gelu, not dora)
        d_A(d_z_down, m, lora.down, masks.down, G.down)
        if dora:
            d_both = torch.cat([d_gate, d_up], 1)
            both = torch.cat([gate, up], 1)
            d_both = d_magnitude(d_both, both, None, lora.gate_up, layer.gate_up.widths, G.gate_up)
            d_gate, d_up = d_both.chunk(2, 1)
        d_ys = [d_gate, d_up] if len(layer.gate_up.widths) == 2 else [torch.cat([d_gate, d_up], 1)]
        d_z_gate_up = d_z(d_ys, saved.z_gate_up, lora.gate_up, G.gate_up)
    d_h1 = d_x(d_ys, layer.gate_up, d_z_gate_up, lora.gate_up, masks.gate_up)
    d_A(d_z_gate_up, saved.h1, lora.gate_up, masks.gate_up, G.gate_up)
    return d_h1


# The attention's half: d_x from d_x1, the derivative by the residual between the two, and d_y, that of the branch, all
# [N, width]. With a, what the product o is given [N, heads * head_dim], and qkv = q | k | v:
#   d_z_o = s d_y B_o       d_a = d_y W_o + d_z_o A_o       d_qkv from d_a: d_heads, or d_delta, [N, sum of widths]
#   d_z = s d_qkv B       d_h = d_qkv W_qkv + d_z A       d_x = d_x1 + the derivative of the norm from d_h
# and d_A and d_B as in lora.py, left in G.
def d_attention_half(
    d_x1: Tensor,
    d_y: Tensor,
    saved: Saved,
    at: Places,
    layer: Layer,
    lora: LayerLora,
    G: LayerLora,
    config: Config,
    masks: Masks,
) -> Tensor:
    y_o = saved.y_o
    if y_o is not None:
        d_y = d_magnitude(d_y, y_o, layer.o.bias, lora.o, layer.o.widths, G.o)
    d_z_o = d_z([d_y], saved.z_o, lora.o, G.o)
    d_a = d_x([d_y], layer.o, d_z_o, lora.o, masks.o)
    d_A(d_z_o, gated_outputs(saved.o, saved.qkv, layer, config), lora.o, masks.o, G.o)
    delta = layer.delta
    if delta is not None:
        d_qkv = d_delta(d_a, saved.o, saved.qkv, at.starts, at.batch, delta, config.eps)
    else:
        d_qkv = d_heads(d_a, saved, at, layer, config)
    d_qkv = d_magnitude(d_qkv, saved.qkv, layer.qkv.bias, lora.qkv, layer.qkv.widths, G.qkv)
    d_z_qkv = d_z(d_qkv.split_with_sizes(layer.qkv.widths, 1), saved.z, lora.qkv, G.qkv)
    d_h = d_x([d_qkv], layer.qkv, d_z_qkv, lora.qkv, masks.qkv)
    d_A(d_z_qkv, saved.h, lora.qkv, masks.qkv, G.qkv)
    return d_normed(d_h, saved.x, saved.t, layer.norms.attention, d_x1)


# d_qkv of attention [N, sum of widths] from d_a, the derivative by what the product o is given [N, heads * head_dim].
# The steps of the forward from the last to the first: gates, attention, rotation, norms of q and k.
def d_heads(d_a: Tensor, saved: Saved, at: Places, layer: Layer, config: Config) -> Tensor:
    d_gate = d_a
    if config.gated:
        d_a, d_gate = d_gates(d_a, saved.o, gates_of(saved.qkv, config.heads, config.head_dim))
    q, k = saved.qk.split_with_sizes([config.heads, config.kv_heads], 1)
    d_o = d_a.unflatten(1, [-1, config.head_dim])
    d_q, d_k, d_v = d_attention(d_o, q, k, saved.v, saved.o, saved.softmax, at, layer.window, config.scale)
    qk, _v = queries_of(saved.qkv, config.heads, config.kv_heads, config.head_dim, config.gated)
    w_q, w_k = layer.norms.q, layer.norms.k
    if w_q is not None and w_k is not None and norms_then_rope(at.rotations, layer, config):
        cos, sin, _neighbours = at.rotations[layer.rotary]
        return d_norm_rope(d_q, d_k, d_v, qk, w_q, w_k, cos, sin, config.eps).flatten(1, 2)
    if config.norm_behind:
        turned = rotated(qk, at.rotations, layer.rotary, False)
        d_q, d_k = d_heads_normed(d_q, d_k, turned, layer.norms, config)
    d_all = d_rotated(d_q, d_k, d_v, at.rotations, layer.rotary)
    if config.gated or (layer.norms.q is not None and not config.norm_behind):
        d_q, d_k, d_v = d_all.split_with_sizes([config.heads, config.kv_heads, config.kv_heads], 1)
        if not config.norm_behind:
            d_q, d_k = d_heads_normed(d_q, d_k, qk, layer.norms, config)
        if config.gated:  # each head's gate stands behind its query
            d_q = torch.stack([d_q, d_gate.unflatten(1, [config.heads, -1])], 2).flatten(1, 2)
        d_all = torch.cat([d_q, d_k, d_v], 1)
    return d_all.flatten(1, 2)
