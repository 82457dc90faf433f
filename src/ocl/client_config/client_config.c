/* How clients show an organisation or a source: named configurations, one of which may be the
 * default of its type. What is in them is the clients'; the tabs of a home page are looked at. */
#include "client_config.h"

#include "ocl/array.h"
#include "ocl/org/org.h"
#include "ocl/owned.h"
#include "ocl/source/source.h"

#define TABLE "client_config"

struct client_config {
    struct nst_row row;
    struct nst_str name, description, type, config, scope;
    bool is_default, is_public, is_template;
    int64_t number, org_id, repo_id, created_at, updated_at, created_by, updated_by;
};

static const struct nst_field config_field[] = {
    NST_IDENTITY("uuid", client_config, created_at, .doc = "Number of the configuration."),
    NST_FIELD("id", client_config, number, &nst_int, .column = TABLE ".id",
              .flags = NST_KEY | NST_CORE, .doc = "The same as a number."),
    NST_FIELD("name", client_config, name, &nst_text, .fallback = "View Configuration", .max = 255,
              .doc = "Display name."),
    NST_FIELD("description", client_config, description, &nst_text, .doc = "A few sentences."),
    NST_FIELD("type", client_config, type, &nst_text, .flags = NST_CORE, .fallback = "home",
              .max = 255, .doc = "What is configured: home."),
    NST_FIELD("is_default", client_config, is_default, &nst_bool, .fallback = "false",
              .doc = "Shown unless another is asked for: one of a type at most."),
    NST_FIELD("config", client_config, config, &nst_json_object, .flags = NST_NOT_EMPTY,
              .doc = "The configuration: of a home page its `tabs`."),
    NST_FIELD("is_template", client_config, is_template, &nst_bool, .fallback = "false",
              .doc = "Meant to be copied."),
    NST_FIELD("public", client_config, is_public, &nst_bool, .column = "is_public",
              .fallback = "true", .doc = "Of a template: it is for everybody. Hides nothing."),
    NST_FIELD("org_id", client_config, org_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the organisation."),
    NST_FIELD("repo_id", client_config, repo_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the source."),
    NST_FIELD("scope", client_config, scope, &nst_text,
              .column = "(CASE WHEN client_config.org_id IS NULL THEN 'source' "
                        "ELSE 'organization' END)",
              .flags = NST_NEVER_NULL, .doc = "What it is of."),
    NST_FIELD("created_at", client_config, created_at, &nst_datetime, .fill = NST_AUTO_CREATED,
              .doc = "Time of creation."),
    NST_FIELD("updated_at", client_config, updated_at, &nst_datetime, .fill = NST_AUTO_UPDATED,
              .doc = "Time of the last change."),
    NST_FIELD("created_by", client_config, created_by, &nst_int, .fill = NST_AUTO_CREATOR,
              .doc = "Number of who made it."),
    NST_FIELD("updated_by", client_config, updated_by, &nst_int, .fill = NST_AUTO_UPDATER,
              .doc = "Number of who changed it last."),
    NST_LINK("url", "/client-configs/{id}/", .doc = "Address of the configuration."),
};

static const struct nst_rule config_rule[] = {
    { "type", .choices = "home" },
    { "config", .missing = "This field cannot be null." },
    { 0 },
};

#define SETTABLE "name description type is_default is_template public"
#define SHOWN    "id name description type is_default config url scope is_template public"

static const struct nst_serializer config_serializer[] = {
    { V2, NST_LIST, SHOWN },
    { V2, NST_DETAIL, SHOWN },
    { V2, NST_CREATE, "config* " SETTABLE, .rules = config_rule },
    { V2, NST_UPDATE, "config " SETTABLE, .rules = config_rule },
};

/* ---- Whose they are ---- */

static bool is_of_org(const struct nst_object *o)
{
    return nst_is(o, &ocl_org);
}

static const char *column_of(bool is_org)
{
    return is_org ? "org_id" : "repo_id";
}

/* Those of what the path names; without one those of all that the caller may see. */
static enum nst_err config_scope(struct nst_sql *q, struct nst_req *rq,
                                 const struct nst_object *parent)
{
    if (parent != NULL) {
        nst_sql_addf(q, " AND " TABLE ".%s = ", column_of(is_of_org(parent)));
        nst_sql_bind(q, NST_INT(((const struct nst_row *)parent->row)->id));
        return NST_OK;
    }
    nst_sql_addf(q, " AND (" TABLE ".repo_id IN (SELECT repo.id FROM repo WHERE %s",
                 ocl_source.where);
    NST_TRY(ocl_visible_repos(q, rq));
    nst_sql_addf(q, ") OR " TABLE ".org_id IN (SELECT org.id FROM org WHERE %s", ocl_org.where);
    NST_TRY(ocl_visible_orgs(q, rq));
    nst_sql_add(q, "))");
    return NST_OK;
}

/* Owner, members and staff (V113). */
static enum nst_err may_change(struct nst_req *rq)
{
    const struct client_config *c = nst_object(rq)->row;
    void *source;
    if (c->org_id != 0)
        return ocl_may_manage_org(rq, c->org_id);
    NST_TRY(nst_load_id(&source, rq, &ocl_source, NST_LOAD_CORE, c->repo_id));
    return source != NULL ? ocl_may_manage_source(rq, source) : NST_E_NOT_FOUND;
}

/* ---- What is in them ---- */

static bool is_default_tab(const struct nst_json *tab)
{
    const struct nst_json *v = nst_json_get(tab, NST_STR("default"));
    return v != NULL && v->kind == NST_JSON_BOOL && v->boolean;
}

static const char *fault_of_tabs(const struct nst_json *tabs)
{
    size_t defaults = 0;
    bool is_empty =
        tabs == NULL || tabs->kind == NST_JSON_NULL ||
        ((tabs->kind == NST_JSON_ARRAY || tabs->kind == NST_JSON_OBJECT) && tabs->count == 0);
    if (is_empty)
        return "At least one tab config is mandatory.";
    if (tabs->kind != NST_JSON_ARRAY)
        return "Tabs config must be a list.";
    for (const struct nst_json *tab = tabs->first; tab != NULL; tab = tab->next) {
        if (tab->kind != NST_JSON_OBJECT)
            return "Invalid Tabs config.";
        defaults += is_default_tab(tab);
    }
    return defaults == 1 ? NULL : "Exactly one of the Tabs must be default.";
}

static enum nst_err check_tabs(struct nst_req *rq, const struct client_config *c)
{
    struct nst_json *config;
    NST_TRY(nst_json_read(&config, NULL, rq->arena, c->config, NULL));
    const char *fault = fault_of_tabs(nst_json_get(config, NST_STR("tabs")));
    return fault == NULL ? NST_OK : nst_fail(rq, NST_E_INVALID, "tabs", nst_str_z(fault));
}

/* The others of its type are no defaults any more: who makes another one waits for the owner. */
static enum nst_err unseat_others(struct nst_req *rq, const struct client_config *c)
{
    bool is_org = c->org_id != 0;
    struct nst_sql q;
    void *owner;
    if (!c->is_default)
        return NST_OK;
    NST_TRY(nst_load_id(&owner, rq, is_org ? &ocl_org : &ocl_source, NST_LOAD_HELD,
                        is_org ? c->org_id : c->repo_id));
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "UPDATE " TABLE " SET is_default = FALSE WHERE is_default AND %s = ",
                 column_of(is_org));
    nst_sql_bind(&q, NST_INT(is_org ? c->org_id : c->repo_id));
    nst_sql_add(&q, " AND type = ");
    nst_sql_bind(&q, NST_TEXT(c->type));
    nst_sql_add(&q, " AND id <> ");
    nst_sql_bind(&q, NST_INT(c->row.id));
    return nst_sql_exec(NULL, rq->db, &q);
}

static enum nst_err config_before_create(struct nst_req *rq, void *row)
{
    struct client_config *c = row;
    const struct nst_object *of = nst_object(rq);
    *(is_of_org(of) ? &c->org_id : &c->repo_id) = ((const struct nst_row *)of->row)->id;
    NST_TRY(check_tabs(rq, c));
    NST_TRY(nst_next_id(&c->row.id, rq->db, TABLE, 1));
    return unseat_others(rq, c);
}

static enum nst_err config_before_update(struct nst_req *rq, void *row)
{
    NST_TRY(check_tabs(rq, row));
    return unseat_others(rq, row);
}

/* ---- Inside of what they are of (V229) ---- */

struct taken {
    const struct nst_shown *shown;
    struct nst_buf *out;
    bool is_org;
};

static void take(void *arg, const void *row, struct nst_str json)
{
    const struct taken *t = arg;
    const struct client_config *c = row;
    for (size_t i = 0; i < t->shown->count; i++) {
        const struct nst_row *of = t->shown->row[i];
        if (of->id != (t->is_org ? c->org_id : c->repo_id))
            continue;
        ocl_array_add(&t->out[i], json);
    }
}

enum nst_err ocl_make_client_configs(struct nst_req *rq, const struct nst_shown *shown)
{
    struct taken t = { shown, ocl_arrays_begin(rq, shown->count), shown->resource == &ocl_org };
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, " AND " TABLE ".%s", column_of(t.is_org));
    for (size_t i = 0; i < shown->count; i++)
        nst_sql_in(&q, &count, NST_INT(((const struct nst_row *)shown->row[i])->id));
    nst_sql_in_end(&q, count);
    const struct nst_inner inner = { .resource = &ocl_client_config,
                                     .use = NST_DETAIL,
                                     .conditions = &q,
                                     .limit = INT64_MAX,
                                     .is_judged = true,
                                     .take = take,
                                     .arg = &t };
    NST_TRY(nst_each_row(rq, &inner));
    ocl_arrays_end(shown, t.out);
    return NST_OK;
}

/* ---- Tables ---- */

#define CHANGE(view) \
    { \
        view, may_change \
    }

static const struct nst_route config_route[] = {
    { V2, "/orgs/:org/client-configs/", .get = { nst_list, ocl_may_view_org },
      .post = { nst_create, ocl_has_ownership }, .doc = "How clients show an organisation." },
    { V2, S "client-configs/", .get = { nst_list, ocl_any_caller },
      .post = { nst_create, ocl_has_private_access }, .doc = "How clients show a source." },
    { V2, "/client-configs/:client_config/", .get = { nst_retrieve, ocl_any_caller },
      .put = CHANGE(nst_update), .patch = CHANGE(nst_update),
      .delete = { ocl_erase, may_change, .describe = &nst_answers_nothing },
      .doc = "One of these." },
};

const struct nst_resource ocl_client_config = {
    .name = "client_config",
    .table = TABLE,
    .order = TABLE ".id",
    .size = sizeof(struct client_config),
    NST_FIELDS(config_field),
    NST_SERIALIZERS(config_serializer),
    NST_ROUTES(config_route),
    .hook = { .scope = config_scope,
              .before_create = config_before_create,
              .before_update = config_before_update },
    .doc = "How clients show an organisation or a source.",
};
