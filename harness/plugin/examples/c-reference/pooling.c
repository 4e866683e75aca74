// Pooling over square windows without padding. Windows overlap where the stride is
// smaller than the window, and leave out values at the edge that no window reaches.

#include <string.h>

#include "operation.h"

// Feature of the input at (u, v) in the window of output feature `output`.
static size_t in_window(const struct layer *layer, size_t output, size_t u, size_t v) {
  const struct shape in = layer->input, out = layer->output;
  const size_t column = output % out.width, row = output / out.width % out.height;
  const size_t channel = output / out.width / out.height, stride = layer->options.stride;
  return (channel * in.height + row * stride + u) * in.width + column * stride + v;
}

// y = max over the window
static void max_forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  const size_t outputs = shape_size(node->layer->output), window = node->layer->options.window;
  for (size_t output = 0; output < outputs; output++) {
    float *row = y + output * samples;
    memcpy(row, x + in_window(node->layer, output, 0, 0) * samples, samples * sizeof *row);
    for (size_t u = 0; u < window; u++)
      for (size_t v = 0; v < window; v++) {
        const float *value = x + in_window(node->layer, output, u, v) * samples;
        for (size_t n = 0; n < samples; n++) row[n] = value[n] > row[n] ? value[n] : row[n];
      }
  }
}

// Feature of the input that gave sample n its maximum: the first of equal ones, in
// row-major order. Flat backgrounds make ties common.
static size_t first_maximum(const struct layer *layer, const float *x, float maximum, size_t output, size_t n,
                            size_t samples) {
  const size_t window = layer->options.window;
  for (size_t u = 0; u < window; u++)
    for (size_t v = 0; v < window; v++) {
      const size_t input = in_window(layer, output, u, v);
      if (x[input * samples + n] == maximum) return input;
    }
  return in_window(layer, output, 0, 0);  // the first value is not a number
}

// dx(first maximum) += dy
static void max_backward(const struct node *node, const struct backward *pass) {
  if (!pass->dx) return;
  const size_t outputs = shape_size(node->layer->output), samples = pass->samples;
  memset(pass->dx, 0, shape_size(node->layer->input) * samples * sizeof *pass->dx);
  for (size_t output = 0; output < outputs; output++)
    for (size_t n = 0; n < samples; n++) {
      const size_t place = output * samples + n;
      const size_t input = first_maximum(node->layer, pass->x, pass->y[place], output, n, samples);
      pass->dx[input * samples + n] += pass->dy[place];
    }
}

// y = Σ over the window / window²
static void avg_forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  const size_t outputs = shape_size(node->layer->output), window = node->layer->options.window;
  const float share = 1.0f / (float)(window * window);
  memset(y, 0, outputs * samples * sizeof *y);
  for (size_t output = 0; output < outputs; output++)
    for (size_t u = 0; u < window; u++)
      for (size_t v = 0; v < window; v++) {
        const float *value = x + in_window(node->layer, output, u, v) * samples;
        for (size_t n = 0; n < samples; n++) y[output * samples + n] += share * value[n];
      }
}

// dx += dy / window² for each value in the window
static void avg_backward(const struct node *node, const struct backward *pass) {
  if (!pass->dx) return;
  const size_t outputs = shape_size(node->layer->output), window = node->layer->options.window;
  const size_t samples = pass->samples;
  const float share = 1.0f / (float)(window * window);
  memset(pass->dx, 0, shape_size(node->layer->input) * samples * sizeof *pass->dx);
  for (size_t output = 0; output < outputs; output++)
    for (size_t u = 0; u < window; u++)
      for (size_t v = 0; v < window; v++) {
        float *gradient = pass->dx + in_window(node->layer, output, u, v) * samples;
        for (size_t n = 0; n < samples; n++) gradient[n] += share * pass->dy[output * samples + n];
      }
}

const struct operation max_pooling = {.kind = TM_MAX_POOL2D, .forward = max_forward, .backward = max_backward};
const struct operation avg_pooling = {.kind = TM_AVG_POOL2D, .forward = avg_forward, .backward = avg_backward};
