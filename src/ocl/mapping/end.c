/* The ends of a mapping: reading addresses, and who may see what stands there.
 *
 * An end leads to a source that is public, or that its author could see when it was written
 * (`source_id`). So whoever writes a mapping learns nothing of sources that are hidden from
 * them: it stays as it was given, as if nothing stood there. */
#include "mapping.h"

#include "ocl/app.h"

#define CODE_MAX 255 /* of a concept */

struct side {
    size_t offset; /* of the end in the row */
    const char *concept_url, *source_url, *source_version, *concept_code; /* fields */
    const char *missing;                                                  /* V264 */
};

static const struct side sides[] = {
    { offsetof(struct ocl_mapping, from), "from_concept_url", "from_source_url",
      "from_source_version", "from_concept_code", "Must specify a 'from_concept'." },
    { offsetof(struct ocl_mapping, to), "to_concept_url", "to_source_url", "to_source_version",
      "to_concept_code",
      "Must specify either 'to_concept_url' or 'to_source_url' & 'to_concept_code'." },
};

static struct ocl_end *end_of(struct ocl_mapping *m, const struct side *side)
{
    return (struct ocl_end *)(void *)((char *)m + side->offset);
}

/* ---- What the body says of an end ---- */

static void drop_blank(struct nst_str *text)
{
    *text = nst_str_trim(*text);
    if (text->n == 0)
        *text = (struct nst_str){ 0 };
}

static bool is_given(const struct ocl_mapping *m, const char *field, struct nst_str value)
{
    return nst_is_set(&ocl_mapping, m, field) && value.p != NULL;
}

static enum nst_err refuse(struct nst_req *rq, const char *field, const char *text)
{
    return nst_fail(rq, NST_E_INVALID, field, nst_str_z(text));
}

/* The address of a concept, if it is given, says all; what is said besides says the same. */
static enum nst_err take_concept(struct nst_req *rq, struct ocl_mapping *m, const struct side *side,
                                 struct ocl_address *at)
{
    const struct nst_texts *text = nst_texts_of(rq->face);
    struct ocl_end *e = end_of(m, side);
    struct ocl_address source;
    struct nst_str url =
        ocl_read_address(&source, rq, e->source_url) ? source.source_url : e->source_url;
    if (!ocl_read_address(at, rq, e->concept_url) || at->code.p == NULL)
        return refuse(rq, side->concept_url, text->pattern);
    if (nst_utf8_length(at->code) > CODE_MAX)
        return refuse(rq, side->concept_url, "The code has more than 255 characters.");
    if (is_given(m, side->source_url, e->source_url) && !nst_str_eq(url, at->source_url))
        return refuse(rq, side->source_url, text->twice);
    if (is_given(m, side->concept_code, e->concept_code) && !nst_str_eq(e->concept_code, at->code))
        return refuse(rq, side->concept_code, text->twice);
    e->concept_code = at->code;
    return NST_OK;
}

/* An address that is given says which version it means: none, where it names none. */
static void take_source(struct ocl_mapping *m, const struct side *side,
                        const struct ocl_address *at)
{
    struct ocl_end *e = end_of(m, side);
    bool is_new = is_given(m, side->concept_url, e->concept_url) ||
                  is_given(m, side->source_url, e->source_url);
    e->source_url = at->source_url;
    if (is_new && !nst_is_set(&ocl_mapping, m, side->source_version))
        e->source_version = at->version;
}

/* Who takes the address of a concept away says what is there instead. */
static enum nst_err refuse_none(struct nst_req *rq, const struct ocl_mapping *m,
                                const struct side *side, const struct ocl_end *e)
{
    bool is_taken = m->content.row.id != 0 && e->concept_url.p == NULL &&
                    nst_is_set(&ocl_mapping, m, side->concept_url);
    bool is_replaced = is_given(m, side->source_url, e->source_url) ||
                       is_given(m, side->concept_code, e->concept_code);
    return is_taken && !is_replaced ? refuse(rq, side->concept_url, nst_texts_of(rq->face)->null)
                                    : NST_OK;
}

