/* /importers/bulk-import/ (V601 to V608, G87): a file becomes a task; how far it is, what came of
 * it, an end to it. */
#include "undo.h"

#include "nestor/base/file.h"
#include "ocl/lines/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define UPLOAD_MAX   ((size_t)OCL_IMPORT_FILE_MAX + ((size_t)1 << 20)) /* bytes of a body */
#define WRAPPED_MAX  ((uint64_t)16 << 20) /* of one that has to be read whole: {"data": ...} */
#define LOOKED_MAX   ((uint64_t)16 << 20) /* of one that is read at once, to tell what is wrong */
#define OPTION_MAX   URL_MAX              /* bytes of an option in a form */
#define URL_MAX      2000
#define NAME_SHOWN   64  /* bytes of an unknown option's name */
#define WAITING_MAX  100 /* imports of one user that are not over */
#define WAITING_GB   8   /* of their files */
#define COPY_STEP    ((size_t)1 << 20)
#define QUEUE_MAX    100 /* bytes of a queue's name */
#define PARALLEL_MAX 100
#define PLAIN_TEXT   "text/plain" /* what tells that an import is not over */

/* What a request asks for; made by `prepare`, outside of the store. */
struct order {
    bool updates; /* what is there already */
    bool rehearses;
    struct nst_str url; /* where the file is, if it is somewhere else; or null */
    bool has_content;   /* the file is here */
    struct nst_str queue;
    struct nst_str uuid, path; /* of the file, whose name is a task's already */
    struct nst_str once;       /* what is imported, and how: a hash */
    uint64_t size;             /* of the file, bytes */
};

/* ---- Refusals: {"exception": TEXT} (V603, V604) ---- */

static enum nst_err refuse(struct nst_req *rq, enum nst_err err, struct nst_str text)
{
    return nst_fail_bare(rq, err, "exception", text);
}

static enum nst_err refuse_input(struct nst_req *rq, struct nst_str why)
{
    return refuse(rq, NST_E_INVALID,
                  nst_strf(rq->arena, "Failed to parse input. (%.*s)", NST_FMT(why)));
}

/* ---- Options ---- */

/* Known to clients, and not there: refused by name instead of being ignored. */
static const char *const not_yet[] = { "owner", "owner_type", "version", "import_type" };

static enum nst_err refuse_option(struct nst_req *rq, struct nst_str name)
{
    return refuse(rq, NST_E_INVALID,
                  nst_strf(rq->arena, "The option \"%.*s\" is not supported yet.", NST_FMT(name)));
}

static enum nst_err check_not_yet(struct nst_req *rq, struct nst_str name)
{
    for (size_t i = 0; i < NST_COUNT(not_yet); i++)
        if (nst_str_eq(name, nst_str_z(not_yet[i])))
            return refuse_option(rq, name);
    return NST_OK;
}

/* Batches of one import follow one another whatever it says: it must be a number all the same. */
static enum nst_err check_parallel(struct nst_req *rq, struct nst_str value)
{
    int64_t number;
    bool is_good = nst_str_int(&number, value) && number > 0 && number <= PARALLEL_MAX;
    return is_good ? NST_OK
                   : refuse(rq, NST_E_INVALID,
                            NST_STR("parallel must be a number from 1 to " NST_DIGITS(
                                PARALLEL_MAX) ""));
}

static enum nst_err read_switch(bool *out, struct nst_req *rq, const char *name,
                                struct nst_str value)
{
    *out = nst_str_eq(value, NST_STR("true"));
    return *out || nst_str_eq(value, NST_STR("false"))
               ? NST_OK
               : refuse(rq, NST_E_INVALID,
                        nst_strf(rq->arena, "%s must be either 'true' or 'false'", name));
}

static enum nst_err read_url(struct order *o, struct nst_req *rq, struct nst_str value)
{
    if (nst_worker_fetch() == NST_FETCH_NONE)
        return refuse(rq, NST_E_INVALID,
                      NST_STR("file_url: this server fetches no files; its operator may let it "
                              "(tasks.fetch). Send the file itself."));
    struct nst_str rest = value, scheme = nst_str_cut(&rest, ':');
    bool has_scheme = (nst_str_eq_nocase(scheme, NST_STR("http")) ||
                       nst_str_eq_nocase(scheme, NST_STR("https"))) &&
                      nst_str_starts(rest, NST_STR("//"));
    if (!has_scheme || value.n > URL_MAX || nst_str_find(value, ' ') < value.n)
        return refuse(rq, NST_E_INVALID,
                      NST_STR("file_url must be an address that begins with http:// or https://"));
    o->url = value;
    return NST_OK;
}

