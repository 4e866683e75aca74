// Activation functions, applied to every value on its own: out = f(in), and
// ∂L/∂in = ∂L/∂out · f′(in), with f′ written in terms of y = f(in).
#include "grid.cuh"

// f = 1/(1 + e⁻ˣ)
extern "C" __global__ void sigmoid_forward(const float* in, float* out, int count) {
    const int k = grid::thread_number();
    if (k < count) out[k] = 1.0f / (1.0f + expf(-in[k]));
}

// f′ = y·(1 − y)
extern "C" __global__ void sigmoid_backward(const float* out, const float* d_out, float* d_in, int count) {
    const int k = grid::thread_number();
    if (k < count) d_in[k] = d_out[k] * (out[k] * (1.0f - out[k]));
}

// f = x where x > 0, else 0; not a number stays none.
extern "C" __global__ void relu_forward(const float* in, float* out, int count) {
    const int k = grid::thread_number();
    if (k < count) out[k] = in[k] <= 0.0f ? 0.0f : in[k];
}

// f′ = 1 where y > 0, else 0
extern "C" __global__ void relu_backward(const float* out, const float* d_out, float* d_in, int count) {
    const int k = grid::thread_number();
    if (k < count) d_in[k] = out[k] > 0.0f ? d_out[k] : 0.0f;
}

// f = tanh x
extern "C" __global__ void tanh_forward(const float* in, float* out, int count) {
    const int k = grid::thread_number();
    if (k < count) out[k] = tanhf(in[k]);
}

// f′ = 1 − y²
extern "C" __global__ void tanh_backward(const float* out, const float* d_out, float* d_in, int count) {
    const int k = grid::thread_number();
    if (k < count) d_in[k] = d_out[k] * (1.0f - out[k] * out[k]);
}
