/* Tombstones (V902): a row of its own for each thing that is erased, since erasing leaves nothing
 * that would tell. One stays when its id is given again: who holds the former thing learns that it
 * went, and takes the new one from the rows. */
#include "tombstone.h"

#include "ocl/concept/concept.h"
#include "ocl/mapping/mapping.h"

#include "nestor/base/time.h"

enum nst_err ocl_bury(struct nst_req *rq, const struct ocl_kind *kind,
                      const struct ocl_content *former, int64_t made_rev,
                      const struct ocl_change *change)
{
    int64_t end[2] = { 0, 0 };
    if (kind->ends != NULL)
        kind->ends(end, former);
    return nst_exec_with(NULL, rq->db,
                         "INSERT INTO tombstone (repo_id, id, kind, mnemonic, made_rev, rev, "
                         "removed_at, from_source_id, to_source_id) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                         NST_INT(former->repo_id), NST_INT(change->number),
                         NST_TEXT(nst_str_z(kind->word)), NST_TEXT(former->id), NST_INT(made_rev),
                         NST_INT(change->rev), NST_INT(change->at), NST_INT(end[0]),
                         NST_INT(end[1]));
}

/* The number of the first whose column is at least that; both grow together. */
static enum nst_err find_first(int64_t *number, struct nst_req *rq, int64_t repo,
                               const char *column, int64_t least)
{
    struct nst_sql q;
    bool found;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id FROM tombstone WHERE repo_id = ");
    nst_sql_bind(&q, NST_INT(repo));
    nst_sql_addf(&q, " AND %s >= ", column);
    nst_sql_bind(&q, NST_INT(least));
    nst_sql_addf(&q, " ORDER BY %s, id LIMIT 1", column);
    NST_TRY(nst_sql_int(number, &found, rq->db, &q));
    *number = found ? *number : INT64_MAX;
    return NST_OK;
}

enum nst_err ocl_first_buried(int64_t *number, struct nst_req *rq, int64_t repo, int64_t time)
{
    return find_first(number, rq, repo, "removed_at", time);
}

enum nst_err ocl_first_buried_after(int64_t *number, struct nst_req *rq, int64_t repo, int64_t rev)
{
    return find_first(number, rq, repo, "rev", rev + 1);
}

/* ---- Telling ---- */

/* Columns of put_select. */
enum { NUMBER, KIND, CODE, REMOVED_AT };

static const struct ocl_end_columns ends = { "tombstone.repo_id", "tombstone.from_source_id",
                                             "tombstone.to_source_id" };

void ocl_tombstones_from(struct nst_sql *q, struct nst_req *rq, int64_t repo, int64_t first,
                         int64_t behind)
{
    nst_sql_add(q, " FROM tombstone WHERE repo_id = ");
    nst_sql_bind(q, NST_INT(repo));
    nst_sql_add(q, " AND id >= ");
    nst_sql_bind(q, NST_INT(first));
    nst_sql_add(q, " AND id < ");
    nst_sql_bind(q, NST_INT(behind));
    ocl_ends_visible_in(q, rq, &ends);
}

static void put_select(struct nst_sql *q, struct nst_req *rq, const struct ocl_graves *which)
{
    nst_sql_init(q, rq->arena);
    nst_sql_add(q, "SELECT id, kind, mnemonic, removed_at");
    ocl_tombstones_from(q, rq, which->repo, which->first, which->behind);
    nst_sql_add(q, " ORDER BY id DESC LIMIT ");
    nst_sql_bind(q, NST_INT(which->limit));
    nst_sql_add(q, " OFFSET ");
    nst_sql_bind(q, NST_INT(which->offset));
}

/* In addresses: "concept". */
static const char *noun_of(struct nst_str word)
{
    static const struct ocl_kind *const kinds[] = { &ocl_concept_kind, &ocl_mapping_kind, NULL };
    const struct ocl_kind *const *k = kinds;
    while (k[1] != NULL && !nst_str_eq(nst_str_z((*k)->word), word))
        k++;
    return (*k)->noun;
}

static void put_tombstone(struct nst_buf *out, struct nst_req *rq, struct nst_rows *rows)
{
    struct nst_str word = nst_rows_text(rows, KIND), code = nst_rows_text(rows, CODE);
    nst_putf(out, "{\"type\":\"%.*s\",\"id\":", NST_FMT(word));
    nst_json_put_str(out, code);
    nst_put_lit(out, ",\"url\":\"");
    nst_put(out, ocl_home_url(rq));
    nst_putf(out, "%ss/", noun_of(word));
    nst_put_percent(out, code, "");
    nst_put_lit(out, "/\",\"removed_on\":\"");
    nst_put_time(out, nst_rows_int(rows, REMOVED_AT), rq->face->time);
    nst_put_lit(out, "\"}");
}

enum nst_err ocl_put_tombstones(struct nst_buf *out, int64_t *last, int64_t *count,
                                struct nst_req *rq, const struct ocl_graves *which)
{
    struct nst_sql q;
    struct nst_rows *rows;
    *count = 0;
    put_select(&q, rq, which);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        nst_put_z(out, which->are_more || *count > 0 ? "," : "");
        put_tombstone(out, rq, rows);
        *last = nst_rows_int(rows, NUMBER);
        ++*count;
    }
    return nst_rows_end(rows);
}
