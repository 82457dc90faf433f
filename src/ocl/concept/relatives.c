/* Concepts above and below those of a page, inside of them (V245): of all by one statement, and
 * of the way up by one a level. They are of the state that the page is of. */
#include "family.h"

#include "ocl/array.h"
#include "ocl/content/members.h"
#include "ocl/version/version.h"

#include <stdlib.h>

#define TABLE "concept_version"

/* ---- Which edges count ---- */

/* " AND ..." over concept_parent e: the edges of the state. */
static enum nst_err put_state(struct nst_sql *q, struct nst_req *rq)
{
    const struct nst_object *version = nst_ancestor(rq, "version");
    const struct nst_object *source = nst_ancestor(rq, "source");
    int64_t rev = -1;
    if (version != NULL)
        rev = ((const struct ocl_version *)version->row)->rev;
    else if (source != NULL)
        NST_TRY(ocl_moment(&rev, rq, source->row));
    ocl_put_moment(q, "e", rev);
    return NST_OK;
}

static void put_codes(struct nst_sql *q, const char *column, const struct nst_str *code, size_t n)
{
    size_t count = 0;
    nst_sql_addf(q, " AND e.%s", column);
    for (size_t i = 0; i < n; i++)
        if (code[i].n > 0)
            nst_sql_in(q, &count, NST_TEXT(code[i]));
    nst_sql_in_end(q, count);
}

static struct nst_str *codes_of(struct nst_req *rq, const struct nst_shown *shown)
{
    struct nst_str *code = NST_NEW_ARRAY(rq->arena, struct nst_str, shown->count + 1);
    for (size_t i = 0; i < shown->count; i++)
        code[i] = ocl_shown_at(shown, i)->id;
    return code;
}

/* ---- Parents and children ---- */

/* A relative of some concept of the page, as JSON. */
struct relative {
    int64_t repo;
    struct nst_str code, json;
};

struct list {
    struct nst_req *rq;
    const struct nst_shown *shown;
    const struct ocl_relatives *r;
    struct relative *one;
    size_t count, room;
};

static int by_code(const void *a, const void *b)
{
    const struct relative *x = a, *y = b;
    return x->repo != y->repo ? (x->repo > y->repo) - (x->repo < y->repo)
                              : nst_str_cmp(x->code, y->code);
}

static void take(void *arg, const void *row, struct nst_str json)
{
    struct list *l = arg;
    const struct ocl_content *c = row;
    struct nst_arena *a = l->rq->arena;
    if (l->count == l->room) {
        l->room = l->room * 2 + 16;
        struct relative *more = NST_NEW_ARRAY(a, struct relative, l->room);
        if (l->count > 0)
            memcpy(more, l->one, l->count * sizeof(*more));
        l->one = more;
    }
    l->one[l->count++] =
        (struct relative){ c->repo_id, nst_str_copy(a, c->id), nst_str_copy(a, json) };
}

/* " FROM concept_parent e WHERE ...": the edges from the concepts of the page. */
static enum nst_err put_edges(struct nst_sql *q, const struct list *l)
{
    nst_sql_add(q, " FROM concept_parent e WHERE TRUE");
    ocl_put_shown_repos(q, "e", l->shown);
    put_codes(q, l->r->of, codes_of(l->rq, l->shown), l->shown->count);
    return put_state(q, l->rq);
}

/* Whoever may see a concept may see its relatives: they are of its source. */
static enum nst_err find_relatives(struct list *l)
{
    const struct nst_object *version = nst_ancestor(l->rq, "version");
    const struct nst_object *source = nst_ancestor(l->rq, "source");
    struct nst_sql q;
    const struct nst_inner inner = { .resource = &ocl_concept,
                                     .set = l->shown->set,
                                     .use = NST_DETAIL,
                                     .conditions = &q,
                                     .limit = INT64_MAX,
                                     .is_judged = true,
                                     .take = take,
                                     .arg = l };
    nst_sql_init(&q, l->rq->arena);
    ocl_put_shown_repos(&q, TABLE, l->shown);
    nst_sql_addf(&q, " AND (" TABLE ".repo_id, " TABLE ".mnemonic) IN (SELECT e.repo_id, e.%s",
                 l->r->are);
    NST_TRY(put_edges(&q, l));
    nst_sql_add(&q, ")");
    if (version != NULL)
        ocl_put_said(&q, version);
    NST_TRY(version != NULL ? ocl_held_scope(&q, l->rq, version, TABLE)
                            : ocl_present_scope(&q, l->rq, source, TABLE));
    return nst_each_row(l->rq, &inner);
}

/* Give each concept its relatives, in the order of their codes. */
static enum nst_err deal_out(const struct list *l, struct nst_buf *out)
{
    const struct ocl_coded coded = ocl_code_rows(l->rq, l->shown);
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, l->rq->arena);
    nst_sql_addf(&q, "SELECT e.repo_id, e.%s, e.%s", l->r->of, l->r->are);
    NST_TRY(put_edges(&q, l));
    nst_sql_addf(&q, " ORDER BY e.%s", l->r->are);
    NST_TRY(nst_sql_query(&rows, l->rq->db, &q));
    while (nst_rows_step(rows)) {
        const struct relative key = { .repo = nst_rows_int(rows, 0),
                                      .code = nst_rows_text(rows, 2) };
        const struct relative *found =
            l->count > 0 ? bsearch(&key, l->one, l->count, sizeof(key), by_code) : NULL;
        size_t place = ocl_place_of_code(&coded, key.repo, nst_rows_text(rows, 1));
        if (found != NULL && place < l->shown->count)
            ocl_array_add(&out[place], found->json);
    }
    return nst_rows_end(rows);
}

