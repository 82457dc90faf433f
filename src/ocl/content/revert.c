/* Going back to a former version of a thing, or to there being none: for undoing what an import
 * did. It is a write as every other: it closes the present version and opens the next. */
#include "content.h"

/* What the body says. */
struct ocl_reversion {
    struct nst_row row;
    int64_t version;
    struct nst_str update_comment;
};

static const struct nst_field reversion_field[] = {
    NST_FIELD("version", ocl_reversion, version, &nst_int, .column = "", .fallback = "0",
              .doc = "Number of the version that it was; 0: there was none."),
    NST_FIELD("update_comment", ocl_reversion, update_comment, &nst_text, .column = "",
              .doc = "Why it goes back."),
};

static const struct nst_serializer reversion_serializer[] = {
    { IMPORT, NST_CREATE, "version update_comment" },
};

const struct nst_resource ocl_reversion = {
    .name = "reversion",
    .size = sizeof(struct ocl_reversion),
    NST_FIELDS(reversion_field),
    NST_SERIALIZERS(reversion_serializer),
    .doc = "Which former version is stored again.",
};

static enum nst_err refuse(struct nst_req *rq, const char *why)
{
    return nst_fail_bare(rq, NST_E_CONFLICT, "detail", nst_str_z(why));
}

static enum nst_err take_away(struct nst_req *rq, const struct ocl_kind *kind,
                              const struct ocl_content *present)
{
    bool is_held;
    NST_TRY(ocl_content_is_released(&is_held, rq, kind, present));
    if (is_held)
        return refuse(rq, "A version of the source holds it.");
    if (kind->is_above != NULL && kind->is_above(present))
        return refuse(rq, "Others stand below it.");
    NST_TRY(ocl_content_erase(rq, kind, present));
    return nst_answer_empty(rq, 204);
}

/* What checksums do not count is compared besides. */
static bool says_the_same(struct nst_req *rq, const struct ocl_kind *kind,
                          const struct ocl_content *next, const struct ocl_content *present)
{
    const struct ocl_checksums sums = kind->sums(rq, next);
    return nst_str_eq(sums.standard, present->standard_checksum) &&
           nst_str_eq(sums.smart, present->smart_checksum) &&
           nst_str_eq(next->extras, present->extras) &&
           nst_str_eq(next->retire_reason, present->retire_reason);
}

static enum nst_err bring_back(struct nst_req *rq, const struct ocl_kind *kind,
                               const struct ocl_content *present, const struct ocl_reversion *to)
{
    struct ocl_content *former, *next;
    NST_TRY(nst_load_id((void **)&former, rq, kind->resource, NST_LOAD_ALL, to->version));
    if (former == NULL || former->object_id != present->object_id)
        return NST_E_NOT_FOUND;
    next = nst_row_copy(rq->arena, kind->resource, former);
    next->former = present;
    next->update_comment = to->update_comment;
    if (kind->revert != NULL)
        kind->revert(rq, next, present);
    /* Parents that are to be judged are no codes, and differ in any case. */
    if (says_the_same(rq, kind, next, present))
        return nst_answer_empty(rq, 208);
    NST_TRY(ocl_content_store(rq, kind, next, present));
    return nst_answer_empty(rq, 200);
}

enum nst_err ocl_content_revert(struct nst_req *rq)
{
    const struct ocl_kind *kind = rq->action->arg;
    const struct nst_row *row = nst_object(rq)->row;
    struct ocl_reversion *to = nst_row_new(rq, &ocl_reversion);
    struct ocl_content *present;
    NST_TRY(nst_bind(to, rq, &ocl_reversion, NST_CREATE));
    NST_TRY(nst_load_id((void **)&present, rq, kind->resource, NST_LOAD_ALL, row->id));
    if (present == NULL)
        return NST_E_NOT_FOUND;
    return to->version == 0 ? take_away(rq, kind, present) : bring_back(rq, kind, present, to);
}
