/* The URL registry: in whose namespace the repository of a canonical address stands (V268). An
 * owner has entries, and so has the server for all. What an entry leads to is looked up when it is
 * read: among what the caller may see, as if nothing else stood there (V117). */
#include "registry.h"

#include "ocl/owned.h"
#include "ocl/source/source.h"

struct entry {
    struct nst_row row;
    struct nst_str name, url, namespace, extras;
    struct ocl_owner owner;
    int64_t number, created_at, updated_at, created_by, updated_by;
    struct nst_str creator, updater;
    bool is_active;
};

extern const struct nst_resource ocl_registry_entry;

enum nst_err ocl_move_namespaces(struct nst_req *rq, struct nst_str from, struct nst_str to)
{
    return nst_exec_with(NULL, rq->db,
                         "UPDATE url_registry SET namespace = $1 WHERE namespace = $2",
                         NST_TEXT(to), NST_TEXT(from));
}

/* ---- Whose they are ---- */

/* .arg of the list that asks for entries of a user's organisations. */
static const char of_orgs[] = "orgs";

/* The registry in the path. That of a hidden organisation is refused before an entry is looked
 * for, so that no answer tells which numbers it has. */
static enum nst_err entry_scope(struct nst_sql *q, struct nst_req *rq,
                                const struct nst_object *parent)
{
    NST_TRY(ocl_may_view_owner(rq));
    if (rq->action != NULL && rq->action->arg == of_orgs)
        return ocl_put_orgs_of(q, rq, "url_registry.org_id",
                               ((const struct nst_row *)parent->row)->id);
    ocl_put_owned(q, parent, "url_registry");
    return NST_OK;
}

/* Owners are named with a slash at the end; clients leave it out (V1018). */
static enum nst_err end_namespace(struct nst_req *rq, void *row)
{
    struct entry *e = row;
    struct nst_str n = e->namespace;
    if (n.n > 0 && n.p[0] == '/' && n.p[n.n - 1] != '/')
        e->namespace = nst_strf(rq->arena, "%.*s/", NST_FMT(n));
    return NST_OK;
}

static enum nst_err entry_before_create(struct nst_req *rq, void *row)
{
    struct entry *e = row;
    NST_TRY(end_namespace(rq, e));
    ocl_set_owner(&e->owner, rq, &ocl_registry_entry, e);
    return nst_next_id(&e->row.id, rq->db, "url_registry", 1);
}

/* ---- Where they lead ---- */

struct leads {
    struct nst_arena *arena;
    const struct nst_shown *shown;
    int64_t *repo; /* of each row; 0: to nothing */
};

/* The oldest source in the namespace that has the address, of those that the caller may see. */
static enum nst_err find_repos(const struct leads *leads, struct nst_req *rq)
{
    struct nst_rows *rows;
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT e.id, min(repo.id) FROM url_registry e JOIN repo "
                    "ON repo.owner_url = e.namespace AND repo.canonical_url = e.url "
                    "AND substr(repo.canonical_url, 1, 250) = substr(e.url, 1, 250) "
                    "WHERE " OCL_IS_SOURCE("repo") " AND e.id");
    for (size_t i = 0; i < leads->shown->count; i++)
        nst_sql_in(&q, &count, NST_INT(((const struct nst_row *)leads->shown->row[i])->id));
    nst_sql_in_end(&q, count);
    NST_TRY(ocl_visible_repos(&q, rq));
    nst_sql_add(&q, " GROUP BY e.id");
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows))
        for (size_t i = 0; i < leads->shown->count; i++)
            if (((const struct nst_row *)leads->shown->row[i])->id == nst_rows_int(rows, 0))
                leads->repo[i] = nst_rows_int(rows, 1);
    return nst_rows_end(rows);
}

static void take_repo(void *arg, const void *row, struct nst_str json)
{
    const struct leads *leads = arg;
    struct nst_str kept = nst_str_copy(leads->arena, json);
    for (size_t i = 0; i < leads->shown->count; i++)
        if (leads->repo[i] == ((const struct nst_row *)row)->id)
            leads->shown->value[i] = kept;
}

