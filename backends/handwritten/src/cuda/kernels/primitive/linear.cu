// The linear (fully connected) layer. The gradient of its bias is a convolution's.
#include "grid.cuh"

// out[s, o] = bias[o] + Σᵢ weight[o, i] · in[s, i]
extern "C" __global__ void linear_forward(const float* weight, const float* bias, const float* in, float* out,
                                          int batch, int inputs, int outputs) {
    const int value = grid::thread_number();
    if (value >= batch * outputs) return;
    const int o = value % outputs;
    const int s = value / outputs;
    float sum = bias[o];
    for (int i = 0; i < inputs; ++i) sum += weight[o * inputs + i] * in[s * inputs + i];
    out[value] = sum;
}

// ∂L/∂in[s, i] = Σₒ weight[o, i] · ∂L/∂out[s, o]
extern "C" __global__ void linear_input_gradient(const float* weight, const float* d_out, float* d_in, int batch,
                                                 int inputs, int outputs) {
    const int value = grid::thread_number();
    if (value >= batch * inputs) return;
    const int i = value % inputs;
    const int s = value / inputs;
    float sum = 0.0f;
    for (int o = 0; o < outputs; ++o) sum += weight[o * inputs + i] * d_out[s * outputs + o];
    d_in[value] = sum;
}

// ∂L/∂weight[o, i] = Σₛ ∂L/∂out[s, o] · in[s, i]
extern "C" __global__ void linear_weight_gradient(const float* in, const float* d_out, float* d_weight, int batch,
                                                  int inputs, int outputs) {
    const int value = grid::thread_number();
    if (value >= outputs * inputs) return;
    const int i = value % inputs;
    const int o = value / inputs;
    float sum = 0.0f;
    for (int s = 0; s < batch; ++s) sum += d_out[s * outputs + o] * in[s * inputs + i];
    d_weight[value] = sum;
}
