// What this backend is: its name, and what it says of itself.

#ifndef BACKEND_H
#define BACKEND_H

#include "trainmark.h"

// The same as in backend.toml.
#define BACKEND_NAME "c-reference"
#define BACKEND_VERSION "1.0.0"

// Valid as long as the library is loaded.
extern const tm_description description;

#endif
