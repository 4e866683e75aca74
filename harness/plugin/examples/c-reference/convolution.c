// Two-dimensional convolution, as deep learning has it: cross-correlation with a
// square kernel. Output position (i, j) sees, under tap (u, v) of the kernel, the
// input at row s·i + u − p and column s·j + v − p, with stride s and padding p; what
// lies outside of the image is 0.

#include <string.h>

#include "operation.h"
#include "rows.h"

// A tap at one output position: which value of an output channel's kernel lies on
// which feature of the input.
struct tap {
  size_t weight, input;
};

static size_t taps_per_position(const struct layer *layer) {
  return layer->input.channels * layer->options.window * layer->options.window;
}

static size_t own_size(const struct layer *layer) { return taps_per_position(layer) * sizeof(struct tap); }

// Writes the taps of output position (i, j) that lie inside the image; answers how many.
static size_t find_taps(const struct layer *layer, size_t position, struct tap *taps) {
  const struct shape in = layer->input;
  const size_t k = layer->options.window, stride = layer->options.stride, padding = layer->options.padding;
  const size_t top = position / layer->output.width * stride, left = position % layer->output.width * stride;
  size_t count = 0;
  for (size_t c = 0; c < in.channels; c++)
    for (size_t u = 0; u < k; u++)
      for (size_t v = 0; v < k; v++) {
        // Row and column in the padded image, since sizes cannot be negative.
        const size_t row = top + u, column = left + v;
        if (row < padding || row - padding >= in.height || column < padding || column - padding >= in.width) continue;
        const size_t input = (c * in.height + row - padding) * in.width + column - padding;
        taps[count++] = (struct tap){.weight = (c * k + u) * k + v, .input = input};
      }
  return count;
}

// y(o, i, j) = b(o) + Σ_taps w(o, tap)·x(tap)
static void forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  const struct shape out = node->layer->output;
  const size_t positions = out.height * out.width, kernel = taps_per_position(node->layer);
  const float *weight = node->parameters[0], *bias = node->parameters[1];
  struct tap *taps = node->own;
  for (size_t position = 0; position < positions; position++) {
    const size_t count = find_taps(node->layer, position, taps);
    for (size_t o = 0; o < out.channels; o++) {
      float *row = y + (o * positions + position) * samples;
      for (size_t n = 0; n < samples; n++) row[n] = bias ? bias[o] : 0.0f;
      for (size_t t = 0; t < count; t++)
        add_scaled(row, weight[o * kernel + taps[t].weight], x + taps[t].input * samples, samples);
    }
  }
}

// Without a bias b(o) = 0, and its memory is null. With sums over the samples n and the positions (i, j) at which a tap is inside:
//
//     dw(o, tap) = Σ_n,i,j dy(o, i, j)·x(tap)     db(o) = Σ_n,i,j dy(o, i, j)
//     dx(tap) = Σ_o,i,j w(o, tap)·dy(o, i, j)
static void backward(const struct node *node, const struct backward *pass) {
  const struct shape in = node->layer->input, out = node->layer->output;
  const size_t positions = out.height * out.width, kernel = taps_per_position(node->layer);
  const size_t samples = pass->samples;
  const float *weight = node->parameters[0];
  double *weight_gradient = node->gradients[0], *bias_gradient = node->gradients[1];
  struct tap *taps = node->own;
  memset(weight_gradient, 0, out.channels * kernel * sizeof *weight_gradient);
  if (bias_gradient) memset(bias_gradient, 0, out.channels * sizeof *bias_gradient);
  if (pass->dx) memset(pass->dx, 0, shape_size(in) * samples * sizeof *pass->dx);
  for (size_t position = 0; position < positions; position++) {
    const size_t count = find_taps(node->layer, position, taps);
    for (size_t o = 0; o < out.channels; o++) {
      const float *dy = pass->dy + (o * positions + position) * samples;
      if (bias_gradient) bias_gradient[o] += row_sum(dy, samples);
      for (size_t t = 0; t < count; t++)
        weight_gradient[o * kernel + taps[t].weight] += dot(dy, pass->x + taps[t].input * samples, samples);
    }
    if (!pass->dx) continue;
    for (size_t t = 0; t < count; t++)
      for (size_t o = 0; o < out.channels; o++)
        add_scaled(pass->dx + taps[t].input * samples, weight[o * kernel + taps[t].weight],
                   pass->dy + (o * positions + position) * samples, samples);
  }
}

const struct operation convolution = {
    .kind = TM_CONV2D, .own_size = own_size, .forward = forward, .backward = backward};
