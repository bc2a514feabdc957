"""Holds every backward of the decoder's text against autograd, in float64: python bench/reference/decoder_autograd.py

The text is what TorchScript runs; here it is imported by Python as it stands, so a debugger steps through it. Needs
PyTorch 2.7 or newer alone. Exit status 1 if a derivative differs by more than rounding.
"""

import itertools
import pathlib
import sys
from typing import NamedTuple

import torch
from torch import Tensor

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "src/main/resources/io/tunebook"))
import model.dtypes  # noqa: E402

model.dtypes.FLOAT32 = torch.float64  # what the text computes in float32 is not rounded here

from model import adapter, attention, attention_cpu, decoder, generation, lora, loss, mlp, norm, records as layers_text  # noqa: E402
from model import delta as delta_text  # noqa: E402
from model import experts as experts_text, rotary as rotary_text, router as router_text  # noqa: E402
from model.experts import Experts  # noqa: E402
from model.quantized import Linear  # noqa: E402
from model.router import Router  # noqa: E402

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
BOUND = 1e-9
missed = 0


def compare(name, found, expected):
    global missed
    worst = max(float((a - b).abs().max() / b.abs().max().clamp_min(1e-30)) for a, b in zip(found, expected))
    missed += worst > BOUND
    print(f"{name:60} {worst:.1e} {'kept' if worst <= BOUND else 'MISSED'}")


def leaf(*shape):
    return torch.randn(*shape).requires_grad_()


