/* Content inside of the detail of its source. All rows are of the revision that the answer began
 * with, whatever is written meanwhile, and each piece goes on by number behind the row before it:
 * a source of any size costs no more memory than a small one. */
#include "inside.h"

#include "ocl/concept/concept.h"
#include "ocl/content/tombstone.h"
#include "ocl/mapping/mapping.h"
#include "ocl/version/version.h"

#include "nestor/base/time.h"

#define ROWS_DEFAULT 30
#define PIECE_ROWS   500                 /* read for a piece at most */
#define PIECE_BYTES  ((size_t)128 << 10) /* the row that passes them is the last of a piece */

#define LISTS_MAX 3

/* One of the lists, and where it stands. */
struct part {
    const struct list *list;
    const struct nst_set *set;
    int64_t first, behind; /* rows from this number on, before that one: newest first */
    int64_t left;          /* rows that may come */
    int64_t offset;        /* rows that are still to be left out before */
    bool has_rows;
};

/* Where the answer stands. */
struct walk {
    struct part part[LISTS_MAX];
    unsigned count, at;
    int64_t repo, rev;
};

/* What the query can ask for. */
struct list {
    const char *asked, *name;
    const struct nst_resource *resource; /* NULL: of tombstones */
    /* Find where it begins and ends.
     *   since  0: always */
    enum nst_err (*begin)(struct part *p, struct nst_req *rq, const struct walk *w, int64_t since);
    /* Append the next rows.
     *   is_over  when there are no more */
    enum nst_err (*put)(bool *is_over, struct nst_req *rq, const struct walk *w, struct part *p);
};

/* ---- The question ---- */

struct question {
    int64_t limit, offset, since; /* since: 0: always */
};

static int64_t read_number(struct nst_req *rq, const char *name, int64_t least, int64_t fallback)
{
    const struct nst_json v = { .kind = NST_JSON_NUMBER,
                                .text = nst_str_trim(nst_query_value(rq, name)) };
    int64_t n;
    return v.text.n > 0 && nst_int.parse(rq, NULL, &v, &n) && n >= least ? n : fallback;
}

static enum nst_err read_question(struct question *q, struct nst_req *rq)
{
    const char *name = nst_query_value(rq, "updatedSince").n > 0 ? "updatedSince" : "updated_since";
    struct nst_str since = nst_query_value(rq, name);
    q->limit = read_number(rq, "limit", 1, ROWS_DEFAULT);
    q->offset = read_number(rq, "offset", 0, 0);
    q->since = 0;
    if (since.n > 0 && !nst_time_parse_query(&q->since, since))
        return nst_fail(rq, NST_E_INVALID, name, nst_str_z(nst_texts_of(rq->face)->invalid));
    return NST_OK;
}

/* ---- The rows of a list ---- */

static enum nst_err put_conditions(struct nst_sql *q, struct nst_req *rq, const struct walk *w,
                                   const struct part *p)
{
    const char *t = p->list->resource->table;
    nst_sql_init(q, rq->arena);
    nst_sql_addf(q, " AND %s.repo_id = ", t);
    nst_sql_bind(q, NST_INT(w->repo));
    ocl_put_moment(q, t, w->rev);
    nst_sql_addf(q, " AND %s.id >= ", t);
    nst_sql_bind(q, NST_INT(p->first));
    nst_sql_addf(q, " AND %s.id < ", t);
    nst_sql_bind(q, NST_INT(p->behind));
    return p->list->resource->hook.visible(q, rq);
}

/* Leave out the first rows; all of them, where there are no more. */
static enum nst_err skip(struct part *p, struct nst_req *rq, const struct walk *w)
{
    const char *t = p->list->resource->table;
    struct nst_sql conditions, q;
    bool found;
    if (p->offset == 0)
        return NST_OK;
    NST_TRY(put_conditions(&conditions, rq, w, p));
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT %s.id FROM %s WHERE TRUE", t, t);
    nst_sql_add_str(&q, nst_buf_str(&conditions.text));
    nst_sql_push_all(&q, &conditions);
    nst_sql_addf(&q, " ORDER BY %s.id DESC LIMIT 1 OFFSET ", t);
    nst_sql_bind(&q, NST_INT(p->offset - 1));
    NST_TRY(nst_sql_int(&p->behind, &found, rq->db, &q));
    p->behind = found ? p->behind : p->first;
    return NST_OK;
}

