/* Undoing content, by its revisions: a run after another, the newest first. A step is about one
 * source, which it holds. A version counts as the import's own where its revision is one of the
 * runs that were kept when it was made, those of undoing included. */
#include "undo.h"

#include "ocl/concept/concept.h"
#include "ocl/mapping/mapping.h"

#define ROWS_AT_ONCE  100 /* that a step goes back over */
#define AGAIN_AT_ONCE 50

#define KINDS 2
static const struct ocl_kind *const kinds[KINDS] = { &ocl_mapping_kind, &ocl_concept_kind };

#define MENDED     "Mend that, and undo the import again."
#define BY_WHO_MAY "Have it undone by somebody who may."

/* ---- The source of a step ---- */

struct home {
    struct ocl_source source; /* its numbers alone */
    struct nst_str url;
    bool is_there, is_open;
};

static enum nst_err hold_source(struct home *h, struct ocl_undo *u, int64_t repo)
{
    struct nst_sql q;
    struct nst_rows *rows;
    *h = (struct home){ 0 };
    nst_sql_init(&q, u->task->arena);
    nst_sql_add(&q, "SELECT rev, next_number, is_active AND owner_is_active, " OCL_ADDRESS(
                        "repo") " FROM repo WHERE id = ");
    nst_sql_bind(&q, NST_INT(repo));
    nst_sql_hold(&q, u->db, "repo");
    NST_TRY(nst_sql_query(&rows, u->db, &q));
    if (nst_rows_step(rows)) {
        h->source.row.id = repo;
        h->source.rev = nst_rows_int(rows, 0);
        h->source.next_number = nst_rows_int(rows, 1);
        h->is_open = nst_rows_bool(rows, 2);
        h->url = nst_str_copy(u->task->arena, nst_rows_text(rows, 3));
        h->is_there = true;
    }
    return nst_rows_end(rows);
}

static enum nst_err leave_source(struct ocl_undo *u, const struct home *h, const char *reason,
                                 const char *remedy)
{
    return ocl_left_keep(u, &(struct ocl_left){ .url = h->url,
                                                .type = "Source",
                                                .reason = nst_str_z(reason),
                                                .remedy = remedy });
}

/* ---- One version that the import made ---- */

struct version {
    int64_t id, object, rev, previous; /* previous 0: none */
    struct nst_str code;
    bool is_first; /* the one before it is not the import's */
};

/* Of the version v: made by the import, or by undoing it. */
#define IS_OURS(v, task) \
    "EXISTS (SELECT 1 FROM import_run o WHERE o.task_id = " task " AND o.repo_id = " v \
    ".repo_id AND o.rev_from <= " v ".rev_from AND o.rev_to > " v ".rev_from)"

/* Who changed it last behind that version, but for the import; null: nobody did. What this step
 * made is behind the revision that it began with. */
static enum nst_err find_other(struct ocl_left *left, struct ocl_undo *u, const struct home *h,
                               const struct version *v)
{
    const struct ocl_kind *kind = kinds[left->kind];
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, u->arena);
    nst_sql_push(&q, NST_INT(u->import));
    nst_sql_addf(&q,
                 "SELECT coalesce(" OCL_NAME_OF(
                     "v.version_created_by") ", ''), "
                                             "v.version_created_at FROM %s v WHERE NOT " IS_OURS(
                                                 "v", "$1") " AND v.%s = ",
                 kind->resource->table, kind->object);
    nst_sql_bind(&q, NST_INT(v->object));
    nst_sql_add(&q, " AND v.mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(v->code));
    nst_sql_add(&q, " AND v.repo_id = ");
    nst_sql_bind(&q, NST_INT(h->source.row.id));
    nst_sql_add(&q, " AND v.rev_from > ");
    nst_sql_bind(&q, NST_INT(v->rev));
    nst_sql_add(&q, " AND v.rev_from <= ");
    nst_sql_bind(&q, NST_INT(h->source.rev));
    nst_sql_add(&q, " ORDER BY v.rev_from DESC LIMIT 1");
    NST_TRY(nst_sql_query(&rows, u->db, &q));
    if (nst_rows_step(rows)) {
        left->who = nst_str_copy(u->arena, nst_rows_text(rows, 0));
        left->when = nst_rows_int(rows, 1);
    }
    return nst_rows_end(rows);
}

