// One model in training. Fill in from the top to the bottom: after each function
// `check` gets further, and names the next one.
//
// plugin.c has checked every argument; network.h says what each function is to do.

#include "network.h"

#include <stdlib.h>

#include "backend.h"
#include "message.h"
#include "optimiser.h"

struct network {
  const struct model *model;  // shapes and parameter lengths of every layer
  double learning_rate;
};

// The answer of a function that is still to be written; it goes with the last of them.
static tm_status to_do(tm_text *message, const char *what, const char *function) {
  return refuse(message, TM_UNSUPPORTED,
                BACKEND_NAME " does not %s yet: fill in %s in network.c, see docs/writing-a-backend.md", what, function);
}

// Builds one layer. One that cannot be done exactly as described stays unsupported;
// that is an answer, and a row in the report.
static tm_status build_layer(const struct layer *layer, const char *implementation, tm_text *message) {
  (void)implementation;  // the way to compute batch norm
  switch (layer->options.kind) {
    // case TM_FLATTEN:
    // case TM_LINEAR:
    default:
      return refuse(message, TM_UNSUPPORTED,
                    BACKEND_NAME " does not build the layer %s yet: fill in build_layer in network.c, "
                    "see docs/writing-a-backend.md", layer_name(layer->options.kind));
  }
}

tm_status network_open(const struct model *model, const tm_open_request *request, struct network **out,
                       tm_text *message) {
  for (size_t i = 0; i < model->layer_count; i++) {
    const tm_status status = build_layer(&model->layers[i], request->implementation, message);
    if (status != TM_OK) return status;
  }
  struct optimiser optimiser;
  const tm_status status = optimiser_read(request, &optimiser, message);
  if (status != TM_OK) return status;
  if (optimiser.kind != SGD)
    return refuse(message, TM_UNSUPPORTED, BACKEND_NAME " trains by plain gradient descent only, see optimiser.h");
  struct network *network = calloc(1, sizeof *network);
  if (!network) return refuse(message, TM_OUT_OF_MEMORY, "no memory for a network");
  network->model = model;
  network->learning_rate = request->learning_rate;
  *out = network;
  return TM_OK;
}

void network_close(struct network *network) { free(network); }

tm_status network_set_parameters(struct network *network, const float *const *values, tm_text *message) {
  (void)network, (void)values;
  return to_do(message, "take parameters", "network_set_parameters");
}

tm_status network_get_parameters(struct network *network, float *const *values, tm_text *message) {
  (void)network, (void)values;
  return to_do(message, "give parameters back", "network_get_parameters");
}

tm_status network_predict(struct network *network, const tm_samples *samples, const uint32_t *indices, size_t count,
                          float *logits, tm_text *message) {
  // The network's input is pixel/255 in float32.
  (void)network, (void)samples, (void)indices, (void)count, (void)logits;
  return to_do(message, "predict", "network_predict");
}

tm_status network_train_step(struct network *network, const tm_samples *samples, const uint32_t *indices, size_t count,
                             double *loss, uint64_t *correct, tm_text *message) {
  (void)network, (void)samples, (void)indices, (void)count, (void)loss, (void)correct;
  return to_do(message, "train", "network_train_step");
}
