// What a step makes of the gradients: plain gradient descent, unless options of the request
// ask for momentum or Adam.

#ifndef OPTIMISER_H
#define OPTIMISER_H

#include <stdbool.h>

#include "trainmark.h"

enum optimiser_kind { SGD, MOMENTUM, ADAM };

struct optimiser {
  enum optimiser_kind kind;
  double momentum, beta1, beta2, epsilon, weight_decay;  // zero where its kind has no such number
};

// Reads and checks the options of a request, whose array has been checked. One that must be
// honoured and is not known is one that we cannot do.
tm_status optimiser_read(const tm_open_request *request, struct optimiser *out, tm_text *message);

// What to subtract from a value `w` with this gradient, times the learning rate, in step number
// `step`, from 1. `m` and `v` are the value's own state, which begins at zero.
double optimiser_way(const struct optimiser *optimiser, double step, double w, double gradient, double *m, double *v);

#endif
