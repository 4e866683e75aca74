// The request to open a session, checked: what passes can be computed with.

#ifndef REQUEST_H
#define REQUEST_H

#include "model.h"
#include "trainmark.h"

// Where it answers TM_OK, `model_free` frees what `model` holds.
tm_status request_read(const tm_open_request *request, struct model *model, tm_text *message);

#endif
