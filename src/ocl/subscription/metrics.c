/* Metrics of copies: how old each is, and how many are later than they should be. */
#include "subscription.h"

#define LATE_EXTRA (300 * NST_SECOND) /* beyond two intervals: a round may take its time */
#define TOLD_MAX   1000               /* copies, each with values of its own */

static const struct nst_metric success = {
    .name = "nestor_subscription_last_success_timestamp_seconds",
    .kind = NST_GAUGE,
    .is_time = true,
    .label = { "copy" },
    .help = "When a copy was last found current or made so, since 1970; 0: never. The first 1000 "
            "copies.",
};

static const struct nst_metric lag = {
    .name = "nestor_subscription_lag_seconds",
    .kind = NST_GAUGE,
    .is_time = true,
    .label = { "copy" },
    .help = "Time since then, or since it was subscribed to.",
};

static const struct nst_metric failures = {
    .name = "nestor_subscription_failures",
    .kind = NST_GAUGE,
    .label = { "copy" },
    .help = "Rounds of a copy that have failed one behind the other.",
};

static const struct nst_metric late = {
    .name = "nestor_subscriptions_late",
    .kind = NST_GAUGE,
    .help = "Copies whose lag is more than two of their intervals and five minutes.",
};

/* One family after the other, so each has a text of its own. */
struct told {
    struct nst_buf success, lag, failures;
    int64_t late, count;
};

static void begin(struct nst_buf *out, struct nst_arena *a, const struct nst_metric *m)
{
    nst_buf_init(out, a, SIZE_MAX / 4);
    nst_metric_begin(out, m);
}

static void take(struct told *t, struct nst_rows *rows, int64_t now)
{
    int64_t every = nst_rows_int(rows, 2), last = nst_rows_int(rows, 3);
    int64_t age = now - (last > 0 ? last : nst_rows_int(rows, 5));
    age = age > 0 ? age : 0;
    t->late += every > 0 && age > 2 * every + LATE_EXTRA;
    if (t->count++ >= TOLD_MAX)
        return;
    const struct nst_str owner = nst_rows_text(rows, 0), source = nst_rows_text(rows, 1);
    const struct nst_str copy =
        nst_strf(t->lag.arena, "%.*ssources/%.*s", NST_FMT(owner), NST_FMT(source));
    nst_metric_put(&t->success, &success, &copy, last);
    nst_metric_put(&t->lag, &lag, &copy, age);
    nst_metric_put(&t->failures, &failures, &copy, nst_rows_int(rows, 4));
}

static enum nst_err ask(struct nst_buf *out, struct nst_db *db)
{
    struct told t = { 0 };
    struct nst_rows *rows;
    int64_t now = nst_now();
    begin(&t.success, out->arena, &success);
    begin(&t.lag, out->arena, &lag);
    begin(&t.failures, out->arena, &failures);
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT owner_url, coalesce(source, $1), every, coalesce(last_success, "
                           "0), failures, created_at FROM subscription ORDER BY id",
                           NST_TEXT(NST_STR("*"))));
    while (nst_rows_step(rows))
        take(&t, rows, now);
    NST_TRY(nst_rows_end(rows));
    nst_put(out, nst_buf_str(&t.success));
    nst_put(out, nst_buf_str(&t.lag));
    nst_put(out, nst_buf_str(&t.failures));
    nst_metric_tell(out, &late, t.late);
    return NST_OK;
}

const struct nst_metric_source ocl_subscription_metrics = { .ask = ask };
