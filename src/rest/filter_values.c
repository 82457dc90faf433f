/* Filters whose values are looked up before the rows: those of a column with few are read by
 * steps through the index that begins with it, and judged here; those that stand in another table
 * are found there. The rows are found by what fits: no pattern, exclusion or set is a walk through
 * all rows, and the planner sees the values themselves. */
#include "select.h"

/* What a statement can bind on both engines. */
#define VALUES_MAX 30000

/* `*` stands for any text, where the grammar has it; without case. */
static bool fits(struct nst_str text, struct nst_str word, char some)
{
    size_t t = 0, w = 0, star = word.n, behind = 0;
    bool has_star = false;
    while (t < text.n) {
        if (some != 0 && w < word.n && word.p[w] == some) {
            has_star = true;
            star = w++;
            behind = t;
        } else if (w < word.n && nst_lower(word.p[w]) == nst_lower(text.p[t])) {
            w++;
            t++;
        } else if (has_star) {
            w = star + 1;
            t = ++behind;
        } else {
            return false;
        }
    }
    while (some != 0 && w < word.n && word.p[w] == some)
        w++;
    return w == word.n;
}

static bool is_one(const struct nst_filtering *f, struct nst_str text)
{
    for (size_t i = 0; i < f->count; i++)
        if (fits(text, f->word[i], f->is_pattern[i] ? f->grammar->some : '\0'))
            return true;
    return false;
}

/* One of the texts of the set that are of this filter. */
static bool holds_one(const struct nst_filtering *f, struct nst_str set)
{
    struct nst_str begins = nst_str_z(f->row.begins != NULL ? f->row.begins : "");
    while (set.p != NULL) {
        struct nst_str text = nst_str_cut(&set, f->row.mark);
        if (nst_str_starts(text, begins) && is_one(f, nst_str_slice(text, begins.n, text.n)))
            return true;
    }
    return false;
}

static bool is_wanted(const struct nst_filtering *f, struct nst_str value)
{
    bool is_in = f->row.how == NST_HOLDS ? holds_one(f, value) : is_one(f, value);
    return is_in != f->is_not;
}

static void put_indexed(const struct nst_filtering *f, struct nst_sql *q)
{
    struct nst_filtering there = *f;
    there.q = q;
    nst_sql_add(q, f->row.how == NST_HOLDS ? "" : "lower(");
    nst_filter_put_column(&there);
    nst_sql_add(q, f->row.how == NST_HOLDS ? "" : ")");
}

/* The different values, each found behind the one before it. */
static void put_values(const struct nst_filtering *f, struct nst_sql *q)
{
    nst_sql_add(q, "WITH RECURSIVE d(v) AS (SELECT '' UNION ALL SELECT (SELECT ");
    put_indexed(f, q);
    nst_sql_addf(q, " FROM %s WHERE ", f->slot->resource->table);
    put_indexed(f, q);
    nst_sql_add(q, " > d.v ORDER BY ");
    put_indexed(f, q);
    nst_sql_add(q, " LIMIT 1) FROM d WHERE d.v IS NOT NULL) SELECT v FROM d WHERE v IS NOT NULL");
}

/* Append " IN (...)" with the values that a statement finds.
 *   are_too_many  set when a statement cannot take them
 *   judge         whether it is one of them; NULL: all are */
static enum nst_err put_found(bool *are_too_many, struct nst_filtering *f,
                              const struct nst_sql *which,
                              bool (*judge)(const struct nst_filtering *f, struct nst_str value))
{
    struct nst_rows *rows;
    size_t count = 0;
    NST_TRY(nst_sql_query(&rows, f->rq->db, which));
    while (count < VALUES_MAX && nst_rows_step(rows)) {
        struct nst_value v = nst_rows_value(rows, 0);
        if (judge != NULL && !judge(f, v.text))
            continue;
        v.text = nst_str_copy(f->rq->arena, v.text);
        nst_sql_in(f->q, &count, v);
    }
    nst_sql_in_end(f->q, count);
    *are_too_many = count == VALUES_MAX;
    return nst_rows_end(rows);
}

