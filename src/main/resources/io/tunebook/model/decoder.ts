# The decoder of Llama, Mistral, Qwen2 and Qwen3 with LoRA, forward and backward, in TorchScript.
#
# There is no autograd here: each backward stands beside its forward and says what it is the derivative of. A name d_y means
# dL/dy. Tokens stand in rows: activations are [N, width] with N = batch * length, only attention sees [batch, heads, length, head_dim].
# Weights are [out, in] as in the checkpoints, and y = x W^T. Types by number: 6 is float32, 15 bfloat16, 4 int64.
#
#   w        embedding, final norm, output; then LAYER tensors a layer:
#            0 attention norm, 1 q|k|v, 2 their bias, 3 o, 4 its bias, 5 MLP norm, 6 gate|up, 7 down, 8 q norm, 9 k norm
#            (an empty tensor where the architecture has none)
#   q, types the weights of a quantized model instead, as GGUF has them: scales and codes of the embedding, the output, then of q, k, v, o, gate,
#            up, down in each layer, and the number of each one's type; w then has an empty tensor in their places. See `expand`.
#   f        LoRA's factors, cast once a step; FACTORS tensors a layer:
#            0 A of q|k|v, 1 2 3 B of q, k, v, 4 A of o, 5 B of o, 6 A of gate|up, 7 8 B of gate, up, 9 A of down, 10 B of down,
#            11 12 13 14 DoRA's magnitudes of q|k|v, o, gate|up, down (empty without DoRA); no factors at all: the base model
#   r, s     rank and scale of q, k, v, o, gate, up, down in each layer; rank 0: not adapted
#   shape    heads, key-value heads, head_dim, layers, the MLP's inner width, vocabulary

# ---- RMSNorm (Zhang and Sennrich, 2019): y = w * x / sqrt(mean(x^2) + eps)

def rms_norm(self: __torch__.Decoder, x: Tensor, w: Tensor, eps: float) -> Tensor:
  a = x.to(6)
  n = a * torch.rsqrt(torch.mean(a * a, [-1], True) + eps)
  return n.to(ops.prim.dtype(x)) * w

# With t = 1 / sqrt(mean(x^2) + eps) and g = d_y * w:  d_x = t * (g - x t^2 mean(g x))
def d_rms_norm(self: __torch__.Decoder, d_y: Tensor, x: Tensor, w: Tensor, eps: float) -> Tensor:
  a = x.to(6)
  g = (d_y * w).to(6)
  t = torch.rsqrt(torch.mean(a * a, [-1], True) + eps)
  return (t * (g - a * (t * t * torch.mean(g * a, [-1], True)))).to(ops.prim.dtype(x))

# ---- Rotary position embedding (Su et al., 2021), halves rotated as in the Hugging Face checkpoints