static enum nst_err read_option(struct order *o, struct nst_req *rq, struct nst_str name,
                                struct nst_str value)
{
    NST_TRY(check_not_yet(rq, name));
    if (nst_str_eq(name, NST_STR("parallel")))
        return check_parallel(rq, value);
    if (nst_str_eq(name, NST_STR("update_if_exists")))
        return read_switch(&o->updates, rq, "update_if_exists", value);
    if (nst_str_eq(name, NST_STR("rehearse")))
        return read_switch(&o->rehearses, rq, "rehearse", value);
    if (nst_str_eq(name, NST_STR("file_url")))
        return read_url(o, rq, value);
    struct nst_str shown = nst_str_slice(name, 0, NAME_SHOWN);
    return refuse(
        rq, NST_E_INVALID,
        nst_strf(rq->arena,
                 "The option \"%.*s\" is not known; there are update_if_exists, rehearse, "
                 "parallel and file_url.",
                 NST_FMT(shown)));
}

static bool is_queue(struct nst_str name)
{
    bool good = name.n <= QUEUE_MAX && nst_str_is_segment(name);
    for (size_t i = 0; good && i < name.n; i++)
        good = name.p[i] > ' ' && name.p[i] != '/' && name.p[i] != '~' && (name.p[i] & 0x80) == 0;
    return good;
}

static enum nst_err read_query(struct order *o, struct nst_req *rq)
{
    o->updates = true;
    for (size_t i = 0; i < rq->queries; i++)
        NST_TRY(read_option(o, rq, rq->query[i].name, rq->query[i].value));
    o->queue = rq->vars > 0 ? rq->var[0] : (struct nst_str){ 0 };
    return o->queue.p == NULL || is_queue(o->queue)
               ? NST_OK
               : refuse(rq, NST_E_INVALID,
                        NST_STR("The name of a queue has letters, digits and signs but / and ~, "
                                "at most " NST_DIGITS(QUEUE_MAX) "."));
}

/* ---- The file ---- */

/* Have the upload hold this part of itself alone: from there on to the front. */
static enum nst_err keep_part(struct nst_req *rq, struct nst_upload *u, uint64_t from,
                              uint64_t size)
{
    char *piece = nst_alloc_text(rq->arena, COPY_STEP);
    for (uint64_t done = 0; done < size;) {
        size_t want = size - done < COPY_STEP ? (size_t)(size - done) : COPY_STEP;
        ssize_t n = pread(u->fd, piece, want, (off_t)(from + done));
        if (n <= 0 || pwrite(u->fd, piece, (size_t)n, (off_t)done) != n)
            return nst_err_of_write(errno);
        done += (uint64_t)n;
    }
    u->size = size;
    return ftruncate(u->fd, (off_t)size) == 0 ? NST_OK : nst_err_of_write(errno);
}

static enum nst_err write_text(struct nst_upload *u, struct nst_str text)
{
    u->size = text.n;
    if (pwrite(u->fd, text.p, text.n, 0) != (ssize_t)text.n || ftruncate(u->fd, (off_t)text.n) != 0)
        return nst_err_of_write(errno);
    return NST_OK;
}

static enum nst_err take_form(struct order *o, struct nst_req *rq, struct nst_upload *u)
{
    const struct nst_part *content = NULL;
    struct nst_part *part;
    NST_TRY(nst_upload_parts(&part, rq, u));
    for (; part != NULL; part = part->next) {
        bool is_content =
            nst_str_eq(part->name, NST_STR("file")) || nst_str_eq(part->name, NST_STR("data"));
        struct nst_str value = NST_STR("");
        if (is_content && (content == NULL || content->size == 0))
            content = part;
        if (is_content)
            continue;
        if (part->size <= OPTION_MAX)
            NST_TRY(nst_upload_text(&value, rq, u, part));
        NST_TRY(read_option(o, rq, part->name, value));
    }
    o->has_content = content != NULL;
    if (content == NULL && o->url.p != NULL)
        return NST_OK;
    if (content == NULL)
        return refuse(rq, NST_E_INVALID, NST_STR("No content to import"));
    return keep_part(rq, u, content->from, content->size);
}

