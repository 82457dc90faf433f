/* The grammar of GraphQL documents (October 2021, section 2), as far as they are executed. A fault
 * ends the text: whoever reads on finds its end, so that only the first one is told. */
#include "reader.h"

#include "nestor/json.h"

enum token { END, PUNCTUATOR, NAME, NUMBER, STRING };

struct reader {
    struct nst_arena *arena;
    struct nst_str text;
    size_t at;         /* behind the present token */
    enum token token;  /* the present one */
    size_t begin;      /* where it begins */
    struct nst_str as; /* as written; of a string what it says */
    unsigned depth;
    bool is_constant; /* values stand where no variable may */
    size_t tokens;
    struct ocl_graphql_fault *fault;
};

/* ---- Faults ---- */

static void fail_at(struct reader *r, size_t at, struct nst_str message)
{
    if (r->fault->message.p == NULL)
        *r->fault = (struct ocl_graphql_fault){ .message = message, .at = at };
    r->token = END;
    r->at = r->begin = r->text.n;
}

static bool has_failed(const struct reader *r)
{
    return r->fault->message.p != NULL;
}

/* The present token, as messages name it. */
static struct nst_str describe(const struct reader *r)
{
    static const char *const word[] = { "", "", "Name ", "Number ", "String " };
    if (r->token == END)
        return NST_STR("<EOF>");
    struct nst_str shown = r->as.n > 40 ? nst_str_slice(r->as, 0, 40) : r->as;
    while (!nst_utf8_valid(shown))
        shown.n--;
    return nst_strf(r->arena, "%s'%.*s'", word[r->token], NST_FMT(shown));
}

static void fail_unexpected(struct reader *r)
{
    fail_at(r, r->begin,
            nst_strf(r->arena, "Syntax Error: Unexpected %.*s.", NST_FMT(describe(r))));
}

static void fail_expected(struct reader *r, const char *what)
{
    fail_at(r, r->begin,
            nst_strf(r->arena, "Syntax Error: Expected %s, found %.*s.", what,
                     NST_FMT(describe(r))));
}

/* ---- Tokens ---- */

