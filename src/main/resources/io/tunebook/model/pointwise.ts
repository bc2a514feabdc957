# What stands between the decoder's large products, in PyTorch's own operators: for CPUs, and for GPUs where pointwise_cuda.ts does not go. As in decoder.ts, each
# backward says what it is the derivative of.

# ---- RMSNorm (Zhang and Sennrich, 2019): y = w * t * x with t = 1 / sqrt(mean(x^2) + eps), in float32. Returns y and t.

def rms_norm(self: __torch__.Decoder, x: Tensor, w: Tensor, eps: float) -> Tuple[Tensor, Tensor]:
  n = torch.linalg_vector_norm(x, 2, [-1], True, dtype=6)
  t = torch.rsqrt(n * n / torch.size(x, -1) + eps)
  return ((x * t).to(ops.prim.dtype(x)) * w, t)

# With g = d_y * w: d_x = t * (g - x t^2 mean(g x)); returns onto + d_x, where onto may be empty
def d_rms_norm(self: __torch__.Decoder, d_y: Tensor, x: Tensor, t: Tensor, w: Tensor, onto: Tensor) -> Tensor:
  a = x.to(6)
  g = d_y.to(6) * w
  m = torch.sum(g * a, [-1], True) / torch.size(x, -1)
  if torch.gt(torch.numel(onto), 0):
    d_x = torch.addcmul(onto.to(6), g, t)
  else:
    d_x = torch.mul_(g, t)
  return torch.addcmul_(d_x, a, t * t * t * m, value=-1).to(ops.prim.dtype(x))

# ---- Rotary position embedding (Su et al., 2021), halves rotated as in the Hugging Face checkpoints: (a, b) becomes (a cos - b sin, b cos + a sin).
# sin has the minus in its first half. x is [N, heads, head_dim]; in_place allows the result to take the place of x.

def rope(self: __torch__.Decoder, x: Tensor, cos: Tensor, sin: Tensor, in_place: bool) -> Tensor:
  return torch.addcmul_(x * cos, torch.roll(x, [torch.floordiv(torch.size(x, -1), 2)], [-1]), sin)

