# Looking into one layer and into a mixture's products, which no computation needs.
from typing import List

import torch
from torch import Tensor

from .adapter import no_lora, no_masks
from .attention_cpu import by_head, window_of
from .decoder import Model, Tokens, dense_layer, embedded, places
from .dtypes import FLOAT32
from .experts import times_tiles
from .layer import project, run_layer
from .records import LayerLora
from .router import tiles_of


# How much each position of one text, [T], looks at each position up to itself, in each head of a layer: softmax(scale q
# k^T), float32 [heads, T, T]; where there is a sink, what it takes is missing. The kernels for attention keep no such
# matrix.
def attention_weights(model: Model, adapter: List[LayerLora], tokens: Tokens, layer: int, cudnn: bool) -> Tensor:
    config = model.config
    x = embedded(model, tokens.ids)
    at = places(model, tokens, x, cudnn, False)
    none = no_lora(x)
    for i in range(layer):
        lora = adapter[i] if len(adapter) > 0 else none
        x, _saved = run_layer(x, at, dense_layer(model.layers[i], x, None), lora, config, no_masks(), 0)
    lora = adapter[layer] if len(adapter) > 0 else none
    ready = dense_layer(model.layers[layer], x, None)
    qk, _v, _t, _h, _z, _qkv = project(x, at.rotations, ready, lora.qkv, config, [])
    q, k = by_head(qk, 1, 1).split_with_sizes([config.heads, config.kv_heads], 1)
    k = k.repeat_interleave(config.heads // config.kv_heads, 1)
    scores = q.to(FLOAT32).matmul(k.to(FLOAT32).transpose(2, 3)) * config.scale
    T = tokens.ids.size(0)
    seen = window_of(T, T, ready.window if ready.window > 0 else T, x)
    scores = scores.masked_fill(seen.bitwise_not(), float("-inf"))
    sinks = ready.sinks
    if sinks is not None:
        sink = sinks.to(FLOAT32).view([1, -1, 1, 1]).expand([1, config.heads, T, 1])
        return torch.cat([scores, sink], 3).softmax(3).squeeze(0)[:, :, 0:T]
    return scores.softmax(3).squeeze(0)


# times_tiles for rows of x that are sorted by expert: experts int64 [N], weight [experts, rows, columns].
def by_tiles(x: Tensor, weight: Tensor, experts: Tensor, transposed: bool) -> Tensor:
    return times_tiles(x, weight, tiles_of(experts, weight.size(0)), transposed)
