// 2-D convolution, which is a cross-correlation, as in every framework.
//
// Input and output are linked by y = r·stride + u − padding and x = c·stride + v − padding;
// links outside the input, which would multiply a zero of the padding, are left out.
#include "block_sum.cuh"
#include "grid.cuh"

// out[s, o, r, c] = bias[o] + Σᵢ Σᵤ Σᵥ weight[o, i, u, v] · in[s, i, y, x]
extern "C" __global__ void convolution_forward(const float* weight, const float* bias, const float* in, float* out,
                                               int batch, int in_channels, int in_height, int in_width,
                                               int out_channels, int out_height, int out_width, int kernel,
                                               int stride, int padding) {
    const int value = grid::thread_number();
    if (value >= batch * out_channels * out_height * out_width) return;
    const int c = value % out_width;
    const int r = value / out_width % out_height;
    const int o = value / (out_width * out_height) % out_channels;
    const int s = value / (out_width * out_height * out_channels);
    float sum = bias[o];
    for (int i = 0; i < in_channels; ++i) {
        for (int u = 0; u < kernel; ++u) {
            const int y = r * stride + u - padding;
            if (y < 0 || y >= in_height) continue;
            for (int v = 0; v < kernel; ++v) {
                const int x = c * stride + v - padding;
                if (x < 0 || x >= in_width) continue;
                sum += weight[((o * in_channels + i) * kernel + u) * kernel + v] *
                       in[((s * in_channels + i) * in_height + y) * in_width + x];
            }
        }
    }
    out[value] = sum;
}

// ∂L/∂in[s, i, y, x] = Σₒ Σᵤ Σᵥ weight[o, i, u, v] · ∂L/∂out[s, o, r, c]
//
// with r = (y + padding − u)/stride and c = (x + padding − v)/stride, where these are whole
// numbers and inside the output.
extern "C" __global__ void convolution_input_gradient(const float* weight, const float* d_out, float* d_in,
                                                      int batch, int in_channels, int in_height, int in_width,
                                                      int out_channels, int out_height, int out_width, int kernel,
                                                      int stride, int padding) {
    const int value = grid::thread_number();
    if (value >= batch * in_channels * in_height * in_width) return;
    const int x = value % in_width;
    const int y = value / in_width % in_height;
    const int i = value / (in_width * in_height) % in_channels;
    const int s = value / (in_width * in_height * in_channels);
    float sum = 0.0f;
    for (int o = 0; o < out_channels; ++o) {
        for (int u = 0; u < kernel; ++u) {
            const int from_row = y + padding - u;
            if (from_row < 0 || from_row % stride != 0 || from_row / stride >= out_height) continue;
            for (int v = 0; v < kernel; ++v) {
                const int from_column = x + padding - v;
                if (from_column < 0 || from_column % stride != 0 || from_column / stride >= out_width) continue;
                const int r = from_row / stride;
                const int c = from_column / stride;
                sum += weight[((o * in_channels + i) * kernel + u) * kernel + v] *
                       d_out[((s * out_channels + o) * out_height + r) * out_width + c];
            }
        }
    }
    d_in[value] = sum;
}

// ∂L/∂weight[o, i, u, v] = Σₛ Σᵣ Σ꜀ ∂L/∂out[s, o, r, c] · in[s, i, y, x], a block for each.
extern "C" __global__ void convolution_weight_gradient(const float* in, const float* d_out, float* d_weight,
                                                       int batch, int in_channels, int in_height, int in_width,
                                                       int out_channels, int out_height, int out_width,
                                                       int kernel, int stride, int padding) {
    __shared__ double sums[block_sum::THREADS];
    const int weight = static_cast<int>(blockIdx.x);
    const int v = weight % kernel;
    const int u = weight / kernel % kernel;
    const int i = weight / (kernel * kernel) % in_channels;
    const int o = weight / (kernel * kernel * in_channels);
    float sum = 0.0f;
    for (int term = static_cast<int>(threadIdx.x); term < batch * out_height * out_width;
         term += block_sum::THREADS) {
        const int c = term % out_width;
        const int r = term / out_width % out_height;
        const int s = term / (out_width * out_height);
        const int y = r * stride + u - padding;
        const int x = c * stride + v - padding;
        if (y < 0 || y >= in_height || x < 0 || x >= in_width) continue;
        sum += d_out[((s * out_channels + o) * out_height + r) * out_width + c] *
               in[((s * in_channels + i) * in_height + y) * in_width + x];
    }
    const double total = block_sum::over_threads(sums, sum);
    if (threadIdx.x == 0) d_weight[weight] = static_cast<float>(total);
}

// ∂L/∂bias[o] = Σₛ Σₖ ∂L/∂out[s, o, k], a block for each; of a linear layer too, whose
// features are channels of one unit.
extern "C" __global__ void bias_gradient(const float* d_out, float* d_bias, int batch, int channels, int area) {
    __shared__ double sums[block_sum::THREADS];
    const int o = static_cast<int>(blockIdx.x);
    double sum = 0.0;
    for (int term = static_cast<int>(threadIdx.x); term < batch * area; term += block_sum::THREADS) {
        const int k = term % area;
        const int s = term / area;
        sum += d_out[(s * channels + o) * area + k];
    }
    const double total = block_sum::over_threads(sums, sum);
    if (threadIdx.x == 0) d_bias[o] = static_cast<float>(total);
}