def rope(self: __torch__.Decoder, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  a, b, = torch.chunk(x, 2, -1)
  return x * cos + torch.cat([torch.neg(b), a], -1) * sin

# A rotation's transpose is its inverse: d_x = rope(d_y) by the negative angle.

# ---- One product with LoRA (Hu et al., 2021) for several targets that share their input: y = x W^T + s (x A^T) B^T

def inputs(self: __torch__.Decoder, x: Tensor, A: Tensor, ranks: List[int], masks: List[Tensor]) -> Tensor:
  if torch.eq(torch.len(masks), 0):
    z = torch.mm(x, torch.t(A))
  else:
    parts = torch.split_with_sizes(A, ranks)
    zs = annotate(List[Tensor], [])
    for i in range(torch.len(ranks)):
      _0 = torch.append(zs, torch.mm(x * masks[i], torch.t(parts[i])))
    z = torch.cat(zs, 1)
  return z

# DoRA (Liu et al., 2024): y = c * (x W^T + s z B^T), with c = magnitude / |W + s B A|, whose denominator counts as a constant
def outputs(self: __torch__.Decoder, x: Tensor, W: Tensor, bias: Tensor, z: Tensor, B: List[Tensor], ranks: List[int], scales: List[float], widths: List[int], c: Tensor) -> Tensor:
  y = torch.mm(x, torch.t(W))
  if torch.gt(torch.len(B), 0):
    zs = torch.split_with_sizes(z, ranks, 1)
    ys = torch.split_with_sizes(y, widths, 1)
    for i in range(torch.len(B)):
      if torch.gt(ranks[i], 0):
        _0 = torch.addmm_(ys[i], zs[i], torch.t(B[i]), alpha=scales[i])
  if torch.gt(torch.numel(c), 0):
    _1 = torch.mul_(y, c)
  if torch.gt(torch.numel(bias), 0):
    _2 = torch.add_(y, bias)
  return y

# d_x = d_y W + d_z A   d_z_i = s_i d_y_i B_i   d_B_i = s_i d_y_i^T z_i   d_A = d_z^T x
# With DoRA d_y stands for c * d_y here, and d_magnitude = sum over tokens of d_y * y / magnitude is the caller's.
def d_product(self: __torch__.Decoder, d_y: Tensor, x: Tensor, W: Tensor, z: Tensor, A: Tensor, B: List[Tensor], ranks: List[int], scales: List[float], widths: List[int], masks: List[Tensor], g_A: Tensor, g_B: List[Tensor]) -> Tensor:
  d_x = torch.mm(d_y, W)
  ys = torch.split_with_sizes(d_y, widths, 1)
  zs = torch.split_with_sizes(z, ranks, 1)
  ds = annotate(List[Tensor], [])
  for i in range(torch.len(B)):
    if torch.gt(ranks[i], 0):
      _0 = torch.append(ds, torch.mm(ys[i], B[i]) * scales[i])
      _1 = torch.add_(g_B[i], torch.mm(torch.t(ys[i]), zs[i]), alpha=scales[i])
  if torch.gt(torch.len(ds), 0):
    d_z = torch.cat(ds, 1)
    if torch.eq(torch.len(masks), 0):
      _2 = torch.add_(g_A, torch.mm(torch.t(d_z), x))
      _3 = torch.addmm_(d_x, d_z, A)
    else:
      As = torch.split_with_sizes(A, ranks)
      gs = torch.split_with_sizes(g_A, ranks)
      dzs = torch.split_with_sizes(d_z, ranks, 1)
      for i in range(torch.len(ranks)):
        if torch.gt(ranks[i], 0):
          _4 = torch.add_(gs[i], torch.mm(torch.t(dzs[i]), x * masks[i]))
          _5 = torch.add_(d_x, torch.mm(dzs[i], As[i]) * masks[i])
  return d_x

# ---- Attention, causal, grouped heads; with a mask (packed documents, padding) that is added to the scores

def heads(self: __torch__.Decoder, x: Tensor, batch: int, head_dim: int) -> Tensor:
  return torch.transpose(torch.view(x, [batch, torch.floordiv(torch.size(x, 0), batch), -1, head_dim]), 1, 2)

def rows(self: __torch__.Decoder, x: Tensor) -> Tensor:
  return torch.reshape(torch.transpose(x, 1, 2), [torch.size(x, 0) * torch.size(x, 2), torch.size(x, 1) * torch.size(x, 3)])

def attention(self: __torch__.Decoder, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
  groups = torch.floordiv(torch.size(q, 1), torch.size(k, 1))
  causal = torch.eq(torch.numel(mask), 0)
  if ops.prim.is_cuda(q):
    if causal:
      o, lse, _0, _1, _2, _3, _4, _5, _6, = torch._scaled_dot_product_flash_attention(q, k, v, 0., True, False)
    else:
      o, lse, _7, _8, = torch._scaled_dot_product_efficient_attention(q, torch.repeat_interleave(k, groups, 1), torch.repeat_interleave(v, groups, 1), torch.expand(mask, [torch.size(q, 0), torch.size(q, 1), -1, -1]), True, 0., False)
  else:
    k1 = k
    v1 = v
    if torch.gt(groups, 1):
      k1 = torch.repeat_interleave(k, groups, 1)
      v1 = torch.repeat_interleave(v, groups, 1)
    if causal:
      o, lse, = torch._scaled_dot_product_flash_attention_for_cpu(q, k1, v1, 0., True)
    else:
      o, lse, = torch._scaled_dot_product_flash_attention_for_cpu(q, k1, v1, 0., False, attn_mask=mask)
  return (o, lse)

# The kernels' own backwards; for grouped heads the gradients of a group's copies of k and v are added up.
def d_attention(self: __torch__.Decoder, d_o: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, lse: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
  groups = torch.floordiv(torch.size(q, 1), torch.size(k, 1))
  causal = torch.eq(torch.numel(mask), 0)
  T = torch.size(q, 2)
  if torch.__and__(ops.prim.is_cuda(q), causal):
    none = torch.empty([0], dtype=4, device=ops.prim.device(q))
    state = torch.zeros([2], dtype=4)
    d_q, d_k, d_v, = torch._scaled_dot_product_flash_attention_backward(d_o, q, k, v, o, lse, none, none, T, T, 0., True, state, state)
  else:
    k1 = k
    v1 = v
    if torch.gt(groups, 1):
      k1 = torch.repeat_interleave(k, groups, 1)
      v1 = torch.repeat_interleave(v, groups, 1)
    if ops.prim.is_cuda(q):
      state = torch.zeros([2], dtype=4)
      d_q, d_k, d_v, _0, = torch._scaled_dot_product_efficient_attention_backward(d_o, q, k1, v1, torch.expand(mask, [torch.size(q, 0), torch.size(q, 1), -1, -1]), o, lse, torch.select(state, 0, 0), torch.select(state, 0, 1), 0., [True, True, True, False], False)
    else:
      if causal:
        d_q, d_k, d_v, = torch._scaled_dot_product_flash_attention_for_cpu_backward(d_o, q, k1, v1, o, lse, 0., True)
      else:
        d_q, d_k, d_v, = torch._scaled_dot_product_flash_attention_for_cpu_backward(d_o, q, k1, v1, o, lse, 0., False, attn_mask=mask)
    if torch.gt(groups, 1):
      d_k = torch.sum(torch.unflatten(d_k, 1, [-1, groups]), [2])
      d_v = torch.sum(torch.unflatten(d_v, 1, [-1, groups]), [2])
  return (d_q, d_k, d_v)

# ---- One layer: x + attention(norm(x)), then + MLP(norm(.)); returns its output and what the backward needs

def layer(self: __torch__.Decoder, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, w: List[Tensor], f: List[Tensor], r: List[int], s: List[float], c: List[Tensor], shape: List[int], eps: float, batch: int, masks: List[Tensor]) -> Tuple[Tensor, List[Tensor]]:
  d = shape[2]
  widths = [shape[0] * d, shape[1] * d, shape[1] * d]
  lora = torch.gt(torch.len(f), 0)
  none = torch.empty([0], device=ops.prim.device(x))
  z, zo, zg, zd = none, none, none, none
  b1, b2, b3, b4 = annotate(List[Tensor], []), annotate(List[Tensor], []), annotate(List[Tensor], []), annotate(List[Tensor], [])
  c1, c2, c3, c4 = none, none, none, none
  m1, m2, m3, m4 = annotate(List[Tensor], []), annotate(List[Tensor], []), annotate(List[Tensor], []), annotate(List[Tensor], [])
  if lora:
    b1, b2, b3, b4 = [f[1], f[2], f[3]], [f[5]], [f[7], f[8]], [f[10]]
    c1, c2, c3, c4 = c[0], c[1], c[2], c[3]
    if torch.gt(torch.len(masks), 0):
      m1, m2, m3, m4 = [masks[0], masks[1], masks[2]], [masks[3]], [masks[4], masks[5]], [masks[6]]
  h = (self).rms_norm(x, w[0], eps, )
  if lora:
    z = (self).inputs(h, f[0], [r[0], r[1], r[2]], m1, )
  qkv = (self).outputs(h, w[1], w[2], z, b1, [r[0], r[1], r[2]], [s[0], s[1], s[2]], widths, c1, )
  q0, k0, v0, = torch.split_with_sizes(qkv, widths, 1)
  q1 = (self).heads(q0, batch, d, )
  k1 = (self).heads(k0, batch, d, )
  v = (self).heads(v0, batch, d, )
  q2 = q1
  k2 = k1
  if torch.gt(torch.numel(w[8]), 0):
    q2 = (self).rms_norm(q1, w[8], eps, )
    k2 = (self).rms_norm(k1, w[9], eps, )
  q = (self).rope(q2, cos, sin, )
  k = (self).rope(k2, cos, sin, )
  o, lse, = (self).attention(q, k, v, mask, )
  a = (self).rows(o, )
  if lora:
    zo = (self).inputs(a, f[4], [r[3]], m2, )
  ao = (self).outputs(a, w[3], w[4], zo, b2, [r[3]], [s[3]], [torch.size(x, 1)], c2, )
  x1 = x + ao
  h1 = (self).rms_norm(x1, w[5], eps, )
  if lora:
    zg = (self).inputs(h1, f[6], [r[4], r[5]], m3, )
  inner = torch.floordiv(torch.size(w[6], 0), 2)
  gu = (self).outputs(h1, w[6], none, zg, b3, [r[4], r[5]], [s[4], s[5]], [inner, inner], c3, )
  g, u, = torch.chunk(gu, 2, 1)
  m = torch.silu(g) * u
  if lora:
    zd = (self).inputs(m, f[9], [r[6]], m4, )
  dn = (self).outputs(m, w[7], none, zd, b4, [r[6]], [s[6]], [torch.size(x, 1)], c4, )
  saved = [x, qkv, q, k, v, o, lse, x1, gu, z, zo, zg, zd]
  if torch.gt(torch.numel(c2) + torch.numel(c4), 0):
    saved = [x, qkv, q, k, v, o, lse, x1, gu, z, zo, zg, zd, ao, dn]
  return (x1 + dn, saved)

# DoRA's two derivatives: d_magnitude, added to g, and c * d_y, returned. y = c u + bias, so
# d_magnitude = sum(d_y u) / |W + s B A| = sum(d_y (y - bias)) / magnitude. Targets of rank 0 have no magnitude.
def d_magnitude(self: __torch__.Decoder, d_y: Tensor, y: Tensor, bias: Tensor, c: Tensor, magnitude: Tensor, ranks: List[int], widths: List[int], g: Tensor) -> Tensor:
  if torch.eq(torch.numel(c), 0):
    result = d_y
  else:
    u = y
    if torch.gt(torch.numel(bias), 0):
      u = y - bias
    sums = torch.split_with_sizes(torch.sum((d_y * u).to(6), [0]), widths)
    parts = annotate(List[Tensor], [])
    for i in range(torch.len(ranks)):
      if torch.gt(ranks[i], 0):
        _0 = torch.append(parts, sums[i])
    _1 = torch.add_(g, torch.cat(parts, 0) / magnitude.to(6))
    result = d_y * c
  return result

def d_layer(self: __torch__.Decoder, d_out: Tensor, t: List[Tensor], cos: Tensor, sin: Tensor, mask: Tensor, w: List[Tensor], f: List[Tensor], G: List[Tensor], r: List[int], s: List[float], c: List[Tensor], shape: List[int], eps: float, batch: int, masks: List[Tensor]) -> Tensor:
  d = shape[2]
  widths = [shape[0] * d, shape[1] * d, shape[1] * d]
  none = torch.empty([0], device=ops.prim.device(d_out))
  m1, m2, m3, m4 = annotate(List[Tensor], []), annotate(List[Tensor], []), annotate(List[Tensor], []), annotate(List[Tensor], [])
  if torch.gt(torch.len(masks), 0):
    m1, m2, m3, m4 = [masks[0], masks[1], masks[2]], [masks[3]], [masks[4], masks[5]], [masks[6]]
  x, qkv, q, k, v, o, lse, x1, gu, z, zo, zg, zd = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12]
  ao, dn = none, none
  if torch.gt(torch.numel(c[1]) + torch.numel(c[3]), 0):
    ao, dn = t[13], t[14]
  # MLP: m = silu(g) * u.  d_u = d_m silu(g),  d_g = d_m u (sigma + silu(g) (1 - sigma)),  sigma = sigmoid(g)
  g, u, = torch.chunk(gu, 2, 1)
  sigma = torch.sigmoid(g)
  sg = g * sigma
  m = sg * u
  inner = torch.size(g, 1)
  d_dn = (self).d_magnitude(d_out, dn, none, c[3], f[14], [r[6]], [torch.size(x, 1)], G[14], )
  d_m = (self).d_product(d_dn, m, w[7], zd, f[9], [f[10]], [r[6]], [s[6]], [torch.size(x, 1)], m4, G[9], [G[10]], )
  d_gu = torch.cat([d_m * u * (sigma + sg * (1 - sigma)), d_m * sg], 1)
  h1 = (self).rms_norm(x1, w[5], eps, )
  d_gu1 = (self).d_magnitude(d_gu, gu, none, c[2], f[13], [r[4], r[5]], [inner, inner], G[13], )
  d_h1 = (self).d_product(d_gu1, h1, w[6], zg, f[6], [f[7], f[8]], [r[4], r[5]], [s[4], s[5]], [inner, inner], m3, G[6], [G[7], G[8]], )
  d_x1 = d_out + (self).d_rms_norm(d_h1, x1, w[5], eps, )
  # Attention
  a = (self).rows(o, )
  d_ao = (self).d_magnitude(d_x1, ao, w[4], c[1], f[12], [r[3]], [torch.size(x, 1)], G[12], )
  d_a = (self).d_product(d_ao, a, w[3], zo, f[4], [f[5]], [r[3]], [s[3]], [torch.size(x, 1)], m2, G[4], [G[5]], )
  d_q, d_k, d_v, = (self).d_attention((self).heads(d_a, batch, d, ), q, k, v, o, lse, mask, )
  back = torch.neg(sin)
  d_q1 = (self).rope(d_q, cos, back, )
  d_k1 = (self).rope(d_k, cos, back, )
  if torch.gt(torch.numel(w[8]), 0):
    q0, k0, v0, = torch.split_with_sizes(qkv, widths, 1)
    d_q1 = (self).d_rms_norm(d_q1, (self).heads(q0, batch, d, ), w[8], eps, )
    d_k1 = (self).d_rms_norm(d_k1, (self).heads(k0, batch, d, ), w[9], eps, )
  d_qkv = torch.cat([(self).rows(d_q1, ), (self).rows(d_k1, ), (self).rows(d_v, )], 1)
  h = (self).rms_norm(x, w[0], eps, )
  d_qkv1 = (self).d_magnitude(d_qkv, qkv, w[2], c[0], f[11], [r[0], r[1], r[2]], widths, G[11], )
  d_h = (self).d_product(d_qkv1, h, w[1], z, f[0], [f[1], f[2], f[3]], [r[0], r[1], r[2]], [s[0], s[1], s[2]], widths, m1, G[0], [G[1], G[2], G[3]], )
  return d_x1 + (self).d_rms_norm(d_h, x, w[0], eps, )

# ---- The loss: cross entropy of the labelled positions only, in chunks, summed in float32. Logits are never whole.
# With p = softmax(h W^T):  d_h = (p - onehot) W.  Returns sum and, if wanted, d_h.

def cross_entropy(self: __torch__.Decoder, h: Tensor, W: Tensor, targets: Tensor, weight: float, chunk: int, backward: bool) -> Tuple[Tensor, Tensor]:
  total = torch.zeros([1], dtype=6, device=ops.prim.device(h))
  ds = annotate(List[Tensor], [])
  n = torch.size(h, 0)
  for i in range(torch.floordiv(n + chunk - 1, chunk)):
    start = i * chunk
    end = ops.prim.min(start + chunk, n)
    hs = torch.slice(h, 0, start, end)
    ts = torch.unsqueeze(torch.slice(targets, 0, start, end), 1)
    logits = torch.mm(hs, torch.t(W)).to(6)
    lse = torch.logsumexp(logits, [1], True)
    _0 = torch.add_(total, torch.sum(lse - torch.gather(logits, 1, ts)))
    if backward:
      p = torch.exp_(torch.sub_(logits, lse))
      _1 = torch.scatter_add_(p, 1, ts, torch.full_like(ts, -1, dtype=6))
      _2 = torch.append(ds, torch.mm(torch.mul_(p, weight).to(ops.prim.dtype(h)), W))
  d_h = torch.empty([0], device=ops.prim.device(h))
  if torch.gt(torch.len(ds), 0):
    d_h = torch.cat(ds, 0)
  return (total, d_h)

# ---- The whole model

# Cosines and sines for these positions [B, T]: [2, B, 1, T, head_dim]
def angles(self: __torch__.Decoder, table: Tensor, positions: Tensor, like: Tensor) -> Tensor:
  t = torch.reshape(torch.index_select(table, 1, torch.flatten(positions)), [2, torch.size(positions, 0), 1, torch.size(positions, 1), torch.size(table, 2)])
  return t.to(ops.prim.dtype(like))

# The scores' mask for packed documents [B, T]: 0 where query and key are of one document and the key is not later, else -inf; [B, 1, T, T]
def document_mask(self: __torch__.Decoder, documents: Tensor, like: Tensor) -> Tensor:
  T = torch.size(documents, 1)
  same = torch.eq(torch.unsqueeze(documents, 2), torch.unsqueeze(documents, 1))
  past = torch.tril(torch.ones([T, T], dtype=11, device=ops.prim.device(documents)))
  zero = torch.zeros([torch.size(documents, 0), 1, T, T], dtype=ops.prim.dtype(like), device=ops.prim.device(like))
  return torch.masked_fill(zero, torch.unsqueeze(torch.bitwise_not(torch.bitwise_and(same, past)), 1), -inf)

def of_layer(self: __torch__.Decoder, all: List[Tensor], first: int, l: int, n: int) -> List[Tensor]:
  return torch.slice(all, first + l * n, first + (l + 1) * n)

# ---- Quantized weights (QLoRA: Dettmers et al., 2023): they stay in GGUF's blocks and are expanded layer by layer, in the forward and again
# in the backward. A tensor comes as scales [blocks, 1 or 2] (float16: d, and m or dmin) and codes [blocks, the block's other bytes]; by type:
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

# Targets first, first + 1, ... below one another, [sum of widths, columns]
def expand_joined(self: __torch__.Decoder, q: List[Tensor], types: List[int], first: int, widths: List[int], columns: int, like: Tensor) -> Tensor:
  rows = 0
  for i in range(torch.len(widths)):
    rows = rows + widths[i]
  W = torch.empty([rows, columns], dtype=ops.prim.dtype(like), device=ops.prim.device(like))
  parts = torch.split_with_sizes(W, widths)
  for i in range(torch.len(widths)):
    t = first + i
    _0 = (self).expand(q[2 * t], q[2 * t + 1], types[t], parts[i], )
  return W

# The ten tensors of a layer
def weights(self: __torch__.Decoder, w: List[Tensor], q: List[Tensor], types: List[int], shape: List[int], l: int) -> List[Tensor]:
  W = (self).of_layer(w, 3, l, 10, )
  if torch.gt(torch.len(types), 0):
    d = shape[0] * shape[2]
    kv = shape[1] * shape[2]
    hidden = torch.size(w[1], 0)
    t = 2 + l * 7
    qkv = (self).expand_joined(q, types, t, [d, kv, kv], hidden, w[1], )
    o = (self).expand_joined(q, types, t + 3, [hidden], d, w[1], )
    gu = (self).expand_joined(q, types, t + 4, [shape[4], shape[4]], hidden, w[1], )
    down = (self).expand_joined(q, types, t + 6, [hidden], shape[4], w[1], )
    W = [W[0], qkv, W[2], o, W[4], W[5], gu, down, W[8], W[9]]
  return W

# Embeddings of tokens [B, T]: [B * T, width]; of a quantized embedding only these rows are expanded
def embed(self: __torch__.Decoder, ids: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], shape: List[int]) -> Tensor:
  at = torch.flatten(ids)
  if torch.eq(torch.len(types), 0):
    x = torch.embedding(w[0], at)
  else:
    x = torch.empty([torch.size(at, 0), torch.size(w[1], 0)], dtype=ops.prim.dtype(w[1]), device=ops.prim.device(w[1]))
    if torch.eq(types[0], 0):
      _0 = torch.copy_(x, torch.embedding(q[1], at))
    else:
      _1 = (self).expand((self).block_rows(q[0], at, shape[5], ), (self).block_rows(q[1], at, shape[5], ), types[0], x, )
  return x

def block_rows(self: __torch__.Decoder, blocks: Tensor, at: Tensor, rows: int) -> Tensor:
  return torch.flatten(torch.index_select(torch.view(blocks, [rows, -1, torch.size(blocks, 1)]), 0, at), 0, 1)

# The weight whose product with the last hidden state is the logits, [vocabulary, width]
def output(self: __torch__.Decoder, w: List[Tensor], q: List[Tensor], types: List[int], shape: List[int]) -> Tensor:
  W = w[2]
  if torch.gt(torch.len(types), 0):
    W = (self).expand_joined(q, types, 1, [shape[5]], torch.size(w[1], 0), w[1], )
  return W

# DoRA's c = magnitude / |W + s B A|, row by row, for the four products of each layer; empty tensors without DoRA
def dora(self: __torch__.Decoder, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int]) -> List[Tensor]:
  cs = annotate(List[Tensor], [])
  if torch.gt(torch.len(f), 0):
    for l in range(shape[3]):
      W = (self).weights(w, q, types, shape, l, )
      F = (self).of_layer(f, 0, l, 15, )
      r1 = torch.slice(r, l * 7, l * 7 + 7)
      s1 = torch.slice(s, l * 7, l * 7 + 7)
      inner = torch.floordiv(torch.size(W[6], 0), 2)
      kv = shape[1] * shape[2]
      _0 = torch.append(cs, (self).dora_scale(W[1], F[0], [F[1], F[2], F[3]], [r1[0], r1[1], r1[2]], [s1[0], s1[1], s1[2]], [shape[0] * shape[2], kv, kv], F[11], ))
      _1 = torch.append(cs, (self).dora_scale(W[3], F[4], [F[5]], [r1[3]], [s1[3]], [torch.size(W[3], 0)], F[12], ))
      _2 = torch.append(cs, (self).dora_scale(W[6], F[6], [F[7], F[8]], [r1[4], r1[5]], [s1[4], s1[5]], [inner, inner], F[13], ))
      _3 = torch.append(cs, (self).dora_scale(W[7], F[9], [F[10]], [r1[6]], [s1[6]], [torch.size(W[7], 0)], F[14], ))
  return cs

