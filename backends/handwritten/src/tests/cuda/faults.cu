// Kernels that are wrong on purpose, and their right counterparts: what the emulator must
// see, and what it must let pass. They are in no library but the tests'.
#include "../../cuda/kernels/prelude.cuh"

// out[t] = t + 1, by way of the neighbour's shared value; without a barrier before it is read.
extern "C" __global__ void fault_missing_barrier(float* out) {
    __shared__ float values[64];
    values[threadIdx.x] = static_cast<float>(threadIdx.x);
    out[threadIdx.x] = values[(threadIdx.x + 1) % 64];
}

extern "C" __global__ void right_barrier(float* out) {
    __shared__ float values[64];
    values[threadIdx.x] = static_cast<float>(threadIdx.x);
    __syncthreads();
    out[threadIdx.x] = values[(threadIdx.x + 1) % 64];
}

// Shared memory that is read before anything was written there.
extern "C" __global__ void fault_uninitialised(float* out) {
    __shared__ float values[64];
    if (threadIdx.x < 32) values[threadIdx.x] = 0.0f;
    __syncthreads();
    out[threadIdx.x] = values[threadIdx.x];
}

extern "C" __global__ void fault_divergent_barrier(float* out) {
    if (threadIdx.x < 40) __syncthreads();
    out[threadIdx.x] = 1.0f;
}

extern "C" __global__ void fault_two_barriers(float* out) {
    if (threadIdx.x < 40) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    out[threadIdx.x] = 1.0f;
}

extern "C" __global__ void fault_half_a_warp(float* out) {
    float value = 1.0f;
    if (threadIdx.x % 32 < 16) value = __shfl_xor_sync(0xffffffffu, value, 1);
    out[threadIdx.x] = value;
}

// out[t] = the sum over the warp of its threads' numbers.
extern "C" __global__ void right_shuffle(float* out) {
    float sum = static_cast<float>(threadIdx.x);
    for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(0xffffffffu, sum, distance);
    out[threadIdx.x] = __shfl_sync(0xffffffffu, sum, 0);
}

// Half of a warp may meet where it says so; the other half has other work.
extern "C" __global__ void right_half_a_warp(float* out) {
    const unsigned lane = threadIdx.x % 32;
    float value = static_cast<float>(lane);
    if (lane < 16) value = __shfl_xor_sync(0x0000ffffu, value, 8);
    __syncthreads();
    out[threadIdx.x] = value;
}

// The bits of the warp's even lanes.
extern "C" __global__ void right_ballot(unsigned* out) {
    out[threadIdx.x] = __ballot_sync(0xffffffffu, threadIdx.x % 2 == 0);
}

// Which block is last depends on the order.
extern "C" __global__ void fault_blocks_race(float* out) { *out = static_cast<float>(blockIdx.x); }

extern "C" __global__ void fault_beyond_allocation(float* out, int count) {
    if (threadIdx.x == 0) out[count] = 1.0f;
}

extern "C" __global__ void fault_beyond_shared(float* out, int count) {
    DYNAMIC_SHARED(float, values);
    if (threadIdx.x == 0) values[count] = 1.0f;
    *out = 1.0f;
}

// out[b, t] = scale · number of the thread among all, by way of dynamic shared memory.
extern "C" __global__ void right_dynamic_shared(float* out, float scale) {
    DYNAMIC_SHARED(float, values);
    const unsigned threads = blockDim.x * blockDim.y;
    const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
    const unsigned block = blockIdx.y * gridDim.x + blockIdx.x;
    values[thread] = scale * static_cast<float>(block * threads + thread);
    __syncthreads();
    out[block * threads + threads - 1 - thread] = values[threads - 1 - thread];
}

// Kernels that begin before the kernel before them has ended.

extern "C" __global__ void right_first_kernel(float* out) { out[threadIdx.x] = threadIdx.x; }

extern "C" __global__ void right_wait(float* out) {
    const float own = threadIdx.x;
    wait_for_kernel_before();
    out[threadIdx.x] += own;
}

// Reads what the kernel before writes, without waiting.
extern "C" __global__ void fault_read_early(float* out) {
    const float own = out[threadIdx.x];
    wait_for_kernel_before();
    out[threadIdx.x] = 2.0f * own;
}

// Reads after it has waited, but a compiler may read earlier.
extern "C" __global__ void fault_restrict(const float* __restrict__ out) {
    wait_for_kernel_before();
    if (out[threadIdx.x] < 0.0f) __syncthreads();
}

// Writes while the kernel before may still need what was there.
extern "C" __global__ void fault_write_early(float* out) {
    out[threadIdx.x] = threadIdx.x;
    wait_for_kernel_before();
}

// Some threads end without waiting.
extern "C" __global__ void fault_some_wait(float* out) {
    if (threadIdx.x < 32) return;
    wait_for_kernel_before();
    out[threadIdx.x] += 1.0f;
}
