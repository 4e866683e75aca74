// Batch normalisation (Ioffe and Szegedy, 2015). For every channel, over its m values
// (samples·height·width of an image, samples of a vector):
//
//     training:    μ = Σx/m     σ² = Σ(x − μ)²/m     x̂ = (x − μ)/√(σ² + ε)     y = γ·x̂ + β
//     prediction:  the same with the running mean and variance for μ and σ²
//
//     running mean     ← (1 − momentum)·running mean     + momentum·μ
//     running variance ← (1 − momentum)·running variance + momentum·σ²·correction
//
// where the correction is 1 (biased, as in the d2l.ai chapter) or m/(m − 1) (unbiased,
// as in the frameworks; 1 where m = 1).

#include <math.h>

#include "operation.h"
#include "rows.h"

// What a forward pass leaves for the backward pass.
struct statistics {
  double mean, inverse_deviation;  // μ and 1/√(σ² + ε)
};

static size_t own_size(const struct layer *layer) { return layer->input.channels * sizeof(struct statistics); }

// All values of a channel lie together.
static size_t values_per_channel(const struct node *node, size_t samples) {
  return node->layer->input.height * node->layer->input.width * samples;
}

// μ and σ² of a channel, in two passes: Σx² − m·μ² would cancel.
static void measure(const float *x, size_t count, double *mean, double *variance) {
  const double m = (double)count;
  *mean = row_sum(x, count) / m;
  double squares = 0.0;
  for (size_t n = 0; n < count; n++) {
    const double distance = (double)x[n] - *mean;
    squares += distance * distance;
  }
  *variance = squares / m;
}

static void update_running(const struct node *node, size_t channel, size_t count, double mean, double variance) {
  const double momentum = node->layer->options.momentum;
  const double correction = node->is_unbiased && count > 1 ? (double)count / (double)(count - 1) : 1.0;
  float *running_mean = &node->parameters[2][channel], *running_variance = &node->parameters[3][channel];
  *running_mean = (float)((1.0 - momentum) * (double)*running_mean + momentum * mean);
  *running_variance = (float)((1.0 - momentum) * (double)*running_variance + momentum * variance * correction);
}

static void forward(const struct node *node, const float *x, float *y, size_t samples, bool is_training) {
  const float *gamma = node->parameters[0], *beta = node->parameters[1];
  const size_t count = values_per_channel(node, samples);
  struct statistics *statistics = node->own;
  for (size_t c = 0; c < node->layer->input.channels; c++, x += count, y += count) {
    double mean = (double)node->parameters[2][c], variance = (double)node->parameters[3][c];
    if (is_training) {
      measure(x, count, &mean, &variance);
      update_running(node, c, count, mean, variance);
    }
    const double inverse = 1.0 / sqrt(variance + node->layer->options.epsilon);
    statistics[c] = (struct statistics){.mean = mean, .inverse_deviation = inverse};
    // y = γ·(x − μ)/√(σ² + ε) + β
    const float center = (float)mean, scale = (float)((double)gamma[c] * inverse);
    for (size_t n = 0; n < count; n++) y[n] = (x[n] - center) * scale + beta[c];
  }
}

// The mean and the variance depend on every x as well, which gives
//
//     dβ = Σdy     dγ = Σdy·x̂     dx = γ/√(σ² + ε) · (dy − dβ/m − x̂·dγ/m)
static void backward(const struct node *node, const struct backward *pass) {
  const size_t count = values_per_channel(node, pass->samples);
  const struct statistics *statistics = node->own;
  for (size_t c = 0; c < node->layer->input.channels; c++) {
    const float *x = pass->x + c * count, *dy = pass->dy + c * count;
    const double mean = statistics[c].mean, inverse = statistics[c].inverse_deviation;
    // Σdy·x̂ = (Σdy·(x − μ))/√(σ² + ε)
    double d_beta = 0.0, d_gamma = 0.0;
    for (size_t n = 0; n < count; n++) {
      d_beta += (double)dy[n];
      d_gamma += (double)dy[n] * ((double)x[n] - mean);
    }
    d_gamma *= inverse;
    node->gradients[0][c] = d_gamma;
    node->gradients[1][c] = d_beta;
    if (!pass->dx) continue;
    float *dx = pass->dx + c * count;
    const float scale = (float)((double)node->parameters[0][c] * inverse), center = (float)mean;
    const float mean_of_dy = (float)(d_beta / (double)count);
    const float slope = (float)(inverse * d_gamma / (double)count);
    for (size_t n = 0; n < count; n++) dx[n] = scale * (dy[n] - mean_of_dy - (x[n] - center) * slope);
  }
}

const struct operation batch_norm = {
    .kind = TM_BATCH_NORM, .own_size = own_size, .forward = forward, .backward = backward};
