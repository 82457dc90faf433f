/* /admin/search/ (G164): where something is, for staff: whatever has all words of `q` in its id,
 * its external id, its e-mail address or its names, what is private, retired or deleted included.
 * It looks at the rows themselves, without an index; lists, which everybody may ask for, have their
 * filters. */
#include "ocl/app.h"
#include "ocl/content/content.h"

#define Q_MAX     200
#define WORDS_MAX 8
#define PIECE     200 /* rows of one statement */
#define SHOWN_MAX 100
#define SHOWN     25

/* How well a row fits, the best first. */
enum fit { FIT_ID, FIT_OTHER, FIT_NAME, FIT_BEGINNING, FIT_WORDS, FIT_NONE };

static const char *const fit_word[] = {
    [FIT_ID] = "id",       [FIT_OTHER] = "other",
    [FIT_NAME] = "name",   [FIT_BEGINNING] = "beginning",
    [FIT_WORDS] = "words",
};

struct hit {
    enum fit fit;
    struct nst_str text; /* what fits */
    struct nst_str type, id, name, url, access, state;
};

struct search {
    struct nst_req *rq;
    struct nst_arena *scratch; /* of one row */
    struct nst_str q;          /* the words, with a blank between two */
    struct nst_str word[WORDS_MAX];
    size_t words;
    struct hit hit[SHOWN_MAX]; /* the best first, among equals as they came */
    size_t count;
    int64_t limit, found;
};

/* ---- What is asked ---- */

