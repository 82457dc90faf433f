/* Members of content that both kinds have. */
#include "members.h"

#include <stdlib.h>

const struct ocl_content *ocl_shown_at(const struct nst_shown *shown, size_t place)
{
    return shown->row[place];
}

/* ---- Rows by number ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = ((const struct ocl_numbered *)a)->number;
    int64_t y = ((const struct ocl_numbered *)b)->number;
    return (x > y) - (x < y);
}

const struct ocl_numbered *ocl_number_rows(struct nst_req *rq, const struct nst_shown *shown)
{
    struct ocl_numbered *rows = NST_NEW_ARRAY(rq->arena, struct ocl_numbered, shown->count + 1);
    for (size_t i = 0; i < shown->count; i++)
        rows[i] = (struct ocl_numbered){ ocl_shown_at(shown, i)->row.id, i };
    qsort(rows, shown->count, sizeof(*rows), by_number);
    return rows;
}

size_t ocl_place_of(const struct ocl_numbered *rows, size_t count, int64_t number)
{
    const struct ocl_numbered wanted = { .number = number };
    const struct ocl_numbered *found = bsearch(&wanted, rows, count, sizeof(*rows), by_number);
    return found != NULL ? found->place : count;
}

/* ---- Rows by code ---- */

static int compare(const struct ocl_content *c, int64_t repo, struct nst_str code)
{
    return c->repo_id != repo ? (c->repo_id > repo) - (c->repo_id < repo)
                              : nst_str_cmp(c->id, code);
}

static int by_code(const void *a, const void *b)
{
    const struct ocl_content *x = *(const struct ocl_content *const *)a;
    const struct ocl_content *y = *(const struct ocl_content *const *)b;
    return compare(x, y->repo_id, y->id);
}

struct ocl_coded ocl_code_rows(struct nst_req *rq, const struct nst_shown *shown)
{
    const struct ocl_content **c =
        NST_NEW_ARRAY(rq->arena, const struct ocl_content *, shown->count + 1);
    const struct ocl_numbered *numbered = ocl_number_rows(rq, shown);
    size_t *place = NST_NEW_ARRAY(rq->arena, size_t, shown->count + 1);
    for (size_t i = 0; i < shown->count; i++)
        c[i] = ocl_shown_at(shown, i);
    qsort(c, shown->count, sizeof(const struct ocl_content *), by_code);
    for (size_t i = 0; i < shown->count; i++)
        place[i] = ocl_place_of(numbered, shown->count, c[i]->row.id);
    return (struct ocl_coded){ shown, place };
}

size_t ocl_place_of_code(const struct ocl_coded *rows, int64_t repo, struct nst_str code)
{
    size_t low = 0, high = rows->shown->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2, place = rows->place[middle];
        int order = compare(ocl_shown_at(rows->shown, place), repo, code);
        if (order == 0)
            return place;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return rows->shown->count;
}

/* ---- Conditions ---- */

void ocl_put_shown_repos(struct nst_sql *q, const char *t, const struct nst_shown *shown)
{
    size_t count = 0;
    int64_t former = 0;
    nst_sql_addf(q, " AND %s.repo_id", t);
    for (size_t i = 0; i < shown->count; i++) {
        int64_t repo = ocl_shown_at(shown, i)->repo_id;
        if (repo != former)
            nst_sql_in(q, &count, NST_INT(repo));
        former = repo;
    }
    nst_sql_in_end(q, count);
}

void ocl_put_shown(struct nst_sql *q, const char *t, const struct nst_shown *shown)
{
    size_t count = 0;
    ocl_put_shown_repos(q, t, shown);
    nst_sql_addf(q, " AND %s.id", t);
    for (size_t i = 0; i < shown->count; i++)
        nst_sql_in(q, &count, NST_INT(ocl_shown_at(shown, i)->row.id));
    nst_sql_in_end(q, count);
}

/* ---- Extras ---- */

enum nst_err ocl_make_extras(struct nst_req *rq, const struct nst_shown *shown)
{
    const struct ocl_numbered *numbered = ocl_number_rows(rq, shown);
    const char *t = shown->resource->table;
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT %s.id, %s.extras FROM %s WHERE TRUE", t, t, t);
    ocl_put_shown(&q, t, shown);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        size_t place = ocl_place_of(numbered, shown->count, nst_rows_int(rows, 0));
        struct nst_str extras = nst_rows_text(rows, 1);
        if (place < shown->count)
            shown->value[place] = extras.n > 0 ? nst_str_copy(rq->arena, extras) : NST_STR("{}");
    }
    return nst_rows_end(rows);
}

/* ---- Versions of the source ---- */

/* A version of a source that rows are shown of: a label on a revision. */
struct label {
    struct label *next;
    int64_t repo, rev;
    struct nst_str id;
};

/* Newest first. */
static enum nst_err find_labels(struct label **first, struct nst_req *rq,
                                const struct nst_shown *shown)
{
    struct nst_rows *rows;
    struct nst_sql q;
    struct label **at = first;
    *first = NULL;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT repo_id, rev, mnemonic FROM repo_version WHERE is_active");
    if (!ocl_face_of(rq)->shows_initial)
        nst_sql_add(&q, " AND mnemonic <> 'INITIAL'");
    ocl_put_shown_repos(&q, "repo_version", shown);
    nst_sql_add(&q, " ORDER BY id DESC");
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    for (; nst_rows_step(rows); at = &(*at)->next) {
        *at = NST_NEW(rq->arena, struct label);
        **at = (struct label){ NULL, nst_rows_int(rows, 0), nst_rows_int(rows, 1),
                               nst_str_copy(rq->arena, nst_rows_text(rows, 2)) };
    }
    return nst_rows_end(rows);
}

static struct nst_str labels_of(struct nst_req *rq, const struct ocl_content *c,
                                const struct label *label)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, NST_HTTP_ANSWER_MAX);
    nst_put_char(&b, '[');
    for (; label != NULL; label = label->next) {
        if (label->repo != c->repo_id || label->rev < c->rev_from || label->rev >= c->rev_to)
            continue;
        nst_put_z(&b, b.n > 1 ? "," : "");
        nst_json_put_str(&b, nst_strf(rq->arena, "%.*ssources/%.*s/%.*s/", NST_FMT(c->owner_url),
                                      NST_FMT(c->source), NST_FMT(label->id)));
    }
    nst_put_char(&b, ']');
    return nst_buf_str(&b);
}

enum nst_err ocl_make_source_versions(struct nst_req *rq, const struct nst_shown *shown)
{
    struct label *label;
    NST_TRY(find_labels(&label, rq, shown));
    for (size_t i = 0; i < shown->count; i++)
        shown->value[i] = labels_of(rq, ocl_shown_at(shown, i), label);
    return NST_OK;
}
