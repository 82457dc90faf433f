/* Subscriptions (ours): read-only copies of sources of another Nestor, kept current.
 * A row for each source, and one for each owner all of whose sources are copied. Its rounds are
 * tasks: ask for the newest release, fetch its export, work out what differs from the release that
 * is here, and write all of that in one transaction. What comes is kept as the export of the copy,
 * byte for byte (V620). docs/subscribe.md has their life. */
#ifndef OCL_SUBSCRIPTION_H
#define OCL_SUBSCRIPTION_H

#include "ocl/app.h"
#include "ocl/import.h"
#include "ocl/lines/lines.h"
#include "tasks/tasks.h"

#include <stdio.h>

/* ---- Rows (state.c) ---- */

/* What a round does next. */
#define OCL_SUB_ASK   "ask"   /* for the newest release */
#define OCL_SUB_FETCH "fetch" /* its export, which is begun */
#define OCL_SUB_LOAD  "load"  /* the first release, into a source that nobody sees yet */
#define OCL_SUB_APPLY "apply" /* what differs from the release that is here, and show it */

/* How a copy is, in one word. */
#define OCL_SUB_NEW      "new"      /* nothing was tried yet */
#define OCL_SUB_LOADING  "loading"  /* its first release is on its way */
#define OCL_SUB_UPDATING "updating" /* another one is; readers see the former */
#define OCL_SUB_CURRENT  "current"  /* it was the newest release when last asked */
#define OCL_SUB_WAITING  "waiting"  /* there is no release there yet */
#define OCL_SUB_FAILING  "failing"  /* the last round came to nothing: `problem` says why */

#define OCL_SUB_EVERY_MIN NST_SECOND
#define OCL_SUB_EVERY_MAX (INT64_C(366) * 86400 * NST_SECOND)

/* A row; its texts are of the arena that it was read with. Times in microseconds, 0: never. */
struct ocl_subscription {
    int64_t id, parent, repo, user, every;
    struct nst_str host, remote, owner_url, source; /* source null: all of the owner */
    struct nst_str phase, state, problem;
    int64_t failures, due_at, last_tried, last_success;
    struct nst_str held_version, held_tag, new_version, new_tag, file_tag, digest;
    struct nst_str since; /* the release that what is fetched differs from; null: it is whole */
    int64_t held_time, new_time; /* of the release, as the remote says */
    int64_t size, loaded;        /* bytes of the export; lines of it that are here */
};

/* Read one, or the next one behind a number (0: the first): id 0 where there is none.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_subscription_load(struct ocl_subscription *out, struct nst_arena *a,
                                               struct nst_db *db, int64_t id);
NST_CHECKED enum nst_err ocl_subscription_next(struct ocl_subscription *out, struct nst_arena *a,
                                               struct nst_db *db, int64_t behind);

/* The one with that remote address, and that owner (null: any). */
NST_CHECKED enum nst_err ocl_subscription_find(struct ocl_subscription *out, struct nst_arena *a,
                                               struct nst_db *db, struct nst_str remote,
                                               struct nst_str owner_url);

/* The one whose copy has that address here. */
NST_CHECKED enum nst_err ocl_subscription_at(struct ocl_subscription *out, struct nst_arena *a,
                                             struct nst_db *db, struct nst_str url);

/* What it copies has another address from now on, and so has what those below it copy. */
NST_CHECKED enum nst_err ocl_subscription_move(struct nst_db *db, int64_t id,
                                               struct nst_str remote);

/* Have this server look after it, and after those below it. */
NST_CHECKED enum nst_err ocl_subscription_take_over(struct nst_db *db, int64_t id);

/* For nst_store_run, at the start of a process: of the one server of an SQLite file all of them are
 * its own, whatever it was called before (its folder of tasks was lost, or the file restored). */
NST_CHECKED enum nst_err ocl_subscriptions_settle(struct nst_db *db, void *unused);

/* Add one: remote, owner_url, source, parent, user, every and host are given.
 *   s->id  set on NST_OK
 * Errors: NST_E_CONFLICT where the source here has one already, or is no copy. */
NST_CHECKED enum nst_err ocl_subscription_add(struct ocl_subscription *s, struct nst_arena *a,
                                              struct nst_db *db, int64_t now);

/* Store what rounds change of it. */
NST_CHECKED enum nst_err ocl_subscription_save(const struct ocl_subscription *s, struct nst_db *db);

