// The first two linear stages, forward and back. A block takes a tile of samples and some of
// the stage's outputs (forward) or inputs (back); each of its warps has a slice of the sum.
#include "../prelude.cuh"
#include "normalization.cuh"
#include "update.cuh"

namespace fused {

// Forward: FEATURES of the outputs per block, a lane each; each of WARPS warps sums over SLICE
// of the inputs.
template <class S, int OUTPUTS, int INPUTS, int FEATURES, int WARPS>
struct LinearForward {
    static constexpr int SLICE = INPUTS / WARPS;
    static constexpr int PARTS = WARPS * TILE * WARP;
    static_assert(SLICE * WARPS == INPUTS && SLICE % 4 == 0 && OUTPUTS % FEATURES == 0, "divides");

    float4 weight[SLICE / 4];

    // Fetches the thread's weights, before their first use.
    __device__ __forceinline__ void load(const float* stage, int group) {
        const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
        const int o = group * FEATURES + min(lane, FEATURES - 1);
        const float4* from = reinterpret_cast<const float4*>(stage + o * INPUTS + warp * SLICE);
#pragma unroll
        for (int k = 0; k < SLICE / 4; ++k) weight[k] = from[k];
    }

    // parts[warp, s, lane] = Σᵢ weight[o, i] · input[s, i] over the warp's slice.
    __device__ __forceinline__ void multiply(const float* input, float* parts) const {
        const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
        float sums[TILE] = {};
#pragma unroll
        for (int k = 0; k < SLICE / 4; ++k) {
#pragma unroll
            for (int s = 0; s < TILE; ++s) {
                float x[4];
                load_four(input + s * INPUTS + warp * SLICE + 4 * k, x);
                sums[s] = fmaf(weight[k].x, x[0], sums[s]);
                sums[s] = fmaf(weight[k].y, x[1], sums[s]);
                sums[s] = fmaf(weight[k].z, x[2], sums[s]);
                sums[s] = fmaf(weight[k].w, x[3], sums[s]);
            }
        }
#pragma unroll
        for (int s = 0; s < TILE; ++s) parts[(warp * TILE + s) * WARP + lane] = sums[s];
    }

    // Adds the slices up: before[s, o], and per feature the tile's mean and squares about it.
    __device__ __forceinline__ void finish(const float* parts, const float* stage, int group, int tile,
                                           int samples, float* values, float* before, float2* moments) const {
        const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
        const int o = group * FEATURES + lane, valid = samples_of(tile, samples);
        for (int s = warp; s < TILE && lane < FEATURES; s += WARPS) {
            float sum = stage[S::BIAS + o];
            for (int part = 0; part < WARPS; ++part) sum += parts[(part * TILE + s) * WARP + lane];
            values[s * WARP + lane] = sum;
            if (s < valid) before[static_cast<size_t>(tile * TILE + s) * OUTPUTS + o] = sum;
        }
        __syncthreads();
        if (warp != 0 || lane >= FEATURES) return;
        float mean = 0.0f, squares = 0.0f;
        for (int s = 0; s < valid; ++s) mean += values[s * WARP + lane];
        mean /= valid;
        for (int s = 0; s < valid; ++s) {
            squares = squares_about(squares, 1.0f, values[s * WARP + lane] - mean);
        }
        moments[tile * OUTPUTS + o] = make_float2(mean, squares);
    }
};

using Forward1 = LinearForward<Linear1, FEATURES_1, FEATURES_0, 30, 8>;
using Forward2 = LinearForward<Linear2, FEATURES_2, FEATURES_1, 21, 6>;

// Back: the gradient of COLUMNS of the inputs per block. Each warp has a run of up to 32 of
// them, and sums over SLICE of the outputs.
template <int OUTPUTS, int INPUTS, int COLUMNS, int SLICES>
struct LinearBackward {
    static constexpr int SLICE = OUTPUTS / SLICES;
    static constexpr int RUNS = (COLUMNS + WARP - 1) / WARP;
    static constexpr int WARPS = RUNS * SLICES;
    static constexpr int WIDTH = RUNS * WARP;
    static constexpr int PARTS = SLICES * TILE * WIDTH;
    static constexpr int GROUPS = INPUTS / COLUMNS;
    static_assert(SLICE * SLICES == OUTPUTS && GROUPS * COLUMNS == INPUTS, "divides");

    float weight[SLICE];

