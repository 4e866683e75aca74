// Drives the plugin in C through its table, as a host could, right and wrong: built
// with the address and undefined-behaviour sanitizers, which end the program where
// anything is read or written that must not be.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trainmark.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int failures;

static void expect(int holds, const char *what, int line) {
  if (holds) return;
  fprintf(stderr, "line %d: %s\n", line, what);
  failures++;
}
#define EXPECT(condition) expect((condition) != 0, #condition, __LINE__)

// Every message goes into a buffer that is just as long as it says.
static tm_text *message(size_t capacity) {
  static char *data;
  static tm_text text;
  free(data);
  data = malloc(capacity > 0 ? capacity : 1);
  text = (tm_text){.struct_size = sizeof text, .data = data, .capacity = capacity};
  return &text;
}
#define MESSAGE message(200)

// ---- A request that can be spoilt --------------------------------------------

enum { SAMPLES = 37, FEATURES = 2 * 11 * 11, CLASSES = 4 };

// A later version's struct: one field more than the plugin knows.
struct later_layer {
  tm_layer known;
  double unknown;
};

struct request {
  tm_open_request open;
  tm_model model;
  tm_samples train, test;
  struct later_layer layers[16];
  tm_option options[6];
};

static uint8_t pixels[SAMPLES * FEATURES], labels[SAMPLES];

static struct later_layer layer(tm_layer known) { return (struct later_layer){known, 7.0}; }

// Every layer that there is, with padding, overlapping windows and edges left over.
static const tm_layer EVERY_LAYER[] = {
    {.kind = TM_RESIZE, .height = 13, .width = 9},
    {.kind = TM_CONV2D, .channels = 3, .window = 3, .stride = 2, .padding = 2},
    {.kind = TM_BATCH_NORM, .epsilon = 1e-5, .momentum = 0.1},
    {.kind = TM_RELU},
    {.kind = TM_AVG_POOL2D, .window = 3, .stride = 1},
    {.kind = TM_CONV2D, .channels = 4, .window = 2, .stride = 1, .padding = 0, .without_bias = 1},
    {.kind = TM_TANH},
    {.kind = TM_SIGMOID, .input = 6},
    {.kind = TM_ADD, .other = 7},
    {.kind = TM_MAX_POOL2D, .window = 2, .stride = 1},
    {.kind = TM_FLATTEN},
    {.kind = TM_LINEAR, .channels = 6, .without_bias = 1},
    {.kind = TM_BATCH_NORM, .epsilon = 1e-5, .momentum = 0.1},
    {.kind = TM_SIGMOID},
    {.kind = TM_LINEAR, .channels = CLASSES},
};

static struct request *fresh(void) {
  static struct request r;
  memset(&r, 0, sizeof r);
  r.train = (tm_samples){sizeof r.train, SAMPLES, FEATURES, pixels, labels};
  r.test = r.train;
  for (size_t i = 0; i < COUNT(EVERY_LAYER); i++) r.layers[i] = layer(EVERY_LAYER[i]);
  r.model = (tm_model){.struct_size = sizeof r.model, .name = "every", .input_channels = 2, .input_height = 11,
                       .input_width = 11, .layer_count = COUNT(EVERY_LAYER), .layer_size = sizeof r.layers[0],
                       .layers = &r.layers[0].known};
  r.open = (tm_open_request){.struct_size = sizeof r.open, .model = &r.model, .train = &r.train, .test = &r.test,
                             .implementation = "builtin", .device = "cpu", .threads = 3, .batch_size = 16,
                             .learning_rate = 0.5, .option_size = sizeof r.options[0], .options = r.options};
  return &r;
}

static tm_status answer(struct request *r) {
  tm_session *session = NULL;
  tm_text *text = MESSAGE;
  const tm_status status = tm_backend_v1.open(&r->open, &session, text);
  EXPECT((status == TM_OK) == (session != NULL));
  EXPECT((status == TM_OK) == (text->length == 0));
  tm_backend_v1.close(session);
  return status;
}

// Opens a request of which one thing is different.
#define ANSWER(change) (r = fresh(), (change), answer(r))