static char peek(const struct reader *r, size_t ahead)
{
    return r->at + ahead < r->text.n ? r->text.p[r->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_name(char c)
{
    return c == '_' || (nst_lower(c) >= 'a' && nst_lower(c) <= 'z');
}

static void skip_blanks(struct reader *r)
{
    for (;; r->at++) {
        if (nst_str_starts(nst_str_slice(r->text, r->at, r->text.n), NST_STR("\xEF\xBB\xBF")))
            r->at += 2;
        else if (peek(r, 0) == '#')
            while (r->at + 1 < r->text.n && peek(r, 1) != '\n' && peek(r, 1) != '\r')
                r->at++;
        else if (r->at >= r->text.n || peek(r, 0) == '\0' || strchr(" \t\r\n,", peek(r, 0)) == NULL)
            return;
    }
}

static void take_digits(struct reader *r)
{
    if (!is_digit(peek(r, 0)))
        fail_at(r, r->at, NST_STR("Syntax Error: Invalid number."));
    while (is_digit(peek(r, 0)))
        r->at++;
}

static void take_number(struct reader *r)
{
    r->token = NUMBER;
    r->at += peek(r, 0) == '-';
    bool is_zero = peek(r, 0) == '0';
    if (is_zero)
        r->at++;
    else
        take_digits(r);
    if (peek(r, 0) == '.') {
        r->at++;
        take_digits(r);
    }
    if (nst_lower(peek(r, 0)) == 'e') {
        r->at += peek(r, 1) == '+' || peek(r, 1) == '-' ? 2 : 1;
        take_digits(r);
    }
    if (is_digit(peek(r, 0)) || peek(r, 0) == '.' || begins_name(peek(r, 0)))
        fail_at(r, r->at, NST_STR("Syntax Error: Invalid number."));
}

/* A string in one line is one of JSON. */
static void take_string(struct reader *r)
{
    struct nst_json *v;
    r->at++;
    while (r->at < r->text.n && peek(r, 0) != '"' && peek(r, 0) != '\n' && peek(r, 0) != '\r')
        r->at += peek(r, 0) == '\\' ? 2 : 1;
    if (peek(r, 0) != '"') {
        fail_at(r, r->begin, NST_STR("Syntax Error: Unterminated string."));
        return;
    }
    r->at++;
    r->token = STRING;
    if (nst_json_read(&v, NULL, r->arena, nst_str_slice(r->text, r->begin, r->at), NULL) !=
            NST_OK ||
        v->has_surrogate)
        fail_at(r, r->begin, NST_STR("Syntax Error: Invalid string."));
    else
        r->as = v->text;
}

/* ---- Strings of several lines ---- */

static struct nst_str cut_line(struct nst_str *rest)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
        n++;
    struct nst_str line = nst_str_slice(*rest, 0, n);
    bool is_pair = n + 1 < rest->n && rest->p[n] == '\r' && rest->p[n + 1] == '\n';
    *rest =
        n < rest->n ? nst_str_slice(*rest, n + (is_pair ? 2 : 1), rest->n) : (struct nst_str){ 0 };
    return line;
}

static size_t indent_of(struct nst_str line)
{
    size_t n = 0;
    while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
        n++;
    return n;
}

/* What all lines but the first have before them; empty ones do not count. */
static size_t common_indent(struct nst_str text)
{
    size_t least = SIZE_MAX;
    cut_line(&text);
    while (text.p != NULL) {
        struct nst_str line = cut_line(&text);
        size_t n = indent_of(line);
        least = n < line.n && n < least ? n : least;
    }
    return least == SIZE_MAX ? 0 : least;
}

static void put_unescaped(struct nst_buf *out, struct nst_str line)
{
    const struct nst_str escaped = NST_STR("\\\"\"\"");
    for (size_t i = 0; i < line.n; i++) {
        bool is_escape = nst_str_starts(nst_str_slice(line, i, line.n), escaped);
        i += is_escape;
        nst_put(out, nst_str_slice(line, i, i + (is_escape ? 3 : 1)));
        i += is_escape ? 2 : 0;
    }
}

/* Without the indentation that lines share and without the empty ones around them. */
static struct nst_str unwrap(struct nst_arena *a, struct nst_str text)
{
    struct nst_buf out;
    size_t indent = common_indent(text), end = 0;
    bool is_first = true, has_any = false;
    nst_buf_init(&out, a, text.n + 1);
    while (text.p != NULL) {
        struct nst_str line = cut_line(&text);
        bool is_blank = indent_of(line) == line.n;
        nst_put_z(&out, has_any ? "\n" : "");
        if (!is_first)
            line = nst_str_slice(line, indent < line.n ? indent : line.n, line.n);
        if (has_any || !is_blank)
            put_unescaped(&out, line);
        has_any = has_any || !is_blank;
        end = is_blank ? end : out.n;
        is_first = false;
    }
    return nst_str_slice(nst_buf_str(&out), 0, end);
}

static void take_block(struct reader *r)
{
    size_t begin = r->at += 3;
    while (r->at < r->text.n && !(peek(r, 0) == '"' && peek(r, 1) == '"' && peek(r, 2) == '"'))
        r->at += peek(r, 0) == '\\' && peek(r, 1) == '"' && peek(r, 2) == '"' && peek(r, 3) == '"'
                     ? 4
                     : 1;
    if (r->at >= r->text.n) {
        fail_at(r, r->begin, NST_STR("Syntax Error: Unterminated string."));
        return;
    }
    r->token = STRING;
    r->as = unwrap(r->arena, nst_str_slice(r->text, begin, r->at));
    r->at += 3;
}

static void take_punctuator(struct reader *r)
{
    bool is_dots = peek(r, 0) == '.' && peek(r, 1) == '.' && peek(r, 2) == '.';
    r->token = PUNCTUATOR;
    if (is_dots || (peek(r, 0) != '\0' && strchr("!$&()=:@[]{|}", peek(r, 0)) != NULL))
        r->at += is_dots ? 3 : 1;
    else
        fail_at(r, r->at, NST_STR("Syntax Error: Unexpected character."));
}

/* Go on to the next token. */
static void next(struct reader *r)
{
    skip_blanks(r);
    r->begin = r->at;
    r->as = (struct nst_str){ 0 };
    char c = peek(r, 0);
    if (r->at >= r->text.n) {
        r->token = END;
    } else if (++r->tokens > OCL_GRAPHQL_TOKENS) {
        fail_at(r, r->at,
                NST_STR("Syntax Error: Document contains more than " NST_DIGITS(
                    OCL_GRAPHQL_TOKENS) " tokens. Parsing aborted."));
    } else if (begins_name(c)) {
        r->token = NAME;
        while (begins_name(peek(r, 0)) || is_digit(peek(r, 0)))
            r->at++;
    } else if (c == '-' || is_digit(c)) {
        take_number(r);
    } else if (c == '"') {
        (peek(r, 1) == '"' && peek(r, 2) == '"' ? take_block : take_string)(r);
    } else {
        take_punctuator(r);
    }
    if (r->as.p == NULL)
        r->as = nst_str_slice(r->text, r->begin, r->at);
}

/* ---- Pieces ---- */

static bool sees(const struct reader *r, const char *punctuator)
{
    return r->token == PUNCTUATOR && nst_str_eq(r->as, nst_str_z(punctuator));
}

static bool sees_word(const struct reader *r, const char *word)
{
    return r->token == NAME && nst_str_eq(r->as, nst_str_z(word));
}

static bool skip(struct reader *r, const char *punctuator)
{
    bool is_there = sees(r, punctuator);
    if (is_there)
        next(r);
    return is_there;
}

static void expect(struct reader *r, const char *punctuator)
{
    if (!skip(r, punctuator))
        fail_expected(r, nst_str_to_z(r->arena, nst_strf(r->arena, "'%s'", punctuator)));
}

static struct nst_str take_name(struct reader *r)
{
    struct nst_str name = r->as;
    if (r->token == NAME)
        next(r);
    else
        fail_expected(r, "Name");
    return name;
}

static void enter(struct reader *r)
{
    if (++r->depth > OCL_GRAPHQL_DEPTH)
        fail_at(r, r->begin,
                NST_STR("Syntax Error: More than " NST_DIGITS(
                    OCL_GRAPHQL_DEPTH) " levels inside of one another."));
}

/* ---- Values ---- */

static struct ocl_graphql_value *read_value(struct reader *r);

/* Members of an object, or arguments, up to the sign that closes them. */
static struct ocl_graphql_value *read_named(struct reader *r, const char *close)
{
    struct ocl_graphql_value *first = NULL, **tail = &first;
    while (!has_failed(r) && (first == NULL || !sees(r, close))) {
        size_t at = r->begin;
        struct nst_str name = take_name(r);
        expect(r, ":");
        *tail = read_value(r);
        (*tail)->name = name;
        (*tail)->at = at;
        tail = &(*tail)->next;
    }
    expect(r, close);
    return first;
}

static void read_list(struct reader *r, struct ocl_graphql_value *v)
{
    struct ocl_graphql_value **tail = &v->first;
    v->kind = OCL_GRAPHQL_LIST;
    while (!has_failed(r) && !skip(r, "]")) {
        *tail = read_value(r);
        tail = &(*tail)->next;
    }
}

static void read_word(struct reader *r, struct ocl_graphql_value *v)
{
    bool is_bool = sees_word(r, "true") || sees_word(r, "false");
    v->kind = is_bool                ? OCL_GRAPHQL_BOOL
              : sees_word(r, "null") ? OCL_GRAPHQL_NULL
                                     : OCL_GRAPHQL_ENUM;
    v->text = take_name(r);
}

static struct ocl_graphql_value *read_value(struct reader *r)
{
    struct ocl_graphql_value *v = NST_NEW(r->arena, struct ocl_graphql_value);
    v->at = r->begin;
    v->text = r->as;
    enter(r);
    if (r->token == NUMBER || r->token == STRING) {
        v->kind = r->token == NUMBER ? OCL_GRAPHQL_NUMBER : OCL_GRAPHQL_STRING;
        next(r);
    } else if (r->token == NAME) {
        read_word(r, v);
    } else if (!r->is_constant && skip(r, "$")) {
        v->kind = OCL_GRAPHQL_VARIABLE;
        v->text = take_name(r);
    } else if (skip(r, "[")) {
        read_list(r, v);
    } else if (skip(r, "{")) {
        v->kind = OCL_GRAPHQL_OBJECT;
        v->first = skip(r, "}") ? NULL : read_named(r, "}");
    } else {
        fail_unexpected(r);
    }
    r->depth--;
    return v;
}

static struct ocl_graphql_directive *read_directives(struct reader *r)
{
    struct ocl_graphql_directive *first = NULL, **tail = &first;
    while (sees(r, "@")) {
        struct ocl_graphql_directive *d = *tail = NST_NEW(r->arena, struct ocl_graphql_directive);
        d->at = r->begin;
        next(r);
        d->name = take_name(r);
        d->argument = skip(r, "(") ? read_named(r, ")") : NULL;
        tail = &d->next;
    }
    return first;
}

/* ---- Selections ---- */

static struct ocl_graphql_selection *read_selections(struct reader *r);

static void read_field(struct reader *r, struct ocl_graphql_selection *s)
{
    s->key = s->name = take_name(r);
    if (skip(r, ":"))
        s->name = take_name(r);
    size_t begin = r->begin;
    s->argument = skip(r, "(") ? read_named(r, ")") : NULL;
    s->arguments = nst_str_trim(nst_str_slice(r->text, begin, r->begin));
    s->directive = read_directives(r);
    s->first = sees(r, "{") ? read_selections(r) : NULL;
}

static void read_spread(struct reader *r, struct ocl_graphql_selection *s)
{
    if (r->token == NAME && !sees_word(r, "on")) {
        s->selects = OCL_GRAPHQL_SPREAD;
        s->name = take_name(r);
        s->directive = read_directives(r);
        return;
    }
    s->selects = OCL_GRAPHQL_INLINE;
    if (sees_word(r, "on")) {
        next(r);
        s->name = take_name(r);
    }
    s->directive = read_directives(r);
    s->first = read_selections(r);
}

static struct ocl_graphql_selection *read_selections(struct reader *r)
{
    struct ocl_graphql_selection *first = NULL, **tail = &first;
    enter(r);
    expect(r, "{");
    while (!has_failed(r) && (first == NULL || !sees(r, "}"))) {
        struct ocl_graphql_selection *s = *tail = NST_NEW(r->arena, struct ocl_graphql_selection);
        s->at = r->begin;
        (skip(r, "...") ? read_spread : read_field)(r, s);
        tail = &s->next;
    }
    expect(r, "}");
    r->depth--;
    return first;
}

/* ---- Definitions ---- */

static void skip_type(struct reader *r)
{
    enter(r);
    if (skip(r, "[")) {
        skip_type(r);
        expect(r, "]");
    } else {
        take_name(r);
    }
    skip(r, "!");
    r->depth--;
}

static struct ocl_graphql_variable *read_variables(struct reader *r)
{
    struct ocl_graphql_variable *first = NULL, **tail = &first;
    while (!has_failed(r) && (first == NULL || !sees(r, ")"))) {
        struct ocl_graphql_variable *v = *tail = NST_NEW(r->arena, struct ocl_graphql_variable);
        v->at = r->begin;
        expect(r, "$");
        v->name = take_name(r);
        expect(r, ":");
        size_t begin = r->begin;
        skip_type(r);
        v->type = nst_str_trim(nst_str_slice(r->text, begin, r->begin));
        r->is_constant = true;
        v->fallback = skip(r, "=") ? read_value(r) : NULL;
        read_directives(r);
        r->is_constant = false;
        tail = &v->next;
    }
    expect(r, ")");
    return first;
}

static void read_fragment(struct reader *r, struct ocl_graphql_definition *d)
{
    if (sees_word(r, "on"))
        fail_unexpected(r);
    d->name = take_name(r);
    if (!sees_word(r, "on"))
        fail_expected(r, "'on'");
    next(r);
    d->on = take_name(r);
}

static struct ocl_graphql_definition *read_definition(struct reader *r)
{
    struct ocl_graphql_definition *d = NST_NEW(r->arena, struct ocl_graphql_definition);
    d->at = r->begin;
    d->word = NST_STR("query");
    if (!sees(r, "{")) {
        if (!sees_word(r, "query") && !sees_word(r, "mutation") && !sees_word(r, "subscription") &&
            !sees_word(r, "fragment"))
            fail_unexpected(r);
        d->word = take_name(r);
        if (nst_str_eq(d->word, NST_STR("fragment")))
            read_fragment(r, d);
        else if (r->token == NAME)
            d->name = take_name(r);
        d->variable = d->on.p == NULL && skip(r, "(") ? read_variables(r) : NULL;
        read_directives(r);
    }
    d->first = read_selections(r);
    return d;
}

bool ocl_graphql_read(struct ocl_graphql_definition **out, struct ocl_graphql_fault *fault,
                      struct nst_arena *a, struct nst_str text)
{
    struct reader r = { .arena = a, .text = text, .fault = fault };
    struct ocl_graphql_definition **tail = out;
    *fault = (struct ocl_graphql_fault){ 0 };
    *out = NULL;
    next(&r);
    do {
        *tail = read_definition(&r);
        tail = &(*tail)->next;
    } while (!has_failed(&r) && r.token != END);
    return !has_failed(&r);
}

struct ocl_graphql_place ocl_graphql_place(struct nst_str text, size_t at)
{
    struct ocl_graphql_place place = { 1, 1 };
    struct nst_str before = nst_str_slice(text, 0, at);
    for (;;) {
        struct nst_str line = cut_line(&before);
        place.column = nst_utf8_length(line) + 1;
        if (before.p == NULL)
            return place;
        place.line++;
    }
}
