/* The task that undoes an import: versions of sources that it made first, since they hold content;
 * then the content, the newest first; what could not be taken back for what is taken back later is
 * tried again; then sources, then organisations. */
#include "undo.h"

/* ---- The place, as text ---- */

#define NUMBERS (sizeof(struct ocl_undo_place) / sizeof(int64_t))

/* False where another release has written it. */
static bool read_place(struct ocl_undo_place *out, struct nst_str text)
{
    int64_t number[NUMBERS] = { 0 };
    *out = (struct ocl_undo_place){ .repo = INT64_MAX, .rev = INT64_MAX };
    if (text.p == NULL)
        return true;
    bool is_good = ocl_place_read_numbers(number, NUMBERS, &text) && text.p == NULL;
    memcpy(out, number, sizeof(number));
    return is_good;
}

static void put_place(struct nst_buf *out, const struct ocl_undo_place *p)
{
    int64_t number[NUMBERS];
    memcpy(number, p, sizeof(number));
    ocl_place_put_numbers(out, number, NUMBERS);
}

/* ---- Requests ---- */

static bool spoils(enum nst_err e)
{
    return nst_err_status(e) >= 500;
}

enum nst_err ocl_undo_call(struct nst_req *rq, struct ocl_undo_ask *ask, struct ocl_undo *u)
{
    *rq = (struct nst_req){ .arena = u->arena,
                            .x = NST_NEW(u->arena, struct nst_exchange),
                            .registry = u->task->registry,
                            .db = u->db,
                            .caller = u->task->caller };
    rq->x->arena = u->arena;
    NST_TRY(nst_savepoint(u->db));
    ask->why = nst_call(rq, &ocl_import.face, ask->method, ask->path, ask->body);
    if (spoils(ask->why))
        return ask->why;
    return ask->why == NST_OK ? nst_savepoint_release(u->db) : nst_savepoint_rollback(u->db);
}

struct nst_str ocl_undo_path(struct nst_arena *a, struct nst_str home, const char *list,
                             struct nst_str id)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX);
    nst_put_percent(&b, home, "/");
    nst_put_z(&b, list);
    if (id.p != NULL) {
        nst_put_percent(&b, id, "");
        nst_put_char(&b, '/');
    }
    return nst_buf_str(&b);
}

/* ---- Stages ---- */

static enum nst_err count_all(bool *is_over, struct ocl_undo *u, const char *unused)
{
    struct nst_sql q;
    (void)unused;
    *is_over = true;
    nst_sql_init(&q, u->task->arena);
    nst_sql_push(&q, NST_INT(u->import));
    nst_sql_add(&q, "SELECT (SELECT CAST(coalesce(sum(rev_to - rev_from), 0) AS bigint) "
                    "FROM import_run WHERE task_id = $1 AND NOT is_undo) + "
                    "(SELECT count(*) FROM import_made WHERE task_id = $1)");
    return nst_sql_int(&u->place.total, NULL, u->db, &q);
}

static const struct {
    enum nst_err (*undo)(bool *is_over, struct ocl_undo *u, const char *type);
    const char *type;
} stages[] = {
    { count_all, NULL },         { ocl_undo_made, "Source Version" },
    { ocl_undo_content, NULL },  { ocl_undo_again, NULL },
    { ocl_undo_made, "Source" }, { ocl_undo_made, "Organization" },
};

static void next_stage(struct ocl_undo *u)
{
    struct ocl_undo_place *p = &u->place;
    p->stage++;
    p->at = p->pass = p->got_on = 0;
    u->task->is_over = p->stage == (int64_t)NST_COUNT(stages);
}

/* ---- The task ---- */

static void release(struct nst_task *t)
{
    if (t->state != NULL)
        nst_arena_free(t->state);
    t->state = NULL;
}

static enum nst_err prepare(struct nst_task *t)
{
    if (t->state == NULL)
        t->state = nst_arena_new(65536);
    return NST_OK;
}

static enum nst_err read_order(struct ocl_undo *u)
{
    struct nst_task *t = u->task;
    struct nst_json *asked;
    NST_TRY(nst_json_read(&asked, NULL, t->arena, t->kwargs, NULL));
    const struct nst_json *key = nst_json_get(asked, NST_STR("task"));
    const struct nst_json *number = nst_json_get(asked, NST_STR("import"));
    if (key == NULL || number == NULL || !nst_str_int(&u->import, number->text))
        return NST_E_INTERNAL;
    u->key = key->text;
    return NST_OK;
}

static enum nst_err tell(struct ocl_undo *u)
{
    struct nst_task *t = u->task;
    struct nst_buf place, summary, words, result;
    nst_buf_init(&place, t->arena, 4096);
    nst_buf_init(&summary, t->arena, 4096);
    nst_buf_init(&words, t->arena, 4096);
    nst_buf_init(&result, t->arena, SIZE_MAX);
    if (t->is_over)
        u->place.done = u->place.total;
    put_place(&place, &u->place);
    nst_put_char(&summary, '{');
    ocl_undo_put_counters(&summary, &u->place);
    nst_put_char(&summary, '}');
    t->place = nst_buf_str(&place);
    t->summary = nst_buf_str(&summary);
    t->done = u->place.done;
    t->total = u->place.total;
    t->message = nst_strf(t->arena, "%lld of %lld changes looked at, %lld things left",
                          (long long)t->done, (long long)t->total, (long long)u->place.left);
    if (!t->is_over)
        return NST_OK;
    ocl_undo_put_words(&words, &u->place);
    t->report = nst_buf_str(&words);
    NST_TRY(ocl_left_put_result(&result, u));
    t->result = nst_buf_str(&result);
    return NST_OK;
}

static enum nst_err is_listed(bool *out, struct ocl_undo *u)
{
    return nst_exists_with(out, u->db, "SELECT 1 FROM import_undo WHERE task_id = $1",
                           NST_INT(u->task->id));
}

static enum nst_err step(struct nst_task *t, struct nst_db *db)
{
    struct ocl_undo u = { .task = t, .db = db, .arena = t->state };
    bool is_over, is_known;
    nst_arena_reset(u.arena);
    NST_TRY(read_order(&u));
    NST_TRY(is_listed(&is_known, &u));
    if (!is_known) {
        t->error = NST_STR("The import is not listed any more: what it did is not known.");
        return NST_E_NOT_FOUND;
    }
    if (!read_place(&u.place, t->place)) {
        t->error = NST_STR("The undoing was begun by another release of Nestor and cannot go on: ask "
                           "for it again.");
        return NST_E_CONFLICT;
    }
    NST_TRY(stages[u.place.stage].undo(&is_over, &u, stages[u.place.stage].type));
    if (is_over)
        next_stage(&u);
    return tell(&u);
}

const struct nst_task_kind ocl_undo_task = {
    .name = "import_undo",
    .mode = NST_MODE_WRITE,
    .prepare = prepare,
    .step = step,
    .release = release,
};
