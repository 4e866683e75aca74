// What the plugin asks of the arithmetic. Every argument has been checked: indices
// lie in their split, lengths are right, parameters are set before they are used.

#ifndef NETWORK_H
#define NETWORK_H

#include "model.h"
#include "trainmark.h"

struct network;

// Builds a model. `implementation` is one that `description` lists, or "none".
tm_status network_open(const struct model *model, const tm_open_request *request, struct network **out,
                       tm_text *message);

void network_close(struct network *network);

// Copies every parameter in, or out: in the order of the layers, row-major.
tm_status network_set_parameters(struct network *network, const float *const *values, tm_text *message);
tm_status network_get_parameters(struct network *network, float *const *values, tm_text *message);

// One step of gradient descent on `count` samples. The mean loss and the number of
// samples whose largest logit is their label's are those of before the update.
tm_status network_train_step(struct network *network, const tm_samples *samples, const uint32_t *indices, size_t count,
                             double *loss, uint64_t *correct, tm_text *message);

// Writes `count` × classes logits in prediction mode, and changes no parameter.
tm_status network_predict(struct network *network, const tm_samples *samples, const uint32_t *indices, size_t count,
                          float *logits, tm_text *message);

#endif
