# A decoder of attention, or Gated DeltaNet, and a gated MLP, or experts, in each layer, with LoRA, forward and backward:
# Llama, Mistral, Qwen, Gemma 3, Granite, OLMo and others, which differ in norms, windows, scales and rotations.
#
# There is no autograd here: each backward stands beside its forward and says what it is the derivative of. A name d_y
# means dL/dy. Tokens stand in rows: activations are [N, width], document after document, in attention
# [N, heads, head_dim]. Weights are [out, in] as in the checkpoints, and y = x W^T.
#
# Here is the whole pass; layer.py has one layer, records.py what it is made of, adapter.py the factors of all.
#
# It is Python with PyTorch, and also what TorchScript's importer takes: the loader (TorchScript.java) leaves the imports
# out, puts numbers for types of tensors, and makes each function a method of the module at the end of module.py. So
# types are declared, and a name is used for one type only.
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
    norm: Tensor  # [width]
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
    at: Tensor  # the places among all tokens whose next token counts, int64
    targets: Tensor  # that token


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
        layer.experts,  # each is expanded by itself
        layer.sinks,
        layer.delta,
    )


# The rotary tables for documents of at most so many tokens: beyond config.longer the second takes the first one's place.
def tables_for(model: Model, longest: int) -> List[Tensor]:
    longer = model.config.longer > 0 and longest > model.config.longer
    return model.rotary[1:] if longer else model.rotary


# Where a batch's tokens stand. cuDNN prepares itself for each length, which takes a while, so it gets those that come
# again.
def places(model: Model, tokens: Tokens, like: Tensor, cudnn: bool, deterministic: bool) -> Places:
    rotations = angles(tables_for(model, tokens.longest), model.config.neighbours, tokens.positions, like)
    suits = cudnn and tokens.longest % 128 == 0
    return Places(rotations, tokens.starts, tokens.longest, tokens.batch, suits, deterministic)


# The embeddings of tokens, [N, width]. What they are multiplied with has their type, as in Transformers.
def embedded(model: Model, ids: Tensor) -> Tensor:
    x = rows_of(model.embedding, ids.flatten(), model.norm)
    if model.config.embedding != 1.0:
        x = x * torch.full([1], model.config.embedding, dtype=x.dtype, device=x.device)
    return x


# The last hidden states of all tokens, [N, width]. adapter has the factors of each layer, or none at all.
def hidden_states(model: Model, adapter: List[LayerLora], tokens: Tokens, cudnn: bool) -> Tensor:
    x = embedded(model, tokens.ids)
    at = places(model, tokens, x, cudnn, False)
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
# model's type. dropout is the probability to drop, and keys decide what is dropped, two for each target of each layer. Of the
# first so many checkpointed layers only the inputs are kept, and their forward is computed once more (Chen et al., 2016).
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
    adapter = adapter_of(model.layers, model.norm, flat, ranks, scales, dora)
    x = embedded(model, tokens.ids)
    at = places(model, tokens, x, cudnn, deterministic)
    n = x.size(0)
    masks: List[Masks] = []
    inputs_of_layers: List[Tensor] = []
    saved: List[Saved] = []
    ready: Optional[Layer] = None
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
        if l < checkpointed:
            _x, s = run_layer(inputs_of_layers.pop(), at, layer, adapter[l], config, masks[l], around)
        else:
            s = saved.pop()
        d = d_layer(d, s, at, layer, adapter[l], G[l], config, masks[l], around)
    return total, gradients
