// What the decoder does between its large products, one kernel for each step, for NVIDIA cards that have bfloat16 (compute capability 8.0 and
// newer). CudaKernels.java compiles this text when a model is loaded on such a card; pointwise_cuda.ts calls the kernels, pointwise.ts says the same
// in PyTorch's own operators.
//
// Activations are bfloat16, sums float32. Each thread works on eight neighbours, 16 bytes at a time, so widths are multiples of eight.

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

__device__ inline u32 pack(float low, float high) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}

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

// ---- RMSNorm, a block a row; rows may be the heads of longer rows: row r begins at (r / heads) * stride + (r % heads) * width.

// h = w * t * x with t = 1 / sqrt(mean(x^2) + eps)
extern "C" __global__ void rms_norm(const bf16* x, const bf16* w, bf16* h, float* t, i64 heads, i64 stride, i64 width, double eps) {
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
extern "C" __global__ void d_rms_norm(const bf16* d_y, const bf16* x, const float* t, const bf16* w, const bf16* onto, bf16* d_x, i64 heads, i64 stride, i64 width) {
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

// ---- Rotary position embedding: halves (a, b) become (a cos - b sin, b cos + a sin). sin has the minus in its first half already, and its second
// half is what counts here. cos and sin are [N, width]; a block a token.

__device__ inline void rotate(const bf16* from, bf16* to, const bf16* cos, const bf16* sin, i64 half, i64 at, float sign) {
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
extern "C" __global__ void rope(const bf16* x, bf16* y, const bf16* cos, const bf16* sin, i64 heads, i64 width, i64 x_stride, i64 y_stride) {
  i64 n = blockIdx.x, half = width / 2, each = half / 8;
  for (i64 i = threadIdx.x; i < heads * each; i += blockDim.x) {
    i64 head = i / each * width;
    rotate(x + n * x_stride + head, y + n * y_stride + head, cos + n * width, sin + n * width, half, i % each * 8, 1.f);
  }
}

// The gradients of q, k and v side by side, those of q and k rotated back
extern "C" __global__ void d_rope(const bf16* d_q, const bf16* d_k, const bf16* d_v, const bf16* cos, const bf16* sin, bf16* d_qkv, i64 heads, i64 kv_heads, i64 width) {
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

// ---- SwiGLU: m = silu(g) u

extern "C" __global__ void swiglu(const bf16* g, const bf16* u, bf16* m, i64 vectors) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= vectors) return;
  Eight a = load(g + i * 8), b = load(u + i * 8);
#pragma unroll
  for (int j = 0; j < 8; j++) a.v[j] = a.v[j] / (1.f + __expf(-a.v[j])) * b.v[j];
  store(m + i * 8, a);
}

// d_u = d_m silu(g), d_g = d_m u (sigma + silu(g) (1 - sigma)), and m again. What is written may be what is read.
extern "C" __global__ void d_swiglu(const bf16* d_m, const bf16* g, const bf16* u, bf16* d_g, bf16* d_u, bf16* m, i64 vectors) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= vectors) return;
  Eight d = load(d_m + i * 8), a = load(g + i * 8), b = load(u + i * 8);
#pragma unroll
  for (int j = 0; j < 8; j++) {
    float sigma = 1.f / (1.f + __expf(-a.v[j]));
    float silu = a.v[j] * sigma;
    float y = d.v[j], up = b.v[j];
    a.v[j] = y * up * (sigma + silu * (1.f - sigma));
    b.v[j] = y * silu;
    d.v[j] = silu * up;
  }
  store(d_g + i * 8, a);
  store(d_u + i * 8, b);
  store(m + i * 8, d);
}

// ---- Cross entropy of a row of logits, a block a row: losses[row] = log(sum(exp(x))) - x[target], and the row becomes softmax(x) - onehot(target).
// A target below zero does not count: its loss and its gradient are zero.

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

// ---- GGUF's blocks to bfloat16, a thread for eight values; pointwise.ts, `expand`, says what scales and codes hold. The products are rounded one by
// one, as there.

__device__ inline void bytes(const unsigned char* p, u32* out) {
  const u32* w = reinterpret_cast<const u32*>(p);
  out[0] = w[0];
  out[1] = w[1];
}

__device__ inline int byte_of(const u32* words, int i) {
  return words[i / 4] >> (i % 4 * 8) & 255;
}

extern "C" __global__ void expand(const unsigned short* scales, const unsigned char* codes, bf16* out, i64 type, i64 vectors) {
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