static void open_refuses_what_cannot_be(void) {
  struct request *r;
  EXPECT(answer(fresh()) == TM_OK);
  EXPECT(ANSWER(r->open.struct_size += 8) == TM_OK);
  EXPECT(ANSWER(r->open.struct_size -= 8) == TM_INVALID);
  EXPECT(ANSWER(r->model.struct_size -= 8) == TM_INVALID);
  EXPECT(ANSWER(r->train.struct_size = 0) == TM_INVALID);
  EXPECT(ANSWER(r->open.model = NULL) == TM_INVALID);
  EXPECT(ANSWER(r->open.model = (const void *)((const char *)&r->model + 1)) == TM_INVALID);
  EXPECT(ANSWER(r->open.test = NULL) == TM_INVALID);
  EXPECT(ANSWER(r->open.implementation = NULL) == TM_INVALID);
  EXPECT(ANSWER(r->open.implementation = "none") == TM_UNSUPPORTED);
  EXPECT(ANSWER(r->open.implementation = "other") == TM_UNSUPPORTED);
  EXPECT(ANSWER(r->open.device = NULL) == TM_INVALID);
  EXPECT(ANSWER(r->open.device = "cuda:0") == TM_DEVICE);
  EXPECT(ANSWER(r->open.threads = 0) == TM_INVALID);
  EXPECT(ANSWER(r->open.batch_size = 0) == TM_INVALID);
  EXPECT(ANSWER(r->open.batch_size = SIZE_MAX) == TM_OK);
  EXPECT(ANSWER(r->open.learning_rate = NAN) == TM_INVALID);
  EXPECT(ANSWER(r->open.option_count = 2) == TM_OK);
  EXPECT(ANSWER((r->open.option_count = 2, r->options[1].required = 1)) == TM_UNSUPPORTED);
  EXPECT(ANSWER((r->open.option_count = 2, r->open.options = NULL)) == TM_INVALID);
  EXPECT(ANSWER((r->open.option_count = 2, r->open.option_size = 8)) == TM_INVALID);
  EXPECT(ANSWER((r->open.option_count = SIZE_MAX, r->open.option_size = 24)) == TM_INVALID);
  EXPECT(ANSWER(r->train.pixels = NULL) == TM_INVALID);
  EXPECT(ANSWER(r->train.labels = NULL) == TM_INVALID);
  EXPECT(ANSWER(r->train.count = SIZE_MAX) == TM_INVALID);
  EXPECT(ANSWER(r->train.sample_size = FEATURES - 1) == TM_INVALID);
  EXPECT(ANSWER(r->train.count = 0) == TM_OK);
  labels[SAMPLES - 1] = CLASSES;
  EXPECT(answer(fresh()) == TM_INVALID);
  labels[SAMPLES - 1] = 0;
}

// Opens a request with these options, each a key and its value.
static tm_status asked(size_t count, const char *const pairs[][2]) {
  struct request *r = fresh();
  for (size_t i = 0; i < count; i++)
    r->options[i] = (tm_option){.key = pairs[i][0], .value = pairs[i][1], .required = 1};
  r->open.option_count = count;
  return answer(r);
}

#define ASKED(...) asked(COUNT(((const char *const[][2]){__VA_ARGS__})), (const char *const[][2]){__VA_ARGS__})

static void optimisers_are_read(void) {
  EXPECT(ASKED({"optimiser", "sgd"}) == TM_OK);
  EXPECT(ASKED({"optimiser", "momentum"}, {"momentum", "0.9"}, {"weight_decay", "5e-4"}) == TM_OK);
  EXPECT(ASKED({"weight_decay", "0"}, {"momentum", "0"}, {"optimiser", "momentum"}) == TM_OK);
  EXPECT(ASKED({"optimiser", "adam"}, {"beta1", "0.9"}, {"beta2", "0.999"}, {"epsilon", "1e-8"},
               {"weight_decay", "0"}) == TM_OK);
  EXPECT(ASKED({"optimiser", "rmsprop"}) == TM_UNSUPPORTED);
  EXPECT(ASKED({"optimiser", NULL}) == TM_UNSUPPORTED);
  EXPECT(ASKED({"momentum", "0.9"}) == TM_UNSUPPORTED);
  EXPECT(ASKED({"optimiser", "momentum"}, {"momentum", "0.9"}, {"weight_decay", "0"}, {"nesterov", "1"}) ==
         TM_UNSUPPORTED);
  EXPECT(ASKED({"optimiser", "momentum"}, {"momentum", "0.9"}) == TM_INVALID);
  EXPECT(ASKED({"optimiser", "momentum"}, {"momentum", "1"}, {"weight_decay", "0"}) == TM_INVALID);
  EXPECT(ASKED({"optimiser", "momentum"}, {"momentum", "0.9x"}, {"weight_decay", "0"}) == TM_INVALID);
  EXPECT(ASKED({"optimiser", "momentum"}, {"momentum", "nan"}, {"weight_decay", "0"}) == TM_INVALID);
  EXPECT(ASKED({"optimiser", "momentum"}, {"momentum", "0.9"}, {"weight_decay", "-1"}) == TM_INVALID);
  EXPECT(ASKED({"optimiser", "adam"}, {"beta1", "0.9"}, {"beta2", "0.999"}, {"epsilon", "0"},
               {"weight_decay", "0"}) == TM_INVALID);
}