    // Fetches the thread's weights, before their first use.
    __device__ __forceinline__ void load(const float* stage, int group) {
        const int lane = threadIdx.x % WARP, warp = min(static_cast<int>(threadIdx.x) / WARP, WARPS - 1);
        const int i = group * COLUMNS + min(warp % RUNS * WARP + lane, COLUMNS - 1);
        const float* from = stage + warp / RUNS * SLICE * INPUTS + i;
#pragma unroll
        for (int k = 0; k < SLICE; ++k) weight[k] = from[k * INPUTS];
    }

    // parts[slice, s, i] = Σₒ d[o, s] · weight[o, i] over the warp's slice.
    __device__ __forceinline__ void multiply(const float* d, float* parts) const {
        const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
        if (warp >= WARPS) return;
        const int slice = warp / RUNS;
        float sums[TILE] = {};
#pragma unroll
        for (int k = 0; k < SLICE; ++k) {
            float column[TILE];
            load_four(d + (slice * SLICE + k) * TILE, column);
            load_four(d + (slice * SLICE + k) * TILE + 4, column + 4);
#pragma unroll
            for (int s = 0; s < TILE; ++s) sums[s] = fmaf(column[s], weight[k], sums[s]);
        }
#pragma unroll
        for (int s = 0; s < TILE; ++s) {
            parts[(slice * TILE + s) * WIDTH + warp % RUNS * WARP + lane] = sums[s];
        }
    }

    // ∂L/∂input[s, i] of the block's i.
    __device__ __forceinline__ static float gather(const float* parts, int s, int i) {
        float sum = 0.0f;
        for (int slice = 0; slice < SLICES; ++slice) sum += parts[(slice * TILE + s) * WIDTH + i];
        return sum;
    }

    // d[o, s] = ∂L/∂x[s, o] of the tile, from ∂L/∂z; 0 where there is no sample. The first group
    // of columns keeps it, for the weight gradient.
    __device__ __forceinline__ static void differentiate(const float* before, const float* d_normalized,
                                                         const float4* gradient, int tile, int samples,
                                                         int group, float* d, float* d_before) {
        for (int k = threadIdx.x; k < TILE * OUTPUTS; k += blockDim.x) {
            const int s = k % TILE, o = k / TILE;
            const size_t at = static_cast<size_t>(tile * TILE + s) * OUTPUTS + o;
            float value = 0.0f;
            if (s < samples_of(tile, samples)) {
                value = gradient_before(before[at], d_normalized[at], gradient[o]);
                if (group == 0) d_before[at] = value;
            }
            d[k] = value;
        }
    }
};

using Backward2 = LinearBackward<FEATURES_2, FEATURES_1, 30, 7>;
using Backward1 = LinearBackward<FEATURES_1, FEATURES_0, 64, 4>;
static_assert(Backward1::WARPS == 8 && Backward2::WARPS == 7, "fit into 256 threads");

constexpr int UPDATE_BLOCKS_3 = linear_update_blocks(CLASSES, FEATURES_2);
constexpr int UPDATE_BLOCKS_2 = linear_update_blocks(FEATURES_2, FEATURES_1);

constexpr int larger(int a, int b) { return a > b ? a : b; }

// Floats of shared memory: the parts and the tile's gradient, or what an update needs.
constexpr int MEMORY_2 = larger(Backward2::PARTS + TILE * FEATURES_2, LINEAR_UPDATE_MEMORY);
constexpr int MEMORY_1 = larger(Backward1::PARTS + TILE * FEATURES_1, LINEAR_UPDATE_MEMORY);

}  // namespace fused

// Ends the statistics of the second convolution; batch norm, sigmoid, pooling: after1[s, i];
// and the first linear layer, with mean and squares per tile of samples and feature. Of the
// convolution they are there per part of at most `most` samples.
// Grid: tiles × 4 groups of 30 features.
extern "C" __global__ void __launch_bounds__(256) fused_linear1_forward(
    const float4* before1, const float2* moments1, int samples, int most, float* stage1, int mode1, float* after1,
    const float* stage, float* before, float2* moments) {
    using namespace fused;
    __shared__ float4 affine1[CHANNELS_2];
    __shared__ float4 input[TILE * FEATURES_0 / 4];
    __shared__ float parts[Forward1::PARTS];
    __shared__ float values[TILE * WARP];
    const int thread = threadIdx.x, tile = blockIdx.x, group = blockIdx.y;
    // Not __restrict__: its loads would be free to sink behind the wait.
    Forward1 forward;
    forward.load(stage, group);
    wait_for_kernel_before();
    // On their way while the statistics are joined.
    const int valid = samples_of(tile, samples);
    const size_t first = static_cast<size_t>(tile) * TILE * FEATURES_0 + thread;
    float4 windows[TILE];
#pragma unroll
    for (int s = 0; s < TILE; ++s) {
        if (s < valid) windows[s] = before1[first + s * FEATURES_0];
    }
    convolution_affine<Convolution2, CHANNELS_2, AREA_2>(moments1, samples, most, stage1, mode1,
                                                         tile == 0 && group == 0, affine1);
    __syncthreads();
    float* rows = reinterpret_cast<float*>(input);
#pragma unroll
    for (int s = 0; s < TILE; ++s) {
        float y = 0.0f;
        if (s < valid) {
            y = sigmoid(largest_of(windows[s], affine1[thread / WINDOWS_2]).z);
            if (group == 0) after1[first + s * FEATURES_0] = y;
        }
        rows[s * FEATURES_0 + thread] = y;
    }
    __syncthreads();
    forward.multiply(rows, parts);
    __syncthreads();
    forward.finish(parts, stage, group, tile, samples, values, before, moments);
}

