// The network: layers one after the other, with branches, trained by gradient descent.

#include "network.h"

#include <stdlib.h>
#include <string.h>

#include "loss.h"
#include "message.h"
#include "operation.h"
#include "optimiser.h"

struct network {
  const struct model *model;
  struct node *nodes;  // one per layer
  double learning_rate;
  struct optimiser optimiser;
  double step;  // how many were made since the parameters were set
  // For batches of up to `capacity` samples: the input and the output of every layer, the
  // gradients of the loss by them, and one that is still to be added to another.
  size_t capacity;
  float **values;
  float **gradients;
  bool *is_given;  // whether a gradient has anything in it yet
  float *spare;
  uint8_t *labels;
};

static const struct operation *const operations[] = {
    &convolution, &batch_norm, &sigmoid, &relu, &tangent, &max_pooling, &avg_pooling, &flatten, &linear, &resize, &add,
};

static const struct operation *find_operation(uint32_t kind) {
  for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
    if (operations[i]->kind == kind) return operations[i];
  return NULL;
}

// ---- Opening and closing -----------------------------------------------------

// Zeroed memory; one byte for nothing, so that null always means that there is none left.
static void *allocate(size_t count, size_t size) { return calloc(count > 0 ? count : 1, size); }

static bool allocate_node(struct node *node) {
  const struct layer *layer = node->layer;
  for (size_t i = 0; i < layer->parameter_count; i++) {
    node->parameters[i] = allocate(layer->lengths[i], sizeof(float));
    if (!node->parameters[i]) return false;
    // The first two are trained: weight and bias, or gamma and beta.
    if (i < 2) node->gradients[i] = allocate(layer->lengths[i], sizeof(double));
    if (i < 2 && !node->gradients[i]) return false;
    if (i < 2) node->moments[i] = allocate(layer->lengths[i], 2 * sizeof(double));
    if (i < 2 && !node->moments[i]) return false;
  }
  if (!node->operation->own_size) return true;
  node->own = allocate(node->operation->own_size(layer), 1);
  return node->own;
}

tm_status network_open(const struct model *model, const tm_open_request *request, struct network **out,
                       tm_text *message) {
  // One thread computes, however many `request->threads` allows.
  for (size_t i = 0; i < model->layer_count; i++) {
    const uint32_t kind = model->layers[i].options.kind;
    if (!find_operation(kind))
      return refuse(message, TM_UNSUPPORTED, "layer %zu (%s) is not implemented; it would go beside linear.c", i,
                    layer_name(kind));
  }
  struct optimiser optimiser;
  const tm_status status = optimiser_read(request, &optimiser, message);
  if (status != TM_OK) return status;
  struct network *network = allocate(1, sizeof *network);
  if (!network) return refuse(message, TM_OUT_OF_MEMORY, "no memory for a network");
  network->model = model;
  network->learning_rate = request->learning_rate;
  network->optimiser = optimiser;
  network->nodes = allocate(model->layer_count, sizeof *network->nodes);
  network->values = allocate(model->layer_count + 1, sizeof *network->values);
  network->gradients = allocate(model->layer_count + 1, sizeof *network->gradients);
  network->is_given = allocate(model->layer_count + 1, sizeof *network->is_given);
  bool is_complete = network->nodes && network->values && network->gradients && network->is_given;
  for (size_t i = 0; i < model->layer_count && is_complete; i++) {
    struct node *node = &network->nodes[i];
    node->layer = &model->layers[i];
    node->operation = find_operation(node->layer->options.kind);
    node->is_unbiased = strcmp(request->implementation, "builtin") == 0;
    is_complete = allocate_node(node);
  }
  if (!is_complete) {
    network_close(network);
    return refuse(message, TM_OUT_OF_MEMORY, "no memory for the parameters");
  }
  *out = network;
  return TM_OK;
}

