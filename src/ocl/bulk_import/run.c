/* The task of a bulk import: its lines are counted, then imported in batches, those that others
 * lie in first (V610). A batch and the place behind it become durable together. */
#include "bulk_import.h"

#include "ocl/content/content.h"
#include "ocl/lines/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define COUNTED_AT_ONCE 2000
#define PASSED_AT_ONCE  10000 /* lines that have another turn, too */
#define BATCH_LINES     500
#define BATCH_BYTES     ((uint64_t)1 << 20)
#define EARLY_LINES     1000 /* that are tried together: a cycle among them is named */
#define EARLY_BYTES     ((uint64_t)4 << 20)

/* Lines that were read and not imported yet. They stay until the place says that they were. */
struct batch {
    int64_t turn, from, to; /* the lines of the file that it has, and those skipped between them */
    struct ocl_line line[BATCH_LINES];
    struct ocl_import_line of[BATCH_LINES];
    size_t count;
};

struct reading {
    struct nst_arena *home;
    int fd;
    struct ocl_lines *lines;
    int64_t next;               /* the line that the reader gives next */
    struct nst_arena *arena[2]; /* of the batch, and of the line behind it */
    unsigned present;
    bool has_ahead;
    struct ocl_line_text ahead; /* it begins the next batch */
    struct batch batch;
    int64_t counted[OCL_IMPORT_TURNS], counted_at; /* from the line `counted_at` on */
    bool is_at_end;
    struct ocl_importer *importer;
    int64_t began, done_before; /* ticks, lines */
};

/* ---- The file ---- */

static enum nst_err fail(struct nst_task *t, const char *why, struct nst_str detail)
{
    t->error = nst_strf(t->arena, "%s%.*s", why, NST_FMT(detail));
    return NST_E_INVALID;
}

/* What it was asked for; null where that was not said. */
static const struct nst_json *option(struct nst_task *t, const char *name)
{
    static const struct nst_json none = { .kind = NST_JSON_NULL };
    struct nst_json *asked;
    if (nst_json_read(&asked, NULL, t->arena, t->kwargs, NULL) != NST_OK)
        return &none;
    const struct nst_json *v = nst_json_get(asked, nst_str_z(name));
    return v != NULL ? v : &none;
}

static bool keeps_existing(struct nst_task *t)
{
    const struct nst_json *v = option(t, "update_if_exists");
    return v->kind == NST_JSON_BOOL && !v->boolean;
}

static enum nst_err open_file(struct nst_task *t, struct reading *r)
{
    const char *path =
        nst_strf(t->arena, "%.*s/%.*s" OCL_IMPORT_FILE, NST_FMT(t->folder), NST_FMT(t->uuid)).p;
    struct nst_str why, url = option(t, "file_url")->text;
    if (url.p != NULL && access(path, F_OK) != 0)
        NST_TRY(ocl_import_fetch(t, url, path));
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return fail(t, "The file of the import cannot be read: ", nst_str_z(strerror(errno)));
    if (!ocl_lines_open(&r->lines, &why, t->arena, r->fd, nst_str_to_z(r->home, t->folder)))
        return fail(t, "Failed to parse input: it ", why);
    return NST_OK;
}

static enum nst_err begin(struct nst_task *t)
{
    struct nst_arena *home = nst_arena_new(1024);
    struct reading *r = NST_NEW(home, struct reading);
    *r = (struct reading){ .home = home,
                           .fd = -1,
                           .arena = { nst_arena_new(65536), nst_arena_new(65536) },
                           .batch.from = -1,
                           .counted_at = -1,
                           .began = nst_ticks(),
                           .done_before = t->done };
    t->state = r;
    NST_TRY(open_file(t, r));
    r->importer = ocl_importer_new(t->registry, &t->caller);
    r->importer->keeps_existing = keeps_existing(t);
    return NST_OK;
}

static void release(struct nst_task *t)
{
    struct reading *r = t->state;
    if (r == NULL)
        return;
    ocl_lines_close(r->lines);
    if (r->fd >= 0)
        close(r->fd);
    if (r->importer != NULL)
        ocl_importer_free(r->importer);
    nst_arena_free(r->arena[0]);
    nst_arena_free(r->arena[1]);
    nst_arena_free(r->home);
    t->state = NULL;
}

/* ---- Reading ---- */

static bool next_line(struct ocl_line_text *line, struct reading *r, struct nst_arena *a)
{
    bool is_there = ocl_lines_next(line, r->lines, a);
    r->next += is_there;
    return is_there;
}