static struct nst_json *ask_for(struct ocl_undo *u, const struct version *v)
{
    struct nst_json *body;
    struct nst_buf b;
    nst_buf_init(&b, u->arena, SIZE_MAX);
    nst_putf(&b, "{\"version\":%lld,\"update_comment\":", (long long)v->previous);
    nst_json_put_str(&b, nst_strf(u->arena, "Undo of import %.*s", NST_FMT(u->key)));
    nst_put_char(&b, '}');
    return nst_json_read(&body, NULL, u->arena, nst_buf_str(&b), NULL) == NST_OK ? body : NULL;
}

/* It is done; what was left before is not any more. */
static enum nst_err take_back(struct ocl_undo *u, const struct ocl_left *left, unsigned status)
{
    u->place.restored += status == 200;
    u->place.erased += status == 204;
    if (u->place.pass == 0)
        return NST_OK;
    u->place.got_on++;
    return ocl_left_drop(u, left->url);
}

/* What is said of a version that a request did not take back. */
static enum nst_err leave_refused(struct ocl_undo *u, struct ocl_left *left,
                                  const struct nst_req *rq, enum nst_err why,
                                  const struct version *v)
{
    if (why == NST_E_NOT_FOUND) {
        left->reason = NST_STR("It leads to a source that is hidden from you.");
        left->remedy = BY_WHO_MAY;
        return ocl_left_keep(u, left);
    }
    left->errors = nst_buf_str(&rq->x->out);
    left->reason = ocl_left_reason(u->arena, left->errors);
    left->remedy = MENDED;
    left->row = v->id;
    return ocl_left_keep(u, left);
}

/* Rights are missing, or the source is hidden: the others of it would be refused, too. */
static bool is_barring(enum nst_err why, const struct nst_req *rq, const struct ocl_kind *kind)
{
    bool is_hidden = why == NST_E_NOT_FOUND && rq->missing != NULL &&
                     !nst_str_eq(nst_str_z(rq->missing), nst_str_z(kind->noun));
    return why == NST_E_FORBIDDEN || why == NST_E_UNAUTHENTICATED || is_hidden;
}

/* Take one back, or say why not.
 *   is_barred  set where the caller may not change the source at all */
static enum nst_err undo_version(bool *is_barred, struct ocl_undo *u, const struct home *h,
                                 const struct version *v)
{
    const struct ocl_kind *kind = kinds[u->place.kind];
    const char *list = nst_strf(u->arena, "%ss/", kind->noun).p;
    struct ocl_left left = { .url = ocl_undo_path(u->arena, h->url, list, v->code),
                             .type = kind->word,
                             .kind = u->place.kind,
                             .repo = h->source.row.id };
    struct ocl_undo_ask ask = { NST_PUT, left.url, ask_for(u, v), NST_OK };
    struct nst_req rq;
    *is_barred = false;
    NST_TRY(find_other(&left, u, h, v));
    if (left.who.p != NULL) {
        left.reason = NST_STR("It was changed since.");
        left.remedy = "Change it by hand, if it is to be another.";
        return ocl_left_keep(u, &left);
    }
    NST_TRY(ocl_undo_call(&rq, &ask, u));
    *is_barred = is_barring(ask.why, &rq, kind);
    if (ask.why == NST_OK)
        return take_back(u, &left, rq.x->status);
    return *is_barred ? NST_OK : leave_refused(u, &left, &rq, ask.why, v);
}

static enum nst_err undo_versions(bool *is_barred, struct ocl_undo *u, const struct home *h,
                                  const struct version *v, size_t n)
{
    *is_barred = false;
    for (size_t i = 0; i < n && !*is_barred; i++) {
        nst_arena_reset(u->arena);
        if (v[i].is_first)
            NST_TRY(undo_version(is_barred, u, h, &v[i]));
    }
    if (*is_barred)
        NST_TRY(leave_source(u, h, "You may not change it any more.", BY_WHO_MAY));
    return ocl_run_keep(u->db, u->import, true,
                        &(struct ocl_touched){ NULL, h->source.row.id, h->source.rev });
}