static void open_refuses_models_that_do_not_fit(void) {
  struct request *r;
  EXPECT(ANSWER(r->model.name = NULL) == TM_INVALID);
  EXPECT(ANSWER(r->model.layers = NULL) == TM_INVALID);
  EXPECT(ANSWER(r->model.layer_size = offsetof(tm_layer, input) - 8) == TM_INVALID);
  EXPECT(ANSWER(r->model.layer_size = sizeof(tm_layer) + 4) == TM_INVALID);
  EXPECT(ANSWER(r->model.layer_count = SIZE_MAX) == TM_INVALID);
  EXPECT(ANSWER(r->model.layer_count = 0) == TM_INVALID);
  EXPECT(ANSWER(r->model.layer_count = 4) == TM_INVALID);  // ends in an image
  EXPECT(ANSWER(r->model.input_height = 0) == TM_INVALID);
  EXPECT(ANSWER(r->model.input_channels = r->model.input_height = r->model.input_width = UINT32_MAX) == TM_INVALID);
  EXPECT(ANSWER(r->layers[3].known.kind = 0) == TM_UNSUPPORTED);
  EXPECT(ANSWER(r->layers[3].known.kind = TM_ADD + 1) == TM_UNSUPPORTED);
  EXPECT(ANSWER(r->layers[3].known.kind = UINT32_MAX) == TM_UNSUPPORTED);
  EXPECT(ANSWER(r->layers[3].known.kind = TM_DROPOUT) == TM_UNSUPPORTED);
  EXPECT(ANSWER(r->layers[3].known.kind = TM_LINEAR) == TM_INVALID);
  EXPECT(ANSWER((r->layers[3].known.kind = TM_DROPOUT, r->layers[3].known.rate = 1.0)) == TM_INVALID);
  EXPECT(ANSWER(r->layers[0].known.height = 0) == TM_INVALID);
  EXPECT(ANSWER(r->layers[0].known.height = UINT32_MAX) == TM_INVALID);
  EXPECT(ANSWER(r->layers[1].known.window = 0) == TM_INVALID);
  EXPECT(ANSWER(r->layers[1].known.stride = 0) == TM_INVALID);
  EXPECT(ANSWER(r->layers[1].known.channels = 0) == TM_INVALID);
  EXPECT(ANSWER(r->layers[1].known.channels = UINT32_MAX) == TM_INVALID);
  EXPECT(ANSWER(r->layers[1].known.window = 100) == TM_INVALID);
  EXPECT(ANSWER(r->layers[1].known.padding = UINT32_MAX) == TM_INVALID);
  EXPECT(ANSWER(r->layers[2].known.epsilon = 0.0) == TM_INVALID);
  EXPECT(ANSWER(r->layers[2].known.epsilon = NAN) == TM_INVALID);
  EXPECT(ANSWER(r->layers[11].known.kind = TM_CONV2D) == TM_INVALID);  // on a vector
  EXPECT(ANSWER(r->layers[11].known.channels = UINT32_MAX) == TM_INVALID);
  EXPECT(ANSWER(r->layers[8].known.other = 0) == TM_INVALID);  // itself
  EXPECT(ANSWER(r->layers[8].known.other = 9) == TM_INVALID);  // what comes later
  EXPECT(ANSWER(r->layers[8].known.other = UINT32_MAX - 1) == TM_INVALID);
  EXPECT(ANSWER(r->layers[8].known.other = 4) == TM_INVALID);  // of another shape
  EXPECT(ANSWER(r->layers[8].known.other = TM_MODEL_INPUT) == TM_INVALID);
  EXPECT(ANSWER(r->layers[8].known.kind = TM_TANH) == TM_INVALID);  // nothing reads the first tanh
  EXPECT(ANSWER(r->layers[0].known.input = 1) == TM_INVALID);
}

// ---- A session with its parameters -------------------------------------------

enum { PARAMETERS = 14 };
// The second convolution and the first linear layer have no bias.
static const size_t LENGTHS[PARAMETERS] = {3 * 2 * 9, 3, 3, 3, 3, 3, 4 * 3 * 4, 0, 6, 6, 6, 6, CLASSES * 6, CLASSES};
static size_t lengths[PARAMETERS];
static float *values[PARAMETERS];

