# The decoder of Llama, Mistral, Qwen2 and Qwen3 with LoRA, forward and backward, in TorchScript.
#
# There is no autograd here: each backward stands beside its forward and says what it is the derivative of. A name d_y means
# dL/dy. Tokens stand in rows: activations are [N, width] with N = batch * length, in attention [N, heads, head_dim].
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
#   G        their gradients, alike, in the model's type
#   r, s     rank and scale of q, k, v, o, gate, up, down in each layer; rank 0: not adapted
#   c        DoRA's factors of the layer's four products, see `dora`
#   masks    dropout's of q, k, v, o, gate, up, down; none without dropout
#   shape    heads, key-value heads, head_dim, layers, the MLP's inner width, vocabulary, whether cuDNN's attention may be used, the rank whose
#            products around SwiGLU are in one kernel with it (0: no rank; else there is neither DoRA nor dropout)
#
# Written for few and large kernels: a residual or a bias is what a product is added to, LoRA's products are added in place, and what a norm
# divided by is kept.

# ---- One product with LoRA (Hu et al., 2021) for several targets that share their input: y = x W^T + s z B^T with z = x A^T

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

# Returns onto + y; onto is a bias, a residual or empty. W is one weight, or with types what `piece` found, scales and codes of each target.
# DoRA (Liu et al., 2024): y = c * (x W^T + s z B^T), with c = magnitude / |W + s B A|, whose denominator counts as a constant; onto is then a bias or empty
def outputs(self: __torch__.Decoder, x: Tensor, W: List[Tensor], types: List[int], onto: Tensor, z: Tensor, B: List[Tensor], ranks: List[int], scales: List[float], widths: List[int], c: Tensor) -> Tensor:
  dora = torch.gt(torch.numel(c), 0)
  empty = torch.eq(torch.numel(onto), 0)
  stored = torch.gt(torch.len(types), 0)
  alone = torch.__and__(torch.__and__(torch.eq(torch.len(B), 1), torch.gt(ranks[0], 0)), torch.__and__(empty, torch.__not__(stored)))
  if stored:
    y = (self).times_stored(x, W, types, widths, )
    if torch.__not__(torch.__or__(dora, empty)):
      _4 = torch.add_(y, onto)
  elif alone:
    # the small product first: adding to it costs the large one less than the other way round
    y = torch.empty([torch.size(x, 0), widths[0]], dtype=ops.prim.dtype(x), device=ops.prim.device(x))
    _3 = torch.addmm_(torch.addmm_(y, z, torch.t(B[0]), beta=0, alpha=scales[0]), x, torch.t(W[0]))
  elif torch.__or__(dora, empty):
    y = torch.mm(x, torch.t(W[0]))
  else:
    y = torch.addmm(onto, x, torch.t(W[0]))
  if torch.__and__(torch.gt(torch.len(B), 0), torch.__not__(alone)):
    zs = torch.split_with_sizes(z, ranks, 1)
    ys = torch.split_with_sizes(y, widths, 1)
    for i in range(torch.len(B)):
      if torch.gt(ranks[i], 0):
        _0 = torch.addmm_(ys[i], zs[i], torch.t(B[i]), alpha=scales[i])
  if dora:
    _1 = torch.mul_(y, c)
    if torch.gt(torch.numel(onto), 0):
      _2 = torch.add_(y, onto)
  return y

# The derivatives of a product for several targets; ys are the targets' d_y, with DoRA c * d_y:
#   d_z_i = s_i d_y_i B_i   d_B_i = s_i d_y_i^T z_i   d_A = d_z^T x   d_x = d_y W + d_z A
# One by one, since x may be known only behind d_x (the MLP's inner activation is computed again). First d_z, and d_B, which is left in G
def d_z(self: __torch__.Decoder, ys: List[Tensor], z: Tensor, B: List[Tensor], ranks: List[int], scales: List[float], G: List[Tensor]) -> Tensor:
  d = torch.empty_like(z)
  ds = torch.split_with_sizes(d, ranks, 1)
  zs = torch.split_with_sizes(z, ranks, 1)
  for i in range(torch.len(B)):
    if torch.gt(ranks[i], 0):
      _0 = torch.addmm_(ds[i], ys[i], B[i], beta=0, alpha=scales[i])
      _1 = torch.addmm_(G[i], torch.t(ys[i]), zs[i], beta=0, alpha=scales[i])
  return d

# ys may be several targets in one where they lie side by side
def d_x(self: __torch__.Decoder, ys: List[Tensor], W: Tensor, d_z: Tensor, A: Tensor, ranks: List[int], masks: List[Tensor]) -> Tensor:
  at = torch.size(ys[0], 1)
  early = torch.__and__(torch.eq(torch.len(masks), 0), torch.gt(torch.numel(d_z), 0))
  if early:
    d = torch.addmm_(torch.mm(d_z, A), ys[0], torch.slice(W, 0, 0, at))
  else:
    d = torch.mm(ys[0], torch.slice(W, 0, 0, at))
  for i in range(torch.len(ys) - 1):
    end = at + torch.size(ys[i + 1], 1)
    _0 = torch.addmm_(d, ys[i + 1], torch.slice(W, 0, at, end))
    at = end
  if torch.__not__(early):
    d = (self).through(d, d_z, A, ranks, masks, )
  return d

# d_x + d_z A, target by target where dropout gave each a mask
def through(self: __torch__.Decoder, d_x: Tensor, d_z: Tensor, A: Tensor, ranks: List[int], masks: List[Tensor]) -> Tensor:
  if torch.eq(torch.len(masks), 0):
    if torch.gt(torch.numel(d_z), 0):
      _0 = torch.addmm_(d_x, d_z, A)
  else:
    ds = torch.split_with_sizes(d_z, ranks, 1)
    As = torch.split_with_sizes(A, ranks)
    for i in range(torch.len(ranks)):
      if torch.gt(ranks[i], 0):
        _1 = torch.add_(d_x, torch.mm(ds[i], As[i]) * masks[i])
  return d_x

def d_A(self: __torch__.Decoder, d_z: Tensor, x: Tensor, ranks: List[int], masks: List[Tensor], G: Tensor) -> None:
  if torch.eq(torch.len(masks), 0):
    if torch.gt(torch.numel(d_z), 0):
      _0 = torch.addmm_(G, torch.t(d_z), x, beta=0)
  else:
    gs = torch.split_with_sizes(G, ranks)
    ds = torch.split_with_sizes(d_z, ranks, 1)
    for i in range(torch.len(ranks)):
      if torch.gt(ranks[i], 0):
        _1 = torch.addmm_(gs[i], torch.t(ds[i]), x * masks[i], beta=0)
  return None