static enum nst_err begin_rows(struct part *p, struct nst_req *rq, const struct walk *w,
                               int64_t since)
{
    const struct nst_resource *r = p->list->resource;
    p->set = nst_ancestor(rq, "version") != NULL ? &r->sets[OCL_PINNED] : NULL;
    p->behind = INT64_MAX;
    if (since > 0)
        NST_TRY(ocl_first_since(&p->first, rq, nst_ancestor(rq, "source")->row, r->table, since));
    return skip(p, rq, w);
}

/* What the rows of a piece are appended to. */
struct piece {
    struct nst_buf *out;
    struct part *part;
    int64_t rows;
};

static void take(void *arg, const void *row, struct nst_str json)
{
    struct piece *piece = arg;
    nst_put_z(piece->out, piece->part->has_rows ? "," : "");
    nst_put(piece->out, json);
    piece->part->has_rows = true;
    piece->part->behind = ((const struct nst_row *)row)->id;
    piece->part->left--;
    piece->rows++;
}

static enum nst_err put_rows(bool *is_over, struct nst_req *rq, const struct walk *w,
                             struct part *p)
{
    struct nst_sql q;
    struct piece piece = { &rq->x->out, p, 0 };
    struct nst_buf order;
    nst_buf_init(&order, rq->arena, 256);
    nst_putf(&order, "%s.id DESC", p->list->resource->table);
    NST_TRY(put_conditions(&q, rq, w, p));
    if (p->set == &ocl_concept.sets[OCL_PINNED])
        ocl_put_said(&q, nst_ancestor(rq, "version"));
    const struct nst_inner inner = { .resource = p->list->resource,
                                     .set = p->set,
                                     .use = NST_DETAIL,
                                     .conditions = &q,
                                     .order = nst_str_to_z(rq->arena, nst_buf_str(&order)),
                                     .limit = p->left < PIECE_ROWS ? p->left : PIECE_ROWS,
                                     .bytes = PIECE_BYTES,
                                     .is_judged = true,
                                     .take = take,
                                     .arg = &piece };
    NST_TRY(nst_each_row(rq, &inner));
    *is_over = piece.rows == 0 || p->left == 0;
    return NST_OK;
}

/* ---- Tombstones ---- */

static enum nst_err begin_tombstones(struct part *p, struct nst_req *rq, const struct walk *w,
                                     int64_t since)
{
    NST_TRY(ocl_first_buried_after(&p->behind, rq, w->repo, w->rev));
    return since > 0 ? ocl_first_buried(&p->first, rq, w->repo, since) : NST_OK;
}

static enum nst_err put_tombstones(bool *is_over, struct nst_req *rq, const struct walk *w,
                                   struct part *p)
{
    const struct ocl_graves which = { .repo = w->repo,
                                      .first = p->first,
                                      .behind = p->behind,
                                      .limit = p->left < PIECE_ROWS ? p->left : PIECE_ROWS,
                                      .offset = p->offset,
                                      .are_more = p->has_rows };
    int64_t count;
    NST_TRY(ocl_put_tombstones(&rq->x->out, &p->behind, &count, rq, &which));
    p->has_rows |= count > 0;
    p->left -= count;
    p->offset = 0;
    *is_over = count < which.limit || p->left == 0;
    return NST_OK;
}

/* ---- Pieces ---- */

static void begin_part(struct nst_buf *out, const struct walk *w)
{
    nst_putf(out, ",\"%s\":[", w->part[w->at].list->name);
}

/* For nst_answer_in_pieces. */
static enum nst_err put_piece(bool *is_last, struct nst_req *rq, void *state)
{
    struct walk *w = state;
    struct nst_buf *out = &rq->x->out;
    size_t before = out->n;
    while (w->at < w->count && out->n - before <= PIECE_BYTES) {
        bool is_over;
        struct part *p = &w->part[w->at];
        NST_TRY(p->list->put(&is_over, rq, w, p));
        if (!is_over)
            continue;
        nst_put_char(out, ']');
        if (++w->at < w->count)
            begin_part(out, w);
    }
    *is_last = w->at == w->count;
    nst_put_z(out, *is_last ? "}" : "");
    return NST_OK;
}