/* Whether rounds of others wait on this server. */
NST_CHECKED enum nst_err ocl_subscription_has_others(bool *out, struct nst_db *db);

/* Have it looked after from now on, every so often. */
NST_CHECKED enum nst_err ocl_subscription_set_every(struct nst_db *db, int64_t id, int64_t every);

/* End it and those below it: their sources are as any other from now on, or (erases) gone for
 * good, as one that nobody has seen yet is in any case. Files go with the next sweep.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_subscription_remove(struct nst_arena *a, struct nst_db *db,
                                                 const struct ocl_subscription *s, bool erases);

/* Take a source away for good, with all that is in it. */
NST_CHECKED enum nst_err ocl_copy_erase(struct nst_arena *a, struct nst_db *db, int64_t repo);

/* Ask for a round of it now; being asked for twice is nothing. Wake the workers behind it. */
NST_CHECKED enum nst_err ocl_subscription_order(struct nst_arena *a, struct nst_db *db,
                                                const struct ocl_subscription *s, int64_t now);

/* Whether a round of it or of one below it (id 0: of any) that this server looks after goes on.
 *   message  what one of them says, in a; null: nothing */
NST_CHECKED enum nst_err ocl_subscription_goes_on(bool *out, struct nst_str *message,
                                                  struct nst_arena *a, struct nst_db *db,
                                                  int64_t id);

/* Ask for the rounds whose time has come: for struct nst_worker_options. */
void ocl_subscriptions_tend(struct nst_store *store);

/* ---- Addresses (state.c) ---- */

/* Read "https://host/orgs/X/sources/Y/", with anything before /orgs/ or /users/, or
 * "https://host/orgs/X/": remote, owner_url and source of *out, in a.
 * Returns NULL, or a sentence that says what it is not. */
const char *ocl_subscription_read(struct ocl_subscription *out, struct nst_arena *a,
                                  struct nst_str url);

/* Whether a source or a version can have that id. */
bool ocl_copy_is_id(struct nst_str id);

/* The address of the copy here, in a; of its owner where it follows all of that. */
struct nst_str ocl_subscription_url(struct nst_arena *a, const struct ocl_subscription *s);

/* ---- Files (files.c): in the folder of the workers, none of which outlives its row ---- */

#define OCL_TOKEN_MAX 8192

/* Their paths: what has come of an export so far, and a whole one, which is called after its
 * digest: that name is kept as the file of the export. In a. */
struct nst_str ocl_copy_part(struct nst_arena *a, int64_t id);
struct nst_str ocl_copy_name(struct nst_arena *a, int64_t id, struct nst_str digest);
const char *ocl_copy_path(struct nst_arena *a, struct nst_str name);

/* Keep the token for a remote, mode 0600; null: none. Returns false with errno set. */
NST_CHECKED bool ocl_copy_token_keep(struct nst_arena *a, struct nst_str folder, int64_t id,
                                     struct nst_str token);

/* The token, in a; null: there is none. */
struct nst_str ocl_copy_token(struct nst_arena *a, int64_t id);

/* The SHA-256 of a file in hex, in a; null where it cannot be read, or t is cut. Blocks. */
struct nst_str ocl_copy_digest(struct nst_arena *a, const char *path, const struct nst_task *t);

/* Remove files that no row needs: all of them, or those of one row. Blocks on the database. */
extern const struct nst_file_kind ocl_copied_files;
void ocl_copies_sweep(struct nst_str folder, struct nst_store *store);
void ocl_copy_sweep(struct nst_str folder, struct nst_store *store, int64_t id);

/* ---- The remote (remote.c) ---- */

/* A question. Its token is sent to the host of url alone: redirects are not followed. */
struct ocl_question {
    struct nst_arena *arena;
    const struct nst_task *task; /* when it is cut, so is the question */
    const char *method;          /* "GET" */
    const char *url;
    struct nst_str token; /* null: none */
    struct nst_str tag;   /* for If-None-Match; null: none */
};

/* What came; texts are of the question's arena. */
struct ocl_reply {
    long status;            /* 0: none, `problem` says why */
    struct nst_str body;    /* up to OCL_REPLY_MAX bytes */
    struct nst_str tag;     /* ETag; null: none */
    struct nst_str problem; /* a sentence: what is wrong with any status but 200 and 304 */
};

#define OCL_REPLY_MAX ((size_t)4 << 20)

/* What somebody else says, in a: what is no ASCII that can be shown is a question mark. */
struct nst_str ocl_plain(struct nst_arena *a, struct nst_str text);