static void free_batch(struct network *network) {
  for (size_t i = 0; i <= network->model->layer_count; i++) {
    free(network->values[i]);
    network->values[i] = NULL;
    free(network->gradients[i]);
    network->gradients[i] = NULL;
  }
  free(network->spare);
  network->spare = NULL;
  free(network->labels);
  network->labels = NULL;
  network->capacity = 0;
}

void network_close(struct network *network) {
  if (!network) return;
  if (network->values && network->gradients) free_batch(network);
  for (size_t i = 0; i < network->model->layer_count && network->nodes; i++) {
    struct node *node = &network->nodes[i];
    for (size_t j = 0; j < MAX_PARAMETERS; j++) {
      free(node->parameters[j]);
      free(node->gradients[j]);
      free(node->moments[j]);
    }
    free(node->own);
  }
  free(network->values);
  free(network->gradients);
  free(network->is_given);
  free(network->nodes);
  free(network);
}

// ---- Parameters --------------------------------------------------------------

tm_status network_set_parameters(struct network *network, const float *const *values, tm_text *message) {
  (void)message;
  network->step = 0.0;
  for (size_t i = 0; i < network->model->layer_count; i++)
    for (size_t j = 0; j < network->model->layers[i].parameter_count; j++, values++) {
      const size_t length = network->model->layers[i].lengths[j];
      memcpy(network->nodes[i].parameters[j], *values, length * sizeof(float));
      if (network->nodes[i].moments[j]) memset(network->nodes[i].moments[j], 0, length * 2 * sizeof(double));
    }
  return TM_OK;
}

tm_status network_get_parameters(struct network *network, float *const *values, tm_text *message) {
  (void)message;
  for (size_t i = 0; i < network->model->layer_count; i++)
    for (size_t j = 0; j < network->model->layers[i].parameter_count; j++, values++)
      memcpy(*values, network->nodes[i].parameters[j], network->model->layers[i].lengths[j] * sizeof(float));
  return TM_OK;
}

// ---- Passes ------------------------------------------------------------------

// Values of one sample at a place: of the model's input, or of a layer's output.
static size_t width(const struct network *network, size_t place) {
  const struct model *model = network->model;
  return place > 0 ? shape_size(model->layers[place - 1].output) : model->features;
}

// Makes room for a batch of so many samples.
static tm_status reserve(struct network *network, size_t samples, tm_text *message) {
  if (samples <= network->capacity) return TM_OK;
  free_batch(network);
  size_t widest = 0;
  bool is_complete = true;
  for (size_t i = 0; i <= network->model->layer_count && is_complete; i++) {
    const size_t values = width(network, i);
    if (values > widest) widest = values;
    is_complete = samples <= SIZE_MAX / values;
    if (!is_complete) break;
    network->values[i] = allocate(samples * values, sizeof(float));
    network->gradients[i] = allocate(samples * values, sizeof(float));
    is_complete = network->values[i] && network->gradients[i];
  }
  network->spare = is_complete ? allocate(samples * widest, sizeof(float)) : NULL;
  network->labels = allocate(samples, 1);
  if (!is_complete || !network->spare || !network->labels) {
    free_batch(network);
    return refuse(message, TM_OUT_OF_MEMORY, "no memory for a batch of %zu samples", samples);
  }
  network->capacity = samples;
  return TM_OK;
}

static void increase(float *sum, const float *values, size_t count) {
  for (size_t k = 0; k < count; k++) sum[k] += values[k];
}

