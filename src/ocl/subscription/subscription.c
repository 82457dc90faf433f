/* Subscriptions as both faces show them to staff (ours): what is copied from where, how it is, and
 * since when that is not known. Nothing of their tokens. */
#include "subscription.h"

struct subscription {
    struct nst_row row;
    struct nst_str remote, source_url, state, version, problem;
    int64_t number, every, last_success, last_tried, known_until;
};

/* ---- What is shown ---- */

static const void *member_of(const struct nst_field *f, const void *row)
{
    return (const char *)row + f->offset;
}

static void print_seconds(struct nst_buf *out, const struct nst_face *face,
                          const struct nst_field *f, const void *row)
{
    (void)face;
    nst_put_int(out, *(const int64_t *)member_of(f, row) / NST_SECOND);
}

/* Since then: in whole seconds, as they are when it is shown. */
static void print_lag(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                      const void *row)
{
    int64_t lag = (nst_now() - *(const int64_t *)member_of(f, row)) / NST_SECOND;
    (void)face;
    nst_put_int(out, lag > 0 ? lag : 0);
}

static const struct nst_type seconds = { .name = "subscription_seconds",
                                         .rep = NST_REP_INT,
                                         .column = "bigint",
                                         .schema = "integer",
                                         .print = print_seconds };
static const struct nst_type lag = { .name = "subscription_lag",
                                     .rep = NST_REP_INT,
                                     .column = "bigint",
                                     .schema = "integer",
                                     .print = print_lag };

static const struct nst_field subscription_field[] = {
    NST_IDENTITY("uuid", subscription, number, .doc = "Its number."),
    NST_FIELD("url", subscription, remote, &nst_text, .column = "remote", .flags = NST_NEVER_NULL,
              .doc = "Address that is copied."),
    NST_FIELD("source_url", subscription, source_url, &nst_text,
              .column = "(subscription.owner_url || coalesce('sources/' || subscription.source || "
                        "'/', ''))",
              .flags = NST_LAZY, .doc = "Address of the copy; of its owner, of all whose sources."),
    NST_FIELD("state", subscription, state, &nst_text, .flags = NST_NEVER_NULL,
              .doc = "new, loading, updating, current or failing."),
    NST_FIELD("version", subscription, version, &nst_text, .column = "held_version",
              .doc = "The release that is here."),
    NST_FIELD("last_success", subscription, last_success, &nst_datetime,
              .doc = "When it was current for the last time that this was asked."),
    NST_FIELD("last_tried", subscription, last_tried, &nst_datetime,
              .doc = "When it was asked for the last time."),
    NST_FIELD("lag_seconds", subscription, known_until, &lag,
              .column = "(subscription.last_success + 0)", .flags = NST_LAZY,
              .doc = "How long ago it was current for certain."),
    NST_FIELD("every_seconds", subscription, every, &seconds, .column = "every",
              .flags = NST_NEVER_NULL, .doc = "Time between two rounds; 0: by command alone."),
    NST_FIELD("problem", subscription, problem, &nst_text,
              .doc = "Why the last round came to nothing."),
};

#define SHOWN \
    "url source_url state version last_success=last_success last_tried=last_tried lag_seconds " \
    "every_seconds problem"

static const struct nst_serializer subscription_serializer[] = { { V2, NST_LIST, SHOWN },
                                                                 { GUIDE, NST_LIST, SHOWN } };

/* ---- Tables ---- */

/* How far behind they are is said as it is at this moment: no answer is kept for another one. */
static enum nst_err list_now(struct nst_req *rq)
{
    rq->cache = NULL;
    return nst_list(rq);
}

static const struct nst_description listing = { .as = nst_list };

static const struct nst_route subscription_route[] = {
    { V2, "/subscriptions/", .get = { list_now, ocl_staff_only, .describe = &listing },
      .doc = "Sources that are copied from elsewhere, and how current they are." },
    { GUIDE, "/subscriptions/", .get = { list_now, ocl_staff_only, .describe = &listing },
      .doc = "Sources that are copied from elsewhere, and how current they are." },
};

static const struct nst_filter subscription_filter[] = {
    { "state", NST_ONE_OF, .column = "subscription.state", .doc = "How it is." },
    { 0 },
};

const struct nst_resource ocl_subscription = {
    .name = "subscription",
    .table = "subscription",
    .order = "subscription.id",
    .size = sizeof(struct subscription),
    NST_FIELDS(subscription_field),
    NST_SERIALIZERS(subscription_serializer),
    NST_ROUTES(subscription_route),
    .filter = subscription_filter,
    .doc = "A read-only copy of a source elsewhere.",
};