/* For struct nst_member: the source as lists show it. */
static enum nst_err make_repo(struct nst_req *rq, const struct nst_shown *shown)
{
    struct leads leads = { rq->arena, shown, NST_NEW_ARRAY(rq->arena, int64_t, shown->count + 1) };
    struct nst_sql which;
    size_t count = 0;
    NST_TRY(find_repos(&leads, rq));
    nst_sql_init(&which, rq->arena);
    nst_sql_add(&which, " AND repo.id");
    for (size_t i = 0; i < shown->count; i++)
        if (leads.repo[i] != 0)
            nst_sql_in(&which, &count, NST_INT(leads.repo[i]));
    nst_sql_in_end(&which, count);
    const struct nst_inner inner = { .resource = &ocl_source,
                                     .use = NST_LIST,
                                     .conditions = &which,
                                     .limit = (int64_t)shown->count,
                                     .is_judged = true,
                                     .take = take_repo,
                                     .arg = &leads };
    return count > 0 ? nst_each_row(rq, &inner) : NST_OK;
}

/* ---- Looking one up ---- */

static enum nst_err may_look_up(struct nst_req *rq)
{
    NST_TRY(ocl_any_token(rq));
    return ocl_may_view_owner(rq);
}

static enum nst_err find_entry(struct entry **e, struct nst_req *rq)
{
    const struct nst_json *url = nst_body_member(rq, "url");
    struct nst_sql q;
    if (!nst_json_is_text(url) || url->text.n == 0)
        return nst_fail_bare(rq, NST_E_INVALID, "detail",
                             NST_STR("url is required in query params"));
    nst_sql_init(&q, rq->arena);
    NST_TRY(entry_scope(&q, rq, nst_object(rq)));
    nst_sql_add(&q, " AND url_registry.url = ");
    nst_sql_bind(&q, NST_TEXT(url->text));
    return nst_load_where((void **)e, rq, &ocl_registry_entry, NST_LOAD_ALL, &q);
}

/* The source with the address of the entry behind its members, or that alone. */
static enum nst_err look_up(struct nst_req *rq)
{
    struct entry *e = NULL;
    struct nst_str repo = { 0 };
    NST_TRY(find_entry(&e, rq));
    if (e == NULL)
        return nst_answer_empty(rq, 204);
    NST_TRY(make_repo(rq, &(struct nst_shown){ .resource = &ocl_registry_entry,
                                               .use = NST_DETAIL,
                                               .row = (void *const *)&e,
                                               .value = &repo,
                                               .count = 1 }));
    if (repo.n > 0)
        nst_put(&rq->x->out, nst_str_slice(repo, 0, repo.n - 1));
    nst_put_z(&rq->x->out, repo.n > 0 ? "," : "{");
    nst_putf(&rq->x->out, "\"url_registry_entry\":\"%.*surl-registry/%lld/\"}",
             NST_FMT(e->owner.url), (long long)e->row.id);
    return nst_answer_json(rq, 200);
}

/* ---- Tables ---- */

static const struct nst_field entry_field[] = {
    NST_IDENTITY("uuid", entry, created_at, .doc = "Number of the entry."),
    NST_FIELD("id", entry, number, &nst_int, .column = "url_registry.id",
              .flags = NST_KEY | NST_NEVER_NULL | NST_CORE, .doc = "The same, as a number."),
    NST_FIELD("name", entry, name, &nst_text, .flags = NST_FILTER, .doc = "What it is called."),
    NST_FIELD("url", entry, url, &nst_text, .flags = NST_FILTER | NST_NEVER_NULL | NST_NOT_EMPTY,
              .max = 600, .doc = "Canonical address, once in a registry."),
    NST_FIELD("namespace", entry, namespace, &nst_text, .flags = NST_FILTER, .max = 300,
              .doc = "Address of the owner of what it leads to."),
    OCL_OWNER_FIELDS(entry, "url_registry"),
    NST_LINK("uri", "{owner_url}url-registry/{id}/", .doc = "Address of the entry."),
    NST_CONSTANT("type", "\"URLRegistryEntry\"", .doc = "Kind of resource."),
    NST_FIELD("extras", entry, extras, &nst_json_object, .fallback = "{}",
              .doc = "Free JSON object."),
    NST_FIELD("is_active", entry, is_active, &nst_bool, .fallback = "true",
              .doc = "False once deleted."),
    OCL_STAMPS(entry, "url_registry"),
};

