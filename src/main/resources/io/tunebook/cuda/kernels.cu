// What a decoder does between its large products, one kernel for each step. CudaDevice.java compiles this text for a
// card when the kernels are first wanted there; KernelText.java makes operators of the declarations. The model's text
// calls the kernels, and says the same in PyTorch's own operators.
//
// Activations are bfloat16, sums float32. Each thread works on eight neighbours, 16 bytes at a time, so widths are
// multiples of eight.
//
// The text is compiled without RANK for most of the kernels, from compute capability 7.5 on, and with RANK for those
// that have a rank as parameter, from 8.0 on. Those of a mixture do nothing on 7.5, where no kernel is started.

typedef unsigned int u32;
typedef unsigned short bf16;
typedef long long i64;

#define NONE __int_as_float(0xff800000)  // minus infinity

struct Eight {
  float v[8];
};

__device__ inline Eight load(const bf16* p) {
  uint4 u = *reinterpret_cast<const uint4*>(p);
  u32 w[4] = {u.x, u.y, u.z, u.w};
  Eight e;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    e.v[2 * i] = __uint_as_float(w[i] << 16);
    e.v[2 * i + 1] = __uint_as_float(w[i] & 0xffff0000u);
  }
  return e;
}

#if __CUDA_ARCH__ >= 800
__device__ inline u32 pack(float low, float high) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
#else
// Older cards have no instruction for it: to the nearest, of two as near the even one; what is not a number stays none.
__device__ inline u32 nearest(float x) {
  u32 b = __float_as_uint(x);
  return (b & 0x7fffffffu) > 0x7f800000u ? 0x7fffu : (b + 0x7fffu + (b >> 16 & 1u)) >> 16;
}

__device__ inline u32 pack(float low, float high) {
  return nearest(high) << 16 | nearest(low);
}
#endif

// The activation of an MLP's gate: act(x) = x sigma with sigma = sigmoid(p(x)), so that act'(x) = sigma + act(x) (1 -
// sigma) p'(x). SiLU has p(x) = x. The tanh form of GELU is x (1 + tanh(y)) / 2 with y = sqrt(2 / pi) (x + 0.044715
// x^3) (Hendrycks and Gimpel, 2016), and (1 + tanh(y)) / 2 is sigmoid(2 y).
template <bool GELU>
struct Gate {
  static __device__ inline float inner(float x) {
    return GELU ? x * fmaf(0.0713548163f * x, x, 1.5957691216f) : x;
  }

  static __device__ inline float slope(float x) {
    return GELU ? fmaf(3.f * 0.0713548163f * x, x, 1.5957691216f) : 1.f;
  }
};

// ---- What kernels with tensor cores need.

#if __CUDA_ARCH__ >= 800

__device__ inline u32 address(const void* shared) {
  return (u32)__cvta_generic_to_shared(shared);
}

// 16 bytes from global to shared memory, zeros if they are not there
__device__ inline void fetch(bf16* to, const bf16* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address(to)), "l"(from), "r"(there ? 16 : 0));
}

// The fragments of 16 by 16 values (4 registers) or 16 by 8 (2) for mma, as they lie or transposed
template <int N, bool TRANSPOSED>
__device__ inline void fragment(u32* r, const bf16* p) {
  if (N == 4 && !TRANSPOSED) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
        : "r"(address(p)));
  } else if (N == 4) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
        : "r"(address(p)));
  } else if (!TRANSPOSED) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(address(p)));
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
        : "=r"(r[0]), "=r"(r[1])
        : "r"(address(p)));
  }
}

// c += a b for 16 rows, 8 columns and K of 16 or 8
template <int K>
__device__ inline void mma(float* c, const u32* a, const u32* b) {
  if (K == 16) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(b[0]));
  }
}

// Waits until all but so many groups of fetches are there, for all threads.
template <int WAITING>
__device__ inline void arrived() {
  asm volatile("cp.async.wait_group %0;" ::"n"(WAITING));
  __syncthreads();
}

#endif

#ifndef RANK

__device__ inline void store(bf16* p, const Eight& e) {
  *reinterpret_cast<uint4*>(p) =
      make_uint4(pack(e.v[0], e.v[1]), pack(e.v[2], e.v[3]), pack(e.v[4], e.v[5]), pack(e.v[6], e.v[7]));
}

__device__ inline float rounded(float x) {
  return __uint_as_float(pack(x, 0.f) << 16);
}

__device__ inline float half_to_float(unsigned short h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
  return f;
}

// The sum over a block of at most 1024 threads; every thread gets it.
__device__ inline float block_sum(float x) {
  __shared__ float warps[32];
  __shared__ float all;
#pragma unroll
  for (int d = 16; d > 0; d /= 2) x += __shfl_xor_sync(0xffffffffu, x, d);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = x;
  __syncthreads();
  if (threadIdx.x < 32) {
    x = threadIdx.x < (blockDim.x + 31) / 32 ? warps[threadIdx.x] : 0.f;
#pragma unroll
    for (int d = 16; d > 0; d /= 2) x += __shfl_xor_sync(0xffffffffu, x, d);
    if (threadIdx.x == 0) all = x;
  }
  __syncthreads();
  return all;
}

// ---- RMSNorm, a block a row; rows may be the heads of longer rows: row r begins at (r / heads) * stride + (r % heads)
// * width.

// h = w * t * x with t = 1 / sqrt(mean(x^2) + eps)
extern "C" __global__ void rms_norm(
    const bf16* x, const bf16* w, bf16* h, float* t, i64 heads, i64 stride, i64 width, double eps) {
  i64 row = blockIdx.x;
  const bf16* from = x + row / heads * stride + row % heads * width;
  i64 at = threadIdx.x * 8;
  Eight a = {};
  float squares = 0.f;
  if (at < width) {
    a = load(from + at);
#pragma unroll
    for (int i = 0; i < 8; i++) squares += a.v[i] * a.v[i];
  }
  float s = rsqrtf(block_sum(squares) / width + (float)eps);
  if (threadIdx.x == 0) t[row] = s;
  if (at < width) {
    Eight g = load(w + at);
#pragma unroll
    for (int i = 0; i < 8; i++) a.v[i] = rounded(a.v[i] * s) * g.v[i];
    store(h + row * width + at, a);
  }
}

