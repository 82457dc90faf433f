/* What happened (V269). An event is seen by whoever may see what it is of, judged when it is read:
 * it is gone with that, and tells of a deletion until what was deleted is erased. Whose account is
 * closed has none. */
#include "event.h"

#include "ocl/org/org.h"
#include "ocl/source/source.h"
#include "ocl/user/user.h"

struct event {
    struct nst_row row;
    struct nst_str event_type, description, object;
    struct ocl_thing thing;
    int64_t number, object_id, actor_id, created_at;
    bool is_public;
};

/* ---- Writing ---- */

enum nst_err ocl_record(struct nst_req *rq, const struct ocl_event *e)
{
    int64_t id, actor = rq->caller.is_known ? rq->caller.id : e->user;
    NST_TRY(nst_next_id(&id, rq->db, "event", 1));
    return nst_exec_with(NULL, rq->db,
                         "INSERT INTO event (id, event_type, object_id, actor_id, user_id, org_id, "
                         "repo_id, version_id, of_org_id, created_at) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce(CAST($6 AS bigint), "
                         "(SELECT repo.owner_id FROM repo WHERE repo.id = $7 "
                         "AND repo.owner_type = 'Organization')), $9)",
                         NST_INT(id), NST_TEXT(nst_str_z(e->type)),
                         NST_INT(e->user != 0 ? e->user : actor), NST_INT(actor),
                         nst_int_or_null(e->thing.user_id), nst_int_or_null(e->thing.org_id),
                         nst_int_or_null(e->thing.repo_id), nst_int_or_null(e->thing.version_id),
                         NST_INT(rq->now));
}

/* ---- Reading ---- */

/* A column of what the event names by its own column `by`. */
#define ONE_OF(column, table, by) \
    "(SELECT " table "." column " FROM " table " WHERE " table ".id = event." by ")"
#define IS_OPEN(table, by)   "coalesce(" ONE_OF("public_access <> 'None'", table, by) ", TRUE)"
#define IS_ACTIVE(table, by) "(event." by " IS NULL OR " ONE_OF("is_active", table, by) ")"
#define NAMED(kind, column, table, by) \
    " WHEN event." by " IS NOT NULL THEN ' " kind ":' || " ONE_OF(column, table, by)

/* What it is of, in short. */
#define DESCRIPTION \
    "(event.event_type || CASE" NAMED("Source Version", "mnemonic", "repo_version", "version_id") \
        NAMED("Source", "mnemonic", "repo", "repo_id") \
            NAMED("Organization", "mnemonic", "org", "org_id") \
                NAMED("UserProfile", "username", "account", "user_id") " ELSE '' END)"

/* Whether everybody may see it. */
#define IS_PUBLIC "(" IS_OPEN("repo", "repo_id") " AND " IS_OPEN("org", "org_id") ")"

