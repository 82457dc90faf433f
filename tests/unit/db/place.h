/* Where a test keeps its store: a SQLite file in a folder of its own, or a schema
 * of its own in the PostgreSQL database that NESTOR_TEST_PG names. */
#ifndef TEST_PLACE_H
#define TEST_PLACE_H

#include "nestor/db.h"

struct place {
    struct nst_arena *arena; /* of the place, until it is released */
    char directory[64];
    struct nst_str url;
    bool is_remote; /* on PostgreSQL */
};

/* Make an empty place. Remote ones need NESTOR_TEST_PG. */
void place_init(struct place *p, bool is_remote);

/* Take it away: the store on it must be closed. A schema stays, its cluster goes. */
void place_release(struct place *p);

/* Open a store on the place with a queue of so many (0: the default). */
struct nst_store *place_open(const struct place *p, unsigned queue);

/* Work that runs one statement: arg is its text. */
nst_work place_exec;

/* Run one statement in a transaction of its own. */
NST_CHECKED enum nst_err place_write(struct nst_store *store, const char *sql);

#endif
