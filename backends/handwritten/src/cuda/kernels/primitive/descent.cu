// Plain stochastic gradient descent.
#include "grid.cuh"

// w ← w − rate · ∂L/∂w, for all parameters at once. Running statistics lie among them, and
// have a gradient of 0.
extern "C" __global__ void descend(float* w, const float* d_w, int count, float rate) {
    const int k = grid::thread_number();
    if (k < count) w[k] -= rate * d_w[k];
}