# DoRA's two derivatives: d_magnitude, left in G, and c * d_y, returned. y = c u + bias, so
# d_magnitude = sum(d_y u) / |W + s B A| = sum(d_y (y - bias)) / magnitude. Targets of rank 0 have no magnitude.
def d_magnitude(self: __torch__.Decoder, d_y: Tensor, y: Tensor, bias: Tensor, c: Tensor, magnitude: Tensor, ranks: List[int], widths: List[int], G: Tensor) -> Tensor:
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
    _1 = torch.copy_(G, torch.cat(parts, 0) / magnitude.to(6))
    result = d_y * c
  return result

# ---- Attention: causal, within each document, grouped heads. q, k, v are [N, heads, head_dim].
# Whole rows of documents go to cuDNN on GPUs where it is the fastest. Else the flash kernel takes the documents' starts [documents + 1] in int32 on a GPU; on a
# CPU documents other than whole rows need a mask that is added to the scores. On a GPU a mask only says that there are such documents. Returns the heads'
# outputs and what the backward needs: the logarithm of the softmax's sums, and what cuDNN adds.

def by_head(self: __torch__.Decoder, x: Tensor, batch: int, groups: int) -> Tensor:
  y = torch.transpose(torch.unflatten(x, 0, [batch, -1]), 1, 2)
  if torch.gt(groups, 1):
    y = torch.repeat_interleave(y, groups, 1)
  return y

def attention(self: __torch__.Decoder, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, starts: Tensor, longest: int, batch: int, cudnn: bool) -> Tuple[Tensor, List[Tensor]]:
  none = torch.empty([0], device=ops.prim.device(q))
  if torch.__and__(cudnn, torch.eq(torch.numel(mask), 0)):
    o1, lse, from_q, from_k, _0, _1, seed, offset, _2, = torch._scaled_dot_product_cudnn_attention((self).by_head(q, batch, 1, ), (self).by_head(k, batch, 1, ), (self).by_head(v, batch, 1, ), None, True, 0., True, False, scale=None)
    o = torch.flatten(torch.transpose(o1, 1, 2), 0, 1)
    saved = [lse, from_q, from_k, seed, offset]
  elif ops.prim.is_cuda(q):
    o, lse, _3, _4, _5, = torch._flash_attention_forward(q, k, v, starts, starts, longest, longest, 0., True, False)
    saved = [lse, none, none, none, none]
  else:
    groups = torch.floordiv(torch.size(q, 1), torch.size(k, 1))
    k1 = (self).by_head(k, batch, groups, )
    v1 = (self).by_head(v, batch, groups, )
    if torch.eq(torch.numel(mask), 0):
      o1, lse, = torch._scaled_dot_product_flash_attention_for_cpu((self).by_head(q, batch, 1, ), k1, v1, 0., True)
    else:
      o1, lse, = torch._scaled_dot_product_flash_attention_for_cpu((self).by_head(q, batch, 1, ), k1, v1, 0., False, attn_mask=mask)
    o = torch.flatten(torch.transpose(o1, 1, 2), 0, 1)
    saved = [lse, none, none, none, none]
  return (o, saved)

# The kernels' own backwards; on the CPU the gradients of a group's copies of k and v are added up here.
def d_attention(self: __torch__.Decoder, d_o: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, saved: List[Tensor], mask: Tensor, starts: Tensor, longest: int, batch: int, cudnn: bool) -> Tuple[Tensor, Tensor, Tensor]:
  lse, from_q, from_k, seed, offset = saved[0], saved[1], saved[2], saved[3], saved[4]
  if torch.__and__(cudnn, torch.eq(torch.numel(mask), 0)):
    T = torch.floordiv(torch.size(q, 0), batch)
    # there is no bias, which is said by a tensor that does not exist, as from_q does not without nested rows
    d_q1, d_k1, d_v1, = torch._scaled_dot_product_cudnn_attention_backward((self).by_head(d_o, batch, 1, ), (self).by_head(q, batch, 1, ), (self).by_head(k, batch, 1, ), (self).by_head(v, batch, 1, ), (self).by_head(o, batch, 1, ), lse, seed, offset, from_q, from_q, from_k, T, T, 0., True, scale=None)
    d_q = torch.flatten(torch.transpose(d_q1, 1, 2), 0, 1)
    d_k = torch.flatten(torch.transpose(d_k1, 1, 2), 0, 1)
    d_v = torch.flatten(torch.transpose(d_v1, 1, 2), 0, 1)
  elif ops.prim.is_cuda(q):
    unused = torch.zeros([2], dtype=4, device=ops.prim.device(q))
    d_q, d_k, d_v, = torch._flash_attention_backward(d_o, q, k, v, o, lse, starts, starts, longest, longest, 0., True, unused, unused)
  else:
    groups = torch.floordiv(torch.size(q, 1), torch.size(k, 1))
    q1 = (self).by_head(q, batch, 1, )
    k1 = (self).by_head(k, batch, groups, )
    v1 = (self).by_head(v, batch, groups, )
    o1 = (self).by_head(o, batch, 1, )
    d_o1 = (self).by_head(d_o, batch, 1, )
    if torch.eq(torch.numel(mask), 0):
      d_q1, d_k1, d_v1, = torch._scaled_dot_product_flash_attention_for_cpu_backward(d_o1, q1, k1, v1, o1, lse, 0., True)
    else:
      d_q1, d_k1, d_v1, = torch._scaled_dot_product_flash_attention_for_cpu_backward(d_o1, q1, k1, v1, o1, lse, 0., False, attn_mask=mask)
    d_q = torch.flatten(torch.transpose(d_q1, 1, 2), 0, 1)
    d_k = torch.flatten(torch.transpose(torch.sum(torch.unflatten(d_k1, 1, [-1, groups]), [2]), 1, 2), 0, 1)
    d_v = torch.flatten(torch.transpose(torch.sum(torch.unflatten(d_v1, 1, [-1, groups]), [2]), 1, 2), 0, 1)
  return (d_q, d_k, d_v)

# How far cuDNN's attention is from the flash kernel's for such heads, forward and backward, as a share of the largest value, float32 [1]
def cudnn_differs(self: __torch__.Decoder, like: Tensor, shape: List[int]) -> Tensor:
  N = 256
  q = torch.randn([N, shape[0], shape[2]], dtype=ops.prim.dtype(like), device=ops.prim.device(like))
  k = torch.randn([N, shape[1], shape[2]], dtype=ops.prim.dtype(like), device=ops.prim.device(like))
  v = torch.randn([N, shape[1], shape[2]], dtype=ops.prim.dtype(like), device=ops.prim.device(like))
  d_o = torch.randn([N, shape[0], shape[2]], dtype=ops.prim.dtype(like), device=ops.prim.device(like))
  starts = torch.arange(0, N + 1, 128, dtype=3, device=ops.prim.device(like))
  none = torch.empty([0], device=ops.prim.device(like))
  o, saved, = (self).attention(q, k, v, none, starts, 128, 2, False, )
  o1, saved1, = (self).attention(q, k, v, none, starts, 128, 2, True, )
  d_q, d_k, d_v, = (self).d_attention(d_o, q, k, v, o, saved, none, starts, 128, 2, False, )
  d_q1, d_k1, d_v1, = (self).d_attention(d_o, q, k, v, o1, saved1, none, starts, 128, 2, True, )
  flash = [o, d_q, d_k, d_v]
  cudnn = [o1, d_q1, d_k1, d_v1]
  worst = torch.zeros([1], dtype=6, device=ops.prim.device(like))
  for i in range(4):
    worst = torch.maximum(worst, torch.max(torch.abs(flash[i].to(6) - cudnn[i].to(6))) / torch.max(torch.abs(flash[i].to(6))))
  return worst