def pieces():
    """The parts that stand alone: autograd goes through their own forwards."""
    x, w, d_y, onto = leaf(7, 16), torch.randn(16), torch.randn(7, 16), torch.randn(7, 16)
    y, t = norm.rms_norm(x, w, 1e-6)
    (expected,) = torch.autograd.grad(y, x, d_y)
    with torch.no_grad():
        compare("norm.d_rms_norm", [norm.d_rms_norm(d_y, x, t, w)], [expected])
        compare("norm.d_rms_norm onto", [norm.d_rms_norm(d_y, x, t, w, onto)], [onto + expected])

    branch, w1 = leaf(7, 16), torch.randn(16)
    for follows in [w1, None]:
        x1, h, t = norm.add_norm(x, branch, w, 1e-6, follows)
        expected = torch.autograd.grad([x1, h], [x, branch], [onto, d_y])
        with torch.no_grad():
            found = norm.d_add_norm(onto, branch, w, 1e-6, d_y, x1, t, follows)
            compare(f"norm.d_add_norm, {'another norm' if follows is not None else 'nothing'} behind it", found, expected)
    expected = torch.autograd.grad(norm.add_norm(x, branch, w, 1e-6)[0], [x, branch], onto)
    with torch.no_grad():
        compare("norm.d_add_norm, the sum alone", norm.d_add_norm(onto, branch, w, 1e-6), expected)

    qk, v = leaf(6, 5, 8), leaf(6, 1, 8)
    angle = torch.randn(6, 1, 4).repeat(1, 1, 2)
    cos, sin = angle.cos(), angle.sin() * torch.tensor([-1.0] * 4 + [1.0] * 4)
    d = torch.randn(6, 5, 8)
    (expected,) = torch.autograd.grad(rotary_text.rope(qk, cos, sin, False), qk, d)
    with torch.no_grad():
        found = rotary_text.d_rope(d[:, :4].contiguous(), d[:, 4:].contiguous(), torch.randn(6, 1, 8), cos, sin)
        compare("rotary.d_rope", [found[:, :5]], [expected])

    w_q, w_k, d = torch.randn(8), torch.randn(8), torch.randn(6, 5, 8)
    (expected,) = torch.autograd.grad(rotary_text.norm_rope(qk, w_q, w_k, cos, sin, 3, 1e-6), qk, d)
    with torch.no_grad():
        d_v = torch.randn(6, 1, 8)
        found = rotary_text.d_norm_rope(d[:, :3], d[:, 3:], d_v, qk, w_q, w_k, cos, sin, 1e-6)
        compare("rotary.d_norm_rope", [found], [torch.cat([expected, d_v], 1)])

    rotations = [rotary_text.Rotation(cos, sin, False)]
    wide = leaf(6, 5, 12)  # the last four dimensions of a head are not rotated
    d = torch.randn(6, 5, 12)
    (expected,) = torch.autograd.grad(rotary_text.rotated(wide, rotations, 0, False), wide, d)
    with torch.no_grad():
        found = rotary_text.d_rotated(d[:, :4], d[:, 4:], torch.randn(6, 1, 12), rotations, 0)
        compare("rotary.d_rotated, in part", [found[:, :5]], [expected])

    g, u, d_m = leaf(5, 8), leaf(5, 8), torch.randn(5, 8)
    expected = torch.autograd.grad(mlp.geglu(g, u), [g, u], d_m)
    with torch.no_grad():
        d_g, d_u, m = mlp.d_geglu(d_m, g, u, False)
        compare("mlp.d_geglu", [d_g, d_u, m], [*expected, mlp.geglu(g, u)])

    expected = torch.autograd.grad(mlp.clamped_swiglu(g, u, 1.7, 0.8), [g, u], d_m)
    with torch.no_grad():
        d_g, d_u, m = mlp.d_clamped_swiglu(d_m, g, u, 1.7, 0.8)
        compare("mlp.d_clamped_swiglu", [d_g, d_u, m], [*expected, mlp.clamped_swiglu(g, u, 1.7, 0.8)])

    expected = torch.autograd.grad(mlp.swiglu(g, u), [g, u], d_m)
    with torch.no_grad():
        d_g, d_u, m = mlp.d_swiglu(d_m, g, u, False)
        compare("mlp.d_swiglu", [d_g, d_u, m], [*expected, mlp.swiglu(g, u)])

    for gelu in [False, True]:
        gu, z, B0, B1, A = leaf(5, 16), leaf(5, 6), leaf(8, 3), leaf(8, 3), leaf(3, 8)
        m, z_down = mlp.swiglu_lora(gu, z, B0, B1, A, 0.5, 2.0, gelu)
        d_m, d_z_down = torch.randn(5, 8), torch.randn(5, 3)
        expected = torch.autograd.grad([m, z_down], [gu, z, B0, B1, A], [d_m, d_z_down])
        with torch.no_grad():
            G = [torch.empty(8, 3), torch.empty(8, 3), torch.empty(3, 8)]
            # d_z_down is what stands behind z_down, as in the layer
            d_gu, d_z = mlp.d_swiglu_lora(d_m, gu, z, d_z_down, B0, B1, A, 0.5, 2.0, gelu, *G)
            compare(f"mlp.d_swiglu_lora{', GELU' if gelu else ''}", [d_gu, d_z, *G], expected)

    h, W, targets = leaf(9, 16), torch.randn(20, 16), torch.randint(0, 20, (9,))
    expected = torch.autograd.grad(torch.nn.functional.cross_entropy(h @ W.t(), targets, reduction="sum"), h)
    with torch.no_grad():
        total, found = loss.cross_entropy(h, W, targets, 4, True)
        compare("loss.cross_entropy", [found], expected)

    # in bfloat16 alone the layers take this one; documents are longer than the queries that are computed at a time
    for window, scale in [(0, 8**-0.5), (40, 0.7), (200, 0.7)]:
        q, k, v, d_o = leaf(600, 4, 8), leaf(600, 2, 8), leaf(600, 2, 8), torch.randn(600, 4, 8)
        plain = softmax_attention(q, k, v, torch.tensor([0, 300, 600]), window, scale)
        expected = torch.autograd.grad(plain, [q, k, v], d_o)
        with torch.no_grad():
            o, lse = attention_cpu.same_length(q, k, v, 2, window, scale)
            found = attention_cpu.d_by_products(d_o, q, k, v, o, lse, 2, window, scale)
            compare(f"attention_cpu.d_by_products, window {window}", found, expected)

    cases = [([0, 5, 10], 2), ([0, 3, 5, 6, 9, 10], 0), ([0, 4, 10, 10], 0)]
    for (starts, batch), window, scale in itertools.product(cases, [0, 2], [8**-0.5, 0.7]):
        q, k, v = leaf(10, 4, 8), leaf(10, 2, 8), leaf(10, 2, 8)
        starts = torch.tensor(starts)
        at = attention.Places([], starts, int(starts.diff().max()), batch, False, False)
        d_o = torch.randn(10, 4, 8)
        plain = softmax_attention(q, k, v, starts, window, scale)
        expected = torch.autograd.grad(plain, [q, k, v], d_o)
        with torch.no_grad():
            o, saved = attention.attention(q, k, v, at, window, scale)
            compare("attention.attention", [o], [plain])
            found = attention.d_attention(d_o, q, k, v, o, saved, at, window, scale)
            compare("attention.d_attention", found, expected)
        sinks = torch.randn(4)
        plain = softmax_attention(q, k, v, starts, window, scale, sinks)
        expected = torch.autograd.grad(plain, [q, k, v], d_o)
        with torch.no_grad():
            o, saved = attention.with_sinks(*attention.attention(q, k, v, at, window, scale), sinks, at)
            compare("attention.with_sinks", [o], [plain])
            found = attention.d_attention(d_o, q, k, v, o, saved, at, window, scale)
            compare("attention.d_attention with sinks", found, expected)
            if batch == 2:  # a GPU's kernel leaves the sums as [documents, heads, longest], or of all tokens as [heads, N]
                for first, second in [(0, 5), (5, 10)]:
                    piece = [x[first:second].transpose(0, 1) for x in (q, k, v)]
                    past = attention.past_with_sinks(*piece, sinks, window or 5, scale)
                    compare("attention.past_with_sinks", [past], [plain[first:second].transpose(0, 1)])
            else:
                rows = torch.randn(10, 4)
                documents = [rows[a:b] for a, b in zip(starts[:-1], starts[1:])]
                by_document = torch.stack([torch.nn.functional.pad(d, (0, 0, 0, at.longest - len(d))).t() for d in documents])
                compare("attention.by_position", [attention.by_position(by_document, at, 10)], [rows])
                compare("attention.by_position, in one", [attention.by_position(rows.t(), at, 10)], [rows])


