/* When an owner gets another name, the addresses of its sources change, and with them the ends
 * that lead there: of every version, those that releases hold included, since they mean the same
 * concepts as before. */
#include "mapping.h"

#define STEP 500 /* rows that are read at a time */

struct move {
    struct nst_req *rq;
    struct nst_str from, to; /* beginnings of addresses */
};

static bool move_text(const struct move *move, struct nst_arena *a, struct nst_str *address)
{
    if (!nst_str_starts(*address, move->from))
        return false;
    struct nst_str rest = nst_str_slice(*address, move->from.n, address->n);
    *address = nst_strf(a, "%.*s%.*s", NST_FMT(move->to), NST_FMT(rest));
    return true;
}

static void move_end(const struct move *move, struct nst_arena *a, struct ocl_mapping *m,
                     struct ocl_end *e, const char *const field[2])
{
    if (move_text(move, a, &e->source_url))
        nst_mark_set(&ocl_mapping, m, field[0]);
    if (move_text(move, a, &e->concept_url))
        nst_mark_set(&ocl_mapping, m, field[1]);
}

static enum nst_err move_row(const struct move *move, struct nst_arena *a, int64_t id)
{
    static const char *const from[] = { "from_source_url", "from_concept_url" };
    static const char *const to[] = { "to_source_url", "to_concept_url" };
    struct nst_req rq = {
        .arena = a, .registry = move->rq->registry, .db = move->rq->db, .face = move->rq->face
    };
    struct ocl_mapping *m;
    NST_TRY(nst_load_id((void **)&m, &rq, &ocl_mapping, NST_LOAD_ALL, id));
    if (m == NULL)
        return NST_OK;
    move_end(move, a, m, &m->from, from);
    move_end(move, a, m, &m->to, to);
    m->natural_key = ocl_mapping_key(a, m);
    const struct ocl_checksums sums = ocl_mapping_kind.sums(&rq, m);
    m->content.standard_checksum = sums.standard;
    m->content.smart_checksum = sums.smart;
    nst_mark_set(&ocl_mapping, m, "natural_key");
    nst_mark_set(&ocl_mapping, m, "standard_checksum");
    nst_mark_set(&ocl_mapping, m, "smart_checksum");
    return nst_update_row(&rq, &ocl_mapping, m);
}

/* Numbers of versions behind `last` that lead there. */
static enum nst_err find_some(int64_t *ids, size_t *count, const struct move *move, int64_t last)
{
    struct nst_rows *rows;
    *count = 0;
    NST_TRY(nst_query_with(&rows, move->rq->db,
                           "SELECT id FROM mapping_version WHERE id > $1 AND "
                           "($2 = substr(from_source_url, 1, length($2)) OR "
                           "$2 = substr(to_source_url, 1, length($2))) ORDER BY id LIMIT $3",
                           NST_INT(last), NST_TEXT(move->from), NST_INT(STEP)));
    while (*count < STEP && nst_rows_step(rows))
        ids[(*count)++] = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

/* What was counted by the former addresses is counted by the new ones. */
static enum nst_err move_tallies(const struct move *move)
{
    return nst_exec_with(NULL, move->rq->db,
                         "UPDATE tally SET url = $1 || substr(url, length($2) + 1) "
                         "WHERE url IS NOT NULL AND $2 = substr(url, 1, length($2))",
                         NST_TEXT(move->to), NST_TEXT(move->from));
}

enum nst_err ocl_move_ends(struct nst_req *rq, struct nst_str from, struct nst_str to)
{
    const struct move move = { rq, from, to };
    struct nst_arena *a = nst_arena_new(65536);
    int64_t *ids = NST_NEW_ARRAY(rq->arena, int64_t, STEP), last = 0;
    enum nst_err e = NST_OK;
    for (size_t count = STEP; e == NST_OK && count == STEP;) {
        e = find_some(ids, &count, &move, last);
        for (size_t i = 0; e == NST_OK && i < count; i++) {
            nst_arena_reset(a);
            e = move_row(&move, a, ids[i]);
        }
        last = count > 0 ? ids[count - 1] : last;
    }
    nst_arena_free(a);
    return e == NST_OK ? move_tallies(&move) : e;
}