# ---- One layer: x + attention(norm(x)), then + MLP(norm(.)). Its two halves return what the backward needs as well.

# q and k [N, heads + kv heads, head_dim] side by side, rotated; v [N, kv heads, head_dim]; saved: t, h, z, q|k|v as the product left it
def project(self: __torch__.Decoder, x: Tensor, cos: Tensor, sin: Tensor, w: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], c: List[Tensor], shape: List[int], eps: float, masks: List[Tensor]) -> Tuple[Tensor, Tensor, List[Tensor]]:
  d = shape[2]
  widths = [shape[0] * d, shape[1] * d, shape[1] * d]
  none = torch.empty([0], device=ops.prim.device(x))
  h, t, = (self).rms_norm(x, w[0], eps, )
  W = (self).piece(w, w[1], types, 0, 3, )
  b = torch.slice(types, 0, 3)
  if torch.gt(torch.len(f), 0):
    z = (self).inputs(h, f[0], [r[0], r[1], r[2]], torch.slice(masks, 0, 3), )
    qkv = (self).outputs(h, W, b, w[2], z, [f[1], f[2], f[3]], [r[0], r[1], r[2]], [s[0], s[1], s[2]], widths, c[0], )
  else:
    z = none
    qkv = (self).outputs(h, W, b, w[2], none, annotate(List[Tensor], []), [0], [0.], widths, none, )
  qk = torch.unflatten(torch.slice(qkv, 1, 0, widths[0] + widths[1]), 1, [-1, d])
  if torch.gt(torch.numel(w[8]), 0):
    q, k, = torch.split_with_sizes(qk, [shape[0], shape[1]], 1)
    q1, _0, = (self).rms_norm(q, w[8], eps, )
    k1, _1, = (self).rms_norm(k, w[9], eps, )
    qk = torch.cat([q1, k1], 1)
  v = torch.unflatten(torch.slice(qkv, 1, widths[0] + widths[1]), 1, [-1, d])
  # the rotated ones may take their place, unless the product's output is needed again
  again = torch.gt(torch.numel(w[8]), 0)
  if torch.gt(torch.len(c), 0):
    again = torch.__or__(again, torch.gt(torch.numel(c[0]), 0))
  return ((self).rope(qk, cos, sin, torch.__not__(again), ), v, [t, h, z, qkv])

# Whether LoRA's products around SwiGLU are computed with it: then gate|up is kept as the large product leaves it, in the place of gate
def around_swiglu(self: __torch__.Decoder, r: List[int], shape: List[int]) -> bool:
  same = torch.__and__(torch.eq(r[4], shape[7]), torch.__and__(torch.eq(r[5], shape[7]), torch.eq(r[6], shape[7])))
  return torch.__and__(torch.gt(shape[7], 0), same)

# The layer's output from its input x and the heads' outputs a; saved: x1, t1, h1, gate, up, z of o, gate|up, down, and with DoRA their outputs
def finish(self: __torch__.Decoder, x: Tensor, a: Tensor, w: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], c: List[Tensor], shape: List[int], eps: float, masks: List[Tensor]) -> Tuple[Tensor, List[Tensor]]:
  none = torch.empty([0], device=ops.prim.device(x))
  no = annotate(List[Tensor], [])
  width = torch.size(x, 1)
  inner = shape[4]
  o = (self).piece(w, w[3], types, 3, 1, )
  gate = (self).piece(w, torch.slice(w[6], 0, 0, inner), types, 4, 1, )
  up = (self).piece(w, torch.slice(w[6], 0, inner), types, 5, 1, )
  down = (self).piece(w, w[7], types, 6, 1, )
  b3, b4, b5, b6 = torch.slice(types, 3, 4), torch.slice(types, 4, 5), torch.slice(types, 5, 6), torch.slice(types, 6, 7)
  if torch.eq(torch.len(f), 0):
    x1 = (self).outputs(a, o, b3, x, none, no, [0], [0.], [width], none, )
    if torch.gt(torch.numel(w[4]), 0):
      _0 = torch.add_(x1, w[4])
    h1, _1, = (self).rms_norm(x1, w[5], eps, )
    g = (self).outputs(h1, gate, b4, none, none, no, [0], [0.], [inner], none, )
    m = (self).swiglu(g, (self).outputs(h1, up, b5, none, none, no, [0], [0.], [inner], none, ), )
    result = ((self).outputs(m, down, b6, x1, none, no, [0], [0.], [width], none, ), no)
  else:
    zo = (self).inputs(a, f[4], [r[3]], torch.slice(masks, 3, 4), )
    saved_o = no
    if torch.eq(torch.numel(c[1]), 0):
      x1 = (self).outputs(a, o, b3, x, zo, [f[5]], [r[3]], [s[3]], [width], c[1], )
      if torch.gt(torch.numel(w[4]), 0):
        _1 = torch.add_(x1, w[4])
    else:
      y0 = (self).outputs(a, o, b3, w[4], zo, [f[5]], [r[3]], [s[3]], [width], c[1], )
      x1 = x + y0
      saved_o = [y0]
    h1, t1, = (self).rms_norm(x1, w[5], eps, )
    zg = (self).inputs(h1, f[6], [r[4], r[5]], torch.slice(masks, 4, 6), )
    if torch.__and__(torch.eq(torch.len(types), 0), (self).around_swiglu(r, shape, )):
      g, u = torch.mm(h1, torch.t(w[6])), none
      m, zd, = (self).swiglu_lora(g, zg, f[7], f[8], f[9], s[4], s[5], )
    else:
      z0, z1, = torch.split_with_sizes(zg, [r[4], r[5]], 1)
      c0, c1, = torch.chunk(c[2], 2)
      g = (self).outputs(h1, gate, b4, none, z0, [f[7]], [r[4]], [s[4]], [inner], c0, )
      u = (self).outputs(h1, up, b5, none, z1, [f[8]], [r[5]], [s[5]], [inner], c1, )
      m = (self).swiglu(g, u, )
      zd = (self).inputs(m, f[9], [r[6]], torch.slice(masks, 6, 7), )
    if torch.eq(torch.numel(c[3]), 0):
      y = (self).outputs(m, down, b6, x1, zd, [f[10]], [r[6]], [s[6]], [width], c[3], )
      saved_d = no
    else:
      dn = (self).outputs(m, down, b6, none, zd, [f[10]], [r[6]], [s[6]], [width], c[3], )
      y = x1 + dn
      saved_d = [dn]
    result = (y, torch.add(torch.add([x1, t1, h1, g, u, zo, zg, zd], saved_o), saved_d))
  return result