/* The first sign of a body; -1: it has none. */
static int first_of(const struct nst_upload *u)
{
    char text[256];
    ssize_t n = pread(u->fd, text, sizeof(text), 0);
    struct nst_str rest = nst_str_trim((struct nst_str){ text, n > 0 ? (size_t)n : 0 });
    if (nst_str_starts(rest, NST_STR("\xEF\xBB\xBF")))
        rest = nst_str_trim(nst_str_slice(rest, 3, rest.n));
    return rest.n > 0 ? (unsigned char)rest.p[0] : -1;
}

static enum nst_err unwrap(struct order *o, struct nst_req *rq, struct nst_upload *u,
                           const struct nst_json *object, const struct nst_json *data)
{
    struct nst_buf text;
    for (const struct nst_json *v = object->first; v != NULL; v = v->next) {
        struct nst_str word =
            v->kind == NST_JSON_BOOL ? nst_str_z(v->boolean ? "true" : "false") : v->text;
        if (v != data)
            NST_TRY(read_option(o, rq, v->name, word));
    }
    o->has_content = data != NULL;
    if (data == NULL)
        return NST_OK;
    if (data->kind == NST_JSON_STRING)
        return write_text(u, data->text);
    nst_buf_init(&text, rq->arena, SIZE_MAX);
    if (data->kind != NST_JSON_NULL)
        nst_json_put(&text, data);
    return write_text(u, nst_buf_str(&text));
}

/* V601: {"data": lines or list}; what is no such object is the content itself. */
static enum nst_err take_object(struct order *o, struct nst_req *rq, struct nst_upload *u)
{
    const struct nst_part whole = { .size = u->size };
    struct nst_json *object;
    struct nst_str text;
    o->has_content = u->size > 0;
    if (first_of(u) != '{' || u->size > WRAPPED_MAX)
        return NST_OK;
    NST_TRY(nst_upload_text(&text, rq, u, &whole));
    if (nst_json_read(&object, NULL, rq->arena, text, NULL) != NST_OK)
        return NST_OK;
    const struct nst_json *data = nst_json_get(object, NST_STR("data"));
    bool is_line = nst_json_get(object, NST_STR("type")) != NULL;
    bool has_url = nst_json_get(object, NST_STR("file_url")) != NULL;
    return (data != NULL || has_url) && !is_line ? unwrap(o, rq, u, object, data) : NST_OK;
}

/* Is it NAME=...? curl sends a file of lines as such a form, too. */
static bool has_fields(const struct nst_upload *u)
{
    char text[OPTION_MAX];
    ssize_t n = pread(u->fd, text, sizeof(text), 0);
    size_t at = 0;
    while ((ssize_t)at < n && ((text[at] >= 'a' && text[at] <= 'z') || text[at] == '_'))
        at++;
    return at > 0 && (ssize_t)at < n && text[at] == '=';
}

/* V608: ocldev sends its lines as the field `data`. */
static enum nst_err take_fields(struct order *o, struct nst_req *rq, struct nst_upload *u)
{
    const struct nst_part whole = { .size = u->size };
    struct nst_str rest, content = NST_STR("");
    if (u->size > WRAPPED_MAX)
        return refuse(rq, NST_E_INVALID,
                      NST_STR("A form of this kind has at most 16 MiB: send the file as it is."));
    NST_TRY(nst_upload_text(&rest, rq, u, &whole));
    while (rest.p != NULL && rest.n > 0) {
        struct nst_str value = nst_str_cut(&rest, '&');
        struct nst_str name = nst_percent_decode(rq->arena, nst_str_cut(&value, '='), true);
        value = nst_percent_decode(rq->arena, value, true);
        if (nst_str_eq(name, NST_STR("data")))
            content = value, o->has_content = true;
        else
            NST_TRY(read_option(o, rq, name, value));
    }
    return write_text(u, content);
}

