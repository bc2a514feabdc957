# LoRA's factors of all layers, cut from the one flat array that holds them, and dropout's masks.
from typing import List

import torch
from torch import Tensor

from .dtypes import INT32
from .lora import Lora, adapted_width, dora_scale, factor_sizes, shaped
from .quantized import Linear
from .records import Layer, LayerLora, Masks


# A layer's products, in the order of LayerLora.
def products_of(layer: Layer) -> List[Linear]:
    return [layer.qkv, layer.o, layer.gate_up, layer.down, layer.experts_gate_up, layer.experts_down]


# Cuts flat [elements of all factors] into views of each layer's factors; a gradient of that shape is cut the same.
# Layer by layer: A of q | k | v, B of each; A and B of o; A of gate | up, B of each; A and B of down; those of all
# experts alike; then DoRA's magnitudes of these products. ranks and scales are those of q, k, v, o, gate, up, down,
# layer by layer; none: no factors. With delta the first product has other targets.
def factors(layers: List[Layer], flat: Tensor, ranks: List[int], scales: List[float], dora: bool) -> List[LayerLora]:
    found: List[LayerLora] = []
    if len(ranks) == 0:
        return found
    sizes: List[int] = []
    first = 0
    for layer in layers:
        widths: List[int] = []
        for W in products_of(layer):
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
        products = products_of(layer)
        magnitudes = at
        for W in products:
            magnitudes += 1 + len(W.widths)
        for i, W in enumerate(products):
            n = len(W.widths)
            r, s = ranks[first : first + n], scales[first : first + n]
            of_layer.append(shaped(W, pieces[at : at + 1 + n], pieces[magnitudes + i], r, s))
            first += n
            at += 1 + n
        at += len(products)
        found.append(LayerLora(of_layer[0], of_layer[1], of_layer[2], of_layer[3], of_layer[4], of_layer[5]))
    return found


# Factors ready to compute with, of flat [elements of all factors]: in the type of like, and with DoRA's c. One for each
# layer, or none at all where ranks are empty.
def adapter_of(
    layers: List[Layer], like: Tensor, flat: Tensor, ranks: List[int], scales: List[float], dora: bool
) -> List[LayerLora]:
    cut = factors(layers, flat.to(like.dtype), ranks, scales, dora)
    if not dora:
        return cut
    ready: List[LayerLora] = []
    for layer, lora in zip(layers, cut):
        ready.append(
            LayerLora(
                with_scale(layer.qkv, lora.qkv),
                with_scale(layer.o, lora.o),
                with_scale(layer.gate_up, lora.gate_up),
                with_scale(layer.down, lora.down),
                lora.experts_gate_up,
                lora.experts_down,
            )
        )
    return ready


def with_scale(W: Linear, lora: Lora) -> Lora:
    return Lora(lora.A, lora.B, lora.ranks, lora.scales, lora.magnitude, dora_scale(W, lora))


# Of a layer that is not adapted: no B, and an empty A [0] in the type of like.
def no_lora(like: Tensor) -> LayerLora:
    none = Lora(like.new_empty([0]), [], [], [], None, None)
    return LayerLora(none, none, none, none, none, none)


# Without dropout: no mask for any target.
def no_masks() -> Masks:
    return Masks([], [], [], [])


# Numbers from a counter: each element's place and two keys decide it, so that devices that compute at the same time do
# not depend on each other. int32 [count], each value as likely as another. Two rounds of the hash "lowbias32"
# (https://nullprogram.com/blog/2018/07/31/); shifts of int32 copy the sign, hence the ands.
def counted(count: int, keys: List[int], like: Tensor) -> Tensor:
    x = torch.arange(count, dtype=INT32, device=like.device)
    for key in keys:
        x = x.bitwise_xor_(key)
        x = x.bitwise_xor_(x.bitwise_right_shift(16).bitwise_and_(65535)).mul_(2146121005)
        x = x.bitwise_xor_(x.bitwise_right_shift(15).bitwise_and_(131071)).mul_(-2073254261)
        x = x.bitwise_xor_(x.bitwise_right_shift(16).bitwise_and_(65535))
    return x


# Masks of a product's targets for N rows, [N, in] each in the type of like: 0 with probability dropout, else 1 / (1 -
# dropout). Each target takes two keys from first on.
def drop(W: Linear, n: int, like: Tensor, dropout: float, keys: List[int], first: int) -> List[Tensor]:
    masks: List[Tensor] = []
    least = int(dropout * 4294967296.0) - 2147483648
    for i in range(len(W.widths)):
        x = counted(n * W.columns, keys[first + 2 * i : first + 2 * i + 2], like)
        masks.append(x.ge(least).to(like.dtype).div_(1.0 - dropout).view(n, W.columns))
    return masks


# How many keys the masks of a layer take.
def keys_of(layer: Layer) -> int:
    keys = 0
    for W in products_of(layer):
        keys += 2 * len(W.widths)
    return keys


# Masks of a layer's targets for N rows, [N, in] each in the type of like, in the targets' order; keys from first on.
# Factors of all experts are never dropped for.
def masks_of(layer: Layer, n: int, like: Tensor, dropout: float, keys: List[int], first: int) -> Masks:
    drops: List[List[Tensor]] = []
    at = first
    for W in [layer.qkv, layer.o, layer.gate_up, layer.down]:
        drops.append(drop(W, n, like, dropout, keys, at))
        at += 2 * len(W.widths)
    return Masks(drops[0], drops[1], drops[2], drops[3])