// Input pixel/255 and labels of the samples with these indices; then the forward pass.
static tm_status forward(struct network *network, const tm_samples *from, const uint32_t *indices, size_t samples,
                         bool is_training, tm_text *message) {
  const tm_status status = reserve(network, samples, message);
  if (status != TM_OK) return status;
  const size_t features = network->model->features;
  for (size_t n = 0; n < samples; n++) {
    const uint8_t *pixels = from->pixels + (size_t)indices[n] * features;
    for (size_t f = 0; f < features; f++) network->values[0][f * samples + n] = (float)pixels[f] / 255.0f;
    network->labels[n] = from->labels[indices[n]];
  }
  for (size_t i = 0; i < network->model->layer_count; i++) {
    const struct node *node = &network->nodes[i];
    const struct layer *layer = node->layer;
    float *y = network->values[i + 1];
    node->operation->forward(node, network->values[layer->reads[0]], y, samples, is_training);
    if (layer->read_count == 2) increase(y, network->values[layer->reads[1]], width(network, i + 1) * samples);
  }
  return TM_OK;
}

// Gives a value's gradient what comes from one of its readers: the first sets it, each other one
// adds to it.
static void give(struct network *network, size_t place, const float *gradient, size_t samples) {
  float *sum = network->gradients[place];
  const size_t count = width(network, place) * samples;
  if (network->is_given[place])
    increase(sum, gradient, count);
  else if (sum != gradient)
    memcpy(sum, gradient, count * sizeof *sum);
  network->is_given[place] = true;
}

// From the gradient by the logits, the last of `gradients`, to those by every parameter.
static void backward(struct network *network, size_t samples) {
  const size_t layer_count = network->model->layer_count;
  size_t first = 0;  // layer with parameters: nobody needs the gradient by its input
  while (first < layer_count && network->model->layers[first].parameter_count == 0) first++;
  memset(network->is_given, 0, (layer_count + 1) * sizeof *network->is_given);
  for (size_t i = layer_count; i-- > first;) {
    const struct node *node = &network->nodes[i];
    const size_t *reads = node->layer->reads;
    float *dx = network->is_given[reads[0]] ? network->spare : network->gradients[reads[0]];
    const struct backward pass = {
        .x = network->values[reads[0]],
        .y = network->values[i + 1],
        .dy = network->gradients[i + 1],
        .dx = i > first ? dx : NULL,
        .samples = samples,
    };
    node->operation->backward(node, &pass);
    if (pass.dx) give(network, reads[0], dx, samples);
    if (node->layer->read_count == 2) give(network, reads[1], pass.dy, samples);
  }
}

// w ← w − rate·(what the optimiser makes of ∂L/∂w)
static void descend(struct network *network) {
  network->step += 1.0;
  for (size_t i = 0; i < network->model->layer_count; i++)
    for (size_t j = 0; j < MAX_PARAMETERS; j++) {
      const struct node *node = &network->nodes[i];
      if (!node->gradients[j]) continue;
      for (size_t k = 0; k < node->layer->lengths[j]; k++) {
        const double w = node->parameters[j][k];
        double *moments = &node->moments[j][2 * k];
        const double way = optimiser_way(&network->optimiser, network->step, w, node->gradients[j][k], &moments[0],
                                         &moments[1]);
        node->parameters[j][k] = (float)(w - network->learning_rate * way);
      }
    }
}

tm_status network_train_step(struct network *network, const tm_samples *samples, const uint32_t *indices, size_t count,
                             double *loss, uint64_t *correct, tm_text *message) {
  const tm_status status = forward(network, samples, indices, count, true, message);
  if (status != TM_OK) return status;
  const struct model *model = network->model;
  *loss = cross_entropy(network->values[model->layer_count], network->labels, model->classes, count,
                        network->gradients[model->layer_count], correct);
  backward(network, count);
  descend(network);
  return TM_OK;
}

tm_status network_predict(struct network *network, const tm_samples *samples, const uint32_t *indices, size_t count,
                          float *logits, tm_text *message) {
  const tm_status status = forward(network, samples, indices, count, false, message);
  if (status != TM_OK) return status;
  const size_t classes = network->model->classes;
  const float *values = network->values[network->model->layer_count];
  for (size_t n = 0; n < count; n++)
    for (size_t c = 0; c < classes; c++) logits[n * classes + c] = values[c * count + n];
  return TM_OK;
}
