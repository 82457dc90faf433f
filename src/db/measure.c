/* What a store says of how it goes; see struct nst_store_counts. */
#include "internal.h"

#include <stdio.h>
#include <sys/stat.h>

const struct nst_buckets nst_store_batch_buckets = { 9, { 1, 2, 4, 8, 16, 32, 64, 128, 256 } };
const struct nst_buckets nst_store_commit_buckets = {
    13, { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000 }
};

void nst_store_count(struct nst_store_counts *out, const struct nst_store *store)
{
    const struct nst_store_tally *tally = &store->tally;
    bool is_pool = store->dialect == NST_POSTGRESQL;
    *out = (struct nst_store_counts){
        .writes_waiting = store->writes.writes.count,
        .reads_waiting = (is_pool ? &store->writes : &store->reads)->others.count,
        .computations_waiting = store->computations.others.count,
        .connections = is_pool ? store->options.pool : 0,
        .in_use = tally->in_use,
        .repeated = nst_counted(&tally->repeated),
        .given_up = nst_counted(&tally->given_up),
        .page_hits = nst_counted(&tally->page_hits),
        .page_misses = nst_counted(&tally->page_misses),
    };
    nst_histogram_add(&out->batch, &tally->batch);
    nst_histogram_add(&out->commit, &tally->commit);
    for (unsigned i = 0; i < NST_ELSEWHERE_COUNT; i++)
        out->elsewhere[i] = nst_counted(&tally->elsewhere[i]);
    nst_replica_count(out, store->replica);
    for (unsigned i = 0; i <= NST_BUCKETS_MAX; i++)
        out->commits += out->commit.bucket[i];
}

/* 0 where there is no such file: the log is not there before the first write. */
static int64_t size_of(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 ? (int64_t)file.st_size : 0;
}

enum nst_err nst_db_size(int64_t *bytes, int64_t *log_bytes, struct nst_db *db)
{
    const struct nst_store *store = db->store;
    *log_bytes = -1;
    if (store->dialect == NST_POSTGRESQL)
        return nst_pg_size(bytes, db);
    struct nst_mark mark = nst_arena_mark(db->scratch);
    *bytes = size_of(store->url);
    *log_bytes = size_of(nst_strf(db->scratch, "%s-wal", store->url).p);
    nst_arena_rewind(db->scratch, mark);
    return NST_OK;
}