static const struct nst_rule entry_rule[] = {
    { "url", .fits = nst_str_is_uri, .unfit = "Enter a valid URI.", .format = "uri" },
    { 0 },
};

#define SHOWN \
    "id name url namespace owner owner_type owner_url created_by updated_by created_at " \
    "updated_at is_active extras type"
#define TAKEN \
    { \
        "non_fields_error", "This entry already exists.", .is_list = true \
    }

static const struct nst_serializer entry_serializer[] = {
    { V2, NST_LIST, SHOWN },
    { V2, NST_DETAIL, SHOWN },
    { V2, NST_CREATE, "url* name namespace extras", .rules = entry_rule, .duplicate = TAKEN },
    { V2, NST_UPDATE, "url name namespace extras", .rules = entry_rule, .duplicate = TAKEN },
};

static const struct nst_member entry_member[] = {
    { V2, 1U << NST_LIST | 1U << NST_DETAIL, "repo", NULL, make_repo,
      "{\"type\":[\"object\",\"null\"]}", "The source that it leads to." },
    { 0 },
};

static const struct nst_filter entry_filter[] = { OCL_FILTERS("url_registry"), { 0 } };

static const struct nst_sort entry_sort[] = {
    OCL_RANKED,
    { "name", "lower(url_registry.name)|url_registry.url" },
    { "namespace", "url_registry.namespace|url_registry.url" },
    { "url", "url_registry.url" },
    { "last_update", "url_registry.updated_at" },
    { 0 },
};

static const struct nst_response look_up_response[] = {
    { 200,
      "The source that the address leads to, with the address of the entry; the latter alone.",
      { .schema = "{\"type\":\"object\",\"additionalProperties\":true,"
                  "\"required\":[\"url_registry_entry\"],\"properties\":{"
                  "\"url_registry_entry\":{\"type\":\"string\"}}}" } },
    { 204, "The registry has no such address." },
    { 0 },
};

static const struct nst_description looking_up = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"url\"],\"properties\":{"
                           "\"url\":{\"type\":\"string\"}}}" },
    .response = look_up_response,
};

/* The routes of a registry. */
#define REGISTRY(at, whose) \
    { V2, at "url-registry/", .get = { nst_list, ocl_may_view_owner }, \
      .post = { nst_create, ocl_owner_or_staff }, .doc = "Registry of addresses of " whose "." }, \
        { V2, \
          at "url-registry/:registry_entry/", \
          .get = { nst_retrieve, ocl_may_view_owner }, \
          .put = { nst_update, ocl_owner_or_staff }, \
          .patch = { nst_update, ocl_owner_or_staff }, \
          .delete = { nst_destroy, ocl_owner_or_staff }, \
          .doc = "One entry of it." }, \
    { \
        V2, at "url-registry/$lookup/", .post = { look_up, may_look_up, .describe = &looking_up }, \
                                        .doc = "What an address leads to." \
    }

static const struct nst_route entry_route[] = {
    REGISTRY("/", "all"),
    REGISTRY("/(orgs/:org|users/:user|user~user)/", "an owner"),
    { V2, "/(users/:user|user~user)/orgs/url-registry/",
      .get = { nst_list, ocl_any_caller, .arg = of_orgs },
      .doc = "Entries of the organisations that a user is a member of." },
};

const struct nst_resource ocl_registry_entry = {
    .name = "registry_entry",
    .table = "url_registry",
    .from = OCL_OWNED_FROM("url_registry"),
    .where = "url_registry.is_active",
    .order = "url_registry.updated_at DESC, url_registry.id DESC",
    .size = sizeof(struct entry),
    NST_FIELDS(entry_field),
    NST_SERIALIZERS(entry_serializer),
    NST_ROUTES(entry_route),
    .sort = entry_sort,
    .filter = entry_filter,
    .member = entry_member,
    .hook = { .scope = entry_scope,
              .before_create = entry_before_create,
              .before_update = end_namespace },
    .doc = "Where the repository of a canonical address is looked for.",
};
