// The first convolution stage: forward, weight gradient, update. A block per sample, or per two
// (`_pairs`), so that half as many blocks join the shares of all others.
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

// A sample's pixels as floats from 0 to 1, by so many threads. Four bytes are read at once: an
// image is 196 of those.
__device__ __forceinline__ void load_image(const unsigned char* pixels, unsigned sample, int thread,
                                           int threads, float4* image) {
    const uchar4* source = reinterpret_cast<const uchar4*>(pixels + static_cast<size_t>(sample) * PIXELS);
    for (int k = thread; k < PIXELS / 4; k += threads) {
        const uchar4 four = source[k];
        image[k] = make_float4(four.x / 255.0f, four.y / 255.0f, four.z / 255.0f, four.w / 255.0f);
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

// What a block of SAMPLES samples shares forward. Each sample has a team of threads per group of
// channels.
template <int SAMPLES>
struct Forward1Shared {
    float4 image[SAMPLES][PIXELS / 4];
    float4 weight[GROUPS_1][PLACES];
    // Of each warp, per channel.
    float sums[SAMPLES * GROUPS_1 * GROUP_WARPS_1][GROUP_CHANNELS_1];
    float squares[SAMPLES * GROUPS_1 * GROUP_WARPS_1][GROUP_CHANNELS_1];
};

// The sum of a team's threads, from each warp's in `parts`.
__device__ __forceinline__ float team_sum_1(const float (*parts)[GROUP_CHANNELS_1], int team, int c) {
    float sum = 0.0f;
    for (int warp = 0; warp < GROUP_WARPS_1; ++warp) sum += parts[team * GROUP_WARPS_1 + warp][c];
    return sum;
}

// Mean and squares about it of each channel of the block's samples, from every thread's window.
template <int SAMPLES>
__device__ __forceinline__ void end_moments_1(Forward1Shared<SAMPLES>& shared,
                                              const float (&x)[GROUP_CHANNELS_1][4], bool has_window,
                                              int samples, float2* moments) {
    const int thread = threadIdx.x, team = thread / GROUP_THREADS_1, warp = thread / WARP;
#pragma unroll
    for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
        const float sum = warp_sum(has_window ? x[c][0] + x[c][1] + x[c][2] + x[c][3] : 0.0f);
        if (thread % WARP == 0) shared.sums[warp][c] = sum;
    }
    __syncthreads();
#pragma unroll
    for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
        const float mean = team_sum_1(shared.sums, team, c) / AREA_1;
        float own = 0.0f;
        for (int k = 0; k < 4 && has_window; ++k) own = fmaf(x[c][k] - mean, x[c][k] - mean, own);
        const float sum = warp_sum(own);
        if (thread % WARP == 0) shared.squares[warp][c] = sum;
    }
    __syncthreads();
    // The first sample's teams join all samples of the block, a lane each channel.
    const int c = thread % GROUP_THREADS_1;
    if (c >= GROUP_CHANNELS_1 || team >= GROUPS_1) return;
    float2 own[SAMPLES];
#pragma unroll
    for (int s = 0; s < SAMPLES; ++s) {
        const int of_sample = s * GROUPS_1 + team;
        own[s] = make_float2(team_sum_1(shared.sums, of_sample, c) / AREA_1,
                             team_sum_1(shared.squares, of_sample, c));
    }
    const int block = blockIdx.x, blocks = (samples + SAMPLES - 1) / SAMPLES;
    moments[static_cast<size_t>(team * GROUP_CHANNELS_1 + c) * blocks + block] =
        join_moments<SAMPLES>(own, AREA_1, samples_of_part(block, SAMPLES, samples));
}

