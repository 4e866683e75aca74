// The second convolution stage, with batch norm, sigmoid and pooling of the first: forward, and
// backward with the weight gradient of the linear stage behind it. A block per sample; forward, or
// per two (`_pairs`).
#include "../prelude.cuh"
#include "normalization.cuh"
#include "update.cuh"

namespace fused {

constexpr int INPUTS_2 = CHANNELS_1 * WINDOWS_1;  // values of a sample before the convolution
constexpr int OUTPUTS_2 = CHANNELS_2 * AREA_2;    // and behind it

// Forward, a thread has one window of four channels and a third of the input's channels.
constexpr int FOURS_2 = CHANNELS_2 / 4;
constexpr int THIRDS_2 = 3;
constexpr int THIRD_CHANNELS_2 = CHANNELS_1 / THIRDS_2;
constexpr int FORWARD_THREADS_2 = WINDOWS_2 * FOURS_2 * THIRDS_2;
static_assert(FORWARD_THREADS_2 == 192, "as the kernel's bounds");
// Windows of the first stage that a thread pools.
constexpr int WINDOWS_OF_THREAD_2 = (INPUTS_2 + FORWARD_THREADS_2 - 1) / FORWARD_THREADS_2;
// Floats from one place's weights to the next: padded, so that storing them has few conflicts.
constexpr int PLACE_STRIDE_2 = CHANNELS_2 + 4;

// sums[c][place] += Σ weight·input over one channel of the input. `weight` has the channels'
// weights of a kernel's place side by side.
__device__ __forceinline__ void convolve_window_2(const float* corner, const float* weight,
                                                  float (&sums)[4][4]) {
    float rows[KERNEL + 1][KERNEL + 1];
#pragma unroll
    for (int y = 0; y <= KERNEL; ++y) {
#pragma unroll
        for (int x = 0; x <= KERNEL; x += 2) {
            const float2 two = *reinterpret_cast<const float2*>(corner + y * POOLED_1 + x);
            rows[y][x] = two.x;
            rows[y][x + 1] = two.y;
        }
    }
#pragma unroll
    for (int place = 0; place < PLACES; ++place) {
        const float4 w = *reinterpret_cast<const float4*>(weight + place * PLACE_STRIDE_2);
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            const float x = rows[place / KERNEL + k / 2][place % KERNEL + k % 2];
            sums[0][k] = fmaf(w.x, x, sums[0][k]);
            sums[1][k] = fmaf(w.y, x, sums[1][k]);
            sums[2][k] = fmaf(w.z, x, sums[2][k]);
            sums[3][k] = fmaf(w.w, x, sums[3][k]);
        }
    }
}

// Mean of 16 windows, and their squares about it, of a channel in half a warp.
__device__ __forceinline__ float2 moments_of_half(float4 x) {
    const float mean = half_warp_sum(x.x + x.y + x.z + x.w) / AREA_2;
    const float a = x.x - mean, b = x.y - mean, c = x.z - mean, d = x.w - mean;
    return make_float2(mean, half_warp_sum(a * a + b * b + c * c + d * d));
}

// The gradient before batch norm lies as [channel][half of the row][row][4], so that threads
// with neighbouring rows read neighbouring float4s.
__device__ __forceinline__ int dense_2(int c, int y, int x) {
    return ((c * 2 + x / 4) * SIDE_2 + y) * 4 + x % 4;
}

// Weights for the way back: a row of a kernel in 8 floats.
constexpr int WEIGHT_ROW_2 = 8;
constexpr int WEIGHT_ROWS_2 = CHANNELS_2 * CHANNELS_1 * KERNEL;

// Backward, a thread has one row of the gradient, one row of the kernel, two channels of the
// input and half of the output's channels: 2·5·3·8 threads.
constexpr int BACKWARD_THREADS_2 = 2 * KERNEL * (CHANNELS_1 / 2) * SIDE_2;
constexpr int PARTS_2 = 2 * KERNEL * CHANNELS_1 * SIDE_2 * POOLED_1;

