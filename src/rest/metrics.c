/* The server's own metrics: one table of families, and where their values come from. */
#include "meter.h"

#include "nestor/maintenance.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum family {
    UP,
    BUILD,
    START,
    MAINTENANCE,
    RESIDENT,
    PROCESSOR,
    FILES,
    FILES_MAX,
    CONNECTIONS,
    ACCEPTED,
    TURNED_AWAY,
    IN_FLIGHT,
    CUT,
    REFUSED,
    BYTES_IN,
    BYTES_OUT,
    LAG,
    WRITES_WAITING,
    READS_WAITING,
    COMPUTATIONS_WAITING,
    COMMITS,
    COMMIT_TIME,
    BATCH,
    PAGE_HITS,
    PAGE_MISSES,
    POOL,
    POOL_IN_USE,
    REPEATED,
    GIVEN_UP,
    ELSEWHERE,
    REPLICA_CONNECTIONS,
    REPLICA_BACKLOG,
    GATHERING,
    FAMILIES
};

static const struct nst_metric family[FAMILIES] = {
    [UP] = { "nestor_database_up", NST_GAUGE,
             .help = "Whether the database answered this scrape in time; if not, what it says is "
                     "left out." },
    [BUILD] = { "nestor_build_info", NST_GAUGE, .label = { "program", "version", "database" },
                .help = "1; the program, its version and its database." },
    [START] = { "nestor_process_start_time_seconds", NST_GAUGE, true,
                .help = "When the server began, since 1970." },
    [MAINTENANCE] = { "nestor_maintenance", NST_GAUGE,
                      .help = "1: it is on, and requests are answered 503." },
    [RESIDENT] = { "nestor_process_resident_memory_bytes", NST_GAUGE,
                   .help = "Resident memory, pages of the database that are mapped included." },
    [PROCESSOR] = { "nestor_process_cpu_seconds_total", NST_COUNTER, true,
                    .help = "Processor time, the kernel's included." },
    [FILES] = { "nestor_process_open_fds", NST_GAUGE, .help = "File descriptors that are open." },
    [FILES_MAX] = { "nestor_process_max_fds", NST_GAUGE,
                    .help = "File descriptors that may be open." },
    [CONNECTIONS] = { "nestor_http_connections", NST_GAUGE,
                      .help = "Connections of clients that are open." },
    [ACCEPTED] = { "nestor_http_connections_accepted_total", NST_COUNTER,
                   .help = "Connections that were taken." },
    [TURNED_AWAY] = { "nestor_http_connections_refused_total", NST_COUNTER,
                      .help = "Connections closed at once for http.connections or "
                              "http.per_address." },
    [IN_FLIGHT] = { "nestor_http_requests_in_flight", NST_GAUGE,
                    .help = "Requests whose head is there and whose answer has not left." },
    [CUT] = { "nestor_http_answers_cut_total", NST_COUNTER,
              .help = "Requests whose answer did not leave whole: the client went, or read "
                      "nothing." },
    [REFUSED] = { "nestor_http_requests_refused_total", NST_COUNTER, .label = { "reason" },
                  .help = "Requests that the HTTP layer refused by itself, for their form, size or "
                          "pace." },
    [BYTES_IN] = { "nestor_http_received_bytes_total", NST_COUNTER,
                   .help = "Bytes of requests, heads included." },
    [BYTES_OUT] = { "nestor_http_sent_bytes_total", NST_COUNTER,
                    .help = "Bytes of answers, heads included." },
    [LAG] = { "nestor_loop_lag_seconds", NST_HISTOGRAM, true, .buckets = &nst_http_round_buckets,
              .help = "How long rounds of the event loops took: what came meanwhile waited as "
                      "long." },
    [WRITES_WAITING] = { "nestor_database_writes_waiting", NST_GAUGE,
                         .help = "Writes in the queue (db.queue is its limit)." },
    [READS_WAITING] = { "nestor_database_reads_waiting", NST_GAUGE,
                        .help = "Reads in a queue: on SQLite those that no loop does." },
    [COMPUTATIONS_WAITING] = { "nestor_computations_waiting", NST_GAUGE,
                               .help = "Passwords and the like that wait for a thread "
                                       "(auth.password.queue)." },
    [COMMITS] = { "nestor_database_commits_total", NST_COUNTER,
                  .help = "Commits of writes, each of one or several." },
    [COMMIT_TIME] = { "nestor_database_commit_duration_seconds", NST_HISTOGRAM, true,
                      .buckets = &nst_store_commit_buckets,
                      .help = "How long commits of writes took until they were durable." },
    [BATCH] = { "nestor_database_batch_writes", NST_HISTOGRAM, .buckets = &nst_store_batch_buckets,
                .help = "SQLite: writes to a commit (db.batch at most)." },
    [PAGE_HITS] = { "nestor_database_page_hits_total", NST_COUNTER,
                    .help = "SQLite: pages that readers found in their caches; mapped ones are not "
                            "counted." },
    [PAGE_MISSES] = { "nestor_database_page_misses_total", NST_COUNTER,
                      .help = "SQLite: pages that they had to read." },
    [POOL] = { "nestor_database_connections_max", NST_GAUGE,
               .help = "PostgreSQL: connections of the pool (db.pool)." },
    [POOL_IN_USE] = { "nestor_database_connections_in_use", NST_GAUGE,
                      .help = "PostgreSQL: of these, at work now." },
    [REPEATED] = { "nestor_database_retries_total", NST_COUNTER,
                   .help = "PostgreSQL: transactions that ran again after a conflict or a lost "
                           "connection." },
    [GIVEN_UP] = { "nestor_database_given_up_total", NST_COUNTER,
                   .help = "PostgreSQL: transactions that did not come through in ten tries." },
    [ELSEWHERE] = { "nestor_replica_reads_total", NST_COUNTER, .label = { "place" },
                    .help = "Reads that may come from a replica (db.replica), by where they were "
                            "read: replica; or the primary, since the replica was behind, away, or "
                            "failed meanwhile." },
    [REPLICA_CONNECTIONS] = { "nestor_replica_connections", NST_GAUGE,
                              .help = "Connections to replicas that are well." },
    [REPLICA_BACKLOG] = { "nestor_replica_backlog_bytes", NST_GAUGE,
                          .help = "Log that a replica has received and not replayed, of the one "
                                  "with most of it." },
    [GATHERING] = { "nestor_metrics_gathering_seconds", NST_GAUGE, true,
                    .help = "How long gathering these metrics took." },
};

