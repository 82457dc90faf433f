/* Values as Python prints them, since the checksums of OCL are made of such texts. */
#ifndef OCL_PYTHON_H
#define OCL_PYTHON_H

#include "nestor/json.h"

/* Append s as json.dumps(s) does: everything beyond printable ASCII as \uXXXX, in pairs of
 * surrogates beyond U+FFFF. s is UTF-8, or holds surrogates as json.h keeps them. */
void ocl_python_put_json(struct nst_buf *b, struct nst_str s);

/* Append repr(s); s as above. */
void ocl_python_put_repr(struct nst_buf *b, struct nst_str s);

/* Append str(v). Members of objects leave in their order; numbers must be as
 * ocl_python_number makes them. */
void ocl_python_put_text(struct nst_buf *b, const struct nst_json *v);

/* A number of JSON as json.dumps(json.loads(text)) prints it: 1E2 is 100.0, -0 is 0, 1e400
 * Infinity. Owned by a, or a view of text. */
struct nst_str ocl_python_number(struct nst_arena *a, struct nst_str text);

/* Whether a number that ocl_python_number made is no integer. */
bool ocl_python_is_float(struct nst_str number);

/* str(int(x)) of a float that ocl_python_number made, when it is whole and finite;
 * otherwise number itself. */
struct nst_str ocl_python_whole(struct nst_arena *a, struct nst_str number);

/* How Python orders two numbers that ocl_python_number made: negative, 0 or positive.
 * Integers compare exactly, others as the C compiler's long double. */
int ocl_python_number_cmp(struct nst_str x, struct nst_str y);

/* urllib.parse.unquote_plus(s): bytes that are no UTF-8 become U+FFFD. Owned by a, or s. */
struct nst_str ocl_python_unquote_plus(struct nst_arena *a, struct nst_str s);

#endif
