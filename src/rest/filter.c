/* Filters of a list, with the signs of the face's grammar: `a,b` is or, `!a` not, `a*` a
 * pattern, all without case. A parameter that is given twice is the same as one with a comma,
 * in either spelling; a value in double quotes is literal, `""` in it one quote. */
#include "select.h"

/* Alternatives that share one parenthesis: SQLite bounds the depth of an expression. */
#define PATTERNS_TOGETHER 50

/* ---- What a list can be asked for ---- */

static void compile_filter(struct nst_model *m, const struct nst_filter *row)
{
    struct nst_str name = nst_str_z(row->name);
    int field = nst_field_index(m->resource, name);
    struct nst_filter_slot *slot = &m->filter[m->filters++];
    slot->row = *row;
    slot->resource = m->resource;
    slot->field = field >= 0 ? &m->resource->field[field] : NULL;
    if (row->type == NULL)
        slot->row.type = field >= 0 ? slot->field->type : &nst_text;
    slot->snake = name;
    slot->camel = nst_camel(m->registry->arena, name);
}

void nst_filters_compile(struct nst_model *m)
{
    const struct nst_resource *r = m->resource;
    size_t count = r->fields;
    for (const struct nst_filter *row = r->filter; row != NULL && row->name != NULL; row++)
        count++;
    m->filter = NST_NEW_ARRAY(m->registry->arena, struct nst_filter_slot, count + 1);
    for (size_t i = 0; i < r->fields; i++) {
        const struct nst_field *f = &r->field[i];
        if ((f->flags & NST_FILTER) != 0)
            compile_filter(m, &(const struct nst_filter){ .name = f->name, .doc = f->doc });
    }
    for (const struct nst_filter *row = r->filter; row != NULL && row->name != NULL; row++)
        compile_filter(m, row);
}

static struct nst_str joint_of(const struct nst_filter_slot *f)
{
    return nst_str_z(f->row.joint != NULL ? f->row.joint : ".");
}

bool nst_is_key_of(const struct nst_filter_slot *f, struct nst_str name)
{
    return nst_str_starts(name, f->snake) && name.n > f->snake.n &&
           nst_str_starts(nst_str_slice(name, f->snake.n, name.n), joint_of(f));
}

bool nst_is_filter(const struct nst_model *m, struct nst_str name)
{
    for (const struct nst_filter_slot *f = m->filter; f < m->filter + m->filters; f++)
        if (f->row.how == NST_KEYS ? nst_is_key_of(f, name) : nst_is_alike(f->snake, name))
            return true;
    return false;
}

/* ---- Words ---- */

static void add_word(struct nst_filtering *f, struct nst_str word, bool is_literal)
{
    if (f->count == f->room) {
        size_t room = f->room * 2 + 8;
        struct nst_str *words = NST_NEW_ARRAY(f->rq->arena, struct nst_str, room);
        bool *patterns = NST_NEW_ARRAY(f->rq->arena, bool, room);
        for (size_t i = 0; i < f->count; i++) {
            words[i] = f->word[i];
            patterns[i] = f->is_pattern[i];
        }
        f->word = words;
        f->is_pattern = patterns;
        f->room = room;
    }
    char some = f->grammar->some;
    f->is_pattern[f->count] = !is_literal && some != 0 && nst_str_find(word, some) < word.n;
    f->word[f->count++] = word;
}

/* A sign that the grammar does not have, 0, is in no text of a query. */
static bool begins_with(struct nst_str text, char sign)
{
    return text.n > 0 && text.p[0] == sign;
}

/* `"A, B"` up to its closing quote; false where none closes before a comma or the end:
 * then the quotes are text. */
static bool cut_quoted(struct nst_str *word, struct nst_str *rest, const struct nst_filtering *f)
{
    const char quote = f->grammar->literal;
    struct nst_buf b;
    size_t i = 1;
    nst_buf_init(&b, f->rq->arena, rest->n);
    for (; i < rest->n && (rest->p[i] != quote || (i + 1 < rest->n && rest->p[i + 1] == quote));
         i++) {
        nst_put_char(&b, rest->p[i]);
        i += rest->p[i] == quote;
    }
    struct nst_str after = nst_str_trim(nst_str_slice(*rest, i + 1, rest->n));
    if (i >= rest->n || (after.n > 0 && after.p[0] != f->grammar->either))
        return false;
    *word = nst_buf_str(&b);
    nst_str_cut(&after, f->grammar->either);
    *rest = after;
    return true;
}

