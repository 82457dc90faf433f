/* What differs between two releases: each row of an export as the line that would import it, by the
 * hash of that. So it does not matter what a row says that another store makes by itself. */
#include "subscription.h"

#include "ocl/content/content.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_ROWS  4096
#define LOOK_EVERY  256 /* lines between two looks whether the task is cut */
#define SCRATCH_MAX ((size_t)64 << 20)

/* ---- Lines at their address here ---- */

/* Members that are addresses, or lists of these. */
static const char *const addresses[] = { "parent_concept_urls", "from_concept_url",
                                         "from_source_url",     "to_concept_url",
                                         "to_source_url",       "hierarchy_root_url" };

static void move_text(struct nst_arena *a, struct nst_json *v, struct nst_str from,
                      struct nst_str here)
{
    if (v->kind == NST_JSON_STRING && nst_str_starts(v->text, from))
        v->text = nst_strf(a, "%.*s%.*s", NST_FMT(here),
                           NST_FMT(nst_str_slice(v->text, from.n, v->text.n)));
    for (struct nst_json *item = v->first; item != NULL; item = item->next)
        move_text(a, item, from, here);
}

static bool is_one_of(struct nst_str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (nst_str_eq(name, nst_str_z(names[i])))
            return true;
    return false;
}

void ocl_copy_line(struct nst_arena *a, struct nst_json *line, struct nst_str from,
                   struct nst_str here)
{
    static const char *const where[] = { "owner", "owner_type", "source" };
    struct nst_json **at = &line->first;
    while (*at != NULL) {
        bool goes = is_one_of((*at)->name, where, NST_COUNT(where));
        if (!goes && is_one_of((*at)->name, addresses, NST_COUNT(addresses)))
            move_text(a, *at, from, here);
        line->count -= goes;
        if (goes)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    *at = NST_NEW(a, struct nst_json);
    **at = (struct nst_json){ .kind = NST_JSON_STRING, .text = here, .name = NST_STR("source") };
    line->count++;
}

/* ---- What is here: an index of rows ---- */

struct row {
    uint64_t key, value; /* hashes: of what it is, of what it says */
    bool is_seen;
};

struct block {
    struct block *next;
    size_t count;
    struct row row[BLOCK_ROWS];
};

struct comparison {
    struct nst_task *task;
    const struct ocl_subscription *s;
    struct ocl_changes *out;
    struct nst_arena *home, *scratch;
    struct nst_str from, here; /* the address of the source in its exports, that of the copy */
    struct block *first;
    struct row *rows;
    size_t count;
    bool is_cut;
    struct nst_str why; /* null: nothing went wrong */
};

static uint64_t hash(struct nst_str type, struct nst_str text)
{
    unsigned char h[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;
    uint64_t out;
    crypto_generichash_init(&state, NULL, 0, sizeof(h));
    crypto_generichash_update(&state, (const unsigned char *)type.p, type.n + 1);
    crypto_generichash_update(&state, (const unsigned char *)text.p, text.n);
    crypto_generichash_final(&state, h, sizeof(h));
    memcpy(&out, h, sizeof(out));
    return out;
}

static void add(struct comparison *c, uint64_t key, uint64_t value)
{
    if (c->first == NULL || c->first->count == BLOCK_ROWS) {
        struct block *block = NST_NEW(c->home, struct block);
        block->next = c->first;
        block->count = 0;
        c->first = block;
    }
    c->first->row[c->first->count++] = (struct row){ key, value, false };
    c->count++;
}

static int compare(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    return a->key < b->key ? -1 : a->key > b->key;
}

static void sort(struct comparison *c)
{
    size_t n = 0;
    c->rows = NST_NEW_ARRAY(c->home, struct row, c->count + 1);
    for (const struct block *b = c->first; b != NULL; b = b->next) {
        memcpy(c->rows + n, b->row, b->count * sizeof(struct row));
        n += b->count;
    }
    qsort(c->rows, c->count, sizeof(struct row), compare);
}

static struct row *find(struct comparison *c, uint64_t key)
{
    const struct row wanted = { .key = key };
    return bsearch(&wanted, c->rows, c->count, sizeof(struct row), compare);
}

/* ---- Reading ---- */

/* The kinds of rows, and which file their lines go to: what leaves first makes room for what comes
 * in its place; concepts stay until nothing leads to them any more. */
enum { MAPPINGS_LEAVE, CONCEPTS_COME, CONCEPTS_LEAVE, MAPPINGS_COME };

static const struct kind {
    struct nst_str type;
    const char *table;
    int comes, leaves;
} kinds[] = {
    { NST_STR_INIT("Concept"), "concept_version", CONCEPTS_COME, CONCEPTS_LEAVE },
    { NST_STR_INIT("Mapping"), "mapping_version", MAPPINGS_COME, MAPPINGS_LEAVE },
};

static const struct kind *kind_of(const struct nst_json *line)
{
    const struct nst_json *type = nst_json_get(line, NST_STR("type"));
    for (size_t i = 0; i < NST_COUNT(kinds); i++)
        if (type != NULL && nst_str_eq(type->text, kinds[i].type))
            return &kinds[i];
    return NULL;
}

typedef void take_line(struct comparison *c, const struct kind *kind, struct nst_str id,
                       const struct ocl_line_text *line);

static bool take_next(struct comparison *c, struct ocl_lines *lines, take_line *take)
{
    struct ocl_line_text line;
    nst_arena_reset(c->scratch);
    if (!ocl_lines_next(&line, lines, c->scratch))
        return false;
    if (line.tree == NULL) {
        c->why = nst_strf(c->task->arena, "The export that came cannot be used: %.*s",
                          NST_FMT(line.fault));
        return false;
    }
    const struct kind *kind = kind_of(line.tree);
    const struct nst_json *id = nst_json_get(line.tree, NST_STR("id"));
    if (kind != NULL && id != NULL)
        take(c, kind, id->text, &line);
    return c->why.p == NULL;
}

static void each_line(struct comparison *c, struct ocl_lines *lines, take_line *take)
{
    ocl_lines_rewind(lines);
    for (int64_t n = 0; !c->is_cut && take_next(c, lines, take); n++)
        c->is_cut = n % LOOK_EVERY == 0 && nst_task_is_cut(c->task);
    if (ocl_lines_failure(lines) != 0)
        c->why = NST_STR("The export that came cannot be read.");
}

/* What is here by the store, where there is no export of it: of what it says nothing is known. */
struct present {
    struct comparison *c;
    void (*take)(struct comparison *c, const struct kind *kind, struct nst_str id);
};

static enum nst_err each_of(struct nst_db *db, const struct present *p, const struct kind *kind)
{
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, p->c->scratch);
    nst_sql_addf(&q, "SELECT mnemonic FROM %s WHERE repo_id = ", kind->table);
    nst_sql_bind(&q, NST_INT(p->c->s->repo));
    nst_sql_add(&q, " AND rev_to = " OCL_OPEN_SQL);
    NST_TRY(nst_sql_query(&rows, db, &q));
    while (nst_rows_step(rows))
        p->take(p->c, kind, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

static enum nst_err read_present(struct nst_db *db, void *arg)
{
    const struct present *p = arg;
    nst_arena_reset(p->c->scratch);
    for (size_t i = 0; i < NST_COUNT(kinds); i++)
        NST_TRY(each_of(db, p, &kinds[i]));
    return NST_OK;
}

static void each_present(struct comparison *c,
                         void (*take)(struct comparison *c, const struct kind *kind,
                                      struct nst_str id))
{
    struct present p = { c, take };
    if (nst_store_run(c->task->store, NST_MODE_READ, read_present, &p) != NST_OK)
        c->why = NST_STR("The copy cannot be read.");
}

/* ---- Comparing ---- */

static void index_line(struct comparison *c, const struct kind *kind, struct nst_str id,
                       const struct ocl_line_text *line)
{
    add(c, hash(kind->type, id), hash(kind->type, line->text));
}

static void index_present(struct comparison *c, const struct kind *kind, struct nst_str id)
{
    add(c, hash(kind->type, id), 0);
}

static void end_line(struct comparison *c, int file, struct nst_buf *line)
{
    nst_put_char(line, '\n');
    if (line->is_full || fwrite(line->p, 1, line->n, c->out->file[file]) != line->n)
        c->why = NST_STR("There is no room for what changes.");
    c->out->count++;
}

static void compare_line(struct comparison *c, const struct kind *kind, struct nst_str id,
                         const struct ocl_line_text *line)
{
    struct row *row = find(c, hash(kind->type, id));
    bool is_same = row != NULL && row->value == hash(kind->type, line->text);
    if (row != NULL)
        row->is_seen = true;
    if (is_same)
        return;
    struct nst_buf b;
    nst_buf_init(&b, c->scratch, SCRATCH_MAX);
    ocl_copy_line(c->scratch, line->tree, c->from, c->here);
    nst_json_put(&b, line->tree);
    end_line(c, kind->comes, &b);
}

static void take_leave(struct comparison *c, const struct kind *kind, struct nst_str id)
{
    const struct row *row = find(c, hash(kind->type, id));
    struct nst_buf b;
    if (row == NULL || row->is_seen)
        return;
    nst_buf_init(&b, c->scratch, SCRATCH_MAX);
    nst_putf(&b, "{\"type\":\"%.*s\",\"__action\":\"DELETE\",\"id\":", NST_FMT(kind->type));
    nst_json_put_str(&b, id);
    nst_put_lit(&b, ",\"source\":");
    nst_json_put_str(&b, c->here);
    nst_put_char(&b, '}');
    end_line(c, kind->leaves, &b);
}

static void leave_line(struct comparison *c, const struct kind *kind, struct nst_str id,
                       const struct ocl_line_text *line)
{
    (void)line;
    take_leave(c, kind, id);
}

/* ---- Both files ---- */

static struct ocl_lines *open_lines(struct comparison *c, int fd)
{
    struct ocl_lines *lines;
    struct nst_str why;
    if (ocl_lines_open(&lines, &why, c->task->arena, fd, nst_str_to_z(c->home, c->task->folder)))
        return lines;
    c->why =
        nst_strf(c->task->arena, "What came is no export that can be used: it %.*s.", NST_FMT(why));
    return NULL;
}

static bool open_files(struct comparison *c)
{
    const char *folder = nst_str_to_z(c->home, c->task->folder);
    for (size_t i = 0; i < OCL_CHANGE_FILES; i++) {
        int fd = ocl_lines_scratch(folder);
        c->out->file[i] = fd >= 0 ? fdopen(fd, "w+") : NULL;
        if (fd >= 0 && c->out->file[i] == NULL)
            close(fd);
        if (c->out->file[i] == NULL)
            c->why = NST_STR("There is no room for what changes.");
    }
    return c->why.p == NULL;
}

/* Written behind their end, they are read from their beginning. */
static void read_files(struct comparison *c)
{
    for (size_t i = 0; i < OCL_CHANGE_FILES && c->why.p == NULL; i++) {
        FILE *file = c->out->file[i];
        if (fflush(file) != 0)
            c->why = NST_STR("There is no room for what changes.");
        else if (ftell(file) > 0)
            c->out->lines[i] = open_lines(c, fileno(file));
    }
}

static void compare_all(struct comparison *c, struct ocl_lines *older, struct ocl_lines *newer)
{
    if (older != NULL)
        each_line(c, older, index_line);
    else
        each_present(c, index_present);
    sort(c);
    if (!c->is_cut && c->why.p == NULL)
        each_line(c, newer, compare_line);
    if (c->is_cut || c->why.p != NULL)
        return;
    if (older != NULL)
        each_line(c, older, leave_line);
    else
        each_present(c, take_leave);
}

static void run(struct comparison *c, int older, int newer)
{
    struct ocl_lines *new_lines = open_lines(c, newer);
    struct ocl_lines *old_lines = new_lines != NULL && older >= 0 ? open_lines(c, older) : NULL;
    if (c->why.p == NULL && open_files(c))
        compare_all(c, old_lines, new_lines);
    if (c->why.p == NULL && !c->is_cut)
        read_files(c);
    ocl_lines_close(old_lines);
    ocl_lines_close(new_lines);
}

bool ocl_changes_open(struct ocl_changes *out, struct nst_str *why, struct nst_task *t,
                      const struct ocl_comparing *what)
{
    struct nst_arena *home = nst_arena_new(65536);
    struct comparison c = { .task = t,
                            .s = what->s,
                            .out = out,
                            .home = home,
                            .scratch = nst_arena_new((size_t)1 << 20),
                            .from = what->from };
    *out = (struct ocl_changes){ 0 };
    c.here = ocl_subscription_url(home, what->s);
    run(&c, what->older, what->newer);
    *why = c.why;
    bool good = c.why.p == NULL && !c.is_cut;
    nst_arena_free(c.scratch);
    nst_arena_free(home);
    if (!good)
        ocl_changes_close(out);
    return good;
}

void ocl_changes_close(struct ocl_changes *c)
{
    for (size_t i = 0; i < OCL_CHANGE_FILES; i++) {
        ocl_lines_close(c->lines[i]);
        if (c->file[i] != NULL)
            fclose(c->file[i]);
    }
    *c = (struct ocl_changes){ 0 };
}