// With g = d_y * w: d_x = onto + t (g - x t^2 mean(g x)); onto may be null. d_y, onto and d_x are contiguous.
extern "C" __global__ void d_rms_norm(const bf16* d_y, const bf16* x, const float* t, const bf16* w, const bf16* onto,
    bf16* d_x, i64 heads, i64 stride, i64 width) {
  i64 row = blockIdx.x;
  i64 at = threadIdx.x * 8;
  Eight a = {}, g = {};
  float products = 0.f;
  if (at < width) {
    a = load(x + row / heads * stride + row % heads * width + at);
    g = load(d_y + row * width + at);
    Eight b = load(w + at);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      g.v[i] *= b.v[i];
      products += g.v[i] * a.v[i];
    }
  }
  float s = t[row];
  float m = s * s * block_sum(products) / width;
  if (at < width) {
    Eight o = {};
    if (onto) o = load(onto + row * width + at);
#pragma unroll
    for (int i = 0; i < 8; i++) o.v[i] += s * (g.v[i] - a.v[i] * m);
    store(d_x + row * width + at, o);
  }
}

// The residual behind a branch whose output y passes a norm: x1 = x + w * t * y with t of y's rows. Where another norm
// follows, h = next * t1 * x1; next may be null. All contiguous, [rows, width].
extern "C" __global__ void add_norm(const bf16* x, const bf16* y, const bf16* w, const bf16* next, bf16* x1, bf16* h,
    float* t1, i64 width, double eps) {
  i64 at = threadIdx.x * 8, place = blockIdx.x * width + at;
  bool there = at < width;
  Eight a = {};
  if (there) a = load(y + place);
  float squares = 0.f;
#pragma unroll
  for (int i = 0; i < 8; i++) squares += a.v[i] * a.v[i];
  float s = rsqrtf(block_sum(squares) / width + (float)eps);
  squares = 0.f;
  if (there) {
    Eight b = load(x + place), g = load(w + at);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      a.v[i] = rounded(b.v[i] + rounded(rounded(a.v[i] * s) * g.v[i]));
      squares += a.v[i] * a.v[i];
    }
    store(x1 + place, a);
  }
  if (!next) return;
  s = rsqrtf(block_sum(squares) / width + (float)eps);
  if (threadIdx.x == 0) t1[blockIdx.x] = s;
  if (there) {
    Eight g = load(next + at);
#pragma unroll
    for (int i = 0; i < 8; i++) a.v[i] = rounded(a.v[i] * s) * g.v[i];
    store(h + place, a);
  }
}

// Its derivatives. d_x1 = d_out and what comes from d_h through the norm that follows, as in d_rms_norm, or as it is
// without one; d_h may be null, then d_x1 is d_out and not written. d_y is d_x1 through the norm of y.
extern "C" __global__ void d_add_norm(const bf16* d_out, const bf16* y, const bf16* w, const bf16* d_h, const bf16* x1,
    const float* t1, const bf16* next, bf16* d_x1, bf16* d_y, i64 width, double eps) {
  i64 at = threadIdx.x * 8, place = blockIdx.x * width + at;
  bool there = at < width;
  Eight d = {}, b = {};
  if (there) {
    d = load(d_out + place);
    b = load(y + place);
  }
  if (d_h) {
    Eight g = {};
    if (there) g = load(d_h + place);
    if (next) {
      Eight a = {};
      float products = 0.f;
      if (there) {
        Eight n = load(next + at);
        a = load(x1 + place);
#pragma unroll
        for (int i = 0; i < 8; i++) {
          g.v[i] *= n.v[i];
          products += g.v[i] * a.v[i];
        }
      }
      float s = t1[blockIdx.x];
      float m = s * s * block_sum(products) / width;
#pragma unroll
      for (int i = 0; i < 8; i++) g.v[i] = s * (g.v[i] - a.v[i] * m);
    }
#pragma unroll
    for (int i = 0; i < 8; i++) d.v[i] = rounded(d.v[i] + g.v[i]);
    if (there) store(d_x1 + place, d);
  }
  float squares = 0.f, products = 0.f;
  if (there) {
    Eight g = load(w + at);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      d.v[i] *= g.v[i];
      squares += b.v[i] * b.v[i];
      products += d.v[i] * b.v[i];
    }
  }
  float s = rsqrtf(block_sum(squares) / width + (float)eps);
  float m = s * s * block_sum(products) / width;
#pragma unroll
  for (int i = 0; i < 8; i++) d.v[i] = s * (d.v[i] - b.v[i] * m);
  if (there) store(d_y + place, d);
}

// ---- Rotary position embedding: halves (a, b) become (a cos - b sin, b cos + a sin). sin has the minus in its first
// half already, and its second half is what counts here. cos and sin are [N, width]; a block a token.

__device__ inline void rotate(
    const bf16* from, bf16* to, const bf16* cos, const bf16* sin, i64 half, i64 at, float sign) {
  Eight a = load(from + at), b = load(from + half + at), c = load(cos + at), s = load(sin + half + at);
  Eight x, y;
#pragma unroll
  for (int i = 0; i < 8; i++) {
    x.v[i] = a.v[i] * c.v[i] - sign * b.v[i] * s.v[i];
    y.v[i] = b.v[i] * c.v[i] + sign * a.v[i] * s.v[i];
  }
  store(to + at, x);
  store(to + half + at, y);
}

// x and y may be the same
extern "C" __global__ void rope(
    const bf16* x, bf16* y, const bf16* cos, const bf16* sin, i64 heads, i64 width, i64 x_stride, i64 y_stride) {
  i64 n = blockIdx.x, half = width / 2, each = half / 8;
  for (i64 i = threadIdx.x; i < heads * each; i += blockDim.x) {
    i64 head = i / each * width;
    rotate(x + n * x_stride + head, y + n * y_stride + head, cos + n * width, sin + n * width, half, i % each * 8, 1.f);
  }
}

// The gradients of q, k and v side by side, those of q and k rotated back
extern "C" __global__ void d_rope(const bf16* d_q, const bf16* d_k, const bf16* d_v, const bf16* cos, const bf16* sin,
    bf16* d_qkv, i64 heads, i64 kv_heads, i64 width) {
  i64 n = blockIdx.x, half = width / 2, each = half / 8;
  bf16* to = d_qkv + n * (heads + 2 * kv_heads) * width;
  for (i64 i = threadIdx.x; i < (heads + kv_heads) * each; i += blockDim.x) {
    i64 head = i / each;
    const bf16* from = head < heads ? d_q + (n * heads + head) * width : d_k + (n * kv_heads + head - heads) * width;
    rotate(from, to + head * width, cos + n * width, sin + n * width, half, i % each * 8, -1.f);
  }
  to += (heads + kv_heads) * width;
  for (i64 i = threadIdx.x * 8; i < kv_heads * width; i += blockDim.x * 8) {
    *reinterpret_cast<uint4*>(to + i) = *reinterpret_cast<const uint4*>(d_v + n * kv_heads * width + i);
  }
}

// ---- RMSNorm over each head of q and k with a rotation behind it; a block a token. A head's 16 values a thread, eight
// of each half, are computed by as many neighbouring threads of a warp, rounded up to a power of two, so that heads
// have at most 512 values.