// parts[half, u, i, r, x + v] = Σₒ d[o, r, x] · weight[o, i, u, v], for two i: what row r of the
// gradient gives row r + u of the input's gradient. Exactly the products that are needed.
__device__ __forceinline__ void spread_row_2(int thread, const float* dense, const float* weight,
                                             float* parts) {
    const int r = thread % SIDE_2, pair = thread / SIDE_2 % 3, u = thread / (SIDE_2 * 3) % KERNEL;
    const int half = thread / (SIDE_2 * 3 * KERNEL);
    float sums[2][POOLED_1] = {};
    for (int o = half * CHANNELS_2 / 2; o < (half + 1) * CHANNELS_2 / 2; ++o) {
        float d[SIDE_2];
        load_four(dense + dense_2(o, r, 0), d);
        load_four(dense + dense_2(o, r, 4), d + 4);
#pragma unroll
        for (int k = 0; k < 2; ++k) {
            const float* row = weight + ((o * CHANNELS_1 + 2 * pair + k) * KERNEL + u) * WEIGHT_ROW_2;
            const float4 four = *reinterpret_cast<const float4*>(row);
            const float w[KERNEL] = {four.x, four.y, four.z, four.w, row[4]};
#pragma unroll
            for (int v = 0; v < KERNEL; ++v) {
#pragma unroll
                for (int x = 0; x < SIDE_2; ++x) sums[k][x + v] = fmaf(d[x], w[v], sums[k][x + v]);
            }
        }
    }
#pragma unroll
    for (int k = 0; k < 2; ++k) {
        float* row = parts + (((half * KERNEL + u) * CHANNELS_1 + 2 * pair + k) * SIDE_2 + r) * POOLED_1;
#pragma unroll
        for (int x = 0; x < POOLED_1; x += 4) {
            *reinterpret_cast<float4*>(row + x) =
                make_float4(sums[k][x], sums[k][x + 1], sums[k][x + 2], sums[k][x + 3]);
        }
    }
}

// The sum of the parts that reach row y, column x of channel i.
__device__ __forceinline__ float gather_2(const float* parts, int i, int y, int x) {
    float sum = 0.0f;
    for (int half = 0; half < 2; ++half) {
        for (int u = 0; u < KERNEL; ++u) {
            const int r = y - u;
            if (r < 0 || r >= SIDE_2) continue;
            sum += parts[(((half * KERNEL + u) * CHANNELS_1 + i) * SIDE_2 + r) * POOLED_1 + x];
        }
    }
    return sum;
}

// The sample's share of the weight gradient: a thread has one row of the kernel, one channel
// of the input and two of the output. share[o, i, u, v] = Σ d[o, r, x] · input[i, r + u, x + v].
__device__ __forceinline__ void correlate_2(int thread, const float* dense, const float* input,
                                            float* shares) {
    const int u = thread % KERNEL, i = thread / KERNEL % CHANNELS_1, pair = thread / (KERNEL * CHANNELS_1);
    float sums[2][KERNEL] = {};
    for (int r = 0; r < SIDE_2; ++r) {
        float x[POOLED_1];
        const float* row = input + i * WINDOWS_1 + (r + u) * POOLED_1;
#pragma unroll
        for (int k = 0; k < POOLED_1; k += 4) load_four(row + k, x + k);
#pragma unroll
        for (int k = 0; k < 2; ++k) {
            float d[SIDE_2];
            load_four(dense + dense_2(2 * pair + k, r, 0), d);
            load_four(dense + dense_2(2 * pair + k, r, 4), d + 4);
#pragma unroll
            for (int v = 0; v < KERNEL; ++v) {
#pragma unroll
                for (int at = 0; at < SIDE_2; ++at) sums[k][v] = fmaf(d[at], x[at + v], sums[k][v]);
            }
        }
    }
#pragma unroll
    for (int k = 0; k < 2; ++k) {
        float* row = shares + ((2 * pair + k) * CHANNELS_1 + i) * PLACES + u * KERNEL;
        for (int v = 0; v < KERNEL; ++v) row[v] = sums[k][v];
    }
}

