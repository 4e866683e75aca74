#include "message.h"

#include <stdarg.h>
#include <stdio.h>

tm_status refuse(tm_text *message, tm_status status, const char *format, ...) {
  if (!message || message->struct_size < sizeof *message || !message->data || message->capacity == 0) return status;
  va_list arguments;
  va_start(arguments, format);
  const int whole = vsnprintf(message->data, message->capacity, format, arguments);
  va_end(arguments);
  // vsnprintf answers the length of the whole message, and ends what it writes with a zero byte.
  size_t length = whole > 0 ? (size_t)whole : 0;
  if (length >= message->capacity) {
    length = message->capacity - 1;
    // Not within a character of several bytes, of which all but the first are 10xxxxxx.
    while (length > 0 && ((unsigned char)message->data[length - 1] & 0xC0) == 0x80) length--;
    if (length > 0 && ((unsigned char)message->data[length - 1] & 0x80) != 0) length--;
  }
  message->length = length;
  return status;
}
