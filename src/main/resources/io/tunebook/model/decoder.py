# A decoder with LoRA, forward and backward. Each layer has attention, or Gated DeltaNet, and a gated MLP, or experts:
# Llama, Mistral, Qwen, Gemma 3, Granite, OLMo and others, which differ in norms, windows, scales and rotations.
#
# There is no autograd here: each backward stands beside its forward and says what it is the derivative of. A name d_y
# means dL/dy. Tokens stand in rows: activations are [N, width], document after document, in attention
# [N, heads, head_dim]. Weights are [out, in] as in the checkpoints, and y = x W^T.
#
# What one layer computes from its input x [N, width], without what only some families have: biases, norms of q and k,
# norms behind a half, gates (layer.py has the code):
#   h = norm(x)                                   [N, width]
#   q | k | v = h Wqkv^T + LoRA                   one product for the three: [N, (heads + 2 * kv_heads) * head_dim]
#   q, k = rotated(q), rotated(k)                 by the angles of each token's position, head by head
#   o = softmax(scale q k^T) v                    causal, within the token's document: [N, heads, head_dim]
#   x1 = x + o Wo^T + LoRA                        [N, width]
#   h1 = norm(x1)
#   gate | up = h1 Wgu^T + LoRA                   [N, 2 * inner]
#   x2 = x1 + (silu(gate) * up) Wdown^T + LoRA    [N, width], the next layer's input
# "+ LoRA" is + s (x A^T) B^T, with x the product's input: A is [rank, in], B is [out, rank], s is alpha / rank. Some
# layers have something else in one half: Gated DeltaNet (delta.py) in the place of q, k, v's rotation and softmax, or
# a mixture of experts (experts.py) in the place of gate, up and down.
# Behind the last layer: logits = norm(x) Woutput^T, and the loss is the sum of -log softmax(logits)[target].
#
# Here is the whole pass; layer.py has one layer, heads.py the norms and rotations of its q and k, records.py what it
# is made of, adapter.py the factors of all. From the other files, what is read here:
#   Linear      the weight of one product: .weight [out, in] in the type that the model computes in; or .parts, the
#               same weight as its file stores it (GGUF's blocks, eight bits), and then .weight is empty
#   Config      the numbers of the architecture: heads, eps, scales
#   Layer       the weights of one layer: norms, qkv, o, gate_up, down, and what it has in their places
#   LayerLora   the factors A and B of a layer's products, or, as G, the derivatives by them
#   Masks       dropout's masks of a layer's products; empty lists without dropout
#   Saved       what a layer's forward keeps for its backward
# Functions that need a type and a device take a tensor "like" which has them. model.norm is one: it is in the type
# that the model computes in, which the embedding, as stored, may not be.
#
# It is Python with PyTorch, and also what TorchScript's importer takes: the loader (ScriptText.java) leaves the
# imports out, puts numbers for types of tensors, and makes each function a method of the module at the end of
# module.py. So types are declared, and a name is used for one type only.
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from .adapter import adapter_of, factors, keys_of, masks_of, no_lora, no_masks
from .attention import Places
from .dtypes import FLOAT32
from .layer import d_layer, run_layer
from .loss import cross_entropy
from .norm import d_rms_norm, rms_norm
from .quantized import Linear, dense, expanded, rows_of, times_stored
from .records import Config, Layer, LayerLora, Masks, Saved
from .rotary import angles


class Model(NamedTuple):
    config: Config
    embedding: Linear  # [vocabulary, width]
    layers: List[Layer]
    norm: Tensor  # [width], the last one's weight, in the type that the model computes in
    output: Linear  # [vocabulary, width]; may be the embedding
    rotary: List[Tensor]  # tables of cosines and signed sines, float32 [2, positions, rotated width]


# A batch of N tokens, document after document.
class Tokens(NamedTuple):
    ids: Tensor  # [N], int64
    positions: Tensor  # [N], int64: each token's place in its document
    starts: Tensor  # where each document begins, and the end: [documents + 1], int32
    longest: int  # the length of the longest document
    batch: int  # so many documents, all of one length; 0 where their lengths differ


# What counts for the loss.
class Labels(NamedTuple):
    label_positions: Tensor  # [labels], int64: the places among all N tokens whose next token counts
    targets: Tensor  # [labels], int64: that token; -1 does not count


