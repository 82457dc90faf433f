/* A round of a subscription: a task whose steps are the phases of its row. What needs the network
 * or the disk is done before a step, outside of the store; the step writes what came of it. After a
 * kill, and after a round that failed, another one goes on from the row. */
#include "round.h"

#include "nestor/base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH_BYTES ((size_t)4 << 20)
#define TURN_TIME   (600 * NST_SECOND)  /* of fetching, while others wait */
#define BACKOFF     (30 * NST_SECOND)   /* behind the first round that failed; then twice that */
#define BACKOFF_MAX (3600 * NST_SECOND) /* never longer than its interval */

/* ---- State ---- */

static struct ocl_round *round_new(void)
{
    struct nst_arena *home = nst_arena_new(4096);
    struct ocl_round *m = NST_NEW(home, struct ocl_round);
    *m = (struct ocl_round){ .home = home,
                             .begun = nst_ticks(),
                             .turn = nst_arena_new(65536),
                             .text = nst_arena_new((size_t)1 << 20),
                             .head = nst_arena_new(4096),
                             .fd = -1 };
    return m;
}

static void close_file(struct ocl_round *m)
{
    ocl_lines_close(m->lines);
    if (m->has_changes)
        ocl_changes_close(&m->changes);
    if (m->fd >= 0)
        close(m->fd);
    m->lines = NULL;
    m->has_changes = false;
    m->fd = -1;
}

static void release(struct nst_task *t)
{
    struct ocl_round *m = t->state;
    int64_t id = m != NULL ? m->id : 0;
    if (m != NULL) {
        close_file(m);
        if (m->importer != NULL)
            ocl_importer_free(m->importer);
        nst_arena_free(m->turn);
        nst_arena_free(m->text);
        nst_arena_free(m->head);
        nst_arena_free(m->home);
    }
    t->state = NULL;
    ocl_copy_sweep(t->folder, t->store, id);
}

static enum nst_err load_held(struct ocl_round *m, struct nst_db *db)
{
    struct nst_rows *rows;
    m->held_file = m->held_digest = (struct nst_str){ 0 };
    NST_TRY(
        nst_query_with(&rows, db,
                       "SELECT x.file, x.digest, x.size FROM repo_export x JOIN repo_version v ON "
                       "v.id = x.version_id WHERE v.repo_id = $1 AND v.mnemonic = $2 AND "
                       "v.is_active AND NOT x.is_head AND x.file IS NOT NULL",
                       NST_INT(m->s.repo), NST_TEXT(m->s.held_version)));
    if (nst_rows_step(rows)) {
        m->held_file = nst_str_copy(m->turn, nst_rows_text(rows, 0));
        m->held_digest = nst_str_copy(m->turn, nst_rows_text(rows, 1));
        m->held_size = nst_rows_int(rows, 2);
    }
    return nst_rows_end(rows);
}

static enum nst_err load(struct nst_db *db, void *arg)
{
    struct ocl_round *m = arg;
    nst_arena_reset(m->turn);
    NST_TRY(ocl_subscription_load(&m->s, m->turn, db, m->id));
    return m->s.held_version.p != NULL ? load_held(m, db) : NST_OK;
}

static bool is_phase(const struct ocl_round *m, const char *phase)
{
    return nst_str_eq(m->s.phase, nst_str_z(phase));
}

static bool has_file(struct ocl_round *m, struct nst_str file, int64_t size)
{
    struct stat st;
    return file.p != NULL && stat(ocl_copy_path(m->turn, file), &st) == 0 && st.st_size == size;
}

bool ocl_round_has_held(struct ocl_round *m)
{
    return has_file(m, m->held_file, m->held_size);
}

bool ocl_round_has_come(struct ocl_round *m)
{
    return m->s.digest.p != NULL &&
           has_file(m, ocl_copy_name(m->turn, m->s.id, m->s.digest), m->s.size);
}

/* ---- What came ---- */

