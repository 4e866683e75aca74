// The last linear layer and the loss, forward and back. A block per tile of samples, a warp per
// sample.
#include "../prelude.cuh"
#include "normalization.cuh"

namespace fused {

// The value of class `at` in registers, which cannot be indexed.
__device__ __forceinline__ float choose(const float (&values)[CLASSES], int at) {
    float chosen = values[0];
#pragma unroll
    for (int j = 1; j < CLASSES; ++j) chosen = j == at ? values[j] : chosen;
    return chosen;
}

// z[j] = b[j] + Σₖ w[j, k]·input[k], in every lane.
__device__ __forceinline__ void logits_of(const float* input, const float* weight, const float* bias,
                                          float (&z)[CLASSES]) {
    const int lane = threadIdx.x % WARP;
#pragma unroll
    for (int j = 0; j < CLASSES; ++j) {
        float sum = 0.0f;
        for (int k = lane; k < FEATURES_2; k += WARP) sum = fmaf(weight[j * FEATURES_2 + k], input[k], sum);
        z[j] = warp_sum(sum) + bias[j];
    }
}

// A sample's loss −log p[label], whether its largest logit is the label's (the first, where
// several are largest), and ∂L/∂z of the lane's class; 0 in lanes that have none.
struct Score {
    double loss;
    float d;
    bool is_correct;
};

__device__ __forceinline__ Score score_of(const float (&z)[CLASSES], int label, float share) {
    const int lane = threadIdx.x % WARP;
    int largest = 0;
    float maximum = z[0];
#pragma unroll
    for (int j = 1; j < CLASSES; ++j) {
        if (z[j] > maximum) {
            maximum = z[j];
            largest = j;
        }
    }
    float sum = 0.0f, own = 0.0f;
#pragma unroll
    for (int j = 0; j < CLASSES; ++j) {
        const float power = expf(z[j] - maximum);
        sum += power;
        own = j == lane ? power : own;
    }
    const float d = lane < CLASSES ? own * (share / sum) - (lane == label ? share : 0.0f) : 0.0f;
    const double below = static_cast<double>(maximum) - static_cast<double>(choose(z, label));
    return {lane == 0 ? log(static_cast<double>(sum)) + below : 0.0, d, largest == label};
}

// Batch norm and sigmoid of a tile, and x̂; 0 where there is no sample.
__device__ __forceinline__ void activate_tile(const float* before, const float4* affine, int tile,
                                              int samples, float* after, float* x_hats) {
    for (int k = threadIdx.x; k < TILE * FEATURES_2; k += blockDim.x) {
        const float4 own = affine[k % FEATURES_2];
        const bool is_there = k / FEATURES_2 < samples_of(tile, samples);
        const float x = is_there ? before[static_cast<size_t>(tile) * TILE * FEATURES_2 + k] : 0.0f;
        after[k] = is_there ? sigmoid(normalize(x, own)) : 0.0f;
        x_hats[k] = is_there ? x_hat(x, own) : 0.0f;
    }
}

}  // namespace fused

// Prediction: logits[first + s, j]. Grid: tiles.
extern "C" __global__ void __launch_bounds__(256) fused_logits(
    const float* before1, int first, int samples, float* stage1, int mode1, const float* __restrict__ stage,
    float* logits) {
    using namespace fused;
    __shared__ float4 affine[FEATURES_2];
    __shared__ float after[TILE * FEATURES_2];
    __shared__ float x_hats[TILE * FEATURES_2];
    const int tile = blockIdx.x, lane = threadIdx.x % WARP, s = threadIdx.x / WARP;
    wait_for_kernel_before();
    linear_affine<Linear2, FEATURES_2>(nullptr, samples, stage1, mode1, false, affine);
    __syncthreads();
    activate_tile(before1, affine, tile, samples, after, x_hats);
    __syncthreads();
    float z[CLASSES];
    logits_of(after + s * FEATURES_2, stage, stage + Linear3::BIAS, z);
    if (s < samples_of(tile, samples) && lane < CLASSES) {
        logits[static_cast<size_t>(first + tile * TILE + s) * CLASSES + lane] = choose(z, lane);
    }
}

