# A decoder of attention and a gated MLP in each layer, with LoRA, forward and backward: Llama, Mistral, Qwen, Gemma 3,
# Granite, OLMo and others, which differ in norms, windows, scales and the rotations of positions.
#
# There is no autograd here: each backward stands beside its forward and says what it is the derivative of. A name d_y
# means dL/dy. Tokens stand in rows: activations are [N, width], document after document, in attention
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

from .attention import (
    Places,
    Rotation,
    Softmax,
    angles,
    attention,
    d_attention,
    d_rotated,
    rotated,
)
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
from .mlp import d_geglu, d_swiglu, d_swiglu_lora, geglu, swiglu, swiglu_lora
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
    scale: float  # what attention's scores are multiplied with
    gelu: bool  # whether the MLP's gate is GELU's, not SiLU's
    embedding: float  # what embeddings are multiplied with
    residual: float  # what a branch is multiplied with before it is added
    window: int  # how many keys the layers with a sliding window see; 0: no such layers


# What an architecture does not have is None.
class Norms(NamedTuple):
    attention: Optional[Tensor]  # [width], before attention
    q: Optional[Tensor]  # over each head [head_dim], or over all of them [heads * head_dim]
    k: Optional[Tensor]
    attention_out: Optional[Tensor]  # [width], behind attention, before its output is added
    mlp: Optional[Tensor]  # the same around the MLP
    mlp_out: Optional[Tensor]


class Layer(NamedTuple):
    norms: Norms
    qkv: Linear  # q | k | v: [(heads + 2 * kv_heads) * head_dim, width]
    o: Linear  # [width, heads * head_dim]
    gate_up: Linear  # gate | up: [2 * inner, width]
    down: Linear  # [width, inner]
    rotary: int  # which of the model's rotary tables; -1: positions are not rotated
    window: int  # how many keys a query sees; 0: all


class Model(NamedTuple):
    config: Config
    embedding: Linear  # [vocabulary, width]
    layers: List[Layer]
    norm: Tensor  # [width]
    output: Linear  # [vocabulary, width]; may be the embedding
    rotary: List[Tensor]  # tables of cosines and signed sines, float32 [2, positions, rotated width]


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


# A batch of N tokens, document after document.
class Tokens(NamedTuple):
    ids: Tensor  # [N], int64
    positions: Tensor  # [N], int64: each token's place in its document
    starts: Tensor  # where each document begins, and the end: [documents + 1], int32
    longest: int  # the length of the longest document
    batch: int  # so many documents, all of one length; 0 where their lengths differ


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
    y_o: Optional[Tensor]  # with DoRA or a norm behind it: the output of o
    x1: Tensor  # the residual between attention and MLP
    t1: Tensor
    h1: Tensor
    z_gate_up: Tensor
    gate: Tensor  # with LoRA's products around SwiGLU: gate | up as the large product left them
    up: Tensor  # then empty
    z_down: Tensor
    y_down: Optional[Tensor]  # with DoRA or a norm behind it: the output of down


# ---- One layer: x + attention(norm(x)), then + MLP(norm(.)). Its two halves return what the backward needs as well.


# RMSNorm where there is one, and what it divided by.
def normed(x: Tensor, w: Optional[Tensor], eps: float) -> Tuple[Tensor, Tensor]:
    if w is None:
        return x, x.new_empty([0])
    return rms_norm(x, w, eps)


# onto + its derivative.
def d_normed(d_h: Tensor, x: Tensor, t: Tensor, w: Optional[Tensor], onto: Tensor) -> Tensor:
    if w is None:
        return onto + d_h
    return d_rms_norm(d_h, x, t, w, onto)


# RMSNorm of x [N, heads, head_dim] over each head or over all of them, as the width of w says.
def head_norm(x: Tensor, w: Tensor, eps: float) -> Tensor:
    if w.size(0) == x.size(2):
        y, _t = rms_norm(x, w, eps)
        return y
    y, _t = rms_norm(x.flatten(1, 2), w, eps)
    return y.unflatten(1, [-1, x.size(2)])


def d_head_norm(d_y: Tensor, x: Tensor, w: Tensor, eps: float) -> Tensor:
    if w.size(0) == x.size(2):
        _y, t = rms_norm(x, w, eps)
        return d_rms_norm(d_y.contiguous(), x, t, w)
    flat = x.flatten(1, 2)
    _y, t = rms_norm(flat, w, eps)
    return d_rms_norm(d_y.flatten(1, 2), flat, t, w).unflatten(1, [-1, x.size(2)])


# Whether a branch's output is added as it is, so that the residual can be what its last product is added to.
def plain_branch(lora: Lora, norm: Optional[Tensor], config: Config) -> bool:
    return lora.c is None and norm is None and config.residual == 1.0


