/* Who may see or change what: written once. `way_in` lists the ways to reach a
 * repository; each is C for a row in hand and SQL for lists, side by side, and a
 * right is the set of ways that grant it (G29 to G33, G140, V806, V807). */
#include "app.h"
#include "org/org.h"
#include "source/source.h"
#include "user/user.h"

/* ---- The one predicate ---- */

enum way {
    BY_STAFF = 1 << 0,      /* staff */
    BY_OWNING = 1 << 1,     /* the owning user */
    BY_MEMBERSHIP = 1 << 2, /* a member of the owning organisation, judged now (G145) */
    BY_VIEW = 1 << 3,       /* public access is not None */
    BY_EDIT = 1 << 4,       /* public access is Edit, and a token is there */
};

/* Sets of ways. */
enum {
    RIGHT_PRIVATE = BY_STAFF | BY_OWNING | BY_MEMBERSHIP,
    RIGHT_VIEW = RIGHT_PRIVATE | BY_VIEW,
    RIGHT_EDIT = RIGHT_PRIVATE | BY_EDIT,
};

typedef bool way_test(struct nst_req *rq, const struct ocl_source *s);

/* A superuser may what staff may (V808). */
static bool administers(const struct nst_req *rq)
{
    return rq->caller.is_staff || rq->caller.is_superuser;
}

static bool is_staff(struct nst_req *rq, const struct ocl_source *s)
{
    (void)s;
    return administers(rq);
}

static bool is_owner(struct nst_req *rq, const struct ocl_source *s)
{
    return rq->caller.is_known && nst_str_eq(s->owner_type, NST_STR("User")) &&
           s->owner_id == rq->caller.id;
}

static bool is_viewable(struct nst_req *rq, const struct ocl_source *s)
{
    (void)rq;
    return !nst_str_eq(s->public_access, NST_STR("None"));
}

static bool is_editable(struct nst_req *rq, const struct ocl_source *s)
{
    return rq->caller.is_known && nst_str_eq(s->public_access, NST_STR("Edit"));
}

/* $ stands for the caller's id. Staff is decided before any SQL is built. A NULL
 * test asks the database. */
static const struct {
    enum way way;
    way_test *test;
    const char *sql;
} way_in[] = {
    { BY_STAFF, is_staff, NULL },
    { BY_VIEW, is_viewable, "repo.public_access <> 'None'" },
    { BY_EDIT, is_editable, NULL },
    { BY_OWNING, is_owner, "repo.owner_type = 'User' AND repo.owner_id = $" },
    { BY_MEMBERSHIP, NULL,
      "repo.owner_type = 'Organization' AND EXISTS (SELECT 1 FROM member "
      "WHERE member.org_id = repo.owner_id AND member.user_id = $)" },
};

enum nst_err ocl_is_member(bool *out, struct nst_req *rq, int64_t org, int64_t user)
{
    return nst_exists_with(out, rq->db, "SELECT 1 FROM member WHERE org_id = $1 AND user_id = $2",
                           NST_INT(org), NST_INT(user));
}

static enum nst_err has_right(bool *out, struct nst_req *rq, const struct ocl_source *s,
                              unsigned right)
{
    *out = false;
    for (size_t i = 0; i < NST_COUNT(way_in); i++) {
        if ((right & (unsigned)way_in[i].way) == 0)
            continue;
        if (way_in[i].test != NULL)
            *out = way_in[i].test(rq, s);
        else if (rq->caller.is_known && nst_str_eq(s->owner_type, NST_STR("Organization")))
            NST_TRY(ocl_is_member(out, rq, s->owner_id, rq->caller.id));
        if (*out)
            return NST_OK;
    }
    return NST_OK;
}

/* The ways to see a repository, one or the other. */
static void put_ways(struct nst_sql *q, struct nst_req *rq, const char *before)
{
    const char *between = before;
    for (size_t i = 0; i < NST_COUNT(way_in); i++) {
        if (((unsigned)RIGHT_VIEW & (unsigned)way_in[i].way) == 0 || way_in[i].sql == NULL)
            continue;
        struct nst_str rest = nst_str_z(way_in[i].sql);
        nst_sql_add(q, between);
        nst_sql_add_str(q, nst_str_cut(&rest, '$'));
        if (rest.p != NULL) {
            nst_sql_bind(q, NST_INT(rq->caller.is_known ? rq->caller.id : -1));
            nst_sql_add_str(q, rest);
        }
        between = " OR ";
    }
    nst_sql_add(q, ")");
}

