/* Ids and external ids for content that comes without (V407): as its source says a number, a
 * UUID, or the number of the database. */
#include "content.h"

#include "nestor/base/random.h"

#define STEPS_OF_ONE 64 /* then they double: ids that others chose may be many */

struct nst_str ocl_new_uuid(struct nst_arena *a)
{
    unsigned char b[16];
    nst_random(b, sizeof(b));
    b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    return nst_strf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                    b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                    b[13], b[14], b[15]);
}

/* What a number is given for. */
struct numbered {
    struct nst_req *rq;
    const struct ocl_kind *kind;
    const struct ocl_autoid *how;
    int64_t repo;
};

static enum nst_err is_taken(bool *out, const struct numbered *n, int64_t number)
{
    struct nst_sql q;
    nst_sql_init(&q, n->rq->arena);
    nst_sql_addf(&q, "SELECT 1 FROM %s WHERE repo_id = ", n->kind->resource->table);
    nst_sql_bind(&q, NST_INT(n->repo));
    nst_sql_addf(&q, " AND %s = ", n->how->compared);
    nst_sql_bind(&q, NST_TEXT(nst_strf(n->rq->arena, "%lld", (long long)number)));
    nst_sql_add(&q, " AND rev_to = " OCL_OPEN_SQL);
    return nst_exists(out, n->rq->db, nst_buf_str(&q.text), q.bound, q.count);
}

/* Between one that is taken and one that is free: a free one behind a taken one. */
static enum nst_err go_back(int64_t *free, const struct numbered *n, int64_t taken)
{
    bool is_one_taken;
    while (*free - taken > 1) {
        int64_t middle = taken + (*free - taken) / 2;
        NST_TRY(is_taken(&is_one_taken, n, middle));
        if (is_one_taken)
            taken = middle;
        else
            *free = middle;
    }
    return NST_OK;
}

/* The next free number; where others took many, in as many steps as that number has digits. */
static enum nst_err find_free(int64_t *number, const struct numbered *n)
{
    bool is_one_taken = true;
    int64_t step = 0, before = *number;
    for (int tries = 0; is_one_taken; tries++) {
        before = *number;
        *number += step;
        step = tries < STEPS_OF_ONE ? 1 : step * 2;
        NST_TRY(is_taken(&is_one_taken, n, *number));
    }
    return go_back(number, n, before);
}

/* The counter stands in the row of the source, which the request holds. */
static enum nst_err next_number(struct nst_str *id, const struct numbered *n, int64_t start)
{
    struct nst_sql q;
    int64_t number = 0;
    nst_sql_init(&q, n->rq->arena);
    nst_sql_addf(&q, "SELECT %s FROM repo WHERE id = ", n->how->counter);
    nst_sql_bind(&q, NST_INT(n->repo));
    NST_TRY(nst_sql_int(&number, NULL, n->rq->db, &q));
    number = number > start ? number : start;
    NST_TRY(find_free(&number, n));
    *id = nst_strf(n->rq->arena, "%lld", (long long)number);
    nst_sql_init(&q, n->rq->arena);
    nst_sql_addf(&q, "UPDATE repo SET %s = ", n->how->counter);
    nst_sql_bind(&q, NST_INT(number + 1));
    nst_sql_add(&q, " WHERE id = ");
    nst_sql_bind(&q, NST_INT(n->repo));
    return nst_sql_exec(NULL, n->rq->db, &q);
}

static struct nst_str mode_of(const struct ocl_source *s, const struct ocl_autoid *how)
{
    return *(const struct nst_str *)((const char *)s + how->mode);
}

enum nst_err ocl_give_id(struct nst_str *id, struct nst_req *rq, const struct ocl_kind *kind,
                         const struct ocl_autoid *how)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    const struct numbered n = { rq, kind, how, s->row.id };
    struct nst_str mode = mode_of(s, how);
    if (id->p == NULL && nst_str_eq(mode, NST_STR("uuid")))
        *id = ocl_new_uuid(rq->arena);
    if (id->p == NULL && nst_str_eq(mode, NST_STR("sequential")))
        return next_number(id, &n, *(const int64_t *)((const char *)s + how->start));
    return NST_OK;
}

bool ocl_counts_ids(struct nst_req *rq, const struct ocl_autoid *how)
{
    return nst_str_eq(mode_of(nst_ancestor(rq, "source")->row, how), NST_STR("sequential"));
}
