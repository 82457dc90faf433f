/* Following: users follow users, organisations and sources (V216). What was deleted, or is hidden
 * from the caller, is not among them: it is there again with what it leads to. */
#include "follow.h"

#include "ocl/array.h"
#include "ocl/event/event.h"
#include "ocl/user/user.h"

struct follow {
    struct nst_row row;
    int64_t number, follower_id, created_at;
    struct nst_str follower;
    struct ocl_thing thing;
};

static const struct nst_field follow_field[] = {
    NST_IDENTITY("uuid", follow, created_at, .doc = "Its number."),
    NST_FIELD("id", follow, number, &nst_int, .column = "(follow.id)",
              .flags = NST_CORE | NST_NEVER_NULL, .doc = "Its number."),
    NST_FIELD("follow_date", follow, created_at, &nst_datetime, .column = "created_at",
              .flags = NST_CORE | NST_NEVER_NULL, .doc = "Since when."),
    NST_CONSTANT("type", "\"Follow\"", .doc = "Kind of resource."),
    NST_FIELD("follower_id", follow, follower_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of who follows."),
    NST_FIELD("follower", follow, follower, &nst_slug, .column = OCL_NAME_OF("follow.follower_id"),
              .flags = NST_LAZY, .doc = "Who follows."),
    NST_FIELD("user_id", follow, thing.user_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the user that is followed."),
    NST_FIELD("org_id", follow, thing.org_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the organisation that is followed."),
    NST_FIELD("repo_id", follow, thing.repo_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the source that is followed."),
    NST_LINK("url", "/users/{follower}/following/{id}/", .doc = "Where it is ended."),
};

static const struct nst_serializer follow_serializer[] = {
    { V2, NST_LIST, "id follow_date type url" },
};

/* ---- Lists ---- */

static enum nst_err following_scope(struct nst_sql *q, struct nst_req *rq,
                                    const struct nst_object *parent)
{
    (void)rq;
    nst_sql_add(q, " AND follow.follower_id = ");
    nst_sql_bind(q, NST_INT(((const struct nst_row *)parent->row)->id));
    return NST_OK;
}

static enum nst_err following_visible(struct nst_sql *q, struct nst_req *rq)
{
    return ocl_things_visible(q, rq, "follow");
}

static enum nst_err followers_scope(struct nst_sql *q, struct nst_req *rq,
                                    const struct nst_object *parent)
{
    (void)rq;
    nst_sql_add(q, " AND follow.user_id = ");
    nst_sql_bind(q, NST_INT(((const struct nst_row *)parent->row)->id));
    return NST_OK;
}

/* What each row is about, in the order of the page. */
static enum nst_err show(struct nst_req *rq, const struct nst_shown *shown, bool is_follower)
{
    struct ocl_thing *thing = NST_NEW_ARRAY(rq->arena, struct ocl_thing, shown->count);
    for (size_t i = 0; i < shown->count; i++) {
        const struct follow *f = shown->row[i];
        thing[i] = is_follower ? (struct ocl_thing){ .user_id = f->follower_id } : f->thing;
    }
    return ocl_show_things(shown->value, rq, thing, shown->count);
}

static enum nst_err show_followed(struct nst_req *rq, const struct nst_shown *shown)
{
    return show(rq, shown, false);
}

static enum nst_err show_follower(struct nst_req *rq, const struct nst_shown *shown)
{
    return show(rq, shown, true);
}

static const struct nst_member followed_member[] = {
    { V2, 1U << NST_LIST, "object", NULL, show_followed, OCL_THING_SCHEMA, "What is followed." },
    { 0 },
};
static const struct nst_member follower_member[] = {
    { V2, 1U << NST_LIST, "object", NULL, show_follower, OCL_THING_SCHEMA, "Who follows." },
    { 0 },
};

/* ---- Beginning and ending ---- */

static enum nst_err refuse(struct nst_req *rq, struct nst_str text)
{
    return nst_fail_bare(rq, NST_E_INVALID, "detail", text);
}

static enum nst_err find_followed(struct ocl_thing *thing, struct nst_req *rq, int64_t follower)
{
    const struct nst_json *v = nst_body_member(rq, "follow");
    bool found = false;
    if (v == NULL || v->kind == NST_JSON_NULL || (v->kind == NST_JSON_STRING && v->text.n == 0))
        return refuse(rq, NST_STR("follow and follow_type are mandatory"));
    if (nst_json_is_text(v))
        NST_TRY(ocl_find_thing(thing, &found, rq, v->text));
    if (!found)
        return refuse(rq, NST_STR("Invalid follow uri"));
    return thing->user_id == follower ? refuse(rq, NST_STR("User cannot follow themselves"))
                                      : NST_OK;
}

static enum nst_err record(struct nst_req *rq, const char *type, int64_t follower,
                           struct ocl_thing thing)
{
    return ocl_record(rq, &(struct ocl_event){ type, follower, thing });
}

/* Who follows already goes on doing so. */
static enum nst_err follow(struct nst_req *rq)
{
    int64_t follower = ((const struct nst_row *)nst_object(rq)->row)->id, id, begun = 0;
    struct ocl_thing thing = { 0 };
    NST_TRY(find_followed(&thing, rq, follower));
    NST_TRY(nst_next_id(&id, rq->db, "follow", 1));
    NST_TRY(nst_exec_with(&begun, rq->db,
                          "INSERT INTO follow (id, follower_id, user_id, org_id, repo_id, "
                          "created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                          NST_INT(id), NST_INT(follower), nst_int_or_null(thing.user_id),
                          nst_int_or_null(thing.org_id), nst_int_or_null(thing.repo_id),
                          NST_INT(rq->now)));
    if (begun > 0)
        NST_TRY(record(rq, OCL_FOLLOWED, follower, thing));
    return nst_answer_empty(rq, 204);
}

static enum nst_err unfollow(struct nst_req *rq)
{
    int64_t id, follower = ((const struct nst_row *)nst_object(rq)->row)->id;
    struct ocl_thing thing = { 0 };
    struct nst_rows *rows;
    if (!nst_str_int(&id, rq->var[rq->vars - 1]))
        return NST_E_NOT_FOUND;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "DELETE FROM follow WHERE id = $1 AND follower_id = $2 "
                           "RETURNING user_id, org_id, repo_id",
                           NST_INT(id), NST_INT(follower)));
    bool is_there = nst_rows_step(rows);
    if (is_there)
        thing = (struct ocl_thing){ .user_id = nst_rows_int(rows, 0),
                                    .org_id = nst_rows_int(rows, 1),
                                    .repo_id = nst_rows_int(rows, 2) };
    NST_TRY(nst_rows_end(rows));
    if (!is_there)
        return NST_E_NOT_FOUND;
    NST_TRY(record(rq, OCL_UNFOLLOWED, follower, thing));
    return nst_answer_empty(rq, 204);
}

/* ---- Inside of the user itself (V214) ---- */

#define INSIDE_MAX 1000

static enum nst_err make_inside(struct nst_req *rq, const struct nst_shown *shown,
                                const struct nst_set *set, const char *condition)
{
    size_t total = 0;
    for (size_t i = 0; i < shown->count; i++) {
        struct nst_sql q;
        nst_sql_init(&q, rq->arena);
        nst_sql_add(&q, condition);
        nst_sql_bind(&q, NST_INT(((const struct nst_row *)shown->row[i])->id));
        const struct nst_inner inner = { .resource = &ocl_follow,
                                         .set = set,
                                         .use = NST_LIST,
                                         .conditions = &q,
                                         .limit = INSIDE_MAX };
        NST_TRY(ocl_array_of(&shown->value[i], rq, &inner, &total));
    }
    return NST_OK;
}

enum nst_err ocl_make_following(struct nst_req *rq, const struct nst_shown *shown)
{
    return make_inside(rq, shown, NULL, " AND follow.follower_id = ");
}

enum nst_err ocl_make_followers(struct nst_req *rq, const struct nst_shown *shown)
{
    return make_inside(rq, shown, &ocl_follow.sets[0], " AND follow.user_id = ");
}

/* ---- Tables ---- */

#define ERROR "{\"$ref\":\"#/components/schemas/v2.Error\"}"

static const struct nst_response following_response[] = {
    { 204, "It is followed." },
    { 400, "It is not there, or it is the user itself.", { .schema = ERROR } },
    { 0 },
};

static const struct nst_description beginning = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"follow\"],\"properties\":{"
                           "\"follow\":{\"type\":\"string\"}}}" },
    .response = following_response,
};