enum nst_err ocl_visible_repos(struct nst_sql *q, struct nst_req *rq)
{
    if (!administers(rq))
        put_ways(q, rq, " AND (");
    return NST_OK;
}

void ocl_hidden_repos(struct nst_sql *q, struct nst_req *rq)
{
    if (administers(rq))
        nst_sql_add(q, " AND FALSE");
    else
        put_ways(q, rq, " AND NOT (");
}

/* ---- Permissions ---- */

/* A caller who may not hears 401 when a token could help. */
static enum nst_err grant_if(const struct nst_req *rq, bool granted)
{
    if (granted)
        return NST_OK;
    return rq->caller.is_known ? NST_E_FORBIDDEN : NST_E_UNAUTHENTICATED;
}

enum nst_err ocl_refuse_copy(struct nst_req *rq, const struct ocl_source *s)
{
    return nst_fail_bare(rq, NST_E_FORBIDDEN, "detail",
                         nst_strf(rq->arena,
                                  "This source is a read-only copy of %.*s: it changes there, and "
                                  "comes here with the next release.",
                                  NST_FMT(s->copied_from)));
}

enum nst_err ocl_keep_copies(struct nst_req *rq, struct nst_str owner_url)
{
    bool has_some;
    NST_TRY(nst_exists_with(&has_some, rq->db,
                            "SELECT 1 FROM repo WHERE owner_url = $1 AND copied_from IS NOT NULL",
                            NST_TEXT(owner_url)));
    return has_some
               ? nst_fail_bare(rq, NST_E_CONFLICT, "detail",
                               nst_strf(rq->arena,
                                        "%.*s has read-only copies of what other servers have: end "
                                        "them first (nestor subscribe --remove).",
                                        NST_FMT(owner_url)))
               : NST_OK;
}

/* Nobody writes to a copy but its subscription, which takes the mark away while it does. */
static enum nst_err keep_copy(struct nst_req *rq, const struct ocl_source *s)
{
    bool is_kept = s == NULL || s->copied_from.p == NULL || rq->method == NST_GET;
    return is_kept ? NST_OK : ocl_refuse_copy(rq, s);
}

static enum nst_err need_right(struct nst_req *rq, unsigned right)
{
    const struct nst_object *o = nst_ancestor(rq, "source");
    bool granted;
    NST_TRY(has_right(&granted, rq, o->row, right));
    NST_TRY(grant_if(rq, granted));
    return keep_copy(rq, o->row);
}

enum nst_err ocl_may_view(struct nst_req *rq, const struct nst_object *o)
{
    bool granted;
    NST_TRY(has_right(&granted, rq, o->row, RIGHT_VIEW));
    return grant_if(rq, granted);
}

enum nst_err ocl_may_edit(struct nst_req *rq)
{
    return need_right(rq, RIGHT_EDIT);
}

enum nst_err ocl_has_private_access(struct nst_req *rq)
{
    return need_right(rq, RIGHT_PRIVATE);
}

enum nst_err ocl_any_caller(struct nst_req *rq)
{
    return grant_if(rq, rq->caller.is_known || ocl_face_of(rq)->reads_anonymously);
}

enum nst_err ocl_any_token(struct nst_req *rq)
{
    return grant_if(rq, rq->caller.is_known);
}

enum nst_err ocl_staff_only(struct nst_req *rq)
{
    return grant_if(rq, administers(rq));
}

enum nst_err ocl_superuser_only(struct nst_req *rq)
{
    return grant_if(rq, rq->caller.is_superuser);
}

enum nst_err ocl_may_manage_source(struct nst_req *rq, const struct ocl_source *s)
{
    bool granted;
    NST_TRY(has_right(&granted, rq, s, RIGHT_PRIVATE));
    return grant_if(rq, granted);
}

static enum nst_err owns_org(bool *out, struct nst_req *rq, int64_t org)
{
    *out = administers(rq);
    return *out || !rq->caller.is_known ? NST_OK : ocl_is_member(out, rq, org, rq->caller.id);
}

