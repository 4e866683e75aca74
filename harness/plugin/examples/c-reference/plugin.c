// The table that the harness finds, and what each of its functions checks before
// the network computes anything. docs/writing-a-backend.md has the contract; in
// short: calls come one at a time and from one thread, each answers a status and,
// where that is not TM_OK, a message; a call that breaks the contract is answered
// with TM_INVALID and changes nothing; memory belongs to who allocated it.

#include <stdlib.h>

#include "backend.h"
#include "message.h"
#include "model.h"
#include "network.h"
#include "pointer.h"
#include "request.h"
#include "trainmark.h"

// The header only declares `tm_session`: what it holds is ours alone.
struct tm_session {
  struct model model;
  struct network *network;
  tm_samples train, test;  // pixels and labels stay the harness's, and valid until `close`
  size_t batch_size;
  bool has_parameters;
};

// ---- describe, open, close ---------------------------------------------------

static tm_status describe(const tm_description **out, tm_text *message) {
  if (!out || !is_aligned(out, sizeof *out))
    return refuse(message, TM_INVALID, "the place for the description is null or misaligned");
  *out = &description;
  return TM_OK;
}

static void close_session(tm_session *session) {
  if (!session) return;
  network_close(session->network);
  model_free(&session->model);
  free(session);
}

static tm_status open_session(const tm_open_request *request, tm_session **out, tm_text *message) {
  if (!out || !is_aligned(out, sizeof *out))
    return refuse(message, TM_INVALID, "the place for the session is null or misaligned");
  struct model model;
  tm_status status = request_read(request, &model, message);
  if (status != TM_OK) return status;
  tm_session *session = calloc(1, sizeof *session);
  if (!session) {
    model_free(&model);
    return refuse(message, TM_OUT_OF_MEMORY, "no memory for a session");
  }
  session->model = model;
  session->train = *request->train;
  session->test = *request->test;
  session->batch_size = request->batch_size;
  status = network_open(&session->model, request, &session->network, message);
  if (status != TM_OK) {
    close_session(session);
    return status;
  }
  *out = session;
  return TM_OK;
}

// ---- Checks that several calls share -----------------------------------------

static tm_status check_ready(const tm_session *session, tm_text *message) {
  if (!session) return refuse(message, TM_INVALID, "the session is null");
  return session->has_parameters ? TM_OK : refuse(message, TM_INVALID, "set_parameters must come first");
}

// `values` is a list of pointers to float.
static tm_status check_parameters(const struct model *model, const void *values, const size_t *lengths, size_t count,
                                  tm_text *message) {
  if (!is_array(values, count, sizeof(float *)) || !is_array(lengths, count, sizeof *lengths))
    return refuse(message, TM_INVALID, "the list of parameters or of lengths is null or misaligned");
  size_t index = 0;
  for (size_t i = 0; i < model->layer_count; i++) {
    const struct layer *layer = &model->layers[i];
    for (size_t j = 0; j < layer->parameter_count; j++, index++) {
      if (index >= count) continue;  // counted on, for the message below
      if (lengths[index] != layer->lengths[j])
        return refuse(message, TM_INVALID, "parameter %zu has %zu values, expected %zu", index, lengths[index],
                      layer->lengths[j]);
      if (!is_array(((const float *const *)values)[index], lengths[index], sizeof(float)))
        return refuse(message, TM_INVALID, "parameter %zu is null or misaligned", index);
    }
  }
  if (index != count)
    return refuse(message, TM_INVALID, "%zu parameters given, the model has %zu", count, index);
  return TM_OK;
}

static tm_status check_indices(const uint32_t *indices, size_t count, const tm_samples *samples, tm_text *message) {
  if (count == 0) return refuse(message, TM_INVALID, "no sample given");
  if (!is_array(indices, count, sizeof *indices))
    return refuse(message, TM_INVALID, "the samples' indices are null or misaligned");
  for (size_t i = 0; i < count; i++)
    if (indices[i] >= samples->count)
      return refuse(message, TM_INVALID, "sample %u asked for, the split has %zu", (unsigned)indices[i],
                    samples->count);
  return TM_OK;
}

// ---- Parameters --------------------------------------------------------------