// Each array has a block of memory of its own, so that a step past its end is seen.
static void allocate_parameters(void) {
  memcpy(lengths, LENGTHS, sizeof lengths);
  // Resized to 3×... the first linear layer sees 4 channels of what pooling leaves.
  const size_t height = (13 + 4 - 3) / 2 + 1 - 2 - 1 - 1, width = (9 + 4 - 3) / 2 + 1 - 2 - 1 - 1;
  lengths[7] = 6 * 4 * height * width;
  for (size_t i = 0; i < PARAMETERS; i++) {
    values[i] = malloc(lengths[i] * sizeof(float));
    for (size_t j = 0; j < lengths[i]; j++) values[i][j] = (float)((j * 37 + i * 11) % 19) / 19.0f - 0.4f;
  }
  const size_t variances[] = {5, 11};
  for (size_t i = 0; i < COUNT(variances); i++)
    for (size_t j = 0; j < lengths[variances[i]]; j++) values[variances[i]][j] = 1.0f;
}

static void parameters_are_checked(tm_session *session) {
  const tm_backend_table *t = &tm_backend_v1;
  const float *const *in = (const float *const *)values;
  float one;
  EXPECT(t->get_parameters(session, values, lengths, PARAMETERS, MESSAGE) == TM_INVALID);  // too early
  EXPECT(t->set_parameters(NULL, in, lengths, PARAMETERS, MESSAGE) == TM_INVALID);
  EXPECT(t->set_parameters(session, NULL, lengths, PARAMETERS, MESSAGE) == TM_INVALID);
  EXPECT(t->set_parameters(session, in, NULL, PARAMETERS, MESSAGE) == TM_INVALID);
  EXPECT(t->set_parameters(session, in, lengths, PARAMETERS - 1, MESSAGE) == TM_INVALID);
  EXPECT(t->set_parameters(session, in, lengths, 0, MESSAGE) == TM_INVALID);
  EXPECT(t->set_parameters(session, in, lengths, SIZE_MAX, MESSAGE) == TM_INVALID);
  for (size_t i = 0; i < PARAMETERS; i++) {
    lengths[i]++;
    EXPECT(t->set_parameters(session, in, lengths, PARAMETERS, MESSAGE) == TM_INVALID);
    lengths[i] -= 2;
    EXPECT(t->set_parameters(session, in, lengths, PARAMETERS, MESSAGE) == TM_INVALID);
    lengths[i]++;
    float *whole = values[i];
    values[i] = NULL;
    EXPECT(t->set_parameters(session, in, lengths, PARAMETERS, MESSAGE) == TM_INVALID);
    values[i] = (float *)(void *)((char *)&one + 1);
    EXPECT(t->set_parameters(session, in, lengths, PARAMETERS, MESSAGE) == TM_INVALID);
    values[i] = whole;
  }
  EXPECT(t->set_parameters(session, in, lengths, PARAMETERS, MESSAGE) == TM_OK);
  float first = values[0][0];
  values[0][0] = NAN;
  EXPECT(t->get_parameters(session, values, lengths, PARAMETERS, MESSAGE) == TM_OK);
  EXPECT(values[0][0] == first);
}