// x[s, c, window, place] = b[c] + Σ weight·pixel, and per channel and block the mean of x and its
// squares about it: moments[c·blocks + block].
template <int SAMPLES>
__device__ __forceinline__ void forward_1(Forward1Shared<SAMPLES>& shared, const unsigned char* __restrict__ pixels,
                                          const unsigned* __restrict__ order, int first, int samples,
                                          const float* stage, int mode, float4* before, float2* moments) {
    const int turn = turn_of_thread<SAMPLES, FORWARD_THREADS_1>(), thread = threadIdx.x % FORWARD_THREADS_1;
    const int sample = blockIdx.x * SAMPLES + turn;
    const bool is_there = SAMPLES == 1 || sample < samples;
    if (is_there) load_image(pixels, order[first + sample], thread, FORWARD_THREADS_1, shared.image[turn]);
    const int group = thread / GROUP_THREADS_1, place_in_group = thread % GROUP_THREADS_1;
    const bool has_window = is_there && place_in_group < WINDOWS_1;
    const int window = has_window ? place_in_group : 0;
    wait_for_kernel_before();
    float x[GROUP_CHANNELS_1][4];
#pragma unroll
    for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
        const float bias = stage[Convolution1::BIAS + group * GROUP_CHANNELS_1 + c];
        for (int k = 0; k < 4; ++k) x[c][k] = bias;
    }
    if (threadIdx.x < Convolution1::WEIGHTS) {
        const int c = thread / PLACES;
        float* four = reinterpret_cast<float*>(&shared.weight[c / GROUP_CHANNELS_1][thread % PLACES]);
        four[c % GROUP_CHANNELS_1] = stage[thread];
    }
    __syncthreads();
    const int corner = window / POOLED_1 * 2 * IMAGE + window % POOLED_1 * 2;
    convolve_window_1(reinterpret_cast<const float*>(shared.image[turn]) + corner, shared.weight[group], x);
    for (int c = 0; c < GROUP_CHANNELS_1 && has_window; ++c) {
        const int channel = sample * CHANNELS_1 + group * GROUP_CHANNELS_1 + c;
        before[static_cast<size_t>(channel) * WINDOWS_1 + window] =
            make_float4(x[c][0], x[c][1], x[c][2], x[c][3]);
    }
    if (mode == OF_BATCH) end_moments_1(shared, x, has_window, samples, moments);
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

// What a block of SAMPLES samples shares on the way back.
template <int SAMPLES>
struct Backward1Shared {
    // The dense gradient, the images, and each row's share of the weight gradient, of all samples.
    float4 dense[SAMPLES][CHANNELS_1 * AREA_1 / 4];
    float4 image[SAMPLES][PIXELS / 4];
    float4 rows[SIDE_1 * Convolution1::WEIGHTS / 4];
    float4 gradient[CHANNELS_1];
    float d_bias[SAMPLES][CHANNELS_1];
    bool is_last;
};

// Threads per sample, and the windows whose gradient each spreads.
constexpr int BACKWARD_THREADS_1 = 256;
constexpr int WINDOWS_OF_THREAD_1 = (CHANNELS_1 * WINDOWS_1 + BACKWARD_THREADS_1 - 1) / BACKWARD_THREADS_1;

constexpr int WEIGHT_BLOCKS_2 = convolution_update_blocks(GRADIENTS_2);

// The weight gradient's shares of the block's samples, row by row, joined sample by sample.
template <int SAMPLES>
__device__ __forceinline__ void correlate_1(Backward1Shared<SAMPLES>& shared, int turn, int thread,
                                            bool is_there) {
    const bool has_row = thread < SIDE_1 * GROUPS_1 * KERNEL && is_there;
    const int u = thread % KERNEL, group = thread / KERNEL % GROUPS_1, y = thread / (KERNEL * GROUPS_1);
    const float* dense = reinterpret_cast<const float*>(shared.dense[turn]);
    float share[GROUP_CHANNELS_1][KERNEL] = {};
    if (has_row) {
        const float* image = reinterpret_cast<const float*>(shared.image[turn]);
        correlate_row_1(dense + group * GROUP_CHANNELS_1 * AREA_1 + y * SIDE_1, image + (y + u) * IMAGE, share);
    }
    const int lane = thread % WARP, warp = thread / WARP;
    if (warp < CHANNELS_1) {
        float sum = 0.0f;
        for (int k = lane; k < AREA_1 && is_there; k += WARP) sum += dense[warp * AREA_1 + k];
        sum = warp_sum(sum);
        if (lane == 0) shared.d_bias[turn][warp] = sum;
    }
    float* rows = reinterpret_cast<float*>(shared.rows) + y * Convolution1::WEIGHTS;
#pragma unroll
    for (int s = 0; s < SAMPLES; ++s) {
        if (s > 0) __syncthreads();
        if (s != turn || !has_row) continue;
        for (int c = 0; c < GROUP_CHANNELS_1; ++c) {
            float* row = rows + (group * GROUP_CHANNELS_1 + c) * PLACES + u * KERNEL;
            for (int v = 0; v < KERNEL; ++v) row[v] = s == 0 ? share[c][v] : row[v] + share[c][v];
        }
    }
}