def dora_scale(self: __torch__.Decoder, W: Tensor, A: Tensor, B: List[Tensor], ranks: List[int], scales: List[float], widths: List[int], magnitude: Tensor) -> Tensor:
  if torch.eq(torch.numel(magnitude), 0):
    c = magnitude
  else:
    As = torch.split_with_sizes(A, ranks)
    Ws = torch.split_with_sizes(W, widths)
    at = 0
    parts = annotate(List[Tensor], [])
    for i in range(torch.len(B)):
      if torch.gt(ranks[i], 0):
        m = torch.slice(magnitude, 0, at, at + widths[i])
        at = at + widths[i]
        norm = torch.linalg_vector_norm((Ws[i] + torch.mm(B[i], As[i]) * scales[i]).to(6), 2, [1])
        _0 = torch.append(parts, m / norm.to(ops.prim.dtype(m)))
      else:
        _1 = torch.append(parts, torch.ones([widths[i]], dtype=ops.prim.dtype(magnitude), device=ops.prim.device(magnitude)))
    c = torch.cat(parts, 0)
  return c

# The norms of a weight's rows, float32: what DoRA's magnitudes start from
def row_norms(self: __torch__.Decoder, W: Tensor) -> Tensor:
  return torch.linalg_vector_norm(W.to(6), 2, [1])

