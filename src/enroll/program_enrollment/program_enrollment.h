/* What the parts of P share. */
#ifndef ENROLL_PROGRAM_ENROLLMENT_H
#define ENROLL_PROGRAM_ENROLLMENT_H

#include "enroll/app.h"

/* Could the record be in the store: is it undecided, with a key that can be stored? */
enroll_wants enroll_may_exist;

/* Set `user` of the records that may exist to the account of their key (section 12).
 * A broken chain finds nobody and is logged once per program (P38); nothing is
 * looked up when no record is left (P39). */
NST_CHECKED enum nst_err enroll_find_accounts(struct enroll_batch *b, struct nst_req *rq,
                                              const struct enroll_program *p);

/* P40: whether an account would get two rows for one program and curriculum, by the
 * store or by the batch itself. */
NST_CHECKED enum nst_err enroll_find_clash(bool *clash, const struct enroll_batch *b,
                                           struct nst_req *rq, int64_t program);

#endif
