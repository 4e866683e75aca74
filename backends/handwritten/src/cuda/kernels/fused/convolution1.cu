// The first convolution stage: forward, weight gradient, update. A block per sample.
#include "../prelude.cuh"
#include "normalization.cuh"
#include "update.cuh"

namespace fused {

// The convolution's outputs are shared by two groups of five warps: a thread has one window of
// 2×2 of three channels, and the last 16 threads of a group none.
constexpr int GROUPS_1 = 2;
constexpr int GROUP_CHANNELS_1 = CHANNELS_1 / GROUPS_1;
constexpr int GROUP_WARPS_1 = 5;
constexpr int GROUP_THREADS_1 = GROUP_WARPS_1 * WARP;
constexpr int FORWARD_THREADS_1 = GROUPS_1 * GROUP_THREADS_1;

constexpr int PIXELS = IMAGE * IMAGE;

// A sample's pixels as floats from 0 to 1. Four bytes are read at once: an image is 196 of those.
__device__ __forceinline__ void load_image(const unsigned char* pixels, unsigned sample, float* image) {
    const uchar4* source = reinterpret_cast<const uchar4*>(pixels + static_cast<size_t>(sample) * PIXELS);
    for (int k = threadIdx.x; k < PIXELS / 4; k += blockDim.x) {
        const uchar4 four = source[k];
        reinterpret_cast<float4*>(image)[k] =
            make_float4(four.x / 255.0f, four.y / 255.0f, four.z / 255.0f, four.w / 255.0f);
    }
}

// The outputs of one window in three channels: sums[c][place]. `weight` has three channels'
// weights of a kernel's place side by side.
__device__ __forceinline__ void convolve_window_1(const float* corner, const float4* weight,
                                                  float (&sums)[GROUP_CHANNELS_1][4]) {
    float rows[KERNEL + 1][KERNEL + 1];
#pragma unroll
    for (int y = 0; y <= KERNEL; ++y) {
#pragma unroll
        for (int x = 0; x <= KERNEL; x += 2) {
            const float2 two = *reinterpret_cast<const float2*>(corner + y * IMAGE + x);
            rows[y][x] = two.x;
            rows[y][x + 1] = two.y;
        }
    }
#pragma unroll
    for (int place = 0; place < PLACES; ++place) {
        const float4 w = weight[place];
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            const float x = rows[place / KERNEL + k / 2][place % KERNEL + k % 2];
            sums[0][k] = fmaf(w.x, x, sums[0][k]);
            sums[1][k] = fmaf(w.y, x, sums[1][k]);
            sums[2][k] = fmaf(w.z, x, sums[2][k]);
        }
    }
}

// The sum of a group's threads, from each warp's in `parts`.
__device__ __forceinline__ float group_sum_1(const float (*parts)[GROUP_CHANNELS_1], int group, int c) {
    float sum = 0.0f;
    for (int warp = 0; warp < GROUP_WARPS_1; ++warp) sum += parts[group * GROUP_WARPS_1 + warp][c];
    return sum;
}

// Mean and squares about it of each channel of the block's sample, from every thread's window.
__device__ __forceinline__ void end_moments_1(const float (&x)[GROUP_CHANNELS_1][4], bool has_window,
                                              float (*sums)[GROUP_CHANNELS_1],
                                              float (*squares)[GROUP_CHANNELS_1], int samples,
                                              float2* moments) {
    const int thread = threadIdx.x, group = thread / GROUP_THREADS_1, warp = thread / WARP;
#pragma unroll
    for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
        const float sum = warp_sum(has_window ? x[c][0] + x[c][1] + x[c][2] + x[c][3] : 0.0f);
        if (thread % WARP == 0) sums[warp][c] = sum;
    }
    __syncthreads();
    float mean[GROUP_CHANNELS_1];
#pragma unroll
    for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
        mean[c] = group_sum_1(sums, group, c) / AREA_1;
        float own = 0.0f;
        for (int k = 0; k < 4 && has_window; ++k) own = fmaf(x[c][k] - mean[c], x[c][k] - mean[c], own);
        const float sum = warp_sum(own);
        if (thread % WARP == 0) squares[warp][c] = sum;
    }
    __syncthreads();
    if (thread % GROUP_THREADS_1 != 0) return;
#pragma unroll
    for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
        const size_t at = static_cast<size_t>(group * GROUP_CHANNELS_1 + c) * samples + blockIdx.x;
        moments[at] = make_float2(mean[c], group_sum_1(squares, group, c));
    }
}