#define USER "/(users/:user|user~user)/"

static const struct nst_route follow_route[] = {
    { V2, USER "following/", .get = { nst_list, ocl_any_caller },
      .post = { follow, ocl_has_ownership, .describe = &beginning },
      .doc = "Whom and what a user follows, the newest first." },
    { V2, USER "following/:follow?/",
      .delete = { unfollow, ocl_has_ownership, .describe = &nst_answers_nothing },
      .doc = "One of them: deleting it ends it." },
};

static const struct nst_route follower_route[] = {
    { V2, USER "followers/", .get = { nst_list, ocl_any_caller },
      .doc = "Who follows a user, the newest first." },
};

static const struct nst_set follow_sets[] = {
    { "follower",
      .where = "EXISTS (SELECT 1 FROM account WHERE account.id = follow.follower_id "
               "AND account.is_active)",
      NST_ROUTES(follower_route), .member = follower_member,
      .hook = { .scope = followers_scope, .visible = nst_all_visible },
      .doc = "Who follows a user." },
    { 0 },
};

const struct nst_resource ocl_follow = {
    .name = "follow",
    .table = "follow",
    .order = "follow.created_at DESC, follow.id DESC",
    .size = sizeof(struct follow),
    NST_FIELDS(follow_field),
    NST_SERIALIZERS(follow_serializer),
    NST_ROUTES(follow_route),
    .member = followed_member,
    .sets = follow_sets,
    .hook = { .scope = following_scope, .visible = following_visible },
    .doc = "Whom or what a user follows.",
};