# ---- Weights from files. A tensor in the model's type, 6 or 15, on the device of another
def as_type(self: __torch__.Decoder, x: Tensor, type: int, like: Tensor) -> Tensor:
  return x.to(ops.prim.device(like), type)

# A whole file as elements of one type: 0 uint8, 1 int8, 5 float16, 6 or 15; mapped, so that only what is used is read, and private, so that nothing
# is ever written
def map_file(self: __torch__.Decoder, path: str, elements: int, type: int) -> Tensor:
  return torch.from_file(path, False, elements, dtype=type)

# Tensors of so many rows that lie at these places of mapped files, below one another; one that has type and device already is not copied.
# columns 0: vectors. heads > 0: the rows of each head's two halves alternate in the file (llama.cpp's q and k) and are put back.
def from_files(self: __torch__.Decoder, files: List[Tensor], starts: List[int], rows: List[int], heads: List[int], columns: int, type: int, like: Tensor) -> Tensor:
  parts = annotate(List[Tensor], [])
  for i in range(torch.len(files)):
    x = torch.slice(files[i], 0, starts[i], starts[i] + rows[i] * ops.prim.max(columns, 1))
    _0 = torch.append(parts, (self).halves(torch.view(x, [rows[i], -1]), heads[i], ).to(ops.prim.device(like), type))
  if torch.eq(torch.len(parts), 1):
    y = parts[0]
  else:
    y = torch.cat(parts, 0)
  if torch.eq(columns, 0):
    y = torch.flatten(y)
  return y

