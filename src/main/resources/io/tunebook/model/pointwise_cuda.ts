# What stands between the decoder's large products, each in one kernel of kernels.cu. pointwise.ts says the same in PyTorch's operators and explains it; the
# last two arguments of a kernel are its blocks and the threads in each.

# The threads for a row of so many elements, eight each
def threads(self: __torch__.Decoder, width: int) -> int:
  return torch.floordiv(width + 255, 256) * 32

def rms_norm(self: __torch__.Decoder, x: Tensor, w: Tensor, eps: float) -> Tuple[Tensor, Tensor]:
  width = torch.size(x, -1)
  h = torch.empty(torch.size(x), dtype=ops.prim.dtype(x), device=ops.prim.device(x))
  rows = torch.floordiv(torch.numel(x), width)
  t = torch.empty([rows], dtype=6, device=ops.prim.device(x))
  _0 = ops.tunebook.rms_norm(x, w, h, t, torch.floordiv(rows, torch.size(x, 0)), torch.stride(x, 0), width, eps, rows, (self).threads(width, ))
  return (h, t)

def d_rms_norm(self: __torch__.Decoder, d_y: Tensor, x: Tensor, t: Tensor, w: Tensor, onto: Tensor) -> Tensor:
  width = torch.size(x, -1)
  rows = torch.floordiv(torch.numel(x), width)
  d_x = torch.empty(torch.size(x), dtype=ops.prim.dtype(x), device=ops.prim.device(x))
  _0 = ops.tunebook.d_rms_norm(d_y, x, t, w, onto, d_x, torch.floordiv(rows, torch.size(x, 0)), torch.stride(x, 0), width, rows, (self).threads(width, ))
  return d_x

def rope(self: __torch__.Decoder, x: Tensor, cos: Tensor, sin: Tensor, in_place: bool) -> Tensor:
  y = x
  if torch.__not__(in_place):
    y = torch.empty(torch.size(x), dtype=ops.prim.dtype(x), device=ops.prim.device(x))
  _0 = ops.tunebook.rope(x, y, cos, sin, torch.size(x, 1), torch.size(x, 2), torch.stride(x, 0), torch.stride(y, 0), torch.size(x, 0), 128)
  return y

