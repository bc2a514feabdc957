# What Java calls (DecoderScript.java): the module holds the weights and the adapter in use, and a call takes tokens.
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor
from torch.nn import Module

from .adapter import adapter_of
from .attention import differs_from_flash
from .decoder import Labels, Model, Tokens, head, hidden_states, loss_and_gradient, summed_loss
from .delta import Delta
from .dtypes import FLOAT32, INT32, INT64
from .experts import Experts, joined_blocks, merge_experts_
from .files import stored_linear
from .generation import Cache, new_cache, next_logits
from .inspection import attention_weights
from .lora import merge_, row_norms
from .quantized import Linear, dense, in_eight, targets_of
from .records import Config, Layer, LayerLora, Norms
from .router import Router


# Empty tensors stand for what an architecture does not have.
def optional(x: Tensor) -> Optional[Tensor]:
    return x if x.numel() > 0 else None


# What comes from Java lies in memory that Java frees, so it is copied.
def copies(tensors: List[Tensor]) -> List[Tensor]:
    return [t.clone() for t in tensors]


# Copies values to where other tensors lie, each of the same shape [...].
def assign(to: List[Tensor], values: List[Tensor]) -> Tensor:
    for place, value in zip(to, values):
        place.copy_(value)
    return to[0]


# Adds a tensor of the same shape [...], maybe of another device, and leaves zeros behind.
def take(total: Tensor, other: Tensor) -> Tensor:
    total.add_(other.to(total.device, total.dtype))
    other.zero_()
    return total


# total + weight * gradients, both [elements of all factors], and losses + loss, both [1], in place.
def accumulate(total: Tensor, gradients: Tensor, weight: float, losses: Tensor, loss: Tensor) -> Tensor:
    losses.add_(loss)
    return total.add_(gradients, alpha=weight)


# Whole numbers of a batch [...] on the device of like, or, with a place, there. A GPU gets them from pinned memory, so
# that nobody waits: the copy begins when the work before it is done.
def upload(host: Tensor, like: Tensor) -> Tensor:
    return host.pin_memory().to(like.device, INT64, True) if like.is_cuda else host.clone()


def upload_to(host: Tensor, place: Tensor) -> Tensor:
    return place.copy_(host.pin_memory(), True) if place.is_cuda else place.copy_(host)


# A batch as it comes, numbers [2 * N + starts + 2 * labels]: one tensor of N ids, N positions, the documents' starts,
# and the places and targets of the labels; sizes has N, the number of starts and that of labels.
def tokens_of(numbers: Tensor, sizes: List[int], longest: int, batch: int) -> Tuple[Tokens, Labels]:
    n, starts, labels = sizes
    parts = numbers.split_with_sizes([n, n, starts, labels, labels])
    return Tokens(parts[0], parts[1], parts[2].to(INT32), longest, batch), Labels(parts[3], parts[4])


# A product such as a layer makes, to find out which type this machine multiplies faster: float32 [1, 1].
def product(x: Tensor, W: Tensor) -> Tensor:
    return x.mm(W.t()).to(FLOAT32).sum([0, 1], True)


# An embedding or an output [vocabulary, width] that takes the place of the model's own, unless it is empty.
def own_or(own: Linear, other: Tensor) -> Linear:
    return own if other.numel() == 0 else Linear(other, [], [other.size(0)], other.size(1), None, None)


# The two products that a vocabulary makes large.
class Embeddings(NamedTuple):
    embedding: Linear  # [vocabulary, width]
    output: Linear  # [vocabulary, width]; may be the embedding