def layer(self: __torch__.Decoder, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, starts: Tensor, longest: int, w: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], c: List[Tensor], shape: List[int], eps: float, batch: int, masks: List[Tensor]) -> Tuple[Tensor, List[Tensor]]:
  qk, v, first, = (self).project(x, cos, sin, w, types, f, r, s, c, shape, eps, masks, )
  q, k, = torch.split_with_sizes(qk, [shape[0], shape[1]], 1)
  o, sums, = (self).attention(q, k, v, mask, starts, longest, batch, torch.gt(shape[6], 0), )
  y, second, = (self).finish(x, torch.flatten(o, 1, 2), w, types, f, r, s, c, shape, eps, masks, )
  return (y, torch.add(torch.add(torch.add([x, qk, v, o], sums), first), second))

def d_layer(self: __torch__.Decoder, d_out: Tensor, t: List[Tensor], cos: Tensor, sin: Tensor, mask: Tensor, starts: Tensor, longest: int, w: List[Tensor], f: List[Tensor], G: List[Tensor], r: List[int], s: List[float], c: List[Tensor], shape: List[int], eps: float, batch: int, masks: List[Tensor]) -> Tensor:
  d = shape[2]
  widths = [shape[0] * d, shape[1] * d, shape[1] * d]
  inner = shape[4]
  width = torch.size(d_out, 1)
  none = torch.empty([0], device=ops.prim.device(d_out))
  x, qk, v, o, t0, h, z, qkv, x1, t1, h1, g, u, zo, zg, zd = t[0], t[1], t[2], t[3], t[9], t[10], t[11], t[12], t[13], t[14], t[15], t[16], t[17], t[18], t[19], t[20]
  # MLP
  d_dn = (self).d_magnitude(d_out, t[-1], none, c[3], f[14], [r[6]], [width], G[14], )
  dzd = (self).d_z([d_dn], zd, [f[10]], [r[6]], [s[6]], [G[10]], )
  if (self).around_swiglu(r, shape, ):
    d_gu, dzg, = (self).d_swiglu_lora(torch.mm(d_dn, w[7]), g, zg, dzd, f[7], f[8], f[9], s[4], s[5], torch.slice(G, 7, 10), )
    d_ys = [d_gu]
  else:
    d_m = (self).d_x([d_dn], w[7], dzd, f[9], [r[6]], torch.slice(masks, 6, 7), )
    dora = torch.gt(torch.numel(c[2]), 0)
    d_g, d_u, m, = (self).d_swiglu(d_m, g, u, torch.__not__(dora), )
    (self).d_A(dzd, m, [r[6]], torch.slice(masks, 6, 7), G[9], )
    if dora:
      d_gu1 = (self).d_magnitude(torch.cat([d_g, d_u], 1), torch.cat([g, u], 1), none, c[2], f[13], [r[4], r[5]], [inner, inner], G[13], )
      d_g, d_u, = torch.chunk(d_gu1, 2, 1)
    d_ys = [d_g, d_u]
    dzg = (self).d_z(d_ys, zg, [f[7], f[8]], [r[4], r[5]], [s[4], s[5]], [G[7], G[8]], )
  d_h1 = (self).d_x(d_ys, w[6], dzg, f[6], [r[4], r[5]], torch.slice(masks, 4, 6), )
  (self).d_A(dzg, h1, [r[4], r[5]], torch.slice(masks, 4, 6), G[6], )
  d_x1 = (self).d_rms_norm(d_h1, x1, t1, w[5], d_out, )
  # Attention
  d_ao = d_x1
  if torch.gt(torch.numel(c[1]), 0):
    d_ao = (self).d_magnitude(d_x1, t[21], w[4], c[1], f[12], [r[3]], [width], G[12], )
  dzo = (self).d_z([d_ao], zo, [f[5]], [r[3]], [s[3]], [G[5]], )
  d_a = (self).d_x([d_ao], w[3], dzo, f[4], [r[3]], torch.slice(masks, 3, 4), )
  (self).d_A(dzo, torch.flatten(o, 1, 2), [r[3]], torch.slice(masks, 3, 4), G[4], )
  q, k, = torch.split_with_sizes(qk, [shape[0], shape[1]], 1)
  d_q, d_k, d_v, = (self).d_attention(torch.unflatten(d_a, 1, [-1, d]), q, k, v, o, torch.slice(t, 4, 9), mask, starts, longest, batch, torch.gt(shape[6], 0), )
  d_heads = (self).d_rope(d_q, d_k, d_v, cos, sin, )
  if torch.gt(torch.numel(w[8]), 0):
    d_q1, d_k1, d_v1, = torch.split_with_sizes(d_heads, [shape[0], shape[1], shape[1]], 1)
    q0, k0, v0, = torch.split_with_sizes(torch.unflatten(qkv, 1, [-1, d]), [shape[0], shape[1], shape[1]], 1)
    _0, tq, = (self).rms_norm(q0, w[8], eps, )
    _1, tk, = (self).rms_norm(k0, w[9], eps, )
    d_heads = torch.cat([(self).d_rms_norm(torch.contiguous(d_q1), q0, tq, w[8], none, ), (self).d_rms_norm(torch.contiguous(d_k1), k0, tk, w[9], none, ), d_v1], 1)
  d_qkv = torch.flatten(d_heads, 1, 2)
  d_qkv1 = (self).d_magnitude(d_qkv, qkv, w[2], c[0], f[11], [r[0], r[1], r[2]], widths, G[11], )
  dz = (self).d_z(torch.split_with_sizes(d_qkv1, widths, 1), z, [f[1], f[2], f[3]], [r[0], r[1], r[2]], [s[0], s[1], s[2]], [G[1], G[2], G[3]], )
  d_h = (self).d_x([d_qkv1], w[1], dz, f[0], [r[0], r[1], r[2]], torch.slice(masks, 0, 3), )
  (self).d_A(dz, h, [r[0], r[1], r[2]], torch.slice(masks, 0, 3), G[0], )
  return (self).d_rms_norm(d_h, x, t0, w[0], d_x1, )

# ---- The loss: cross entropy of the labelled positions only, in chunks, summed in float32. Logits are never whole.
# With p = softmax(h W^T):  d_h = (p - onehot) W.  Returns the sum and, if wanted, d_h.

def cross_entropy(self: __torch__.Decoder, h: Tensor, W: Tensor, targets: Tensor, chunk: int, backward: bool) -> Tuple[Tensor, Tensor]:
  total = torch.zeros([1], dtype=6, device=ops.prim.device(h))
  ds = annotate(List[Tensor], [])
  n = torch.size(h, 0)
  for i in range(torch.floordiv(n + chunk - 1, chunk)):
    start = i * chunk
    end = ops.prim.min(start + chunk, n)
    sum, d = (self).entropy(torch.mm(torch.slice(h, 0, start, end), torch.t(W)), torch.slice(targets, 0, start, end), backward, )
    _0 = torch.add_(total, sum)
    if backward:
      _1 = torch.append(ds, torch.mm(d, W))
  d_h = torch.empty([0], device=ops.prim.device(h))
  if torch.eq(torch.len(ds), 1):
    d_h = ds[0]
  elif backward:
    d_h = torch.cat(ds, 0)
  return (total, d_h)

