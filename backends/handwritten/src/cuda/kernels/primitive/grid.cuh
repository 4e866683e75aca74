// Which value a thread is for.
#pragma once
#include "../prelude.cuh"

namespace grid {

// The number of this thread among all of a one-dimensional grid.
__device__ inline int thread_number() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }

}  // namespace grid
