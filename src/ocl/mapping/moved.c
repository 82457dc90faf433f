/* When an owner gets another name, the addresses of its sources change, and with them the ends
 * that lead there: of every version, those that releases hold included, since they mean the same
 * concepts as before. */
#include "mapping.h"

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

static enum nst_err move_row(struct nst_req *rq, int64_t id, void *arg)
{
    static const char *const from[] = { "from_source_url", "from_concept_url" };
    static const char *const to[] = { "to_source_url", "to_concept_url" };
    const struct move *move = arg;
    struct nst_arena *a = rq->arena;
    struct ocl_mapping *m;
    NST_TRY(nst_load_id((void **)&m, rq, &ocl_mapping, NST_LOAD_ALL, id));
    if (m == NULL)
        return NST_OK;
    move_end(move, a, m, &m->from, from);
    move_end(move, a, m, &m->to, to);
    m->natural_key = ocl_mapping_key(a, m);
    const struct ocl_checksums sums = ocl_mapping_kind.sums(rq, m);
    m->content.standard_checksum = sums.standard;
    m->content.smart_checksum = sums.smart;
    nst_mark_set(&ocl_mapping, m, "natural_key");
    nst_mark_set(&ocl_mapping, m, "standard_checksum");
    nst_mark_set(&ocl_mapping, m, "smart_checksum");
    return nst_update_row(rq, &ocl_mapping, m);
}

/* The column begins with that text. */
static void put_start(struct nst_sql *q, const char *column, struct nst_str text)
{
    nst_sql_bind(q, NST_TEXT(text));
    nst_sql_addf(q, " = substr(%s, 1, length(", column);
    nst_sql_bind(q, NST_TEXT(text));
    nst_sql_add(q, "))");
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
    struct move move = { rq, from, to };
    struct nst_sql which;
    nst_sql_init(&which, rq->arena);
    nst_sql_add(&which, " AND (");
    put_start(&which, "from_source_url", from);
    nst_sql_add(&which, " OR ");
    put_start(&which, "to_source_url", from);
    nst_sql_add(&which, ")");
    NST_TRY(ocl_each_version(rq, &ocl_mapping_kind, &which, move_row, &move));
    return move_tallies(&move);
}