static enum nst_err take_content(struct order *o, struct nst_req *rq, struct nst_upload *u)
{
    struct nst_str type = nst_http_request_header(rq->x, "Content-Type");
    struct nst_str essence = nst_str_trim(nst_str_cut(&type, ';'));
    bool is_form = nst_str_eq_nocase(essence, NST_STR("application/x-www-form-urlencoded"));
    if (nst_str_eq_nocase(essence, NST_STR("multipart/form-data")))
        return take_form(o, rq, u);
    return is_form && has_fields(u) ? take_fields(o, rq, u) : take_object(o, rq, u);
}

/* Can anything be read? An archive or an export has to be read whole for that, so that of a large
 * one the task tells. */
static enum nst_err check_content(struct nst_req *rq, const struct nst_upload *u)
{
    struct ocl_lines *lines;
    struct ocl_line_text line;
    struct nst_str why;
    if (first_of(u) < 0)
        return refuse(rq, NST_E_INVALID, NST_STR("No content to import"));
    if (u->size > LOOKED_MAX)
        return NST_OK;
    if (!ocl_lines_open(&lines, &why, rq->arena, u->fd, nst_worker_folder().p))
        return refuse_input(rq, nst_strf(rq->arena, "It %.*s", NST_FMT(why)));
    bool has_lines = ocl_lines_next(&line, lines, rq->arena);
    ocl_lines_close(lines);
    return has_lines ? NST_OK : refuse(rq, NST_E_INVALID, NST_STR("No content to import"));
}

/* V604: the same lines, for the same user, queue and options. */
static enum nst_err hash_content(struct order *o, struct nst_req *rq, const struct nst_upload *u)
{
    unsigned char hash[crypto_generichash_BYTES];
    crypto_generichash_state state;
    char *piece = nst_alloc_text(rq->arena, COPY_STEP);
    struct nst_str head = nst_strf(rq->arena, "%lld %d %d %d %.*s\n", (long long)rq->caller.id,
                                   o->updates, o->rehearses, o->url.p != NULL, NST_FMT(o->queue));
    ssize_t n;
    off_t at = 0;
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const unsigned char *)head.p, head.n);
    for (; (n = pread(u->fd, piece, COPY_STEP, at)) > 0; at += n)
        crypto_generichash_update(&state, (const unsigned char *)piece, (size_t)n);
    crypto_generichash_final(&state, hash, sizeof(hash));
    struct nst_buf b;
    nst_buf_init(&b, rq->x->arena, 128);
    nst_put_bytes_hex(&b, hash, sizeof(hash));
    o->once = nst_buf_str(&b);
    return n == 0 ? NST_OK : NST_E_INTERNAL;
}

/* Its name is that of a task from here on: it is removed with it, or once it is old. */
static enum nst_err make_durable(struct order *o, struct nst_req *rq, struct nst_upload *u)
{
    struct nst_str folder = nst_worker_folder();
    const char *path =
        nst_str_to_z(rq->x->arena, nst_strf(rq->x->arena, "%.*s/%.*s" OCL_IMPORT_FILE,
                                            NST_FMT(folder), NST_FMT(u->uuid)));
    if (fsync(u->fd) != 0 || rename(u->path.p, path) != 0)
        return nst_err_of_write(errno);
    u->path = nst_str_z(path);
    o->uuid = u->uuid;
    o->size = u->size;
    return nst_sync_folder(nst_str_to_z(rq->arena, folder)) ? NST_OK : NST_E_INTERNAL;
}

static enum nst_err keep_content(struct order *o, struct nst_req *rq, struct nst_upload *u)
{
    NST_TRY(check_content(rq, u));
    NST_TRY(hash_content(o, rq, u));
    return make_durable(o, rq, u);
}

/* What is somewhere else: its address is the same import. */
static enum nst_err name_content(struct order *o, struct nst_req *rq, struct nst_upload *u)
{
    if (o->has_content)
        return refuse(rq, NST_E_INVALID, NST_STR("Either a file or a file_url can be imported."));
    NST_TRY(write_text(u, o->url));
    o->uuid = u->uuid;
    return hash_content(o, rq, u);
}

static enum nst_err prepare_import(struct nst_req *rq)
{
    struct order *o = NST_NEW(rq->x->arena, struct order);
    struct nst_upload *u;
    if (nst_worker_host().p == NULL)
        return refuse(rq, NST_E_BUSY, NST_STR("No tasks are run on this server."));
    NST_TRY(read_query(o, rq));
    NST_TRY(nst_upload_take(&u, rq));
    NST_TRY(take_content(o, rq, u));
    rq->prepared = o;
    return o->url.p != NULL ? name_content(o, rq, u) : keep_content(o, rq, u);
}