/* What it cannot be is fetched anew, should it be asked for once more. */
static void refuse_file(struct ocl_round *m, struct nst_str why)
{
    struct nst_str name = ocl_copy_name(m->turn, m->s.id, m->s.digest);
    m->problem = why;
    close_file(m);
    if (!nst_str_eq(name, m->held_file)) /* somebody may have given us that once more */
        (void)unlink(ocl_copy_path(m->turn, name));
}

static bool says(const struct nst_json *object, const char *name, struct nst_str value)
{
    const struct nst_json *v = nst_json_get(object, nst_str_z(name));
    return v != NULL && v->kind == NST_JSON_STRING && nst_str_eq(v->text, value);
}

static bool read_head(struct ocl_round *m)
{
    nst_arena_reset(m->head);
    if (!ocl_lines_export_head(&m->version, &m->source, m->lines, m->head) || m->source == NULL)
        return false;
    const struct nst_json *url = nst_json_get(m->source, NST_STR("url"));
    m->from = url != NULL ? url->text : (struct nst_str){ 0 };
    return nst_str_starts(m->from, NST_STR("/")) && says(m->source, "id", m->s.source) &&
           says(m->version, "version", m->s.new_version);
}

static void open_export(struct ocl_round *m, struct nst_task *t)
{
    struct nst_str why;
    if (m->lines != NULL)
        return;
    m->at = 0;
    m->fd = open(ocl_copy_path(m->turn, ocl_copy_name(m->turn, m->s.id, m->s.digest)),
                 O_RDONLY | O_CLOEXEC);
    if (m->fd < 0)
        m->problem = NST_STR("The export that came is gone.");
    else if (!ocl_lines_open(&m->lines, &why, m->turn, m->fd, nst_str_to_z(m->home, t->folder)))
        refuse_file(m, nst_strf(m->turn, "What came is no export that can be used: it %.*s.",
                                NST_FMT(why)));
    else if (!read_head(m))
        refuse_file(m, NST_STR("What came is the export of something else."));
}

/* ---- The first release ---- */

static bool is_content(const struct nst_json *line)
{
    return says(line, "type", NST_STR("Concept")) || says(line, "type", NST_STR("Mapping"));
}

static void skip_lines(struct ocl_round *m, struct nst_task *t)
{
    struct ocl_line_text line;
    if (m->at > m->s.loaded) {
        ocl_lines_rewind(m->lines);
        m->at = 0;
    }
    while (m->at < m->s.loaded && !nst_task_is_cut(t)) {
        nst_arena_reset(m->text);
        if (!ocl_lines_next(&line, m->lines, m->text))
            return;
        m->at++;
    }
}

static void read_batch(struct ocl_round *m, struct nst_task *t)
{
    struct nst_str here = ocl_subscription_url(m->turn, &m->s);
    struct ocl_line_text line;
    size_t bytes = 0;
    open_export(m, t);
    if (m->problem.p != NULL)
        return;
    skip_lines(m, t);
    nst_arena_reset(m->text);
    m->batch = (struct ocl_batch){ .line = NST_NEW_ARRAY(m->text, struct ocl_line, OCL_COPY_LINES),
                                   .arena = m->text };
    m->is_at_end = false;
    while (!m->is_at_end && m->batch.count < OCL_COPY_LINES && bytes < BATCH_BYTES) {
        m->is_at_end = !ocl_lines_next(&line, m->lines, m->text);
        if (m->is_at_end)
            break;
        m->at++;
        bytes += line.text.n;
        m->read = (int64_t)line.done;
        if (line.tree == NULL) {
            refuse_file(m, nst_strf(m->turn, "The export that came cannot be used: %.*s",
                                    NST_FMT(line.fault)));
            return;
        }
        if (!is_content(line.tree))
            continue;
        ocl_copy_line(m->text, line.tree, m->from, here);
        m->batch.line[m->batch.count++] = (struct ocl_line){ .tree = line.tree };
    }
    if (ocl_lines_failure(m->lines) != 0)
        refuse_file(m, NST_STR("The export that came cannot be read."));
}