# ---- The whole model

# Cosines and signed sines for these positions: [2, N, 1, head_dim]
def angles(self: __torch__.Decoder, table: Tensor, positions: Tensor, like: Tensor) -> Tensor:
  t = torch.unsqueeze(torch.index_select(table, 1, torch.flatten(positions)), 2)
  return t.to(ops.prim.dtype(like))

# The scores' mask for packed documents [B, T]: 0 where query and key are of one document and the key is not later, else -inf; [B, 1, T, T]. Empty if each row is
# one document; on a GPU, where kernels know documents by their starts, just not empty.
def document_mask(self: __torch__.Decoder, documents: Tensor, like: Tensor) -> Tensor:
  if torch.__or__(torch.eq(torch.numel(documents), 0), ops.prim.is_cuda(documents)):
    mask = documents
  else:
    T = torch.size(documents, 1)
    same = torch.eq(torch.unsqueeze(documents, 2), torch.unsqueeze(documents, 1))
    past = torch.tril(torch.ones([T, T], dtype=11, device=ops.prim.device(documents)))
    zero = torch.zeros([torch.size(documents, 0), 1, T, T], dtype=ops.prim.dtype(like), device=ops.prim.device(like))
    mask = torch.masked_fill(zero, torch.unsqueeze(torch.bitwise_not(torch.bitwise_and(same, past)), 1), -inf)
  return mask

def of_layer(self: __torch__.Decoder, all: List[Tensor], first: int, l: int, n: int) -> List[Tensor]:
  return torch.slice(all, first + l * n, first + (l + 1) * n)

# ---- Quantized weights (QLoRA: Dettmers et al., 2023): they stay in GGUF's blocks and are expanded layer by layer, in the forward and again
# in the backward, by `expand` in pointwise.ts.

# The same; on a CPU in pieces of a million values, so that nothing in between is ever as large as the weight
def expand_all(self: __torch__.Decoder, scales: Tensor, codes: Tensor, type: int, out: Tensor) -> Tensor:
  if torch.__or__(torch.eq(type, 0), ops.prim.is_cuda(out)):
    _0 = (self).expand(scales, codes, type, out, )
  else:
    n = torch.size(codes, 0)
    blocks = torch.view(out, [n, -1])
    step = torch.floordiv(1048576, torch.size(blocks, 1))
    for i in range(torch.floordiv(n + step - 1, step)):
      start = i * step
      end = ops.prim.min(start + step, n)
      _1 = (self).expand(torch.slice(scales, 0, start, end), torch.slice(codes, 0, start, end), type, torch.slice(blocks, 0, start, end), )
  return out

# Targets first, first + 1, ... below one another, [sum of widths, columns], in the place of old or, if that is empty, in memory of their own
def expand_joined(self: __torch__.Decoder, q: List[Tensor], types: List[int], first: int, widths: List[int], columns: int, like: Tensor, old: Tensor) -> Tensor:
  W = old
  if torch.eq(torch.numel(W), 0):
    rows = 0
    for i in range(torch.len(widths)):
      rows = rows + widths[i]
    W = torch.empty([rows, columns], dtype=ops.prim.dtype(like), device=ops.prim.device(like))
  parts = torch.split_with_sizes(W, widths)
  for i in range(torch.len(widths)):
    t = first + i
    _0 = (self).expand_all(q[2 * t], q[2 * t + 1], types[t], parts[i], )
  return W

# The ten tensors of a layer. What is cast or expanded takes the places of old, another layer's ten, unless there are none: memory that was used before costs a
# CPU no page faults.
def weights(self: __torch__.Decoder, w: List[Tensor], q: List[Tensor], types: List[int], shape: List[int], l: int, old: List[Tensor]) -> List[Tensor]:
  W = (self).of_layer(w, 3, l, 10, )
  if torch.gt(torch.len(types), 0):
    if torch.gt(torch.len(old), 0):
      rooms = [old[1], old[3], old[6], old[7]]
    else:
      none = torch.empty([0], device=ops.prim.device(w[1]))
      rooms = [none, none, none, none]
    d = shape[0] * shape[2]
    kv = shape[1] * shape[2]
    hidden = torch.size(w[1], 0)
    t = 2 + l * 7
    qkv = (self).expand_joined(q, types, t, [d, kv, kv], hidden, w[1], rooms[0], )
    o = (self).expand_joined(q, types, t + 3, [hidden], d, w[1], rooms[1], )
    gu = (self).expand_joined(q, types, t + 4, [shape[4], shape[4]], hidden, w[1], rooms[2], )
    down = (self).expand_joined(q, types, t + 6, [hidden], shape[4], w[1], rooms[3], )
    W = [W[0], qkv, W[2], o, W[4], W[5], gu, down, W[8], W[9]]
  return W

# What a pass forward needs of a layer: on a GPU the ten tensors; on a CPU, of weights that are cast or expanded, the ten without those, then scales and codes
# of q, k, v, o, gate, up, down, and their types
def weights_in_use(self: __torch__.Decoder, w: List[Tensor], q: List[Tensor], types: List[int], shape: List[int], l: int) -> Tuple[List[Tensor], List[int]]:
  if torch.__or__(torch.eq(torch.len(types), 0), ops.prim.is_cuda(w[1])):
    result = ((self).weights(w, q, types, shape, l, annotate(List[Tensor], []), ), annotate(List[int], []))
  else:
    t = 2 + l * 7
    result = (torch.add((self).of_layer(w, 3, l, 10, ), torch.slice(q, 2 * t, 2 * t + 14)), torch.slice(types, t, t + 7))
  return result

# The weight of targets first, first + 1, ... for `outputs`: W, or their scales and codes
def piece(self: __torch__.Decoder, w: List[Tensor], W: Tensor, types: List[int], first: int, n: int) -> List[Tensor]:
  result = [W]
  if torch.gt(torch.len(types), 0):
    result = torch.slice(w, 10 + 2 * first, 10 + 2 * (first + n))
  return result