/* ---- Asking for it ---- */

/* What a user has waiting. */
struct waiting {
    unsigned count;
    uint64_t bytes;
};

static uint64_t size_of(struct nst_arena *a, struct nst_str kwargs)
{
    struct nst_json *asked;
    int64_t size = 0;
    if (nst_json_read(&asked, NULL, a, kwargs, NULL) != NST_OK)
        return 0;
    const struct nst_json *v = nst_json_get(asked, NST_STR("size"));
    return v != NULL && nst_str_int(&size, v->text) ? (uint64_t)size : 0;
}

static enum nst_err find_waiting(struct waiting *out, struct nst_req *rq)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT kwargs FROM task WHERE (state = '" NST_TASK_PENDING
                           "' OR state = '" NST_TASK_STARTED
                           "') AND user_id = $1 AND name IN ($2, $3)",
                           NST_INT(rq->caller.id), NST_TEXT(nst_str_z(ocl_bulk_import_task.name)),
                           NST_TEXT(nst_str_z(ocl_rehearsal_task.name))));
    for (*out = (struct waiting){ 0 }; nst_rows_step(rows); out->count++)
        out->bytes += size_of(rq->arena, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

static enum nst_err check_waiting(struct nst_req *rq, uint64_t size)
{
    struct waiting w;
    NST_TRY(find_waiting(&w, rq));
    if (w.count >= WAITING_MAX)
        return refuse(rq, NST_E_THROTTLED,
                      NST_STR("At most " NST_DIGITS(WAITING_MAX) " imports of one user wait."));
    return w.bytes + size <= (uint64_t)WAITING_GB << 30
               ? NST_OK
               : refuse(rq, NST_E_THROTTLED,
                        NST_STR(
                            "At most " NST_DIGITS(WAITING_GB) " GB of imports of one user wait."));
}

static struct nst_str kwargs_of(struct nst_arena *a, const struct order *o)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 65536);
    nst_putf(&b, "{\"update_if_exists\":%s,\"size\":%llu", o->updates ? "true" : "false",
             (unsigned long long)o->size);
    if (o->url.p != NULL) {
        nst_put_lit(&b, ",\"file_url\":");
        nst_json_put_str(&b, o->url);
    }
    nst_put_char(&b, '}');
    return nst_buf_str(&b);
}

static enum nst_err start_import(struct nst_req *rq)
{
    const struct order *o = rq->prepared;
    const struct nst_task_order order = {
        .kind = o->rehearses ? &ocl_rehearsal_task : &ocl_bulk_import_task,
        .user = rq->caller.id,
        .username = rq->caller.name,
        .queue = o->queue,
        .kwargs = kwargs_of(rq->arena, o),
        .once = o->once,
        .host = nst_worker_host(),
        .uuid = o->uuid,
    };
    int64_t id;
    NST_TRY(check_waiting(rq, o->size));
    enum nst_err e = nst_task_add(&id, rq, &order);
    if (e == NST_E_CONFLICT)
        return refuse(rq, e, NST_STR("The same import has been already queued"));
    NST_TRY(e);
    rq->upload->is_kept = o->url.p == NULL;
    return ocl_answer_task(rq, id, 202);
}

/* ---- How far it is ---- */

enum nst_err ocl_bulk_import_scope(struct nst_sql *q, struct nst_req *rq,
                                   const struct nst_object *parent)
{
    struct nst_str username = nst_query_value(rq, "username");
    (void)parent;
    size_t count = 0;
    nst_sql_add(q, " AND task.name");
    nst_sql_in(q, &count, NST_TEXT(nst_str_z(ocl_bulk_import_task.name)));
    nst_sql_in(q, &count, NST_TEXT(nst_str_z(ocl_rehearsal_task.name)));
    nst_sql_in_end(q, count);
    if (rq->vars > 0) {
        nst_sql_add(q, " AND task.queue = ");
        nst_sql_bind(q, NST_TEXT(rq->var[0]));
    }
    if (username.p != NULL) {
        nst_sql_add(q, " AND task.username = ");
        nst_sql_bind(q, NST_TEXT(username));
    }
    return NST_OK;
}

