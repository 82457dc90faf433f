/* Names of present concepts, as a table: for values of vocabularies and names that must be unique
 * in a source. Written with the concept, under the hold of the source. */
#include "openmrs.h"

#define OWNER "OCL"

bool ocl_is_openmrs(const struct ocl_source *s)
{
    return nst_str_eq(s->custom_validation_schema, NST_STR("OpenMRS"));
}

static bool is_vocabulary(const struct ocl_source *s)
{
    if (!nst_str_eq(s->owner, NST_STR(OWNER)) ||
        !nst_str_eq(s->owner_type, NST_STR("Organization")))
        return false;
    for (size_t i = 0; i < OCL_VOCABULARIES; i++)
        if (nst_str_eq(s->id, nst_str_z(ocl_vocabularies[i].source)))
            return true;
    return false;
}

static enum nst_err keep_name(struct nst_req *rq, const struct ocl_source *s,
                              const struct ocl_concept *c, const struct ocl_label *name)
{
    return nst_exec_with(NULL, rq->db,
                         "INSERT INTO present_name (repo_id, mnemonic, locale, name, is_full, "
                         "is_preferred) VALUES ($1, $2, $3, $4, $5, $6)",
                         NST_INT(s->row.id), NST_TEXT(c->content.id), NST_TEXT(name->locale),
                         NST_TEXT(name->text), NST_BOOL(name->kind == OCL_FULL_NAME),
                         NST_BOOL(name->is_preferred));
}

enum nst_err ocl_keep_names(struct nst_req *rq, const struct ocl_source *s,
                            const struct ocl_concept *c, bool is_there)
{
    struct ocl_label *name;
    size_t count = 0;
    if (!ocl_is_openmrs(s) && !is_vocabulary(s))
        return NST_OK;
    if (c->content.former != NULL || !is_there)
        NST_TRY(nst_exec_with(NULL, rq->db,
                              "DELETE FROM present_name WHERE repo_id = $1 AND mnemonic = $2",
                              NST_INT(s->row.id), NST_TEXT(c->content.id)));
    if (is_there && !c->content.retired)
        ocl_read_labels(&name, &count, rq, c->names, "name");
    for (size_t i = 0; i < count; i++)
        NST_TRY(keep_name(rq, s, c, &name[i]));
    return NST_OK;
}

/* SQLite writes the value of `name = $n` into the other condition, too, which then is no condition
 * on the index. */
#define IS_NAMED(name, cut, whole) \
    "substr(" name ", 1, 250) = substr(" cut ", 1, 250) AND (" name " = " whole ") IS TRUE"

enum nst_err ocl_is_value(bool *out, struct nst_req *rq, enum ocl_vocabulary in,
                          struct nst_str name)
{
    struct nst_str address =
        nst_strf(rq->arena, "/orgs/" OWNER "/sources/%s/", ocl_vocabularies[in].source);
    return nst_exists_with(out, rq->db,
                           "SELECT 1 FROM repo r JOIN present_name n ON n.repo_id = r.id "
                           "WHERE " OCL_AT("r") "$1 AND " IS_NAMED("n.name", "$2", "$3"),
                           NST_TEXT(address), NST_TEXT(name), NST_TEXT(name));
}

#define TAKEN_AS(flag) \
    "SELECT 1 FROM present_name WHERE repo_id = $1 AND " IS_NAMED( \
        "name", "$2", "$3") " AND locale = $4 AND mnemonic <> $5 AND " flag

enum nst_err ocl_is_name_taken(bool *out, struct nst_req *rq, const struct ocl_concept *c,
                               const struct ocl_label *name, bool as_preferred)
{
    struct nst_str own = c->content.id.p != NULL ? c->content.id : NST_STR("");
    const struct nst_value bound[] = { NST_INT(c->content.repo_id), NST_TEXT(name->text),
                                       NST_TEXT(name->text), NST_TEXT(name->locale),
                                       NST_TEXT(own) };
    return nst_exists(out, rq->db,
                      as_preferred ? NST_STR(TAKEN_AS("is_preferred"))
                                   : NST_STR(TAKEN_AS("is_full")),
                      bound, NST_COUNT(bound));
}
