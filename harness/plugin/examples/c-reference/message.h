// Messages for a person, in the buffer that the harness gives with each call.

#ifndef MESSAGE_H
#define MESSAGE_H

#include "trainmark.h"

#if defined(__GNUC__)
#define PRINTF_LIKE __attribute__((format(printf, 3, 4)))
#else
#define PRINTF_LIKE
#endif

// Writes a message as `printf` would, cut to the buffer, and hands `status` through:
//
//     return refuse(message, TM_INVALID, "sample %zu asked for, the split has %zu", index, count);
PRINTF_LIKE tm_status refuse(tm_text *message, tm_status status, const char *format, ...);

#endif
