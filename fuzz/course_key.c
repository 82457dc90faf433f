/* Fuzzes course keys: what is taken has a text that is taken once more and stays. */
#include "enroll/course_key/course_key.h"
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_str once, again;
    struct nst_str text = { (const char *)data, size };
    if (enroll_course_key_parse(&once, a, text) &&
        (!nst_utf8_valid(once) || once.n != size || !enroll_course_key_parse(&again, a, once) ||
         !nst_str_eq(once, again)))
        abort();
    nst_arena_free(a);
    return 0;
}