// The sum over so many neighbours, a power of two; all threads of a warp take part.
__device__ inline float sum_of(float x, int neighbours) {
  for (int d = neighbours / 2; d > 0; d /= 2) x += __shfl_xor_sync(0xffffffffu, x, d);
  return x;
}

__device__ inline int neighbours_of(i64 half) {
  int n = 1;
  while (n * 8 < half) n *= 2;
  return n;
}

// qk [N, heads + kv_heads, width] from x alike, whose tokens lie stride elements apart
extern "C" __global__ void norm_rope(const bf16* x, const bf16* w_q, const bf16* w_k, const bf16* cos, const bf16* sin,
    bf16* qk, i64 heads, i64 kv_heads, i64 width, i64 stride, double eps) {
  i64 n = blockIdx.x, half = width / 2, all = heads + kv_heads;
  int team = neighbours_of(half), teams = blockDim.x / team, mine = threadIdx.x / team;
  i64 at = threadIdx.x % team * 8;
  // the number of turns is the same for all threads
  for (i64 first = 0; first < all; first += teams) {
    i64 head = first + mine;
    bool there = head < all && at < half;
    Eight a = {}, b = {};
    if (there) {
      const bf16* from = x + n * stride + head * width + at;
      a = load(from);
      b = load(from + half);
    }
    float squares = 0.f;
#pragma unroll
    for (int i = 0; i < 8; i++) squares += a.v[i] * a.v[i] + b.v[i] * b.v[i];
    float t = rsqrtf(sum_of(squares, team) / width + (float)eps);
    if (there) {
      const bf16* w = head < heads ? w_q : w_k;
      Eight g = load(w + at), h = load(w + half + at), c = load(cos + n * width + at),
            s = load(sin + n * width + half + at);
#pragma unroll
      for (int i = 0; i < 8; i++) {
        float p = rounded(a.v[i] * t) * g.v[i], q = rounded(b.v[i] * t) * h.v[i];
        a.v[i] = p * c.v[i] - q * s.v[i];
        b.v[i] = q * c.v[i] + p * s.v[i];
      }
      bf16* to = qk + (n * all + head) * width + at;
      store(to, a);
      store(to + half, b);
    }
  }
}

// The gradients of q, k and v side by side, those of q and k rotated back and through their norms
extern "C" __global__ void d_norm_rope(const bf16* d_q, const bf16* d_k, const bf16* d_v, const bf16* x,
    const bf16* w_q, const bf16* w_k, const bf16* cos, const bf16* sin, bf16* d_qkv, i64 heads, i64 kv_heads, i64 width,
    i64 stride, double eps) {
  i64 n = blockIdx.x, half = width / 2, all = heads + kv_heads;
  int team = neighbours_of(half), teams = blockDim.x / team, mine = threadIdx.x / team;
  i64 at = threadIdx.x % team * 8;
  bf16* to = d_qkv + n * (all + kv_heads) * width;
  for (i64 first = 0; first < all; first += teams) {
    i64 head = first + mine;
    bool there = head < all && at < half;
    Eight a = {}, b = {}, d = {}, e = {};
    float squares = 0.f, products = 0.f;
    if (there) {
      const bf16* from = x + n * stride + head * width + at;
      const bf16* given = head < heads ? d_q + (n * heads + head) * width : d_k + (n * kv_heads + head - heads) * width;
      const bf16* w = head < heads ? w_q : w_k;
      a = load(from);
      b = load(from + half);
      d = load(given + at);
      e = load(given + half + at);
      Eight g = load(w + at), h = load(w + half + at), c = load(cos + n * width + at),
            s = load(sin + n * width + half + at);
#pragma unroll
      for (int i = 0; i < 8; i++) {
        float p = d.v[i] * c.v[i] + e.v[i] * s.v[i], q = e.v[i] * c.v[i] - d.v[i] * s.v[i];
        d.v[i] = p * g.v[i];
        e.v[i] = q * h.v[i];
        squares += a.v[i] * a.v[i] + b.v[i] * b.v[i];
        products += d.v[i] * a.v[i] + e.v[i] * b.v[i];
      }
    }
    float t = rsqrtf(sum_of(squares, team) / width + (float)eps);
    float m = t * t * sum_of(products, team) / width;
    if (there) {
#pragma unroll
      for (int i = 0; i < 8; i++) {
        a.v[i] = t * (d.v[i] - a.v[i] * m);
        b.v[i] = t * (e.v[i] - b.v[i] * m);
      }
      store(to + head * width + at, a);
      store(to + head * width + half + at, b);
    }
  }
  to += all * width;
  for (i64 i = threadIdx.x * 8; i < kv_heads * width; i += blockDim.x * 8) {
    *reinterpret_cast<uint4*>(to + i) = *reinterpret_cast<const uint4*>(d_v + n * kv_heads * width + i);
  }
}

// ---- SwiGLU and GeGLU: m = act(g) u

extern "C" __global__ void swiglu(const bf16* g, const bf16* u, bf16* m, i64 vectors, i64 gelu) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= vectors) return;
  Eight a = load(g + i * 8), b = load(u + i * 8);
#pragma unroll
  for (int j = 0; j < 8; j++) {
    float x = a.v[j];
    a.v[j] = x / (1.f + __expf(-(gelu ? Gate<true>::inner(x) : x))) * b.v[j];
  }
  store(m + i * 8, a);
}

// d_u = d_m act(g), d_g = d_m u act'(g), and m again. What is written may be what is read.
extern "C" __global__ void d_swiglu(
    const bf16* d_m, const bf16* g, const bf16* u, bf16* d_g, bf16* d_u, bf16* m, i64 vectors, i64 gelu) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= vectors) return;
  Eight d = load(d_m + i * 8), a = load(g + i * 8), b = load(u + i * 8);
#pragma unroll
  for (int j = 0; j < 8; j++) {
    float x = a.v[j];
    float sigma = 1.f / (1.f + __expf(-(gelu ? Gate<true>::inner(x) : x)));
    float act = x * sigma, slope = gelu ? Gate<true>::slope(x) : 1.f;
    float y = d.v[j], up = b.v[j];
    a.v[j] = y * up * (sigma + act * (1.f - sigma) * slope);
    b.v[j] = y * act;
    d.v[j] = act * up;
  }
  store(d_g + i * 8, a);
  store(d_u + i * 8, b);
  store(m + i * 8, d);
}

// The sum of arrays that lie one behind the other, for LoRA's products that are computed in parts; a thread for four
// values
extern "C" __global__ void sum_parts(const bf16* parts, bf16* sum, i64 count, i64 fours) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= fours) return;
  float a[4] = {};
