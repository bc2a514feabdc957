# Looking into one layer, which no computation needs.
from typing import List

import torch
from torch import Tensor

from .attention import by_head
from .decoder import LayerLora, Model, Tokens, dense_layer, no_lora, no_masks, places, project, run_layer
from .dtypes import BOOL, FLOAT32
from .quantized import rows_of


# How much each position of one text, [1, T], looks at each position up to itself, in each head of a layer:
# softmax(q k^T / sqrt(head_dim)), float32 [heads, T, T]. The kernels for attention keep no such matrix.
def attention_weights(model: Model, adapter: List[LayerLora], tokens: Tokens, layer: int, cudnn: bool) -> Tensor:
    config = model.config
    x = rows_of(model.embedding, tokens.ids.flatten(), model.norm)
    at = places(model, tokens, x, cudnn)
    none = no_lora(x)
    for i in range(layer):
        lora = adapter[i] if len(adapter) > 0 else none
        x, _saved = run_layer(x, at, dense_layer(model.layers[i], x, None), lora, config, no_masks(), 0)
    lora = adapter[layer] if len(adapter) > 0 else none
    ready = dense_layer(model.layers[layer], x, None)
    qk, _v, _t, _h, _z, _qkv = project(x, at.cos, at.sin, ready, lora.qkv, config, [])
    q, k = by_head(qk, 1, 1).split_with_sizes([config.heads, config.kv_heads], 1)
    k = k.repeat_interleave(config.heads // config.kv_heads, 1)
    scores = q.to(FLOAT32).matmul(k.to(FLOAT32).transpose(2, 3)) * config.head_dim**-0.5
    T = tokens.ids.size(1)
    past = torch.ones([T, T], dtype=BOOL, device=x.device).tril()
    return scores.masked_fill(past.bitwise_not(), float("-inf")).softmax(3).squeeze(0)