/* ---- The view ---- */

static const struct list lists[] = {
    { "includeConcepts", "concepts", &ocl_concept, begin_rows, put_rows },
    { "includeMappings", "mappings", &ocl_mapping, begin_rows, put_rows },
    { "includeTombstones", "tombstones", NULL, begin_tombstones, put_tombstones },
};
_Static_assert(NST_COUNT(lists) == LISTS_MAX, "a part for each list");

static enum nst_err add_part(struct walk *w, struct nst_req *rq, const struct question *q,
                             const struct list *list)
{
    struct part *p = &w->part[w->count++];
    *p = (struct part){ .list = list, .left = q->limit, .offset = q->offset };
    return list->begin(p, rq, w, q->since);
}

static enum nst_err begin_walk(struct walk *w, struct nst_req *rq)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    const struct nst_object *version = nst_ancestor(rq, "version");
    struct question q;
    w->repo = s->row.id;
    w->rev = version != NULL ? ((const struct ocl_version *)version->row)->rev : s->rev;
    NST_TRY(read_question(&q, rq));
    for (size_t i = 0; i < NST_COUNT(lists); i++)
        if (nst_query_is_true(rq, lists[i].asked))
            NST_TRY(add_part(w, rq, &q, &lists[i]));
    return NST_OK;
}

enum nst_err ocl_repo_retrieve(struct nst_req *rq)
{
    struct walk *w = NST_NEW(rq->arena, struct walk);
    bool is_last;
    NST_TRY(nst_retrieve(rq));
    NST_TRY(begin_walk(w, rq));
    if (w->count == 0)
        return NST_OK;
    rq->x->out.n--; /* the end of the object */
    begin_part(&rq->x->out, w);
    NST_TRY(put_piece(&is_last, rq, w));
    if (!is_last)
        nst_answer_in_pieces(rq, put_piece, w, sizeof(*w));
    return NST_OK;
}

/* ---- What is said of it ---- */

static const struct nst_parameter parameter[] = {
    { "includeConcepts", NST_SWITCH_SCHEMA, "With `concepts`: those in it, newest first." },
    { "includeMappings", NST_SWITCH_SCHEMA, "With `mappings`: those in it, newest first." },
    { "includeTombstones", NST_SWITCH_SCHEMA,
      "With `tombstones`: what was erased from it for good, the latest first." },
    { "limit", "{\"type\":\"integer\"}", "Of each of these as many at most; 30 unless given." },
    { "offset", "{\"type\":\"integer\"}", "Of each of these so many are left out before." },
    { "updatedSince", NULL, "Of each of these what changed or was erased at that time or later." },
    { "updated_since", NULL, "The same." },
    { "includeRetired", NST_SWITCH_SCHEMA, "Of each of these retired ones as well." },
    { 0 },
};

#define REFERENCE(name) "{\"$ref\":\"#/components/schemas/v2." name ".Detail\"}"
#define ROWS(kind) \
    "{\"type\":\"array\",\"items\":{\"anyOf\":[" REFERENCE(kind) "," REFERENCE("pinned_" kind) "]" \
                                                                                               "}" \
                                                                                               "}"

#define TEXT "{\"type\":\"string\"}"
#define TOMBSTONES \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"type\",\"id\",\"url\"," \
    "\"removed_on\"],\"properties\":{\"type\":{\"type\":\"string\",\"enum\":[\"Concept\"," \
    "\"Mapping\"]},\"id\":" TEXT ",\"url\":" TEXT ",\"removed_on\":{\"type\":\"string\"," \
    "\"format\":\"date-time\"}}}}"

#define WITH_ROWS(detail) \
    "{\"allOf\":[" REFERENCE(detail) ",{\"type\":\"object\",\"properties\":{" \
                                     "\"concepts\":" ROWS("concept") ",\"mappings\":" ROWS( \
                                         "mapping") ",\"tombstones\":" TOMBSTONES "}}]}"

static const struct nst_response response[] = {
    { 200,
      "It, and what is asked for besides.",
      { .schema = "{\"anyOf\":[" WITH_ROWS("source") "," WITH_ROWS("version") "]}" } },
    { 0 },
};

const struct nst_description ocl_repo_detail = { .as = nst_retrieve,
                                                 .parameter = parameter,
                                                 .response = response };