/* Have the reader give that line next; far behind, it takes a while. */
static enum nst_err go_to(const struct nst_task *t, struct reading *r, int64_t at)
{
    struct ocl_line_text line;
    struct nst_arena *a = r->arena[r->present];
    if (r->next == at && !r->has_ahead)
        return NST_OK;
    if (r->next > at || r->has_ahead) {
        ocl_lines_rewind(r->lines);
        r->next = 0;
        r->has_ahead = false;
    }
    for (bool more = true; more && r->next < at;) {
        if (r->next % COUNTED_AT_ONCE == 0 && nst_task_is_cut(t))
            return NST_E_BUSY;
        nst_arena_reset(a);
        more = next_line(&line, r, a);
    }
    return NST_OK;
}

/* What is none at all comes last. */
static unsigned turn_of(const struct ocl_line_text *line)
{
    return line->tree != NULL ? ocl_import_turn(line->tree) : OCL_IMPORT_TURNS - 1;
}

static enum nst_err check_read(struct nst_task *t, const struct reading *r)
{
    int error = ocl_lines_failure(r->lines);
    return error == 0
               ? NST_OK
               : fail(t, "The file of the import cannot be read: ", nst_str_z(strerror(error)));
}

static enum nst_err count_lines(struct nst_task *t, struct reading *r, int64_t from)
{
    struct ocl_line_text line;
    struct nst_arena *a = r->arena[r->present];
    if (r->counted_at == from)
        return NST_OK;
    NST_TRY(go_to(t, r, from));
    memset(r->counted, 0, sizeof(r->counted));
    r->is_at_end = false;
    for (int i = 0; i < COUNTED_AT_ONCE && !r->is_at_end; i++) {
        nst_arena_reset(a);
        r->is_at_end = !next_line(&line, r, a);
        if (!r->is_at_end)
            r->counted[turn_of(&line)]++;
    }
    r->counted_at = from;
    return check_read(t, r);
}

/* ---- Batches ---- */

/* A version holds what stands before it: it begins a batch, before which nobody is woken still. */
static bool is_version(const struct nst_json *line)
{
    const struct nst_json *v = nst_json_get(line, NST_STR("type"));
    return v != NULL && v->kind == NST_JSON_STRING &&
           nst_str_eq_nocase(v->text, NST_STR("Source Version"));
}

static struct nst_str why(struct nst_arena *a, const struct ocl_line_text *line)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX); /* a sentence is bounded, not what its quotes become */
    nst_put_char(&b, '{');
    nst_json_put_str(&b, line->key.p != NULL ? line->key : NST_STR("detail"));
    nst_put_char(&b, ':');
    nst_json_put_str(&b, line->fault);
    nst_put_char(&b, '}');
    return nst_buf_str(&b);
}

static void add(struct batch *b, struct nst_arena *a, const struct ocl_line_text *line, int64_t at)
{
    static struct nst_json nothing = { .kind = NST_JSON_OBJECT };
    b->line[b->count] = (struct ocl_line){
        .tree = line->tree != NULL ? line->tree : &nothing,
        .fault = line->tree != NULL ? (struct nst_str){ 0 } : why(a, line),
    };
    b->of[b->count++] =
        (struct ocl_import_line){ at, (int64_t)line->number, line->text, line->given };
}

/* A version begins the next batch, in its arena. */
static bool is_ahead(struct reading *r, const struct batch *b, const struct ocl_line_text *line)
{
    if (b->count == 0 || !is_version(line->tree))
        return false;
    struct nst_arena *other = r->arena[r->present ^ 1];
    nst_arena_reset(other);
    r->ahead = *line;
    r->ahead.text = nst_str_copy(other, line->text);
    r->ahead.given = nst_str_copy(other, line->given);
    r->has_ahead = nst_json_read(&r->ahead.tree, NULL, other, r->ahead.text, NULL) == NST_OK;
    return r->has_ahead;
}

static enum nst_err begin_batch(const struct nst_task *t, struct reading *r, int64_t turn,
                                int64_t from)
{
    struct batch *b = &r->batch;
    bool goes_on = r->has_ahead && turn == b->turn && from == b->to;
    r->present ^= 1;
    if (!goes_on) {
        NST_TRY(go_to(t, r, from));
        nst_arena_reset(r->arena[r->present]);
    }
    *b = (struct batch){ .turn = turn, .from = from, .to = from };
    if (goes_on) {
        add(b, r->arena[r->present], &r->ahead, from);
        b->to++;
        r->has_ahead = false;
    }
    return NST_OK;
}

