/* nestor subscribe: what its words say. */
#include "subscribe.h"

#include <string.h>

#define EVERY_DEFAULT "15m"

bool cli_every_read(int64_t *out, const char *text)
{
    *out = 0;
    return strcmp(text, "never") == 0 ||
           (cli_span_read(out, text, OCL_SUB_EVERY_MAX) && *out >= OCL_SUB_EVERY_MIN);
}

/* "/orgs/Clinic/" */
static bool read_owner(struct nst_str *out, struct nst_arena *a, const char *text)
{
    struct nst_str rest = nst_str_z(text), part[3];
    size_t n = 0;
    while (n < NST_COUNT(part) && rest.p != NULL)
        part[n++] = nst_str_cut(&rest, '/');
    if (n != NST_COUNT(part) || (rest.p != NULL && rest.n > 0) || part[0].n > 0 ||
        !nst_str_is_segment(part[2]) ||
        !(nst_str_eq(part[1], NST_STR("orgs")) || nst_str_eq(part[1], NST_STR("users"))))
        return false;
    *out = nst_strf(a, "/%.*s/%.*s/", NST_FMT(part[1]), NST_FMT(part[2]));
    return true;
}

/* What is told beside what it does not belong to. */
static const char *fault_of_flags(const struct cli_options *o)
{
    bool changes = !o->list && !o->once && !o->remove;
    if (o->list + o->once + o->remove > 1)
        return "--list, --once and --remove are three things to do";
    if (o->json && !o->list)
        return "--json is for --list";
    if (o->erase && !o->remove)
        return "--erase is for --remove";
    if ((!changes && (o->every != NULL || o->moved)) || ((o->list || o->once) && o->as != NULL))
        return "--every, --as and --moved are for a subscription that is made or changed: without "
               "--list, --once and --remove";
    if (!changes && o->user != NULL)
        return "--user is for a subscription that is made: without --list, --once and --remove";
    if (o->token_file != NULL && !changes && !(o->once && o->rest_count > 0))
        return "--token-file is for an address that is copied: without --list and --remove";
    return NULL;
}

const char *cli_subscribe_fault(struct cli_subscribing *g)
{
    struct cli_options *o = g->o;
    const char *every = o->every != NULL ? o->every : EVERY_DEFAULT, *of_flags = fault_of_flags(o);
    if (of_flags != NULL)
        return of_flags;
    if (o->rest_count == 0)
        return o->list || o->once ? NULL
                                  : "an address is needed, like https://host/orgs/WHO/sources/ICD/";
    if (o->list)
        return "--list shows all of them: it wants no address";
    if (!cli_every_read(&g->given.every, every))
        return "--every wants a time from 1s to 366d, such as 90s, 15m, 2h or 1d, or never";
    const char *fault = ocl_subscription_read(&g->given, o->arena, nst_str_z(o->rest[0]));
    if (fault == NULL && o->as != NULL && !read_owner(&g->given.owner_url, o->arena, o->as))
        fault = "--as wants an owner, like /orgs/Clinic/";
    return fault;
}