# x + a branch's output y, behind its norm.
def add_branch(x: Tensor, y: Tensor, norm: Optional[Tensor], config: Config) -> Tensor:
    h, _t = normed(y, norm, config.eps)
    return x.add(h, alpha=config.residual)


# d_y of a branch from the derivative of the sum. y is needed where there is a norm.
def d_branch(d_out: Tensor, y: Optional[Tensor], norm: Optional[Tensor], config: Config) -> Tensor:
    d = d_out
    if config.residual != 1.0:
        d = d_out * config.residual
    if norm is not None and y is not None:
        _h, t = rms_norm(y, norm, config.eps)
        d = d_rms_norm(d, y, t, norm)
    return d


# From x [N, width]: q and k side by side, rotated, [N, heads + kv_heads, head_dim]; v [N, kv_heads, head_dim]; then t,
# h, z and q | k | v of Saved.
def project(
    x: Tensor, rotations: List[Rotation], layer: Layer, lora: Lora, config: Config, masks: List[Tensor]
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    h, t = normed(x, layer.norms.attention, config.eps)
    z = inputs(h, lora, masks)
    qkv = linear(h, layer.qkv, layer.qkv.bias, z, lora)
    width = (config.heads + config.kv_heads) * config.head_dim
    qk = qkv[:, 0:width].unflatten(1, [-1, config.head_dim])
    v = qkv[:, width:].unflatten(1, [-1, config.head_dim])
    # the rotated ones may take their place, unless the product's output is needed again
    again = lora.c is not None
    q_norm, k_norm = layer.norms.q, layer.norms.k
    if q_norm is not None and k_norm is not None:
        again = True
        q, k = qk.split_with_sizes([config.heads, config.kv_heads], 1)
        qk = torch.cat([head_norm(q, q_norm, config.eps), head_norm(k, k_norm, config.eps)], 1)
    return rotated(qk, rotations, layer.rotary, not again), v, t, h, z, qkv


# Whether LoRA's products around SwiGLU are computed with it: gate, up and down then have this rank.
def around_swiglu(lora: LayerLora, layer: Layer, rank: int, config: Config) -> bool:
    if rank == 0 or config.gelu or len(layer.gate_up.parts) > 0 or len(lora.down.B) == 0:
        return False
    return lora.gate_up.ranks[0] == rank and lora.gate_up.ranks[1] == rank and lora.down.ranks[0] == rank


# The residual behind attention, from the layer's input x [N, width] and the heads' outputs a [N, heads * head_dim]; then
# z_o and y_o of Saved.
def add_attention(
    x: Tensor, a: Tensor, layer: Layer, lora: Lora, config: Config, masks: List[Tensor]
) -> Tuple[Tensor, Tensor, Optional[Tensor]]:
    z = inputs(a, lora, masks)
    bias = layer.o.bias
    if not plain_branch(lora, layer.norms.attention_out, config):
        y = linear(a, layer.o, bias, z, lora)
        return add_branch(x, y, layer.norms.attention_out, config), z, y
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
    qk, v, t, h, z, qkv = project(x, at.rotations, layer, lora.qkv, config, masks.qkv)
    q, k = qk.split_with_sizes([config.heads, config.kv_heads], 1)
    o, softmax = attention(q, k, v, at, layer.window, config.scale)
    x1, z_o, y_o = add_attention(x, o.flatten(1, 2), layer, lora.o, config, masks.o)
    h1, t1 = normed(x1, layer.norms.mlp, config.eps)
    z_gate_up = inputs(h1, lora.gate_up, masks.gate_up)
    if around_swiglu(lora, layer, around, config):
        gate, up = h1.mm(layer.gate_up.weight.t()), none
        B, s = lora.gate_up.B, lora.gate_up.scales
        m, z_down = swiglu_lora(gate, z_gate_up, B[0], B[1], lora.down.A, s[0], s[1])
    else:
        gate, up = gate_and_up(h1, z_gate_up, layer.gate_up, lora.gate_up)
        m = geglu(gate, up) if config.gelu else swiglu(gate, up)
        z_down = inputs(m, lora.down, masks.down)
    out, y_down = add_mlp(x1, m, z_down, layer, lora.down, config)
    return out, Saved(x, t, h, z, qkv, qk, v, o, softmax, z_o, y_o, x1, t1, h1, z_gate_up, gate, up, z_down, y_down)


# The residual behind the MLP, from the one before it x1 [N, width] and the gated activations m [N, inner]; then y_down of
# Saved.
def add_mlp(
    x1: Tensor, m: Tensor, z: Tensor, layer: Layer, lora: Lora, config: Config
) -> Tuple[Tensor, Optional[Tensor]]:
    if plain_branch(lora, layer.norms.mlp_out, config):
        return linear(m, layer.down, x1, z, lora), None
    y = linear(m, layer.down, None, z, lora)
    return add_branch(x1, y, layer.norms.mlp_out, config), y


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
    y_down = saved.y_down
    d_y = d_branch(d_out, y_down, layer.norms.mlp_out, config)
    if y_down is not None:
        d_y = d_magnitude(d_y, y_down, None, lora.down, layer.down.widths, G.down)
    d_z_down = d_z([d_y], saved.z_down, lora.down, G.down)
    if around_swiglu(lora, layer, around, config):
        B, s, d_B = lora.gate_up.B, lora.gate_up.scales, G.gate_up.B
        d_m = d_y.mm(layer.down.weight)
        d_gu, d_z_gate_up = d_swiglu_lora(
            d_m, gate, saved.z_gate_up, d_z_down, B[0], B[1], lora.down.A, s[0], s[1], d_B[0], d_B[1], G.down.A
        )
        d_ys = [d_gu]
    else:
        dora = lora.gate_up.c is not None
        d_m = d_x([d_y], layer.down.weight, d_z_down, lora.down, masks.down)
        d_gate, d_up, m = d_geglu(d_m, gate, up) if config.gelu else d_swiglu(d_m, gate, up, not dora)
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
    d_x1 = d_normed(d_h1, saved.x1, saved.t1, layer.norms.mlp, d_out)
    # Attention
    y_o = saved.y_o
    d_y_o = d_branch(d_x1, y_o, layer.norms.attention_out, config)
    if y_o is not None:
        d_y_o = d_magnitude(d_y_o, y_o, layer.o.bias, lora.o, layer.o.widths, G.o)
    d_z_o = d_z([d_y_o], saved.z_o, lora.o, G.o)
    d_a = d_x([d_y_o], layer.o.weight, d_z_o, lora.o, masks.o)
    d_A(d_z_o, saved.o.flatten(1, 2), lora.o, masks.o, G.o)
    q, k = saved.qk.split_with_sizes([config.heads, config.kv_heads], 1)
    d_o = d_a.unflatten(1, [-1, config.head_dim])
    d_q, d_k, d_v = d_attention(d_o, q, k, saved.v, saved.o, saved.softmax, at, layer.window, config.scale)
    d_heads = d_rotated(d_q, d_k, d_v, at.rotations, layer.rotary)
    q_norm, k_norm = layer.norms.q, layer.norms.k
    if q_norm is not None and k_norm is not None:
        heads = [config.heads, config.kv_heads, config.kv_heads]
        d_q, d_k, d_v = d_heads.split_with_sizes(heads, 1)
        q, k, _v = saved.qkv.unflatten(1, [-1, config.head_dim]).split_with_sizes(heads, 1)
        d_q = d_head_norm(d_q, q, q_norm, config.eps)
        d_k = d_head_norm(d_k, k, k_norm, config.eps)
        d_heads = torch.cat([d_q, d_k, d_v], 1)
    d_qkv = d_heads.flatten(1, 2)
    d_qkv = d_magnitude(d_qkv, saved.qkv, layer.qkv.bias, lora.qkv, layer.qkv.widths, G.qkv)
    d_z_qkv = d_z(d_qkv.split_with_sizes(layer.qkv.widths, 1), saved.z, lora.qkv, G.qkv)
    d_h = d_x([d_qkv], layer.qkv.weight, d_z_qkv, lora.qkv, masks.qkv)
    d_A(d_z_qkv, saved.h, lora.qkv, masks.qkv, G.qkv)
    return d_normed(d_h, saved.x, saved.t, layer.norms.attention, d_x1)


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
        layer.norms,
        expanded(layer.qkv, like, qkv),
        expanded(layer.o, like, o),
        expanded(layer.gate_up, like, gate_up),
        expanded(layer.down, like, down),
        layer.rotary,
        layer.window,
    )


# Where a batch's tokens stand. cuDNN prepares itself for each length, which takes a while, so it gets those that come
# again.
def places(model: Model, tokens: Tokens, like: Tensor, cudnn: bool) -> Places:
    rotations = angles(model.rotary, tokens.positions, like)
    return Places(rotations, tokens.starts, tokens.longest, tokens.batch, cudnn and tokens.longest % 128 == 0)


# The embeddings of tokens, [N, width]. What they are multiplied with has their type, as in Transformers.
def embedded(model: Model, ids: Tensor) -> Tensor:
    x = rows_of(model.embedding, ids.flatten(), model.norm)
    if model.config.embedding != 1.0:
        x = x * torch.full([1], model.config.embedding, dtype=x.dtype, device=x.device)
    return x


# The last hidden states of all tokens, [N, width]. adapter has the factors of each layer, or none at all.
def hidden_states(model: Model, adapter: List[LayerLora], tokens: Tokens, cudnn: bool) -> Tensor:
    x = embedded(model, tokens.ids)
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
    x = embedded(model, tokens.ids)
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
