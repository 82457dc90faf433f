/* Filters of a list, with the signs of the face's grammar: `a,b` is or, `!a` not, `a*` a
 * pattern, all without case. A parameter that is given twice is the same as one with a comma,
 * in either spelling; a value in double quotes is literal, `""` in it one quote. */
#include "model.h"

/* Alternatives that share one parenthesis: SQLite bounds the depth of an expression. */
#define PATTERNS_TOGETHER 50

/* One filter on its way into a statement. */
struct filter {
    struct nst_sql *q;
    struct nst_req *rq;
    const struct nst_list_grammar *grammar;
    const struct nst_resource *resource;
    const struct nst_field *field;
    struct nst_str name; /* as the client spells it */
    struct nst_str *word;
    bool *is_pattern;
    size_t count, room;
    bool is_not, is_wrong;
};

static void add_word(struct filter *f, struct nst_str word, bool is_literal)
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
static bool cut_quoted(struct nst_str *word, struct nst_str *rest, const struct filter *f)
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

static void add_words(struct filter *f, struct nst_str rest)
{
    rest = nst_str_trim(rest);
    if (f->count == 0 && begins_with(rest, f->grammar->neither)) {
        f->is_not = true;
        rest = nst_str_slice(rest, 1, rest.n);
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

/* Every value of the parameter, in the order in which they stand. */
static void read_values(struct filter *f)
{
    struct nst_str snake = nst_str_z(f->field->name), camel = nst_camel(f->rq->arena, snake);
    for (size_t i = 0; i < f->rq->query_count; i++) {
        const struct nst_query_pair *p = &f->rq->query[i];
        if (p->value.n == 0 || (!nst_str_eq(p->name, snake) && !nst_str_eq(p->name, camel)))
            continue;
        f->name = p->name;
        f->is_wrong |= nst_str_eq(p->value, NST_STR(NST_NO_TEXT));
        add_words(f, p->value);
    }
}

/* ---- Conditions ---- */

/* The LIKE pattern of a word with `*`; `\` escapes what LIKE would read. */
static struct nst_str like_pattern(const struct filter *f, struct nst_str word)
{
    struct nst_buf b;
    nst_buf_init(&b, f->rq->arena, word.n * 2 + 1);
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        if (c != f->grammar->some && (c == '%' || c == '_' || c == '\\'))
            nst_put_char(&b, '\\');
        nst_put_char(&b, c == f->grammar->some ? '%' : c);
    }
    return nst_buf_str(&b);
}

static void put_column(const struct filter *f, const char *before, const char *after)
{
    nst_sql_add(f->q, before);
    nst_column_put(&f->q->text, f->resource, f->field);
    nst_sql_add(f->q, after);
}

/* Returns what comes before further alternatives. */
static const char *put_texts(struct filter *f)
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

static void put_patterns(struct filter *f, const char *between)
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

/* Numbers, booleans and times compare as such, on every engine. */
static struct nst_value typed(struct filter *f, struct nst_str word)
{
    const struct nst_json v = { .kind = NST_JSON_STRING, .text = word };
    int64_t number = 0;
    bool flag = false;
    if (f->field->rep == NST_REP_BOOL) {
        f->is_wrong |= !nst_query_flag(&flag, word);
        return NST_BOOL(flag);
    }
    f->is_wrong |= !f->field->type->parse(f->rq, f->field, &v, &number);
    return NST_INT(number);
}

static void put_filter(struct filter *f)
{
    size_t count = 0;
    nst_sql_add(f->q, f->is_not ? " AND ((" : " AND (");
    if (f->field->rep == NST_REP_STR) {
        put_patterns(f, put_texts(f));
    } else {
        put_column(f, "", "");
        for (size_t i = 0; i < f->count; i++)
            nst_sql_in(f->q, &count, typed(f, f->word[i]));
        nst_sql_in_end(f->q, count);
    }
    nst_sql_add(f->q, f->is_not ? ") IS NOT TRUE)" : ")");
}

enum nst_err nst_add_filters(struct nst_sql *q, bool *filtered, struct nst_req *rq,
                             const struct nst_resource *r)
{
    for (size_t i = 0; rq->x->query.n > 0 && i < r->field_count; i++) {
        struct filter f = { .q = q,
                            .rq = rq,
                            .grammar = nst_lists_of(rq->face),
                            .resource = r,
                            .field = &r->field[i] };
        if ((f.field->flags & NST_FILTER) == 0)
            continue;
        read_values(&f);
        if (f.count == 0)
            continue;
        put_filter(&f);
        *filtered = true;
        if (f.is_wrong)
            nst_add_problem(rq, f.name, nst_str_z(nst_texts_of(rq->face)->invalid), true);
    }
    return rq->problem != NULL ? NST_E_INVALID : NST_OK;
}