/* Wait until then (nst_ticks), or until t is cut. Blocks. */
void ocl_wait_until(const struct nst_task *t, int64_t until);

/* Ask, with bounds on connecting, slowness, time and size. Blocks. */
void ocl_remote_ask(struct ocl_reply *out, const struct ocl_question *q);

/* A file that is being fetched. */
struct ocl_fetch {
    struct nst_str tag, digest; /* of what is there: ETag, SHA-256 in hex; null: not known */
    int64_t got, size;          /* bytes; size 0: not known yet */
    bool is_in_one_go;          /* it cannot go on where it was cut: no strong tag, or no ranges */
    long status;                /* 200, 206: as far as it came; else what was said */
    struct nst_str problem;     /* null: nothing is wrong, however far it came */
    bool is_full;               /* the disk is */
};

/* Fetch some of it, behind what is there, into fd, for some seconds at most: whole where got is
 * size. Blocks. */
void ocl_remote_fetch(struct ocl_fetch *f, const struct ocl_question *q, int fd);

/* ---- What differs (changes.c) ---- */

/* What has to be written so that one release becomes another: lines of an import, in files without
 * a name, one behind the other; what leaves is among them. */
#define OCL_CHANGE_FILES 4

struct ocl_changes {
    FILE *file[OCL_CHANGE_FILES];
    struct ocl_lines *lines[OCL_CHANGE_FILES]; /* NULL: none of that file */
    int64_t count;                             /* of all of them */
};

/* Two exports: open files. */
struct ocl_comparing {
    const struct ocl_subscription *s;
    int older, newer;    /* older -1: it is lost; then all is written that is in newer, and what
                            leaves is found in the store */
    struct nst_str from; /* the address that the source has in them */
};

/* Work it out.
 *   out  to be closed where true is returned
 *   why  set where false is returned: a sentence, in t->arena; null: t was cut
 * Blocks for a reading of both files; memory is 48 bytes a row. */
NST_CHECKED bool ocl_changes_open(struct ocl_changes *out, struct nst_str *why, struct nst_task *t,
                                  const struct ocl_comparing *what);
void ocl_changes_close(struct ocl_changes *c);

/* Have a line of an export say what it is about by its address here, and its ends likewise.
 *   from  the address of the source that the export names */
void ocl_copy_line(struct nst_arena *a, struct nst_json *line, struct nst_str from,
                   struct nst_str here);

/* ---- Writing (apply.c): in the transaction of a step ---- */

#define OCL_COPY_LINES 500 /* that are written at a time */

/* What is written to, by whom, from what. */
struct ocl_copying {
    struct ocl_subscription *s;
    struct nst_task *task;
    struct nst_db *db;
    struct ocl_importer *importer; /* its caller is set here */
    struct nst_arena *batch;       /* emptied for each batch of lines */
    /* What the export says of its version and its source, and the address of that there. */
    const struct nst_json *version, *source;
    struct nst_str from;
    struct nst_str problem; /* set where something is refused: a sentence, in the task's arena;
                               what was written so far has to be taken back then */
};

/* The functions below return errors of the store; of what is refused c->problem tells, and they
 * return NST_E_INVALID. */

/* Open the copy for writing, which is made first where there is none (s->repo 0): who has rights
 * on it, sees it, until it is shown or hidden again. */
NST_CHECKED enum nst_err ocl_copy_open(struct ocl_copying *c);

/* Write some lines of a first release. */
NST_CHECKED enum nst_err ocl_copy_lines(struct ocl_copying *c, struct ocl_batch *batch);

/* Nobody sees it. */
NST_CHECKED enum nst_err ocl_copy_hide(struct ocl_copying *c);

/* Write all that changes. */
NST_CHECKED enum nst_err ocl_copy_changes(struct ocl_copying *c, struct ocl_changes *changes);

/* What the source says, the version with its export, and the mark of a copy: with the end of this
 * transaction readers see all of it. */
NST_CHECKED enum nst_err ocl_copy_show(struct ocl_copying *c);

/* ---- Rounds (run.c) ---- */

extern const struct nst_task_kind ocl_subscription_task;

/* The same alone, for a process that serves nobody; NULL-terminated. */
extern const struct nst_task_kind *const ocl_subscription_kinds[];

extern const struct nst_resource ocl_subscription;

/* How old copies are, for struct nst_server_options. */
extern const struct nst_metric_source ocl_subscription_metrics;

#endif