static bool is(const struct ocl_task *task, const char *state)
{
    return nst_str_eq(task->state, nst_str_z(state));
}

static bool is_import(const struct ocl_task *task)
{
    return nst_str_eq(task->name, nst_str_z(ocl_bulk_import_task.name)) ||
           nst_str_eq(task->name, nst_str_z(ocl_rehearsal_task.name));
}

static enum nst_err find_import(struct ocl_task **task, struct nst_req *rq, struct nst_str key)
{
    enum nst_err e = ocl_find_task(task, rq, key);
    if (e == NST_E_NOT_FOUND || (e == NST_OK && !is_import(*task)))
        return refuse(rq, NST_E_NOT_FOUND,
                      nst_strf(rq->arena, "task %.*s not found", NST_FMT(key)));
    return e;
}

/* Whoever keeps the answer in a file must see that it is none of lines. */
static enum nst_err answer_not_yet(struct nst_req *rq, const struct ocl_task *task)
{
    nst_putf(
        &rq->x->out,
        "The import is not over (%.*s%s%.*s). What it refused is told when it is, or when it is "
        "cancelled.\n",
        NST_FMT(task->state), task->message.n > 0 ? ", " : "", NST_FMT(task->message));
    rq->x->status = 202;
    rq->x->content_type = NST_STR(PLAIN_TEXT "; charset=utf-8");
    return NST_OK;
}

/* Of one that has failed or was cancelled those of what it did; a rehearsal tells at its end. */
static enum nst_err show_refused(struct nst_req *rq, const struct ocl_task *task)
{
    bool is_rehearsal = nst_str_eq(task->name, nst_str_z(ocl_rehearsal_task.name));
    bool is_whole = is(task, NST_TASK_SUCCESS);
    bool is_over = is_whole || is(task, NST_TASK_FAILURE) || is(task, NST_TASK_REVOKED);
    if (!is_over)
        return answer_not_yet(rq, task);
    if (is_rehearsal && !is_whole)
        return refuse(rq, NST_E_INVALID,
                      NST_STR("The rehearsal was ended before it could tell of its lines."));
    return ocl_import_answer_refused(rq, task);
}

static enum nst_err show_import(struct nst_req *rq)
{
    struct nst_str key = nst_query_value(rq, "task");
    struct nst_str form = nst_query_value(rq, "result");
    struct ocl_task *task;
    if (key.p == NULL)
        return nst_list_of(rq, &ocl_task_sets[OCL_IMPORTS], NULL);
    NST_TRY(find_import(&task, rq, key));
    if (nst_str_eq(form, NST_STR("refused")))
        return show_refused(rq, task);
    bool is_done = is(task, NST_TASK_SUCCESS);
    if (is_done && form.n > 0)
        return ocl_import_answer(rq, task, form);
    if (is(task, NST_TASK_FAILURE))
        return refuse(rq, NST_E_INVALID, task->error);
    bool is_over = is_done || is(task, NST_TASK_REVOKED);
    return ocl_answer_task(rq, task->row.id, is_over ? 200 : 202);
}

static enum nst_err cancel_import(struct nst_req *rq)
{
    const struct nst_json *id = nst_body_member(rq, "task_id");
    struct ocl_task *task;
    if (!nst_json_is_text(id) || id->text.n == 0)
        return nst_fail(rq, NST_E_INVALID, "task_id", nst_str_z(nst_texts_of(rq->face)->required));
    NST_TRY(find_import(&task, rq, id->text));
    return ocl_cancel_task(rq, task);
}

/* ---- Tables ---- */