// Ends the gradients of batch norm, makes ∂L/∂x dense, and writes the block's share of the first
// convolution's weight gradient. With `finished`, the last block descends along all shares.
template <int SAMPLES>
__device__ __forceinline__ void backward_1(Backward1Shared<SAMPLES>& shared,
                                           const unsigned char* __restrict__ pixels,
                                           const unsigned* __restrict__ order, int first, int samples,
                                           float* stage, int mode, const float4* __restrict__ before,
                                           const float* d_after, const float2* sums, float* shares,
                                           float rate, unsigned* finished) {
    constexpr int THREADS = SAMPLES * BACKWARD_THREADS_1, VALUES = CHANNELS_1 * WINDOWS_1;
    const int turn = turn_of_thread<SAMPLES, BACKWARD_THREADS_1>(), thread = threadIdx.x % BACKWARD_THREADS_1;
    const int block = blockIdx.x - WEIGHT_BLOCKS_2, sample = block * SAMPLES + turn;
    const bool is_there = SAMPLES == 1 || sample < samples;
    // On their way while the kernel before this one ends, and while the gradients are joined.
    float4 windows[WINDOWS_OF_THREAD_1];
    float d_windows[WINDOWS_OF_THREAD_1];
#pragma unroll
    for (int part = 0; part < WINDOWS_OF_THREAD_1; ++part) {
        const int k = thread + part * BACKWARD_THREADS_1;
        if (k < VALUES && is_there) windows[part] = before[static_cast<size_t>(sample) * VALUES + k];
    }
    if (is_there) load_image(pixels, order[first + sample], thread, BACKWARD_THREADS_1, shared.image[turn]);
    wait_for_kernel_before();
#pragma unroll
    for (int part = 0; part < WINDOWS_OF_THREAD_1; ++part) {
        const int k = thread + part * BACKWARD_THREADS_1;
        if (k < VALUES && is_there) d_windows[part] = d_after[static_cast<size_t>(sample) * VALUES + k];
    }
    convolution_gradient<Convolution1, CHANNELS_1>(sums, samples, static_cast<float>(samples) * AREA_1, stage,
                                                   mode, rate, block == 0, shared.gradient);
    __syncthreads();
    const float4* affine = reinterpret_cast<const float4*>(stage + Convolution1::AFFINE);
    float* dense = reinterpret_cast<float*>(shared.dense[turn]);
#pragma unroll
    for (int part = 0; part < WINDOWS_OF_THREAD_1; ++part) {
        const int k = thread + part * BACKWARD_THREADS_1, c = k / WINDOWS_1, window = k % WINDOWS_1;
        if (k >= VALUES || !is_there) continue;
        const int corner = c * AREA_1 + window / POOLED_1 * 2 * SIDE_1 + window % POOLED_1 * 2;
        spread_window_1(windows[part], d_windows[part], affine[c], shared.gradient[c], dense + corner);
    }
    __syncthreads();
    correlate_1(shared, turn, thread, is_there);
    __syncthreads();
    const int k = threadIdx.x;
    if (k < GRADIENTS_1) {
        float sum = 0.0f;
        if (k < Convolution1::WEIGHTS) {
            const float* rows = reinterpret_cast<const float*>(shared.rows);
            for (int y = 0; y < SIDE_1; ++y) sum += rows[y * Convolution1::WEIGHTS + k];
        } else {
            for (int s = 0; s < SAMPLES; ++s) sum += shared.d_bias[s][k - Convolution1::WEIGHTS];
        }
        shares[static_cast<size_t>(block) * GRADIENTS_1 + k] = sum;
    }
    const int blocks = static_cast<int>(gridDim.x) - WEIGHT_BLOCKS_2;
    if (finished == nullptr || !is_last_block(finished, blocks, &shared.is_last)) return;
    convolution_update_at_once<Convolution1, CHANNELS_1, GRADIENTS_1, THREADS>(shares, blocks, rate, stage,
                                                                               shared.dense[0]);
}

