// Activations, value by value. Their derivatives are written with the output y.

#include <math.h>

#include "operation.h"

// Input and output have the same values.
static size_t values(const struct node *node, size_t samples) { return shape_size(node->layer->input) * samples; }

// y = 1/(1 + e⁻ˣ)
static void sigmoid_forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  const size_t count = values(node, samples);
  for (size_t n = 0; n < count; n++) y[n] = 1.0f / (1.0f + expf(-x[n]));
}

// dx = dy·y·(1 − y)
static void sigmoid_backward(const struct node *node, const struct backward *pass) {
  const size_t count = pass->dx ? values(node, pass->samples) : 0;
  for (size_t n = 0; n < count; n++) pass->dx[n] = pass->dy[n] * pass->y[n] * (1.0f - pass->y[n]);
}

// y = max(x, 0)
static void relu_forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  const size_t count = values(node, samples);
  for (size_t n = 0; n < count; n++) y[n] = x[n] > 0.0f ? x[n] : 0.0f;
}

// dx = dy where x > 0, else 0: also at 0
static void relu_backward(const struct node *node, const struct backward *pass) {
  const size_t count = pass->dx ? values(node, pass->samples) : 0;
  for (size_t n = 0; n < count; n++) pass->dx[n] = pass->x[n] > 0.0f ? pass->dy[n] : 0.0f;
}

// y = tanh x
static void tangent_forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  (void)is_training;
  const size_t count = values(node, samples);
  for (size_t n = 0; n < count; n++) y[n] = tanhf(x[n]);
}

// dx = dy·(1 − y²)
static void tangent_backward(const struct node *node, const struct backward *pass) {
  const size_t count = pass->dx ? values(node, pass->samples) : 0;
  for (size_t n = 0; n < count; n++) pass->dx[n] = pass->dy[n] * (1.0f - pass->y[n] * pass->y[n]);
}

const struct operation sigmoid = {.kind = TM_SIGMOID, .forward = sigmoid_forward, .backward = sigmoid_backward};
const struct operation relu = {.kind = TM_RELU, .forward = relu_forward, .backward = relu_backward};
const struct operation tangent = {.kind = TM_TANH, .forward = tangent_forward, .backward = tangent_backward};