static enum nst_err make_lists(struct nst_req *rq, const struct nst_shown *shown,
                               const struct ocl_relatives *r)
{
    struct list l = { .rq = rq, .shown = shown, .r = r };
    struct nst_buf *out = ocl_arrays_begin(rq, shown->count);
    NST_TRY(find_relatives(&l));
    if (l.count > 0)
        qsort(l.one, l.count, sizeof(*l.one), by_code);
    NST_TRY(deal_out(&l, out));
    ocl_arrays_end(shown, out);
    return NST_OK;
}

enum nst_err ocl_make_parents(struct nst_req *rq, const struct nst_shown *shown)
{
    return make_lists(rq, shown, &ocl_parents);
}

enum nst_err ocl_make_children(struct nst_req *rq, const struct nst_shown *shown)
{
    return make_lists(rq, shown, &ocl_children);
}

/* ---- Their addresses ---- */

static struct nst_str home_of(struct nst_req *rq, const struct ocl_content *c)
{
    return ocl_source_url(rq->arena, c->owner_url, c->source);
}

static enum nst_err make_urls(struct nst_req *rq, const struct nst_shown *shown, const char *codes)
{
    const struct ocl_numbered *numbered = ocl_number_rows(rq, shown);
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT v.id, %s FROM concept_version v WHERE TRUE", codes);
    ocl_put_shown(&q, "v", shown);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        size_t place = ocl_place_of(numbered, shown->count, nst_rows_int(rows, 0));
        struct nst_buf b;
        if (place == shown->count)
            continue;
        nst_buf_init(&b, rq->arena, NST_HTTP_ANSWER_MAX);
        ocl_put_concept_urls(&b, home_of(rq, ocl_shown_at(shown, place)), nst_rows_text(rows, 1));
        shown->value[place] = nst_buf_str(&b);
    }
    return nst_rows_end(rows);
}

enum nst_err ocl_make_parent_urls(struct nst_req *rq, const struct nst_shown *shown)
{
    return make_urls(rq, shown, "v.parents");
}

enum nst_err ocl_make_child_urls(struct nst_req *rq, const struct nst_shown *shown)
{
    return make_urls(rq, shown, OCL_CHILDREN("v"));
}

/* ---- The way up ---- */

/* The ways of the concepts of a page: codes, a line each, the topmost first. */
struct ways {
    const struct nst_shown *shown;
    struct nst_str *code; /* where each has come to; empty: to its end */
    struct nst_str *lines;
    size_t count; /* that go on */
};

static void go_on(struct ways *w, struct nst_req *rq, struct nst_rows *rows, struct nst_str *next)
{
    struct nst_str child = nst_rows_text(rows, 1), parent = nst_rows_text(rows, 2);
    for (size_t i = 0; i < w->shown->count; i++) {
        if (ocl_shown_at(w->shown, i)->repo_id != nst_rows_int(rows, 0) ||
            !nst_str_eq(w->code[i], child))
            continue;
        next[i] = nst_str_copy(rq->arena, parent);
        w->lines[i] = w->lines[i].n == 0 ? next[i]
                                         : nst_strf(rq->arena, "%.*s\n%.*s", NST_FMT(next[i]),
                                                    NST_FMT(w->lines[i]));
        w->count++;
    }
}

/* One level up: of several parents the first by its code. */
static enum nst_err step_up(struct ways *w, struct nst_req *rq)
{
    struct nst_str *next = NST_NEW_ARRAY(rq->arena, struct nst_str, w->shown->count + 1);
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT e.repo_id, e.child, min(e.parent) FROM concept_parent e WHERE TRUE");
    ocl_put_shown_repos(&q, "e", w->shown);
    put_codes(&q, "child", w->code, w->shown->count);
    NST_TRY(put_state(&q, rq));
    nst_sql_add(&q, " GROUP BY e.repo_id, e.child");
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    w->count = 0;
    while (nst_rows_step(rows))
        go_on(w, rq, rows, next);
    w->code = next;
    return nst_rows_end(rows);
}

static void put_way(struct nst_buf *out, struct nst_str home, struct nst_str lines)
{
    nst_put_char(out, '[');
    for (bool is_first = true; lines.n > 0; is_first = false) {
        nst_put_z(out, is_first ? "" : ",");
        nst_json_put_str(out, ocl_concept_url(out->arena, home, nst_str_cut(&lines, '\n')));
    }
    nst_put_char(out, ']');
}

/* No concept is below itself, so that each way ends. */
enum nst_err ocl_make_path(struct nst_req *rq, const struct nst_shown *shown)
{
    struct ways w = { shown, codes_of(rq, shown),
                      NST_NEW_ARRAY(rq->arena, struct nst_str, shown->count + 1), shown->count };
    while (w.count > 0)
        NST_TRY(step_up(&w, rq));
    for (size_t i = 0; i < shown->count; i++) {
        struct nst_buf b;
        nst_buf_init(&b, rq->arena, NST_HTTP_ANSWER_MAX);
        put_way(&b, home_of(rq, ocl_shown_at(shown, i)), w.lines[i]);
        shown->value[i] = nst_buf_str(&b);
    }
    return NST_OK;
}