// The same of the second: batch norm and sigmoid of the first, and the linear layer.
// Grid: tiles × 4 groups of 21 features.
extern "C" __global__ void __launch_bounds__(192, 2) fused_linear2_forward(
    const float* before1, const float2* moments1, int samples, float* stage1, int mode1, float* after1,
    const float* stage, float* before, float2* moments) {
    using namespace fused;
    __shared__ float4 affine1[FEATURES_1];
    __shared__ float4 input[TILE * FEATURES_1 / 4];
    __shared__ float parts[Forward2::PARTS];
    __shared__ float values[TILE * WARP];
    const int thread = threadIdx.x, tile = blockIdx.x, group = blockIdx.y;
    Forward2 forward;
    forward.load(stage, group);
    wait_for_kernel_before();
    linear_affine<Linear1, FEATURES_1>(moments1, samples, stage1, mode1, tile == 0 && group == 0, affine1);
    __syncthreads();
    float* rows = reinterpret_cast<float*>(input);
    for (int k = thread; k < TILE * FEATURES_1; k += 192) {
        float y = 0.0f;
        if (k / FEATURES_1 < samples_of(tile, samples)) {
            const size_t at = static_cast<size_t>(tile) * TILE * FEATURES_1 + k;
            y = sigmoid(normalize(before1[at], affine1[k % FEATURES_1]));
            if (group == 0) after1[at] = y;
        }
        rows[k] = y;
    }
    __syncthreads();
    forward.multiply(rows, parts);
    __syncthreads();
    forward.finish(parts, stage, group, tile, samples, values, before, moments);
}

// The first blocks update the last linear layer (`d_logits`, `after` its input). Then, per tile
// and 30 inputs, the way back through batch norm, the second linear layer and the first's
// sigmoid: d_before[s, o] is ∂L/∂x of the second, d_normalized1[s, i] is ∂L/∂z of the first, and
// sums1[tile, i] are Σ ∂L/∂z and Σ ∂L/∂z·x̂.
extern "C" __global__ void __launch_bounds__(256) fused_linear2_backward(
    int samples, const float* __restrict__ before1, const float* __restrict__ after1,
    const float* __restrict__ stage1, const float* __restrict__ before, float* stage, int mode,
    const float* d_normalized, const float2* sums, float* d_before, float* d_normalized1, float2* sums1,
    const float* d_logits, const float* after, float* last, float rate) {
    using namespace fused;
    __shared__ float4 memory[MEMORY_2 / 4];
    __shared__ float4 gradient[FEATURES_2];
    __shared__ float2 products[TILE * WARP];
    float* parts = reinterpret_cast<float*>(memory);
    if (blockIdx.x < UPDATE_BLOCKS_3) {
        wait_for_kernel_before();
        linear_update<Linear3, CLASSES, FEATURES_2, CLASS_STRIDE>(blockIdx.x, d_logits, after, samples, rate,
                                                                  last, parts);
        return;
    }
    const int block = blockIdx.x - UPDATE_BLOCKS_3;
    const int tile = block / Backward2::GROUPS, group = block % Backward2::GROUPS;
    const int lane = threadIdx.x % WARP, s = threadIdx.x / WARP;
    float* d = parts + Backward2::PARTS;
    Backward2 backward;
    backward.load(stage, group);
    wait_for_kernel_before();
    linear_gradient<Linear2, FEATURES_2>(sums, samples, stage, mode, rate, block == 0, gradient);
    __syncthreads();
    Backward2::differentiate(before, d_normalized, gradient, tile, samples, group, d, d_before);
    __syncthreads();
    backward.multiply(d, parts);
    __syncthreads();
    const int valid = samples_of(tile, samples), i = group * 30 + lane;
    if (lane < 30) {
        float2 product = make_float2(0.0f, 0.0f);
        if (s < valid) {
            const size_t at = static_cast<size_t>(tile * TILE + s) * FEATURES_1 + i;
            const float4 affine = reinterpret_cast<const float4*>(stage1 + Linear1::AFFINE)[i];
            const float y = after1[at], d_z = Backward2::gather(parts, s, lane) * (y * (1.0f - y));
            d_normalized1[at] = d_z;
            product = make_float2(d_z, d_z * x_hat(before1[at], affine));
        }
        products[s * WARP + lane] = product;
    }
    __syncthreads();
    if (s == 0 && lane < 30) {
        float2 sum = make_float2(0.0f, 0.0f);
        for (int k = 0; k < TILE; ++k) {
            sum.x += products[k * WARP + lane].x;
            sum.y += products[k * WARP + lane].y;
        }
        sums1[tile * FEATURES_1 + i] = sum;
    }
}

