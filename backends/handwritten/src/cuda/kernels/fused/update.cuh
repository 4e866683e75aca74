// Gradients of weights and biases, summed over the batch in a fixed order, and the descent
// along them: w ← w − rate·∂L/∂w. Blocks of 256 threads, where no other number is said.
#pragma once

#include "shapes.cuh"

namespace fused {

constexpr int UPDATE_WARPS = 8;

// Outputs of a linear stage that a block updates, by WARP inputs.
constexpr int UPDATE_OUTPUTS = 12;
// Floats of shared memory that `linear_update` needs.
constexpr int LINEAR_UPDATE_MEMORY = UPDATE_WARPS * UPDATE_OUTPUTS * (WARP + 1);

// How many blocks update a linear stage.
constexpr int linear_update_blocks(int outputs, int inputs) {
    return (outputs + UPDATE_OUTPUTS - 1) / UPDATE_OUTPUTS * ((inputs + WARP - 1) / WARP);
}

// w[o, i] −= rate · Σₛ d[s, o]·input[s, i] for UPDATE_OUTPUTS o by WARP i, and b[o] −= rate · Σₛ d[s, o].
//
// A lane has an input, a warp every eighth sample. Rows of `d` are STRIDE floats apart, with
// whole tiles of outputs.
template <class S, int OUTPUTS, int INPUTS, int STRIDE>
__device__ void linear_update(int block, const float* d, const float* input, int samples, float rate,
                              float* stage, float* memory) {
    constexpr int COLUMNS = (INPUTS + WARP - 1) / WARP;
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int first = block / COLUMNS * UPDATE_OUTPUTS, column = block % COLUMNS;
    const int i = column * WARP + lane;
    float sums[UPDATE_OUTPUTS] = {}, bias = 0.0f;
#pragma unroll 4
    for (int s = warp; s < samples; s += UPDATE_WARPS) {
        const float x = i < INPUTS ? input[static_cast<size_t>(s) * INPUTS + i] : 0.0f;
        const float* row = d + static_cast<size_t>(s) * STRIDE + first;
#pragma unroll
        for (int quarter = 0; quarter < UPDATE_OUTPUTS / 4; ++quarter) {
            const float4 four = reinterpret_cast<const float4*>(row)[quarter];
            sums[4 * quarter] = fmaf(four.x, x, sums[4 * quarter]);
            sums[4 * quarter + 1] = fmaf(four.y, x, sums[4 * quarter + 1]);
            sums[4 * quarter + 2] = fmaf(four.z, x, sums[4 * quarter + 2]);
            sums[4 * quarter + 3] = fmaf(four.w, x, sums[4 * quarter + 3]);
        }
        if (lane < UPDATE_OUTPUTS) bias += row[lane];
    }
    float* biases = memory + UPDATE_WARPS * UPDATE_OUTPUTS * WARP;
#pragma unroll
    for (int k = 0; k < UPDATE_OUTPUTS; ++k) memory[(warp * UPDATE_OUTPUTS + k) * WARP + lane] = sums[k];
    if (lane < UPDATE_OUTPUTS) biases[warp * UPDATE_OUTPUTS + lane] = bias;
    __syncthreads();
    for (int e = threadIdx.x; e < UPDATE_OUTPUTS * WARP; e += UPDATE_WARPS * WARP) {
        float sum = 0.0f;
        for (int part = 0; part < UPDATE_WARPS; ++part) sum += memory[part * UPDATE_OUTPUTS * WARP + e];
        const int o = first + e / WARP, at = column * WARP + e % WARP;
        if (o < OUTPUTS && at < INPUTS) stage[o * INPUTS + at] -= rate * sum;
    }
    const int o = first + static_cast<int>(threadIdx.x);
    if (column == 0 && threadIdx.x < UPDATE_OUTPUTS && o < OUTPUTS) {
        float sum = 0.0f;
        for (int part = 0; part < UPDATE_WARPS; ++part) sum += biases[part * UPDATE_OUTPUTS + threadIdx.x];
        stage[S::BIAS + o] -= rate * sum;
    }
}

// How many blocks update a convolution stage.
constexpr int convolution_update_blocks(int gradients) { return (gradients + WARP - 1) / WARP; }

// Descends along the sum of value k of a convolution stage: weights first, then biases.
template <class S, int OUTPUTS>
__device__ __forceinline__ void descend_convolution(float* stage, int k, float step) {
    if (k < S::WEIGHTS) {
        stage[k] -= step;
    } else if (k < S::WEIGHTS + OUTPUTS) {
        stage[S::BIAS + k - S::WEIGHTS] -= step;
    }
}

// Sums the shares `shares[part·GRADIENTS + k]` of all parts of the batch, and descends. A lane has
// a value, each of WARPS warps every WARPS-th part. `memory` is a float per thread.
template <class S, int OUTPUTS, int GRADIENTS, int WARPS>
__device__ void convolution_update(int block, const float* shares, int parts, float rate, float* stage,
                                   float* memory) {
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int k = block * WARP + lane;
    float sum = 0.0f;
    if (k < GRADIENTS) {
#pragma unroll 8
        for (int p = warp; p < parts; p += WARPS) sum += shares[static_cast<size_t>(p) * GRADIENTS + k];
    }
    memory[threadIdx.x] = sum;
    __syncthreads();
    if (warp != 0) return;
    sum = 0.0f;
    for (int part = 0; part < WARPS; ++part) sum += memory[part * WARP + lane];
    descend_convolution<S, OUTPUTS>(stage, k, rate * sum);
}

// Whether this is the last of so many blocks to come here, with all that they have written to
// be seen. `finished` counts them, and is 0 again behind the last.
__device__ __forceinline__ bool is_last_block(unsigned* finished, int blocks, bool* is_last) {
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        *is_last = atomicAdd(finished, 1u) == static_cast<unsigned>(blocks) - 1;
        if (*is_last) *finished = 0;
    }
    __syncthreads();
    __threadfence();
    return *is_last;
}

// The same update by one block of THREADS: a thread has four values of every SLICES-th part.
// Other blocks of the kernel have written `shares`. `memory` is four floats per thread.
template <class S, int OUTPUTS, int GRADIENTS, int THREADS>
__device__ void convolution_update_at_once(const float* shares, int parts, float rate, float* stage,
                                           float4* memory) {
    constexpr int COLUMNS = GRADIENTS / 4, SLICES = THREADS / COLUMNS;
    static_assert(GRADIENTS <= THREADS && SLICES > 0, "a thread per value, and all values in a slice");
    const int thread = threadIdx.x, column = thread % COLUMNS, slice = thread / COLUMNS;
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (slice < SLICES) {
        const float4* own = reinterpret_cast<const float4*>(shares) + column;
#pragma unroll 8
        for (int p = slice; p < parts; p += SLICES) {
            // Not from the first-level cache, which does not see other blocks' writes.
            const float4 four = __ldcg(own + static_cast<size_t>(p) * COLUMNS);
            sum = make_float4(sum.x + four.x, sum.y + four.y, sum.z + four.z, sum.w + four.w);
        }
    }
    memory[thread] = sum;
    __syncthreads();
    if (thread >= GRADIENTS) return;
    float all = 0.0f;
    for (int k = 0; k < SLICES; ++k) all += reinterpret_cast<const float*>(memory + k * COLUMNS)[thread];
    descend_convolution<S, OUTPUTS>(stage, thread, rate * all);
}

}  // namespace fused