static const struct nst_metric size = { "nestor_database_size_bytes", NST_GAUGE,
                                        .help = "Size of the database, without SQLite's log." };
static const struct nst_metric log_size = { "nestor_database_log_size_bytes", NST_GAUGE,
                                            .help = "SQLite: size of the log (-wal)." };

static void tell(struct nst_buf *out, enum family f, int64_t value)
{
    nst_metric_tell(out, &family[f], value);
}

static void tell_histogram(struct nst_buf *out, enum family f, const struct nst_histogram_sum *sum)
{
    nst_metric_begin(out, &family[f]);
    nst_metric_put_histogram(out, &family[f], NULL, sum);
}

/* ---- The process ---- */

static int64_t resident(void)
{
    long pages = 0, taken = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    char line[128];
    if (fgets(line, sizeof(line), f) != NULL) {
        char *end;
        pages = strtol(line, &end, 10);
        taken = strtol(end, NULL, 10);
    }
    fclose(f);
    return pages > 0 ? (int64_t)taken * sysconf(_SC_PAGESIZE) : 0;
}

static int64_t processor_time(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * NST_SECOND + used.ru_utime.tv_usec +
           used.ru_stime.tv_usec;
}

/* Without the one that counts. */
static int64_t open_files(void)
{
    int64_t n = -1;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    for (const struct dirent *d; (d = readdir(folder)) != NULL;)
        n += d->d_name[0] != '.';
    closedir(folder);
    return n;
}

static void tell_process(struct nst_buf *out, const struct nst_telling *t)
{
    struct rlimit files = { 0 };
    getrlimit(RLIMIT_NOFILE, &files);
    bool is_sqlite = nst_store_dialect(t->store) == NST_SQLITE;
    const struct nst_str build[] = { nst_str_z(t->registry->title), nst_str_z(t->registry->version),
                                     is_sqlite ? NST_STR("sqlite") : NST_STR("postgresql") };
    nst_metric_begin(out, &family[BUILD]);
    nst_metric_put(out, &family[BUILD], build, 1);
    tell(out, START, t->started);
    tell(out, MAINTENANCE, nst_maintenance_is_on());
    tell(out, RESIDENT, resident());
    tell(out, PROCESSOR, processor_time());
    tell(out, FILES, open_files());
    tell(out, FILES_MAX, (int64_t)files.rlim_cur);
}