def halves(self: __torch__.Decoder, x: Tensor, heads: int) -> Tensor:
  y = x
  if torch.gt(heads, 0):
    y = torch.flatten(torch.transpose(torch.view(x, [heads, -1, 2, torch.size(x, 1)]), 1, 2), 0, 2)
  return y

def joined(self: __torch__.Decoder, parts: List[Tensor]) -> Tensor:
  return torch.cat(parts, 0)

# A quantized tensor's scales and codes. Blocks have so many bytes, scales scales in front or, as Q6_K, behind; start is in bytes.
def blocks_from_file(self: __torch__.Decoder, bytes: Tensor, halves: Tensor, start: int, rows: int, length: int, block: int, scales: int, behind: bool, heads: int, like: Tensor) -> List[Tensor]:
  b = torch.slice(bytes, 0, start, start + rows * length)
  h = torch.slice(halves, 0, torch.floordiv(start, 2), torch.floordiv(start + rows * length, 2))
  b1 = torch.view((self).halves(torch.view(b, [rows, length]), heads, ), [-1, block])
  h1 = torch.view((self).halves(torch.view(h, [rows, -1]), heads, ), [-1, torch.floordiv(block, 2)])
  if behind:
    d = torch.slice(h1, 1, -scales)
    codes = torch.slice(b1, 1, 0, -2 * scales)
  else:
    d = torch.slice(h1, 1, 0, scales)
    codes = torch.slice(b1, 1, 2 * scales)
  return [torch.clone(d).to(ops.prim.device(like)), codes.to(ops.prim.device(like))]