// ∂L/∂x of one window, into rows of the dense gradient.
__device__ __forceinline__ void spread_window_1(float4 window, float d_z, float4 affine, float4 gradient,
                                                float* corner) {
    const int place = largest_of(window, affine).place;
    const float x[4] = {window.x, window.y, window.z, window.w};
    float d[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) d[k] = gradient_before(x[k], k == place ? d_z : 0.0f, gradient);
    *reinterpret_cast<float2*>(corner) = make_float2(d[0], d[1]);
    *reinterpret_cast<float2*>(corner + SIDE_1) = make_float2(d[2], d[3]);
}

// The weight gradient's share of one row of outputs, of one row of the kernel and three
// channels: sums[c][v] = Σₓ d[c, y, x] · image[y + u, x + v].
__device__ __forceinline__ void correlate_row_1(const float* d, const float* pixels,
                                                float (&sums)[GROUP_CHANNELS_1][KERNEL]) {
    float x[8];
    load_four(pixels, x);
#pragma unroll
    for (int from = 0; from < SIDE_1; from += 4) {
        load_four(pixels + from + 4, x + 4);
#pragma unroll
        for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
            const float4 four = *reinterpret_cast<const float4*>(d + c * AREA_1 + from);
#pragma unroll
            for (int v = 0; v < KERNEL; ++v) {
                float sum = fmaf(four.x, x[v], sums[c][v]);
                sum = fmaf(four.y, x[v + 1], sum);
                sum = fmaf(four.z, x[v + 2], sum);
                sums[c][v] = fmaf(four.w, x[v + 3], sum);
            }
        }
#pragma unroll
        for (int k = 0; k < 4; ++k) x[k] = x[k + 4];
    }
}

// Windows whose gradient a thread spreads.
constexpr int WINDOWS_OF_THREAD_1 = (CHANNELS_1 * WINDOWS_1 + 255) / 256;

constexpr int WEIGHT_BLOCKS_2 = convolution_update_blocks(GRADIENTS_2);

}  // namespace fused

// x[s, c, window, place] = b[c] + Σ weight·pixel, and per channel and sample the mean of x and
// its squares about it: moments[c·samples + s]. Grid: samples.
extern "C" __global__ void __launch_bounds__(320, 2) fused_convolution1_forward(
    const unsigned char* __restrict__ pixels, const unsigned* __restrict__ order, int first, int samples,
    const float* __restrict__ stage, int mode, float4* before, float2* moments) {
    using namespace fused;
    __shared__ float4 image[PIXELS / 4];
    __shared__ float4 weight[GROUPS_1][PLACES];
    __shared__ float sums_of_warps[2 * GROUP_WARPS_1][GROUP_CHANNELS_1];
    __shared__ float squares_of_warps[2 * GROUP_WARPS_1][GROUP_CHANNELS_1];
    const int thread = threadIdx.x, sample = blockIdx.x;
    load_image(pixels, order[first + sample], reinterpret_cast<float*>(image));
    if (thread < Convolution1::WEIGHTS) {
        const int c = thread / PLACES;
        float* four = reinterpret_cast<float*>(&weight[c / GROUP_CHANNELS_1][thread % PLACES]);
        four[c % GROUP_CHANNELS_1] = stage[thread];
    }
    __syncthreads();

    const int group = thread / GROUP_THREADS_1, place_in_group = thread % GROUP_THREADS_1;
    const bool has_window = place_in_group < WINDOWS_1;
    const int window = has_window ? place_in_group : 0;
    float x[GROUP_CHANNELS_1][4];
    for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
        const float bias = stage[Convolution1::BIAS + group * GROUP_CHANNELS_1 + c];
        for (int k = 0; k < 4; ++k) x[c][k] = bias;
    }
    const int corner = window / POOLED_1 * 2 * IMAGE + window % POOLED_1 * 2;
    convolve_window_1(reinterpret_cast<const float*>(image) + corner, weight[group], x);
    for (int c = 0; c < GROUP_CHANNELS_1 && has_window; ++c) {
        const int channel = sample * CHANNELS_1 + group * GROUP_CHANNELS_1 + c;
        before[static_cast<size_t>(channel) * WINDOWS_1 + window] =
            make_float4(x[c][0], x[c][1], x[c][2], x[c][3]);
    }
    if (mode == OF_BATCH) end_moments_1(x, has_window, sums_of_warps, squares_of_warps, samples, moments);
}

