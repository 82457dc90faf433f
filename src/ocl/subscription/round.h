/* What the parts of a round share. */
#ifndef OCL_ROUND_H
#define OCL_ROUND_H

#include "subscription.h"

/* What a worker has in its hands. */
struct ocl_round {
    struct nst_arena *home;
    struct nst_arena *turn; /* of what is prepared for one step, texts of `s` included */
    struct nst_arena *text; /* of a batch of lines */
    struct nst_arena *head; /* of what the export says of itself */
    int64_t id;
    struct ocl_subscription s;     /* as the row was, with what was found out since */
    struct ocl_subscription saved; /* as the step makes it */
    struct nst_str did;            /* the phase that was prepared */
    struct nst_str problem;        /* why the round ends; null: it goes on */
    bool has_begun;
    bool is_current;  /* the release that is here is the newest */
    bool is_waiting;  /* there is none there yet */
    bool wants_whole; /* there is nothing that says what differs */
    unsigned waits;   /* for an export in the making */
    int64_t got;      /* bytes of the export */
    int64_t begun;    /* ticks */

    struct nst_str held_file, held_digest; /* the export of the release that is here; null: none */
    int64_t held_size;

    /* The export that came. */
    int fd;
    struct ocl_lines *lines; /* NULL: not open */
    int64_t at, read;        /* lines that were read, how far that is */
    struct nst_json *version, *source;
    struct nst_str from;
    bool is_at_end;
    struct ocl_batch batch;
    struct ocl_changes changes;
    bool has_changes;
    struct ocl_importer *importer;

    /* Sources of an owner that are not here yet: their ids. */
    struct nst_str *found;
    size_t founds;
};

/* Whether the export of the release that is here is whole in the folder of the workers, and so is
 * that of the one on its way. */
bool ocl_round_has_held(struct ocl_round *m);
bool ocl_round_has_come(struct ocl_round *m);

/* Fetch some of the export of the release that m->s says, for some seconds at most: m->got says how
 * much of it is there, m->is_current that it is here already, m->problem what is wrong. Once it is
 * whole, m->s.phase is another one. Blocks. */
void ocl_round_fetch(struct ocl_round *m, struct nst_task *t);

/* Ask for the newest release: m->s says it, m->is_current that it is here, m->problem what is
 * wrong. Blocks. */
void ocl_round_ask(struct ocl_round *m, struct nst_task *t);

/* Ask for the sources of an owner. Blocks. */
void ocl_round_list(struct ocl_round *m, struct nst_task *t);

/* Subscribe to those that are new, in the transaction of a step. */
NST_CHECKED enum nst_err ocl_round_follow(struct ocl_round *m, struct nst_task *t,
                                          struct nst_db *db);

#endif