def delta_pieces():
    """The rule of Gated DeltaNet in chunks beside one token after the other, and its state behind texts in pieces."""
    for heads, starts, batch, chunk in [(2, [0, 20], 1, 4), (4, [0, 20], 0, 8), (4, [0, 10, 20], 2, 4), (4, [0, 3, 4, 11, 17, 20, 20], 0, 4), (2, [0, 5, 20], 0, 32)]:
        d = random_delta(2, heads, 3, 5, chunk)
        y, starts = leaf(20, d.conv.size(0) + 7 * heads), torch.tensor(starts)
        d_a = torch.randn(20, 5 * heads)
        plain = plain_delta(y, starts, d, 1e-6)
        (expected,) = torch.autograd.grad(plain, y, d_a)
        what = f"{heads} value heads, {len(starts) - 1} documents, chunks of {chunk}"
        with torch.no_grad():
            o = delta_text.delta_rule(y, starts, batch, d)
            compare(f"delta.delta_rule, {what}", [delta_text.delta_gated(o, y, d, 1e-6)], [plain])
            compare(f"delta.d_delta, {what}", [delta_text.d_delta(d_a, o, y, starts, batch, d, 1e-6)], [expected])
            if len(starts) == 2:
                inputs, state = torch.randn(3, d.conv.size(0)), torch.randn(heads, 3, 5)  # of another text
                pieces, p = [], 0
                for length in [1, 1, 2, 9, 1, 6]:
                    pieces.append(delta_text.next_delta(y[p : p + length], p, d, inputs, state))
                    p += length
                compare(f"delta.next_delta, {what}", [torch.cat(pieces)], [o])


def random_delta(key_heads: int, heads: int, key_dim: int, value_dim: int, chunk: int) -> delta_text.Delta:
    conv = torch.randn(2 * key_heads * key_dim + heads * value_dim, 4) * 0.7
    return delta_text.Delta(conv, torch.randn(heads), torch.randn(heads) * 0.3, torch.rand(value_dim) + 0.5, key_heads, key_dim, chunk)