#pragma unroll 16
  for (i64 p = 0; p < count; p++) {
    uint2 x = reinterpret_cast<const uint2*>(parts)[p * fours + i];
    a[0] += __uint_as_float(x.x << 16);
    a[1] += __uint_as_float(x.x & 0xffff0000u);
    a[2] += __uint_as_float(x.y << 16);
    a[3] += __uint_as_float(x.y & 0xffff0000u);
  }
  reinterpret_cast<uint2*>(sum)[i] = make_uint2(pack(a[0], a[1]), pack(a[2], a[3]));
}

// ---- Cross entropy of a row of logits, a block a row: losses[row] = log(sum(exp(x))) - x[target], and the row becomes
// softmax(x) - onehot(target). A target below zero does not count: its loss and its gradient are zero.

extern "C" __global__ void cross_entropy(bf16* logits, const i64* targets, float* losses, i64 width, i64 backward) {
  i64 row = blockIdx.x;
  bf16* x = logits + row * width;
  i64 target = targets[row];
  float most = NONE, sum = 0.f;
#pragma unroll 4
  for (i64 at = threadIdx.x * 8; at < width; at += blockDim.x * 8) {
    Eight a = load(x + at);
    float m = most;
#pragma unroll
    for (int i = 0; i < 8; i++) m = fmaxf(m, a.v[i]);
    float s = sum * __expf(most - m);
#pragma unroll
    for (int i = 0; i < 8; i++) s += __expf(a.v[i] - m);
    most = m;
    sum = s;
  }
  __shared__ float mosts[32];
  float m = most;
#pragma unroll
  for (int d = 16; d > 0; d /= 2) m = fmaxf(m, __shfl_xor_sync(0xffffffffu, m, d));
  if (threadIdx.x % 32 == 0) mosts[threadIdx.x / 32] = m;
  __syncthreads();
  for (int i = 0; i < (blockDim.x + 31) / 32; i++) m = fmaxf(m, mosts[i]);
  sum = block_sum(most == NONE ? 0.f : sum * __expf(most - m));
  float log_sum = m + __logf(sum);
  if (threadIdx.x == 0) {
    losses[row] = target < 0 ? 0.f : log_sum - __uint_as_float((u32)x[target] << 16);
  }
  if (!backward) return;
  __syncthreads();  // the target's logit has been read
#pragma unroll 4
  for (i64 at = threadIdx.x * 8; at < width; at += blockDim.x * 8) {
    Eight a = load(x + at);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      a.v[i] = target < 0 ? 0.f : __expf(a.v[i] - log_sum) - (at + i == target ? 1.f : 0.f);
    }
    store(x + at, a);
  }
}

// ---- Eight bits

#if __CUDA_ARCH__ >= 890
// The largest over a block of at most 1024 threads, none of them negative; every thread gets it.
__device__ inline float block_most(float x) {
  __shared__ u32 all;
  if (threadIdx.x == 0) all = 0;
  __syncthreads();
  // floats that are not negative are in the order of their bits
  u32 most = __reduce_max_sync(0xffffffffu, __float_as_uint(x));
  if (threadIdx.x % 32 == 0) atomicMax(&all, most);
  __syncthreads();
  return __uint_as_float(all);
}

#endif

// The rows of x in e4m3, each divided by scales[row] = max |x| times 1 / 448; a block a row, which reads it twice. What
// is not a number stays none. Cards before compute capability 8.9 have no such type, and no products of it: there
// nobody starts this.
extern "C" __global__ void eight_rows(const bf16* x, unsigned char* codes, float* scales, i64 stride, i64 width) {
#if __CUDA_ARCH__ >= 890
  const bf16* from = x + blockIdx.x * stride;
  float most = 0.f;
  for (i64 at = threadIdx.x * 8; at < width; at += blockDim.x * 8) {
    Eight a = load(from + at);
#pragma unroll
    for (int i = 0; i < 8; i++) most = fmaxf(most, fabsf(a.v[i]));
  }
  float scale = fmaxf(block_most(most), 1e-12f) * (1.f / 448.f);
  if (threadIdx.x == 0) scales[blockIdx.x] = scale;
  for (i64 at = threadIdx.x * 8; at < width; at += blockDim.x * 8) {
    Eight a = load(from + at);
    unsigned short two[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
      asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;"
          : "=h"(two[i])
          : "f"(a.v[2 * i + 1] / scale), "f"(a.v[2 * i] / scale));
    *reinterpret_cast<uint2*>(codes + blockIdx.x * width + at) =
        make_uint2(two[0] | (u32)two[1] << 16, two[2] | (u32)two[3] << 16);
  }
#endif
}

// ---- A mixture's products. Rows are sorted by expert; each is multiplied with its expert's weight, W^T or W. A block
// computes a tile of at most 64 rows, which router.py lays out, and 128 columns of y; its four warps have 32 rows and
// 64 columns each. While a step of 32 along the sum is computed the next two come into shared memory.

#define TILE_ROWS 64
#define TILE_COLUMNS 128
#define TILE_STEP 32
#define TILE_STAGES 3
#define TILE_PITCH (TILE_STEP + 8)  // a row in shared memory: eight rows lie in different banks
#define TILE_STAGE ((TILE_ROWS + TILE_COLUMNS) * TILE_PITCH)

#if __CUDA_ARCH__ >= 800

