/* Links between accounts and the keys by which an organisation knows them. A new
 * link attaches what waits for its learner (section 10). */
#include "enroll/catalog/api.h"
#include "enroll/effects.h"
#include "enroll/fixture/entity.h"

#define PROVIDER "tpa-saml"

enum { USERNAME, UID, PROVIDED };

static const struct enroll_member social_auth_member[] = {
    [USERNAME] = { "username", ENROLL_TEXT, ENROLL_REQUIRED, .column = "account_id",
                   .refers = &enroll_to_user,
                   .show = "(SELECT account.username FROM account "
                           "WHERE account.id = social_auth.account_id)" },
    [UID] = { "uid", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND, .column = "uid",
              .form = &enroll_form_some },
    [PROVIDED] = { "provider", ENROLL_TEXT, ENROLL_KEY | ENROLL_FIND, .column = "provider",
                   .form = &enroll_form_some, .fallback = PROVIDER },
};

/* The second historical shape, provider = slug and uid = key, is stored as the first;
 * and the provider always finds the row, given or not. */
static enum nst_err social_auth_resolve(struct enroll_load *l, struct enroll_item *item)
{
    struct nst_str uid = enroll_text(item, UID), provider = enroll_text(item, PROVIDED);
    bool is_plain = provider.p == NULL || nst_str_eq(provider, NST_STR(PROVIDER));
    bool has_slug = nst_str_find(uid, ':') < uid.n;
    if (!has_slug && is_plain)
        enroll_fault(l, item, UID, "\"%.*s\" is no <slug>:<external key>",
                     NST_FMT(nst_str_slice(uid, 0, 255)));
    else if (!has_slug)
        item->value[UID].bound = NST_TEXT(
            nst_strf(enroll_load_scratch(l), "%.*s:%.*s", NST_FMT(provider), NST_FMT(uid)));
    if (!has_slug || provider.p == NULL)
        item->value[PROVIDED].bound = NST_TEXT(NST_STR(PROVIDER));
    return NST_OK;
}

/* Of which item of which load. */
struct telling {
    const struct enroll_item *item;
    struct enroll_load *load;
};

static bool says_otherwise(void *arg, struct nst_str program, struct nst_str key,
                           struct nst_str curriculum)
{
    const struct telling *t = arg;
    const struct enroll_learner learner = { program, key, curriculum };
    return enroll_gives_other_user(t->load, &learner, t->item->value[USERNAME].json->text);
}

static enum nst_err social_auth_after(enum enroll_change *change, struct enroll_load *l,
                                      struct enroll_item *item)
{
    if (*change == ENROLL_UNCHANGED)
        return NST_OK;
    NST_TRY(enroll_hold_programs(l)); /* or who enrols meanwhile would not be attached */
    struct telling telling = { item, l };
    const struct enroll_arrival who = {
        .account = enroll_number(item, USERNAME),
        .uid = enroll_text(item, UID),
        .now = enroll_load_now(l),
        .is_settled = says_otherwise,
        .arg = &telling,
    };
    return enroll_link_account(enroll_load_db(l), enroll_load_scratch(l), &who);
}

static enum nst_err social_auth_remove(bool *is_gone, struct enroll_load *l,
                                       struct enroll_item *item)
{
    (void)is_gone;
    return nst_exec_with(NULL, enroll_load_db(l), "DELETE FROM social_auth WHERE id = $1",
                         NST_INT(item->id));
}

const struct enroll_entity enroll_entity_social_auth = {
    .name = "social_auth",
    .table = "social_auth",
    .order = "social_auth.id",
    .key = "provider and uid",
    .shape = ENROLL_SHAPE(social_auth_member),
    .resolve = social_auth_resolve,
    .after = social_auth_after,
    .remove = social_auth_remove,
    .doc = "Which account a learner's key belongs to.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_social_auth, "social_auth",
                        "Which account a learner's key belongs to."),
};

const struct nst_resource enroll_social_auth = {
    .name = "social_auth",
    NST_ROUTES(routes),
    .doc = "Which account a learner's key belongs to.",
};