/* The address of the concept stays one, whatever of it was changed. */
static enum nst_err settle_end(struct nst_req *rq, struct ocl_mapping *m, const struct side *side)
{
    struct ocl_end *e = end_of(m, side);
    struct ocl_address at;
    drop_blank(&e->concept_url);
    drop_blank(&e->source_url);
    drop_blank(&e->concept_code);
    NST_TRY(refuse_none(rq, m, side, e));
    if (is_given(m, side->concept_url, e->concept_url))
        NST_TRY(take_concept(rq, m, side, &at));
    else if (!ocl_read_address(&at, rq, e->source_url) || at.code.p != NULL)
        at = (struct ocl_address){ 0 };
    if (at.source_url.p != NULL)
        take_source(m, side, &at);
    if (e->concept_url.p != NULL)
        e->concept_url = at.source_url.p != NULL
                             ? ocl_concept_url(rq->arena, e->source_url, e->concept_code)
                             : (struct nst_str){ 0 };
    return NST_OK;
}

/* V264 */
static enum nst_err check_ends(struct nst_req *rq, struct ocl_mapping *m)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    for (size_t i = 0; i < NST_COUNT(sides); i++) {
        const struct ocl_end *e = end_of(m, &sides[i]);
        if (e->source_url.p != NULL && e->concept_code.p != NULL)
            continue;
        nst_put_z(&b, b.n > 0 ? " " : "");
        nst_put_z(&b, sides[i].missing);
    }
    if (b.n == 0 && nst_str_eq(m->from.source_url, m->to.source_url) &&
        nst_str_eq(m->from.concept_code, m->to.concept_code))
        nst_put_lit(&b, "Cannot map concept to itself.");
    return b.n == 0 ? NST_OK : nst_fail(rq, NST_E_INVALID, "__all__", nst_buf_str(&b));
}

/* ---- What stands there ---- */

static enum nst_err see_source(int64_t *out, struct nst_req *rq, struct nst_str url)
{
    struct nst_sql q;
    *out = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT repo.id FROM repo WHERE " OCL_AT("repo"));
    nst_sql_bind(&q, NST_TEXT(url));
    NST_TRY(ocl_visible_repos(&q, rq));
    return nst_sql_int(out, NULL, rq->db, &q);
}

/* Who leaves an end as it is does not look anew for what its author could see there. */
static bool is_end_given(const struct ocl_mapping *m, const struct side *side)
{
    return m->content.row.id == 0 || nst_is_set(&ocl_mapping, m, side->concept_url) ||
           nst_is_set(&ocl_mapping, m, side->source_url) ||
           nst_is_set(&ocl_mapping, m, side->concept_code);
}

/* Held by the note, the source is not erased before this write ends; one that was erased
 * meanwhile is nothing any more (*end: 0). */
static enum nst_err note_end(int64_t *end, struct nst_req *rq, int64_t home)
{
    struct nst_sql q;
    int64_t noted;
    bool is_noted;
    NST_TRY(nst_exists_with(&is_noted, rq->db,
                            "SELECT 1 FROM mapping_end WHERE repo_id = $1 AND end_id = $2",
                            NST_INT(home), NST_INT(*end)));
    if (is_noted)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "INSERT INTO mapping_end (repo_id, end_id) SELECT ");
    nst_sql_bind(&q, NST_INT(home));
    nst_sql_add(&q, ", repo.id FROM repo WHERE repo.id = ");
    nst_sql_bind(&q, NST_INT(*end));
    nst_sql_hold_key(&q, rq->db, "repo");
    NST_TRY(nst_sql_exec(&noted, rq->db, &q));
    *end = noted > 0 ? *end : 0;
    return NST_OK;
}

/* A source elsewhere is noted, since it may be hidden from some. */
static enum nst_err link_end(struct nst_req *rq, struct ocl_end *e)
{
    const struct ocl_source *own = nst_ancestor(rq, "source")->row;
    struct nst_str home = ocl_home_url(rq);
    e->source_id = own->row.id;
    if (!nst_str_eq(e->source_url, home))
        NST_TRY(see_source(&e->source_id, rq, e->source_url));
    if (e->source_id == 0 || e->source_id == own->row.id)
        return NST_OK;
    return note_end(&e->source_id, rq, own->row.id);
}