static void add_words(struct nst_filtering *f, struct nst_str rest)
{
    rest = nst_str_trim(rest);
    if (f->count == 0 && begins_with(rest, f->grammar->neither)) {
        f->is_not = true;
        rest = nst_str_slice(rest, 1, rest.n);
    }
    if (f->row.how == NST_SINCE) { /* a date of HTTP has a comma */
        add_word(f, nst_str_trim(rest), true);
        return;
    }
    while (rest.p != NULL) {
        struct nst_str word;
        while (begins_with(rest, ' '))
            rest = nst_str_slice(rest, 1, rest.n);
        if (begins_with(rest, f->grammar->literal) && cut_quoted(&word, &rest, f))
            add_word(f, word, true);
        else
            add_word(f, nst_str_trim(nst_str_cut(&rest, f->grammar->either)), false);
    }
}

static const struct nst_filter_slot *slot_named(const struct nst_model *m, struct nst_str name)
{
    for (const struct nst_filter_slot *f = m->filter; f < m->filter + m->filters; f++)
        if (f->row.how == NST_KEYS ? nst_is_key_of(f, name)
                                   : nst_str_eq(f->snake, name) || nst_str_eq(f->camel, name))
            return f;
    return NULL;
}

/* The filter that is to have what such a parameter says: one that is given twice is one. */
static struct nst_filtering *filtering_of(struct nst_filtering **at, struct nst_req *rq,
                                          const struct nst_filter_slot *slot, struct nst_str name)
{
    bool has_key = slot->row.how == NST_KEYS;
    size_t begin = slot->snake.n + joint_of(slot).n;
    struct nst_str key = has_key ? nst_str_slice(name, begin, name.n) : NST_STR("");
    while (*at != NULL && ((*at)->slot != slot || !nst_str_eq((*at)->key, key)))
        at = &(*at)->next;
    if (*at == NULL) {
        *at = NST_NEW(rq->arena, struct nst_filtering);
        **at = (struct nst_filtering){
            .rq = rq, .grammar = nst_lists_of(rq->face), .slot = slot, .row = slot->row, .key = key
        };
    }
    return *at;
}

struct nst_filtering *nst_filters_read(struct nst_req *rq, const struct nst_model *m)
{
    struct nst_filtering *first = NULL;
    for (const struct nst_query_pair *p = rq->query; p < rq->query + rq->queries; p++) {
        const struct nst_filter_slot *slot = p->value.n > 0 ? slot_named(m, p->name) : NULL;
        if (slot == NULL)
            continue;
        struct nst_filtering *f = filtering_of(&first, rq, slot, p->name);
        f->name = p->name;
        f->is_wrong |= nst_str_eq(p->value, NST_STR(NST_NO_TEXT));
        add_words(f, p->value);
    }
    return first;
}

/* ---- Conditions ---- */

void nst_put_like(struct nst_buf *out, struct nst_str text, char some)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c != some && (c == '%' || c == '_' || c == '\\'))
            nst_put_char(out, '\\');
        nst_put_char(out, c == some ? '%' : c);
    }
}

static struct nst_str like_pattern(const struct nst_filtering *f, struct nst_str word)
{
    struct nst_buf b;
    nst_buf_init(&b, f->rq->arena, word.n * 2 + 1);
    nst_put_like(&b, word, f->grammar->some);
    return nst_buf_str(&b);
}

void nst_filter_put_column(const struct nst_filtering *f)
{
    if (f->row.column != NULL)
        nst_sql_add(f->q, f->row.column);
    else
        nst_column_put(&f->q->text, f->slot->resource, f->slot->field);
}

static void put_column(const struct nst_filtering *f, const char *before, const char *after)
{
    nst_sql_add(f->q, before);
    nst_filter_put_column(f);
    nst_sql_add(f->q, after);
}

/* Returns what comes before further alternatives. */
static const char *put_words(struct nst_filtering *f)
{
    bool is_first = true;
    for (size_t i = 0; i < f->count; i++) {
        if (f->is_pattern[i])
            continue;
        if (is_first)
            put_column(f, "lower(", ") IN (lower(");
        else
            nst_sql_add(f->q, ", lower(");
        nst_sql_bind(f->q, NST_TEXT(f->word[i]));
        nst_sql_add(f->q, ")");
        is_first = false;
    }
    nst_sql_add(f->q, is_first ? "" : ")");
    return is_first ? "" : " OR ";
}

static void put_patterns(struct nst_filtering *f, const char *between)
{
    unsigned together = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (!f->is_pattern[i])
            continue;
        nst_sql_add(f->q, between);
        nst_sql_add(f->q, together == 0 ? "(" : "");
        put_column(f, "lower(", ") LIKE lower(");
        nst_sql_bind(f->q, NST_TEXT(like_pattern(f, f->word[i])));
        nst_sql_add(f->q, ") ESCAPE '\\'");
        between = " OR ";
        if (++together == PATTERNS_TOGETHER) {
            nst_sql_add(f->q, ")");
            together = 0;
        }
    }
    nst_sql_add(f->q, together > 0 ? ")" : "");
}

void nst_filter_put_texts(struct nst_filtering *f)
{
    put_patterns(f, put_words(f));
}