/* Lines of that turn, from a line of the file on. */
static enum nst_err read_batch(struct nst_task *t, struct reading *r,
                               const struct ocl_import_place *p)
{
    struct batch *b = &r->batch;
    struct ocl_line_text line;
    uint64_t bytes = 0;
    if (b->from == p->at && b->turn == p->turn)
        return NST_OK;
    NST_TRY(begin_batch(t, r, p->turn, p->at));
    struct nst_arena *a = r->arena[r->present];
    while (b->count < BATCH_LINES && bytes < BATCH_BYTES && b->to - b->from < PASSED_AT_ONCE) {
        struct nst_mark before = nst_arena_mark(a);
        if (!next_line(&line, r, a))
            break;
        bool has_turn = turn_of(&line) == (unsigned)p->turn;
        if (has_turn && is_ahead(r, b, &line))
            break;
        if (has_turn)
            add(b, a, &line, b->to);
        else
            nst_arena_rewind(a, before);
        bytes += has_turn ? line.text.n : 0;
        b->to++;
    }
    NST_TRY(check_read(t, r));
    return b->to > b->from ? NST_OK : fail(t, "The file of the import has changed.", NST_STR(""));
}

static bool has_more(const struct ocl_import_place *p)
{
    return p->seen < p->lines[p->turn];
}

static enum nst_err read_place(struct ocl_import_place *p, struct nst_task *t)
{
    if (ocl_import_place_read(p, t->place))
        return NST_OK;
    return fail(t,
                "The import was begun by another release of Nestor and cannot go on: what it "
                "stored stays; import the file again.",
                NST_STR(""));
}

static enum nst_err prepare(struct nst_task *t)
{
    struct ocl_import_place p;
    NST_TRY(read_place(&p, t));
    if (t->state == NULL)
        NST_TRY(begin(t));
    if (p.turn < 0)
        return count_lines(t, t->state, p.at);
    return p.pass == 0 && p.woken == 0 && has_more(&p) ? read_batch(t, t->state, &p) : NST_OK;
}

/* ---- Importing ---- */

/* Once without savepoints; again, with one a line, where a line is refused. */
static enum nst_err try_lines(struct ocl_batch *batch, struct reading *r, struct nst_db *db)
{
    for (int i = 0; i < 2; i++) {
        NST_TRY(nst_savepoint(db));
        NST_TRY(ocl_import_lines(batch, r->importer, db));
        NST_TRY(batch->again ? nst_savepoint_rollback(db) : nst_savepoint_release(db));
        if (!batch->again)
            return NST_OK;
    }
    return NST_E_INTERNAL;
}

static enum nst_err import(struct ocl_import_place *p, struct nst_task *t, struct nst_db *db,
                           struct ocl_batch *batch, const struct ocl_import_line *of)
{
    struct reading *r = t->state;
    r->importer->caller = t->caller;
    NST_TRY(try_lines(batch, r, db));
    NST_TRY(ocl_effects_keep(t, db, &r->importer->effects, p->steps));
    return ocl_import_keep(p, t, db, batch, of);
}

static void begin_pass(struct ocl_import_place *p, bool is_last)
{
    p->pass++;
    p->pass_at = -1;
    p->got_on = 0;
    p->is_last = is_last;
}

/* The next turn that has lines; behind the last one the import is over. */
static void next_turn(struct ocl_import_place *p, struct nst_task *t)
{
    do
        p->turn++;
    while (p->turn < OCL_IMPORT_TURNS && p->lines[p->turn] == 0);
    p->at = p->seen = 0;
    t->is_over = p->turn == OCL_IMPORT_TURNS;
}

static enum nst_err step_batch(struct ocl_import_place *p, struct nst_task *t, struct nst_db *db)
{
    struct reading *r = t->state;
    struct batch *b = &r->batch;
    struct ocl_batch batch = { .line = b->line, .count = b->count, .arena = t->arena };
    if (!has_more(p) && p->early > 0) {
        begin_pass(p, false);
        return NST_OK;
    }
    if (!has_more(p)) {
        next_turn(p, t);
        return NST_OK;
    }
    if (b->count > 0)
        NST_TRY(import(p, t, db, &batch, b->of));
    p->at = b->to;
    p->seen += (int64_t)b->count;
    return NST_OK;
}

/* ---- Lines that were early ---- */