enum nst_err ocl_may_manage_org(struct nst_req *rq, int64_t org)
{
    bool granted;
    NST_TRY(owns_org(&granted, rq, org));
    return grant_if(rq, granted);
}

/* G29 on an object in hand: a user only by that user, an organisation only by
 * its members. */
static enum nst_err owns(bool *out, struct nst_req *rq, const struct nst_object *o)
{
    int64_t id = ((const struct nst_row *)o->row)->id;
    if (nst_is(o, &ocl_org))
        return owns_org(out, rq, id);
    *out = administers(rq);
    if (*out || !rq->caller.is_known)
        return NST_OK;
    *out = nst_is(o, &ocl_user) ? id == rq->caller.id : true;
    return NST_OK;
}

enum nst_err ocl_has_ownership(struct nst_req *rq)
{
    bool granted;
    NST_TRY(owns(&granted, rq, nst_object(rq)));
    return grant_if(rq, granted);
}

/* The organisation or the user that a path leads through; NULL: none. */
static const struct nst_object *owner_around(struct nst_req *rq)
{
    const struct nst_object *org = nst_ancestor(rq, "org");
    return org != NULL ? org : nst_ancestor(rq, "user");
}

/* What a superuser has opens what staff may not open (X81): staff leaves it alone. */
static bool is_beyond(const struct nst_req *rq, const struct nst_object *o)
{
    return nst_is(o, &ocl_user) && o->row != NULL &&
           ((const struct ocl_user *)o->row)->is_superuser && !rq->caller.is_superuser;
}

enum nst_err ocl_may_change_user(struct nst_req *rq)
{
    NST_TRY(ocl_has_ownership(rq));
    return grant_if(rq, !is_beyond(rq, nst_object(rq)));
}

enum nst_err ocl_owner_or_staff(struct nst_req *rq)
{
    const struct nst_object *owner = owner_around(rq);
    bool granted;
    if (owner == NULL)
        return ocl_staff_only(rq);
    NST_TRY(owns(&granted, rq, owner));
    return grant_if(rq, granted);
}

enum nst_err ocl_may_add(struct nst_req *rq)
{
    bool granted;
    NST_TRY(owns(&granted, rq, nst_object(rq)));
    return granted ? NST_OK : nst_answer_empty(rq, 403);
}

enum nst_err ocl_member_or_staff(struct nst_req *rq)
{
    bool granted;
    NST_TRY(owns(&granted, rq, nst_ancestor(rq, "org")));
    return granted ? NST_OK : nst_answer_empty(rq, 403);
}

/* ---- Organisations: public access None hides them from all but staff and members ---- */

static enum nst_err sees_org(bool *out, struct nst_req *rq)
{
    const struct nst_object *o = nst_ancestor(rq, "org");
    *out = !nst_str_eq(((const struct ocl_org *)o->row)->public_access, NST_STR("None"));
    return *out ? NST_OK : owns(out, rq, o);
}

enum nst_err ocl_may_view_org(struct nst_req *rq)
{
    bool granted;
    NST_TRY(ocl_any_caller(rq));
    NST_TRY(sees_org(&granted, rq));
    return grant_if(rq, granted);
}

enum nst_err ocl_may_view_owner(struct nst_req *rq)
{
    return nst_ancestor(rq, "org") != NULL ? ocl_may_view_org(rq) : ocl_any_caller(rq);
}

enum nst_err ocl_may_list_members(struct nst_req *rq)
{
    bool granted;
    NST_TRY(sees_org(&granted, rq));
    return granted ? NST_OK : NST_E_FORBIDDEN;
}

enum nst_err ocl_visible_orgs(struct nst_sql *q, struct nst_req *rq)
{
    if (administers(rq))
        return NST_OK;
    nst_sql_add(q, " AND (org.public_access <> 'None' OR EXISTS (SELECT 1 FROM member "
                   "WHERE member.org_id = org.id AND member.user_id = ");
    nst_sql_bind(q, NST_INT(rq->caller.is_known ? rq->caller.id : -1));
    nst_sql_add(q, "))");
    return NST_OK;
}