# Quantized tensors below one another, expanded for good
def expanded(self: __torch__.Decoder, q: List[Tensor], types: List[int], widths: List[int], columns: int, type: int) -> Tensor:
  return (self).expand_joined(q, types, 0, widths, columns, torch.empty([0], dtype=type, device=ops.prim.device(q[1])), )

def hidden(self: __torch__.Decoder, ids: Tensor, positions: Tensor, documents: Tensor, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float) -> Tensor:
  batch = torch.size(ids, 0)
  x = (self).embed(ids, w, q, types, shape, )
  cos, sin, = torch.unbind((self).angles(table, positions, x, ))
  mask = torch.empty([0])
  if torch.gt(torch.numel(documents), 0):
    mask = (self).document_mask(documents, x, )
  cs = (self).dora(w, q, types, f, r, s, shape, )
  for l in range(shape[3]):
    x, _0, = (self).layer(x, cos, sin, mask, (self).weights(w, q, types, shape, l, ), (self).of_layer(f, 0, l, 15, ), torch.slice(r, l * 7, l * 7 + 7), torch.slice(s, l * 7, l * 7 + 7), (self).of_layer(cs, 0, l, 4, ), shape, eps, batch, annotate(List[Tensor], []), )
  return (self).rms_norm(x, w[1], eps, )

# LoRA's factors in the model's type, cut from the flat float32 leaf and shaped
def cut(self: __torch__.Decoder, flat: Tensor, sizes: List[int], columns: List[int], like: Tensor, cast: bool) -> List[Tensor]:
  t = flat
  if cast:
    t = flat.to(ops.prim.dtype(like))
  parts = torch.split_with_sizes(t, sizes)
  shaped = annotate(List[Tensor], [])
  for i in range(torch.len(parts)):
    p = parts[i]
    if torch.gt(columns[i], 0):
      p = torch.view(p, [torch.floordiv(sizes[i], columns[i]), columns[i]])
    _0 = torch.append(shaped, p)
  return shaped