template <bool TRANSPOSED>
__device__ inline void tile(
    bf16* stages, const bf16* x, const bf16* W, bf16* y, i64 first, i64 end, i64 column, i64 in, i64 out) {
  const int STAGES = TILE_STAGES, STAGE = TILE_STAGE, X = TILE_ROWS * TILE_PITCH;
  const int PITCH_X = TILE_PITCH, PITCH_W = TRANSPOSED ? TILE_COLUMNS + 8 : TILE_PITCH;
  int lane = threadIdx.x % 32, row = threadIdx.x / 64 * 32, strip = threadIdx.x / 32 % 2 * 64;
  i64 steps = (in + TILE_STEP - 1) / TILE_STEP;
  auto ask = [&](i64 step) {
    if (step < steps) {
      bf16* s = stages + step % STAGES * STAGE;
      i64 k = step * TILE_STEP;
#pragma unroll
      for (int i = threadIdx.x; i < TILE_ROWS * TILE_STEP / 8; i += 128) {
        int r = i / (TILE_STEP / 8), c = i % (TILE_STEP / 8) * 8;
        bool there = first + r < end && k + c < in;
        fetch(s + r * PITCH_X + c, there ? x + (first + r) * in + k + c : x, there);
      }
      s += X;
#pragma unroll
      for (int i = threadIdx.x; i < TILE_COLUMNS * TILE_STEP / 8; i += 128) {
        const int ROW = (TRANSPOSED ? TILE_COLUMNS : TILE_STEP) / 8;
        int r = i / ROW, c = i % ROW * 8;
        i64 at = TRANSPOSED ? k + r : column + r, on = TRANSPOSED ? column + c : k + c;
        bool there = at < (TRANSPOSED ? in : out) && on < (TRANSPOSED ? out : in);
        fetch(s + r * PITCH_W + c, there ? W + at * (TRANSPOSED ? out : in) + on : W, there);
      }
    }
    asm volatile("cp.async.commit_group;");
  };
  float c[2][8][4] = {};
  for (int i = 0; i < STAGES - 1; i++) ask(i);
  for (i64 step = 0; step < steps; step++) {
    arrived<STAGES - 2>();
    ask(step + STAGES - 1);
    const bf16* s = stages + step % STAGES * STAGE;
#pragma unroll
    for (int k = 0; k < TILE_STEP; k += 16) {
      u32 a[2][4];
#pragma unroll
      for (int i = 0; i < 2; i++)
        fragment<4, false>(a[i], s + (row + i * 16 + lane % 16) * PITCH_X + k + lane / 16 * 8);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        u32 b[4];  // of sixteen columns, the first eight first
        if (TRANSPOSED) {
          fragment<4, true>(b, s + X + (k + lane % 16) * PITCH_W + strip + j * 16 + lane / 16 * 8);
        } else {
          fragment<4, false>(b, s + X + (strip + j * 16 + lane % 8 + lane / 16 * 8) * PITCH_W + k + lane / 8 % 2 * 8);
        }
#pragma unroll
        for (int i = 0; i < 2; i++) {
          mma<16>(c[i][2 * j], a[i], b);
          mma<16>(c[i][2 * j + 1], a[i], b + 2);
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
    i64 at = first + row + i * 16 + lane / 4;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      i64 on = column + strip + j * 8 + lane % 4 * 2;
      if (on < out && at < end) *reinterpret_cast<u32*>(y + at * out + on) = pack(c[i][j][0], c[i][j][1]);
      if (on < out && at + 8 < end) *reinterpret_cast<u32*>(y + (at + 8) * out + on) = pack(c[i][j][2], c[i][j][3]);
    }
  }
}

#endif

// y [rows, columns] from x [rows, sums] and weight [experts, columns, sums], or [experts, sums, columns] if transposed;
// multiples of eight all.
extern "C" __global__ void __launch_bounds__(128, 3) times_tiles(const bf16* x, const bf16* weight, const i64* expert,
    const i64* first, const i64* end, bf16* y, i64 sums, i64 columns, i64 transposed) {
#if __CUDA_ARCH__ >= 800
  i64 strips = (columns + TILE_COLUMNS - 1) / TILE_COLUMNS, at = blockIdx.x / strips,
      column = blockIdx.x % strips * TILE_COLUMNS;
  if (first[at] >= end[at]) return;
  __shared__ uint4 memory[TILE_STAGES * TILE_STAGE / 8];
  bf16* stages = reinterpret_cast<bf16*>(memory);
  const bf16* W = weight + expert[at] * sums * columns;
  if (transposed) {
    tile<true>(stages, x, W, y, first[at], end[at], column, sums, columns);
  } else {
    tile<false>(stages, x, W, y, first[at], end[at], column, sums, columns);
  }
#endif
}

// ---- GGUF's blocks to bfloat16, a thread for eight values; `expand` in quantized.py says what scales and codes hold.
// The products are rounded one by one, as there.

__device__ inline void bytes(const unsigned char* p, u32* out) {
  const u32* w = reinterpret_cast<const u32*>(p);
  out[0] = w[0];
  out[1] = w[1];
}

__device__ inline int byte_of(const u32* words, int i) {
  return words[i / 4] >> (i % 4 * 8) & 255;
}

extern "C" __global__ void expand(
    const unsigned short* scales, const unsigned char* codes, bf16* out, i64 type, i64 vectors) {
  i64 v = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (v >= vectors) return;
  Eight e;
  u32 q[2];
  if (type == 12) {  // Q4_K
    i64 block = v / 32;
    int j = v % 32, sub = j / 4;
    const unsigned char* c = codes + block * 140;
    float d = half_to_float(scales[2 * block]), dmin = half_to_float(scales[2 * block + 1]);
    int s = sub < 4 ? c[sub] & 63 : (c[sub + 4] & 15) | (c[sub - 4] >> 6) << 4;
    int t = sub < 4 ? c[sub + 4] & 63 : c[sub + 4] >> 4 | (c[sub] >> 6) << 4;
    float scale = __fmul_rn(d, (float)s), least = __fmul_rn(dmin, (float)t);
    bytes(c + 12 + sub / 2 * 32 + j % 4 * 8, q);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      e.v[i] = __fsub_rn(__fmul_rn((float)(byte_of(q, i) >> sub % 2 * 4 & 15), scale), least);
    }
  } else if (type == 14) {  // Q6_K
    i64 block = v / 32;
    int j = v % 32, n = j / 16, k = j % 16 / 4, l = j % 4 * 8;
    const unsigned char* c = codes + block * 208;
    u32 high[2];
    bytes(c + n * 64 + k % 2 * 32 + l, q);
    bytes(c + 128 + n * 32 + l, high);
    float scale = __fmul_rn(half_to_float(scales[block]), (float)(signed char)c[192 + n * 8 + k * 2 + l / 16]);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      int code = (byte_of(q, i) >> k / 2 * 4 & 15) | (byte_of(high, i) >> 2 * k & 3) << 4;
      e.v[i] = __fmul_rn((float)(code - 32), scale);
    }
  } else if (type == 8) {  // Q8_0
    i64 block = v / 4;
    float d = half_to_float(scales[block]);
    bytes(codes + v * 8, q);
#pragma unroll
    for (int i = 0; i < 8; i++) e.v[i] = __fmul_rn((float)(signed char)byte_of(q, i), d);
  } else {  // Q4_0, Q4_1
    i64 block = v / 4;
    int j = v % 4;
    bytes(codes + block * 16 + j % 2 * 8, q);
    float d = half_to_float(scales[type == 2 ? block : 2 * block]);
    float m = type == 2 ? 0.f : half_to_float(scales[2 * block + 1]);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      int code = byte_of(q, i) >> j / 2 * 4 & 15;
      e.v[i] = type == 2 ? __fmul_rn((float)(code - 8), d) : __fadd_rn(__fmul_rn((float)code, d), m);
    }
  }
  store(out + v * 8, e);
}

#else

// ---- SwiGLU and GeGLU with LoRA's thin products around: those of gate and up are added to what the large products
// gave, g + s z B^T, and down's z = m A^T is taken on the way, so that no wide array is read or written for them. z is
// [rows, 2 rank], gate's and up's side by side.
//
// This part is compiled for a rank of 8, 16 or 32, for cards of compute capability 9.0 and newer with 227 KB of shared
// memory for a block.
//
// One block a multiprocessor passes over tiles of 128 columns, all rows of the first, then all of the second: the
// factors of a tile's columns stay in registers. While a tile is computed the next one comes into shared memory. A warp
// adds the products of 16 columns (mma: rows by columns, K the rank). What several blocks have a part in is left in
// parts and added up by a second kernel, always in the same order: sums over columns in a part for each 128 of them, in
// bfloat16, sums over rows in one for each block that has rows of these columns, in float32.

