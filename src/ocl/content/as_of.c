/* ?asOf=: content as it stood at a revision or a time. Rows of a source have numbers in the
 * order of their revisions and times, so that the first one behind a moment is found by halving,
 * and what changed since lies behind it. */
#include "ocl/concept/concept.h"
#include "ocl/mapping/mapping.h"

#include "nestor/base/time.h"

/* Rows of one kind in one source. */
struct rows {
    struct nst_db *db;
    struct nst_arena *arena;
    const char *table;
    int64_t repo, end; /* end: behind its last number */
};

/* The first row with at least that number: its number and what `column` holds; *id is `end`
 * when there is none. */
static enum nst_err look(int64_t *id, int64_t *value, const struct rows *r, const char *column,
                         int64_t from)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, r->arena);
    nst_sql_addf(&q, "SELECT id, %s FROM %s WHERE repo_id = ", column, r->table);
    nst_sql_bind(&q, NST_INT(r->repo));
    nst_sql_add(&q, " AND id >= ");
    nst_sql_bind(&q, NST_INT(from));
    nst_sql_add(&q, " ORDER BY id LIMIT 1");
    NST_TRY(nst_sql_query(&rows, r->db, &q));
    *id = r->end;
    if (nst_rows_step(rows)) {
        *id = nst_rows_int(rows, 0);
        *value = nst_rows_int(rows, 1);
    }
    return nst_rows_end(rows);
}

/* The number of the first row whose `column`, which grows with the number, is above the
 * limit; `end` when there is none. */
static enum nst_err first_above(int64_t *out, const struct rows *r, const char *column,
                                int64_t limit)
{
    int64_t low = r->repo << OCL_NUMBER_BITS, high = r->end;
    while (low < high) {
        int64_t middle = low + (high - low) / 2, id, value = 0;
        NST_TRY(look(&id, &value, r, column, middle));
        if (id >= high || value > limit)
            high = middle;
        else
            low = id + 1;
    }
    *out = low;
    return NST_OK;
}

/* The revision of the last row of a kind that was there at a time; 0: none was. */
static enum nst_err last_until(int64_t *rev, const struct rows *r, int64_t time)
{
    struct nst_sql q;
    int64_t first;
    NST_TRY(first_above(&first, r, "version_created_at", time));
    *rev = 0;
    nst_sql_init(&q, r->arena);
    nst_sql_addf(&q, "SELECT rev_from FROM %s WHERE repo_id = ", r->table);
    nst_sql_bind(&q, NST_INT(r->repo));
    nst_sql_add(&q, " AND id < ");
    nst_sql_bind(&q, NST_INT(first));
    nst_sql_add(&q, " ORDER BY id DESC LIMIT 1");
    return nst_sql_int(rev, NULL, r->db, &q);
}

static struct rows rows_of(struct nst_req *rq, const struct ocl_source *s, const char *t)
{
    return (struct rows){ .db = rq->db,
                          .arena = rq->arena,
                          .table = t,
                          .repo = s->row.id,
                          .end = (s->row.id << OCL_NUMBER_BITS) + s->next_number };
}

/* The revision that was present at a time, whatever kind of content made it. */
static enum nst_err revision_at(int64_t *rev, struct nst_req *rq, const struct ocl_source *s,
                                int64_t time)
{
    const char *const table[] = { ocl_concept.table, ocl_mapping.table };
    *rev = time >= s->content_at ? s->rev : 0;
    for (size_t i = 0; *rev < s->rev && i < NST_COUNT(table); i++) {
        const struct rows r = rows_of(rq, s, table[i]);
        int64_t last;
        NST_TRY(last_until(&last, &r, time));
        *rev = last > *rev ? last : *rev;
    }
    return NST_OK;
}

/* ---- What the query says ---- */

#define PARAMETER "asOf"

static const struct ocl_moment_parameter as_of = {
    PARAMETER, "No revision, no time such as 2026-01-31T12:00:00Z."
};

