/* What users have besides where the query asks for it (V214): in the detail, and in lists of such
 * rows. Each shows of others what the caller may see. */
#include "optional.h"

#include "ocl/array.h"
#include "ocl/follow/follow.h"
#include "ocl/org/org.h"
#include "ocl/pin/pin.h"
#include "ocl/user/user.h"

static enum nst_err make_orgs(struct nst_req *rq, const struct nst_shown *shown)
{
    size_t total = 0;
    for (size_t i = 0; i < shown->count; i++) {
        struct nst_sql q;
        const struct nst_inner inner = { .resource = &ocl_org,
                                         .use = NST_LIST,
                                         .conditions = &q,
                                         .limit = INT64_MAX,
                                         .is_judged = true };
        nst_sql_init(&q, rq->arena);
        NST_TRY(ocl_put_orgs_of(&q, rq, "org.id", ((const struct nst_row *)shown->row[i])->id));
        NST_TRY(ocl_array_of(&shown->value[i], rq, &inner, &total));
    }
    return NST_OK;
}

static enum nst_err make_groups(struct nst_req *rq, const struct nst_shown *shown)
{
    (void)rq;
    for (size_t i = 0; i < shown->count; i++)
        shown->value[i] = ((const struct ocl_user *)shown->row[i])->auth_groups;
    return NST_OK;
}

/* Nobody has one: no address is verified by a mail, and a token is nothing to show to others. */
static enum nst_err make_no_token(struct nst_req *rq, const struct nst_shown *shown)
{
    (void)rq;
    (void)shown;
    return NST_OK;
}

#define ARRAY(of) "{\"type\":\"array\",\"items\":{\"type\":\"" of "\"}}"

#define USER(name, asked, make, schema, doc) \
    { \
        V2, 1U << NST_DETAIL, name, asked, make, schema, doc \
    }

const struct nst_member ocl_user_member[] = {
    USER("subscribed_orgs", "includeSubscribedOrgs", make_orgs, ARRAY("object"),
         "Organisations that the user is a member of."),
    USER("auth_groups", "includeAuthGroups", make_groups, ARRAY("string"),
         "Groups that the user is in."),
    USER("pins", "includePins", ocl_make_pins, ARRAY("object"), "What the user has put first."),
    USER("followers", "includeFollowers", ocl_make_followers, ARRAY("object"),
         "Who follows the user: the newest 1000."),
    USER("following", "includeFollowing", ocl_make_following, ARRAY("object"),
         "Whom and what the user follows: the newest 1000."),
    USER("verification_token", "includeVerificationToken", make_no_token, "{\"type\":\"null\"}",
         "No address is verified by a mail."),
    { 0 },
};

const struct nst_parameter ocl_user_member_asked[] = {
    { "includeSubscribedOrgs", NST_SWITCH_SCHEMA, "With `subscribed_orgs`." },
    { "includeAuthGroups", NST_SWITCH_SCHEMA, "With `auth_groups`." },
    { "includePins", NST_SWITCH_SCHEMA, "With `pins`." },
    { "includeFollowers", NST_SWITCH_SCHEMA, "With `followers`." },
    { "includeFollowing", NST_SWITCH_SCHEMA, "With `following`." },
    { "includeVerificationToken", NST_SWITCH_SCHEMA, "With `verification_token`." },
    { 0 },
};
