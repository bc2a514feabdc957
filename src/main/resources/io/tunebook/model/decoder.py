# The decoder of Llama, Mistral, Qwen2 and Qwen3 with LoRA, forward and backward.
#
# There is no autograd here: each backward stands beside its forward and says what it is the derivative of. A name d_y
# means dL/dy. Tokens stand in rows: activations are [N, width] with N = batch * length, in attention
# [N, heads, head_dim]. Weights are [out, in] as in the checkpoints, and y = x W^T.
#
# Written for few and large kernels: a residual or a bias is what a product is added to, LoRA's products are added in
# place, and what a norm divided by is kept.
#
# It is Python with PyTorch, and also what TorchScript's importer takes: the loader (TorchScript.java) leaves the imports
# out, puts numbers for types of tensors, and makes each function a method of the module at the end of module.py. So
# types are declared, and a name is used for one type only.
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from .attention import Places, Softmax, angles, attention, d_attention, d_rope, document_mask, rope
from .lora import (
    Lora,
    adapted_width,
    d_A,
    d_magnitude,
    d_x,
    d_z,
    dora_scale,
    factor_sizes,
    inputs,
    linear,
    loras_of,
    shaped,
)
from .loss import cross_entropy
from .mlp import d_swiglu, d_swiglu_lora, swiglu, swiglu_lora
from .norm import d_rms_norm, rms_norm
from .quantized import Linear, dense, expanded, rows_of, targets_of, times_stored
from .dtypes import FLOAT32, INT32

# ---- The model


class Config(NamedTuple):
    heads: int
    kv_heads: int
    head_dim: int
    eps: float  # what RMSNorm adds to the mean square
    chunk: int  # for so many positions at a time logits are made


class Layer(NamedTuple):
    attention_norm: Tensor  # [width]
    qkv: Linear  # q | k | v: [(heads + 2 * kv_heads) * head_dim, width]
    q_norm: Optional[Tensor]  # [head_dim], where the architecture has it
    k_norm: Optional[Tensor]
    o: Linear  # [width, heads * head_dim]
    mlp_norm: Tensor  # [width]
    gate_up: Linear  # gate | up: [2 * inner, width]
    down: Linear  # [width, inner]


class Model(NamedTuple):
    config: Config
    embedding: Linear  # [vocabulary, width]
    layers: List[Layer]
    norm: Tensor  # [width]
    output: Linear  # [vocabulary, width]; may be the embedding
    rotary: Tensor  # cosines and signed sines, float32 [2, positions, head_dim]


# LoRA's factors of a layer's four products, or their gradients.
class LayerLora(NamedTuple):
    qkv: Lora
    o: Lora
    gate_up: Lora
    down: Lora


# Dropout's masks [N, in] of each product's targets; none without dropout.
class Masks(NamedTuple):
    qkv: List[Tensor]
    o: List[Tensor]
    gate_up: List[Tensor]
    down: List[Tensor]


# A batch of B rows of T tokens.
class Tokens(NamedTuple):
    ids: Tensor  # [B, T], int64
    positions: Tensor  # [B, T], int64: each token's place in its document
    documents: Tensor  # [B, T], int64: which document each token is of; empty if each row is one
    starts: Tensor  # where each document begins among all tokens, and the end: [documents + 1], int32
    longest: int  # the length of the longest document


# What counts for the loss.
class Labels(NamedTuple):
    at: Tensor  # the places among all tokens whose next token counts, int64
    targets: Tensor  # that token


# What a layer's backward needs of its forward.
class Saved(NamedTuple):
    x: Tensor  # the layer's input, [N, width]
    t: Tensor  # what its norm divided by
    h: Tensor  # the norm's output
    z: Tensor  # LoRA's h A^T of q, k, v
    qkv: Tensor  # what the product left
    qk: Tensor  # q and k side by side, rotated, [N, heads + kv_heads, head_dim]
    v: Tensor  # [N, kv_heads, head_dim]
    o: Tensor  # the heads' outputs, [N, heads, head_dim]
    softmax: Softmax
    z_o: Tensor
    y_o: Optional[Tensor]  # with DoRA: the output of o
    x1: Tensor  # the residual between attention and MLP
    t1: Tensor
    h1: Tensor
    z_gate_up: Tensor
    gate: Tensor  # with LoRA's products around SwiGLU: gate | up as the large product left them
    up: Tensor  # then empty
    z_down: Tensor
    y_down: Optional[Tensor]  # with DoRA: the output of down


# ---- One layer: x + attention(norm(x)), then + MLP(norm(.)). Its two halves return what the backward needs as well.