# A layer whose products have .weight in the type of like: expanded(W, like, old) returns W itself where it is ready,
# else a product whose weight is expanded from its .parts. It is written to the memory of old's weight, if old has the
# same shape: old is the layer before, which is not used any more. None: to memory of its own. Norms are always ready,
# and weights in eight bits stay as they are, since they are multiplied so.
def dense_layer(layer: Layer, like: Tensor, old: Optional[Layer]) -> Layer:
    qkv: Optional[Linear] = None
    o: Optional[Linear] = None
    gate_up: Optional[Linear] = None
    down: Optional[Linear] = None
    if old is not None:
        qkv, o, gate_up, down = old.qkv, old.o, old.gate_up, old.down
    return Layer(
        norms=layer.norms,  # the weights of the layer's norms, [width] or [head_dim] each
        qkv=expanded(layer.qkv, like, qkv),
        o=expanded(layer.o, like, o),
        gate_up=expanded(layer.gate_up, like, gate_up),
        down=expanded(layer.down, like, down),
        experts_gate_up=layer.experts_gate_up,  # what LoRA's factors of all experts are like
        experts_down=layer.experts_down,
        rotary=layer.rotary,  # which of the model's rotary tables; -1: positions are not rotated
        window=layer.window,  # how many keys a query sees; 0: all
        experts=layer.experts,  # in the place of the MLP, or None; expanded when they are used
        sinks=layer.sinks,  # [heads], one more score beside those of the keys, or None
        delta=layer.delta,  # Gated DeltaNet in the place of attention, or None
    )


# The rotary tables for documents of at most so many tokens: beyond config.longer the second takes the first one's
# place.
def tables_for(model: Model, longest: int) -> List[Tensor]:
    longer = model.config.longer > 0 and longest > model.config.longer
    return model.rotary[1:] if longer else model.rotary


# Where a batch's tokens stand, which is the same for all layers. angles gives, for each rotary table, the cosines and
# sines of the tokens' positions in the type of like, [N, 1, rotated width] each. cudnn says whether cuDNN's attention
# may be used; it prepares itself for each length, which takes a while, so it gets those that come again. deterministic
# says whether the backward must give the same bits each time.
def places(model: Model, tokens: Tokens, like: Tensor, cudnn: bool, deterministic: bool) -> Places:
    rotations = angles(tables_for(model, tokens.longest), model.config.neighbours, tokens.positions, like)
    return Places(
        rotations=rotations,
        starts=tokens.starts,
        longest=tokens.longest,
        batch=tokens.batch,
        cudnn=cudnn and tokens.longest % 128 == 0,
        deterministic=deterministic,
    )


# The embeddings of tokens, ids [N] or [1, N]: [N, width] in the type of model.norm. What they are multiplied with has
# their type, as in Transformers.
def embedded(model: Model, ids: Tensor) -> Tensor:
    x = rows_of(model.embedding, ids.flatten(), model.norm)
    if model.config.embedding != 1.0:
        x = x * torch.full([1], model.config.embedding, dtype=x.dtype, device=x.device)
    return x


# The last hidden states of all tokens, behind the last norm: [N, width]. adapter has the factors of each layer, or none
# at all; no_lora then says the same for one layer. Nothing is kept for a backward.
def hidden_states(model: Model, adapter: List[LayerLora], tokens: Tokens, cudnn: bool) -> Tensor:
    x = embedded(model, tokens.ids)
    at = places(model, tokens, x, cudnn, False)
    none = no_lora(x)
    for i, layer in enumerate(model.layers):
        lora = adapter[i] if len(adapter) > 0 else none
        # a CPU expands some rows at a time as they are multiplied
        ready = dense_layer(layer, x, None) if x.is_cuda else layer
        x, _saved = run_layer(x, at, ready, lora, model.config, masks=no_masks(), around=0)
    h, _t = rms_norm(x, model.norm, model.config.eps)  # _t is what the backward of the norm would need
    return h


# Logits of hidden states [N, width]: float32 [N, vocabulary]. times_stored multiplies with a weight as it is stored,
# and expands some of its rows at a time.
def head(model: Model, h: Tensor) -> Tensor:
    if len(model.output.parts) > 0:
        return times_stored(h, model.output.parts).to(FLOAT32)
    return h.mm(model.output.weight.t()).to(FLOAT32)