# x W^T for weights of so many rows below one another, each as scales and codes: [N, rows]. On a CPU some rows at a time are cast or expanded, so that they
# are still in the cache when they are multiplied, and no weight is ever whole in the type of x.
def times_stored(self: __torch__.Decoder, x: Tensor, stored: List[Tensor], types: List[int], rows: List[int]) -> Tensor:
  n = 0
  most = 0
  for i in range(torch.len(rows)):
    n = n + rows[i]
    most = ops.prim.max(most, rows[i])
  width = torch.size(x, 1)
  step = most
  if torch.__not__(ops.prim.is_cuda(x)):
    step = ops.prim.min(most, ops.prim.max(torch.floordiv(1048576, width), 1))
  W = torch.empty([step, width], dtype=ops.prim.dtype(x), device=ops.prim.device(x))
  y = torch.empty([torch.size(x, 0), n], dtype=ops.prim.dtype(x), device=ops.prim.device(x))
  at = 0
  for i in range(torch.len(rows)):
    scales, codes = stored[2 * i], stored[2 * i + 1]
    per = torch.floordiv(torch.size(codes, 0), rows[i])
    for j in range(torch.floordiv(rows[i] + step - 1, step)):
      start = j * step
      end = ops.prim.min(start + step, rows[i])
      part = torch.slice(codes, 0, start * per, end * per)
      if torch.__or__(torch.ne(types[i], 0), torch.ne(ops.prim.dtype(codes), ops.prim.dtype(x))):
        part = (self).expand(torch.slice(scales, 0, start * per, end * per), part, types[i], torch.slice(W, 0, 0, end - start), )
      _1 = torch.addmm_(torch.slice(y, 1, at + start, at + end), x, torch.t(part), beta=0)
    at = at + rows[i]
  return y

# Embeddings of tokens [B, T]: [B * T, width]; of a quantized embedding only these rows are expanded
def embed(self: __torch__.Decoder, ids: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], shape: List[int]) -> Tensor:
  at = torch.flatten(ids)
  if torch.eq(torch.len(types), 0):
    x = torch.embedding(w[0], at)
  elif torch.eq(types[0], 0):
    x = torch.embedding(q[1], at).to(ops.prim.dtype(w[1]))
  else:
    x = torch.empty([torch.size(at, 0), torch.size(w[1], 0)], dtype=ops.prim.dtype(w[1]), device=ops.prim.device(w[1]))
    _0 = (self).expand((self).block_rows(q[0], at, shape[5], ), (self).block_rows(q[1], at, shape[5], ), types[0], x, )
  return x

def block_rows(self: __torch__.Decoder, blocks: Tensor, at: Tensor, rows: int) -> Tensor:
  return torch.flatten(torch.index_select(torch.view(blocks, [rows, -1, torch.size(blocks, 1)]), 0, at), 0, 1)

# The weight whose product with the last hidden state is the logits, [vocabulary, width]
def output(self: __torch__.Decoder, w: List[Tensor], q: List[Tensor], types: List[int], shape: List[int]) -> Tensor:
  W = w[2]
  if torch.gt(torch.len(types), 0):
    W = (self).expand_joined(q, types, 1, [shape[5]], torch.size(w[1], 0), w[1], torch.empty([0]), )
  return W

# Its product with hidden states [N, width]: logits, float32 [N, vocabulary]
def head(self: __torch__.Decoder, h: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], shape: List[int]) -> Tensor:
  if torch.eq(torch.len(types), 0):
    y = torch.mm(h, torch.t(w[2]))
  else:
    y = (self).times_stored(h, [q[2], q[3]], [types[1]], [shape[5]], )
  return y.to(6)

# DoRA's c = magnitude / |W + s B A|, row by row, for the four products of each layer; empty tensors without DoRA
def dora(self: __torch__.Decoder, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int]) -> List[Tensor]:
  cs = annotate(List[Tensor], [])
  if torch.gt(torch.len(f), 0):
    for l in range(shape[3]):
      F = (self).of_layer(f, 0, l, 15, )
      if torch.eq(torch.numel(F[11]) + torch.numel(F[12]) + torch.numel(F[13]) + torch.numel(F[14]), 0):
        for i in range(4):
          _4 = torch.append(cs, F[11])
      else:
        W = (self).weights(w, q, types, shape, l, annotate(List[Tensor], []), )
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

# ---- Weights from files. A copy of a tensor in the model's type, 6 or 15, on the device of another: what comes from Java lies in memory that Java frees
def as_type(self: __torch__.Decoder, x: Tensor, type: int, like: Tensor) -> Tensor:
  return x.to(ops.prim.device(like), type, False, True)

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
  return (self).expand_joined(q, types, 0, widths, columns, torch.empty([0], dtype=type, device=ops.prim.device(q[1])), torch.empty([0]), )

def hidden(self: __torch__.Decoder, ids: Tensor, positions: Tensor, documents: Tensor, starts: Tensor, longest: int, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float) -> Tensor:
  batch = torch.size(ids, 0)
  x = (self).embed(ids, w, q, types, shape, )
  cos, sin, = torch.unbind((self).angles(table, positions, x, ))
  mask = (self).document_mask(documents, x, )
  cs = (self).dora(w, q, types, f, r, s, shape, )
  for l in range(shape[3]):
    W, b, = (self).weights_in_use(w, q, types, shape, l, )
    x, _0, = (self).layer(x, cos, sin, mask, starts, longest, W, b, (self).of_layer(f, 0, l, 15, ), torch.slice(r, l * 7, l * 7 + 7), torch.slice(s, l * 7, l * 7 + 7), (self).of_layer(cs, 0, l, 4, ), shape, eps, batch, annotate(List[Tensor], []), )
  h, _1, = (self).rms_norm(x, w[1], eps, )
  return h

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
def logits(self: __torch__.Decoder, ids: Tensor, positions: Tensor, documents: Tensor, starts: Tensor, longest: int, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float) -> Tensor:
  h = (self).hidden(ids, positions, documents, starts, longest, table, w, q, types, f, r, s, shape, eps, )
  return (self).head(h, w, q, types, shape, )

# The summed loss of the rows that have targets, float32 [1]
def loss(self: __torch__.Decoder, ids: Tensor, positions: Tensor, documents: Tensor, starts: Tensor, longest: int, at: Tensor, targets: Tensor, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float, chunk: int) -> Tensor:
  h = (self).hidden(ids, positions, documents, starts, longest, table, w, q, types, f, r, s, shape, eps, )
  total, _0, = (self).cross_entropy(torch.index_select(h, 0, at), (self).output(w, q, types, shape, ), targets, chunk, False, )
  return total