#define R RANK
#define ROWS 64
#define COLUMNS 128
#define PITCH (COLUMNS + 8)   // a row in shared memory: eight rows one below another lie in different banks
#define WIDE (ROWS * PITCH)   // a tile there

__device__ inline u32 both(const bf16* low, const bf16* high) {
  return *low | (u32)*high << 16;
}

__device__ inline float half_of(u32 x, int high) {
  return __uint_as_float(high ? x & 0xffff0000u : x << 16);
}

// What a warp's 16 columns need of a factor for x += z F, F being B^T or A: for two times eight columns
struct Factor {
  static const int K = R < 16 ? 8 : 16, STEPS = R / K, EACH = K / 8;
  u32 r[2][STEPS][EACH];

  // from B [columns, R]; `at` is the first column
  __device__ inline void of_B(const bf16* B, i64 at, i64 columns) {
    int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < 2 * STEPS * EACH; i++) {
      int j = i / (STEPS * EACH), k = i % (STEPS * EACH) * 8 + 2 * t;
      i64 column = at + j * 8 + g;
      r[j][i / EACH % STEPS][i % EACH] = column < columns ? *reinterpret_cast<const u32*>(B + column * R + k) : 0;
    }
  }

  // from A [R, columns]
  __device__ inline void of_A(const bf16* A, i64 at, i64 columns) {
    int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < 2 * STEPS * EACH; i++) {
      int j = i / (STEPS * EACH), k = i % (STEPS * EACH) * 8 + 2 * t;
      i64 column = at + j * 8 + g;
      r[j][i / EACH % STEPS][i % EACH] =
          column < columns ? both(A + k * columns + column, A + (k + 1) * columns + column) : 0;
    }
  }

  // c[j] = z F for 16 rows of z, which begin at p with so many elements each
  __device__ inline void times(float c[2][4], const bf16* p, int pitch) const {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < 8; i++) c[i / 4][i % 4] = 0.f;
#pragma unroll
    for (int k = 0; k < STEPS; k++) {
      u32 z[4];
      fragment<2 * EACH, false>(z, p + lane % 16 * pitch + k * 16 + lane / 16 % EACH * 8);
      mma<K>(c[0], z, r[0][k]);
      mma<K>(c[1], z, r[1][k]);
    }
  }
};

// The tiles that this block computes: one after another, rows of the same columns first
struct Tiles {
  i64 down, all, from, to;

  __device__ inline Tiles(i64 rows, i64 columns) {
    down = (rows + ROWS - 1) / ROWS;
    all = down * ((columns + COLUMNS - 1) / COLUMNS);
    from = all * blockIdx.x / gridDim.x;
    to = all * (blockIdx.x + 1) / gridDim.x;
  }

  // The block that computes a tile
  __device__ inline i64 block(i64 tile) const {
    return ((tile + 1) * gridDim.x + all - 1) / all - 1;
  }
};

// Asks for a tile of x [rows, columns] to come into shared memory; whose rows are so far apart
__device__ inline void fetch_tile(bf16* to, const bf16* x, i64 stride, i64 row, i64 column, i64 rows, i64 columns) {
#pragma unroll
  for (int p = 0; p < ROWS / 16; p++) {
    int r = p * 16 + threadIdx.x / 16, c = threadIdx.x % 16 * 8;
    bool there = row + r < rows && column + c < columns;
    fetch(to + r * PITCH + c, there ? x + (row + r) * stride + column + c : x, there);
  }
}

__device__ inline void store_tile(bf16* x, i64 stride, const bf16* from, i64 row, i64 column, i64 rows, i64 columns) {
#pragma unroll
  for (int p = 0; p < ROWS / 16; p++) {
    int r = p * 16 + threadIdx.x / 16, c = threadIdx.x % 16 * 8;
    if (row + r < rows && column + c < columns) {
      *reinterpret_cast<uint4*>(x + (row + r) * stride + column + c) =
          *reinterpret_cast<const uint4*>(from + r * PITCH + c);
    }
  }
}

// What a warp has of 16 rows and 8 N columns, scaled, into x [rows, width] from column `first` on
template <int N>
__device__ inline void store_rows(bf16* x, i64 width, int first, const float c[N][4], i64 row, i64 rows, float scale) {
  i64 at = row + threadIdx.x % 32 / 4;
#pragma unroll
  for (int j = 0; j < N; j++) {
    bf16* p = x + at * width + first + j * 8 + threadIdx.x % 4 * 2;
    if (at < rows) *reinterpret_cast<u32*>(p) = pack(scale * c[j][0], scale * c[j][1]);
    if (at + 8 < rows) *reinterpret_cast<u32*>(p + 8 * width) = pack(scale * c[j][2], scale * c[j][3]);
  }
}

// Rows of a narrow z [rows, WIDTH]
template <int WIDTH>
__device__ inline void fetch_rows(bf16* to, int pitch, const bf16* z, i64 row, i64 rows) {
  for (int i = threadIdx.x; i < ROWS * WIDTH / 8; i += blockDim.x) {
    int r = i / (WIDTH / 8), c = i % (WIDTH / 8) * 8;
    bool there = row + r < rows;
    fetch(to + r * pitch + c, there ? z + (row + r) * WIDTH + c : z, there);
  }
}