// The first blocks of a kernel update the second convolution with all blocks' shares.
template <int THREADS>
__device__ __forceinline__ void update_2(const float* shares, int parts, float rate, float* stage,
                                         float4* memory) {
    wait_for_kernel_before();
    convolution_update<Convolution2, CHANNELS_2, GRADIENTS_2, THREADS / WARP>(
        blockIdx.x, shares, parts, rate, stage, reinterpret_cast<float*>(memory));
}

}  // namespace fused

// The first convolution, see `forward_1`. Grid: samples.
extern "C" __global__ void __launch_bounds__(320, 2) fused_convolution1_forward(
    const unsigned char* __restrict__ pixels, const unsigned* __restrict__ order, int first, int samples,
    const float* stage, int mode, float4* before, float2* moments) {
    __shared__ fused::Forward1Shared<1> shared;
    fused::forward_1(shared, pixels, order, first, samples, stage, mode, before, moments);
}

// Grid: pairs of samples.
extern "C" __global__ void __launch_bounds__(640, 2) fused_convolution1_forward_pairs(
    const unsigned char* __restrict__ pixels, const unsigned* __restrict__ order, int first, int samples,
    const float* stage, int mode, float4* before, float2* moments) {
    __shared__ fused::Forward1Shared<2> shared;
    fused::forward_1(shared, pixels, order, first, samples, stage, mode, before, moments);
}

// The first blocks update the second convolution with its samples' shares. Then a block per
// sample, see `backward_1`. `d_after` is ∂L/∂z of each window's largest.
extern "C" __global__ void __launch_bounds__(256, 3) fused_convolution1_backward(
    const unsigned char* __restrict__ pixels, const unsigned* __restrict__ order, int first, int samples,
    float* stage, int mode, const float4* __restrict__ before, const float* d_after, const float2* sums,
    float* shares, float* stage2, const float* shares2, float rate, unsigned* finished) {
    __shared__ fused::Backward1Shared<1> shared;
    if (blockIdx.x < fused::WEIGHT_BLOCKS_2) {
        fused::update_2<256>(shares2, samples, rate, stage2, shared.dense[0]);
    } else {
        fused::backward_1(shared, pixels, order, first, samples, stage, mode, before, d_after, sums, shares,
                          rate, finished);
    }
}

// The same with a block per pair of samples.
extern "C" __global__ void __launch_bounds__(512, 2) fused_convolution1_backward_pairs(
    const unsigned char* __restrict__ pixels, const unsigned* __restrict__ order, int first, int samples,
    float* stage, int mode, const float4* __restrict__ before, const float* d_after, const float2* sums,
    float* shares, float* stage2, const float* shares2, float rate, unsigned* finished) {
    __shared__ fused::Backward1Shared<2> shared;
    if (blockIdx.x < fused::WEIGHT_BLOCKS_2) {
        fused::update_2<512>(shares2, samples, rate, stage2, shared.dense[0]);
    } else {
        fused::backward_1(shared, pixels, order, first, samples, stage, mode, before, d_after, sums, shares,
                          rate, finished);
    }
}

// Updates the first convolution with all blocks' shares. Grid: convolution_update_blocks(GRADIENTS_1).
extern "C" __global__ void __launch_bounds__(256) fused_convolution1_update(
    const float* shares, int parts, float* stage, float rate) {
    using namespace fused;
    __shared__ float memory[UPDATE_WARPS * WARP];
    wait_for_kernel_before();
    convolution_update<Convolution1, CHANNELS_1, GRADIENTS_1, UPDATE_WARPS>(blockIdx.x, shares, parts, rate,
                                                                            stage, memory);
}