# From x [N, width]: q and k side by side, rotated, [N, heads + kv_heads, head_dim]; v [N, kv_heads, head_dim]; then t,
# h, z and q | k | v of Saved.
def project(
    x: Tensor, cos: Tensor, sin: Tensor, layer: Layer, lora: Lora, config: Config, masks: List[Tensor]
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    h, t = rms_norm(x, layer.attention_norm, config.eps)
    z = inputs(h, lora, masks)
    qkv = linear(h, layer.qkv, layer.qkv.bias, z, lora)
    width = (config.heads + config.kv_heads) * config.head_dim
    qk = qkv[:, 0:width].unflatten(1, [-1, config.head_dim])
    v = qkv[:, width:].unflatten(1, [-1, config.head_dim])
    # the rotated ones may take their place, unless the product's output is needed again
    again = lora.c is not None
    q_norm, k_norm = layer.q_norm, layer.k_norm
    if q_norm is not None and k_norm is not None:
        again = True
        q, k = qk.split_with_sizes([config.heads, config.kv_heads], 1)
        q, _t = rms_norm(q, q_norm, config.eps)
        k, _t = rms_norm(k, k_norm, config.eps)
        qk = torch.cat([q, k], 1)
    return rope(qk, cos, sin, not again), v, t, h, z, qkv


# Whether LoRA's products around SwiGLU are computed with it: gate, up and down then have this rank.
def around_swiglu(lora: LayerLora, layer: Layer, rank: int) -> bool:
    if rank == 0 or len(layer.gate_up.parts) > 0 or len(lora.down.B) == 0:
        return False
    return lora.gate_up.ranks[0] == rank and lora.gate_up.ranks[1] == rank and lora.down.ranks[0] == rank


# The residual behind attention, from the layer's input x [N, width] and the heads' outputs a [N, heads * head_dim]; then
# z_o and y_o of Saved.
def add_attention(
    x: Tensor, a: Tensor, layer: Layer, lora: Lora, masks: List[Tensor]
) -> Tuple[Tensor, Tensor, Optional[Tensor]]:
    z = inputs(a, lora, masks)
    bias = layer.o.bias
    if lora.c is not None:
        y = linear(a, layer.o, bias, z, lora)
        return x + y, z, y
    x1 = linear(a, layer.o, x, z, lora)
    if bias is not None:
        x1.add_(bias)
    return x1, z, None


# Forward through one layer: its output [N, width], and what the backward needs. around is the rank whose products
# around SwiGLU are computed with it; 0: none.
def run_layer(
    x: Tensor, at: Places, layer: Layer, lora: LayerLora, config: Config, masks: Masks, around: int
) -> Tuple[Tensor, Saved]:
    none = x.new_empty([0])
    qk, v, t, h, z, qkv = project(x, at.cos, at.sin, layer, lora.qkv, config, masks.qkv)
    q, k = qk.split_with_sizes([config.heads, config.kv_heads], 1)
    o, softmax = attention(q, k, v, at)
    x1, z_o, y_o = add_attention(x, o.flatten(1, 2), layer, lora.o, masks.o)
    h1, t1 = rms_norm(x1, layer.mlp_norm, config.eps)
    z_gate_up = inputs(h1, lora.gate_up, masks.gate_up)
    if around_swiglu(lora, layer, around):
        gate, up = h1.mm(layer.gate_up.weight.t()), none
        B, s = lora.gate_up.B, lora.gate_up.scales
        m, z_down = swiglu_lora(gate, z_gate_up, B[0], B[1], lora.down.A, s[0], s[1])
    else:
        gate, up = gate_and_up(h1, z_gate_up, layer.gate_up, lora.gate_up)
        m = swiglu(gate, up)
        z_down = inputs(m, lora.down, masks.down)
    y_down: Optional[Tensor] = None
    if lora.down.c is not None:
        y = linear(m, layer.down, None, z_down, lora.down)
        out = x1 + y
        y_down = y
    else:
        out = linear(m, layer.down, x1, z_down, lora.down)
    return out, Saved(x, t, h, z, qkv, qk, v, o, softmax, z_o, y_o, x1, t1, h1, z_gate_up, gate, up, z_down, y_down)


# The MLP's two products one by one, [N, inner] each, so that they lie apart.
def gate_and_up(h: Tensor, z: Tensor, W: Linear, lora: Lora) -> Tuple[Tensor, Tensor]:
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
    # MLP
    gate, up = saved.gate, saved.up
    d_y = d_out
    y_down = saved.y_down
    if y_down is not None:
        d_y = d_magnitude(d_out, y_down, None, lora.down, layer.down.widths, G.down)
    d_z_down = d_z([d_y], saved.z_down, lora.down, G.down)
    if around_swiglu(lora, layer, around):
        B, s, d_B = lora.gate_up.B, lora.gate_up.scales, G.gate_up.B
        d_m = d_y.mm(layer.down.weight)
        d_gu, d_z_gate_up = d_swiglu_lora(
            d_m, gate, saved.z_gate_up, d_z_down, B[0], B[1], lora.down.A, s[0], s[1], d_B[0], d_B[1], G.down.A
        )
        d_ys = [d_gu]
    else:
        dora = lora.gate_up.c is not None
        d_m = d_x([d_y], layer.down.weight, d_z_down, lora.down, masks.down)
        d_gate, d_up, m = d_swiglu(d_m, gate, up, not dora)
        d_A(d_z_down, m, lora.down, masks.down, G.down)
        if dora:
            d_both = torch.cat([d_gate, d_up], 1)
            both = torch.cat([gate, up], 1)
            d_both = d_magnitude(d_both, both, None, lora.gate_up, layer.gate_up.widths, G.gate_up)
            d_gate, d_up = d_both.chunk(2, 1)
        d_ys = [d_gate, d_up]
        d_z_gate_up = d_z(d_ys, saved.z_gate_up, lora.gate_up, G.gate_up)
    d_h1 = d_x(d_ys, layer.gate_up.weight, d_z_gate_up, lora.gate_up, masks.gate_up)
    d_A(d_z_gate_up, saved.h1, lora.gate_up, masks.gate_up, G.gate_up)
    d_x1 = d_rms_norm(d_h1, saved.x1, saved.t1, layer.mlp_norm, d_out)
    # Attention
    d_y_o = d_x1
    y_o = saved.y_o
    if y_o is not None:
        d_y_o = d_magnitude(d_x1, y_o, layer.o.bias, lora.o, layer.o.widths, G.o)
    d_z_o = d_z([d_y_o], saved.z_o, lora.o, G.o)
    d_a = d_x([d_y_o], layer.o.weight, d_z_o, lora.o, masks.o)
    d_A(d_z_o, saved.o.flatten(1, 2), lora.o, masks.o, G.o)
    q, k = saved.qk.split_with_sizes([config.heads, config.kv_heads], 1)
    d_o = d_a.unflatten(1, [-1, config.head_dim])
    d_q, d_k, d_v = d_attention(d_o, q, k, saved.v, saved.o, saved.softmax, at)
    d_heads = d_rope(d_q, d_k, d_v, at.cos, at.sin)
    q_norm, k_norm = layer.q_norm, layer.k_norm
    if q_norm is not None and k_norm is not None:
        heads = [config.heads, config.kv_heads, config.kv_heads]
        d_q, d_k, d_v = d_heads.split_with_sizes(heads, 1)
        q, k, _v = saved.qkv.unflatten(1, [-1, config.head_dim]).split_with_sizes(heads, 1)
        _q, t_q = rms_norm(q, q_norm, config.eps)
        _k, t_k = rms_norm(k, k_norm, config.eps)
        d_q = d_rms_norm(d_q.contiguous(), q, t_q, q_norm)
        d_k = d_rms_norm(d_k.contiguous(), k, t_k, k_norm)
        d_heads = torch.cat([d_q, d_k, d_v], 1)
    d_qkv = d_heads.flatten(1, 2)
    d_qkv = d_magnitude(d_qkv, saved.qkv, layer.qkv.bias, lora.qkv, layer.qkv.widths, G.qkv)
    d_z_qkv = d_z(d_qkv.split_with_sizes(layer.qkv.widths, 1), saved.z, lora.qkv, G.qkv)
    d_h = d_x([d_qkv], layer.qkv.weight, d_z_qkv, lora.qkv, masks.qkv)
    d_A(d_z_qkv, saved.h, lora.qkv, masks.qkv, G.qkv)
    return d_rms_norm(d_h, saved.x, saved.t, layer.attention_norm, d_x1)


# ---- LoRA's factors in the one flat array that holds them all


# Layer by layer: A of q | k | v, B of each; A and B of o; A of gate | up, B of each; A and B of down; then DoRA's
# magnitudes of these four. ranks and scales are those of q, k, v, o, gate, up, down, layer by layer; none: no factors.
def factors(layers: List[Layer], flat: Tensor, ranks: List[int], scales: List[float], dora: bool) -> List[LayerLora]:
    found: List[LayerLora] = []
    if len(ranks) == 0:
        return found
    sizes: List[int] = []
    first = 0
    for layer in layers:
        widths: List[int] = []
        for W in [layer.qkv, layer.o, layer.gate_up, layer.down]:
            r = ranks[first : first + len(W.widths)]
            sizes.extend(factor_sizes(W, r))
            widths.append(adapted_width(W, r) if dora else 0)
            first += len(W.widths)
        sizes.extend(widths)
    pieces = flat.split_with_sizes(sizes)
    first = 0
    at = 0
    for layer in layers:
        of_layer: List[Lora] = []
        products = [layer.qkv, layer.o, layer.gate_up, layer.down]
        magnitudes = at
        for W in products:
            magnitudes += 1 + len(W.widths)
        for i, W in enumerate(products):
            n = len(W.widths)
            r, s = ranks[first : first + n], scales[first : first + n]
            of_layer.append(shaped(W, pieces[at : at + 1 + n], pieces[magnitudes + i], r, s))
            first += n
            at += 1 + n
        at += 4
        found.append(LayerLora(of_layer[0], of_layer[1], of_layer[2], of_layer[3]))
    return found


# Factors ready to compute with: in the model's type, and with DoRA's c.
def adapter_of(model: Model, flat: Tensor, ranks: List[int], scales: List[float], dora: bool) -> List[LayerLora]:
    cut = factors(model.layers, flat.to(model.norm.dtype), ranks, scales, dora)
    if not dora:
        return cut
    ready: List[LayerLora] = []
    for layer, lora in zip(model.layers, cut):
        ready.append(
            LayerLora(
                with_scale(layer.qkv, lora.qkv),
                with_scale(layer.o, lora.o),
                with_scale(layer.gate_up, lora.gate_up),
                with_scale(layer.down, lora.down),
            )
        )
    return ready


def with_scale(W: Linear, lora: Lora) -> Lora:
    return Lora(lora.A, lora.B, lora.ranks, lora.scales, lora.magnitude, dora_scale(W, lora))


# Of a model that is not adapted.
def no_lora(like: Tensor) -> LayerLora:
    none = Lora(like.new_empty([0]), [], [], [], None, None)
    return LayerLora(none, none, none, none)


def no_masks() -> Masks:
    return Masks([], [], [], [])


# Numbers from a counter: each element's place and two keys decide it, so that devices that compute at the same time do not
# depend on each other. int32 [count], each value as likely as another. Two rounds of the hash "lowbias32"
# (https://nullprogram.com/blog/2018/07/31/); shifts of int32 copy the sign, hence the ands.
def counted(count: int, keys: List[int], like: Tensor) -> Tensor:
    x = torch.arange(count, dtype=INT32, device=like.device)
    for key in keys:
        x = x.bitwise_xor_(key)
        x = x.bitwise_xor_(x.bitwise_right_shift(16).bitwise_and_(65535)).mul_(2146121005)
        x = x.bitwise_xor_(x.bitwise_right_shift(15).bitwise_and_(131071)).mul_(-2073254261)
        x = x.bitwise_xor_(x.bitwise_right_shift(16).bitwise_and_(65535))
    return x


# Masks of a product's targets for N rows: 0 with probability dropout, else 1 / (1 - dropout). Each target takes two keys
# from first on.
def drop(W: Linear, n: int, like: Tensor, dropout: float, keys: List[int], first: int) -> List[Tensor]:
    masks: List[Tensor] = []
    least = int(dropout * 4294967296.0) - 2147483648
    for i in range(len(W.widths)):
        x = counted(n * W.columns, keys[first + 2 * i : first + 2 * i + 2], like)
        masks.append(x.ge(least).to(like.dtype).div_(1.0 - dropout).view(n, W.columns))
    return masks


# ---- The whole model


# A layer whose weights are in the type that the model computes in; what is expanded takes the places of old's.
def dense_layer(layer: Layer, like: Tensor, old: Optional[Layer]) -> Layer:
    qkv: Optional[Linear] = None
    o: Optional[Linear] = None
    gate_up: Optional[Linear] = None
    down: Optional[Linear] = None
    if old is not None:
        qkv, o, gate_up, down = old.qkv, old.o, old.gate_up, old.down
    return Layer(
        layer.attention_norm,
        expanded(layer.qkv, like, qkv),
        layer.q_norm,
        layer.k_norm,
        expanded(layer.o, like, o),
        layer.mlp_norm,
        expanded(layer.gate_up, like, gate_up),
        expanded(layer.down, like, down),
    )


# Where a batch's tokens stand. cuDNN prepares itself for each length, which takes a while, so it gets those that come
# again.
def places(model: Model, tokens: Tokens, like: Tensor, cudnn: bool) -> Places:
    cos, sin = angles(model.rotary, tokens.positions, like).unbind()
    mask = document_mask(tokens.documents, like)
    batch, length = tokens.ids.size(0), tokens.ids.size(1)
    return Places(cos, sin, mask, tokens.starts, tokens.longest, batch, cudnn and length % 128 == 0)


# The last hidden states of all tokens, [N, width]. adapter has the factors of each layer, or none at all.
def hidden_states(model: Model, adapter: List[LayerLora], tokens: Tokens, cudnn: bool) -> Tensor:
    x = rows_of(model.embedding, tokens.ids.flatten(), model.norm)
    at = places(model, tokens, x, cudnn)
    none = no_lora(x)
    for i, layer in enumerate(model.layers):
        lora = adapter[i] if len(adapter) > 0 else none
        # a CPU expands some rows at a time as they are multiplied
        ready = dense_layer(layer, x, None) if x.is_cuda else layer
        x, _saved = run_layer(x, at, ready, lora, model.config, no_masks(), 0)
    h, _t = rms_norm(x, model.norm, model.config.eps)
    return h


# Logits of hidden states [N, width]: float32 [N, vocabulary].
def head(model: Model, h: Tensor) -> Tensor:
    if len(model.output.parts) > 0:
        return times_stored(h, model.output.parts).to(FLOAT32)
    return h.mm(model.output.weight.t()).to(FLOAT32)


# The summed loss of the positions that have labels, float32 [1].
def summed_loss(model: Model, adapter: List[LayerLora], tokens: Tokens, labels: Labels, cudnn: bool) -> Tensor:
    h = hidden_states(model, adapter, tokens, cudnn).index_select(0, labels.at)
    total, _d_h = cross_entropy(h, dense(model.output, h, None), labels.targets, model.config.chunk, False)
    return total


# One micro batch forward and backward: the sum of losses, float32 [1], and its derivative by the flat factors, in the
# model's type. dropout is the probability to drop, and keys decide what is dropped, 14 for each layer. With
# checkpointing only the layers' inputs are kept, and each layer's forward is computed once more.
def loss_and_gradient(
    model: Model,
    tokens: Tokens,
    labels: Labels,
    flat: Tensor,
    ranks: List[int],
    scales: List[float],
    dora: bool,
    dropout: float,
    keys: List[int],
    checkpointing: bool,
    around: int,
    cudnn: bool,
) -> Tuple[Tensor, Tensor]:
    config = model.config
    adapter = adapter_of(model, flat, ranks, scales, dora)
    x = rows_of(model.embedding, tokens.ids.flatten(), model.norm)
    at = places(model, tokens, x, cudnn)
    n = x.size(0)
    masks: List[Masks] = []
    inputs_of_layers: List[Tensor] = []
    saved: List[Saved] = []
    ready: Optional[Layer] = None
    for i, (stored, lora) in enumerate(zip(model.layers, adapter)):
        layer = dense_layer(stored, x, ready)
        ready = layer
        mask = no_masks()
        if dropout > 0.0:
            mask = Masks(
                drop(layer.qkv, n, x, dropout, keys, 14 * i),
                drop(layer.o, n, x, dropout, keys, 14 * i + 6),
                drop(layer.gate_up, n, x, dropout, keys, 14 * i + 8),
                drop(layer.down, n, x, dropout, keys, 14 * i + 12),
            )
        masks.append(mask)
        if checkpointing:
            inputs_of_layers.append(x)
            x, _s = run_layer(x, at, layer, lora, config, mask, around)
        else:
            x, s = run_layer(x, at, layer, lora, config, mask, around)
            saved.append(s)
    y, t = rms_norm(x, model.norm, config.eps)
    h = y.index_select(0, labels.at)
    total, d_h = cross_entropy(h, dense(model.output, h, None), labels.targets, config.chunk, True)
    d_y = torch.zeros_like(x)
    d_y.index_copy_(0, labels.at, d_h)
    d = d_rms_norm(d_y, x, t, model.norm)
    gradients = torch.empty_like(flat, dtype=x.dtype)
    G = factors(model.layers, gradients, ranks, scales, dora)
    for i in range(len(model.layers)):
        l = len(model.layers) - 1 - i
        layer = dense_layer(model.layers[l], x, ready)
        ready = layer
        if checkpointing:
            _x, s = run_layer(inputs_of_layers.pop(), at, layer, adapter[l], config, masks[l], around)
        else:
            s = saved.pop()
        d = d_layer(d, s, at, layer, adapter[l], G[l], config, masks[l], around)
    return total, gradients
