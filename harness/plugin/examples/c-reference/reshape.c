// Layers that move values and compute nothing.

#include <string.h>

#include "operation.h"

// Features keep their order, so nothing is to be done but to hand them on.
static void flatten_forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  memcpy(y, x, shape_size(node->layer->input) * samples * sizeof *y);
}

static void flatten_backward(const struct node *node, const struct backward *pass) {
  if (pass->dx) memcpy(pass->dx, pass->dy, shape_size(node->layer->input) * pass->samples * sizeof *pass->dx);
}

// Nearest neighbour: out(c, i, j) = in(c, ⌊i·H/h⌋, ⌊j·W/w⌋). Answers the feature of the input.
static size_t nearest(const struct layer *layer, size_t output) {
  const struct shape in = layer->input, out = layer->output;
  const size_t column = output % out.width, row = output / out.width % out.height;
  const size_t channel = output / out.width / out.height;
  return (channel * in.height + row * in.height / out.height) * in.width + column * in.width / out.width;
}

static void resize_forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  const size_t outputs = shape_size(node->layer->output);
  for (size_t output = 0; output < outputs; output++)
    memcpy(y + output * samples, x + nearest(node->layer, output) * samples, samples * sizeof *y);
}

// Each input collects the gradients of the outputs that it was copied to.
static void resize_backward(const struct node *node, const struct backward *pass) {
  if (!pass->dx) return;
  const size_t outputs = shape_size(node->layer->output), samples = pass->samples;
  memset(pass->dx, 0, shape_size(node->layer->input) * samples * sizeof *pass->dx);
  for (size_t output = 0; output < outputs; output++) {
    float *gradient = pass->dx + nearest(node->layer, output) * samples;
    for (size_t n = 0; n < samples; n++) gradient[n] += pass->dy[output * samples + n];
  }
}

const struct operation flatten = {.kind = TM_FLATTEN, .forward = flatten_forward, .backward = flatten_backward};
const struct operation resize = {.kind = TM_RESIZE, .forward = resize_forward, .backward = resize_backward};
// What is added comes from elsewhere: the network adds it, as it does the gradients of what is read twice.
const struct operation add = {.kind = TM_ADD, .forward = flatten_forward, .backward = flatten_backward};