static const struct nst_field event_field[] = {
    NST_IDENTITY("uuid", event, created_at, .doc = "Its number."),
    NST_FIELD("id", event, number, &nst_int, .column = "(event.id)",
              .flags = NST_CORE | NST_NEVER_NULL, .doc = "Its number."),
    NST_CONSTANT("type", "\"Event\"", .doc = "Kind of resource."),
    NST_FIELD("event_type", event, event_type, &nst_text, .flags = NST_CORE | NST_NEVER_NULL,
              .doc = "Created, Released, Deleted, Followed, Unfollowed or Joined."),
    NST_FIELD("description", event, description, &nst_text, .column = DESCRIPTION,
              .flags = NST_LAZY | NST_NEVER_NULL, .doc = "What happened, in short."),
    NST_FIELD("public", event, is_public, &nst_bool, .column = IS_PUBLIC,
              .flags = NST_LAZY | NST_NEVER_NULL, .doc = "Everybody may see it."),
    NST_FIELD("created_at", event, created_at, &nst_datetime, .flags = NST_CORE | NST_NEVER_NULL,
              .doc = "When."),
    NST_FIELD("object_id", event, object_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the user whose event it is."),
    NST_FIELD("object", event, object, &nst_slug, .column = OCL_NAME_OF("event.object_id"),
              .flags = NST_LAZY, .doc = "Whose event it is."),
    NST_FIELD("actor_id", event, actor_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the user whose doing it was."),
    NST_FIELD("user_id", event, thing.user_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the user that it is of."),
    NST_FIELD("org_id", event, thing.org_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the organisation that it is of."),
    NST_FIELD("repo_id", event, thing.repo_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the source that it is of."),
    NST_FIELD("version_id", event, thing.version_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the version that it is of."),
    NST_LINK("url", "/users/{object}/events/{id}/", .doc = "Its name; no view answers there."),
};

static const struct nst_serializer event_serializer[] = {
    { V2, NST_LIST, "id type event_type description public url created_at" },
};

/* What the event is of is there, and the caller may see it; of a deletion it was. */
static enum nst_err event_visible(struct nst_sql *q, struct nst_req *rq)
{
    nst_sql_add(q, " AND " ONE_OF("is_active", "account", "object_id"));
    nst_sql_add(q, " AND " ONE_OF("is_active", "account", "actor_id"));
    nst_sql_add(q, " AND " IS_ACTIVE("account", "user_id"));
    nst_sql_add(q, " AND " IS_ACTIVE("repo_version", "version_id"));
    nst_sql_add(q, " AND (event.org_id IS NULL OR EXISTS (SELECT 1 FROM org "
                   "WHERE org.id = event.org_id "
                   "AND (org.is_active OR event.event_type = '" OCL_DELETED "')");
    NST_TRY(ocl_visible_orgs(q, rq));
    nst_sql_add(q, ")) AND (event.repo_id IS NULL OR EXISTS (SELECT 1 FROM repo "
                   "WHERE repo.id = event.repo_id AND repo.owner_is_active "
                   "AND (repo.is_active OR event.event_type = '" OCL_DELETED "')");
    NST_TRY(ocl_visible_repos(q, rq));
    nst_sql_add(q, "))");
    return NST_OK;
}

/* ---- Which: of a user by scopes, of an organisation, of everybody ---- */

/* Numbers of events by what leads to them, each found by an index; the number of the user follows.
 * What leads there is judged, too: nobody learns by an event who is in a hidden organisation. */
#define EVENTS(rest) "SELECT e.id FROM event e " rest " = "

static const struct lead {
    const char *events;
    enum nst_err (*visible)(struct nst_sql *q, struct nst_req *rq);
} leads[] = {
    { EVENTS("WHERE e.object_id"), NULL },
    { EVENTS("JOIN follow f ON f.user_id = e.object_id WHERE f.follower_id"), NULL },
    { EVENTS("JOIN org ON org.id = e.of_org_id JOIN follow f ON f.org_id = org.id "
             "WHERE org.is_active AND f.follower_id"),
      ocl_visible_orgs },
    { EVENTS("JOIN repo ON repo.id = e.repo_id JOIN follow f ON f.repo_id = repo.id "
             "WHERE repo.is_active AND repo.owner_is_active AND f.follower_id"),
      ocl_visible_repos },
    { EVENTS("JOIN org ON org.id = e.of_org_id JOIN member m ON m.org_id = org.id "
             "WHERE org.is_active AND m.user_id"),
      ocl_visible_orgs },
    { EVENTS("JOIN repo r ON r.id = e.repo_id WHERE r.owner_type = 'User' AND r.owner_id"), NULL },
};

#define ONLY_SELF 1U

/* Of each word its leads, as bits. */
static const struct {
    const char *word;
    unsigned leads;
} scopes[] = {
    { "self", ONLY_SELF },
    { "following", 1U << 1 | 1U << 2 | 1U << 3 },
    { "orgs", 1U << 4 },
    { "all", (1U << NST_COUNT(leads)) - 1 },
};

static enum nst_err put_events(struct nst_sql *q, struct nst_req *rq, const struct lead *l,
                               int64_t user)
{
    nst_sql_add(q, l->events);
    nst_sql_bind(q, NST_INT(user));
    return l->visible != NULL ? l->visible(q, rq) : NST_OK;
}

/* The leads of the scopes that are asked for; 0: a word is none. */
static unsigned read_scopes(struct nst_str text)
{
    unsigned asked = 0;
    while (text.p != NULL) {
        struct nst_str word = nst_str_trim(nst_str_cut(&text, ','));
        size_t i = 0;
        while (i < NST_COUNT(scopes) && !nst_str_eq(word, nst_str_z(scopes[i].word)))
            i++;
        if (i == NST_COUNT(scopes))
            return 0;
        asked |= scopes[i].leads;
    }
    return asked;
}

static enum nst_err user_scope(struct nst_sql *q, struct nst_req *rq,
                               const struct nst_object *parent)
{
    int64_t user = ((const struct nst_row *)parent->row)->id;
    struct nst_str text = nst_query_value(rq, "scopes");
    unsigned asked = text.n > 0 ? read_scopes(text) : ONLY_SELF;
    const char *between = "(";
    if (asked == 0)
        return nst_fail(rq, NST_E_INVALID, "scopes", nst_str_z(nst_texts_of(rq->face)->invalid));
    if (asked == ONLY_SELF) { /* in the order of an index */
        nst_sql_add(q, " AND event.object_id = ");
        nst_sql_bind(q, NST_INT(user));
        return NST_OK;
    }
    nst_sql_add(q, " AND event.id IN ");
    for (size_t i = 0; i < NST_COUNT(leads); i++) {
        if ((asked >> i & 1) == 0)
            continue;
        nst_sql_add(q, between);
        NST_TRY(put_events(q, rq, &leads[i], user));
        between = " UNION ";
    }
    nst_sql_add(q, ")");
    return NST_OK;
}

static enum nst_err org_scope(struct nst_sql *q, struct nst_req *rq,
                              const struct nst_object *parent)
{
    (void)rq;
    nst_sql_add(q, " AND event.of_org_id = ");
    nst_sql_bind(q, NST_INT(((const struct nst_row *)parent->row)->id));
    return NST_OK;
}

/* What is new, of the last of it: nobody reads on for long, and each page counts them. */
static enum nst_err guest_scope(struct nst_sql *q, struct nst_req *rq,
                                const struct nst_object *parent)
{
    (void)rq;
    (void)parent;
    nst_sql_add(q, " AND event.id IN (SELECT e.id FROM event e WHERE e.event_type = '" OCL_CREATED
                   "' OR e.event_type = '" OCL_RELEASED "' ORDER BY e.id DESC LIMIT 1000) "
                   "AND " IS_PUBLIC);
    return NST_OK;
}

/* ---- Members ---- */

typedef struct ocl_thing part(const struct event *e);

static struct ocl_thing object_of(const struct event *e)
{
    return (struct ocl_thing){ .user_id = e->object_id };
}

static struct ocl_thing actor_of(const struct event *e)
{
    return (struct ocl_thing){ .user_id = e->actor_id };
}

static struct ocl_thing thing_of(const struct event *e)
{
    struct ocl_thing thing = e->thing;
    if (thing.version_id != 0)
        thing.repo_id = 0;
    return thing;
}

static enum nst_err show(struct nst_req *rq, const struct nst_shown *shown, part *of)
{
    struct ocl_thing *thing = NST_NEW_ARRAY(rq->arena, struct ocl_thing, shown->count);
    for (size_t i = 0; i < shown->count; i++)
        thing[i] = of(shown->row[i]);
    return ocl_show_things(shown->value, rq, thing, shown->count);
}

static enum nst_err show_object(struct nst_req *rq, const struct nst_shown *shown)
{
    return show(rq, shown, object_of);
}

static enum nst_err show_thing(struct nst_req *rq, const struct nst_shown *shown)
{
    return show(rq, shown, thing_of);
}

static enum nst_err show_actor(struct nst_req *rq, const struct nst_shown *shown)
{
    return show(rq, shown, actor_of);
}

static const struct nst_member event_member[] = {
    { V2, 1U << NST_LIST, "object", NULL, show_object, OCL_THING_SCHEMA, "Whose event it is." },
    { V2, 1U << NST_LIST, "referenced_object", NULL, show_thing, OCL_THING_SCHEMA,
      "What it is of; null where somebody joined this server." },
    { V2, 1U << NST_LIST, "actor", NULL, show_actor, OCL_THING_SCHEMA, "Whose doing it was." },
    { 0 },
};

/* ---- Tables ---- */

static const struct nst_parameter user_asked[] = {
    { "scopes", NULL,
      "Words between commas: self (otherwise the same), following, orgs; all, with what happened "
      "to "
      "the user's sources." },
    { 0 },
};
static const struct nst_parameter nothing_asked[] = { { 0 } };

static const struct nst_route user_route[] = {
    { V2, "/(users/:user|user~user)/events/", .get = { nst_list, ocl_any_caller },
      .doc = "What a user did, the newest first." },
};
static const struct nst_route org_route[] = {
    { V2, "/orgs/:org/events/", .get = { nst_list, ocl_may_view_org },
      .doc = "What happened to an organisation and its sources, the newest first." },
};
static const struct nst_route guest_route[] = {
    { V2, "/events/", .get = { nst_list, ocl_any_caller },
      .doc = "What was created and released for everybody: of the last 1000." },
};

static const struct nst_set event_sets[] = {
    { "org_event", NST_ROUTES(org_route), .asked = nothing_asked, .hook = { .scope = org_scope },
      .doc = "What happened to an organisation or a source of it." },
    { "public_event", NST_ROUTES(guest_route), .asked = nothing_asked,
      .hook = { .scope = guest_scope }, .doc = "What was created or released." },
    { 0 },
};

const struct nst_resource ocl_event = {
    .name = "event",
    .table = "event",
    .order = "event.id DESC",
    .size = sizeof(struct event),
    NST_FIELDS(event_field),
    NST_SERIALIZERS(event_serializer),
    NST_ROUTES(user_route),
    .asked = user_asked,
    .member = event_member,
    .sets = event_sets,
    .hook = { .scope = user_scope, .visible = event_visible },
    .doc = "Something that happened.",
};