def d_rope(self: __torch__.Decoder, d_q: Tensor, d_k: Tensor, d_v: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  heads = torch.size(d_q, 1)
  kv = torch.size(d_k, 1)
  d_qkv = torch.empty([torch.size(d_q, 0), heads + 2 * kv, torch.size(d_q, 2)], dtype=ops.prim.dtype(d_q), device=ops.prim.device(d_q))
  _0 = ops.tunebook.d_rope(torch.contiguous(d_q), torch.contiguous(d_k), torch.contiguous(d_v), cos, sin, d_qkv, heads, kv, torch.size(d_q, 2), torch.size(d_q, 0), 128)
  return d_qkv

def swiglu(self: __torch__.Decoder, g: Tensor, u: Tensor) -> Tensor:
  m = torch.empty_like(g)
  vectors = torch.floordiv(torch.numel(g), 8)
  _0 = ops.tunebook.swiglu(g, u, m, vectors, torch.floordiv(vectors + 255, 256), 256)
  return m

def d_swiglu(self: __torch__.Decoder, d_m: Tensor, g: Tensor, u: Tensor, in_place: bool) -> Tuple[Tensor, Tensor, Tensor]:
  vectors = torch.floordiv(torch.numel(g), 8)
  d_g, d_u, m = g, u, d_m
  if torch.__not__(in_place):
    d_g, d_u = torch.empty_like(g), torch.empty_like(u)
  _0 = ops.tunebook.d_swiglu(d_m, g, u, d_g, d_u, m, vectors, torch.floordiv(vectors + 255, 256), 256)
  return (d_g, d_u, m)

# The next two pass over tiles of 64 rows and 128 columns and leave parts of what is a sum of several tiles. The launcher takes at most as many blocks as there
# are multiprocessors, and 160 of them.

def tiles(self: __torch__.Decoder, rows: int, inner: int) -> int:
  return torch.floordiv(rows + 63, 64) * torch.floordiv(inner + 127, 128)

def sum_parts(self: __torch__.Decoder, parts: Tensor) -> Tensor:
  sum = torch.empty([torch.size(parts, 1), torch.size(parts, 2)], dtype=ops.prim.dtype(parts), device=ops.prim.device(parts))
  fours = torch.floordiv(torch.numel(sum), 4)
  _0 = ops.tunebook.sum_parts(parts, sum, torch.size(parts, 0), fours, torch.floordiv(fours + 127, 128), 128)
  return sum

def swiglu_lora(self: __torch__.Decoder, gu: Tensor, z: Tensor, B_gate: Tensor, B_up: Tensor, A_down: Tensor, s_gate: float, s_up: float) -> Tuple[Tensor, Tensor]:
  g, u, = torch.chunk(gu, 2, 1)
  rows, inner, rank = torch.size(g, 0), torch.size(g, 1), torch.size(A_down, 0)
  m = torch.empty([rows, inner], dtype=ops.prim.dtype(gu), device=ops.prim.device(gu))
  parts = torch.empty([torch.floordiv(inner + 127, 128), rows, rank], dtype=ops.prim.dtype(gu), device=ops.prim.device(gu))
  _0 = ops.tunebook.swiglu_lora(g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, torch.stride(gu, 0), rank, s_gate, s_up, (self).tiles(rows, inner, ), 256)
  return (m, (self).sum_parts(parts, ))

# G's three pieces lie one behind the other in the flat gradient
def d_swiglu_lora(self: __torch__.Decoder, d_m: Tensor, gu: Tensor, z: Tensor, d_z_down: Tensor, B_gate: Tensor, B_up: Tensor, A_down: Tensor, s_gate: float, s_up: float, G: List[Tensor]) -> Tuple[Tensor, Tensor]:
  g, u, = torch.chunk(gu, 2, 1)
  rows, inner, rank = torch.size(g, 0), torch.size(g, 1), torch.size(A_down, 0)
  strips = torch.floordiv(inner + 127, 128)
  parts = torch.empty([strips, rows, 2 * rank], dtype=ops.prim.dtype(gu), device=ops.prim.device(gu))
  factors = torch.empty([torch.floordiv(160, strips) + 2, 3 * inner * rank], dtype=6, device=ops.prim.device(gu))
  _0 = ops.tunebook.d_swiglu_lora(d_m, g, u, z, d_z_down, B_gate, B_up, A_down, parts, factors, rows, inner, torch.stride(gu, 0), rank, s_gate, s_up, (self).tiles(rows, inner, ), 256)
  _1 = ops.tunebook.sum_factors(factors, G[0], rows, inner, rank, (self).tiles(rows, inner, ), 256)
  return (gu, (self).sum_parts(parts, ))

def entropy(self: __torch__.Decoder, logits: Tensor, targets: Tensor, backward: bool) -> Tuple[Tensor, Tensor]:
  losses = torch.empty([torch.size(logits, 0)], dtype=6, device=ops.prim.device(logits))
  _0 = ops.tunebook.cross_entropy(logits, targets, losses, torch.size(logits, 1), int(backward), torch.size(logits, 0), 512)
  return (torch.sum(losses, [0], True), logits)

def expand(self: __torch__.Decoder, scales: Tensor, codes: Tensor, type: int, out: Tensor) -> Tensor:
  if torch.eq(type, 0):
    _0 = torch.copy_(out, codes)
  else:
    vectors = torch.floordiv(torch.numel(out), 8)
    _1 = ops.tunebook.expand(scales, codes, out, type, vectors, torch.floordiv(vectors + 255, 256), 256)
  return out
