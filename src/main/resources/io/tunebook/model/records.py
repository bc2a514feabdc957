# What a layer is made of, and what its backward needs of its forward.
from typing import List, NamedTuple, Optional

from torch import Tensor

from .attention import Softmax
from .delta import Delta
from .experts import Experts, SavedExperts
from .lora import Lora
from .quantized import Linear


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
    neighbours: bool  # whether positions rotate neighbouring dimensions of a head, not its halves
    norm_behind: bool  # whether q and k pass their norms behind the rotation, not before
    longer: int  # documents longer than this are rotated by the second table; 0: none are
    gated: bool  # whether q's product gives two things for each head: its query, then a gate of its output


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
    qkv: Linear  # q | k | v: [(heads + 2 * kv_heads) * head_dim, width]; three targets or one; with delta see delta.py
    o: Linear  # [width, heads * head_dim], or value heads and their width
    gate_up: Linear  # gate | up: [2 * inner, width]; two targets or one. With experts those of the shared one, or none
    down: Linear  # [width, inner]
    experts_gate_up: Linear  # what LoRA's factors of all experts are like; the weights are in experts
    experts_down: Linear
    rotary: int  # which of the model's rotary tables; -1: positions are not rotated
    window: int  # how many keys a query sees; 0: all
    experts: Optional[Experts]  # in the place of the MLP
    sinks: Optional[Tensor]  # [heads], one more score of each head's attention
    delta: Optional[Delta]  # in the place of attention


# LoRA's factors of a layer's products, or their gradients.
class LayerLora(NamedTuple):
    qkv: Lora
    o: Lora
    gate_up: Lora
    down: Lora
    experts_gate_up: Lora
    experts_down: Lora


# Dropout's masks [N, in] of each product's targets; none without dropout, and none for factors of all experts.
class Masks(NamedTuple):
    qkv: List[Tensor]
    o: List[Tensor]
    gate_up: List[Tensor]
    down: List[Tensor]


# What a layer's backward needs of its forward.
class Saved(NamedTuple):
    x: Tensor  # the layer's input, [N, width]
    t: Tensor  # what its norm multiplied it with, 1 / sqrt(mean(x^2) + eps): float32 [N, 1]
    h: Tensor  # the norm's output, [N, width]
    z: Tensor  # LoRA's h A^T of q, k, v, [N, sum of ranks]; z_o, z_gate_up and z_down alike
    qkv: Tensor  # the product's output, q | k | v, [N, sum of widths]
    qk: Tensor  # q and k side by side, rotated, [N, heads + kv_heads, head_dim]; empty with delta, as v and softmax
    v: Tensor  # [N, kv_heads, head_dim]
    o: Tensor  # the heads' outputs, [N, heads, head_dim], before gates
    softmax: Softmax
    z_o: Tensor
    y_o: Optional[Tensor]  # with DoRA or a norm behind it: the output of o
    x1: Tensor  # the residual between attention and MLP
    t1: Tensor  # t and h of the norm before the MLP
    h1: Tensor
    z_gate_up: Tensor
    gate: Tensor  # [N, inner]; with LoRA's products around SwiGLU gate | up, the large product's output without them
    up: Tensor  # [N, inner]; empty where gate has both
    z_down: Tensor
    y_down: Optional[Tensor]  # with DoRA or a norm behind it: the output of down, or of experts
    experts: Optional[SavedExperts]  # z_gate_up, gate, up and z_down are the shared expert's then, or empty
    y_shared: Optional[Tensor]  # the shared expert's output [N, width], before its gate