// m = act(a) b with a = g + s z B^T, b likewise; parts [inner / 128, rows, R] of m A^T
template <bool GELU>
__device__ inline void around(const bf16* g, const bf16* u, const bf16* z, const bf16* B_gate, const bf16* B_up,
    const bf16* A_down, bf16* m, bf16* parts, i64 rows, i64 inner, i64 stride, float s_gate, float s_up) {
  const int STAGES = 3, Z = 2 * R + 8, STAGE = 2 * WIDE + ROWS * Z;
  // eight columns of m A^T: each warp takes 16 rows and half of them, of a rank of 8 half of the warps
  const int EACH = R < 16 ? 1 : R / 16;
  extern __shared__ uint4 memory[];
  bf16* stages = reinterpret_cast<bf16*>(memory);
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32, q = lane / 4, t = lane % 4;
  Tiles tiles(rows, inner);
  auto ask = [&](i64 tile) {
    if (tile < tiles.to) {
      bf16* s = stages + (tile - tiles.from) % STAGES * STAGE;
      i64 row = tile % tiles.down * ROWS, column = tile / tiles.down * COLUMNS;
      fetch_tile(s, g, stride, row, column, rows, inner);
      fetch_tile(s + WIDE, u, stride, row, column, rows, inner);
      fetch_rows<2 * R>(s + 2 * WIDE, Z, z, row, rows);
    }
    asm volatile("cp.async.commit_group;");
  };
  Factor gate, up;
  u32 down[8][EACH][2];
  int at_row = warp % 4 * 16, first = warp / 4 * EACH * 8;
  bool takes = first < R;
  i64 strip = -1;
  for (int i = 0; i < STAGES - 1; i++) ask(tiles.from + i);
  for (i64 tile = tiles.from; tile < tiles.to; tile++) {
    arrived<STAGES - 2>();
    ask(tile + STAGES - 1);
    i64 row = tile % tiles.down * ROWS, column = tile / tiles.down * COLUMNS;
    if (tile / tiles.down != strip) {
      strip = tile / tiles.down;
      gate.of_B(B_gate, column + warp * 16, inner);
      up.of_B(B_up, column + warp * 16, inner);
#pragma unroll
      for (int i = 0; i < 8 * EACH * 2; i++) {
        i64 at = column + i / (EACH * 2) * 16 + i % 2 * 8 + 2 * t, k = first + i / 2 % EACH * 8 + q;
        down[i / (EACH * 2)][i / 2 % EACH][i % 2] =
            takes && at < inner ? *reinterpret_cast<const u32*>(A_down + k * inner + at) : 0;
      }
    }
    bf16* s = stages + (tile - tiles.from) % STAGES * STAGE;
#pragma unroll 2
    for (int i = 0; i < ROWS / 16; i++) {
      float a[2][4], b[2][4];
      gate.times(a, s + 2 * WIDE + i * 16 * Z, Z);
      up.times(b, s + 2 * WIDE + i * 16 * Z + R, Z);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        u32* p = reinterpret_cast<u32*>(s + (i * 16 + j % 2 * 8 + q) * PITCH + warp * 16 + j / 2 * 8 + 2 * t);
        u32 x = p[0], y = p[WIDE / 2];
        float v[2];
#pragma unroll
        for (int e = 0; e < 2; e++) {
          float x1 = half_of(x, e) + s_gate * a[j / 2][j % 2 * 2 + e],
                y1 = half_of(y, e) + s_up * b[j / 2][j % 2 * 2 + e];
          v[e] = __fdividef(x1, 1.f + __expf(-Gate<GELU>::inner(x1))) * y1;
        }
        p[0] = pack(v[0], v[1]);
      }
    }
    __syncthreads();
    store_tile(m, inner, s, row, column, rows, inner);
    float c[EACH][4] = {};
#pragma unroll
    for (int k = 0; k < 8; k++) {
      u32 x[4];
      fragment<4, false>(x, s + (at_row + lane % 16) * PITCH + k * 16 + lane / 16 * 8);
#pragma unroll
      for (int j = 0; j < EACH; j++) mma<16>(c[j], x, down[k][j]);
    }
    if (takes) store_rows<EACH>(parts + strip * rows * R, R, first, c, row + at_row, rows, 1.f);
  }
}

extern "C" __global__ void __launch_bounds__(256, 1)
    swiglu_lora(const bf16* g, const bf16* u, const bf16* z, const bf16* B_gate, const bf16* B_up, const bf16* A_down,
        bf16* m, bf16* parts, i64 rows, i64 inner, i64 stride, i64 rank, double scale_gate, double scale_up) {
  around<false>(g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, stride, scale_gate, scale_up);
}

extern "C" __global__ void __launch_bounds__(256, 1)
    geglu_lora(const bf16* g, const bf16* u, const bf16* z, const bf16* B_gate, const bf16* B_up, const bf16* A_down,
        bf16* m, bf16* parts, i64 rows, i64 inner, i64 stride, i64 rank, double scale_gate, double scale_up) {
  around<true>(g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, stride, scale_gate, scale_up);
}

