/* Which version of the content a path means, who sees it, and how many there are. */
#include "content.h"

#include "ocl/version/version.h"

/* ---- Scope ---- */

static void bound(struct nst_sql *q, const char *t, const char *condition, int64_t value)
{
    nst_sql_add(q, " AND ");
    nst_sql_add(q, t);
    nst_sql_add(q, condition);
    nst_sql_bind(q, NST_INT(value));
}

void ocl_put_moment(struct nst_sql *q, const char *t, int64_t rev)
{
    if (rev < 0) {
        nst_sql_addf(q, " AND %s.rev_to = " OCL_OPEN_SQL, t);
        return;
    }
    bound(q, t, ".rev_from <= ", rev);
    bound(q, t, ".rev_to > ", rev);
}

enum nst_err ocl_present_scope(struct nst_sql *q, struct nst_req *rq,
                               const struct nst_object *parent, const char *t)
{
    int64_t rev = -1;
    if (parent != NULL) {
        bound(q, t, ".repo_id = ", ((struct nst_row *)parent->row)->id);
        NST_TRY(ocl_moment(&rev, rq, parent->row));
    } else {
        NST_TRY(ocl_refuse_moment(rq));
    }
    ocl_put_moment(q, t, rev);
    return NST_OK;
}

enum nst_err ocl_held_scope(struct nst_sql *q, struct nst_req *rq, const struct nst_object *parent,
                            const char *t)
{
    const struct ocl_version *v = parent->row;
    NST_TRY(ocl_refuse_moment(rq));
    bound(q, t, ".repo_id = ", v->repo_id);
    ocl_put_moment(q, t, v->rev);
    return NST_OK;
}

/* The code is there for the index alone. */
enum nst_err ocl_history_scope(struct nst_sql *q, struct nst_req *rq,
                               const struct nst_object *parent, const char *t, const char *object)
{
    const struct ocl_content *c = parent->row;
    const struct nst_object *version = nst_ancestor(rq, "version");
    bound(q, t, ".repo_id = ", c->repo_id);
    nst_sql_addf(q, " AND %s.mnemonic = ", t);
    nst_sql_bind(q, NST_TEXT(c->id));
    nst_sql_addf(q, " AND %s.%s = ", t, object);
    nst_sql_bind(q, NST_INT(c->object_id));
    int64_t rev = -1;
    if (version != NULL) {
        NST_TRY(ocl_refuse_moment(rq));
        ocl_put_moment(q, t, ((const struct ocl_version *)version->row)->rev);
        return NST_OK;
    }
    NST_TRY(ocl_moment(&rev, rq, nst_ancestor(rq, "source")->row));
    if (rev >= 0)
        bound(q, t, ".rev_from <= ", rev);
    return NST_OK;
}

int64_t ocl_present_state(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    int64_t rev = -1;
    if (!nst_is(o, &ocl_source))
        return 0;
    const struct ocl_source *s = o->row;
    return (ocl_moment(&rev, rq, s) == NST_OK && rev >= 0 ? rev : s->rev) + 1;
}

int64_t ocl_held_state(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    return nst_is(o, &ocl_version) ? ((const struct ocl_version *)o->row)->rev + 1 : 0;
}

/* ---- Lists ---- */

/* A row that has none yet, of an older database, is left out. */
void ocl_content_keep(struct nst_buf *kept, const void *row)
{
    const struct ocl_content *c = row;
    if (c->standard_checksum.n != OCL_CHECKSUM_LENGTH || c->smart_checksum.n != OCL_CHECKSUM_LENGTH)
        return;
    nst_put(kept, c->standard_checksum);
    nst_put(kept, c->smart_checksum);
}

const struct nst_parameter ocl_content_asked[] = { OCL_CONTENT_ASKED, { 0 } };

static const struct nst_parameter detail_parameter[] = { OCL_AS_OF, { 0 } };
const struct nst_description ocl_content_detail = { .as = nst_retrieve,
                                                    .parameter = detail_parameter };

static bool hides_retired(struct nst_req *rq)
{
    return !ocl_face_of(rq)->lists_retired && !nst_query_is_true(rq, "includeRetired") &&
           nst_query_value(rq, "retired").p == NULL;
}

enum nst_err ocl_content_visible(struct nst_sql *q, struct nst_req *rq, const char *t)
{
    if (hides_retired(rq))
        nst_sql_addf(q, " AND NOT %s.retired", t);
    if (rq->depth > 0)
        return NST_OK; /* the source in the path was checked on the way */
    nst_sql_add(q, " AND repo.is_active AND repo.owner_is_active");
    return ocl_visible_repos(q, rq);
}

/* Columns of `repo`. */
static const struct {
    const char *all, *active;
} sums[OCL_COUNTED] = {
    [OCL_CONCEPTS] = { "repo.concepts", "repo.active_concepts" },
    [OCL_MAPPINGS] = { "repo.mappings", "repo.active_mappings" },
};

static enum nst_err count_everywhere(int64_t *out, struct nst_req *rq, const char *column)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q,
                 "SELECT CAST(coalesce(sum(%s), 0) AS bigint) FROM repo "
                 "WHERE repo.kind = 'source' AND repo.is_active AND repo.owner_is_active",
                 column);
    NST_TRY(ocl_visible_repos(&q, rq));
    return nst_sql_int(out, NULL, rq->db, &q);
}

static enum nst_err count_in(struct ocl_count *out, struct nst_req *rq, const struct ocl_source *s,
                             const struct ocl_kind *kind)
{
    int64_t rev;
    NST_TRY(ocl_moment(&rev, rq, s));
    *out = s->count[kind->counted];
    return rev >= 0 && rev < s->rev ? ocl_count_at(out, rq, s, kind, rev) : NST_OK;
}

enum nst_err ocl_content_count(int64_t *out, bool *found, struct nst_req *rq,
                               const struct ocl_kind *kind)
{
    enum ocl_counted counted = kind->counted;
    bool active = hides_retired(rq);
    const struct nst_object *o = nst_object(rq);
    struct ocl_count count;
    *found = true;
    if (nst_is(o, &ocl_source)) {
        NST_TRY(count_in(&count, rq, o->row, kind));
    } else if (nst_is(o, &ocl_version)) {
        count = ((const struct ocl_version *)o->row)->count[counted];
    } else {
        return count_everywhere(out, rq, active ? sums[counted].active : sums[counted].all);
    }
    *out = active ? count.active : count.all;
    return NST_OK;
}