class Decoder(Module):
    products: List[Linear]  # the embedding's and the output's, then those that are not yet in a layer
    experts: List[Experts]  # those of the next layer
    deltas: List[Delta]  # that of the next layer
    layers: List[Layer]
    first_embeddings: Optional[Embeddings]  # as they were loaded
    embeddings: Optional[Embeddings]  # without an adapter: as they were loaded, or merged
    model: Optional[Model]  # once the weights are there, with the embeddings in use
    adapter: List[LayerLora]  # the adapter in use; none: the model as it was loaded
    eight: bool  # whether the layers' products are kept in eight bits
    cudnn: bool  # whether cuDNN's attention is used, which must agree with the flash kernel on this device
    same_bits: bool  # whether gradients have the same bits each time

    # ---- Loading: the embedding's product, the output's, then six products and their norms for each layer

    def use_eight(self, yes: bool) -> None:
        self.eight = yes

    # weight [sum of widths, columns], in the type that the model computes in; bias [sum of widths], or empty.
    def add_product(self, weight: Tensor, widths: List[int], bias: Tensor) -> None:
        self.products.append(Linear(weight, [], widths, weight.size(1), optional(bias), None))

    # The same of targets that stay as they are stored: scales and codes of each, see Matrix.
    def add_stored(
        self,
        scales: List[Tensor],
        codes: List[Tensor],
        kinds: List[int],
        widths: List[int],
        columns: int,
        bias: Tensor,
    ) -> None:
        W = stored_linear(scales, codes, kinds, widths, columns)
        self.products.append(Linear(W.weight, W.parts, widths, columns, optional(bias), None))

    # What stands in the place of the next layer's MLP; its two products are the last ones. router [experts, width],
    # bias [experts] or empty, shared [1, width] or empty; the rest as in Router and Experts.
    def add_experts(
        self,
        router: Tensor,
        bias: Tensor,
        shared: Tensor,
        chosen: int,
        normed: bool,
        alpha: float,
        limit: float,
        turns: bool,
    ) -> None:
        down = self.products.pop()
        gate_up = self.products.pop()
        if router.is_cuda:
            gate_up, down = joined_blocks(gate_up), joined_blocks(down)
        routing = Router(router, optional(bias), chosen, normed)
        self.experts.append(Experts(routing, gate_up, down, alpha, limit, turns, optional(shared)))

    # A product without a weight: what LoRA's factors of all experts are like, or one that the layer does not have.
    def add_shape(self, widths: List[int], columns: int) -> None:
        self.products.append(Linear(torch.empty([0, 1]), [], widths, columns, None, None))

    # What stands in the place of the next layer's attention. conv [channels, 1, kernel], or without the 1.
    def add_delta(self, conv: Tensor, dt: Tensor, A: Tensor, norm: Tensor, key_heads: int, key_dim: int) -> None:
        chunk = 64 if conv.is_cuda else 32
        self.deltas.append(Delta(conv.flatten(1), dt, A, norm, key_heads, key_dim, chunk))

    # norms in the order of Norms, and sinks [heads]; what the architecture does not have is empty.
    def add_layer(self, norms: List[Tensor], sinks: Tensor, rotary: int, window: int) -> None:
        experts_down = self.products.pop()
        experts_gate_up = self.products.pop()
        down = self.products.pop()
        gate_up = self.products.pop()
        o = self.products.pop()
        qkv = self.products.pop()
        if self.eight:
            qkv, o, gate_up, down = in_eight(qkv), in_eight(o), in_eight(gate_up), in_eight(down)
        attention, q, k, attention_out, mlp, mlp_out = norms
        of_layer = Norms(
            attention=optional(attention),
            q=optional(q),
            k=optional(k),
            attention_out=optional(attention_out),
            mlp=optional(mlp),
            mlp_out=optional(mlp_out),
        )
        experts: Optional[Experts] = None
        if len(self.experts) > 0:
            experts = self.experts.pop()
        delta: Optional[Delta] = None
        if len(self.deltas) > 0:
            delta = self.deltas.pop()
        self.layers.append(
            Layer(
                of_layer,
                qkv,
                o,
                gate_up,
                down,
                experts_gate_up,
                experts_down,
                rotary,
                window,
                experts,
                optional(sinks),
                delta,
            )
        )

    # norm [width] is the last one; rotary has tables [2, positions, rotated width]; the rest is Config. logits is what
    # logits are multiplied with; the last norm does it, since its output goes into the last product alone.
    def complete(
        self,
        norm: Tensor,
        rotary: List[Tensor],
        heads: int,
        kv_heads: int,
        head_dim: int,
        eps: float,
        chunk: int,
        scale: float,
        gelu: bool,
        embedding: float,
        residual: float,
        logits: float,
        window: int,
        neighbours: bool,
        norm_behind: bool,
        longer: int,
        gated: bool,
    ) -> None:
        config = Config(
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            eps=eps,
            chunk=chunk,
            scale=scale,
            gelu=gelu,
            embedding=embedding,
            residual=residual,
            window=window,
            neighbours=neighbours,
            norm_behind=norm_behind,
            longer=longer,
            gated=gated,
        )
        last = norm if logits == 1.0 else norm * logits
        E, W = self.products
        self.first_embeddings = Embeddings(E, W)
        self.embeddings = self.first_embeddings
        self.model = Model(config, E, self.layers, last, W, copies(rotary))

    # Longer tables [2, positions, rotated width].
    def set_rotary(self, rotary: List[Tensor]) -> None:
        m = self.loaded()
        self.model = Model(m.config, m.embedding, m.layers, m.norm, m.output, copies(rotary))

    # Whether a way to compute attention may be used is found out once; float32 [1], see differs_from_flash.
    def try_attention(self, cudnn: bool, same_bits: bool) -> Tensor:
        m = self.loaded()
        return differs_from_flash(m.norm, m.config.heads, m.config.kv_heads, m.config.head_dim, cudnn, same_bits)

    def use_attention(self, cudnn: bool, same_bits: bool) -> None:
        self.cudnn, self.same_bits = cudnn, same_bits

    def loaded(self) -> Model:
        model = self.model
        assert model is not None, "the weights are not there yet"
        return model

    # ---- LoRA. flat has all factors, float32; see factors in adapter.py. embeddings has what takes the places of the
    # embedding and of the output [vocabulary, width], in the model's type; an empty one leaves the model's own.

    def without_adapter(self) -> Embeddings:
        embeddings = self.embeddings
        assert embeddings is not None, "the weights are not there yet"
        return embeddings

    def model_of(self, e: Embeddings) -> Model:
        m = self.loaded()
        return Model(m.config, e.embedding, m.layers, m.norm, e.output, m.rotary)

    # What takes the places of the model's own: two tensors [vocabulary, width], of which an empty one leaves it.
    def replaced(self, embeddings: List[Tensor]) -> Embeddings:
        embedding, output = embeddings
        own = self.without_adapter()
        return Embeddings(own_or(own.embedding, embedding), own_or(own.output, output))

    # From now on the model computes with these factors as they are now; flat [elements of all factors].
    def attach(self, flat: Tensor, ranks: List[int], scales: List[float], dora: bool, embeddings: List[Tensor]) -> None:
        self.model = self.model_of(self.replaced(embeddings))
        self.adapter = adapter_of(self.loaded().layers, self.loaded().norm, flat.clone(), ranks, scales, dora)

    def detach(self) -> None:
        self.model = self.model_of(self.without_adapter())
        none: List[LayerLora] = []
        self.adapter = none

    # W + sign * s B A, in place, in all layers; flat [elements of all factors]. The embedding and the output are
    # replaced by those given, and come back when the rest is taken out again.
    def merge(self, flat: Tensor, ranks: List[int], scales: List[float], sign: float, embeddings: List[Tensor]) -> None:
        embedding, output = embeddings
        if embedding.numel() + output.numel() > 0:
            if sign > 0.0:
                self.embeddings = self.replaced(embeddings)
            else:
                self.embeddings = self.first_embeddings
            self.model = self.model_of(self.without_adapter())
        m = self.loaded()
        for layer, lora in zip(m.layers, adapter_of(m.layers, m.norm, flat, ranks, scales, False)):
            merge_(layer.qkv, lora.qkv, sign)
            merge_(layer.o, lora.o, sign)
            experts = layer.experts
            if experts is not None:
                merge_experts_(experts, lora.experts_gate_up, lora.experts_down, sign)
            merge_(layer.gate_up, lora.gate_up, sign)
            merge_(layer.down, lora.down, sign)

    # The norms of the rows of one target's weight, float32 [width]. product counts q | k | v, o, gate | up, down.
    def target_norms(self, layer: int, product: int, index: int) -> Tensor:
        m = self.loaded()
        at = m.layers[layer]
        W = targets_of([at.qkv, at.o, at.gate_up, at.down][product])[index]
        return row_norms(dense(W, m.norm, None))

    # ---- Computing

    # Logits of every position, float32 [N, vocabulary].
    def logits(self, numbers: Tensor, sizes: List[int], longest: int, batch: int) -> Tensor:
        tokens, _labels = tokens_of(numbers, sizes, longest, batch)
        m = self.loaded()
        return head(m, hidden_states(m, self.adapter, tokens, self.cudnn))

    # How much each position of one text [T] looks at each, in a layer's heads, float32 [heads, T, T].
    def attention_of(self, numbers: Tensor, sizes: List[int], longest: int, batch: int, layer: int) -> Tensor:
        tokens, _labels = tokens_of(numbers, sizes, longest, batch)
        return attention_weights(self.loaded(), self.adapter, tokens, layer, self.cudnn)

    # The summed loss of the labels, float32 [1].
    def loss(self, numbers: Tensor, sizes: List[int], longest: int, batch: int) -> Tensor:
        tokens, labels = tokens_of(numbers, sizes, longest, batch)
        return summed_loss(self.loaded(), self.adapter, tokens, labels, self.cudnn)

    # The summed loss, float32 [1], and its derivative by the flat factors, in the model's type.
    def gradient(
        self,
        numbers: Tensor,
        sizes: List[int],
        longest: int,
        batch: int,
        flat: Tensor,
        ranks: List[int],
        scales: List[float],
        dora: bool,
        dropout: float,
        keys: List[int],
        checkpointed: int,
        around: int,
        embeddings: List[Tensor],
    ) -> Tuple[Tensor, Tensor]:
        tokens, labels = tokens_of(numbers, sizes, longest, batch)
        return loss_and_gradient(
            self.model_of(self.replaced(embeddings)),
            tokens,
            labels,
            flat,
            ranks,
            scales,
            dora,
            dropout,
            keys,
            checkpointed,
            around,
            self.cudnn,
            self.same_bits,
        )

    # Keys of all layers, then values, for so many tokens: [1, kv_heads, longest, head_dim] each; see Cache.
    def cache(self, longest: int) -> List[Tensor]:
        cache = new_cache(self.loaded(), longest)
        return cache.keys + cache.values

    # The logits behind new tokens [1, T] that begin at position p, float32 [vocabulary].
    def next(self, ids: Tensor, p: int, keys: List[Tensor], values: List[Tensor]) -> Tensor:
        return next_logits(self.loaded(), self.adapter, ids, p, Cache(keys, values))
