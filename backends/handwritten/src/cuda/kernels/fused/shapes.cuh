// The network that these kernels are written for, and where its values lie.
#pragma once

#include "../prelude.cuh"

namespace fused {

// LeNet: two convolution stages (5×5, batch norm or none, sigmoid, maximum of 2×2) and three
// linear ones, the last of which gives the logits.
constexpr int IMAGE = 28;
constexpr int KERNEL = 5;
constexpr int PLACES = KERNEL * KERNEL;

constexpr int CHANNELS_1 = 6;
constexpr int SIDE_1 = 24;              // before pooling
constexpr int AREA_1 = SIDE_1 * SIDE_1;
constexpr int POOLED_1 = SIDE_1 / 2;    // side after pooling
constexpr int WINDOWS_1 = POOLED_1 * POOLED_1;

constexpr int CHANNELS_2 = 16;
constexpr int SIDE_2 = 8;
constexpr int AREA_2 = SIDE_2 * SIDE_2;
constexpr int POOLED_2 = SIDE_2 / 2;
constexpr int WINDOWS_2 = POOLED_2 * POOLED_2;

constexpr int FEATURES_0 = CHANNELS_2 * WINDOWS_2;  // what the first linear stage sees
constexpr int FEATURES_1 = 120;
constexpr int FEATURES_2 = 84;
constexpr int CLASSES = 10;
constexpr int CLASS_STRIDE = 12;        // floats of a row of ∂L/∂logits, whole float4s

// Samples that a block of a linear stage takes.
constexpr int TILE = 8;

constexpr int WARP = 32;

constexpr int whole_float4s(int count) { return (count + 3) / 4 * 4; }

// Where a stage's values lie in its memory, in floats. src/cuda/fused/plan.rs knows the same.
template <int OUTPUTS, int INPUTS>
struct Stage {
    static constexpr int WEIGHTS = OUTPUTS * INPUTS;
    static constexpr int ROW = whole_float4s(OUTPUTS);
    static constexpr int BIAS = whole_float4s(WEIGHTS);
    static constexpr int GAMMA = BIAS + ROW;
    static constexpr int BETA = GAMMA + ROW;
    static constexpr int MEAN = BETA + ROW;      // running
    static constexpr int VARIANCE = MEAN + ROW;  // running
    static constexpr int EPSILON = VARIANCE + ROW;
    static constexpr int MOMENTUM = EPSILON + 1;
    static constexpr int AFFINE = EPSILON + 4;   // a float4 per output, see normalization.cuh
};

using Convolution1 = Stage<CHANNELS_1, PLACES>;
using Convolution2 = Stage<CHANNELS_2, CHANNELS_1 * PLACES>;
using Linear1 = Stage<FEATURES_1, FEATURES_0>;
using Linear2 = Stage<FEATURES_2, FEATURES_1>;
using Linear3 = Stage<CLASSES, FEATURES_2>;

// Sums of a sample's share of a convolution's weight gradient: weights, biases, whole float4s.
constexpr int GRADIENTS_1 = 156;
constexpr int GRADIENTS_2 = 2416;
static_assert(GRADIENTS_1 == whole_float4s(Convolution1::WEIGHTS + CHANNELS_1), "weights and biases");
static_assert(GRADIENTS_2 == whole_float4s(Convolution2::WEIGHTS + CHANNELS_2), "weights and biases");

// Which of a block's samples a thread works on, where each has THREADS threads.
template <int SAMPLES, int THREADS>
__device__ __forceinline__ int turn_of_thread() {
    return SAMPLES == 1 ? 0 : threadIdx.x / THREADS;
}

}  // namespace fused
