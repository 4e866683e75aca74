// A sum that the threads of a block share, always in the same order.
#pragma once
#include "../prelude.cuh"

namespace block_sum {

// Threads of each block that adds up.
constexpr int THREADS = 256;

// Σ of `value` over the block's threads, for each of them: neighbours at half the distance
// are added until one is left. In float64, since a float32 sum of many values that cancel,
// such as a mean's, would lose the digits that matter. All threads must call it.
__device__ inline double over_threads(double* sums, double value) {
    const int thread = static_cast<int>(threadIdx.x);
    __syncthreads();  // Everybody has read the sum before.
    sums[thread] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (thread < half) sums[thread] += sums[thread + half];
        __syncthreads();
    }
    return sums[0];
}

}  // namespace block_sum
