// Nearest-neighbour resize from (H, W) to (h, w): out[r, c] = in[⌊r·H/h⌋, ⌊c·W/w⌋].
#include "grid.cuh"

namespace resize {

// The first output along an axis that copies input `at` or a later one: ⌈at·outputs/inputs⌉.
__device__ inline int first_copy(int at, int inputs, int outputs) { return (at * outputs + inputs - 1) / inputs; }

}  // namespace resize

extern "C" __global__ void resize_forward(const float* in, float* out, int planes, int in_height, int in_width,
                                          int out_height, int out_width) {
    const int value = grid::thread_number();
    if (value >= planes * out_height * out_width) return;
    const int c = value % out_width;
    const int r = value / out_width % out_height;
    const int plane = value / (out_width * out_height);
    const int y = r * in_height / out_height;
    const int x = c * in_width / out_width;
    out[value] = in[(plane * in_height + y) * in_width + x];
}

// ∂L/∂in[y, x] = Σ of ∂L/∂out over the outputs that copy this input; these are neighbours.
extern "C" __global__ void resize_backward(const float* d_out, float* d_in, int planes, int in_height,
                                           int in_width, int out_height, int out_width) {
    const int value = grid::thread_number();
    if (value >= planes * in_height * in_width) return;
    const int x = value % in_width;
    const int y = value / in_width % in_height;
    const int plane = value / (in_width * in_height);
    const int last_row = resize::first_copy(y + 1, in_height, out_height);
    const int last_column = resize::first_copy(x + 1, in_width, out_width);
    float sum = 0.0f;
    for (int r = resize::first_copy(y, in_height, out_height); r < last_row; ++r) {
        for (int c = resize::first_copy(x, in_width, out_width); c < last_column; ++c) {
            sum += d_out[(plane * out_height + r) * out_width + c];
        }
    }
    d_in[value] = sum;
}