enum nst_err ocl_settle_ends(struct nst_req *rq, struct ocl_mapping *m)
{
    for (size_t i = 0; i < NST_COUNT(sides); i++)
        NST_TRY(settle_end(rq, m, &sides[i]));
    NST_TRY(check_ends(rq, m));
    for (size_t i = 0; i < NST_COUNT(sides); i++)
        if (is_end_given(m, &sides[i]))
            NST_TRY(link_end(rq, end_of(m, &sides[i])));
    return NST_OK;
}

/* ---- Who may see it: whoever may see the sources of both ends ---- */

/* A SELECT of one value is looked up row by row; PostgreSQL would make an EXISTS a walk over
 * all sources. It takes IS NOT TRUE to be so for every other row, and so expects a page soon. */
static void put_ends_seen(struct nst_sql *q, struct nst_req *rq, const struct ocl_end_columns *of)
{
    const char *const column[] = { of->from_id, of->to_id };
    for (size_t i = 0; i < NST_COUNT(column); i++) {
        nst_sql_addf(q, "%s(%s IN (0, %s) OR (SELECT TRUE FROM known_repo repo WHERE repo.id = %s",
                     i > 0 ? " AND " : "", column[i], of->repo_id, column[i]);
        ocl_hidden_repos(q, rq);
        nst_sql_add(q, ") IS NOT TRUE)");
    }
}

static const struct ocl_end_columns of_mapping = { "mapping_version.repo_id",
                                                   "mapping_version.from_source_id",
                                                   "mapping_version.to_source_id" };

void ocl_ends_visible_in(struct nst_sql *q, struct nst_req *rq, const struct ocl_end_columns *of)
{
    nst_sql_add(q, " AND ");
    put_ends_seen(q, rq, of);
}

void ocl_ends_visible(struct nst_sql *q, struct nst_req *rq)
{
    ocl_ends_visible_in(q, rq, &of_mapping);
}

void ocl_ends_hidden(struct nst_sql *q, struct nst_req *rq)
{
    nst_sql_add(q, " AND NOT (");
    put_ends_seen(q, rq, &of_mapping);
    nst_sql_add(q, ")");
}

void ocl_hiding_repos(struct nst_sql *q, struct nst_req *rq)
{
    nst_sql_add(q, "(SELECT mapping_end.repo_id FROM mapping_end JOIN known_repo repo "
                   "ON repo.id = mapping_end.end_id WHERE TRUE");
    ocl_hidden_repos(q, rq);
    nst_sql_add(q, ")");
}

static enum nst_err finds_a_row(bool *out, struct nst_req *rq, struct nst_sql *q)
{
    int64_t one;
    ocl_hidden_repos(q, rq);
    nst_sql_add(q, " LIMIT 1");
    return nst_sql_int(&one, out, rq->db, q);
}

enum nst_err ocl_has_hidden_end(bool *out, struct nst_req *rq, const struct ocl_mapping *m)
{
    struct nst_sql q;
    size_t count = 0;
    int64_t home = m->content.repo_id, from = m->from.source_id, to = m->to.source_id;
    *out = false;
    if ((from == 0 || from == home) && (to == 0 || to == home))
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT 1 FROM known_repo repo WHERE repo.id");
    nst_sql_in(&q, &count, NST_INT(from));
    nst_sql_in(&q, &count, NST_INT(to));
    nst_sql_in_end(&q, count);
    return finds_a_row(out, rq, &q);
}

enum nst_err ocl_has_hidden_ends(bool *out, struct nst_req *rq, int64_t repo)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT 1 FROM mapping_end JOIN known_repo repo "
                    "ON repo.id = mapping_end.end_id WHERE (0 = ");
    nst_sql_bind(&q, NST_INT(repo));
    nst_sql_add(&q, " OR mapping_end.repo_id = ");
    nst_sql_bind(&q, NST_INT(repo));
    nst_sql_add(&q, ")");
    return finds_a_row(out, rq, &q);
}