def plain_delta(y: Tensor, starts: Tensor, d: delta_text.Delta, eps: float) -> Tensor:
    """Gated DeltaNet one document and one token after the other."""
    heads, width = d.dt.size(0), d.norm.size(0)
    keys = d.key_heads * d.key_dim
    qkv, z, b, a = y.split([d.conv.size(0), heads * width, heads, heads], 1)
    outputs = []
    for first, end in zip(starts[:-1], starts[1:]):
        if first == end:
            continue
        x = torch.nn.functional.pad(qkv[first:end], (0, 0, 3, 0)).unfold(0, 4, 1)
        q, k, v = torch.nn.functional.silu((x * d.conv).sum(2)).split([keys, keys, heads * width], 1)
        q, k = (t.unflatten(1, (d.key_heads, -1)).repeat_interleave(heads // d.key_heads, 1) for t in (q, k))
        q, k = (t * (t.square().sum(2, keepdim=True) + 1e-6).rsqrt() for t in (q, k))
        v = v.unflatten(1, (heads, -1))
        S = torch.zeros(heads, d.key_dim, width)
        for t in range(end - first):
            decay = torch.exp(-d.A.exp() * torch.nn.functional.softplus(a[first + t] + d.dt))
            S = S * decay[:, None, None]
            correction = (v[t] - torch.einsum("hkv,hk->hv", S, k[t])) * b[first + t].sigmoid()[:, None]
            S = S + torch.einsum("hk,hv->hkv", k[t], correction)
            outputs.append(torch.einsum("hkv,hk->hv", S, q[t]) * d.key_dim**-0.5)
    o = torch.stack(outputs)
    o = d.norm * o * (o.square().mean(2, keepdim=True) + eps).rsqrt()
    return (o * torch.nn.functional.silu(z.unflatten(1, (heads, -1)))).flatten(1)


def softmax_attention(q: Tensor, k: Tensor, v: Tensor, starts: Tensor, window: int, scale: float, sinks: Tensor | None = None) -> Tensor:
    """As it is written in textbooks: a token sees those of its document that are not later."""
    q, k, v = (x.transpose(0, 1) for x in (q, k, v))
    k, v = (x.repeat_interleave(q.size(0) // x.size(0), 0) for x in (k, v))
    at = torch.arange(q.size(1))
    document = torch.bucketize(at, starts, right=True)
    allowed = (at.unsqueeze(1) >= at) & (document.unsqueeze(1) == document)
    if window > 0:
        allowed = allowed & (at.unsqueeze(1) - at < window)
    scores = (q @ k.transpose(1, 2) * scale).masked_fill(~allowed, float("-inf"))
    if sinks is not None:
        scores = torch.cat([scores, sinks.view(-1, 1, 1).expand(-1, q.size(1), 1)], 2)
    return (scores.softmax(2)[:, :, : q.size(1)] @ v).transpose(0, 1)


class Kind(NamedTuple):
    """What a family has, as its configuration says."""

    biases: bool = False
    q_norm: int = 0  # 1: over a head; 2: over all heads
    before: bool = True  # a norm before each branch
    behind: bool = False  # and behind it
    gelu: bool = False
    scale: float = 8**-0.5
    embedding: float = 1.0
    residual: float = 1.0
    window: int = 0  # of the first of two layers
    rotary: tuple = (0, 0)  # the layers' tables
    neighbours: bool = False  # rotated, not halves
    rotated: int = 8  # dimensions of a head
    norm_behind: bool = False  # of q and k, behind the rotation
    longer: int = 0  # documents longer than this have the second table
    fused: tuple = ()  # which of q | k | v and gate | up are one target
    experts: int = 0  # in the place of the MLP, two for each token
    normed: bool = False  # whether their weights are divided by their sum
    shared: bool = False  # one more expert, which all tokens have
    limit: float = 0.0  # of the clamped SwiGLU; experts and router have biases then, and rows of LoRA's B take turns
    sinks: bool = False
    gated: bool = False  # attention's output
    delta: bool = False  # in the first of two layers, in the place of attention


KINDS = {
    "llama": Kind(),
    "qwen2": Kind(biases=True),
    "qwen3": Kind(q_norm=1),
    "gemma3": Kind(q_norm=1, behind=True, gelu=True, scale=0.3, embedding=4.9, window=2, rotary=(1, 0)),
    "olmo3": Kind(q_norm=2, before=False, behind=True, window=3),
    "granite": Kind(biases=True, scale=0.2, embedding=12.0, residual=0.22),
    "smollm3": Kind(rotary=(0, -1)),
    "phi3": Kind(rotated=4, longer=5, fused=("qkv", "gate_up")),
    "glm4": Kind(biases=True, behind=True, rotated=4, neighbours=True, fused=("gate_up",)),
    "ernie4_5": Kind(neighbours=True),
    "hunyuan": Kind(q_norm=1, norm_behind=True),
    "qwen3_moe": Kind(q_norm=1, experts=9, normed=True),
    "experts": Kind(residual=0.5, experts=5, behind=True),
    "gated": Kind(gated=True, biases=True),
    "qwen3_5": Kind(q_norm=1, rotated=4, gated=True, delta=True),
    "qwen3_5_moe": Kind(q_norm=1, rotated=4, gated=True, delta=True, experts=7, normed=True, shared=True),
    "shared": Kind(residual=0.5, experts=5, behind=True, shared=True),
    "gpt_oss": Kind(biases=True, experts=6, normed=True, limit=1.5, sinks=True, window=3),
}


def random_model(kind: Kind) -> decoder.Model:
    heads, kv, d, width, inner, vocabulary = 4, 2, 8, 24, 40, 50

    def product(*widths, columns=width, bias=kind.biases):
        weight = torch.randn(sum(widths), columns) / columns**0.5
        return Linear(weight, [], list(widths), columns, torch.randn(sum(widths)) if bias else None, None)

    def scale(n, there):
        return torch.rand(n) + 0.5 if there else None

    def shape(rows, columns, there):
        return Linear(torch.empty(0, 1), [], [rows] if there else [], columns if there else 1, None, None)

    mlp = not kind.experts or kind.shared

    def experts():
        clamped = kind.limit > 0
        gate_up = product(*[inner] * (2 * kind.experts), bias=clamped)
        down = product(*[width] * kind.experts, columns=inner, bias=clamped)
        bias = torch.randn(kind.experts) if clamped else None
        shared = torch.randn(1, width) if kind.shared else None
        return Experts(Router(torch.randn(kind.experts, width), bias, 2, kind.normed), gate_up, down, 1.7, kind.limit, clamped, shared)

    def first(i):
        if kind.delta and i == 0:
            return product(2 * 2 * 5 + 4 * 6, 4 * 6, 4, 4)
        q = heads * d * (2 if kind.gated else 1)
        return product(q + 2 * kv * d) if "qkv" in kind.fused else product(q, kv * d, kv * d)

    layers = [
        layers_text.Layer(
            layers_text.Norms(
                scale(width, kind.before),
                scale(d * (heads if kind.q_norm == 2 else 1), kind.q_norm),
                scale(d * (kv if kind.q_norm == 2 else 1), kind.q_norm),
                scale(width, kind.behind),
                scale(width, kind.before),
                scale(width, kind.behind),
            ),
            first(i),
            product(width, columns=4 * 6 if kind.delta and i == 0 else heads * d),
            shape(0, 0, False) if not mlp else product(2 * inner, bias=False) if "gate_up" in kind.fused else product(inner, inner, bias=False),
            product(width, columns=inner, bias=False) if mlp else shape(0, 0, False),
            shape(2 * inner, width, kind.experts),
            shape(width, inner, kind.experts),
            kind.rotary[i],
            kind.window if i == 0 else 0,
            experts() if kind.experts else None,
            torch.randn(heads) if kind.sinks else None,
            random_delta(2, 4, 5, 6, 4) if kind.delta and i == 0 else None,
        )
        for i in range(2)
    ]
    tables = []
    for base in [100, 10]:
        half = kind.rotated // 2
        angle = torch.outer(torch.arange(16.0), base ** -(torch.arange(1.0 * half) / half)).repeat(1, 2)
        tables.append(torch.stack([angle.cos(), angle.sin() * torch.tensor([-1.0] * half + [1.0] * half)]))
    embedding, output = product(vocabulary, bias=False), product(vocabulary, bias=False)
    config = layers_text.Config(
        heads, kv, d, 1e-6, 3, kind.scale, kind.gelu, kind.embedding, kind.residual, kind.window,
        kind.neighbours, kind.norm_behind, kind.longer, kind.gated,
    )
    return decoder.Model(config, embedding, layers, torch.rand(width) + 0.5, output, tables)


def plain_loss(m, tokens, labels, adapter, cs, masks):
    """The same model as a textbook has it, for autograd to go through."""

    def product(x, W, f, c, masks):
        y = x @ W.weight.t()
        masks = masks or [torch.ones(())] * len(W.widths)
        A = f.A.split(f.ranks)
        parts = [
            y_i + s * ((x * mask) @ A_i.t()) @ B.t() if r > 0 else y_i
            for y_i, A_i, B, s, r, mask in zip(y.split(W.widths, 1), A, f.B, f.scales, f.ranks, masks)
        ]
        y = torch.cat(parts, 1)
        if c is not None:
            # c holds 1 / |W + s B A|, a constant; the magnitudes are trained
            at, factors = 0, []
            for width, rank, c_i in zip(W.widths, f.ranks, c.split(W.widths)):
                factors.append(c_i * f.magnitude[at : at + width] if rank > 0 else c_i)
                at += width if rank > 0 else 0
            y = y * torch.cat(factors)
        return y if W.bias is None else y + W.bias

    def rms(x, w):
        if w is None:
            return x
        if w.size(0) != x.size(-1):  # over all heads at once
            return rms(x.flatten(1), w).unflatten(1, (-1, x.size(-1)))
        return w * x * (x.square().mean(-1, keepdim=True) + m.config.eps).rsqrt()

    def rotate(x, number):
        if number < 0:
            return x
        table = m.rotary[1] if 0 < m.config.longer < tokens.longest else m.rotary[number]
        width = table.size(2)
        cos, sin = table[:, tokens.positions].unsqueeze(2)
        if m.config.neighbours:  # as complex numbers, which textbooks have
            turns = torch.complex(cos[..., : width // 2].contiguous(), sin[..., width // 2 :].contiguous())
            pairs = torch.view_as_complex(x[..., :width].unflatten(-1, (-1, 2)).contiguous())
            return torch.cat([torch.view_as_real(pairs * turns).flatten(-2), x[..., width:]], -1)
        part = x[..., :width]
        return torch.cat([part * cos + part.roll(width // 2, -1) * sin, x[..., width:]], -1)

    def attended(y, layer):
        n = m.config.heads * (2 if m.config.gated else 1)
        q, k, v = y.unflatten(1, (-1, 8)).split([n, m.config.kv_heads, m.config.kv_heads], 1)
        gate = 1.0
        if m.config.gated:
            q, gate = q[:, 0::2], q[:, 1::2].flatten(1).sigmoid()
        if c0.norm_behind:
            q, k = rotate(q, layer.rotary), rotate(k, layer.rotary)
        if layer.norms.q is not None:
            q, k = rms(q, layer.norms.q), rms(k, layer.norms.k)
        if not c0.norm_behind:
            q, k = rotate(q, layer.rotary), rotate(k, layer.rotary)
        return softmax_attention(q, k, v, tokens.starts, layer.window, c0.scale, layer.sinks).flatten(1) * gate

    c0 = m.config
    gate_of = (lambda g: torch.nn.functional.gelu(g, approximate="tanh")) if c0.gelu else torch.nn.functional.silu
    x = m.embedding.weight[tokens.ids] * c0.embedding
    for layer, f, c, mask in zip(m.layers, adapter, cs, masks):
        y = product(rms(x, layer.norms.attention), layer.qkv, f.qkv, c[0], mask.qkv)
        if layer.delta is not None:
            o = plain_delta(y, tokens.starts, layer.delta, c0.eps)
        else:
            o = attended(y, layer)
        y = product(o, layer.o, f.o, c[1], mask.o)
        x = x + c0.residual * rms(y, layer.norms.attention_out)
        h = rms(x, layer.norms.mlp)
        y = mixture(h, layer.experts, f.experts_gate_up, f.experts_down) if layer.experts is not None else 0.0
        if layer.gate_up.widths:
            gate, up = product(h, layer.gate_up, f.gate_up, c[2], mask.gate_up).chunk(2, 1)
            own = product(gate_of(gate) * up, layer.down, f.down, c[3], mask.down)
            y = y + own * ((h @ layer.experts.shared.t()).sigmoid() if layer.experts is not None else 1.0)
        x = x + c0.residual * rms(y, layer.norms.mlp_out)
    logits = rms(x, m.norm)[labels.label_positions] @ m.output.weight.t()
    return torch.nn.functional.cross_entropy(logits, labels.targets, reduction="sum")


def mixture(h, experts, f_gate_up, f_down):
    """Every expert of every token, most of them times 0."""
    router = experts.router
    n = router.weight.size(0)

    def delta(f):  # as PEFT has the factors of a parameter of all experts
        if f.ranks[0] == 0:
            return [0.0] * n
        A, B = f.A.view(n, f.ranks[0] // n, -1), f.B[0].view(f.B[0].size(0), -1, n)
        return [f.scales[0] * B[:, :, e] @ A[e] for e in range(n)]

    def biases(W):
        return [0.0] * n if W.bias is None else W.bias.chunk(n)

    def gated(gate, up):
        if experts.limit == 0:
            return torch.nn.functional.silu(gate) * up
        gate = gate.clamp(max=experts.limit)
        return gate * torch.sigmoid(gate * experts.alpha) * (up.clamp(-experts.limit, experts.limit) + 1)

    def apart(d):  # rows of gate and of up that take turns, behind one another
        return torch.cat([d[0::2], d[1::2]]) if experts.turns and torch.is_tensor(d) else d

    logits = h @ router.weight.t()
    p = (logits if router.bias is None else logits + router.bias).softmax(1)
    p = p * (p >= p.topk(router.chosen, 1).values[:, -1:])
    if router.normed:
        p = p / p.sum(1, keepdim=True)
    y = torch.zeros_like(h)
    parts = experts.gate_up.weight.chunk(n), delta(f_gate_up), biases(experts.gate_up), experts.down.weight.chunk(n), delta(f_down), biases(experts.down)
    for w, both, d_both, b_both, down, d_down, b_down in zip(p.t(), *parts):
        gate, up = (h @ (both + apart(d_both)).t() + b_both).chunk(2, 1)
        y = y + w.unsqueeze(1) * (gated(gate, up) @ (down + d_down).t() + b_down)
    return y


def whole_model():
    ids = torch.randint(0, 50, (12,))
    positions = torch.arange(6).repeat(2)
    labels = decoder.Labels(torch.tensor([0, 1, 4, 7, 8, 9, 10]), torch.randint(0, 50, (7,)))
    choices = {
        "all": [3] * 7,
        "q, o, down": [3, 0, 0, 2, 0, 0, 4],
        "v, up": [0, 0, 2, 0, 0, 3, 0],
    }
    for kind, (chosen, ranks), dora in itertools.product(KINDS, choices.items(), [False, True]):
        m = random_model(KINDS[kind])
        each = sum(len(W.widths) for W in adapter.products_of(m.layers[1]))
        n = KINDS[kind].experts
        if n > 0:  # a parameter of all experts; it has no magnitudes
            ranks = ranks[: 7 if KINDS[kind].shared else 4] + ([0, 0] if dora else [n * max(ranks[4:6]), n * ranks[6]])
        elif each < 7:  # a fused target has the rank of the last of those it is made of
            ranks = [r for i, r in enumerate(ranks) if not (i < 2 and "qkv" in KINDS[kind].fused or i == 4)]
        of_delta = [ranks[0], ranks[2], ranks[0], ranks[2]] + ranks[3:]  # four targets in the place of three
        ranks = [r for layer in m.layers for r in (ranks if layer.delta is None else of_delta)]
        scales = [0.5 + 0.1 * i for i in range(len(ranks))]
        n, at = 0, 0
        for layer in m.layers:
            for W in adapter.products_of(layer):
                r = ranks[at : at + len(W.widths)]
                n += sum(lora.factor_sizes(W, r)) + (lora.adapted_width(W, r) if dora else 0)
                at += len(W.widths)
        flat = (torch.randn(n) * 0.3).requires_grad_()
        for starts, batch in [([0, 6, 12], 2), ([0, 3, 6, 8, 11, 12], 0)]:
            tokens = decoder.Tokens(ids, positions, torch.tensor(starts), 6, batch)
            cut = adapter.factors(m.layers, flat, ranks, scales, dora)
            with torch.no_grad():
                ready = adapter.adapter_of(m.layers, m.norm, flat, ranks, scales, dora)
            cs = [[constant(r, magnitude) for r, magnitude in zip(of_layer, f)] for of_layer, f in zip(ready, cut)]
            keys = torch.randint(-(2**31), 2**31, (2 * len(ranks),)).tolist()
            for checkpointing, around, dropout in [(False, 0, 0.0), (True, 0, 0.0), (False, 3, 0.0), (True, 0, 0.3)]:
                if around > 0 and (KINDS[kind].experts or dora or chosen != "all" or "gate_up" in KINDS[kind].fused):
                    continue
                masks = [adapter.no_masks()] * 2
                if dropout > 0:
                    masks = [adapter.masks_of(l, 12, torch.empty(0), dropout, keys, i * adapter.keys_of(m.layers[0])) for i, l in enumerate(m.layers)]
                total = plain_loss(m, tokens, labels, cut, cs, masks)
                (expected,) = torch.autograd.grad(total, flat, retain_graph=True)
                with torch.no_grad():
                    found = decoder.loss_and_gradient(
                        m, tokens, labels, flat, ranks, scales, dora, dropout, keys, checkpointing, around, False, False
                    )
                what = f"{kind}, {chosen}{', DoRA' if dora else ''}{', packed' if batch == 0 else ''}"
                what += f"{', checkpointed' if checkpointing else ''}{', around SwiGLU' if around else ''}"
                what += ", dropout" if dropout > 0 else ""
                compare(what, found, [total.detach().unsqueeze(0), expected])


def generated():
    """A text in pieces, of which keys and values or states are kept, beside the whole."""
    for kind in KINDS:
        m = random_model(KINDS[kind])
        if m.config.longer > 0:
            continue  # the keys of shorter texts are rotated otherwise
        ids, starts = torch.randint(0, 50, (12,)), torch.tensor([0, 12])
        with torch.no_grad():
            h = decoder.hidden_states(m, [], decoder.Tokens(ids, torch.arange(12), starts, 12, 1), False)
            cache, p, found = generation.new_cache(m, 12), 0, []
            for length in [1, 4, 1, 1, 5]:
                found.append(generation.next_logits(m, [], ids[p : p + length].unsqueeze(0), p, cache))
                p += length
            compare(f"generation.next_logits, {kind}", [torch.stack(found)], [decoder.head(m, h)[[0, 4, 5, 6, 11]]])


def constant(ready: lora.Lora, cut: lora.Lora):
    """1 / |W + s B A| of a product with DoRA, and 1 for targets that are not adapted."""
    if ready.c is None:
        return None
    at, parts = 0, []
    widths = [B.size(0) for B in ready.B]
    for width, rank, c in zip(widths, ready.ranks, ready.c.split(widths)):
        parts.append(c / cut.magnitude[at : at + width].detach() if rank > 0 else c)
        at += width if rank > 0 else 0
    return torch.cat(parts)


pieces()
delta_pieces()
whole_model()
generated()
experts_text.pads = router_text.pads = lambda x: True  # what a GPU does, where products are padded
KINDS = {name: kind for name, kind in KINDS.items() if kind.experts}
whole_model()
experts_text.has_tiles = lambda: True  # and where it has a kernel for them
whole_model()
sys.exit(1 if missed else 0)