/* ---- Content: a run of revisions after another ---- */

/* Rows below the number `behind`, the newest first. */
static void put_versions(struct nst_sql *q, const struct ocl_undo *u, const struct ocl_kind *kind,
                         int64_t repo)
{
    nst_sql_init(q, u->task->arena);
    nst_sql_push(q, NST_INT(u->import));
    nst_sql_addf(
        q,
        "SELECT v.id, v.%s, v.rev_from, coalesce(v.previous_id, 0), v.mnemonic, "
        "CASE WHEN p.id IS NOT NULL AND " IS_OURS(
            "p", "$1") " THEN 0 ELSE 1 END "
                       "FROM %s v LEFT JOIN %s p ON p.repo_id = v.repo_id AND p.id = v.previous_id "
                       "WHERE v.repo_id = ",
        kind->object, kind->resource->table, kind->resource->table);
    nst_sql_bind(q, NST_INT(repo));
}

static enum nst_err read_versions(struct version *v, size_t *n, struct ocl_undo *u,
                                  struct nst_sql *q)
{
    struct nst_rows *rows;
    NST_TRY(nst_sql_query(&rows, u->db, q));
    while (nst_rows_step(rows)) {
        v[*n] = (struct version){ nst_rows_int(rows, 0),
                                  nst_rows_int(rows, 1),
                                  nst_rows_int(rows, 2),
                                  nst_rows_int(rows, 3),
                                  nst_str_copy(u->task->arena, nst_rows_text(rows, 4)),
                                  nst_rows_int(rows, 5) == 1 };
        ++*n;
    }
    return nst_rows_end(rows);
}

/* The next run before the last one; none: the stage is over. */
static enum nst_err find_run(bool *found, struct ocl_undo *u)
{
    struct ocl_undo_place *p = &u->place;
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, u->db,
                           "SELECT repo_id, rev_from, rev_to FROM import_run WHERE task_id = $1 "
                           "AND NOT is_undo AND (repo_id, rev_from) < ($2, $3) "
                           "ORDER BY repo_id DESC, rev_from DESC LIMIT 1",
                           NST_INT(u->import), NST_INT(p->repo), NST_INT(p->rev)));
    *found = nst_rows_step(rows);
    if (*found) {
        p->repo = nst_rows_int(rows, 0);
        p->rev = nst_rows_int(rows, 1);
        p->rev_to = nst_rows_int(rows, 2);
        p->kind = p->behind = 0;
        p->is_in_run = 1;
    }
    return nst_rows_end(rows);
}

/* Numbers grow with revisions. */
static enum nst_err find_numbers(struct ocl_undo *u, const struct home *h)
{
    struct ocl_undo_place *p = &u->place;
    struct nst_req rq = { .arena = u->task->arena, .db = u->db };
    const char *table = kinds[p->kind]->resource->table;
    if (p->behind != 0)
        return NST_OK;
    NST_TRY(ocl_first_after(&p->first, &rq, &h->source, table, p->rev - 1));
    return ocl_first_after(&p->behind, &rq, &h->source, table, p->rev_to - 1);
}

static void next_kind(struct ocl_undo_place *p)
{
    p->behind = 0;
    p->kind++;
    p->is_in_run = p->kind < KINDS;
}

static enum nst_err undo_rows(struct ocl_undo *u, const struct home *h)
{
    struct ocl_undo_place *p = &u->place;
    struct version *v = NST_NEW_ARRAY(u->task->arena, struct version, ROWS_AT_ONCE);
    struct nst_sql q;
    size_t n = 0;
    bool is_barred;
    NST_TRY(find_numbers(u, h));
    put_versions(&q, u, kinds[p->kind], h->source.row.id);
    nst_sql_add(&q, " AND v.id >= ");
    nst_sql_bind(&q, NST_INT(p->first));
    nst_sql_add(&q, " AND v.id < ");
    nst_sql_bind(&q, NST_INT(p->behind));
    nst_sql_add(&q, " ORDER BY v.id DESC LIMIT " NST_DIGITS(ROWS_AT_ONCE));
    NST_TRY(read_versions(v, &n, u, &q));
    NST_TRY(undo_versions(&is_barred, u, h, v, n));
    p->done += (int64_t)n;
    if (is_barred)
        p->is_in_run = 0;
    else if (n < ROWS_AT_ONCE)
        next_kind(p);
    else
        p->behind = v[n - 1].id;
    return NST_OK;
}