# One micro batch forward and backward: the sum of losses, float32 [1], and its derivative by the flat factors, in the model's type. dropout is the
# probability to drop.
def gradient(self: __torch__.Decoder, ids: Tensor, positions: Tensor, documents: Tensor, starts: Tensor, longest: int, at: Tensor, targets: Tensor, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float, chunk: int, flat: Tensor, sizes: List[int], columns: List[int], dropout: float, checkpointing: bool) -> Tuple[Tensor, Tensor]:
  batch = torch.size(ids, 0)
  x = (self).embed(ids, w, q, types, shape, )
  cos, sin, = torch.unbind((self).angles(table, positions, x, ))
  mask = (self).document_mask(documents, x, )
  cs = (self).dora(w, q, types, f, r, s, shape, )
  keep = 1. - dropout
  masks = annotate(List[List[Tensor]], [])
  saved = annotate(List[List[Tensor]], [])
  n = torch.size(x, 0)
  W = annotate(List[Tensor], [])
  for l in range(shape[3]):
    drop = annotate(List[Tensor], [])
    W = (self).weights(w, q, types, shape, l, W, )
    if torch.gt(dropout, 0.):
      ins = [torch.size(W[1], 1), torch.size(W[1], 1), torch.size(W[1], 1), torch.size(W[3], 1), torch.size(W[6], 1), torch.size(W[6], 1), torch.size(W[7], 1)]
      for i in range(7):
        _0 = torch.append(drop, torch.div_(torch.bernoulli_(torch.empty([n, ins[i]], dtype=ops.prim.dtype(x), device=ops.prim.device(x)), keep), keep))
    _1 = torch.append(masks, drop)
    x1, t, = (self).layer(x, cos, sin, mask, starts, longest, W, annotate(List[int], []), (self).of_layer(f, 0, l, 15, ), torch.slice(r, l * 7, l * 7 + 7), torch.slice(s, l * 7, l * 7 + 7), (self).of_layer(cs, 0, l, 4, ), shape, eps, batch, drop, )
    if checkpointing:
      t = [x]
    _2 = torch.append(saved, t)
    x = x1
  y, t1, = (self).rms_norm(x, w[1], eps, )
  total, d_h, = (self).cross_entropy(torch.index_select(y, 0, at), (self).output(w, q, types, shape, ), targets, chunk, True, )
  d_y = torch.zeros_like(x)
  _3 = torch.index_copy_(d_y, 0, at, d_h)
  d_x = (self).d_rms_norm(d_y, x, t1, w[1], torch.empty([0], device=ops.prim.device(x)), )
  gradients = torch.empty_like(flat, dtype=ops.prim.dtype(x))
  G = (self).cut(gradients, sizes, columns, gradients, False, )
  for i in range(shape[3]):
    l = shape[3] - 1 - i
    t = torch.pop(saved)
    drop = masks[l]
    W = (self).weights(w, q, types, shape, l, W, )
    F = (self).of_layer(f, 0, l, 15, )
    r1 = torch.slice(r, l * 7, l * 7 + 7)
    s1 = torch.slice(s, l * 7, l * 7 + 7)
    c1 = (self).of_layer(cs, 0, l, 4, )
    if checkpointing:
      _4, t, = (self).layer(t[0], cos, sin, mask, starts, longest, W, annotate(List[int], []), F, r1, s1, c1, shape, eps, batch, drop, )
    d_x = (self).d_layer(d_x, t, cos, sin, mask, starts, longest, W, F, (self).of_layer(G, 0, l, 15, ), r1, s1, c1, shape, eps, batch, drop, )
  return (total, gradients)

# Copies values to where other tensors lie
def assign(self: __torch__.Decoder, to: List[Tensor], values: List[Tensor]) -> Tensor:
  for i in range(torch.len(to)):
    _0 = torch.copy_(to[i], values[i])
  return to[0]

# Adds a tensor, maybe of another device, and leaves zeros behind
def take(self: __torch__.Decoder, sum: Tensor, other: Tensor) -> Tensor:
  _0 = torch.add_(sum, other.to(ops.prim.device(sum), 6))
  _1 = torch.zero_(other)
  return sum

# sum + weight * gradients, in place
def accumulate(self: __torch__.Decoder, sum: Tensor, gradients: Tensor, weight: float) -> Tensor:
  return torch.add_(sum, gradients, alpha=weight)

# ---- Generation: one pass over new tokens [1, T] at position p, keys and values kept in caches [1, kv heads, longest, head_dim], two a layer.
# Returns the logits of the last position, float32 [vocabulary].

def next(self: __torch__.Decoder, ids: Tensor, p: int, table: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], eps: float, cs: List[Tensor], cache: List[Tensor]) -> Tensor:
  T = torch.size(ids, 1)
  x = (self).embed(ids, w, q, types, shape, )
  cos, sin, = torch.unbind((self).angles(table, torch.arange(p, p + T, dtype=4, device=ops.prim.device(ids)), x, ))
  no = annotate(List[Tensor], [])
  for l in range(shape[3]):
    F = (self).of_layer(f, 0, l, 15, )
    c = (self).of_layer(cs, 0, l, 4, )
    r1 = torch.slice(r, l * 7, l * 7 + 7)
    s1 = torch.slice(s, l * 7, l * 7 + 7)
    if torch.eq(T, 1):
      x = (self).next_layer(torch.flatten(x), p, cos, sin, w, q, types, l, F, r1, s1, c, shape, eps, cache[2 * l], cache[2 * l + 1], )
    else:
      W, b, = (self).weights_in_use(w, q, types, shape, l, )
      qk, v1, _0, = (self).project(x, cos, sin, W, b, F, r1, s1, c, shape, eps, no, )
      q1, k1, = torch.split_with_sizes((self).by_head(qk, 1, 1, ), [shape[0], shape[1]], 1)
      _1 = torch.copy_(torch.slice(cache[2 * l], 2, p, p + T), k1)
      _2 = torch.copy_(torch.slice(cache[2 * l + 1], 2, p, p + T), (self).by_head(v1, 1, 1, ))
      k = torch.slice(cache[2 * l], 2, 0, p + T)
      v = torch.slice(cache[2 * l + 1], 2, 0, p + T)
      if torch.gt(p, 0):
        past = torch.tril(torch.ones([T, p + T], dtype=11, device=ops.prim.device(x)), p)
        o = torch.scaled_dot_product_attention(q1, k, v, past, 0., False, scale=None, enable_gqa=True)
      else:
        o = torch.scaled_dot_product_attention(q1, k, v, None, 0., True, scale=None, enable_gqa=True)
      x, _3, = (self).finish(x, torch.flatten(torch.transpose(torch.squeeze(o, 0), 0, 1), 1, 2), W, b, F, r1, s1, c, shape, eps, no, )
  if torch.eq(T, 1):
    last = torch.unsqueeze(x, 0)
  else:
    last = torch.slice(x, 0, T - 1, T)
  y, _4, = (self).rms_norm(last, w[1], eps, )
  blocks = False
  if torch.gt(torch.len(types), 0):
    blocks = torch.ne(types[1], 0)
  if blocks:
    logits = torch.flatten((self).head(y, w, q, types, shape, ))
  else:
    logits = (self).products(torch.flatten(y), w, q, types, 2, 1, [shape[5]], ).to(6)
  return logits