static tm_status set_parameters(tm_session *session, const float *const *values, const size_t *lengths, size_t count,
                                tm_text *message) {
  if (!session) return refuse(message, TM_INVALID, "the session is null");
  tm_status status = check_parameters(&session->model, values, lengths, count, message);
  if (status == TM_OK) status = network_set_parameters(session->network, values, message);
  session->has_parameters |= status == TM_OK;
  return status;
}

static tm_status get_parameters(tm_session *session, float *const *values, const size_t *lengths, size_t count,
                                tm_text *message) {
  tm_status status = check_ready(session, message);
  if (status == TM_OK) status = check_parameters(&session->model, values, lengths, count, message);
  return status == TM_OK ? network_get_parameters(session->network, values, message) : status;
}

// ---- Training and prediction -------------------------------------------------

static tm_status train_epoch(tm_session *session, const uint32_t *order, size_t count, size_t batch_size,
                             tm_outcome *outcome, tm_text *message) {
  tm_status status = check_ready(session, message);
  if (status == TM_OK) status = check_indices(order, count, &session->train, message);
  if (status != TM_OK) return status;
  if (batch_size == 0) return refuse(message, TM_INVALID, "the batch size must be at least 1");
  if (!is_struct(outcome, sizeof *outcome))
    return refuse(message, TM_INVALID, "the place for the outcome is missing, misaligned or too small");
  double sum = 0.0;
  uint64_t correct = 0;
  // The last batch may be smaller, and is kept.
  for (size_t start = 0, size; start < count; start += size) {
    size = count - start < batch_size ? count - start : batch_size;
    double loss = 0.0;
    uint64_t right = 0;
    status = network_train_step(session->network, &session->train, order + start, size, &loss, &right, message);
    if (status != TM_OK) return status;
    sum += loss * (double)size;
    correct += right;
  }
  outcome->loss = sum / (double)count;
  outcome->correct = correct;
  return TM_OK;
}

static tm_status train_step(tm_session *session, const uint32_t *indices, size_t count, tm_outcome *outcome,
                            tm_text *message) {
  // An epoch of one batch.
  return train_epoch(session, indices, count, count, outcome, message);
}

static tm_status predict(tm_session *session, uint32_t split, const uint32_t *indices, size_t count, size_t batch_size,
                         float *logits, size_t logits_length, tm_text *message) {
  tm_status status = check_ready(session, message);
  if (status != TM_OK) return status;
  if (split != TM_TRAIN && split != TM_TEST) return refuse(message, TM_INVALID, "split %u is unknown", (unsigned)split);
  if (batch_size == 0) return refuse(message, TM_INVALID, "the batch size must be at least 1");
  const tm_samples *samples = split == TM_TRAIN ? &session->train : &session->test;
  status = check_indices(indices, count, samples, message);
  if (status != TM_OK) return status;
  const size_t classes = session->model.classes;
  // Not count · classes, which may overflow.
  if (logits_length % classes != 0 || logits_length / classes != count)
    return refuse(message, TM_INVALID, "room for %zu logits given, %zu times %zu needed", logits_length, count,
                  classes);
  if (!is_array(logits, logits_length, sizeof *logits))
    return refuse(message, TM_INVALID, "the place for the logits is null or misaligned");
  // A sample's logits do not depend on its batch: training's size bounds the memory.
  if (batch_size > session->batch_size) batch_size = session->batch_size;
  for (size_t start = 0, size; start < count && status == TM_OK; start += size) {
    size = count - start < batch_size ? count - start : batch_size;
    status = network_predict(session->network, samples, indices + start, size, logits + start * classes, message);
  }
  return status;
}

// ---- The table ---------------------------------------------------------------

TM_EXPORT const tm_backend_table tm_backend_v1 = {
    .magic = TM_MAGIC,
    .major = TM_ABI_MAJOR,
    .minor = TM_ABI_MINOR,
    .struct_size = sizeof(tm_backend_table),
    .name = BACKEND_NAME,
    .version = BACKEND_VERSION,
    .describe = describe,
    .open = open_session,
    .set_parameters = set_parameters,
    .get_parameters = get_parameters,
    .train_step = train_step,
    .train_epoch = train_epoch,
    .predict = predict,
    .close = close_session,
    .extension = NULL,  // optional
};
