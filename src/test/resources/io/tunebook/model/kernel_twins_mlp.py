# Twins, as kernel_twins.py explains them, of the kernels around SwiGLU and GeGLU.
import torch
from torch import Tensor

from .dtypes import FLOAT32
from .kernel_twins import by_eight, flat, strided
from .mlp import d_glu, d_swiglu_lora, glu, swiglu_lora


def kernel_swiglu(g: Tensor, u: Tensor, m: Tensor, vectors: int, gelu: int, blocks: int, threads: int) -> None:
    n = by_eight(m, vectors, blocks, threads)
    flat(m, n).copy_(glu(flat(g, n), flat(u, n), gelu != 0))


def kernel_d_swiglu(
    d_m: Tensor,
    g: Tensor,
    u: Tensor,
    d_g: Tensor,
    d_u: Tensor,
    m: Tensor,
    vectors: int,
    gelu: int,
    blocks: int,
    threads: int,
) -> None:
    n = by_eight(g, vectors, blocks, threads)
    a, b, c = d_glu(flat(d_m, n), flat(g, n), flat(u, n), gelu != 0, False)
    flat(d_g, n).copy_(a)
    flat(d_u, n).copy_(b)
    flat(m, n).copy_(c)


def kernel_sum_parts(parts: Tensor, total: Tensor, count: int, fours: int, blocks: int, threads: int) -> None:
    assert fours * 4 == total.numel(), "sum_parts: a thread takes four elements, and some were left"
    assert blocks * threads >= fours, "sum_parts: there are fewer threads than fours"
    n = fours * 4
    flat(total, n).copy_(flat(parts, count * n).view([count, n]).to(FLOAT32).sum([0]))


# The strips of 128 columns of which each leaves a part of a sum. The first part is the whole sum here, the others zero.
def leave_parts(parts: Tensor, inner: int, whole: Tensor) -> None:
    strips = (inner + 127) // 128
    pieces = flat(parts, strips * whole.numel()).zero_().view([strips, -1])
    pieces[0].copy_(whole.flatten())


def swiglu_lora_twin(
    gelu: bool,
    g: Tensor,
    u: Tensor,
    z: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    m: Tensor,
    parts: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    assert threads == 256, "swiglu_lora: a block has 256 threads"
    gs, us = strided(g, rows, 1, inner, stride).flatten(1), strided(u, rows, 1, inner, stride).flatten(1)
    y, sums = swiglu_lora(
        torch.cat([gs, us], 1),
        flat(z, rows * 2 * rank).view([rows, 2 * rank]),
        flat(B_gate, inner * rank).view([inner, rank]),
        flat(B_up, inner * rank).view([inner, rank]),
        flat(A_down, rank * inner).view([rank, inner]),
        scale_gate,
        scale_up,
        gelu,
    )
    flat(m, rows * inner).copy_(y.flatten())
    leave_parts(parts, inner, sums)


def kernel_swiglu_lora(
    g: Tensor,
    u: Tensor,
    z: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    m: Tensor,
    parts: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    swiglu_lora_twin(
        False, g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, stride, rank, scale_gate, scale_up, blocks, threads
    )


def kernel_geglu_lora(
    g: Tensor,
    u: Tensor,
    z: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    m: Tensor,
    parts: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    swiglu_lora_twin(
        True, g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, stride, rank, scale_gate, scale_up, blocks, threads
    )


def d_swiglu_lora_twin(
    gelu: bool,
    d_m: Tensor,
    g: Tensor,
    u: Tensor,
    z: Tensor,
    d_z_down: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    parts: Tensor,
    factors: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    assert threads == 256, "d_swiglu_lora: a block has 256 threads"
    gs, us = strided(g, rows, 1, inner, stride).flatten(1), strided(u, rows, 1, inner, stride).flatten(1)
    found = d_m.new_empty([3, inner * rank])
    d_gu, d_z = d_swiglu_lora(
        flat(d_m, rows * inner).view([rows, inner]),
        torch.cat([gs, us], 1),
        flat(z, rows * 2 * rank).view([rows, 2 * rank]),
        flat(d_z_down, rows * rank).view([rows, rank]),
        flat(B_gate, inner * rank).view([inner, rank]),
        flat(B_up, inner * rank).view([inner, rank]),
        flat(A_down, rank * inner).view([rank, inner]),
        scale_gate,
        scale_up,
        gelu,
        found[0].view([inner, rank]),
        found[1].view([inner, rank]),
        found[2].view([rank, inner]),
    )
    gs.copy_(d_gu[:, 0:inner])
    us.copy_(d_gu[:, inner:])
    leave_parts(parts, inner, d_z)
    # the first part is the whole sum here too
    flat(factors, factors.numel()).zero_()
    flat(factors, 3 * inner * rank).copy_(found.flatten())


def kernel_d_swiglu_lora(
    d_m: Tensor,
    g: Tensor,
    u: Tensor,
    z: Tensor,
    d_z_down: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    parts: Tensor,
    factors: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    d_swiglu_lora_twin(
        False,
        d_m,
        g,
        u,
        z,
        d_z_down,
        B_gate,
        B_up,
        A_down,
        parts,
        factors,
        rows,
        inner,
        stride,
        rank,
        scale_gate,
        scale_up,
        blocks,
        threads,
    )


def kernel_d_geglu_lora(
    d_m: Tensor,
    g: Tensor,
    u: Tensor,
    z: Tensor,
    d_z_down: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    parts: Tensor,
    factors: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    d_swiglu_lora_twin(
        True,
        d_m,
        g,
        u,
        z,
        d_z_down,
        B_gate,
        B_up,
        A_down,
        parts,
        factors,
        rows,
        inner,
        stride,
        rank,
        scale_gate,
        scale_up,
        blocks,
        threads,
    )


# What is written lies in the flat gradient, behind the tensor that says where it begins.
def kernel_sum_factors(
    factors: Tensor, sums: Tensor, rows: int, inner: int, rank: int, blocks: int, threads: int
) -> None:
    n = 3 * inner * rank
    assert factors.numel() % n == 0, "sum_factors: parts are not whole"
    sums.as_strided([n], [1]).copy_(flat(factors, factors.numel()).view([-1, n]).sum([0]))