# One layer for one token, all activations vectors: the same formulas in fewer operations. A product with a vector takes as long as its weights take to
# be read, so it reads them as they are stored and takes the vector in their type; what stays is float32 where the model computes in float32.
def next_layer(self: __torch__.Decoder, x: Tensor, p: int, cos: Tensor, sin: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], l: int, f: List[Tensor], r: List[int], s: List[float], c: List[Tensor], shape: List[int], eps: float, keys: Tensor, values: Tensor) -> Tensor:
  W = (self).of_layer(w, 3, l, 10, )
  d = shape[2]
  width = torch.size(x, 0)
  inner = shape[4]
  widths = [shape[0] * d, shape[1] * d, shape[1] * d]
  lora = torch.gt(torch.len(f), 0)
  h = (self).vector_norm(x, W[0], eps, )
  qkv = (self).products(h, w, q, types, 3 + l * 10 + 1, 2 + l * 7, widths, )
  if lora:
    _0 = (self).vector_lora(qkv, h, f[0], [f[1], f[2], f[3]], torch.slice(r, 0, 3), torch.slice(s, 0, 3), widths, c[0], )
  if torch.gt(torch.numel(W[2]), 0):
    _1 = torch.add_(qkv, W[2])
  heads = torch.view(qkv, [1, -1, d])
  qk = torch.slice(heads, 1, 0, shape[0] + shape[1])
  if torch.gt(torch.numel(W[8]), 0):
    q0, k0, = torch.split_with_sizes(qk, [shape[0], shape[1]], 1)
    qn, _2, = (self).rms_norm(q0, W[8], eps, )
    kn, _3, = (self).rms_norm(k0, W[9], eps, )
    qk = torch.cat([qn, kn], 1)
  qk1 = (self).rope(qk, cos, sin, False, )
  _4 = torch.copy_(torch.select(keys, 2, p), torch.slice(qk1, 1, shape[0]))
  _5 = torch.copy_(torch.select(values, 2, p), torch.slice(heads, 1, shape[0] + shape[1]))
  # the queries of a group stand where attention expects the positions of a sequence, so that no key is copied
  q1 = torch.view(torch.slice(qk1, 1, 0, shape[0]), [1, shape[1], -1, d])
  o = torch.scaled_dot_product_attention(q1, torch.slice(keys, 2, 0, p + 1), torch.slice(values, 2, 0, p + 1), None, 0., False)
  a = torch.flatten(o)
  x1 = (self).products(a, w, q, types, 3 + l * 10 + 3, 2 + l * 7 + 3, [width], )
  if lora:
    _6 = (self).vector_lora(x1, a, f[4], [f[5]], [r[3]], [s[3]], [width], c[1], )
  _7 = torch.add_(x1, x)
  if torch.gt(torch.numel(W[4]), 0):
    _8 = torch.add_(x1, W[4])
  h1 = (self).vector_norm(x1, W[5], eps, )
  gu = (self).products(h1, w, q, types, 3 + l * 10 + 6, 2 + l * 7 + 4, [inner, inner], )
  if lora:
    _9 = (self).vector_lora(gu, h1, f[6], [f[7], f[8]], torch.slice(r, 4, 6), torch.slice(s, 4, 6), [inner, inner], c[2], )
  g, u, = torch.chunk(gu, 2)
  m = (self).swiglu(g, u, )
  y = (self).products(m, w, q, types, 3 + l * 10 + 7, 2 + l * 7 + 6, [width], )
  if lora:
    _10 = (self).vector_lora(y, m, f[9], [f[10]], [r[6]], [s[6]], [width], c[3], )
  return torch.add_(y, x1)

# W x for the weights of several targets, one behind the other, in the type of x: those of w, joined, or as they are stored, of which only blocks are expanded
def products(self: __torch__.Decoder, x: Tensor, w: List[Tensor], q: List[Tensor], types: List[int], at: int, target: int, rows: List[int]) -> Tensor:
  type = ops.prim.dtype(x)
  if torch.eq(torch.len(types), 0):
    y = torch.mv(w[at], x)
  else:
    ys = annotate(List[Tensor], [])
    for i in range(torch.len(rows)):
      t = target + i
      if torch.eq(types[t], 0):
        W = q[2 * t + 1]
        _0 = torch.append(ys, torch.mv(W, x.to(ops.prim.dtype(W))).to(type))
      else:
        _1 = torch.append(ys, torch.flatten((self).times_stored(torch.unsqueeze(x, 0), [q[2 * t], q[2 * t + 1]], [types[t]], [rows[i]], )))
    if torch.eq(torch.len(ys), 1):
      y = ys[0]
    else:
      y = torch.cat(ys, 0)
  return y

def vector_norm(self: __torch__.Decoder, x: Tensor, w: Tensor, eps: float) -> Tensor:
  if ops.prim.is_cuda(x):
    y, _0, = (self).rms_norm(torch.unsqueeze(x, 0), w, eps, )
    y = torch.squeeze(y, 0)
  else:
    n = float(torch.linalg_vector_norm(x, 2, None, False, dtype=6))
    y = (x.to(6) * torch.pow(n * n / torch.size(x, 0) + eps, -0.5)).to(ops.prim.dtype(x)) * w
  return y

# Adds LoRA's products to y = W x, then DoRA's factor
def vector_lora(self: __torch__.Decoder, y: Tensor, x: Tensor, A: Tensor, B: List[Tensor], ranks: List[int], scales: List[float], widths: List[int], c: Tensor) -> Tensor:
  zs = torch.split_with_sizes(torch.mv(A, x), ranks)
  ys = torch.split_with_sizes(y, widths)
  for i in range(torch.len(B)):
    if torch.gt(ranks[i], 0):
      _0 = torch.addmv_(ys[i], B[i], zs[i], alpha=scales[i])
  if torch.gt(torch.numel(c), 0):
    _1 = torch.mul_(y, c)
  return y

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
def merge_(self: __torch__.Decoder, w: List[Tensor], q: List[Tensor], types: List[int], f: List[Tensor], r: List[int], s: List[float], shape: List[int], sign: float) -> Tensor:
  for l in range(shape[3]):
    W = (self).of_layer(w, 3, l, 10, )
    F = (self).of_layer(f, 0, l, 15, )
    n = shape[0] * shape[2]
    kv = shape[1] * shape[2]
    inner = shape[4]
    if torch.eq(torch.len(types), 0):
      T = [torch.slice(W[1], 0, 0, n), torch.slice(W[1], 0, n, n + kv), torch.slice(W[1], 0, n + kv, n + 2 * kv), W[3], torch.slice(W[6], 0, 0, inner), torch.slice(W[6], 0, inner, 2 * inner), W[7]]
    else:
      T = annotate(List[Tensor], [])
      for i in range(7):
        _0 = torch.append(T, q[2 * (2 + l * 7 + i) + 1])
    r1 = torch.slice(r, l * 7, l * 7 + 7)
    A1 = torch.split_with_sizes(F[0], torch.slice(r1, 0, 3))
    A2 = torch.split_with_sizes(F[6], torch.slice(r1, 4, 6))
    A = [A1[0], A1[1], A1[2], F[4], A2[0], A2[1], F[9]]
    B = [F[1], F[2], F[3], F[5], F[7], F[8], F[10]]
    for i in range(7):
      if torch.gt(r1[i], 0):
        _1 = torch.copy_(T[i], torch.addmm(T[i].to(ops.prim.dtype(B[i])), B[i], A[i], alpha=sign * s[l * 7 + i]))
  return w[1]
