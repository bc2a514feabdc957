# One pass over new tokens behind others whose keys and values are kept.
from typing import List, NamedTuple

import torch
from torch import Tensor, ops

from .attention import angles, by_head, rope
from .decoder import (
    Config,
    Layer,
    LayerLora,
    Model,
    add_attention,
    dense_layer,
    gate_and_up,
    head,
    no_lora,
    project,
)
from .dtypes import BOOL, FLOAT32, INT64
from .lora import inputs, linear, vector_lora_
from .mlp import swiglu
from .norm import rms_norm
from .quantized import rows_of, times_vector


class Cache(NamedTuple):
    keys: List[Tensor]  # of each layer: [1, kv_heads, longest, head_dim]
    values: List[Tensor]


def new_cache(model: Model, longest: int) -> Cache:
    keys: List[Tensor] = []
    values: List[Tensor] = []
    for _layer in model.layers:
        keys.append(model.norm.new_zeros([1, model.config.kv_heads, longest, model.config.head_dim]))
        values.append(model.norm.new_zeros([1, model.config.kv_heads, longest, model.config.head_dim]))
    return Cache(keys, values)


# The logits behind new tokens [1, T] whose first one stands at position p, float32 [vocabulary]. Their keys and values
# are left in the cache.
def next_logits(model: Model, adapter: List[LayerLora], ids: Tensor, p: int, cache: Cache) -> Tensor:
    T = ids.size(1)
    x = rows_of(model.embedding, ids.flatten(), model.norm)
    positions = torch.arange(p, p + T, dtype=INT64, device=ids.device)
    cos, sin = angles(model.rotary, positions, x).unbind()
    none = no_lora(x)
    for i, layer in enumerate(model.layers):
        lora = adapter[i] if len(adapter) > 0 else none
        if T == 1:
            x = next_layer(x.flatten(), p, cos, sin, layer, lora, model.config, cache.keys[i], cache.values[i])
        else:
            ready = dense_layer(layer, x, None) if x.is_cuda else layer
            x = prompt_layer(x, p, cos, sin, ready, lora, model.config, cache.keys[i], cache.values[i])
    last = x.unsqueeze(0) if T == 1 else x[T - 1 : T]
    y, _t = rms_norm(last, model.norm, model.config.eps)
    if len(model.output.parts) > 0 and model.output.parts[0].kind != 0:
        return head(model, y).flatten()
    return times_vector(y.flatten(), model.output).to(FLOAT32)


# One layer for several tokens, [T, width].
def prompt_layer(
    x: Tensor,
    p: int,
    cos: Tensor,
    sin: Tensor,
    layer: Layer,
    lora: LayerLora,
    config: Config,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    T = x.size(0)
    qk, v, _t, _h, _z, _qkv = project(x, cos, sin, layer, lora.qkv, config, [])
    q, k = by_head(qk, 1, 1).split_with_sizes([config.heads, config.kv_heads], 1)
    keys[:, :, p : p + T].copy_(k)
    values[:, :, p : p + T].copy_(by_head(v, 1, 1))
    k, v = keys[:, :, 0 : p + T], values[:, :, 0 : p + T]
    if p > 0:
        past = torch.ones([T, p + T], dtype=BOOL, device=x.device).tril(p)
        o = ops.aten.scaled_dot_product_attention(q, k, v, past, 0.0, False, scale=None, enable_gqa=True)
    else:
        o = ops.aten.scaled_dot_product_attention(q, k, v, None, 0.0, True, scale=None, enable_gqa=True)
    a = o.squeeze(0).transpose(0, 1).flatten(1, 2)
    x1, _z_o, _y_o = add_attention(x, a, layer, lora.o, [])
    h, _t1 = rms_norm(x1, layer.mlp_norm, config.eps)
    gate, up = gate_and_up(h, inputs(h, lora.gate_up, []), layer.gate_up, lora.gate_up)
    m = swiglu(gate, up)
    z = inputs(m, lora.down, [])
    if lora.down.c is not None:
        return x1 + linear(m, layer.down, None, z, lora.down)
    return linear(m, layer.down, x1, z, lora.down)


# One layer for one token, all activations vectors: the same formulas in fewer operations. Weights are read as they are
# stored; what stays is float32 where the model computes in float32.
def next_layer(
    x: Tensor,
    p: int,
    cos: Tensor,
    sin: Tensor,
    layer: Layer,
    lora: LayerLora,
    config: Config,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    h = vector_norm(x, layer.attention_norm, config.eps)
    qkv = vector_lora_(times_vector(h, layer.qkv), h, lora.qkv, layer.qkv.widths)
    bias = layer.qkv.bias
    if bias is not None:
        qkv.add_(bias)
    heads = qkv.view([1, -1, config.head_dim])
    n = config.heads + config.kv_heads
    qk = heads[:, 0:n]
    q_norm, k_norm = layer.q_norm, layer.k_norm
    if q_norm is not None and k_norm is not None:
        q, k = qk.split_with_sizes([config.heads, config.kv_heads], 1)
        q, _t = rms_norm(q, q_norm, config.eps)
        k, _t = rms_norm(k, k_norm, config.eps)
        qk = torch.cat([q, k], 1)
    qk = rope(qk, cos, sin, False)
    keys.select(2, p).copy_(qk[:, config.heads :])
    values.select(2, p).copy_(heads[:, n:])
    # the queries of a group stand where attention expects the positions of a sequence, so that no key is copied
    q = qk[:, 0 : config.heads].view([1, config.kv_heads, -1, config.head_dim])
    k, v = keys[:, :, 0 : p + 1], values[:, :, 0 : p + 1]
    a = ops.aten.scaled_dot_product_attention(q, k, v, None, 0.0, False).flatten()
    x1 = vector_lora_(times_vector(a, layer.o), a, lora.o, layer.o.widths)
    x1.add_(x)
    o_bias = layer.o.bias
    if o_bias is not None:
        x1.add_(o_bias)
    h1 = vector_norm(x1, layer.mlp_norm, config.eps)
    gate, up = vector_lora_(times_vector(h1, layer.gate_up), h1, lora.gate_up, layer.gate_up.widths).chunk(2)
    m = swiglu(gate, up)
    return vector_lora_(times_vector(m, layer.down), m, lora.down, layer.down.widths).add_(x1)


# RMSNorm of one vector.
def vector_norm(x: Tensor, w: Tensor, eps: float) -> Tensor:
    if x.is_cuda:
        y, _t = rms_norm(x.unsqueeze(0), w, eps)
        return y.squeeze(0)
    n = float(ops.aten.linalg_vector_norm(x, 2, None, False, dtype=FLOAT32))
    return (x.to(FLOAT32) * (n * n / x.size(0) + eps) ** -0.5).to(x.dtype) * w