// The thread's window of ∂L/∂x, into the dense gradient.
__device__ __forceinline__ void differentiate_2(float4 window, float d_z, float4 affine, float4 gradient,
                                                float* dense) {
    const float x[4] = {window.x, window.y, window.z, window.w};
    const int c = threadIdx.x / WINDOWS_2, at = threadIdx.x % WINDOWS_2;
    const int place = largest_of(window, affine).place;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        const int y = at / POOLED_2 * 2 + k / 2, column = at % POOLED_2 * 2 + k % 2;
        dense[dense_2(c, y, column)] = gradient_before(x[k], k == place ? d_z : 0.0f, gradient);
    }
}

// Back through pooling and sigmoid of a channel of the first stage, by one warp: ∂L/∂z of each
// window's largest, and Σ ∂L/∂z and Σ ∂L/∂z·x̂.
__device__ __forceinline__ float2 end_channel_1(int channel, const float* after, const float* parts,
                                                const float4* before, float4 affine, float* d_after) {
    float d_shift = 0.0f, d_scale = 0.0f;
    for (int k = threadIdx.x % WARP; k < WINDOWS_1; k += WARP) {
        const float y = after[k], x = largest_of(before[k], affine).x;
        const float d = gather_2(parts, channel, k / POOLED_1, k % POOLED_1) * (y * (1.0f - y));
        d_after[k] = d;
        d_shift += d;
        d_scale = fmaf(d, x_hat(x, affine), d_scale);
    }
    return make_float2(warp_sum(d_shift), warp_sum(d_scale));
}

constexpr int WEIGHT_BLOCKS_3 = linear_update_blocks(FEATURES_1, FEATURES_0);

// What a block of SAMPLES samples shares forward.
template <int SAMPLES>
struct Forward2Shared {
    float4 input[SAMPLES][INPUTS_2 / 4];
    float4 weight[CHANNELS_1 * PLACES * PLACE_STRIDE_2 / 4];
    float4 parts[SAMPLES][THIRDS_2][CHANNELS_2 * WINDOWS_2];
    float4 affine1[CHANNELS_1];
    float2 moments[SAMPLES][CHANNELS_2];
};

