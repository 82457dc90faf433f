/* What became of the lines of an import, kept in the transaction that did it. */
#include "bulk_import.h"

/* ---- What comes back ---- */

struct nst_str ocl_import_content_put(struct nst_arena *a, struct nst_str given)
{
    struct nst_buf b;
    bool is_text =
        given.p == NULL || (nst_utf8_valid(given) && nst_str_find(given, '\0') == given.n &&
                            !nst_str_starts(given, NST_STR(OCL_IMPORT_BYTES)));
    if (is_text)
        return given;
    nst_buf_init(&b, a, SIZE_MAX);
    nst_put_lit(&b, OCL_IMPORT_BYTES);
    nst_put_bytes_hex(&b, (const unsigned char *)given.p, given.n);
    return nst_buf_str(&b);
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

struct nst_str ocl_import_content_read(struct nst_arena *a, struct nst_str content)
{
    if (!nst_str_starts(content, NST_STR(OCL_IMPORT_BYTES)))
        return content;
    char *p = nst_alloc_text(a, content.n / 2);
    for (size_t i = 0; i < content.n / 2; i++)
        p[i] = (char)(digit(content.p[2 * i + 1]) << 4 | digit(content.p[2 * i + 2]));
    return (struct nst_str){ p, content.n / 2 };
}

/* It stands before the first line, and is none: no outcome has this name. */
enum nst_err ocl_import_keep_header(const struct nst_task *t, struct nst_db *db,
                                    struct nst_str header)
{
    if (header.p == NULL)
        return NST_OK;
    return nst_exec_with(NULL, db,
                         "INSERT INTO import_refused (task_id, at, line, outcome, errors, content) "
                         "VALUES ($1, -1, 0, 'header', '', $2)",
                         NST_INT(t->id), NST_TEXT(header));
}

/* ---- A batch ---- */

/* What is kept of a batch. */
struct keeping {
    struct ocl_import_place *place;
    const struct nst_task *task;
    struct nst_db *db;
    struct nst_buf taken[OCL_OUTCOME_COUNT]; /* numbers of lines, by outcome */
};

static enum nst_err keep_taken(struct keeping *k)
{
    for (size_t i = 0; i < OCL_OUTCOME_COUNT; i++) {
        if (k->taken[i].n == 0)
            continue;
        struct nst_str word = nst_str_z(ocl_outcome_word((enum ocl_outcome)i));
        NST_TRY(nst_exec_with(NULL, k->db,
                              "INSERT INTO import_taken (task_id, step, outcome, lines) "
                              "VALUES ($1, $2, $3, $4)",
                              NST_INT(k->task->id), NST_INT(k->place->steps), NST_TEXT(word),
                              NST_TEXT(nst_buf_str(&k->taken[i]))));
    }
    return NST_OK;
}

static enum nst_err keep_refused(struct keeping *k, const struct ocl_line *line,
                                 const struct ocl_import_line *of)
{
    struct nst_str errors = line->detail.n > 0 ? line->detail : NST_STR("{}");
    struct nst_str content = ocl_import_content_put(k->task->arena, of->given);
    return nst_exec_with(NULL, k->db,
                         "INSERT INTO import_refused (task_id, at, line, outcome, errors, content) "
                         "VALUES ($1, $2, $3, $4, $5, $6)",
                         NST_INT(k->task->id), NST_INT(of->at), NST_INT(of->line),
                         NST_TEXT(nst_str_z(ocl_outcome_word(line->outcome))), NST_TEXT(errors),
                         NST_TEXT(content));
}

static enum nst_err put_off(struct keeping *k, const struct ocl_line *line,
                            const struct ocl_import_line *of)
{
    k->place->early_next += k->place->pass > 0;
    k->place->early += k->place->pass == 0;
    bool is_same = nst_str_eq(of->given, of->text);
    return nst_exec_with(
        NULL, k->db,
        "INSERT INTO import_early (task_id, pass, at, line, content, makes, awaits, given) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        NST_INT(k->task->id), NST_INT(k->place->pass + 1), NST_INT(of->at), NST_INT(of->line),
        NST_TEXT(of->text), NST_INT((int64_t)line->makes), NST_INT((int64_t)line->awaits),
        is_same ? NST_NULL : NST_TEXT(of->given));
}

/* Lines that wait for concepts of this batch have their turn next. */
static enum nst_err wake(struct keeping *k, const struct ocl_batch *batch)
{
    struct nst_sql q;
    size_t count = 0;
    int64_t woken = 0;
    if (k->place->pass > 0 || k->place->early == 0)
        return NST_OK;
    nst_sql_init(&q, k->task->arena);
    nst_sql_add(&q, "UPDATE import_early SET pass = 0 WHERE task_id = ");
    nst_sql_bind(&q, NST_INT(k->task->id));
    nst_sql_add(&q, " AND pass = 1 AND awaits");
    for (size_t i = 0; i < batch->count; i++)
        if (batch->line[i].makes != 0 && !ocl_outcome_is_error(batch->line[i].outcome))
            nst_sql_in(&q, &count, NST_INT((int64_t)batch->line[i].makes));
    nst_sql_in_end(&q, count);
    if (count > 0)
        NST_TRY(nst_sql_exec(&woken, k->db, &q));
    k->place->woken += woken;
    return NST_OK;
}

static enum nst_err keep_line(struct keeping *k, const struct ocl_line *line,
                              const struct ocl_import_line *of)
{
    if (line->is_early && k->place->is_last == 0)
        return put_off(k, line, of);
    k->place->count[line->outcome]++;
    if (ocl_outcome_is_error(line->outcome))
        return keep_refused(k, line, of);
    struct nst_buf *lines = &k->taken[line->outcome];
    k->place->got_on++;
    nst_put_z(lines, lines->n > 0 ? "," : "");
    nst_put_int(lines, of->line);
    return NST_OK;
}

enum nst_err ocl_import_keep(struct ocl_import_place *p, const struct nst_task *t,
                             struct nst_db *db, const struct ocl_batch *batch,
                             const struct ocl_import_line *of)
{
    struct keeping k = { .place = p, .task = t, .db = db };
    for (size_t i = 0; i < OCL_OUTCOME_COUNT; i++)
        nst_buf_init(&k.taken[i], t->arena, SIZE_MAX);
    for (size_t i = 0; i < batch->count; i++)
        NST_TRY(keep_line(&k, &batch->line[i], &of[i]));
    NST_TRY(wake(&k, batch));
    return keep_taken(&k);
}