/* Nobody sees what is in it; what the import created with the source went with it. */
static enum nst_err leave_closed(struct ocl_undo *u, const struct home *h)
{
    bool is_own;
    NST_TRY(nst_exists_with(&is_own, u->db,
                            "SELECT 1 FROM import_made WHERE task_id = $1 AND row_id = $2 "
                            "AND type = 'Source' AND did = '" OCL_DID_CREATE "'",
                            NST_INT(u->import), NST_INT(h->source.row.id)));
    return is_own ? NST_OK
                  : leave_source(u, h, "It was deleted since, or its owner was.",
                                 "Nobody sees what is in it: there is nothing to do.");
}

enum nst_err ocl_undo_content(bool *is_over, struct ocl_undo *u, const char *unused)
{
    struct home h;
    bool found = true;
    (void)unused;
    if (u->place.is_in_run == 0)
        NST_TRY(find_run(&found, u));
    *is_over = !found;
    if (!found)
        return NST_OK;
    NST_TRY(hold_source(&h, u, u->place.repo));
    if (h.is_open)
        return undo_rows(u, &h);
    u->place.is_in_run = 0;
    return h.is_there ? leave_closed(u, &h) : NST_OK;
}

/* ---- Once more: what stood in the way may be gone ---- */

static enum nst_err next_pass(bool *is_over, struct ocl_undo_place *p)
{
    *is_over = p->pass > 0 && p->got_on == 0;
    p->pass++;
    p->at = p->got_on = 0;
    return NST_OK;
}

/* The numbers of versions of this pass that are of one source and kind. */
static enum nst_err find_again(struct nst_sql *in, int64_t *repo, struct ocl_undo *u)
{
    struct ocl_undo_place *p = &u->place;
    struct nst_rows *rows;
    size_t n = 0;
    *repo = 0;
    NST_TRY(nst_query_with(&rows, u->db,
                           "SELECT at, kind, repo_id, row_id FROM import_left WHERE task_id = $1 "
                           "AND pass = $2 AND at > $3 ORDER BY at LIMIT " NST_DIGITS(AGAIN_AT_ONCE),
                           NST_INT(u->task->id), NST_INT(p->pass), NST_INT(p->at)));
    while (nst_rows_step(rows)) {
        if (*repo != 0 && (nst_rows_int(rows, 2) != *repo || nst_rows_int(rows, 1) != p->kind))
            break;
        *repo = nst_rows_int(rows, 2);
        p->at = nst_rows_int(rows, 0);
        p->kind = nst_rows_int(rows, 1);
        if (n == 0)
            put_versions(in, u, kinds[p->kind], *repo);
        if (n == 0)
            nst_sql_add(in, " AND v.id");
        nst_sql_in(in, &n, NST_INT(nst_rows_int(rows, 3)));
    }
    if (n > 0)
        nst_sql_add(in, ") ORDER BY v.id DESC");
    return nst_rows_end(rows);
}

enum nst_err ocl_undo_again(bool *is_over, struct ocl_undo *u, const char *unused)
{
    struct version *v = NST_NEW_ARRAY(u->task->arena, struct version, AGAIN_AT_ONCE);
    struct nst_sql q;
    struct home h;
    int64_t repo;
    size_t n = 0;
    bool is_barred;
    (void)unused;
    *is_over = false;
    NST_TRY(find_again(&q, &repo, u));
    if (repo == 0)
        return next_pass(is_over, &u->place);
    NST_TRY(hold_source(&h, u, repo));
    if (!h.is_open)
        return NST_OK;
    NST_TRY(read_versions(v, &n, u, &q));
    return undo_versions(&is_barred, u, &h, v, n);
}