/* True or false by name: an index over the rows of one kind serves no bound value. */
static void put_truth(struct nst_filtering *f)
{
    for (size_t i = 0; i < f->count; i++) {
        bool flag = false;
        f->is_wrong |= !nst_query_flag(&flag, f->word[i]);
        put_column(f, i > 0 ? " OR " : "", flag ? "" : " IS FALSE");
    }
}

/* Numbers and times compare as such, on every engine. */
static void put_numbers(struct nst_filtering *f)
{
    size_t count = 0;
    put_column(f, "", "");
    for (size_t i = 0; i < f->count; i++) {
        const struct nst_json v = { .kind = NST_JSON_STRING, .text = f->word[i] };
        int64_t number = 0;
        f->is_wrong |= !f->row.type->parse(f->rq, f->slot->field, &v, &number);
        nst_sql_in(f->q, &count, NST_INT(number));
    }
    nst_sql_in_end(f->q, count);
}

/* Given twice, every one counts. */
static void put_since(struct nst_filtering *f)
{
    for (size_t i = 0; i < f->count; i++) {
        int64_t time = 0;
        f->is_wrong |= !nst_time_parse_query(&time, f->word[i]);
        put_column(f, i > 0 ? " AND " : "", " >= ");
        nst_sql_bind(f->q, NST_INT(time));
    }
    f->is_wrong |= f->is_not;
}

void nst_filter_put_condition(struct nst_filtering *f)
{
    if (f->row.how == NST_SINCE)
        put_since(f);
    else if (f->row.type->rep == NST_REP_STR)
        nst_filter_put_texts(f);
    else if (f->row.type->rep == NST_REP_BOOL)
        put_truth(f);
    else
        put_numbers(f);
}

/* Sets, patterns and exclusions are judged on the values that there are. */
static bool is_judged(const struct nst_filtering *f)
{
    bool is_judged = f->row.how == NST_HOLDS || f->is_not;
    for (size_t i = 0; i < f->count; i++)
        is_judged |= f->is_pattern[i];
    return f->row.few && is_judged;
}

static void put_other_column(struct nst_filtering *f)
{
    nst_sql_add(f->q, " OR ");
    f->row.column = f->row.or_column;
    nst_filter_put_condition(f);
}

static enum nst_err put_filter(struct nst_filtering *f)
{
    if (is_judged(f))
        return nst_filter_put_few(f);
    if (f->row.only != NULL)
        nst_filter_put_only(f);
    nst_sql_add(f->q, f->is_not ? " AND ((" : " AND (");
    if (f->row.how == NST_KEYS)
        nst_filter_put_key(f);
    else if (f->row.among != NULL)
        NST_TRY(nst_filter_put_among(f));
    else
        nst_filter_put_condition(f);
    if (f->row.or_column != NULL)
        put_other_column(f);
    nst_sql_add(f->q, f->is_not ? ") IS NOT TRUE)" : ")");
    return NST_OK;
}

/* ---- For hooks ---- */

static struct nst_filtering read_asked(struct nst_sql *q, struct nst_req *rq, const char *name)
{
    struct nst_filtering f = { .q = q, .rq = rq, .grammar = nst_lists_of(rq->face) };
    for (const struct nst_query_pair *p = rq->query; p < rq->query + rq->queries; p++) {
        if (p->value.n == 0 || !nst_str_eq(p->name, nst_str_z(name)))
            continue;
        f.is_wrong |= nst_str_eq(p->value, NST_STR(NST_NO_TEXT));
        add_words(&f, p->value);
    }
    return f;
}

enum nst_asks nst_asks(struct nst_req *rq, const char *name)
{
    const struct nst_filtering f = read_asked(NULL, rq, name);
    if (f.is_wrong)
        nst_add_problem(rq, nst_str_z(name), nst_str_z(nst_texts_of(rq->face)->invalid), true);
    if (f.count == 0)
        return NST_ASKS_NOTHING;
    return f.is_not ? NST_ASKS_AGAINST : NST_ASKS_FOR;
}

void nst_put_asked(struct nst_sql *q, struct nst_req *rq, const char *name, const char *column)
{
    struct nst_filtering f = read_asked(q, rq, name);
    f.row.column = column;
    nst_sql_add(q, " AND (");
    nst_filter_put_texts(&f);
    nst_sql_add(q, ")");
}

/* ---- All of them ---- */

enum nst_err nst_filters_put(struct nst_sql *q, struct nst_req *rq, struct nst_filtering *first)
{
    for (struct nst_filtering *f = first; f != NULL; f = f->next) {
        f->q = q;
        NST_TRY(put_filter(f));
        if (f->is_wrong)
            nst_add_problem(rq, f->name, nst_str_z(nst_texts_of(rq->face)->invalid), true);
    }
    return rq->problem != NULL ? NST_E_INVALID : NST_OK;
}