# The summed loss of the positions that have labels, float32 [1]. cross_entropy makes config.chunk rows of logits at a
# time; dense is the output's weight in the type of h.
def summed_loss(model: Model, adapter: List[LayerLora], tokens: Tokens, labels: Labels, cudnn: bool) -> Tensor:
    h = hidden_states(model, adapter, tokens, cudnn).index_select(0, labels.label_positions)
    W = dense(model.output, h, room=None)
    total, _d_h = cross_entropy(h, W, labels.targets, model.config.chunk, backward=False)
    return total


# One micro batch forward and backward: the sum of losses, float32 [1], and its derivative by the flat factors, which
# has their shape [all factors' elements] and the model's type. The weights are frozen and have no derivative.
#   flat          the factors, float32, layer by layer: A of q | k | v, B of each; A and B of o; A of gate | up, B of
#                 each; A and B of down; then DoRA's magnitudes. adapter_of cuts it into views
#   ranks, scales of q, k, v, o, gate, up, down, layer by layer; rank 0: the target is not adapted. scales multiply B A
#   dora          whether there are magnitudes (Liu et al., 2024)
#   dropout       the probability to drop an element of an adapted product's input before A
#   keys          decide what is dropped, two of 32 bits for each target of each layer: keys_of(layer) is how many a
#                 layer takes, and masks_of makes its masks from those
#   checkpointed  of the first so many layers only the inputs are kept, and their forward is computed once more in the
#                 backward (Chen et al., 2016)
#   around        the rank whose thin products around SwiGLU are computed with it, in one kernel on a GPU; 0: none. The
#                 result is the same, up to rounding
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
    checkpointed: int,
    around: int,
    cudnn: bool,
    deterministic: bool,
) -> Tuple[Tensor, Tensor]:
    config = model.config
    adapter = adapter_of(model.layers, model.norm, flat, ranks, scales, dora)  # a LayerLora for each layer
    x = embedded(model, tokens.ids)
    at = places(model, tokens, x, cudnn, deterministic)
    n = x.size(0)
    # forward, from the first layer to the last
    masks: List[Masks] = []
    inputs_of_layers: List[Tensor] = []
    saved: List[Saved] = []
    ready: Optional[Layer] = None  # the layer before, whose expanded weights' memory the next one takes
    key = 0
    for i, (stored, lora) in enumerate(zip(model.layers, adapter)):
        layer = dense_layer(stored, x, ready)
        ready = layer
        mask = no_masks()
        if dropout > 0.0:
            mask = masks_of(layer, n, x, dropout, keys, key)
            key += keys_of(layer)
        masks.append(mask)
        if i < checkpointed:
            inputs_of_layers.append(x)
            x, _s = run_layer(x, at, layer, lora, config, mask, around)
        else:
            x, s = run_layer(x, at, layer, lora, config, mask, around)
            saved.append(s)
    # the loss, and its derivative by the last hidden states: d_h [labels, width], in d_y [N, width] among zeros
    y, t = rms_norm(x, model.norm, config.eps)  # t is 1 / sqrt(mean(x^2) + eps) of each token, for the backward
    h = y.index_select(0, labels.label_positions)
    W = dense(model.output, h, room=None)
    total, d_h = cross_entropy(h, W, labels.targets, config.chunk, backward=True)
    d_y = torch.zeros_like(x)
    d_y.index_copy_(0, labels.label_positions, d_h)
    d = d_rms_norm(d_y, x, t, model.norm)
    # backward, from the last layer to the first; d is the derivative by a layer's output, then by its input. G has
    # views of gradients, cut as flat is, and d_layer writes each derivative by a factor there
    gradients = torch.empty_like(flat, dtype=x.dtype)
    G = factors(model.layers, gradients, ranks, scales, dora)
    for i in range(len(model.layers)):
        l = len(model.layers) - 1 - i
        layer = dense_layer(model.layers[l], x, ready)
        ready = layer
        if l < checkpointed:
            _x, s = run_layer(inputs_of_layers.pop(), at, layer, adapter[l], config, masks[l], around)
        else:
            s = saved.pop()
        d = d_layer(d, s, at, layer, lora=adapter[l], G=G[l], config=config, masks=masks[l], around=around)
    return total, gradients
