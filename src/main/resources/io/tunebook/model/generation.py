# One pass over new tokens behind others whose keys and values are kept.
from typing import List, NamedTuple, Optional

import torch
from torch import Tensor, ops

from .adapter import no_lora, no_masks
from .attention import past_with_sinks, queries_of
from .attention_cpu import by_head, window_of
from .decoder import Model, dense_layer, embedded, head, tables_for
from .delta import delta_gated, next_delta
from .dtypes import FLOAT32, INT64
from .experts import run_experts
from .heads import placed
from .layer import activated, add_attention, add_branch, add_mlp, gated_outputs, normed, project, share_of
from .lora import Lora, inputs, linear, vector_lora_
from .mlp import glu
from .norm import rms_norm
from .quantized import times_vector
from .records import Config, Layer, LayerLora
from .rotary import Rotation, angles


# Where a layer has delta in the place of attention, keys are the last inputs of its convolution [kernel - 1, channels],
# and values its state [value heads, key_dim, value_dim], float32.
class Cache(NamedTuple):
    keys: List[Tensor]  # of each layer: [1, kv_heads, longest, head_dim]
    values: List[Tensor]


# Room for the keys and values of so many tokens, all zeros.
def new_cache(model: Model, longest: int) -> Cache:
    keys: List[Tensor] = []
    values: List[Tensor] = []
    for layer in model.layers:
        delta = layer.delta
        if delta is not None:
            state = [delta.dt.size(0), delta.key_dim, delta.norm.size(0)]
            keys.append(model.norm.new_zeros([delta.conv.size(1) - 1, delta.conv.size(0)]))
            values.append(torch.zeros(state, dtype=FLOAT32, device=model.norm.device))
        else:
            keys.append(model.norm.new_zeros([1, model.config.kv_heads, longest, model.config.head_dim]))
            values.append(model.norm.new_zeros([1, model.config.kv_heads, longest, model.config.head_dim]))
    return Cache(keys, values)


# The logits behind new tokens [1, T] whose first one stands at position p, float32 [vocabulary]. Their keys and values
# are left in the cache.
def next_logits(model: Model, adapter: List[LayerLora], ids: Tensor, p: int, cache: Cache) -> Tensor:
    T = ids.size(1)
    x = embedded(model, ids)
    positions = torch.arange(p, p + T, dtype=INT64, device=ids.device)
    rotations = angles(tables_for(model, p + T), model.config.neighbours, positions, x)
    none = no_lora(x)
    for i, layer in enumerate(model.layers):
        lora = adapter[i] if len(adapter) > 0 else none
        if T == 1:
            x = next_layer(x.flatten(), p, rotations, layer, lora, model.config, cache.keys[i], cache.values[i])
        else:
            ready = dense_layer(layer, x, None) if x.is_cuda else layer
            x = prompt_layer(x, p, rotations, ready, lora, model.config, cache.keys[i], cache.values[i])
    last = x.unsqueeze(0) if T == 1 else x[T - 1 : T]
    y, _t = rms_norm(last, model.norm, model.config.eps)
    if len(model.output.parts) > 0 and model.output.parts[0].kind != 0:
        return head(model, y).flatten()
    return times_vector(y.flatten(), model.output).to(FLOAT32)