// With d = d_m + d_z_down A: d_u = d act(a), d_g = d b act'(a) in place of u and g, and m again, which is not kept.
// Parts of d_z, s d_y B of gate and up, [inner / 128, rows, 2 R]; of the factors' gradients one behind the other: d_B
// of gate and of up, s d_y^T z [inner, R], d_A of down, d_z_down^T m [R, inner].
template <bool GELU>
__device__ inline void d_around(const bf16* d_m, bf16* g, bf16* u, const bf16* z, const bf16* d_z_down,
    const bf16* B_gate, const bf16* B_up, const bf16* A_down, bf16* parts, float* factors, i64 rows, i64 inner,
    i64 stride, float s_gate, float s_up) {
  const int STAGES = 2, Z = 3 * R + 8, STAGE = 3 * WIDE + ROWS * Z;
  extern __shared__ uint4 memory[];
  bf16* stages = reinterpret_cast<bf16*>(memory);
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32, q = lane / 4, t = lane % 4;
  Tiles tiles(rows, inner);
  auto ask = [&](i64 tile) {
    if (tile < tiles.to) {
      bf16* s = stages + (tile - tiles.from) % STAGES * STAGE;
      i64 row = tile % tiles.down * ROWS, column = tile / tiles.down * COLUMNS;
      fetch_tile(s, g, stride, row, column, rows, inner);
      fetch_tile(s + WIDE, u, stride, row, column, rows, inner);
      fetch_tile(s + 2 * WIDE, d_m, inner, row, column, rows, inner);
      fetch_rows<2 * R>(s + 3 * WIDE, Z, z, row, rows);
      fetch_rows<R>(s + 3 * WIDE + 2 * R, Z, d_z_down, row, rows);
    }
    asm volatile("cp.async.commit_group;");
  };
  Factor gate, up, down;
  u32 back[8][R / 8][2];  // for d_z: four warps take gate, four up
  float acc[3][R / 8][4] = {};
  i64 strip = -1;
  auto flush = [&]() {
    float* to = factors + (blockIdx.x - tiles.block(strip * tiles.down)) * 3 * inner * R;
#pragma unroll
    for (int i = 0; i < R / 8 * 2; i++) {
      i64 column = strip * COLUMNS + warp * 16 + i % 2 * 8 + q;
      int j = i / 2, k = j * 8 + 2 * t, h = i % 2 * 2;
      if (column < inner) {
        *reinterpret_cast<float2*>(to + column * R + k) = make_float2(s_gate * acc[0][j][h], s_gate * acc[0][j][h + 1]);
        *reinterpret_cast<float2*>(to + (inner + column) * R + k) =
            make_float2(s_up * acc[1][j][h], s_up * acc[1][j][h + 1]);
        to[(2 * R + k) * inner + column] = acc[2][j][h];
        to[(2 * R + k + 1) * inner + column] = acc[2][j][h + 1];
      }
    }
#pragma unroll
    for (int i = 0; i < 3 * R / 8 * 4; i++) acc[i / (R / 8 * 4)][i / 4 % (R / 8)][i % 4] = 0.f;
  };
  for (int i = 0; i < STAGES - 1; i++) ask(tiles.from + i);
  for (i64 tile = tiles.from; tile < tiles.to; tile++) {
    arrived<STAGES - 2>();
    ask(tile + STAGES - 1);
    i64 row = tile % tiles.down * ROWS, column = tile / tiles.down * COLUMNS;
    if (tile / tiles.down != strip) {
      if (strip >= 0) flush();
      strip = tile / tiles.down;
      gate.of_B(B_gate, column + warp * 16, inner);
      up.of_B(B_up, column + warp * 16, inner);
      down.of_A(A_down, column + warp * 16, inner);
      const bf16* B = warp < 4 ? B_gate : B_up;
#pragma unroll
      for (int i = 0; i < 8 * R / 8 * 2; i++) {
        i64 at = column + i / (R / 8 * 2) * 16 + i % 2 * 8 + 2 * t;
        const bf16* p = B + at * R + i / 2 % (R / 8) * 8 + q;
        back[i / (R / 8 * 2)][i / 2 % (R / 8)][i % 2] = at < inner ? both(p, p + R) : 0;
      }
    }
    bf16* s = stages + (tile - tiles.from) % STAGES * STAGE;
    const bf16* zs = s + 3 * WIDE;
#pragma unroll 2
    for (int i = 0; i < ROWS / 16; i++) {
      float a[2][4], b[2][4], d[2][4];
      gate.times(a, zs + i * 16 * Z, Z);
      up.times(b, zs + i * 16 * Z + R, Z);
      down.times(d, zs + i * 16 * Z + 2 * R, Z);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        u32* p = reinterpret_cast<u32*>(s + (i * 16 + j % 2 * 8 + q) * PITCH + warp * 16 + j / 2 * 8 + 2 * t);
        u32 x = p[0], y = p[WIDE / 2], w = p[WIDE];
        float d_g[2], d_u[2], again[2];
#pragma unroll
        for (int e = 0; e < 2; e++) {
          int c = j % 2 * 2 + e;
          float x1 = half_of(x, e) + s_gate * a[j / 2][c], y1 = half_of(y, e) + s_up * b[j / 2][c],
                w1 = half_of(w, e) + d[j / 2][c];
          float sigma = __fdividef(1.f, 1.f + __expf(-Gate<GELU>::inner(x1)));
          float act = x1 * sigma;
          d_g[e] = w1 * y1 * (sigma + act * (1.f - sigma) * Gate<GELU>::slope(x1));
          d_u[e] = w1 * act;
          again[e] = act * y1;
        }
        p[0] = pack(d_g[0], d_g[1]);
        p[WIDE / 2] = pack(d_u[0], d_u[1]);
        p[WIDE] = pack(again[0], again[1]);
      }
    }
    __syncwarp();
    // sums over rows: a warp's 16 columns by the rank
#pragma unroll
    for (int k = 0; k < ROWS / 16; k++) {
#pragma unroll
      for (int i = 0; i < 3; i++) {
        u32 x[4];
        fragment<4, true>(x, s + i * WIDE + (k * 16 + lane / 16 * 8 + lane % 8) * PITCH + warp * 16 + lane / 8 % 2 * 8);
#pragma unroll
        for (int j = 0; j < R / 8; j++) {
          u32 y[2];
          fragment<2, true>(y, zs + (k * 16 + lane % 16) * Z + i * R + j * 8);
          mma<16>(acc[i][j], x, y);
        }
      }
    }
    __syncthreads();
    store_tile(g, stride, s, row, column, rows, inner);
    store_tile(u, stride, s + WIDE, row, column, rows, inner);
    // sums over columns: 16 rows of d_g or d_u by the rank
    float c[R / 8][4] = {};
#pragma unroll
    for (int k = 0; k < 8; k++) {
      u32 x[4];
      fragment<4, false>(x, s + warp / 4 * WIDE + (warp % 4 * 16 + lane % 16) * PITCH + k * 16 + lane / 16 * 8);
#pragma unroll
      for (int j = 0; j < R / 8; j++) mma<16>(c[j], x, back[k][j]);
    }
    store_rows<R / 8>(
        parts + strip * rows * 2 * R, 2 * R, warp / 4 * R, c, row + warp % 4 * 16, rows, warp < 4 ? s_gate : s_up);
  }
  if (strip >= 0) flush();
}

extern "C" __global__ void __launch_bounds__(256, 1) d_swiglu_lora(const bf16* d_m, bf16* g, bf16* u, const bf16* z,
    const bf16* d_z_down, const bf16* B_gate, const bf16* B_up, const bf16* A_down, bf16* parts, float* factors,
    i64 rows, i64 inner, i64 stride, i64 rank, double scale_gate, double scale_up) {
  d_around<false>(
      d_m, g, u, z, d_z_down, B_gate, B_up, A_down, parts, factors, rows, inner, stride, scale_gate, scale_up);
}

extern "C" __global__ void __launch_bounds__(256, 1) d_geglu_lora(const bf16* d_m, bf16* g, bf16* u, const bf16* z,
    const bf16* d_z_down, const bf16* B_gate, const bf16* B_up, const bf16* A_down, bf16* parts, float* factors,
    i64 rows, i64 inner, i64 stride, i64 rank, double scale_gate, double scale_up) {
  d_around<true>(
      d_m, g, u, z, d_z_down, B_gate, B_up, A_down, parts, factors, rows, inner, stride, scale_gate, scale_up);
}

// The factors' gradients from the parts that as many blocks have left
extern "C" __global__ void __launch_bounds__(256, 1)
    sum_factors(const float* factors, bf16* sums, i64 rows, i64 inner, i64 rank) {
  Tiles tiles(rows, inner);
  i64 piece = inner * R;
  for (i64 i = ((i64)blockIdx.x * blockDim.x + threadIdx.x) * 4; i < 3 * piece; i += (i64)gridDim.x * blockDim.x * 4) {
    i64 tile = (i < 2 * piece ? i % piece / R : i % inner) / COLUMNS * tiles.down;
    i64 parts = tiles.block(tile + tiles.down - 1) - tiles.block(tile) + 1;
    float4 sum = make_float4(0.f, 0.f, 0.f, 0.f);
    for (i64 p = 0; p < parts; p++) {
      float4 x = *reinterpret_cast<const float4*>(factors + p * 3 * piece + i);
      sum.x += x.x;
      sum.y += x.y;
      sum.z += x.z;
      sum.w += x.w;
    }
    *reinterpret_cast<uint2*>(sums + i) = make_uint2(pack(sum.x, sum.y), pack(sum.z, sum.w));
  }
}

#endif
