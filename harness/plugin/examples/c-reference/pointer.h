// What can be seen of a pointer from outside before it is followed.

#ifndef POINTER_H
#define POINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool is_aligned(const void *pointer, size_t alignment) {
  return (uintptr_t)pointer % alignment == 0;
}

// A struct that begins with its `struct_size` and has all fields that we know. Structs
// only grow at their end: a larger one is from a newer harness, and its rest is ignored.
static inline bool is_struct(const void *pointer, size_t known_size) {
  return pointer && is_aligned(pointer, sizeof(size_t)) && *(const size_t *)pointer >= known_size;
}

// An array of `count` values of `size` bytes, such as float; an empty one may be null.
static inline bool is_array(const void *pointer, size_t count, size_t size) {
  return count == 0 || (pointer && is_aligned(pointer, size) && count <= PTRDIFF_MAX / size);
}

// An array of structs that may be larger than the ones that we know.
static inline bool are_elements(const void *pointer, size_t count, size_t size, size_t known_size) {
  const size_t alignment = sizeof(size_t);
  if (count == 0) return true;
  if (size < known_size || size % alignment != 0) return false;
  return pointer && is_aligned(pointer, alignment) && count <= PTRDIFF_MAX / size;
}

// Element `index` of such an array.
static inline const void *element(const void *array, size_t index, size_t size) {
  return (const char *)array + index * size;
}

#endif