static void refuse(struct nst_req *rq, const char *key, const char *why)
{
    nst_add_problem(rq, nst_str_z(key), nst_str_z(why), true);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cut at blanks of any kind. Returns how many words there are, of which s has WORDS_MAX. */
static size_t cut_words(struct search *s, struct nst_str q)
{
    struct nst_buf b;
    size_t count = 0;
    nst_buf_init(&b, s->rq->arena, q.n + 1);
    for (size_t i = 0; i < q.n; i++)
        nst_put_char(&b, is_blank(q.p[i]) ? ' ' : q.p[i]);
    for (struct nst_str rest = nst_buf_str(&b); rest.p != NULL;) {
        struct nst_str word = nst_str_cut(&rest, ' ');
        if (word.n > 0 && count++ < WORDS_MAX)
            s->word[s->words++] = word;
    }
    return count;
}

static void join_words(struct search *s, size_t size)
{
    struct nst_buf b;
    nst_buf_init(&b, s->rq->arena, size + 1);
    for (size_t i = 0; i < s->words; i++) {
        nst_put_z(&b, i > 0 ? " " : "");
        nst_put(&b, s->word[i]);
    }
    s->q = nst_buf_str(&b);
}

static void take_words(struct search *s)
{
    struct nst_str q = nst_query_value(s->rq, "q");
    if (q.p == NULL)
        refuse(s->rq, "q", "This field is required.");
    else if (nst_str_eq(q, NST_STR(NST_NO_TEXT)))
        refuse(s->rq, "q", "Invalid value.");
    else if (nst_utf8_length(q) > Q_MAX)
        refuse(s->rq, "q", "A text of at most " NST_DIGITS(Q_MAX) " characters.");
    else if (cut_words(s, q) > WORDS_MAX)
        refuse(s->rq, "q", "At most " NST_DIGITS(WORDS_MAX) " words.");
    else if (s->words == 0)
        refuse(s->rq, "q", "This field may not be blank.");
    else
        join_words(s, q.n);
}

static void take_limit(struct search *s)
{
    struct nst_str text = nst_query_value(s->rq, "limit");
    s->limit = SHOWN;
    if (text.p != NULL && (!nst_str_int(&s->limit, text) || s->limit < 1 || s->limit > SHOWN_MAX))
        refuse(s->rq, "limit", "A number from 1 to " NST_DIGITS(SHOWN_MAX) ".");
}

/* ---- Rows that may fit ---- */

/* A kind of things, by expressions of its rows. `more` has further names: of a concept the array
 * that it keeps, of others one. */
struct kind {
    const char *type, *code, *other, *label, *more, *owner_url, *source, *access, *state;
    const char *from;      /* with a WHERE */
    const char *repo, *id; /* what its rows are walked by; repo NULL: id alone */
};

#define STATE_OF(t) \
    "CASE WHEN NOT (r.is_active AND r.owner_is_active) THEN 'deleted' WHEN " t \
    ".retired THEN 'retired' ELSE 'active' END"

static const char concept_names[] = "c.names";

static const struct kind kinds[] = {
    { "User", "username", "email", "name", "''", "''", "''", "''",
      "CASE WHEN NOT is_active THEN 'deleted' WHEN NOT is_enabled THEN 'disabled' ELSE 'active' "
      "END",
      "account WHERE TRUE", NULL, "id" },
    { "Organization", "mnemonic", "''", "name", "''", "''", "''", "public_access",
      "CASE WHEN is_active THEN 'active' ELSE 'deleted' END", "org WHERE TRUE", NULL, "id" },
    { "Source", "mnemonic", "external_id", "name", "full_name", "owner_url", "''", "public_access",
      "CASE WHEN is_active AND owner_is_active THEN 'active' ELSE 'deleted' END",
      "repo WHERE kind = 'source'", NULL, "id" },
    { "Concept", "c.mnemonic", "c.external_id", "c.display_name", concept_names, "r.owner_url",
      "r.mnemonic", "r.public_access", STATE_OF("c"),
      "concept_version c JOIN repo r ON r.id = c.repo_id WHERE c.rev_to = " OCL_OPEN_SQL,
      "c.repo_id", "c.id" },
    { "Mapping", "m.mnemonic", "m.external_id", "m.to_concept_code", "m.from_concept_code",
      "r.owner_url", "r.mnemonic", "r.public_access", STATE_OF("m"),
      "mapping_version m JOIN repo r ON r.id = m.repo_id WHERE m.rev_to = " OCL_OPEN_SQL,
      "m.repo_id", "m.id" },
};

enum column {
    COLUMN_REPO,
    COLUMN_ID,
    COLUMN_CODE,
    COLUMN_OTHER,
    COLUMN_LABEL,
    COLUMN_MORE,
    COLUMN_OWNER_URL,
    COLUMN_SOURCE,
    COLUMN_ACCESS,
    COLUMN_STATE
};

/* Where a walk of a kind has come to: behind a row of a source, whose others come next, or behind
 * all of that source. Two conditions, since no index of SQLite serves a pair. */
struct place {
    int64_t repo, id;
    bool is_inside;
};

static void put_holds(struct nst_sql *q, const char *column, struct nst_str word)
{
    struct nst_buf b;
    nst_buf_init(&b, q->text.arena, 2 * word.n + 2);
    nst_put_char(&b, '%');
    nst_put_like(&b, word, '\0');
    nst_put_char(&b, '%');
    nst_sql_addf(q, "lower(%s) LIKE lower(", column);
    nst_sql_bind(q, NST_TEXT(nst_buf_str(&b)));
    nst_sql_add(q, ") ESCAPE '\\'");
}

/* Rows that have the word anywhere, in what stands beside names, too: those are judged again. */
static void put_word(struct nst_sql *q, const struct kind *kind, struct nst_str word)
{
    const char *const column[] = { kind->code, kind->other, kind->label };
    struct nst_buf json;
    nst_buf_init(&json, q->text.arena, 6 * word.n + 2);
    nst_json_put_str(&json, word);
    nst_sql_add(q, " AND (");
    for (size_t i = 0; i < NST_COUNT(column); i++) {
        put_holds(q, column[i], word);
        nst_sql_add(q, " OR ");
    }
    put_holds(q, kind->more, nst_str_slice(nst_buf_str(&json), 1, json.n - 1));
    nst_sql_add(q, ")");
}

static void put_behind(struct nst_sql *q, const struct kind *kind, const struct place *at)
{
    bool by_repo = kind->repo != NULL;
    if (by_repo) {
        nst_sql_addf(q, " AND %s %s ", kind->repo, at->is_inside ? "=" : ">");
        nst_sql_bind(q, NST_INT(at->repo));
    }
    if (!by_repo || at->is_inside) {
        nst_sql_addf(q, " AND %s > ", kind->id);
        nst_sql_bind(q, NST_INT(at->id));
    }
    nst_sql_addf(q, " ORDER BY %s%s%s LIMIT " NST_DIGITS(PIECE), by_repo ? kind->repo : "",
                 by_repo ? ", " : "", kind->id);
}

static enum nst_err query(struct nst_rows **rows, struct search *s, const struct kind *k,
                          const struct place *at)
{
    struct nst_sql q;
    nst_sql_init(&q, s->scratch);
    nst_sql_addf(&q, "SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM %s",
                 k->repo != NULL ? k->repo : "0", k->id, k->code, k->other, k->label, k->more,
                 k->owner_url, k->source, k->access, k->state, k->from);
    for (size_t i = 0; i < s->words; i++)
        put_word(&q, k, s->word[i]);
    put_behind(&q, k, at);
    return nst_sql_query(rows, s->rq->db, &q);
}

/* ---- How they fit ---- */

/* How many bytes of the text are those words, a blank for any blanks; 0: it does not begin so. */
static size_t prefix(struct nst_str text, struct nst_str words)
{
    size_t at = 0;
    for (size_t i = 0; i < words.n; i++) {
        size_t from = at;
        while (words.p[i] == ' ' && at < text.n && is_blank(text.p[at]))
            at++;
        if (words.p[i] != ' ' && at < text.n && nst_lower(text.p[at]) == nst_lower(words.p[i]))
            at++;
        if (at == from)
            return 0;
    }
    return at;
}

static bool holds(struct nst_str text, struct nst_str word)
{
    const char first = nst_lower(word.p[0]);
    for (size_t i = 0; i + word.n <= text.n; i++)
        if (nst_lower(text.p[i]) == first && prefix(nst_str_slice(text, i, text.n), word) > 0)
            return true;
    return false;
}

/* What was seen of a row: how its best text fits, and which words were in some text. */
struct judgement {
    const struct search *search;
    enum fit fit;
    struct nst_str text;
    bool has_word[WORDS_MAX];
};

static void judge(struct judgement *j, struct nst_str text, enum fit whole)
{
    const struct search *s = j->search;
    enum fit fit = FIT_NONE;
    for (size_t i = 0; i < s->words; i++) {
        if (!holds(text, s->word[i]))
            continue;
        j->has_word[i] = true;
        fit = FIT_WORDS;
    }
    size_t length = prefix(nst_str_trim(text), s->q);
    if (length > 0)
        fit = length == nst_str_trim(text).n ? whole : FIT_BEGINNING;
    if (fit < j->fit) {
        j->fit = fit;
        j->text = text;
    }
}

static void judge_names(struct judgement *j, struct nst_str names)
{
    struct nst_json *array = NULL;
    if (nst_json_read(&array, NULL, j->search->scratch, names, NULL) != NST_OK)
        return;
    for (const struct nst_json *v = array->first; v != NULL; v = v->next) {
        const struct nst_json *name = nst_json_get(v, NST_STR("name"));
        if (nst_json_is_text(name))
            judge(j, name->text, FIT_NAME);
    }
}

static enum fit judge_row(struct judgement *j, const struct kind *kind, struct nst_rows *row)
{
    struct nst_str more = nst_rows_text(row, COLUMN_MORE);
    judge(j, nst_rows_text(row, COLUMN_CODE), FIT_ID);
    judge(j, nst_rows_text(row, COLUMN_OTHER), FIT_OTHER);
    judge(j, nst_rows_text(row, COLUMN_LABEL), FIT_NAME);
    if (kind->more == concept_names)
        judge_names(j, more);
    else
        judge(j, more, FIT_NAME);
    for (size_t i = 0; i < j->search->words; i++)
        if (!j->has_word[i])
            return FIT_NONE;
    return j->fit;
}

/* ---- What is kept of them ---- */

static struct nst_str address_of(struct nst_arena *a, struct nst_str type, struct nst_rows *row)
{
    struct nst_str code = nst_rows_text(row, COLUMN_CODE);
    struct nst_str owner = nst_rows_text(row, COLUMN_OWNER_URL);
    struct nst_str source = ocl_source_url(a, owner, nst_rows_text(row, COLUMN_SOURCE));
    if (nst_str_eq(type, NST_STR("User")))
        return nst_strf(a, "/users/%.*s/", NST_FMT(code));
    if (nst_str_eq(type, NST_STR("Organization")))
        return nst_strf(a, "/orgs/%.*s/", NST_FMT(code));
    if (nst_str_eq(type, NST_STR("Source")))
        return ocl_source_url(a, owner, code);
    return nst_str_eq(type, NST_STR("Concept")) ? ocl_concept_url(a, source, code)
                                                : ocl_mapping_url(a, source, code);
}

static void keep(struct search *s, const struct judgement *j, struct nst_str type,
                 struct nst_rows *row)
{
    struct nst_arena *a = s->rq->arena;
    size_t at = s->count;
    while (at > 0 && j->fit < s->hit[at - 1].fit)
        at--;
    if (at == (size_t)s->limit)
        return;
    s->count += s->count < (size_t)s->limit;
    memmove(&s->hit[at + 1], &s->hit[at], (s->count - 1 - at) * sizeof(struct hit));
    s->hit[at] = (struct hit){ .fit = j->fit,
                               .text = nst_str_copy(a, j->text),
                               .type = type,
                               .id = nst_str_copy(a, nst_rows_text(row, COLUMN_CODE)),
                               .name = nst_str_copy(a, nst_rows_text(row, COLUMN_LABEL)),
                               .url = address_of(a, type, row),
                               .access = nst_str_copy(a, nst_rows_text(row, COLUMN_ACCESS)),
                               .state = nst_str_copy(a, nst_rows_text(row, COLUMN_STATE)) };
}

static void take_row(struct search *s, const struct kind *kind, struct nst_rows *row)
{
    struct judgement j = { .search = s, .fit = FIT_NONE };
    struct nst_mark mark = nst_arena_mark(s->scratch);
    if (judge_row(&j, kind, row) != FIT_NONE) {
        s->found++;
        keep(s, &j, nst_str_z(kind->type), row);
    }
    nst_arena_rewind(s->scratch, mark);
}

/* is_full: the statement had as many rows as it may have. */
static enum nst_err take_piece(bool *is_full, struct search *s, const struct kind *kind,
                               struct place *at)
{
    struct nst_rows *rows;
    int64_t count = 0;
    NST_TRY(query(&rows, s, kind, at));
    while (nst_rows_step(rows)) {
        count++;
        at->repo = nst_rows_int(rows, COLUMN_REPO);
        at->id = nst_rows_int(rows, COLUMN_ID);
        take_row(s, kind, rows);
    }
    *is_full = count == PIECE;
    return nst_rows_end(rows);
}

/* In pieces, since PostgreSQL hands over all rows of a statement at once. */
static enum nst_err find_kind(struct search *s, const struct kind *kind)
{
    struct place at = { 0 };
    bool is_full = false, was_inside = false;
    do {
        struct nst_mark mark = nst_arena_mark(s->scratch);
        was_inside = at.is_inside;
        NST_TRY(take_piece(&is_full, s, kind, &at));
        at.is_inside = kind->repo != NULL && is_full;
        nst_arena_rewind(s->scratch, mark);
    } while (is_full || was_inside);
    return NST_OK;
}

static enum nst_err find(struct search *s)
{
    enum nst_err e = NST_OK;
    s->scratch = nst_arena_new(65536);
    for (size_t i = 0; i < NST_COUNT(kinds) && e == NST_OK; i++)
        e = find_kind(s, &kinds[i]);
    nst_arena_free(s->scratch);
    return e;
}

/* ---- Answers ---- */

static void put_member(struct nst_buf *out, const char *name, struct nst_str text)
{
    nst_putf(out, ",\"%s\":", name);
    if (text.n > 0)
        nst_json_put_str(out, text);
    else
        nst_put_lit(out, "null");
}

static void put_json(struct nst_buf *out, const struct search *s)
{
    nst_putf(out, "{\"found\":%lld,\"results\":[", (long long)s->found);
    for (size_t i = 0; i < s->count; i++) {
        const struct hit *h = &s->hit[i];
        nst_putf(out, "%s{\"type\":\"%.*s\",\"id\":", i > 0 ? "," : "", NST_FMT(h->type));
        nst_json_put_str(out, h->id);
        put_member(out, "name", h->name);
        put_member(out, "url", h->url);
        put_member(out, "public_access", h->access);
        put_member(out, "state", h->state);
        put_member(out, "match", nst_str_z(fit_word[h->fit]));
        put_member(out, "text", h->text);
        nst_put_char(out, '}');
    }
    nst_put_lit(out, "]}");
}

/* Where something deleted was, another may be by now. */
static void put_id(struct nst_buf *out, const struct nst_face *face, const struct hit *h)
{
    bool is_there = !nst_str_eq(h->state, NST_STR("deleted"));
    if (is_there) {
        nst_put_lit(out, "<a href=\"");
        nst_put_html(out, nst_str_z(face->mount));
        nst_put_html(out, h->url);
        nst_put_lit(out, "\">");
    }
    nst_put_lit(out, "<code>");
    nst_put_html(out, h->id);
    nst_put_z(out, is_there ? "</code></a> " : "</code> ");
}

static void put_line(struct nst_buf *out, const struct nst_face *face, const struct hit *h)
{
    nst_put_lit(out, "<li>");
    put_id(out, face, h);
    nst_put_html(out, h->name);
    if (!nst_str_eq(h->text, h->name) && !nst_str_eq(h->text, h->id)) {
        nst_put_lit(out, " (");
        nst_put_html(out, h->text);
        nst_put_char(out, ')');
    }
    nst_putf(out, " <small>%.*s, %.*s", NST_FMT(h->type), NST_FMT(h->state));
    nst_put_z(out, h->access.n > 0 ? ", " : "");
    nst_put_html(out, h->access);
    nst_put_lit(out, "<br>");
    nst_put_html(out, h->url);
    nst_put_lit(out, "</small></li>\n");
}

static void put_form(struct nst_buf *out, struct nst_str q)
{
    nst_page_begin(out, NST_STR("Search"));
    nst_put_lit(
        out,
        "<form><input name=\"q\" aria-label=\"Words\" autofocus required maxlength=\"" NST_DIGITS(
            Q_MAX) "\" value=\"");
    nst_put_html(out, q);
    nst_put_lit(out, "\"> <button>Search</button></form>\n");
}

static void put_html(struct nst_buf *out, const struct search *s)
{
    put_form(out, s->q);
    nst_putf(out, "<p>%lld found for <code>", (long long)s->found);
    nst_put_html(out, s->q);
    nst_put_lit(out, "</code>");
    if (s->found > (int64_t)s->count)
        nst_putf(out, ", of which these are the likeliest %zu", s->count);
    nst_put_lit(out, ".</p>\n<ul>\n");
    for (size_t i = 0; i < s->count; i++)
        put_line(out, s->rq->face, &s->hit[i]);
    nst_put_lit(out, "</ul>\n");
}

static const char as_page[] = "page"; /* .arg */

static enum nst_err open_page(struct nst_req *rq)
{
    nst_no_store(rq);
    put_form(&rq->x->out, NST_STR(""));
    return nst_answer_page(rq);
}

static enum nst_err search(struct nst_req *rq)
{
    struct search *s = NST_NEW(rq->arena, struct search);
    s->rq = rq;
    if (rq->action->arg == as_page && rq->x->query.n == 0)
        return open_page(rq);
    nst_no_store(rq);
    take_words(s);
    take_limit(s);
    if (rq->problem != NULL)
        return NST_E_INVALID;
    NST_TRY(find(s));
    if (rq->action->arg == as_page) {
        put_html(&rq->x->out, s);
        return nst_answer_page(rq);
    }
    put_json(&rq->x->out, s);
    return nst_answer_json(rq, 200);
}

/* ---- Tables ---- */

#define STRING "{\"type\":\"string\"}"
#define MAYBE  "{\"type\":[\"string\",\"null\"]}"
#define RESULT \
    "{\"type\":\"object\",\"required\":[\"type\",\"id\",\"name\",\"url\",\"public_access\"," \
    "\"state\",\"match\",\"text\"],\"properties\":{\"type\":{\"type\":\"string\",\"enum\":[" \
    "\"User\",\"Organization\",\"Source\",\"Concept\",\"Mapping\"]},\"id\":" STRING \
    ",\"name\":" MAYBE ",\"url\":" STRING ",\"public_access\":" MAYBE ",\"state\":{" \
    "\"type\":\"string\",\"enum\":[\"active\",\"retired\",\"disabled\",\"deleted\"]}," \
    "\"match\":{\"type\":\"string\",\"enum\":[\"id\",\"other\",\"name\",\"beginning\"," \
    "\"words\"]},\"text\":" MAYBE "}}"
#define RESULTS \
    "{\"type\":\"object\",\"required\":[\"found\",\"results\"],\"properties\":{" \
    "\"found\":{\"type\":\"integer\",\"minimum\":0}," \
    "\"results\":{\"type\":\"array\",\"items\":" RESULT "}}}"

static const struct nst_parameter search_parameter[] = {
    { "q", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":" NST_DIGITS(Q_MAX) "}",
      "Words that all stand in the id, the external id, the e-mail address or the names." },
    { "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":" NST_DIGITS(SHOWN_MAX) "}",
      "How many of the best are shown; " NST_DIGITS(SHOWN) " when left out." },
    { 0 },
};
static const struct nst_response search_response[] = {
    { 200, "What fits, the best first.", { .schema = RESULTS } },
    { 400, "There are no words, or too many, or the limit is none.", { .schema = OCL_REASON } },
    { 0 },
};
static const struct nst_response page_response[] = {
    { 200, "A page.", { .media = "text/html", .schema = STRING } },
    { 400, "There are no words, or too many, or the limit is none.", { .schema = OCL_REASON } },
    { 0 },
};
static const struct nst_description searching = { .parameter = search_parameter,
                                                  .response = search_response };
static const struct nst_description paging = { .parameter = search_parameter,
                                               .response = page_response };

#define ROUTES(face) \
    { face, "/admin/search/", \
      .get = { search, ocl_staff_only, NST_SLOW | NST_LISTS, .describe = &searching }, \
      .doc = "Where something is: whatever has these words in its id or its names." }, \
    { \
        face, "/admin/search/page/", \
            .get = { search, ocl_staff_only, NST_SLOW | NST_LISTS | NST_PAGE, .arg = as_page, \
                     .describe = &paging }, \
            .doc = "The same as a page for people: a browser asks for name and token." \
    }

static const struct nst_route search_route[] = { ROUTES(V2), ROUTES(GUIDE) };

const struct nst_resource ocl_admin_search = {
    .name = "admin_search",
    NST_ROUTES(search_route),
    .doc = "Where something is, for administrators.",
};
