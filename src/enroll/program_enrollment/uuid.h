/* UUIDs as requests give them: texts of several shapes and numbers. */
#ifndef ENROLL_UUID_H
#define ENROLL_UUID_H

#include "nestor/json.h"

/* Read a UUID (P17 to P19).
 *   out   set on success: lower case, 8-4-4-4-12; owned by a
 *   v     may be NULL
 * Returns false for what is none. */
bool enroll_uuid_read(struct nst_str *out, struct nst_arena *a, const struct nst_json *v);

#endif