/* ---- HTTP ---- */

static void tell_http(struct nst_buf *out, const struct nst_http *http)
{
    struct nst_http_counts c = { 0 };
    if (http != NULL)
        nst_http_count(&c, http);
    tell(out, CONNECTIONS, c.accepted - c.closed);
    tell(out, ACCEPTED, c.accepted);
    tell(out, TURNED_AWAY, c.turned_away);
    tell(out, IN_FLIGHT, c.begun - c.ended);
    tell(out, CUT, c.cut);
    nst_metric_begin(out, &family[REFUSED]);
    for (unsigned e = 0; e < NST_ERR_COUNT; e++) {
        const struct nst_str reason = nst_str_z(nst_err_key((enum nst_err)e));
        if (c.refused[e] > 0)
            nst_metric_put(out, &family[REFUSED], &reason, c.refused[e]);
    }
    tell(out, BYTES_IN, c.bytes_in);
    tell(out, BYTES_OUT, c.bytes_out);
    tell_histogram(out, LAG, &c.round);
}

/* ---- The store ---- */

static void tell_store(struct nst_buf *out, const struct nst_store *store)
{
    struct nst_store_counts c;
    nst_store_count(&c, store);
    tell(out, WRITES_WAITING, c.writes_waiting);
    tell(out, READS_WAITING, c.reads_waiting);
    tell(out, COMPUTATIONS_WAITING, c.computations_waiting);
    tell(out, COMMITS, c.commits);
    tell_histogram(out, COMMIT_TIME, &c.commit);
    tell_histogram(out, BATCH, &c.batch);
    tell(out, PAGE_HITS, c.page_hits);
    tell(out, PAGE_MISSES, c.page_misses);
    tell(out, POOL, c.connections);
    tell(out, POOL_IN_USE, c.in_use);
    tell(out, REPEATED, c.repeated);
    tell(out, GIVEN_UP, c.given_up);
}

static void tell_replicas(struct nst_buf *out, const struct nst_store *store)
{
    static const char *const place[] = { [NST_ELSEWHERE_REPLICA] = "replica",
                                         [NST_ELSEWHERE_BEHIND] = "primary, behind",
                                         [NST_ELSEWHERE_AWAY] = "primary, away",
                                         [NST_ELSEWHERE_FAILED] = "primary, failed" };
    struct nst_store_counts c;
    nst_store_count(&c, store);
    nst_metric_begin(out, &family[ELSEWHERE]);
    for (unsigned i = 0; c.has_replica && i < NST_ELSEWHERE_COUNT; i++) {
        const struct nst_str label = nst_str_z(place[i]);
        nst_metric_put(out, &family[ELSEWHERE], &label, c.elsewhere[i]);
    }
    tell(out, REPLICA_CONNECTIONS, c.replica_connections);
    nst_metric_begin(out, &family[REPLICA_BACKLOG]);
    if (c.replica_backlog >= 0)
        nst_metric_put(out, &family[REPLICA_BACKLOG], NULL, c.replica_backlog);
}

void nst_metrics_tell(struct nst_buf *out, const struct nst_telling *t)
{
    int64_t since = nst_ticks();
    tell(out, UP, t->is_up);
    tell_process(out, t);
    tell_http(out, t->http);
    tell_store(out, t->store);
    tell_replicas(out, t->store);
    nst_traffic_tell(out, t->traffic);
    tell(out, GATHERING, t->gathered + (nst_ticks() - since));
}

enum nst_err nst_metrics_ask(struct nst_buf *out, struct nst_db *db)
{
    int64_t bytes, log_bytes;
    NST_TRY(nst_db_size(&bytes, &log_bytes, db));
    nst_metric_tell(out, &size, bytes);
    nst_metric_begin(out, &log_size);
    if (log_bytes >= 0)
        nst_metric_put(out, &log_size, NULL, log_bytes);
    return NST_OK;
}
