/* What libFuzzer and fuzz/replay.c call in every target. */
#ifndef NESTOR_FUZZ_H
#define NESTOR_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Run the target on one input: size bytes at data, which may be any. Returns 0;
 * aborts when the target breaks a promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