# Logits of every position, float32 [N, vocabulary]
def logits(self: __torch__.Decoder, ids: Tensor, positions: Tensor, documents: Tensor, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float) -> Tensor:
  h = (self).hidden(ids, positions, documents, table, w, q, types, f, r, s, shape, eps, )
  return torch.mm(h, torch.t((self).output(w, q, types, shape, ))).to(6)

# The summed loss of the rows that have targets, float32 [1]
def loss(self: __torch__.Decoder, ids: Tensor, positions: Tensor, documents: Tensor, at: Tensor, targets: Tensor, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float, chunk: int) -> Tensor:
  h = (self).hidden(ids, positions, documents, table, w, q, types, f, r, s, shape, eps, )
  total, _0, = (self).cross_entropy(torch.index_select(h, 0, at), (self).output(w, q, types, shape, ), targets, 1., chunk, False, )
  return total

# One micro batch forward and backward: adds weight * d(sum of losses) to gradient, returns the sum. dropout is the probability to drop.
def gradient(self: __torch__.Decoder, ids: Tensor, positions: Tensor, documents: Tensor, at: Tensor, targets: Tensor, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float, chunk: int, gradients: Tensor, sizes: List[int], columns: List[int], weight: float, dropout: float, checkpointing: bool) -> Tensor:
  batch = torch.size(ids, 0)
  G = (self).cut(gradients, sizes, columns, gradients, False, )
  x = (self).embed(ids, w, q, types, shape, )
  cos, sin, = torch.unbind((self).angles(table, positions, x, ))
  mask = torch.empty([0])
  if torch.gt(torch.numel(documents), 0):
    mask = (self).document_mask(documents, x, )
  cs = (self).dora(w, q, types, f, r, s, shape, )
  keep = 1. - dropout
  masks = annotate(List[List[Tensor]], [])
  saved = annotate(List[List[Tensor]], [])
  n = torch.size(x, 0)
  for l in range(shape[3]):
    drop = annotate(List[Tensor], [])
    W = (self).weights(w, q, types, shape, l, )
    if torch.gt(dropout, 0.):
      ins = [torch.size(W[1], 1), torch.size(W[1], 1), torch.size(W[1], 1), torch.size(W[3], 1), torch.size(W[6], 1), torch.size(W[6], 1), torch.size(W[7], 1)]
      for i in range(7):
        _0 = torch.append(drop, torch.div_(torch.bernoulli_(torch.empty([n, ins[i]], dtype=ops.prim.dtype(x), device=ops.prim.device(x)), keep), keep))
    _1 = torch.append(masks, drop)
    x1, t, = (self).layer(x, cos, sin, mask, W, (self).of_layer(f, 0, l, 15, ), torch.slice(r, l * 7, l * 7 + 7), torch.slice(s, l * 7, l * 7 + 7), (self).of_layer(cs, 0, l, 4, ), shape, eps, batch, drop, )
    if checkpointing:
      t = [x]
    _2 = torch.append(saved, t)
    x = x1
  h = torch.index_select((self).rms_norm(x, w[1], eps, ), 0, at)
  total, d_h, = (self).cross_entropy(h, (self).output(w, q, types, shape, ), targets, weight, chunk, True, )
  d_n = torch.zeros_like(x)
  _3 = torch.index_copy_(d_n, 0, at, d_h)
  d_x = (self).d_rms_norm(d_n, x, w[1], eps, )
  for i in range(shape[3]):
    l = shape[3] - 1 - i
    t = torch.pop(saved)
    drop = masks[l]
    W = (self).weights(w, q, types, shape, l, )
    F = (self).of_layer(f, 0, l, 15, )
    r1 = torch.slice(r, l * 7, l * 7 + 7)
    s1 = torch.slice(s, l * 7, l * 7 + 7)
    c1 = (self).of_layer(cs, 0, l, 4, )
    if checkpointing:
      _4, t, = (self).layer(t[0], cos, sin, mask, W, F, r1, s1, c1, shape, eps, batch, drop, )
    d_x = (self).d_layer(d_x, t, cos, sin, mask, W, F, (self).of_layer(G, 0, l, 15, ), r1, s1, c1, shape, eps, batch, drop, )
  return total

# ---- Generation: one pass over new tokens [1, T] at position p, keys and values kept in caches [1, kv heads, longest, head_dim], two a layer.
# Returns the logits of the last position, float32 [vocabulary].