/* Lines of a step that come from the table, with what is known of them beside. */
struct early {
    struct ocl_batch batch;
    struct ocl_import_line *of;
    uint64_t *makes;
    uint64_t bytes;
    size_t room;
};

static void early_init(struct early *e, struct nst_arena *a, size_t room)
{
    *e = (struct early){ .batch = { .line = NST_NEW_ARRAY(a, struct ocl_line, room), .arena = a },
                         .of = NST_NEW_ARRAY(a, struct ocl_import_line, room),
                         .makes = NST_NEW_ARRAY(a, uint64_t, room),
                         .room = room };
}

/* There is room for one more, however long that is. */
static bool has_room(const struct early *e)
{
    return e->batch.count < e->room && e->bytes < EARLY_BYTES;
}

/* Rows of at, line, content, makes, given. */
static enum nst_err take_rows(struct early *e, struct nst_rows *rows)
{
    struct nst_arena *a = e->batch.arena;
    while (has_room(e) && nst_rows_step(rows)) {
        struct ocl_line *line = &e->batch.line[e->batch.count];
        struct ocl_import_line *of = &e->of[e->batch.count];
        *line = (struct ocl_line){ 0 };
        *of = (struct ocl_import_line){ nst_rows_int(rows, 0), nst_rows_int(rows, 1),
                                        nst_str_copy(a, nst_rows_text(rows, 2)),
                                        nst_str_copy(a, nst_rows_text(rows, 4)) };
        of->given = of->given.p != NULL ? of->given : of->text;
        e->makes[e->batch.count++] = (uint64_t)nst_rows_int(rows, 3);
        e->bytes += of->text.n;
        nst_rows_fail(rows, nst_json_read(&line->tree, NULL, a, of->text, NULL));
    }
    return nst_rows_end(rows);
}

static enum nst_err read_early(struct early *e, const struct nst_task *t, struct nst_db *db,
                               int64_t pass, int64_t behind)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(
        &rows, db,
        "SELECT at, line, content, makes, given FROM import_early WHERE task_id = $1 "
        "AND pass = $2 AND at > $3 ORDER BY at LIMIT $4",
        NST_INT(t->id), NST_INT(pass), NST_INT(behind), NST_INT((int64_t)e->room)));
    return take_rows(e, rows);
}

/* ---- What they wait for is there ---- */

static bool is_made_before(const struct early *e, size_t i)
{
    size_t k = 0;
    while (k < i && e->makes[k] != e->makes[i])
        k++;
    return k < i;
}

/* Who waits for lines of the batch goes with them, and so on: a chain that stands backwards in the
 * file takes a step a batch, not one a line. */
static enum nst_err follow(struct early *e, const struct nst_task *t, struct nst_db *db)
{
    for (size_t i = 0; i < e->batch.count && has_room(e); i++) {
        struct nst_rows *rows;
        if (e->makes[i] == 0 || is_made_before(e, i))
            continue;
        NST_TRY(nst_query_with(
            &rows, db,
            "SELECT at, line, content, makes, given FROM import_early WHERE task_id = $1 "
            "AND pass = 1 AND awaits = $2 ORDER BY at LIMIT $3",
            NST_INT(t->id), NST_INT((int64_t)e->makes[i]), NST_INT((int64_t)e->room)));
        NST_TRY(take_rows(e, rows));
    }
    return NST_OK;
}

/* They wait no more; whoever is early once more waits anew. */
static enum nst_err take_out(struct ocl_import_place *p, const struct early *e,
                             const struct nst_task *t, struct nst_db *db)
{
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, t->arena);
    nst_sql_add(&q, "DELETE FROM import_early WHERE task_id = ");
    nst_sql_bind(&q, NST_INT(t->id));
    nst_sql_add(&q, " AND pass IN (0, 1) AND at");
    for (size_t i = 0; i < e->batch.count; i++)
        nst_sql_in(&q, &count, NST_INT(e->of[i].at));
    nst_sql_in_end(&q, count);
    p->early -= (int64_t)e->batch.count;
    return nst_sql_exec(NULL, db, &q);
}

static enum nst_err step_woken(struct ocl_import_place *p, struct nst_task *t, struct nst_db *db)
{
    struct early e;
    early_init(&e, t->arena, BATCH_LINES);
    NST_TRY(read_early(&e, t, db, 0, -1));
    p->woken -= (int64_t)e.batch.count;
    NST_TRY(follow(&e, t, db));
    NST_TRY(take_out(p, &e, t, db));
    return import(p, t, db, &e.batch, e.of);
}