static const struct nst_parameter post_parameter[] = {
    { "update_if_exists", "{\"type\":\"string\",\"enum\":[\"true\",\"false\"]}",
      "Concepts and mappings that exist are changed, as otherwise; or left alone." },
    { "file_url", "{\"type\":\"string\",\"format\":\"uri\"}",
      "Where the file is, instead of the file; if this server may fetch it (`tasks.fetch`)." },
    { "rehearse", "{\"type\":\"string\",\"enum\":[\"true\",\"false\"]}",
      "Tell what would become of each line, and store nothing; or import, as otherwise." },
    { "parallel", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":" NST_DIGITS(PARALLEL_MAX) "}",
      "Taken from clients that send it; it makes no difference." },
    { 0 },
};
static const struct nst_response post_response[] = {
    { 202, "The task.", { .schema = OCL_IMPORT_TASK } },
    { 400, "Nothing of it can be read.", { .schema = "{\"type\":\"object\"}" } },
    { 409, "The same import waits or runs.", { .schema = OCL_IMPORT_REASON } },
    { 429, "Too many wait.", { .schema = OCL_IMPORT_REASON } },
    { 503, "This server runs no tasks.", { .schema = "{\"type\":\"object\"}" } },
    { 507, "The disk is full.", { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};
static const struct nst_description posting = {
    .request = { .schema =
                     "{\"type\":\"object\",\"required\":[\"data\"],\"properties\":{\"data\":{}}}" },
    .parameter = post_parameter,
    .not_yet = "owner owner_type version import_type",
    .response = post_response,
};

static const struct nst_parameter get_parameter[] = {
    { "task", NULL, "Of which import; left out, all of the caller are listed." },
    { "result", "{\"type\":\"string\",\"enum\":[\"json\",\"report\",\"all\",\"refused\"]}",
      "Of one that is over: its lines by their outcome, a line of words, both; or the lines that "
      "were refused, as they came, also of one that failed or was cancelled. Left out: the task, "
      "with its counters." },
    { "username", NULL, "Only imports of that user." },
    { 0 },
};
static const struct nst_response get_response[] = {
    { 200,
      "The task, its result, or a list.",
      { .schema = "{}" },
      .or_text = OCL_IMPORT_LINES " " OCL_IMPORT_TABLE },
    { 202, "It is not over.", { .schema = OCL_IMPORT_TASK }, .or_text = PLAIN_TEXT },
    { 400, "It failed.", { .schema = "{\"type\":\"object\"}" } },
    { 404, "There is none of that name.", { .schema = OCL_IMPORT_REASON } },
    { 0 },
};
static const struct nst_description getting = { .parameter = get_parameter,
                                                .response = get_response };

static const struct nst_response delete_response[] = {
    { 204, "It is cancelled.", { 0 } },
    { 400, "It is over already.", { .schema = "{\"type\":\"object\"}" } },
    { 404, "There is none of that name.", { .schema = OCL_IMPORT_REASON } },
    { 0 },
};
static const struct nst_description deleting = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"task_id\"],\"properties\":{"
                           "\"task_id\":{\"type\":\"string\"}}}" },
    .response = delete_response,
};

#define POST \
    { \
        start_import, ocl_any_token, NST_SPOOLS, .prepare = prepare_import, .describe = &posting \
    }
#define ROUTE(face, path) \
    { \
        face, path, .get = { show_import, ocl_any_token, .describe = &getting }, .post = POST, \
                    .delete = { cancel_import, ocl_any_token, .describe = &deleting }, \
                    .body_limit = UPLOAD_MAX, .doc = "Imports of whole files." \
    }

#define UNDO(face) \
    { \
        face, "/importers/bulk-import/:task/undo/", \
            .post = { ocl_undo_start, ocl_any_token, .describe = &ocl_undo_description }, \
            .doc = "Take back what an import did, but for what was changed since." \
    }

/* V608 */
#define ALIAS(face, path) \
    { \
        face, path, .post = POST, .body_limit = UPLOAD_MAX, .doc = "The same, by an older name." \
    }

#define QUEUED "(:queue?/|)"
#define ALIASES(face) \
    ALIAS(face, "/importers/bulk-import-inline/" QUEUED), \
        ALIAS(face, "/importers/bulk-import-parallel-inline/" QUEUED), \
        ALIAS(face, "/importers/bulk-import/(upload|file-url)/" QUEUED), \
        ALIAS(face, "/manage/bulkimport/" QUEUED)

static const struct nst_route import_route[] = {
    ROUTE(V2, "/importers/bulk-import/" QUEUED),
    ROUTE(GUIDE, "/importers/bulk-import/" QUEUED),
    UNDO(V2),
    UNDO(GUIDE),
    ALIASES(V2),
    ALIASES(GUIDE),
};

const struct nst_resource ocl_bulk_import = {
    .name = "bulk_import",
    NST_ROUTES(import_route),
    .doc = "Files on their way into the store.",
};