enum nst_err ocl_put_orgs_of(struct nst_sql *q, struct nst_req *rq, const char *column,
                             int64_t user)
{
    nst_sql_addf(q,
                 " AND %s IN (SELECT org.id FROM org JOIN member ON member.org_id = org.id "
                 "WHERE org.is_active AND member.user_id = ",
                 column);
    nst_sql_bind(q, NST_INT(user));
    NST_TRY(ocl_visible_orgs(q, rq));
    nst_sql_add(q, ")");
    return NST_OK;
}

/* ---- Deleting: the row must be there, unless it is to be purged (G149) ---- */

#define HARD_DELETE \
    { \
        "hardDelete", NST_SWITCH_SCHEMA, "Erase it for good, by those who may." \
    }

const struct nst_parameter ocl_purge_parameter[] = {
    HARD_DELETE,
    { 0 },
};

const struct nst_description ocl_removal = { .as = nst_destroy, .parameter = ocl_purge_parameter };

const struct nst_description ocl_v2_removal = { .as = nst_destroy,
                                                .parameter = ocl_purge_parameter,
                                                .not_yet = "async?" };

static const struct nst_parameter repo_removal_parameter[] = {
    HARD_DELETE,
    { "inline", NST_SWITCH_SCHEMA, "Wait until it is done, as it always is." },
    { 0 },
};

const struct nst_description ocl_v2_repo_removal = { .as = nst_destroy,
                                                     .parameter = repo_removal_parameter,
                                                     .not_yet = "async?" };

/* The path without where its face is mounted: the address of what it names. What callers name by
 * /user/ is of the user that they are. */
static struct nst_str address_of(const struct nst_req *rq)
{
    struct nst_str mount = nst_str_z(rq->face->mount), path = rq->x->path, own = NST_STR("/user/");
    bool is_mounted = mount.n > 0 && nst_str_starts(path, mount);
    path =
        nst_percent_decode(rq->arena, nst_str_slice(path, is_mounted ? mount.n : 0, path.n), false);
    return nst_str_starts(path, own)
               ? nst_strf(rq->arena, "/users/%.*s/%.*s", NST_FMT(rq->caller.name),
                          NST_FMT(nst_str_slice(path, own.n, path.n)))
               : path;
}

enum nst_err ocl_audit_act(struct nst_req *rq, const char *act)
{
    return nst_audit(rq, &(struct nst_act){ .name = act, .on = address_of(rq) });
}

enum nst_err ocl_audit_others(struct nst_req *rq, const char *act, const struct nst_object *owner,
                              struct nst_str on)
{
    int64_t id = ((const struct nst_row *)owner->row)->id;
    bool is_own = nst_is(owner, &ocl_user) && id == rq->caller.id;
    if (nst_is(owner, &ocl_org))
        NST_TRY(ocl_is_member(&is_own, rq, id, rq->caller.id));
    if (is_own)
        return NST_OK;
    return nst_audit(rq,
                     &(struct nst_act){ .name = act, .on = on.p != NULL ? on : address_of(rq) });
}

bool ocl_wants_purge(struct nst_req *rq)
{
    return nst_query_is_true(rq, "hardDelete");
}

static enum nst_err may_delete(struct nst_req *rq, nst_permission *otherwise)
{
    const struct nst_object *o = nst_object(rq);
    if (ocl_wants_purge(rq)) {
        NST_TRY(ocl_staff_only(rq));
        NST_TRY(grant_if(rq, !is_beyond(rq, o)));
        return nst_is(o, &ocl_source) ? keep_copy(rq, o->row) : NST_OK;
    }
    if (o->row == NULL)
        return NST_E_NOT_FOUND;
    NST_TRY(otherwise(rq));
    return grant_if(rq, !is_beyond(rq, o));
}

enum nst_err ocl_may_delete_owner(struct nst_req *rq)
{
    return may_delete(rq, ocl_has_ownership);
}

enum nst_err ocl_may_delete_user(struct nst_req *rq)
{
    return may_delete(rq, ocl_staff_only);
}

enum nst_err ocl_may_delete_source(struct nst_req *rq)
{
    return may_delete(rq, ocl_may_edit);
}

enum nst_err ocl_may_delete_repo(struct nst_req *rq)
{
    return may_delete(rq, ocl_has_private_access);
}
