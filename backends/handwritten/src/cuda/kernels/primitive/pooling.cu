// Pooling over square windows; the input position is (r·stride + u, c·stride + v).
//
// `planes` are the channels of all samples, which are independent. A gradient is summed by
// the thread of its input, over the windows that hold it, so that none is written twice.
#include "grid.cuh"

namespace pooling {

// The windows along one axis that hold position `at`: first … last.
struct Windows {
    int first, last;
};

__device__ inline Windows over(int at, int outputs, int window, int stride) {
    const int first = at < window ? 0 : (at - window) / stride + 1;
    return {first, min(at / stride, outputs - 1)};
}

// Whether place (y, x) is the first of the largest of the window at (r, c), row-major.
__device__ inline bool is_first_maximum(const float* plane, float largest, int y, int x, int r, int c, int in_width,
                                        int window, int stride) {
    if (plane[y * in_width + x] != largest) return false;
    for (int row = r * stride; row <= y; ++row) {
        for (int column = c * stride; column < c * stride + window; ++column) {
            if (row == y && column == x) return true;
            if (plane[row * in_width + column] == largest) return false;
        }
    }
    return true;
}

}  // namespace pooling

// out[r, c] = maxᵤᵥ in[y, x]; not a number if any of them is.
extern "C" __global__ void max_pool_forward(const float* in, float* out, int planes, int in_height, int in_width,
                                            int out_height, int out_width, int window, int stride) {
    const int value = grid::thread_number();
    if (value >= planes * out_height * out_width) return;
    const int c = value % out_width;
    const int r = value / out_width % out_height;
    const float* plane = in + value / (out_width * out_height) * (in_height * in_width);
    float largest = plane[r * stride * in_width + c * stride];
    for (int u = 0; u < window; ++u) {
        for (int v = 0; v < window; ++v) {
            const float x = plane[(r * stride + u) * in_width + c * stride + v];
            if (x > largest || isnan(x)) largest = x;
        }
    }
    out[value] = largest;
}

// ∂L/∂in[y, x] = Σ of ∂L/∂out over the windows in which this input is the first maximum.
extern "C" __global__ void max_pool_backward(const float* in, const float* out, const float* d_out, float* d_in,
                                             int planes, int in_height, int in_width, int out_height,
                                             int out_width, int window, int stride) {
    const int value = grid::thread_number();
    if (value >= planes * in_height * in_width) return;
    const int x = value % in_width;
    const int y = value / in_width % in_height;
    const int number = value / (in_width * in_height);
    const float* plane = in + number * (in_height * in_width);
    const pooling::Windows rows = pooling::over(y, out_height, window, stride);
    const pooling::Windows columns = pooling::over(x, out_width, window, stride);
    float sum = 0.0f;
    for (int r = rows.first; r <= rows.last; ++r) {
        for (int c = columns.first; c <= columns.last; ++c) {
            const int k = (number * out_height + r) * out_width + c;
            if (pooling::is_first_maximum(plane, out[k], y, x, r, c, in_width, window, stride)) sum += d_out[k];
        }
    }
    d_in[value] = sum;
}

// out[r, c] = 1/window² · Σᵤᵥ in[y, x]
extern "C" __global__ void average_pool_forward(const float* in, float* out, int planes, int in_height,
                                                int in_width, int out_height, int out_width, int window,
                                                int stride) {
    const int value = grid::thread_number();
    if (value >= planes * out_height * out_width) return;
    const int c = value % out_width;
    const int r = value / out_width % out_height;
    const float* plane = in + value / (out_width * out_height) * (in_height * in_width);
    float sum = 0.0f;
    for (int u = 0; u < window; ++u) {
        for (int v = 0; v < window; ++v) sum += plane[(r * stride + u) * in_width + c * stride + v];
    }
    out[value] = sum / static_cast<float>(window * window);
}

// ∂L/∂in[y, x] = 1/window² · Σ of ∂L/∂out over the windows that hold this input.
extern "C" __global__ void average_pool_backward(const float* d_out, float* d_in, int planes, int in_height,
                                                 int in_width, int out_height, int out_width, int window,
                                                 int stride) {
    const int value = grid::thread_number();
    if (value >= planes * in_height * in_width) return;
    const int x = value % in_width;
    const int y = value / in_width % in_height;
    const int number = value / (in_width * in_height);
    const pooling::Windows rows = pooling::over(y, out_height, window, stride);
    const pooling::Windows columns = pooling::over(x, out_width, window, stride);
    float sum = 0.0f;
    for (int r = rows.first; r <= rows.last; ++r) {
        for (int c = columns.first; c <= columns.last; ++c) sum += d_out[(number * out_height + r) * out_width + c];
    }
    d_in[value] = sum / static_cast<float>(window * window);
}