// The same of the first linear layer, after which the second is updated (`d_linear`, `after`),
// per tile and 64 inputs: d_after1[s, i] is ∂L/∂z of each window's largest in the second
// convolution, and sums1[c·tiles + tile] its sums per channel.
extern "C" __global__ void __launch_bounds__(256) fused_linear1_backward(
    int samples, const float4* __restrict__ before1, const float* __restrict__ after1,
    const float* __restrict__ stage1, const float* __restrict__ before, float* stage, int mode,
    const float* d_normalized, const float2* sums, float* d_before, float* d_after1, float2* sums1,
    const float* d_linear, const float* __restrict__ after, float* linear, float rate) {
    using namespace fused;
    constexpr int CHANNELS = 4;  // of a block: 64 inputs
    __shared__ float4 memory[MEMORY_1 / 4];
    __shared__ float4 gradient[FEATURES_1];
    __shared__ float2 products[4][CHANNELS];
    float* parts = reinterpret_cast<float*>(memory);
    if (blockIdx.x < UPDATE_BLOCKS_2) {
        wait_for_kernel_before();
        linear_update<Linear2, FEATURES_2, FEATURES_1, FEATURES_2>(blockIdx.x, d_linear, after, samples, rate,
                                                                   linear, parts);
        return;
    }
    const int block = blockIdx.x - UPDATE_BLOCKS_2;
    const int tile = block / Backward1::GROUPS, group = block % Backward1::GROUPS;
    float* d = parts + Backward1::PARTS;
    Backward1 backward;
    backward.load(stage, group);
    wait_for_kernel_before();
    linear_gradient<Linear1, FEATURES_1>(sums, samples, stage, mode, rate, block == 0, gradient);
    __syncthreads();
    Backward1::differentiate(before, d_normalized, gradient, tile, samples, group, d, d_before);
    __syncthreads();
    backward.multiply(d, parts);
    __syncthreads();
    // A warp has two channels of two samples.
    const int i = threadIdx.x % 64, first = threadIdx.x / 64, channel = i / WINDOWS_2;
    const int feature = group * 64 + i, c = group * CHANNELS + channel;
    const float4 affine = reinterpret_cast<const float4*>(stage1 + Convolution2::AFFINE)[c];
    float2 product = make_float2(0.0f, 0.0f);
    for (int s = first; s < samples_of(tile, samples); s += 4) {
        const size_t at = static_cast<size_t>(tile * TILE + s) * FEATURES_0 + feature;
        const float y = after1[at], d_z = Backward1::gather(parts, s, i) * (y * (1.0f - y));
        d_after1[at] = d_z;
        product.x += d_z;
        product.y = fmaf(d_z, x_hat(largest_of(before1[at], affine).x, affine), product.y);
    }
    product = make_float2(half_warp_sum(product.x), half_warp_sum(product.y));
    if (i % WINDOWS_2 == 0) products[first][channel] = product;
    __syncthreads();
    if (threadIdx.x < CHANNELS) {
        float2 sum = make_float2(0.0f, 0.0f);
        for (int k = 0; k < 4; ++k) {
            sum.x += products[k][threadIdx.x].x;
            sum.y += products[k][threadIdx.x].y;
        }
        const int tiles = (samples + TILE - 1) / TILE;
        sums1[static_cast<size_t>(group * CHANNELS + threadIdx.x) * tiles + tile] = sum;
    }
}