def next(self: __torch__.Decoder, ids: Tensor, p: int, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float, cache: List[Tensor]) -> Tensor:
  T = torch.size(ids, 1)
  d = shape[2]
  widths = [shape[0] * d, shape[1] * d, shape[1] * d]
  x = (self).embed(ids, w, q, types, shape, )
  positions = torch.unsqueeze(torch.arange(p, p + T, dtype=4, device=ops.prim.device(ids)), 0)
  cos, sin, = torch.unbind((self).angles(table, positions, x, ))
  none = torch.empty([0], device=ops.prim.device(x))
  no = annotate(List[Tensor], [])
  cs = (self).dora(w, q, types, f, r, s, shape, )
  lora = torch.gt(torch.len(f), 0)
  for l in range(shape[3]):
    W = (self).weights(w, q, types, shape, l, )
    F = (self).of_layer(f, 0, l, 15, )
    r1 = torch.slice(r, l * 7, l * 7 + 7)
    s1 = torch.slice(s, l * 7, l * 7 + 7)
    z, zo, zg, zd = none, none, none, none
    b1, b2, b3, b4 = no, no, no, no
    c1, c2, c3, c4 = none, none, none, none
    h = (self).rms_norm(x, W[0], eps, )
    if lora:
      b1, b2, b3, b4 = [F[1], F[2], F[3]], [F[5]], [F[7], F[8]], [F[10]]
      c1, c2, c3, c4 = cs[l * 4], cs[l * 4 + 1], cs[l * 4 + 2], cs[l * 4 + 3]
      z = (self).inputs(h, F[0], [r1[0], r1[1], r1[2]], no, )
    qkv = (self).outputs(h, W[1], W[2], z, b1, torch.slice(r1, 0, 3), torch.slice(s1, 0, 3), widths, c1, )
    q0, k0, v0, = torch.split_with_sizes(qkv, widths, 1)
    q1 = (self).heads(q0, 1, d, )
    k1 = (self).heads(k0, 1, d, )
    if torch.gt(torch.numel(W[8]), 0):
      q1 = (self).rms_norm(q1, W[8], eps, )
      k1 = (self).rms_norm(k1, W[9], eps, )
    _0 = torch.copy_(torch.slice(cache[2 * l], 2, p, p + T), (self).rope(k1, cos, sin, ))
    _1 = torch.copy_(torch.slice(cache[2 * l + 1], 2, p, p + T), (self).heads(v0, 1, d, ))
    k = torch.slice(cache[2 * l], 2, 0, p + T)
    v = torch.slice(cache[2 * l + 1], 2, 0, p + T)
    q2 = (self).rope(q1, cos, sin, )
    if torch.__and__(torch.gt(T, 1), torch.gt(p, 0)):
      past = torch.tril(torch.ones([T, p + T], dtype=11, device=ops.prim.device(x)), p)
      o = torch.scaled_dot_product_attention(q2, k, v, past, 0., False, scale=None, enable_gqa=True)
    else:
      o = torch.scaled_dot_product_attention(q2, k, v, None, 0., torch.gt(T, 1), scale=None, enable_gqa=True)
    a = (self).rows(o, )
    if lora:
      zo = (self).inputs(a, F[4], [r1[3]], no, )
    x = x + (self).outputs(a, W[3], W[4], zo, b2, [r1[3]], [s1[3]], [torch.size(x, 1)], c2, )
    h1 = (self).rms_norm(x, W[5], eps, )
    if lora:
      zg = (self).inputs(h1, F[6], [r1[4], r1[5]], no, )
    inner = torch.floordiv(torch.size(W[6], 0), 2)
    g, u, = torch.chunk((self).outputs(h1, W[6], none, zg, b3, [r1[4], r1[5]], [s1[4], s1[5]], [inner, inner], c3, ), 2, 1)
    m = torch.silu(g) * u
    if lora:
      zd = (self).inputs(m, F[9], [r1[6]], no, )
    x = x + (self).outputs(m, W[7], none, zd, b4, [r1[6]], [s1[6]], [torch.size(x, 1)], c4, )
  last = (self).rms_norm(torch.slice(x, 0, T - 1, T), w[1], eps, )
  return torch.flatten(torch.mm(last, torch.t((self).output(w, q, types, shape, ))).to(6))

# Caches for this many tokens
def new_cache(self: __torch__.Decoder, like: Tensor, shape: List[int], longest: int) -> List[Tensor]:
  all = annotate(List[Tensor], [])
  for i in range(2 * shape[3]):
    _0 = torch.append(all, torch.zeros([1, shape[1], longest, shape[2]], dtype=ops.prim.dtype(like), device=ops.prim.device(like)))
  return all

# A product such as a layer makes, to find out which type this machine multiplies faster
def product(self: __torch__.Decoder, x: Tensor, W: Tensor) -> Tensor:
  return torch.sum(torch.mm(x, torch.t(W)).to(6), [0, 1], True)

# W + sign * s B A in place, target by target; sign -1 takes it out again
def merge_(self: __torch__.Decoder, w: List[Tensor], f: List[Tensor], r: List[int], s: List[float], shape: List[int], sign: float) -> Tensor:
  for l in range(shape[3]):
    W = (self).of_layer(w, 3, l, 10, )
    F = (self).of_layer(f, 0, l, 15, )
    q = shape[0] * shape[2]
    kv = shape[1] * shape[2]
    inner = torch.floordiv(torch.size(W[6], 0), 2)
    T = [torch.slice(W[1], 0, 0, q), torch.slice(W[1], 0, q, q + kv), torch.slice(W[1], 0, q + kv, q + 2 * kv), W[3], torch.slice(W[6], 0, 0, inner), torch.slice(W[6], 0, inner, 2 * inner), W[7]]
    r1 = torch.slice(r, l * 7, l * 7 + 7)
    A1 = torch.split_with_sizes(F[0], torch.slice(r1, 0, 3))
    A2 = torch.split_with_sizes(F[6], torch.slice(r1, 4, 6))
    A = [A1[0], A1[1], A1[2], F[4], A2[0], A2[1], F[9]]
    B = [F[1], F[2], F[3], F[5], F[7], F[8], F[10]]
    for i in range(7):
      if torch.gt(r1[i], 0):
        _0 = torch.addmm_(T[i], B[i], A[i], alpha=sign * s[l * 7 + i])
  return w[1]
