/* Filters on the keys of a free JSON object: `extras.KEY`, `extras.exact.KEY` and
 * `extras.exists`; with a joint of its own a filter has `name__KEY` alone. */
#include "select.h"

#define EXACT  "exact."
#define EXISTS "exists"

/* The key that comes first. */
static struct nst_str cut_key(const struct nst_filtering *f, struct nst_str *path)
{
    struct nst_str whole = *path;
    if (f->row.joint == NULL)
        return nst_str_cut(path, '.');
    *path = (struct nst_str){ 0 };
    return whole;
}

/* The document, and the keys that lead into it. */
static bool read_keys(struct nst_json_place *place, struct nst_filtering *f, struct nst_str path)
{
    struct nst_sql column;
    struct nst_filtering there = *f;
    nst_sql_init(&column, f->rq->arena);
    there.q = &column;
    nst_filter_put_column(&there);
    *place = (struct nst_json_place){ .document = nst_buf_str(&column.text) };
    while (path.p != NULL) {
        struct nst_str key = cut_key(f, &path);
        bool is_odd = nst_str_find(key, '"') < key.n || nst_str_find(key, '\\') < key.n;
        if (key.n == 0 || is_odd || place->count == NST_JSON_KEYS_MAX)
            return false;
        place->key[place->count++] = key;
    }
    return true;
}

/* All of the keys are there. */
static void put_exists(struct nst_filtering *f)
{
    for (size_t i = 0; i < f->count; i++) {
        struct nst_json_place place;
        f->is_wrong |= f->is_pattern[i] || !read_keys(&place, f, f->word[i]);
        if (f->is_wrong)
            return;
        nst_sql_add(f->q, i > 0 ? " AND " : "");
        nst_sql_json_has(f->q, f->rq->db, &place);
    }
}

static void put_exact(struct nst_filtering *f, const struct nst_json_place *place)
{
    size_t count = 0;
    nst_sql_json_text(f->q, f->rq->db, place);
    for (size_t i = 0; i < f->count; i++)
        nst_sql_in(f->q, &count, NST_TEXT(f->word[i]));
    nst_sql_in_end(f->q, count);
}

/* The words are compared with a text that is named once: its keys are bound. */
static void put_like(struct nst_filtering *f, const struct nst_json_place *place)
{
    struct nst_filtering there = *f;
    there.row.column = "e.v";
    nst_sql_add(f->q, "EXISTS (SELECT 1 FROM (SELECT ");
    nst_sql_json_text(f->q, f->rq->db, place);
    nst_sql_add(f->q, " AS v) e WHERE ");
    nst_filter_put_texts(&there);
    nst_sql_add(f->q, ")");
}

void nst_filter_put_only(struct nst_filtering *f)
{
    struct nst_str rest = nst_str_z(f->row.only);
    struct nst_buf json;
    nst_buf_init(&json, f->rq->arena, f->key.n * 6 + 2);
    nst_json_put_str(&json, f->key);
    nst_sql_add(f->q, " AND ");
    nst_sql_add_str(f->q, nst_str_cut(&rest, '?'));
    nst_sql_bind(f->q, NST_TEXT(nst_buf_str(&json)));
    nst_sql_add_str(f->q, rest);
}

void nst_filter_put_key(struct nst_filtering *f)
{
    struct nst_json_place place;
    bool is_plain = f->row.joint != NULL;
    bool is_exact = !is_plain && nst_str_starts(f->key, NST_STR(EXACT));
    if (!is_plain && nst_str_eq(f->key, NST_STR(EXISTS)))
        put_exists(f);
    else if (!read_keys(&place, f,
                        nst_str_slice(f->key, is_exact ? sizeof(EXACT) - 1 : 0, f->key.n)))
        f->is_wrong = true;
    else if (is_exact)
        put_exact(f, &place);
    else
        put_like(f, &place);
}
