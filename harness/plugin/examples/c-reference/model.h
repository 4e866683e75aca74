// The model as the harness describes it, checked: which shapes pass between its
// layers, and how long its parameters are.

#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "trainmark.h"

// Shape of one sample. A vector of features has height and width 1.
struct shape {
  size_t channels, height, width;
  bool is_image;
};

// Parameters of a batch norm: gamma, beta, running mean, running variance.
enum { MAX_PARAMETERS = 4 };

struct layer {
  tm_layer options;  // kind, window, stride, … as the harness gave them
  // What it reads, as places in a list of the model's input and then each layer's output. An
  // `add` reads two, of one shape.
  size_t reads[2];
  size_t read_count;
  struct shape input, output;
  size_t parameter_count;          // 0; 1 for a weight, 2 for weight and bias; 4 for a batch norm
  size_t lengths[MAX_PARAMETERS];  // values in each of them
};

struct model {
  size_t layer_count;
  struct layer *layers;
  size_t features;  // values of an input sample
  size_t classes;   // values that the last layer makes of it
  bool has_batch_norm;
};

// Values in a sample of this shape.
size_t shape_size(struct shape shape);

// Name of a kind of layer, for messages.
const char *layer_name(uint32_t kind);

// Reads and checks a model. Where it answers TM_OK, `model_free` frees what it holds.
tm_status model_read(const tm_model *given, struct model *out, tm_text *message);

void model_free(struct model *model);

#endif