# A rotation's transpose is its inverse: d_x is the rotation of d_y by the negative angle. Returns those of q and k and what came for v side by side.
def d_rope(self: __torch__.Decoder, d_q: Tensor, d_k: Tensor, d_v: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  d_x = torch.cat([d_q, d_k, d_v], 1)
  d_qk = torch.slice(d_x, 1, 0, torch.size(d_q, 1) + torch.size(d_k, 1))
  rolled = torch.roll(d_qk, [torch.floordiv(torch.size(d_qk, -1), 2)], [-1])
  _0 = torch.addcmul_(torch.mul_(d_qk, cos), rolled, sin, value=-1)
  return d_x

# ---- SwiGLU (Shazeer, 2020): m = silu(g) * u

def swiglu(self: __torch__.Decoder, g: Tensor, u: Tensor) -> Tensor:
  return torch.mul_(torch.silu(g), u)

# d_u = d_m silu(g),  d_g = d_m u (sigma + silu(g) (1 - sigma)),  sigma = sigmoid(g); returns d_g, d_u and m again. in_place allows them to take the
# places of g, u and d_m.
def d_swiglu(self: __torch__.Decoder, d_m: Tensor, g: Tensor, u: Tensor, in_place: bool) -> Tuple[Tensor, Tensor, Tensor]:
  sg = torch.silu(g)
  m = sg * u
  d_g = torch.silu_backward(d_m * u, g)
  if in_place:
    d_u = torch.mul_(d_m, sg)
  else:
    d_u = d_m * sg
  return (d_g, d_u, m)

# SwiGLU with LoRA's thin products around it. gu is what the large product gave, gate's and up's side by side, and z alike: with a = g + s z B^T and b of up,
# m = silu(a) b. Returns m and down's z = m A^T.
def swiglu_lora(self: __torch__.Decoder, gu: Tensor, z: Tensor, B_gate: Tensor, B_up: Tensor, A_down: Tensor, s_gate: float, s_up: float) -> Tuple[Tensor, Tensor]:
  g, u, = torch.chunk(gu, 2, 1)
  z_gate, z_up, = torch.chunk(z, 2, 1)
  m = (self).swiglu(torch.addmm(g, z_gate, torch.t(B_gate), alpha=s_gate), torch.addmm(u, z_up, torch.t(B_up), alpha=s_up), )
  return (m, torch.mm(m, torch.t(A_down)))

# d_m is what the large product gave, without d_z A. Returns d_g and d_u side by side, which may take the place of gu, and d_z of gate and up; leaves d_B of
# gate and up and d_A of down in G.
def d_swiglu_lora(self: __torch__.Decoder, d_m: Tensor, gu: Tensor, z: Tensor, d_z_down: Tensor, B_gate: Tensor, B_up: Tensor, A_down: Tensor, s_gate: float, s_up: float, G: List[Tensor]) -> Tuple[Tensor, Tensor]:
  g, u, = torch.chunk(gu, 2, 1)
  z_gate, z_up, = torch.chunk(z, 2, 1)
  a = torch.addmm(g, z_gate, torch.t(B_gate), alpha=s_gate)
  b = torch.addmm(u, z_up, torch.t(B_up), alpha=s_up)
  d_g, d_u, m, = (self).d_swiglu(torch.addmm(d_m, d_z_down, A_down), a, b, False, )
  _0 = torch.addmm_(G[0], torch.t(d_g), z_gate, beta=0, alpha=s_gate)
  _1 = torch.addmm_(G[1], torch.t(d_u), z_up, beta=0, alpha=s_up)
  _2 = torch.addmm_(G[2], torch.t(d_z_down), m, beta=0)
  return (torch.cat([d_g, d_u], 1), torch.cat([torch.mm(d_g, B_gate) * s_gate, torch.mm(d_u, B_up) * s_up], 1))

# ---- Cross entropy of rows of logits: with p = softmax(logits), the sum of -log p[target], float32 [1], and, if wanted, p - onehot(target), which is its
# derivative. The sums are float32 in either type.

def entropy(self: __torch__.Decoder, logits: Tensor, targets: Tensor, backward: bool) -> Tuple[Tensor, Tensor]:
  ts = torch.unsqueeze(targets, 1)
  p = torch.softmax(logits, 1)
  sum = torch.neg(torch.sum(torch.log(torch.clamp_min(torch.gather(p, 1, ts).to(6), 1e-38)), [0]))
  if backward:
    _0 = torch.scatter_add_(p, 1, ts, torch.full_like(ts, -1, dtype=ops.prim.dtype(p)))
  return (sum, p)

# ---- GGUF's blocks, expanded. A tensor comes as scales [blocks, 1 or 2] (float16: d, and m or dmin) and codes [blocks, the block's other bytes]; by type:
#   0 not quantized: codes are the weights    2 Q4_0: d (c - 8)    3 Q4_1: d c + m    8 Q8_0: d c    12 Q4_K: d s c - dmin t    14 Q6_K: d s (c - 32)
# The arithmetic is float32, as in ggml-quants.c; only what comes out has the model's type.

def expand(self: __torch__.Decoder, scales: Tensor, codes: Tensor, type: int, out: Tensor) -> Tensor:
  if torch.eq(type, 0):
    _0 = torch.copy_(out, codes)
  else:
    n = torch.size(codes, 0)
    d = torch.slice(scales, 1, 0, 1).to(6)
    m = torch.slice(scales, 1, 1, 2).to(6)
    if torch.eq(type, 8):
      _1 = torch.mul(codes, d, out=torch.view(out, [n, 32]))
    elif torch.le(type, 3):
      c = torch.cat([torch.bitwise_and(codes, 15), torch.bitwise_right_shift(codes, 4)], 1)
      if torch.eq(type, 2):
        _2 = torch.mul(torch.sub(c.to(1), 8), d, out=torch.view(out, [n, 32]))
      else:
        _3 = torch.add(torch.mul(c, d), m, out=torch.view(out, [n, 32]))
    elif torch.eq(type, 12):
      # 12 bytes hold eight scales s and eight minima t of 6 bits: four of each whole, the upper two bits of which are taken by the other four
      a, b, h, = torch.split_with_sizes(torch.slice(codes, 1, 0, 12), [4, 4, 4], 1)
      s = torch.cat([torch.bitwise_and(a, 63), torch.bitwise_or(torch.bitwise_and(h, 15), torch.bitwise_left_shift(torch.bitwise_right_shift(a, 6), 4))], 1)
      t = torch.cat([torch.bitwise_and(b, 63), torch.bitwise_or(torch.bitwise_right_shift(h, 4), torch.bitwise_left_shift(torch.bitwise_right_shift(b, 6), 4))], 1)
      pairs = torch.unflatten(torch.slice(codes, 1, 12, 140), 1, [4, 32])
      c = torch.view(torch.stack([torch.bitwise_and(pairs, 15), torch.bitwise_right_shift(pairs, 4)], 2), [n, 8, 32])
      _4 = torch.sub(torch.mul(c, torch.unsqueeze(d * s, 2)), torch.unsqueeze(m * t, 2), out=torch.view(out, [n, 8, 32]))
    else:
      low = torch.unflatten(torch.slice(codes, 1, 0, 128), 1, [2, 64])
      high = torch.unflatten(torch.slice(codes, 1, 128, 192), 1, [2, 32])
      s = torch.slice(codes, 1, 192, 208).to(1)
      four = torch.cat([torch.bitwise_and(low, 15), torch.bitwise_right_shift(low, 4)], 2)
      two = torch.cat([torch.bitwise_left_shift(high, 4), torch.bitwise_left_shift(high, 2), high, torch.bitwise_right_shift(high, 2)], 2)
      c = torch.view(torch.bitwise_or(four, torch.bitwise_and(two, 48)).to(1), [n, 16, 16])
      _5 = torch.mul(torch.sub(c, 32), torch.unsqueeze(d * s, 2), out=torch.view(out, [n, 16, 16]))
  return out
