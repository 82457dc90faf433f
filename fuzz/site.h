/* An installation for fuzz targets that need the whole program: a SQLite file
 * with a few rows in a folder of its own, made at the first input and removed
 * when the process ends. */
#ifndef NESTOR_FUZZ_SITE_H
#define NESTOR_FUZZ_SITE_H

#include "ocl/app.h"

struct fuzz_site {
    struct nst_store *store;
    struct nst_registry *registry;
    struct nst_db *reader; /* of the fuzzing thread */
    struct nst_str token;  /* of the administrator */
    char folder[64];
};

/* Lives until the process ends; every call returns the same. */
const struct fuzz_site *fuzz_site(void);

/* A request as it comes from outside, but for the transport. */
struct fuzz_request {
    const struct nst_face *face;
    enum nst_method method;
    struct nst_str path;   /* with the query, below the face's mount */
    struct nst_json *body; /* may be NULL */
    bool is_anonymous;     /* otherwise the administrator */
};

/* Answer the request; what it writes is rolled back. Aborts when the answer is a
 * 5xx, or has a body that is no JSON. Returns the status. */
unsigned fuzz_read(const struct fuzz_request *request, struct nst_arena *a);
unsigned fuzz_write(const struct fuzz_request *request, struct nst_arena *a);

/* Take a byte from the front of the input as a number below n. */
size_t fuzz_choice(const uint8_t **data, size_t *size, size_t n);

#endif