/* ---- Another release ---- */

/* The export of the release that is here; -1: it is not what it was. */
static int open_held(struct ocl_round *m, const struct nst_task *t)
{
    if (!ocl_round_has_held(m))
        return -1;
    const char *path = ocl_copy_path(m->turn, m->held_file);
    bool is_good = nst_str_eq(ocl_copy_digest(m->turn, path, t), m->held_digest);
    return is_good ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

static void compare(struct ocl_round *m, struct nst_task *t)
{
    open_export(m, t);
    if (m->problem.p != NULL || m->s.held_version.p == NULL || m->has_changes)
        return;
    struct ocl_comparing what = { .s = &m->s, .older = -1, .newer = m->fd, .from = m->from };
    struct nst_str why;
    what.older = open_held(m, t);
    m->has_changes = ocl_changes_open(&m->changes, &why, t, &what);
    if (what.older >= 0)
        close(what.older);
    if (!m->has_changes && why.p != NULL)
        m->problem = nst_str_copy(m->turn, why);
}

/* ---- Before a step ---- */

/* A round that was cut while it fetched may have been overtaken; what came whole is used first. */
static void begin(struct ocl_round *m)
{
    if (m->has_begun)
        return;
    m->has_begun = true;
    bool needs_file = is_phase(m, OCL_SUB_LOAD) || is_phase(m, OCL_SUB_APPLY);
    if (needs_file && !ocl_round_has_come(m))
        m->problem = NST_STR("The export that came is gone: it is fetched anew.");
    else if (!needs_file)
        m->s.phase = NST_STR(OCL_SUB_ASK);
}

static void do_phase(struct ocl_round *m, struct nst_task *t)
{
    if (m->s.source.p == NULL)
        ocl_round_list(m, t);
    else if (is_phase(m, OCL_SUB_ASK))
        ocl_round_ask(m, t);
    else if (is_phase(m, OCL_SUB_FETCH))
        ocl_round_fetch(m, t);
    else if (is_phase(m, OCL_SUB_LOAD))
        read_batch(m, t);
    else
        compare(m, t);
}

static enum nst_err prepare(struct nst_task *t)
{
    struct ocl_round *m = t->state;
    if (m == NULL)
        t->state = m = round_new();
    if (m->importer == NULL)
        m->importer = ocl_importer_new(t->registry, &(struct nst_caller){ 0 });
    m->id = nst_task_number(t, "subscription");
    m->problem = (struct nst_str){ 0 };
    m->is_current = m->is_waiting = false;
    NST_TRY(nst_store_run(t->store, NST_MODE_READ, load, m));
    if (m->s.id == 0)
        return NST_OK;
    begin(m);
    m->did = m->s.phase;
    if (m->problem.p == NULL)
        do_phase(m, t);
    /* What came of a file counts, whyever no more came. */
    bool is_fetched = nst_str_eq(m->did, NST_STR(OCL_SUB_FETCH));
    return nst_task_is_cut(t) && !is_fetched ? NST_E_BUSY : NST_OK;
}

/* ---- Steps ---- */

static void end_well(struct ocl_subscription *s, struct nst_task *t)
{
    int64_t now = nst_now();
    if (s->problem.p != NULL)
        nst_log(NST_LOG_INFO, "copy well again", NST_LOG_STR("url", s->remote));
    s->state = NST_STR(OCL_SUB_CURRENT);
    s->phase = NST_STR(OCL_SUB_ASK);
    s->problem = s->file_tag = s->digest = s->since = (struct nst_str){ 0 };
    s->failures = s->size = s->loaded = 0;
    s->last_success = now;
    s->due_at = now + s->every;
    t->is_over = true;
}

static void take_release(struct ocl_subscription *s)
{
    s->held_version = s->new_version;
    s->held_time = s->new_time;
    s->held_tag = s->new_tag;
}

/* A first release that cannot be taken: nobody saw what there is of it. */
static enum nst_err erase_hidden(struct ocl_subscription *s, struct nst_task *t, struct nst_db *db)
{
    int64_t repo = s->repo;
    s->repo = 0;
    NST_TRY(ocl_subscription_save(s, db)); /* else it would go with the source */
    return ocl_copy_erase(t->arena, db, repo);
}

static void log_problem(const struct ocl_round *m, const struct ocl_subscription *s)
{
    if (!nst_str_eq(m->s.problem, s->problem))
        nst_log(NST_LOG_WARN, "copy failing", NST_LOG_STR("url", s->remote),
                NST_LOG_STR("reason", s->problem));
}

/* What is here stays, and so does a file that came. */
static enum nst_err end_badly(struct ocl_round *m, struct ocl_subscription *s, struct nst_task *t,
                              struct nst_db *db, struct nst_str problem)
{
    int64_t pause = BACKOFF << (s->failures < 7 ? s->failures : 7);
    pause = pause < BACKOFF_MAX ? pause : BACKOFF_MAX;
    s->failures++;
    s->state = m->is_waiting ? NST_STR(OCL_SUB_WAITING) : NST_STR(OCL_SUB_FAILING);
    s->problem = nst_utf8_valid(problem) ? problem : ocl_plain(t->arena, problem);
    log_problem(m, s);
    s->due_at = nst_now() + (pause < s->every ? pause : s->every);
    bool has_part =
        nst_str_eq(m->did, NST_STR(OCL_SUB_FETCH)) || nst_str_eq(m->did, NST_STR(OCL_SUB_ASK));
    s->phase = NST_STR(OCL_SUB_ASK);
    if (!has_part)
        s->loaded = 0;
    if (!has_part && s->held_version.p == NULL && s->repo != 0)
        NST_TRY(erase_hidden(s, t, db));
    t->is_over = true;
    t->error = s->problem;
    return NST_OK;
}

static void copying_of(struct ocl_copying *c, struct ocl_round *m, struct nst_task *t,
                       struct nst_db *db)
{
    *c = (struct ocl_copying){ .s = &m->saved,
                               .task = t,
                               .db = db,
                               .importer = m->importer,
                               .batch = m->text,
                               .version = m->version,
                               .source = m->source,
                               .from = m->from };
}

static enum nst_err write_batch(struct ocl_copying *c, struct ocl_round *m)
{
    NST_TRY(ocl_copy_open(c));
    if (m->batch.count > 0)
        NST_TRY(ocl_copy_lines(c, &m->batch));
    return ocl_copy_hide(c);
}

static enum nst_err write_changes(struct ocl_copying *c, struct ocl_round *m)
{
    NST_TRY(ocl_copy_open(c));
    if (m->has_changes)
        NST_TRY(ocl_copy_changes(c, &m->changes));
    return ocl_copy_show(c);
}

/* All of it, or nothing. */
static enum nst_err write_all(struct ocl_round *m, struct nst_task *t, struct nst_db *db,
                              enum nst_err (*how)(struct ocl_copying *c, struct ocl_round *m))
{
    struct ocl_copying c;
    copying_of(&c, m, t, db);
    NST_TRY(nst_savepoint(db));
    enum nst_err e = how(&c, m);
    if (e == NST_OK)
        return nst_savepoint_release(db);
    if (e == NST_E_CONFLICT && c.problem.p == NULL)
        c.problem = NST_STR("Somebody else wrote there at the same time.");
    if (c.problem.p == NULL)
        return e;
    NST_TRY(nst_savepoint_rollback(db));
    m->saved = m->s;
    return end_badly(m, &m->saved, t, db, c.problem);
}

static enum nst_err step_load(struct ocl_round *m, struct nst_task *t, struct nst_db *db)
{
    NST_TRY(write_all(m, t, db, write_batch));
    if (t->is_over)
        return NST_OK;
    m->saved.loaded = m->at;
    if (m->is_at_end)
        m->saved.phase = NST_STR(OCL_SUB_APPLY);
    t->done = m->read;
    t->total = (int64_t)ocl_lines_size(m->lines);
    t->message =
        nst_strf(t->arena, "Loading %.*s of %.*s: %lld rows", NST_FMT(m->saved.new_version),
                 NST_FMT(m->saved.remote), (long long)m->at);
    return NST_OK;
}

static enum nst_err step_apply(struct ocl_round *m, struct nst_task *t, struct nst_db *db)
{
    long long changes = m->has_changes ? (long long)m->changes.count : 0;
    NST_TRY(write_all(m, t, db, write_changes));
    if (t->is_over)
        return NST_OK;
    take_release(&m->saved);
    end_well(&m->saved, t);
    long long rows = m->s.held_version.p != NULL ? changes : (long long)m->s.loaded;
    t->message =
        nst_strf(t->arena, "%.*s is here, %lld rows changed", NST_FMT(m->s.new_version), rows);
    nst_log(NST_LOG_INFO, "copy updated", NST_LOG_STR("url", m->s.remote),
            NST_LOG_STR("version", m->s.new_version), NST_LOG_INT("rows", rows));
    return NST_OK;
}

/* Others wait, and a slow remote is not to keep them waiting for ever: it goes on behind them. */
static enum nst_err take_turns(struct ocl_round *m, struct nst_task *t, struct nst_db *db)
{
    bool has_others;
    if (nst_ticks() - m->begun < TURN_TIME)
        return NST_OK;
    NST_TRY(ocl_subscription_has_others(&has_others, db));
    t->is_over = has_others;
    m->saved.due_at = nst_now();
    return NST_OK;
}

static void step_fetch(struct ocl_round *m, struct nst_task *t)
{
    struct ocl_subscription *s = &m->saved;
    s->state = s->held_version.p != NULL ? NST_STR(OCL_SUB_UPDATING) : NST_STR(OCL_SUB_LOADING);
    t->done = m->got;
    t->total = s->size;
    t->message = nst_strf(t->arena, "Fetching %s%.*s of %.*s: %lld of %lld bytes",
                          s->since.p != NULL ? "what changed in " : "", NST_FMT(s->new_version),
                          NST_FMT(s->remote), (long long)m->got, (long long)s->size);
}

static enum nst_err step_phase(struct ocl_round *m, struct nst_task *t, struct nst_db *db)
{
    if (m->s.source.p == NULL)
        return ocl_round_follow(m, t, db);
    if (nst_str_eq(m->did, NST_STR(OCL_SUB_LOAD)))
        return step_load(m, t, db);
    if (nst_str_eq(m->did, NST_STR(OCL_SUB_APPLY)))
        return step_apply(m, t, db);
    if (m->is_current) {
        take_release(&m->saved);
        end_well(&m->saved, t);
        t->message = nst_strf(t->arena, "%.*s is current", NST_FMT(m->saved.held_version));
    } else if (nst_str_eq(m->did, NST_STR(OCL_SUB_FETCH))) {
        step_fetch(m, t);
        return take_turns(m, t, db);
    }
    return NST_OK;
}

static enum nst_err step(struct nst_task *t, struct nst_db *db)
{
    struct ocl_round *m = t->state;
    if (m->s.id == 0) {
        t->is_over = true;
        t->error = NST_STR("The subscription was ended.");
        return NST_OK;
    }
    m->saved = m->s;
    m->saved.last_tried = nst_now();
    if (m->problem.p != NULL)
        NST_TRY(end_badly(m, &m->saved, t, db, nst_str_copy(t->arena, m->problem)));
    else
        NST_TRY(step_phase(m, t, db));
    t->place = NST_STR("begun");
    return ocl_subscription_save(&m->saved, db);
}

const struct nst_task_kind ocl_subscription_task = { .name = "subscription",
                                                     .mode = NST_MODE_WRITE,
                                                     .prepare = prepare,
                                                     .step = step,
                                                     .release = release };

const struct nst_task_kind *const ocl_subscription_kinds[] = { &ocl_subscription_task, NULL };