# One layer for several tokens, [T, width].
def prompt_layer(
    x: Tensor,
    p: int,
    rotations: List[Rotation],
    layer: Layer,
    lora: LayerLora,
    config: Config,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    a = prompt_outputs(x, p, rotations, layer, lora.qkv, config, keys, values)
    x1, h, _t1, _z_o, _y_o = add_attention(x, a, layer, lora.o, config, [])
    experts = layer.experts
    if experts is not None:
        y, _routed = run_experts(h, experts, lora.experts_gate_up, lora.experts_down)
        shared = experts.shared
        if shared is not None:
            _z, _gate, _up, m, z_down = activated(h, layer, lora, config, no_masks())
            y.addcmul_(linear(m, layer.down, None, z_down, lora.down), share_of(h, shared))
        return add_branch(x1, y, layer.norms.mlp_out, None, config)[0]
    _z, _gate, _up, m, z_down = activated(h, layer, lora, config, no_masks())
    out, _y_down = add_mlp(x1, m, z_down, layer, lora.down, config)
    return out


# One layer for one token, all activations vectors, x [width]: the same formulas in fewer operations. Weights are read
# as they are stored; what stays is float32 where the model computes in float32.
def next_layer(
    x: Tensor,
    p: int,
    rotations: List[Rotation],
    layer: Layer,
    lora: LayerLora,
    config: Config,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    h = vector_norm(x, layer.norms.attention, config.eps)
    qkv = vector_lora_(times_vector(h, layer.qkv), h, lora.qkv, layer.qkv.widths)
    bias = layer.qkv.bias
    if bias is not None:
        qkv.add_(bias)
    a = next_outputs(qkv.unsqueeze(0), p, rotations, layer, config, keys, values).flatten()
    y = vector_lora_(times_vector(a, layer.o), a, lora.o, layer.o.widths)
    o_bias = layer.o.bias
    if o_bias is not None:
        y.add_(o_bias)
    x1 = x.add(vector_norm(y, layer.norms.attention_out, config.eps), alpha=config.residual)
    h1 = vector_norm(x1, layer.norms.mlp, config.eps)
    experts = layer.experts
    if experts is None:
        out = vector_mlp(h1, layer, lora, config)
    else:
        y1, _routed = run_experts(h1.unsqueeze(0), experts, lora.experts_gate_up, lora.experts_down)
        out = y1.squeeze(0)
        shared = experts.shared
        if shared is not None:
            out.addcmul_(vector_mlp(h1, layer, lora, config), share_of(h1.unsqueeze(0), shared).flatten())
    return x1.add(vector_norm(out, layer.norms.mlp_out, config.eps), alpha=config.residual)


# The MLP, or the shared expert, of one vector [width].
def vector_mlp(h: Tensor, layer: Layer, lora: LayerLora, config: Config) -> Tensor:
    gate, up = vector_lora_(times_vector(h, layer.gate_up), h, lora.gate_up, layer.gate_up.widths).chunk(2)
    m = glu(gate, up, config.gelu)
    return vector_lora_(times_vector(m, layer.down), m, lora.down, layer.down.widths)


# What the product o is given, for several tokens [T, width].
def prompt_outputs(
    x: Tensor,
    p: int,
    rotations: List[Rotation],
    layer: Layer,
    lora: Lora,
    config: Config,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    T = x.size(0)
    delta = layer.delta
    if delta is not None:
        h, _t0 = normed(x, layer.norms.attention, config.eps)
        y = linear(h, layer.qkv, None, inputs(h, lora, []), lora)
        return delta_gated(next_delta(y, p, delta, keys, values), y, delta, config.eps)
    qk, v, _t, _h, _z, qkv = project(x, rotations, layer, lora, config, [])
    q, k = by_head(qk, 1, 1).split_with_sizes([config.heads, config.kv_heads], 1)
    keys[:, :, p : p + T].copy_(k)
    values[:, :, p : p + T].copy_(by_head(v, 1, 1))
    k, v = keys[:, :, 0 : p + T], values[:, :, 0 : p + T]
    window = layer.window if layer.window > 0 else p + T
    sinks = layer.sinks
    if sinks is not None:
        o = past_with_sinks(q.squeeze(0), k.squeeze(0), v.squeeze(0), sinks, window, config.scale).unsqueeze(0)
    elif p > 0 or window < T:
        past = window_of(T, p + T, window, x)
        o = ops.aten.scaled_dot_product_attention(q, k, v, past, 0.0, False, scale=config.scale, enable_gqa=True)
    else:
        o = ops.aten.scaled_dot_product_attention(q, k, v, None, 0.0, True, scale=config.scale, enable_gqa=True)
    return gated_outputs(o.squeeze(0).transpose(0, 1), qkv, layer, config)


# The same for one token, of what its first product gave [1, ...].
def next_outputs(
    qkv: Tensor,
    p: int,
    rotations: List[Rotation],
    layer: Layer,
    config: Config,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    delta = layer.delta
    if delta is not None:
        return delta_gated(next_delta(qkv, p, delta, keys, values), qkv, delta, config.eps)
    qk, v_one = queries_of(qkv, config.heads, config.kv_heads, config.head_dim, config.gated)
    qk = placed(qk, rotations, layer, config, False)
    keys.select(2, p).copy_(qk[:, config.heads :])
    values.select(2, p).copy_(v_one)
    first = max(p + 1 - layer.window, 0) if layer.window > 0 else 0
    k, v = keys[:, :, first : p + 1], values[:, :, first : p + 1]
    sinks = layer.sinks
    if sinks is not None:
        one = qk[:, 0 : config.heads].transpose(0, 1)
        a = past_with_sinks(one, k.squeeze(0), v.squeeze(0), sinks, p + 1, config.scale)
    else:
        # the queries of a group stand where attention expects the positions of a sequence, so that no key is copied
        q = qk[:, 0 : config.heads].view([1, config.kv_heads, -1, config.head_dim])
        a = ops.aten.scaled_dot_product_attention(q, k, v, None, 0.0, False, scale=config.scale)
    return gated_outputs(a.reshape([1, config.heads, config.head_dim]), qkv, layer, config)


# RMSNorm of one vector [width], where there is one.
def vector_norm(x: Tensor, w: Optional[Tensor], eps: float) -> Tensor:
    if w is None:
        return x
    if x.is_cuda:
        y, _t = rms_norm(x.unsqueeze(0), w, eps)
        return y.squeeze(0)
    n = float(ops.aten.linalg_vector_norm(x, 2, None, False, dtype=FLOAT32))
    return (x.to(FLOAT32) * (n * n / x.size(0) + eps) ** -0.5).to(x.dtype) * w
