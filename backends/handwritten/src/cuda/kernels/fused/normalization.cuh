// Batch norm (Ioffe and Szegedy, 2015) as a few numbers per channel, the sigmoid, and sums in
// a fixed order.
//
// Over the m values x of a channel in the whole batch:
//
//     mean = 1/m · Σ x        var = 1/m · Σ (x − mean)²        σ = √(var + ε)
//     x̂ = (x − mean)/σ        z = γ·x̂ + β
//     ∂L/∂x = γ/σ · (∂L/∂z − 1/m · Σ ∂L/∂z − x̂ · 1/m · Σ ∂L/∂z·x̂)
//
// A kernel writes a pair of numbers per channel and block; the next kernel joins the pairs,
// in each of its blocks anew and always in the same order, and its first block keeps the result.
#pragma once

#include "shapes.cuh"

namespace fused {

// Whose statistics a stage normalises with.
constexpr int NONE = 0;      // no batch norm: z = x
constexpr int OF_BATCH = 1;  // the batch's
constexpr int RUNNING = 2;   // the running ones

// The sum over a warp, the same bits in every lane.
__device__ __forceinline__ float warp_sum(float x) {
    for (int apart = WARP / 2; apart > 0; apart /= 2) x += __shfl_xor_sync(0xffffffffu, x, apart);
    return x;
}

// The sum over each half of a warp.
__device__ __forceinline__ float half_warp_sum(float x) {
    for (int apart = WARP / 4; apart > 0; apart /= 2) x += __shfl_xor_sync(0xffffffffu, x, apart);
    return x;
}

// Four floats at once, from a place aligned to 16 bytes into registers.
__device__ __forceinline__ void load_four(const float* from, float* to) {
    const float4 four = *reinterpret_cast<const float4*>(from);
    to[0] = four.x;
    to[1] = four.y;
    to[2] = four.z;
    to[3] = four.w;
}

__device__ __forceinline__ float sigmoid(float z) { return 1.0f / (1.0f + expf(-z)); }

// What a channel's x become: z = (x − mean)·scale + shift. As float4: mean, scale, shift, 1/σ.
__device__ __forceinline__ float normalize(float x, float4 affine) {
    return fmaf(x - affine.x, affine.y, affine.z);
}

__device__ __forceinline__ float x_hat(float x, float4 affine) { return (x - affine.x) * affine.w; }

// Σ (x − mean)² of all from one part's own, whose mean is `apart` from that of all.
__device__ __forceinline__ float squares_about(float own, float count, float apart) {
    return fmaf(count * apart, apart, own);
}

// Ends the statistics of a channel. In training, one block keeps them for the way back and
// updates the running ones: unbiased, and biased where the channel has one value.
template <class S>
__device__ float4 finish_affine(float* stage, int mode, int c, float mean, float squares, float count,
                                bool keeps) {
    float4 affine = make_float4(0.0f, 1.0f, 0.0f, 0.0f);
    if (mode != NONE) {
        const float center = mode == RUNNING ? stage[S::MEAN + c] : mean;
        const float variance = mode == RUNNING ? stage[S::VARIANCE + c] : squares / count;
        const float inverse = 1.0f / sqrtf(variance + stage[S::EPSILON]);
        affine = make_float4(center, stage[S::GAMMA + c] * inverse, stage[S::BETA + c], inverse);
    }
    if (keeps && mode == OF_BATCH) {
        const double momentum = stage[S::MOMENTUM];
        const double unbiased = static_cast<double>(squares) / (count > 1.0f ? count - 1.0f : 1.0f);
        const double old_mean = stage[S::MEAN + c], old_variance = stage[S::VARIANCE + c];
        stage[S::MEAN + c] = static_cast<float>((1.0 - momentum) * old_mean + momentum * mean);
        stage[S::VARIANCE + c] = static_cast<float>((1.0 - momentum) * old_variance + momentum * unbiased);
    }
    if (keeps && mode != RUNNING) reinterpret_cast<float4*>(stage + S::AFFINE)[c] = affine;
    return affine;
}

// Samples of a part of the batch: `most`, or fewer in the last.
__device__ __forceinline__ int samples_of_part(int part, int most, int samples) {
    return min(most, samples - part * most);
}

// Mean and squares of a channel over a block's samples, `count` of them, from each one's own over
// `area` values.
template <int SAMPLES>
__device__ __forceinline__ float2 join_moments(const float2 (&own)[SAMPLES], float area, int count) {
    static_assert(SAMPLES <= 2, "one, or a pair");
    if (SAMPLES == 1 || count == 1) return own[0];
    const float mean = (own[0].x + own[SAMPLES - 1].x) * 0.5f;
    const float squares = squares_about(own[0].y, area, own[0].x - mean) +
                          squares_about(own[SAMPLES - 1].y, area, own[SAMPLES - 1].x - mean);
    return make_float2(mean, squares);
}

// The affine maps of a convolution stage, from mean and squares per channel and part of at most
// `most` samples, each over AREA values a sample: `moments[c·parts + part]`. A warp per channel.
template <class S, int CHANNELS, int AREA>
__device__ void convolution_affine(const float2* moments, int samples, int most, float* stage, int mode,
                                   bool keeps, float4* affine) {
    const int lane = threadIdx.x % WARP, parts = (samples + most - 1) / most;
    const int warps = static_cast<int>(blockDim.x) / WARP;
    for (int c = threadIdx.x / WARP; c < CHANNELS; c += warps) {
        const float2* own = moments + static_cast<size_t>(c) * parts;
        float mean = 0.0f, squares = 0.0f;
        if (mode == OF_BATCH) {
#pragma unroll 8
            for (int p = lane; p < parts; p += WARP) mean += samples_of_part(p, most, samples) * own[p].x;
            mean = warp_sum(mean) / samples;
#pragma unroll 8
            for (int p = lane; p < parts; p += WARP) {
                const float count = static_cast<float>(samples_of_part(p, most, samples)) * AREA;
                squares += squares_about(own[p].y, count, own[p].x - mean);
            }
            squares = warp_sum(squares);
        }
        if (lane == 0) {
            const float count = static_cast<float>(samples) * AREA;
            affine[c] = finish_affine<S>(stage, mode, c, mean, squares, count, keeps);
        }
    }
}

// Samples of a tile: TILE, or fewer in the last.
__device__ __forceinline__ int samples_of(int tile, int samples) {
    return samples_of_part(tile, TILE, samples);
}

// The affine maps of a linear stage, from mean and squares per tile of samples and feature:
// `moments[tile·FEATURES + f]`. A thread per feature.
template <class S, int FEATURES>
__device__ void linear_affine(const float2* moments, int samples, float* stage, int mode, bool keeps,
                              float4* affine) {
    const int tiles = (samples + TILE - 1) / TILE;
    for (int f = threadIdx.x; f < FEATURES; f += blockDim.x) {
        float mean = 0.0f, squares = 0.0f;
        if (mode == OF_BATCH) {
#pragma unroll 16
            for (int tile = 0; tile < tiles; ++tile) {
                mean += samples_of(tile, samples) * moments[tile * FEATURES + f].x;
            }
            mean /= samples;
#pragma unroll 16
            for (int tile = 0; tile < tiles; ++tile) {
                const float2 own = moments[tile * FEATURES + f];
                squares += squares_about(own.y, samples_of(tile, samples), own.x - mean);
            }
        }
        affine[f] = finish_affine<S>(stage, mode, f, mean, squares, samples, keeps);
    }
}

// ∂L/∂x = scale·(∂L/∂z − shift + slope·(x − mean)). As float4: mean, scale, slope, shift. The
// difference first: where the batch has one sample, it is exactly 0.
__device__ __forceinline__ float gradient_before(float x, float d_z, float4 gradient) {
    return gradient.y * fmaf(gradient.z, x - gradient.x, d_z - gradient.w);
}

// Ends the sums of a channel, Σ ∂L/∂z and Σ ∂L/∂z·x̂, which are the gradients of β and γ too:
// one block descends along them.
template <class S>
__device__ float4 finish_gradient(float* stage, int mode, int c, float2 sums, float count, float rate,
                                  bool descends) {
    if (mode == NONE) return make_float4(0.0f, 1.0f, 0.0f, 0.0f);
    const float4 affine = reinterpret_cast<const float4*>(stage + S::AFFINE)[c];
    if (descends) {
        stage[S::BETA + c] -= rate * sums.x;
        stage[S::GAMMA + c] -= rate * sums.y;
    }
    return make_float4(affine.x, affine.y, -affine.w * sums.y / count, sums.x / count);
}

// The gradients of a convolution stage from `parts` pairs of sums per channel:
// `sums[c·parts + part]`. A warp per channel.
template <class S, int CHANNELS>
__device__ void convolution_gradient(const float2* sums, int parts, float count, float* stage, int mode,
                                     float rate, bool descends, float4* gradient) {
    const int lane = threadIdx.x % WARP;
    const int warps = static_cast<int>(blockDim.x) / WARP;
    for (int c = threadIdx.x / WARP; c < CHANNELS; c += warps) {
        const float2* own = sums + static_cast<size_t>(c) * parts;
        float2 all = make_float2(0.0f, 0.0f);
        if (mode != NONE) {
#pragma unroll 8
            for (int part = lane; part < parts; part += WARP) {
                all.x += own[part].x;
                all.y += own[part].y;
            }
            all = make_float2(warp_sum(all.x), warp_sum(all.y));
        }
        if (lane == 0) gradient[c] = finish_gradient<S>(stage, mode, c, all, count, rate, descends);
    }
}

// The gradients of a linear stage from pairs of sums per tile of samples and feature:
// `sums[tile·FEATURES + f]`. A thread per feature.
template <class S, int FEATURES>
__device__ void linear_gradient(const float2* sums, int samples, float* stage, int mode, float rate,
                                bool descends, float4* gradient) {
    const int tiles = (samples + TILE - 1) / TILE;
    for (int f = threadIdx.x; f < FEATURES; f += blockDim.x) {
        float2 all = make_float2(0.0f, 0.0f);
        if (mode != NONE) {
#pragma unroll 16
            for (int tile = 0; tile < tiles; ++tile) {
                all.x += sums[tile * FEATURES + f].x;
                all.y += sums[tile * FEATURES + f].y;
            }
        }
        gradient[f] = finish_gradient<S>(stage, mode, f, all, samples, rate, descends);
    }
}

// The largest z of a window of 2×2: the first where several are, and not a number where one is
// not. `place` counts the window's rows first.
struct Largest {
    float z;
    float x;
    int place;
};

__device__ __forceinline__ Largest largest_of(float4 window, float4 affine) {
    const float x[4] = {window.x, window.y, window.z, window.w};
    Largest largest = {normalize(x[0], affine), x[0], 0};
#pragma unroll
    for (int place = 1; place < 4; ++place) {
        const float z = normalize(x[place], affine);
        if (z > largest.z || z != z) largest = {z, x[place], place};
    }
    return largest;
}

}  // namespace fused