// Ends the statistics of the first stage; batch norm, sigmoid, pooling; the second convolution
// and, per channel and block, its mean and squares: moments[c·blocks + block].
template <int SAMPLES>
__device__ __forceinline__ void forward_2(Forward2Shared<SAMPLES>& shared, const float4* before1,
                                          const float2* moments1, int samples, float* stage1, int mode1,
                                          const float* __restrict__ stage, int mode, float4* before,
                                          float2* moments) {
    const int turn = turn_of_thread<SAMPLES, FORWARD_THREADS_2>(), thread = threadIdx.x % FORWARD_THREADS_2;
    const int block = blockIdx.x;
    const size_t sample = static_cast<size_t>(block) * SAMPLES + turn;
    const bool is_there = SAMPLES == 1 || sample < samples;
    for (int k = threadIdx.x; k < Convolution2::WEIGHTS; k += SAMPLES * FORWARD_THREADS_2) {
        const int o = k / (CHANNELS_1 * PLACES), at = k % (CHANNELS_1 * PLACES);
        reinterpret_cast<float*>(shared.weight)[at * PLACE_STRIDE_2 + o] = stage[k];
    }
    wait_for_kernel_before();
    // On their way while the statistics are joined.
    float4 windows[WINDOWS_OF_THREAD_2];
#pragma unroll
    for (int part = 0; part < WINDOWS_OF_THREAD_2; ++part) {
        const int k = thread + part * FORWARD_THREADS_2;
        if (k < INPUTS_2 && is_there) windows[part] = before1[sample * INPUTS_2 + k];
    }
    convolution_affine<Convolution1, CHANNELS_1, AREA_1>(moments1, samples, SAMPLES, stage1, mode1, block == 0,
                                                         shared.affine1);
    __syncthreads();
    float* after = reinterpret_cast<float*>(shared.input[turn]);
#pragma unroll
    for (int part = 0; part < WINDOWS_OF_THREAD_2; ++part) {
        const int k = thread + part * FORWARD_THREADS_2;
        if (k >= INPUTS_2) continue;
        after[k] = is_there ? sigmoid(largest_of(windows[part], shared.affine1[k / WINDOWS_1]).z) : 0.0f;
    }
    __syncthreads();

    const int window = thread % WINDOWS_2, four = thread / WINDOWS_2 % FOURS_2;
    const int third = thread / (WINDOWS_2 * FOURS_2);
    const int corner = window / POOLED_2 * 2 * POOLED_1 + window % POOLED_2 * 2;
    float sums[4][4] = {};
    for (int i = third * THIRD_CHANNELS_2; i < (third + 1) * THIRD_CHANNELS_2; ++i) {
        const float* from = reinterpret_cast<const float*>(shared.weight) + i * PLACES * PLACE_STRIDE_2 + 4 * four;
        convolve_window_2(after + i * WINDOWS_1 + corner, from, sums);
    }
    for (int c = 0; c < 4; ++c) {
        shared.parts[turn][third][(4 * four + c) * WINDOWS_2 + window] =
            make_float4(sums[c][0], sums[c][1], sums[c][2], sums[c][3]);
    }
    __syncthreads();
    // Whole warps stay together: 256 is 192 and 64.
    for (int k = thread; k < CHANNELS_2 * WINDOWS_2; k += FORWARD_THREADS_2) {
        const int c = k / WINDOWS_2;
        const float bias = stage[Convolution2::BIAS + c];
        float4 x = make_float4(bias, bias, bias, bias);
        for (int part = 0; part < THIRDS_2; ++part) {
            const float4 own = shared.parts[turn][part][k];
            x = make_float4(x.x + own.x, x.y + own.y, x.z + own.z, x.w + own.w);
        }
        if (is_there) before[sample * CHANNELS_2 * WINDOWS_2 + k] = x;
        if (mode != OF_BATCH) continue;
        const float2 own = moments_of_half(x);
        if (k % WINDOWS_2 != 0) continue;
        if (SAMPLES == 1) {
            moments[static_cast<size_t>(c) * samples + sample] = own;
        } else {
            shared.moments[turn][c] = own;
        }
    }
    if (SAMPLES == 1 || mode != OF_BATCH) return;
    __syncthreads();
    const int c = threadIdx.x, blocks = (samples + SAMPLES - 1) / SAMPLES;
    if (c >= CHANNELS_2) return;
    float2 own[SAMPLES];
#pragma unroll
    for (int s = 0; s < SAMPLES; ++s) own[s] = shared.moments[s][c];
    moments[static_cast<size_t>(c) * blocks + block] =
        join_moments<SAMPLES>(own, AREA_2, samples_of_part(block, SAMPLES, samples));
}

}  // namespace fused

// The second convolution, see `forward_2`. Grid: samples.
extern "C" __global__ void __launch_bounds__(192, 2) fused_convolution2_forward(
    const float4* before1, const float2* moments1, int samples, float* stage1, int mode1,
    const float* __restrict__ stage, int mode, float4* before, float2* moments) {
    __shared__ fused::Forward2Shared<1> shared;
    fused::forward_2(shared, before1, moments1, samples, stage1, mode1, stage, mode, before, moments);
}

// Grid: pairs of samples.
extern "C" __global__ void __launch_bounds__(384, 2) fused_convolution2_forward_pairs(
    const float4* before1, const float2* moments1, int samples, float* stage1, int mode1,
    const float* __restrict__ stage, int mode, float4* before, float2* moments) {
    __shared__ fused::Forward2Shared<2> shared;
    fused::forward_2(shared, before1, moments1, samples, stage1, mode1, stage, mode, before, moments);
}

