/* Organisations: owners of programs, with the providers by which their learners sign
 * in. Giving providers replaces them all. */
#include "enroll/catalog/api.h"
#include "enroll/fixture/entity.h"

enum { KEY, NAME, SAML_SLUG, SAML_PROVIDERS };

static const struct enroll_member provider_member[] = {
    { "slug", ENROLL_TEXT, ENROLL_REQUIRED, .form = &enroll_form_some },
    { "enabled", ENROLL_BOOL },
};

static const struct enroll_shape provider_shape = ENROLL_SHAPE(provider_member);

static enum nst_err print_providers(struct nst_buf *out, struct nst_db *db, int64_t id)
{
    struct nst_rows *rows;
    const char *between = "[";
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT slug, enabled FROM saml_provider WHERE organization_id = $1 "
                           "ORDER BY position",
                           NST_INT(id)));
    while (nst_rows_step(rows)) {
        nst_putf(out, "%s{\"slug\":", between);
        nst_json_put_str(out, nst_rows_text(rows, 0));
        nst_put_lit(out, ",\"enabled\":");
        nst_json_put_bool(out, nst_rows_bool(rows, 1));
        nst_put_char(out, '}');
        between = ",";
    }
    enum nst_err e = nst_rows_end(rows);
    nst_put_z(out, between[0] == '[' ? "[]" : "]");
    return e;
}

static const struct enroll_member organization_member[] = {
    [KEY] = { "key", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND, .column = "key",
              .form = &enroll_form_name },
    [NAME] = { "name", ENROLL_TEXT, .column = "name", .fallback = "" },
    [SAML_SLUG] = { "saml_slug", ENROLL_TEXT, ENROLL_INPUT, .form = &enroll_form_some },
    [SAML_PROVIDERS] = { "saml_providers", ENROLL_LIST, .of = &provider_shape,
                         .print = print_providers },
};

/* ---- Providers ---- */

static bool is_enabled(const struct nst_json *provider)
{
    const struct nst_json *v = nst_json_get(provider, NST_STR("enabled"));
    return v == NULL || v->boolean;
}

/* The providers that the item gives, as print_providers would show them. */
static void put_given(struct nst_buf *out, const struct enroll_item *item)
{
    const struct nst_json *list = item->value[SAML_PROVIDERS].json;
    if (list == NULL) {
        nst_put_lit(out, "[{\"slug\":");
        nst_json_put_str(out, enroll_text(item, SAML_SLUG));
        nst_put_lit(out, ",\"enabled\":true}]");
        return;
    }
    nst_put_char(out, '[');
    for (const struct nst_json *v = list->first; v != NULL; v = v->next) {
        nst_put_lit(out, "{\"slug\":");
        nst_json_put_str(out, enroll_inner_text(v, "slug"));
        nst_put_lit(out, ",\"enabled\":");
        nst_json_put_bool(out, is_enabled(v));
        nst_put_z(out, v->next != NULL ? "}," : "}");
    }
    nst_put_char(out, ']');
}

static enum nst_err insert_provider(struct nst_db *db, const struct enroll_item *item,
                                    int64_t position, struct nst_str slug, bool enabled)
{
    return nst_exec_with(NULL, db,
                         "INSERT INTO saml_provider (organization_id, position, slug, enabled) "
                         "VALUES ($1, $2, $3, $4)",
                         NST_INT(item->id), NST_INT(position), NST_TEXT(slug), NST_BOOL(enabled));
}

static enum nst_err replace_providers(struct nst_db *db, const struct enroll_item *item)
{
    const struct nst_json *list = item->value[SAML_PROVIDERS].json;
    int64_t position = 0;
    NST_TRY(nst_exec_with(NULL, db, "DELETE FROM saml_provider WHERE organization_id = $1",
                          NST_INT(item->id)));
    if (list == NULL)
        return insert_provider(db, item, 0, enroll_text(item, SAML_SLUG), true);
    for (const struct nst_json *v = list->first; v != NULL; v = v->next)
        NST_TRY(insert_provider(db, item, position++, enroll_inner_text(v, "slug"), is_enabled(v)));
    return NST_OK;
}

/* ---- Hooks ---- */

static enum nst_err organization_resolve(struct enroll_load *l, struct enroll_item *item)
{
    if (enroll_is_given(item, SAML_SLUG) && enroll_is_given(item, SAML_PROVIDERS))
        enroll_fault(l, item, SAML_SLUG, "is not to stand beside saml_providers");
    return NST_OK;
}

static enum nst_err organization_after(enum enroll_change *change, struct enroll_load *l,
                                       struct enroll_item *item)
{
    struct nst_buf given, stored;
    if (!enroll_is_given(item, SAML_SLUG) && !enroll_is_given(item, SAML_PROVIDERS))
        return NST_OK;
    nst_buf_init(&given, enroll_load_scratch(l), NST_HTTP_ANSWER_MAX);
    nst_buf_init(&stored, enroll_load_scratch(l), NST_HTTP_ANSWER_MAX);
    put_given(&given, item);
    NST_TRY(print_providers(&stored, enroll_load_db(l), item->id));
    if (nst_str_eq(nst_buf_str(&given), nst_buf_str(&stored)))
        return NST_OK;
    if (*change == ENROLL_UNCHANGED)
        *change = ENROLL_CHANGED;
    return replace_providers(enroll_load_db(l), item);
}

static enum nst_err organization_remove(bool *is_gone, struct enroll_load *l,
                                        struct enroll_item *item)
{
    (void)is_gone;
    NST_TRY(enroll_refuse_if(l, item,
                             "SELECT 1 FROM program_owner o JOIN catalog_organization g "
                             "ON g.key = o.organization_key WHERE g.id = $1 LIMIT 1",
                             "programs"));
    if (item->is_faulty)
        return NST_OK;
    NST_TRY(nst_exec_with(NULL, enroll_load_db(l),
                          "DELETE FROM saml_provider WHERE organization_id = $1",
                          NST_INT(item->id)));
    return nst_exec_with(NULL, enroll_load_db(l), "DELETE FROM catalog_organization WHERE id = $1",
                         NST_INT(item->id));
}

const struct enroll_entity enroll_entity_organization = {
    .name = "organizations",
    .table = "catalog_organization",
    .order = "catalog_organization.id",
    .key = "key",
    .shape = ENROLL_SHAPE(organization_member),
    .resolve = organization_resolve,
    .after = organization_after,
    .remove = organization_remove,
    .doc = "Owners of programs, and how their learners sign in.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_organization, "organizations",
                        "Owners of programs, with their SAML providers."),
    ENROLL_CATALOG_DETAIL(enroll_entity_organization, "organizations", "key", "One organisation."),
};

const struct nst_resource enroll_organization = {
    .name = "organizations",
    NST_ROUTES(routes),
    .doc = "Owners of programs, with their SAML providers.",
};
