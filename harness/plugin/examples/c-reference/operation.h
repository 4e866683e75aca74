// What a kind of layer computes.
//
// Values of a batch lie feature by feature: feature f of sample n is
// values[f·samples + n]. The features of an image are its channels, rows and columns
// in row-major order: channel c, row i, column j is f = (c·height + i)·width + j.

#ifndef OPERATION_H
#define OPERATION_H

#include "model.h"

// A layer with its memory.
struct node {
  const struct layer *layer;
  const struct operation *operation;
  float *parameters[MAX_PARAMETERS];
  double *gradients[MAX_PARAMETERS];  // of the loss, by each parameter; null where it is not trained
  double *moments[MAX_PARAMETERS];    // the optimiser's m and v of each value, side by side; null likewise
  void *own;                          // `own_size` bytes for the operation's own use
  bool is_unbiased;                   // a batch norm's convention: see batch_norm.c
};

// What is known on the way back.
struct backward {
  const float *x, *y;  // the layer's input and output
  const float *dy;     // gradient of the loss by its output
  float *dx;           // gradient of the loss by its input, to be written; null where nobody needs it
  size_t samples;
};

struct operation {
  uint32_t kind;
  // Bytes of `own` that it needs; null for none.
  size_t (*own_size)(const struct layer *layer);
  // Writes the output `y` of the input `x`.
  void (*forward)(const struct node *node, const float *x, float *y, size_t samples, bool is_training);
  // Writes dx and the parameters' gradients.
  void (*backward)(const struct node *node, const struct backward *pass);
};

extern const struct operation convolution, linear;      // convolution.c, linear.c
extern const struct operation batch_norm;               // batch_norm.c
extern const struct operation sigmoid, relu, tangent;   // activation.c
extern const struct operation max_pooling, avg_pooling; // pooling.c
extern const struct operation flatten, resize, add;     // reshape.c

#endif