// Ends the statistics of the second linear stage; batch norm and sigmoid: after1[s, k]; logits,
// softmax cross-entropy and its gradient:
//
//     p[j] = exp(z[j] − max z) / Σⱼ exp(z[j] − max z)
//     L = −1/n · Σₛ log p[s, t]          ∂L/∂z[s, j] = 1/n · (p[s, j] − [j = t])
//
// and the way back to ∂L/∂z of the second stage, with its sums per feature: sums1[tile, k].
// The pair outcomes[outcome + tile] is the tile's −Σₛ log p[s, t] and how many largest logits are
// their label's (the first, where several are largest). Grid: tiles.
extern "C" __global__ void __launch_bounds__(256) fused_output(
    const unsigned char* __restrict__ labels, const unsigned* __restrict__ order, int first,
    const float* before1, const float2* moments1, int samples, float* stage1, int mode1, float* after1,
    const float* __restrict__ stage, float* d_logits, float* d_normalized1, float2* sums1, double* outcomes,
    int outcome) {
    using namespace fused;
    __shared__ float4 affine[FEATURES_2];
    __shared__ float weight[CLASSES * FEATURES_2];
    __shared__ float after[TILE * FEATURES_2];
    __shared__ float x_hats[TILE * FEATURES_2];
    __shared__ float d_z[TILE * FEATURES_2];
    __shared__ float d_shared[TILE][CLASS_STRIDE];
    __shared__ double losses[TILE];
    __shared__ double corrects[TILE];
    const int thread = threadIdx.x, tile = blockIdx.x, lane = thread % WARP, s = thread / WARP;
    const int valid = samples_of(tile, samples);
    const int label = s < valid ? labels[order[first + tile * TILE + s]] : 0;
    for (int k = thread; k < CLASSES * FEATURES_2; k += 256) weight[k] = stage[k];
    wait_for_kernel_before();
    linear_affine<Linear2, FEATURES_2>(moments1, samples, stage1, mode1, tile == 0, affine);
    __syncthreads();
    activate_tile(before1, affine, tile, samples, after, x_hats);
    __syncthreads();

    float z[CLASSES];
    logits_of(after + s * FEATURES_2, weight, stage + Linear3::BIAS, z);
    const Score score = score_of(z, label, 1.0f / samples);
    if (lane < CLASS_STRIDE) {
        const float d = s < valid ? score.d : 0.0f;
        d_shared[s][lane] = d;
        if (s < valid) d_logits[static_cast<size_t>(tile * TILE + s) * CLASS_STRIDE + lane] = d;
    }
    if (lane == 0) {
        losses[s] = score.loss;
        corrects[s] = score.is_correct ? 1.0 : 0.0;
    }
    __syncthreads();
    if (thread == 0) {
        double loss = 0.0, correct = 0.0;
        for (int k = 0; k < valid; ++k) {
            loss += losses[k];
            correct += corrects[k];
        }
        outcomes[2 * (outcome + tile)] = loss;
        outcomes[2 * (outcome + tile) + 1] = correct;
    }
    for (int k = thread; k < TILE * FEATURES_2; k += 256) {
        const int at = k / FEATURES_2, feature = k % FEATURES_2;
        float back = 0.0f;
        for (int j = 0; j < CLASSES; ++j) back = fmaf(d_shared[at][j], weight[j * FEATURES_2 + feature], back);
        const float y = after[k];
        back *= y * (1.0f - y);
        d_z[k] = back;
        if (at < valid) {
            const size_t place = static_cast<size_t>(tile) * TILE * FEATURES_2 + k;
            d_normalized1[place] = back;
            after1[place] = y;
        }
    }
    __syncthreads();
    if (thread < FEATURES_2) {
        float2 all = make_float2(0.0f, 0.0f);
        for (int k = 0; k < TILE; ++k) {
            const float own = d_z[k * FEATURES_2 + thread];
            all.x += own;
            all.y = fmaf(own, x_hats[k * FEATURES_2 + thread], all.y);
        }
        sums1[tile * FEATURES_2 + thread] = all;
    }
}
