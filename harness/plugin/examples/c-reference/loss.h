// Softmax and the mean cross-entropy, by which the network is trained.

#ifndef LOSS_H
#define LOSS_H

#include <stddef.h>
#include <stdint.h>

// From logits (class by class, as all values lie) writes the gradient of the mean
// loss by each of them, and answers the mean loss. `correct` becomes the number of
// samples whose largest logit (the first of equal ones) is their label's.
double cross_entropy(const float *logits, const uint8_t *labels, size_t classes, size_t samples, float *gradient,
                     uint64_t *correct);

#endif