static struct nst_str asked(struct nst_req *rq)
{
    return rq->method == NST_GET ? nst_query_value(rq, PARAMETER) : (struct nst_str){ 0 };
}

static bool is_number(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0 && s.n < 19;
}

enum nst_err ocl_read_moment(int64_t *rev, struct nst_req *rq, const struct ocl_source *s,
                             const struct ocl_moment_parameter *p)
{
    struct nst_str text = nst_query_value(rq, p->name);
    int64_t time;
    if (!is_number(text) && nst_time_parse_query(&time, text))
        return revision_at(rev, rq, s, time);
    if (!is_number(text))
        return nst_fail(rq, NST_E_INVALID, p->name, nst_str_z(p->unreadable));
    *rev = 0;
    for (size_t i = 0; i < text.n; i++)
        *rev = *rev * 10 + (text.p[i] - '0');
    if (*rev > s->rev)
        return nst_fail(rq, NST_E_INVALID, p->name,
                        nst_strf(rq->arena, "The source is at revision %lld.", (long long)s->rev));
    return NST_OK;
}

enum nst_err ocl_refuse_moment(struct nst_req *rq)
{
    if (asked(rq).n == 0)
        return NST_OK;
    bool is_version = nst_ancestor(rq, "version") != NULL;
    return nst_fail(rq, NST_E_INVALID, PARAMETER,
                    is_version ? NST_STR("A version of a source does not change: leave it out, or "
                                         "ask the source.")
                               : NST_STR("Revisions are those of one source: ask a source for its "
                                         "content."));
}

enum nst_err ocl_moment(int64_t *rev, struct nst_req *rq, const struct ocl_source *s)
{
    *rev = -1;
    if (rq->as_of > 0)
        *rev = rq->as_of - 1;
    else if (asked(rq).n > 0)
        return ocl_read_moment(rev, rq, s, &as_of);
    return NST_OK;
}

enum nst_err ocl_first_after(int64_t *number, struct nst_req *rq, const struct ocl_source *s,
                             const char *t, int64_t rev)
{
    const struct rows r = rows_of(rq, s, t);
    return first_above(number, &r, "rev_from", rev);
}

enum nst_err ocl_first_since(int64_t *number, struct nst_req *rq, const struct ocl_source *s,
                             const char *t, int64_t time)
{
    const struct rows r = rows_of(rq, s, t);
    return first_above(number, &r, "version_created_at", time - 1);
}

/* ---- How much there was ---- */

/* What the versions behind a row have added to the counts. */
static enum nst_err added_since(struct ocl_count *out, const struct rows *r, int64_t first)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, r->arena);
    nst_sql_addf(&q,
                 "SELECT count(*) - count(v.previous_id), "
                 "count(CASE WHEN NOT v.retired THEN 1 END) "
                 "- count(CASE WHEN NOT p.retired THEN 1 END) "
                 "FROM %s v LEFT JOIN %s p ON p.repo_id = v.repo_id AND p.id = v.previous_id "
                 "WHERE v.repo_id = ",
                 r->table, r->table);
    nst_sql_bind(&q, NST_INT(r->repo));
    nst_sql_add(&q, " AND v.id >= ");
    nst_sql_bind(&q, NST_INT(first));
    NST_TRY(nst_sql_query(&rows, r->db, &q));
    if (nst_rows_step(rows))
        *out = (struct ocl_count){ nst_rows_int(rows, 0), nst_rows_int(rows, 1), 0 };
    return nst_rows_end(rows);
}

enum nst_err ocl_count_at(struct ocl_count *out, struct nst_req *rq, const struct ocl_source *s,
                          const struct ocl_kind *kind, int64_t rev)
{
    const struct rows r = rows_of(rq, s, kind->resource->table);
    struct ocl_count since = { 0 };
    int64_t first;
    NST_TRY(first_above(&first, &r, "rev_from", rev));
    NST_TRY(added_since(&since, &r, first));
    *out = s->count[kind->counted];
    out->all -= since.all;
    out->active -= since.active;
    return NST_OK;
}