// The first blocks update the second convolution with its samples' shares. Then a block per
// sample ends the gradients of batch norm, makes ∂L/∂x dense, and writes the sample's share of
// the first convolution's weight gradient. `d_after` is ∂L/∂z of each window's largest.
extern "C" __global__ void __launch_bounds__(256, 3) fused_convolution1_backward(
    const unsigned char* __restrict__ pixels, const unsigned* __restrict__ order, int first, int samples,
    float* stage, int mode, const float4* __restrict__ before, const float* __restrict__ d_after,
    const float2* __restrict__ sums, float* shares, float* stage2, const float* __restrict__ shares2,
    float rate) {
    using namespace fused;
    constexpr int DENSE = CHANNELS_1 * AREA_1;
    // The dense gradient, the image, and each row's share of the weight gradient.
    __shared__ float4 memory[(DENSE + PIXELS + SIDE_1 * Convolution1::WEIGHTS) / 4];
    __shared__ float4 gradient[CHANNELS_1];
    __shared__ float d_bias[CHANNELS_1];
    const int thread = threadIdx.x, lane = thread % WARP, warp = thread / WARP;
    float* dense = reinterpret_cast<float*>(memory);
    if (blockIdx.x < WEIGHT_BLOCKS_2) {
        convolution_update<Convolution2, CHANNELS_2, GRADIENTS_2>(blockIdx.x, shares2, samples, rate, stage2,
                                                                  dense);
        return;
    }
    const int sample = blockIdx.x - WEIGHT_BLOCKS_2;
    float* image = dense + DENSE;
    float* rows = image + PIXELS;
    // On their way while the gradients are joined.
    float4 windows[WINDOWS_OF_THREAD_1];
    float d_windows[WINDOWS_OF_THREAD_1];
#pragma unroll
    for (int part = 0; part < WINDOWS_OF_THREAD_1; ++part) {
        const int k = thread + part * 256;
        const size_t at = static_cast<size_t>(sample) * CHANNELS_1 * WINDOWS_1 + k;
        if (k < CHANNELS_1 * WINDOWS_1) {
            windows[part] = before[at];
            d_windows[part] = d_after[at];
        }
    }
    load_image(pixels, order[first + sample], image);
    convolution_gradient<Convolution1, CHANNELS_1>(sums, samples, static_cast<float>(samples) * AREA_1, stage,
                                                   mode, rate, sample == 0, gradient);
    __syncthreads();
    const float4* affine = reinterpret_cast<const float4*>(stage + Convolution1::AFFINE);
#pragma unroll
    for (int part = 0; part < WINDOWS_OF_THREAD_1; ++part) {
        const int k = thread + part * 256, c = k / WINDOWS_1, window = k % WINDOWS_1;
        if (k >= CHANNELS_1 * WINDOWS_1) continue;
        const int corner = c * AREA_1 + window / POOLED_1 * 2 * SIDE_1 + window % POOLED_1 * 2;
        spread_window_1(windows[part], d_windows[part], affine[c], gradient[c], dense + corner);
    }
    __syncthreads();
    if (thread < SIDE_1 * GROUPS_1 * KERNEL) {
        const int u = thread % KERNEL, group = thread / KERNEL % GROUPS_1, y = thread / (KERNEL * GROUPS_1);
        float share[GROUP_CHANNELS_1][KERNEL] = {};
        const float* d = dense + group * GROUP_CHANNELS_1 * AREA_1 + y * SIDE_1;
        correlate_row_1(d, image + (y + u) * IMAGE, share);
        for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
            const int channel = group * GROUP_CHANNELS_1 + c;
            float* row = rows + y * Convolution1::WEIGHTS + channel * PLACES + u * KERNEL;
            for (int v = 0; v < KERNEL; ++v) row[v] = share[c][v];
        }
    }
    if (warp < CHANNELS_1) {
        float sum = 0.0f;
        for (int k = lane; k < AREA_1; k += WARP) sum += dense[warp * AREA_1 + k];
        sum = warp_sum(sum);
        if (lane == 0) d_bias[warp] = sum;
    }
    __syncthreads();
    if (thread < GRADIENTS_1) {
        float sum = 0.0f;
        if (thread < Convolution1::WEIGHTS) {
            for (int y = 0; y < SIDE_1; ++y) sum += rows[y * Convolution1::WEIGHTS + thread];
        } else {
            sum = d_bias[thread - Convolution1::WEIGHTS];
        }
        shares[static_cast<size_t>(sample) * GRADIENTS_1 + thread] = sum;
    }
}

// Updates the first convolution. Grid: convolution_update_blocks(GRADIENTS_1).
extern "C" __global__ void __launch_bounds__(256) fused_convolution1_update(
    const float* __restrict__ shares, int samples, float* stage, float rate) {
    using namespace fused;
    __shared__ float memory[UPDATE_WARPS * WARP];
    convolution_update<Convolution1, CHANNELS_1, GRADIENTS_1>(blockIdx.x, shares, samples, rate, stage, memory);
}
