/* Maintenance (G168): while it is on, requests of faces are answered with 503 and the same body
 * always; so are those of no face. What lives outside the faces (health, readiness, the
 * description) and actions with NST_IN_MAINTENANCE are answered as ever, and what was begun is
 * ended. It is stored, so that it survives a restart and is seen by every server of the database;
 * a request asks an atomic of the process, which nst_maintenance_look keeps true. */
#ifndef NESTOR_MAINTENANCE_H
#define NESTOR_MAINTENANCE_H

#include "nestor/db.h"
#include "nestor/http.h"

#define NST_MAINTENANCE_REASON_MAX 500 /* code points */

/* How it is. */
struct nst_maintenance {
    bool is_on;
    int64_t since;              /* microseconds; 0 when it is off */
    struct nst_str who, reason; /* who switched it on, and why; null when that was not said */
};

/* Whether this process answers with 503. False where nobody looks. Any thread; does not block. */
bool nst_maintenance_is_on(void);

/* Answer an exchange with what all get meanwhile: 503, Retry-After, G168's body. */
void nst_maintenance_answer(struct nst_exchange *x);

/* How it is stored; texts in a. Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_maintenance_read(struct nst_maintenance *out, struct nst_arena *a,
                                              struct nst_db *db);

/* Switch it on, or change who wants it and why where it is: `since` stays then. Other processes
 * see it with their next look. Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_maintenance_begin(struct nst_db *db, const struct nst_maintenance *m);

/* Switch it off, if it is on. Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_maintenance_end(struct nst_db *db);

/* What was written is durable: this process need not look (struct nst_req, when_durable). */
void nst_maintenance_began(void);
void nst_maintenance_ended(void);

/* Before a server starts: look and wait. Errors: those of nst_store_run. */
NST_CHECKED enum nst_err nst_maintenance_open(struct nst_store *store);

/* Look, unless a look is under way: on the connection of probes, which nothing else keeps busy.
 * Does not block. A look that fails leaves what was seen last. */
void nst_maintenance_look(struct nst_store *store);

#endif