// The first blocks update the first linear stage (`d_linear` before batch norm, `after` its
// input). Then a block per sample ends the gradients of batch norm, makes ∂L/∂x dense, and
// writes the sample's share of the weight gradient, ∂L/∂z of the first stage's largest, and
// Σ ∂L/∂z and Σ ∂L/∂z·x̂ per channel of it: sums1[c·samples + s].
extern "C" __global__ void __launch_bounds__(256, 3) fused_convolution2_backward(
    int samples, const float4* __restrict__ before1, const float* __restrict__ stage1,
    const float4* __restrict__ before, float* stage, int mode, const float* d_after, const float2* sums,
    float4* shares, float* d_after1, float2* sums1, const float* d_linear, const float* __restrict__ after,
    float* linear, float rate) {
    using namespace fused;
    constexpr int WEIGHT_AT = OUTPUTS_2 + INPUTS_2;
    constexpr int PARTS_AT = WEIGHT_AT + WEIGHT_ROWS_2 * WEIGHT_ROW_2;
    static_assert(PARTS_AT + PARTS_2 >= LINEAR_UPDATE_MEMORY && PARTS_2 >= GRADIENTS_2, "room for both");
    // The dense gradient, the input, the weights, and parts of the input's gradient; later the
    // shares in the place of the parts.
    __shared__ float4 memory[(PARTS_AT + PARTS_2) / 4];
    __shared__ float4 gradient[CHANNELS_2];
    const int thread = threadIdx.x, lane = thread % WARP, warp = thread / WARP;
    float* dense = reinterpret_cast<float*>(memory);
    if (blockIdx.x < WEIGHT_BLOCKS_3) {
        wait_for_kernel_before();
        linear_update<Linear1, FEATURES_1, FEATURES_0, FEATURES_1>(blockIdx.x, d_linear, after, samples, rate,
                                                                   linear, dense);
        return;
    }
    const size_t sample = blockIdx.x - WEIGHT_BLOCKS_3;
    float* input = dense + OUTPUTS_2;
    float* weight = dense + WEIGHT_AT;
    float* parts = dense + PARTS_AT;
    const float4* affine1 = reinterpret_cast<const float4*>(stage1 + Convolution1::AFFINE);
    for (int k = thread; k < Convolution2::WEIGHTS; k += 256) {
        weight[k / KERNEL * WEIGHT_ROW_2 + k % KERNEL] = stage[k];
    }
    for (int k = thread; k < INPUTS_2; k += 256) {
        input[k] = sigmoid(largest_of(before1[sample * INPUTS_2 + k], affine1[k / WINDOWS_1]).z);
    }
    const float4 affine = reinterpret_cast<const float4*>(stage + Convolution2::AFFINE)[thread / WINDOWS_2];
    const float4 own = before[sample * CHANNELS_2 * WINDOWS_2 + thread];
    wait_for_kernel_before();
    convolution_gradient<Convolution2, CHANNELS_2>(sums, (samples + TILE - 1) / TILE,
                                                   static_cast<float>(samples) * AREA_2, stage, mode, rate,
                                                   sample == 0, gradient);
    const float d_z = d_after[sample * CHANNELS_2 * WINDOWS_2 + thread];
    __syncthreads();
    differentiate_2(own, d_z, affine, gradient[thread / WINDOWS_2], dense);
    __syncthreads();
    if (thread < BACKWARD_THREADS_2) spread_row_2(thread, dense, weight, parts);
    __syncthreads();
    if (warp < CHANNELS_1) {
        const size_t first = sample * INPUTS_2 + warp * WINDOWS_1;
        const float2 own_sums = end_channel_1(warp, input + warp * WINDOWS_1, parts, before1 + first,
                                              affine1[warp], d_after1 + first);
        if (lane == 0) sums1[static_cast<size_t>(warp) * samples + sample] = own_sums;
    }
    __syncthreads();
    if (thread < BACKWARD_THREADS_2) {
        correlate_2(thread, dense, input, parts);
    } else {
        float sum = 0.0f;
        const int o = thread - BACKWARD_THREADS_2;
        // Each thread begins elsewhere, so that they meet in no bank of shared memory.
        for (int k = 0; k < AREA_2; ++k) sum += dense[o * AREA_2 + (k + o) % AREA_2];
        parts[Convolution2::WEIGHTS + o] = sum;
    }
    __syncthreads();
    for (int k = thread; k < GRADIENTS_2 / 4; k += 256) {
        shares[sample * (GRADIENTS_2 / 4) + k] = reinterpret_cast<const float4*>(parts)[k];
    }
}
