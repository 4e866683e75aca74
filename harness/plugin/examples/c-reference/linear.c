// A linear layer: its input and output are vectors.

#include <string.h>

#include "operation.h"
#include "rows.h"

// y(o) = b(o) + Σ_f w(o, f)·x(f)
static void forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  const size_t inputs = node->layer->input.channels, outputs = node->layer->output.channels;
  const float *weight = node->parameters[0], *bias = node->parameters[1];
  for (size_t o = 0; o < outputs; o++) {
    float *row = y + o * samples;
    for (size_t n = 0; n < samples; n++) row[n] = bias ? bias[o] : 0.0f;
    for (size_t f = 0; f < inputs; f++) add_scaled(row, weight[o * inputs + f], x + f * samples, samples);
  }
}

// Without a bias b(o) = 0, and its memory is null. With sums over the samples n of the batch:
//
//     dw(o, f) = Σ_n dy(o)·x(f)     db(o) = Σ_n dy(o)     dx(f) = Σ_o w(o, f)·dy(o)
static void backward(const struct node *node, const struct backward *pass) {
  const size_t inputs = node->layer->input.channels, outputs = node->layer->output.channels;
  const size_t samples = pass->samples;
  for (size_t o = 0; o < outputs; o++) {
    const float *dy = pass->dy + o * samples;
    for (size_t f = 0; f < inputs; f++)
      node->gradients[0][o * inputs + f] = dot(dy, pass->x + f * samples, samples);
    if (node->gradients[1]) node->gradients[1][o] = row_sum(dy, samples);
  }
  if (!pass->dx) return;
  const float *weight = node->parameters[0];
  memset(pass->dx, 0, inputs * samples * sizeof(float));
  for (size_t f = 0; f < inputs; f++)
    for (size_t o = 0; o < outputs; o++)
      add_scaled(pass->dx + f * samples, weight[o * inputs + f], pass->dy + o * samples, samples);
}

const struct operation linear = {.kind = TM_LINEAR, .forward = forward, .backward = backward};