static enum nst_err refuse_many(const struct nst_filtering *f)
{
    return nst_fail(f->rq, NST_E_INVALID, f->row.name,
                    NST_STR("Too many different values fit: ask for fewer."));
}

static bool is_ascii(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* The database folds what it keeps: letters beyond ASCII as it does itself, so that a pattern
 * finds what the word alone finds. */
static enum nst_err fold_words(struct nst_filtering *f)
{
    for (size_t i = 0; i < f->count; i++) {
        struct nst_rows *rows;
        if (is_ascii(f->word[i]))
            continue;
        NST_TRY(nst_query_with(&rows, f->rq->db, "SELECT lower(CAST($1 AS text))",
                               NST_TEXT(f->word[i])));
        if (nst_rows_step(rows))
            f->word[i] = nst_str_copy(f->rq->arena, nst_rows_text(rows, 0));
        NST_TRY(nst_rows_end(rows));
    }
    return NST_OK;
}

/* One text of the set, between two marks: `*` may stand for anything. */
static void put_member(struct nst_filtering *f, struct nst_str word, bool is_pattern)
{
    struct nst_buf b;
    nst_buf_init(&b, f->rq->arena, word.n * 2 + 64);
    nst_putf(&b, "%%%c%s", f->row.mark, f->row.begins != NULL ? f->row.begins : "");
    for (size_t i = 0; i < word.n; i++) {
        const char c = nst_lower(word.p[i]);
        nst_put_like(&b, (struct nst_str){ &c, 1 }, is_pattern ? f->grammar->some : '\0');
    }
    nst_putf(&b, "%c%%", f->row.mark);
    nst_filter_put_column(f);
    nst_sql_add(f->q, " LIKE ");
    nst_sql_bind(f->q, NST_TEXT(nst_buf_str(&b)));
    nst_sql_add(f->q, " ESCAPE '\\'");
}

/* Of more values than a statement takes the rows are judged one by one: slower, but what some
 * write does not end the filter of others. */
static void put_on_rows(struct nst_filtering *f)
{
    nst_sql_add(f->q, f->is_not ? " AND ((" : " AND (");
    for (size_t i = 0; f->row.how == NST_HOLDS && i < f->count; i++) {
        nst_sql_add(f->q, i > 0 ? " OR " : "");
        put_member(f, f->word[i], f->is_pattern[i]);
    }
    if (f->row.how != NST_HOLDS)
        nst_filter_put_condition(f);
    nst_sql_add(f->q, f->is_not ? ") IS NOT TRUE)" : ")");
}

enum nst_err nst_filter_put_few(struct nst_filtering *f)
{
    struct nst_sql values;
    size_t length = f->q->text.n;
    unsigned bound = f->q->count;
    bool are_too_many;
    if (f->row.how != NST_HOLDS)
        NST_TRY(fold_words(f));
    nst_sql_init(&values, f->rq->arena);
    put_values(f, &values);
    nst_sql_add(f->q, " AND ");
    put_indexed(f, f->q);
    NST_TRY(put_found(&are_too_many, f, &values, is_wanted));
    if (are_too_many) {
        f->q->text.n = length;
        f->q->count = bound;
        put_on_rows(f);
    }
    return NST_OK;
}

enum nst_err nst_filter_put_among(struct nst_filtering *f)
{
    struct nst_sql which;
    struct nst_filtering there = *f;
    bool are_too_many;
    struct nst_str rest = nst_str_z(f->row.among);
    nst_sql_init(&which, f->rq->arena);
    there.q = &which;
    there.row.column = f->row.other;
    nst_sql_add_str(&which, nst_str_cut(&rest, '?'));
    nst_filter_put_condition(&there);
    nst_sql_add_str(&which, rest);
    f->is_wrong |= there.is_wrong;
    nst_filter_put_column(f);
    NST_TRY(put_found(&are_too_many, f, &which, NULL));
    return are_too_many ? refuse_many(f) : NST_OK;
}