static void calls_are_checked(tm_session *session) {
  const tm_backend_table *t = &tm_backend_v1;
  const uint32_t good[2] = {0, SAMPLES - 1}, bad[2] = {0, SAMPLES};
  tm_outcome outcome = {.struct_size = sizeof outcome}, small = {.struct_size = sizeof small - 8};
  float *logits = malloc(2 * CLASSES * sizeof *logits);
  EXPECT(t->train_step(NULL, good, 2, &outcome, MESSAGE) == TM_INVALID);
  EXPECT(t->train_step(session, NULL, 2, &outcome, MESSAGE) == TM_INVALID);
  EXPECT(t->train_step(session, good, 0, &outcome, MESSAGE) == TM_INVALID);
  EXPECT(t->train_step(session, bad, 2, &outcome, MESSAGE) == TM_INVALID);
  EXPECT(t->train_step(session, good, SIZE_MAX, &outcome, MESSAGE) == TM_INVALID);
  EXPECT(t->train_step(session, good, 2, NULL, MESSAGE) == TM_INVALID);
  EXPECT(t->train_step(session, good, 2, &small, MESSAGE) == TM_INVALID);
  EXPECT(t->train_epoch(session, good, 2, 0, &outcome, MESSAGE) == TM_INVALID);
  EXPECT(t->train_epoch(session, bad, 2, 1, &outcome, MESSAGE) == TM_INVALID);
  EXPECT(t->train_epoch(session, good, 2, SIZE_MAX, &outcome, MESSAGE) == TM_OK);
  EXPECT(t->predict(session, 2, good, 2, 2, logits, 2 * CLASSES, MESSAGE) == TM_INVALID);
  EXPECT(t->predict(session, TM_TEST, bad, 2, 2, logits, 2 * CLASSES, MESSAGE) == TM_INVALID);
  EXPECT(t->predict(session, TM_TEST, good, 2, 0, logits, 2 * CLASSES, MESSAGE) == TM_INVALID);
  EXPECT(t->predict(session, TM_TEST, good, 2, 2, logits, CLASSES, MESSAGE) == TM_INVALID);
  EXPECT(t->predict(session, TM_TEST, good, 2, 2, logits, 2 * CLASSES + 1, MESSAGE) == TM_INVALID);
  EXPECT(t->predict(session, TM_TEST, good, 2, 2, NULL, 2 * CLASSES, MESSAGE) == TM_INVALID);
  EXPECT(t->predict(session, TM_TEST, good, 2, SIZE_MAX, logits, 2 * CLASSES, MESSAGE) == TM_OK);
  free(logits);
}

// In batches of 1, of many, and larger than `open` was told, the loss goes down.
static void training_learns(tm_session *session) {
  const tm_backend_table *t = &tm_backend_v1;
  uint32_t *order = malloc(SAMPLES * sizeof *order);
  for (uint32_t i = 0; i < SAMPLES; i++) order[i] = (i * 5) % SAMPLES;
  tm_outcome first = {.struct_size = sizeof first}, last = first;
  EXPECT(t->train_step(session, order, 1, &first, MESSAGE) == TM_OK);
  EXPECT(t->train_epoch(session, order, SAMPLES, 16, &first, MESSAGE) == TM_OK);
  for (int epoch = 0; epoch < 60; epoch++)
    EXPECT(t->train_epoch(session, order, SAMPLES, SAMPLES, &last, MESSAGE) == TM_OK);
  EXPECT(isfinite(last.loss) && last.loss < 0.8 * first.loss && last.correct <= SAMPLES);
  float *logits = malloc(SAMPLES * CLASSES * sizeof *logits);
  EXPECT(t->predict(session, TM_TRAIN, order, SAMPLES, 5, logits, SAMPLES * CLASSES, MESSAGE) == TM_OK);
  for (size_t i = 0; i < SAMPLES * CLASSES; i++) EXPECT(isfinite(logits[i]));
  free(logits);
  free(order);
}

static void messages_are_cut(void) {
  // A name of characters of two bytes, cut at every place.
  struct request *r = fresh();
  r->open.device = "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4";
  for (size_t capacity = 0; capacity < 64; capacity++) {
    tm_session *session = NULL;
    tm_text *text = message(capacity);
    EXPECT(tm_backend_v1.open(&r->open, &session, text) == TM_DEVICE);
    EXPECT(capacity == 0 ? text->length == 0 : text->length < capacity);
    // The last character is whole: an ä ends in A4.
    EXPECT(text->length == 0 || (unsigned char)text->data[text->length - 1] != 0xC3);
  }
  tm_session *session = NULL;
  EXPECT(tm_backend_v1.open(&r->open, &session, NULL) == TM_DEVICE);
}

int main(void) {
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 97 + i / 7 * 31);
  for (size_t i = 0; i < sizeof labels; i++) labels[i] = (uint8_t)(i % CLASSES);
  EXPECT(tm_backend_v1.describe(NULL, MESSAGE) == TM_INVALID);
  EXPECT(tm_backend_v1.open(NULL, NULL, MESSAGE) == TM_INVALID);
  open_refuses_what_cannot_be();
  optimisers_are_read();
  open_refuses_models_that_do_not_fit();
  messages_are_cut();
  allocate_parameters();
  tm_session *session = NULL;
  struct request *r = fresh();
  EXPECT(tm_backend_v1.open(&r->open, &session, MESSAGE) == TM_OK);
  parameters_are_checked(session);
  calls_are_checked(session);
  training_learns(session);
  tm_backend_v1.close(session);
  tm_backend_v1.close(NULL);
  for (size_t i = 0; i < PARAMETERS; i++) free(values[i]);
  message(0);
  free(message(0)->data);
  return failures == 0 ? 0 : 1;
}
