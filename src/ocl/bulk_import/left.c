/* What an undo had to leave, thing by thing, and what it says of itself at the end. */
#include "undo.h"

#include "nestor/base/time.h"

#define LISTED_MAX "10000" /* in the result, whose counters count all */
#define ENTRY_MAX  ((size_t)64 << 10)

/* ---- Keeping ---- */

static void put_member(struct nst_buf *b, const char *name, struct nst_str value)
{
    nst_putf(b, ",\"%s\":", name);
    nst_json_put_str(b, value);
}

static struct nst_str entry_of(struct nst_arena *a, const struct ocl_left *left)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX);
    nst_putf(&b, "{\"type\":\"%s\"", left->type);
    put_member(&b, "url", left->url);
    put_member(&b, "reason", left->reason);
    put_member(&b, "remedy", nst_str_z(left->remedy));
    if (left->who.p != NULL) {
        put_member(&b, "changed_by", left->who);
        nst_put_lit(&b, ",\"changed_on\":\"");
        nst_put_time(&b, left->when, NST_TIME_MICRO_Z);
        nst_put_char(&b, '"');
    }
    if (left->errors.n > 0 && left->errors.n < ENTRY_MAX)
        nst_putf(&b, ",\"errors\":%.*s", NST_FMT(left->errors));
    nst_put_char(&b, '}');
    return nst_buf_str(&b);
}

/* Said already: a later look knows better, but what waits for the next pass goes on waiting. */
static enum nst_err keep_again(const struct ocl_undo *u, const struct ocl_left *left,
                               struct nst_str entry, int64_t pass)
{
    return nst_exec_with(NULL, u->db,
                         "UPDATE import_left SET pass = $1, row_id = $2, entry = $3 "
                         "WHERE task_id = $4 AND url = $5 AND pass <> $6",
                         NST_INT(pass), NST_INT(left->row), NST_TEXT(entry), NST_INT(u->task->id),
                         NST_TEXT(left->url), NST_INT(u->place.pass + 1));
}

enum nst_err ocl_left_keep(struct ocl_undo *u, const struct ocl_left *left)
{
    int64_t added, pass = left->row != 0 ? u->place.pass + 1 : 0;
    struct nst_str entry = entry_of(u->arena, left);
    NST_TRY(nst_exec_with(&added, u->db,
                          "INSERT INTO import_left (task_id, url, at, pass, kind, repo_id, row_id, "
                          "entry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
                          "ON CONFLICT (task_id, url) DO NOTHING",
                          NST_INT(u->task->id), NST_TEXT(left->url), NST_INT(u->place.told + 1),
                          NST_INT(pass), NST_INT(left->kind), NST_INT(left->repo),
                          NST_INT(left->row), NST_TEXT(entry)));
    u->place.told += added;
    u->place.left += added;
    return added > 0 ? NST_OK : keep_again(u, left, entry, pass);
}

enum nst_err ocl_left_drop(struct ocl_undo *u, struct nst_str url)
{
    int64_t dropped;
    NST_TRY(nst_exec_with(&dropped, u->db,
                          "DELETE FROM import_left WHERE task_id = $1 AND url = $2",
                          NST_INT(u->task->id), NST_TEXT(url)));
    u->place.left -= dropped;
    return NST_OK;
}

/* ---- Reasons ---- */

/* The first text in a value. */
static struct nst_str first_text(const struct nst_json *v)
{
    while (v != NULL && (v->kind == NST_JSON_ARRAY || v->kind == NST_JSON_OBJECT))
        v = v->first;
    return v != NULL ? v->text : (struct nst_str){ 0 };
}

static bool is_of_all(struct nst_str name)
{
    return nst_str_eq(name, NST_STR("detail")) || nst_str_eq(name, NST_STR("__all__"));
}

struct nst_str ocl_left_reason(struct nst_arena *a, struct nst_str body)
{
    struct nst_json *tree;
    if (nst_json_read(&tree, NULL, a, body, NULL) != NST_OK || tree->first == NULL)
        return NST_STR("It is refused.");
    struct nst_str text = first_text(tree->first), name = tree->first->name;
    if (is_of_all(name))
        return text;
    return nst_strf(a, "%.*s: %.*s", NST_FMT(name), NST_FMT(text));
}

/* ---- Telling ---- */

void ocl_undo_put_counters(struct nst_buf *out, const struct ocl_undo_place *p)
{
    nst_putf(out,
             "\"total\":%lld,\"processed\":%lld,\"restored\":%lld,\"erased\":%lld,"
             "\"deleted\":%lld,\"left\":%lld",
             (long long)p->total, (long long)p->done, (long long)p->restored, (long long)p->erased,
             (long long)p->deleted, (long long)p->left);
}

void ocl_undo_put_words(struct nst_buf *out, const struct ocl_undo_place *p)
{
    nst_putf(out, "Restored: %lld | Erased: %lld | Deleted: %lld | Left: %lld",
             (long long)p->restored, (long long)p->erased, (long long)p->deleted,
             (long long)p->left);
}

enum nst_err ocl_left_put_result(struct nst_buf *out, struct ocl_undo *u)
{
    struct nst_rows *rows;
    const char *between = "";
    nst_put_lit(out, "{\"import\":");
    nst_json_put_str(out, u->key);
    nst_put_char(out, ',');
    ocl_undo_put_counters(out, &u->place);
    nst_put_lit(out, ",\"things\":[");
    NST_TRY(nst_query_with(&rows, u->db,
                           "SELECT entry FROM import_left WHERE task_id = $1 ORDER BY at "
                           "LIMIT " LISTED_MAX,
                           NST_INT(u->task->id)));
    for (; nst_rows_step(rows); between = ",") {
        nst_put_z(out, between);
        nst_put(out, nst_rows_text(rows, 0));
    }
    nst_put_lit(out, "]}");
    return nst_rows_end(rows);
}
