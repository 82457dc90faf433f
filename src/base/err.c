/* The error table, expanded; see err.h. */
#include "nestor/base/err.h"

#include <assert.h>
#include <errno.h>

static const struct {
    unsigned status;
    const char *key, *message;
} table[NST_ERR_COUNT] = {
#define X(name, status, key, message) { status, key, message },
    NST_ERRORS(X)
#undef X
};

unsigned nst_err_status(enum nst_err e)
{
    assert(e < NST_ERR_COUNT);
    return table[e].status;
}

const char *nst_err_key(enum nst_err e)
{
    assert(e < NST_ERR_COUNT);
    return table[e].key;
}

const char *nst_err_message(enum nst_err e)
{
    assert(e < NST_ERR_COUNT);
    return table[e].message;
}

enum nst_err nst_err_of_write(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? NST_E_FULL : NST_E_INTERNAL;
}