/* ---- What they wait for is not in the file ---- */

/* Others may have made it meanwhile: they are tried while one of them gets on, and then told. */
static enum nst_err end_pass(struct ocl_import_place *p, struct nst_task *t, struct nst_db *db)
{
    bool got_on = p->got_on > 0;
    NST_TRY(nst_exec_with(NULL, db, "DELETE FROM import_early WHERE task_id = $1 AND pass = $2",
                          NST_INT(t->id), NST_INT(p->pass)));
    p->early = p->early_next;
    p->early_next = 0;
    if (p->early > 0)
        begin_pass(p, !got_on);
    else
        p->pass = p->is_last = 0;
    return NST_OK;
}

static enum nst_err step_early(struct ocl_import_place *p, struct nst_task *t, struct nst_db *db)
{
    struct early e;
    early_init(&e, t->arena, EARLY_LINES);
    NST_TRY(read_early(&e, t, db, p->pass, p->pass_at));
    if (e.batch.count == 0)
        return end_pass(p, t, db);
    NST_TRY(import(p, t, db, &e.batch, e.of));
    p->pass_at = e.of[e.batch.count - 1].at;
    return NST_OK;
}

/* ---- Steps ---- */

static enum nst_err step_counting(struct ocl_import_place *p, struct nst_task *t, struct nst_db *db)
{
    const struct reading *r = t->state;
    if (p->at == 0)
        NST_TRY(ocl_import_keep_header(t, db, ocl_lines_header(r->lines, t->arena)));
    for (size_t i = 0; i < OCL_IMPORT_TURNS; i++) {
        p->lines[i] += r->counted[i];
        p->at += r->counted[i];
    }
    if (r->is_at_end)
        next_turn(p, t);
    return NST_OK;
}

/* "1200 of 8000 lines, 640 a second, 11 s left" */
static void tell(struct nst_task *t, const struct ocl_import_place *p)
{
    const struct reading *r = t->state;
    int64_t took = nst_ticks() - r->began, done = t->done - r->done_before;
    if (p->turn < 0) {
        t->message = nst_strf(t->arena, "%lld lines read", (long long)t->total);
        return;
    }
    double rate = took > 0 ? (double)done * NST_SECOND / (double)took : 0;
    t->message = nst_strf(t->arena, "%lld of %lld lines", (long long)t->done, (long long)t->total);
    if (rate >= 1 && !t->is_over)
        t->message = nst_strf(t->arena, "%.*s, %.0f a second, %.0f s left", NST_FMT(t->message),
                              rate, (double)(t->total - t->done) / rate);
}

static void save(struct nst_task *t, const struct ocl_import_place *p)
{
    struct nst_buf place, summary, words, result;
    int64_t elapsed = nst_now() - t->created_at;
    nst_buf_init(&place, t->arena, 4096);
    nst_buf_init(&summary, t->arena, 4096);
    nst_buf_init(&words, t->arena, 4096);
    nst_buf_init(&result, t->arena, 8192);
    ocl_import_place_put(&place, p);
    ocl_import_put_counters(&summary, p, elapsed);
    ocl_import_put_words(&words, p, elapsed);
    t->place = nst_buf_str(&place);
    t->summary = nst_buf_str(&summary);
    t->done = ocl_import_done(p);
    t->total = ocl_import_total(p);
    tell(t, p);
    if (!t->is_over)
        return;
    nst_put_lit(&result, "{\"detailed_summary\":");
    nst_json_put_str(&result, nst_buf_str(&words));
    nst_putf(&result, ",\"summary\":%.*s}", NST_FMT(t->summary));
    t->report = nst_buf_str(&words);
    t->result = nst_buf_str(&result);
}

static enum nst_err step(struct nst_task *t, struct nst_db *db)
{
    struct ocl_import_place p;
    NST_TRY(read_place(&p, t));
    p.steps++;
    if (p.turn < 0)
        NST_TRY(step_counting(&p, t, db));
    else if (p.pass > 0)
        NST_TRY(step_early(&p, t, db));
    else if (p.woken > 0)
        NST_TRY(step_woken(&p, t, db));
    else
        NST_TRY(step_batch(&p, t, db));
    save(t, &p);
    return NST_OK;
}

const struct nst_task_kind ocl_bulk_import_task = {
    .name = "bulk_import",
    .mode = NST_MODE_WRITE,
    .prepare = prepare,
    .step = step,
    .release = release,
};
