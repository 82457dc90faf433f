/* /admin/search/ (G164): where something is, for staff: whatever has all words of `q` in its id,
 * its external id, its e-mail address or its names, what is private, retired or deleted included.
 * It looks at the rows themselves, without an index; lists, which everybody may ask for, have their
 * filters. */
#include "ocl/app.h"
#include "ocl/content/content.h"

#define Q_MAX      200
#define WORDS_MAX  8
#define ROWS_MAX   2000 /* looked at, the likeliest first */
#define SHOWN_MAX  100
#define SHOWN      25
#define NO_ADDRESS ((struct nst_str){ 0 })

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
    struct nst_str q, word[WORDS_MAX];
    size_t words;
    struct hit hit[SHOWN_MAX]; /* the best first, among equals as they came */
    size_t count;
    int64_t limit, found, rows;
};

/* ---- What is asked ---- */

static enum nst_err refuse(struct nst_req *rq, const char *key, const char *why)
{
    return nst_fail(rq, NST_E_INVALID, key, nst_str_z(why));
}

static enum nst_err take_words(struct search *s)
{
    struct nst_str q = nst_query_value(s->rq, "q");
    if (q.p == NULL)
        return refuse(s->rq, "q", "This field is required.");
    s->q = nst_str_trim(q);
    if (nst_utf8_is_blank(s->q))
        return refuse(s->rq, "q", "This field may not be blank.");
    if (nst_str_eq(q, NST_STR(NST_NO_TEXT)) || s->q.n > Q_MAX)
        return refuse(s->rq, "q", "A text of at most " NST_DIGITS(Q_MAX) " bytes.");
    for (struct nst_str rest = s->q; rest.p != NULL;) {
        struct nst_str word = nst_str_cut(&rest, ' ');
        if (word.n > 0 && s->words == WORDS_MAX)
            return refuse(s->rq, "q", "At most " NST_DIGITS(WORDS_MAX) " words.");
        if (word.n > 0)
            s->word[s->words++] = word;
    }
    return NST_OK;
}

static enum nst_err take_limit(struct search *s)
{
    struct nst_str text = nst_query_value(s->rq, "limit");
    s->limit = SHOWN;
    if (text.p != NULL && (!nst_str_int(&s->limit, text) || s->limit < 1 || s->limit > SHOWN_MAX))
        return refuse(s->rq, "limit", "A number from 1 to " NST_DIGITS(SHOWN_MAX) ".");
    return NST_OK;
}

/* ---- Rows that may fit ---- */

enum column { TYPE, CODE, OTHER, LABEL, MORE, OWNER_URL, SOURCE, ACCESS, STATE };

#define DELETED(is_there) "CASE WHEN NOT (" is_there ") THEN 'deleted' "
#define OPEN              "9223372036854775807"

/* `more` has the other names: of a concept the array that it keeps, of a source one. */
static const char every_thing[] =
    "SELECT 'User' AS type, username AS code, email AS other, name AS label, '' AS more, '' AS "
    "owner_url, '' AS source, '' AS access, " DELETED(
        "is_active") "WHEN NOT is_enabled THEN 'disabled' ELSE 'active' END AS state FROM "
                     "account "
                     "UNION ALL SELECT 'Organization', mnemonic, '', name, '', '', '', "
                     "public_access, " DELETED(
                         "is_active") "ELSE 'active' END FROM org "
                                      "UNION ALL SELECT 'Source', mnemonic, external_id, name, "
                                      "full_name, owner_url, '', "
                                      "public_access, " DELETED(
                                          "is_active AND owner_is_active") "ELSE 'active' END "
                                                                           "FROM repo "
                                                                           "WHERE kind = "
                                                                           "'source' "
                                                                           "UNION ALL SELECT "
                                                                           "'Concept', "
                                                                           "c.mnemonic, "
                                                                           "c.external_id, "
                                                                           "c.display_name, "
                                                                           "c.names, "
                                                                           "r.owner_url, "
                                                                           "r.mnemonic, "
                                                                           "r.public_access,"
                                                                           " " DELETED(
                                                                               "r.is_active "
                                                                               "AND "
                                                                               "r.owner_is_"
                                                                               "active") "WHEN "
                                                                                         "c."
                                                                                         "retir"
                                                                                         "ed "
                                                                                         "THEN "
                                                                                         "'reti"
                                                                                         "red' "
                                                                                         "ELSE "
                                                                                         "'acti"
                                                                                         "ve' "
                                                                                         "END "
                                                                                         "FROM "
                                                                                         "conce"
                                                                                         "pt_"
                                                                                         "versi"
                                                                                         "on c "
                                                                                         "JOIN "
                                                                                         "repo "
                                                                                         "r ON "
                                                                                         "r.id "
                                                                                         "= "
                                                                                         "c."
                                                                                         "repo_"
                                                                                         "id "
                                                                                         "WHERE"
                                                                                         " c."
                                                                                         "rev_"
                                                                                         "to "
                                                                                         "="
                                                                                         " " OPEN
                                                                                         " "
                                                                                         "UNION"
                                                                                         " ALL "
                                                                                         "SELEC"
                                                                                         "T "
                                                                                         "'Mapp"
                                                                                         "ing',"
                                                                                         " m."
                                                                                         "mnemo"
                                                                                         "nic, "
                                                                                         "m."
                                                                                         "exter"
                                                                                         "nal_"
                                                                                         "id, "
                                                                                         "m.to_"
                                                                                         "conce"
                                                                                         "pt_"
                                                                                         "code,"
                                                                                         " m."
                                                                                         "from_"
                                                                                         "conce"
                                                                                         "pt_"
                                                                                         "code,"
                                                                                         " "
                                                                                         "r."
                                                                                         "owner"
                                                                                         "_url,"
                                                                                         " r."
                                                                                         "mnemo"
                                                                                         "nic, "
                                                                                         "r."
                                                                                         "publi"
                                                                                         "c_"
                                                                                         "acces"
                                                                                         "s,"
                                                                                         " " DELETED(
                                                                                             "r"
                                                                                             "."
                                                                                             "i"
                                                                                             "s"
                                                                                             "_"
                                                                                             "a"
                                                                                             "c"
                                                                                             "t"
                                                                                             "i"
                                                                                             "v"
                                                                                             "e"
                                                                                             " "
                                                                                             "A"
                                                                                             "N"
                                                                                             "D"
                                                                                             " "
                                                                                             "r"
                                                                                             "."
                                                                                             "o"
                                                                                             "w"
                                                                                             "n"
                                                                                             "e"
                                                                                             "r"
                                                                                             "_"
                                                                                             "i"
                                                                                             "s"
                                                                                             "_"
                                                                                             "a"
                                                                                             "c"
                                                                                             "t"
                                                                                             "i"
                                                                                             "v"
                                                                                             "e") "WHEN m.retired THEN 'retired' ELSE 'active' END FROM mapping_version m "
                                                                                                  "JOIN repo r ON r.id = m.repo_id WHERE m.rev_to = " OPEN;

/* Bind the pattern of what has the word anywhere in it. */
static void bind_word(struct nst_sql *q, struct nst_arena *a, struct nst_str word)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 2 * word.n + 2);
    nst_put_char(&b, '%');
    nst_put_like(&b, word, '\0');
    nst_put_char(&b, '%');
    nst_sql_bind(q, NST_TEXT(nst_buf_str(&b)));
}

/* The word as it stands in JSON, without the quotes. */
static struct nst_str in_json(struct nst_arena *a, struct nst_str word)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 6 * word.n + 2);
    nst_json_put_str(&b, word);
    return nst_str_slice(nst_buf_str(&b), 1, b.n - 1);
}

static void put_word(struct nst_sql *q, struct nst_arena *a, struct nst_str word)
{
    static const char *const column[] = { "code", "other", "label" };
    nst_sql_add(q, "(");
    for (size_t i = 0; i < NST_COUNT(column); i++) {
        nst_sql_addf(q, "lower(%s) LIKE lower(", column[i]);
        bind_word(q, a, word);
        nst_sql_add(q, ") ESCAPE '\\' OR ");
    }
    nst_sql_add(q, "lower(more) LIKE lower(");
    bind_word(q, a, in_json(a, word));
    nst_sql_add(q, ") ESCAPE '\\')");
}

static enum nst_err query(struct nst_rows **rows, struct search *s)
{
    struct nst_sql q;
    nst_sql_init(&q, s->rq->arena);
    nst_sql_add(&q,
                "SELECT type, code, other, label, more, owner_url, source, access, state FROM (");
    nst_sql_add(&q, every_thing);
    for (size_t i = 0; i < s->words; i++) {
        nst_sql_add(&q, i == 0 ? ") thing WHERE " : " AND ");
        put_word(&q, s->rq->arena, s->word[i]);
    }
    nst_sql_add(&q, " ORDER BY CASE WHEN lower(code) = lower(");
    nst_sql_bind(&q, NST_TEXT(s->q));
    nst_sql_add(&q, ") THEN 0 WHEN lower(other) = lower(");
    nst_sql_bind(&q, NST_TEXT(s->q));
    nst_sql_add(&q, ") THEN 1 WHEN lower(label) = lower(");
    nst_sql_bind(&q, NST_TEXT(s->q));
    nst_sql_add(&q,
                ") THEN 2 ELSE 3 END, type, code, owner_url, source LIMIT " NST_DIGITS(ROWS_MAX));
    return nst_sql_query(rows, s->rq->db, &q);
}

/* ---- How they fit ---- */

static bool begins(struct nst_str text, struct nst_str with)
{
    return text.n >= with.n && nst_str_eq_nocase(nst_str_slice(text, 0, with.n), with);
}

static bool holds(struct nst_str text, struct nst_str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++)
        if (begins(nst_str_slice(text, i, text.n), word))
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
    if (begins(text, s->q))
        fit = text.n == s->q.n ? whole : FIT_BEGINNING;
    if (fit < j->fit) {
        j->fit = fit;
        j->text = text;
    }
}

/* Names of a concept stand in an array; one that cannot be read has none. */
static void judge_more(struct judgement *j, struct nst_str type, struct nst_str more)
{
    struct nst_json *array = NULL;
    if (!nst_str_eq(type, NST_STR("Concept"))) {
        judge(j, more, FIT_NAME);
        return;
    }
    if (nst_json_read(&array, NULL, j->search->rq->arena, more, NULL) != NST_OK ||
        array->kind != NST_JSON_ARRAY)
        return;
    for (const struct nst_json *v = array->first; v != NULL; v = v->next) {
        const struct nst_json *name = nst_json_get(v, NST_STR("name"));
        if (nst_json_is_text(name))
            judge(j, name->text, FIT_NAME);
    }
}

static enum fit judge_row(struct judgement *j, struct nst_rows *row)
{
    judge(j, nst_rows_text(row, CODE), FIT_ID);
    judge(j, nst_rows_text(row, OTHER), FIT_OTHER);
    judge(j, nst_rows_text(row, LABEL), FIT_NAME);
    judge_more(j, nst_rows_text(row, TYPE), nst_rows_text(row, MORE));
    for (size_t i = 0; i < j->search->words; i++)
        if (!j->has_word[i])
            return FIT_NONE;
    return j->fit;
}

/* ---- What is kept of them ---- */

static struct nst_str address_of(struct nst_arena *a, struct nst_rows *row)
{
    struct nst_str type = nst_rows_text(row, TYPE), code = nst_rows_text(row, CODE);
    struct nst_str owner = nst_rows_text(row, OWNER_URL), source = nst_rows_text(row, SOURCE);
    if (nst_str_eq(type, NST_STR("Source")))
        return ocl_source_url(a, owner, code);
    if (nst_str_eq(type, NST_STR("Concept")))
        return ocl_concept_url(a, ocl_source_url(a, owner, source), code);
    struct nst_buf b;
    nst_buf_init(&b, a, 4096);
    if (nst_str_eq(type, NST_STR("Mapping")))
        nst_putf(&b, "%.*smappings/", NST_FMT(ocl_source_url(a, owner, source)));
    else
        nst_put_z(&b, nst_str_eq(type, NST_STR("User")) ? "/users/" : "/orgs/");
    nst_put_percent(&b, code, "");
    nst_put_char(&b, '/');
    return nst_buf_str(&b);
}

static void keep(struct search *s, const struct judgement *j, struct nst_rows *row)
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
                               .type = nst_str_copy(a, nst_rows_text(row, TYPE)),
                               .id = nst_str_copy(a, nst_rows_text(row, CODE)),
                               .name = nst_str_copy(a, nst_rows_text(row, LABEL)),
                               .url = address_of(a, row),
                               .access = nst_str_copy(a, nst_rows_text(row, ACCESS)),
                               .state = nst_str_copy(a, nst_rows_text(row, STATE)) };
}

static enum nst_err find(struct search *s)
{
    struct nst_rows *rows;
    NST_TRY(query(&rows, s));
    while (nst_rows_step(rows)) {
        struct judgement j = { .search = s, .fit = FIT_NONE };
        s->rows++;
        if (judge_row(&j, rows) == FIT_NONE)
            continue;
        s->found++;
        keep(s, &j, rows);
    }
    return nst_rows_end(rows);
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
    nst_putf(out, "{\"found\":%lld,\"is_cut\":%s,\"results\":[", (long long)s->found,
             s->rows == ROWS_MAX ? "true" : "false");
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

static void put_line(struct nst_buf *out, const struct nst_face *face, const struct hit *h)
{
    nst_put_lit(out, "<li><a href=\"");
    nst_put_html(out, nst_str_z(face->mount));
    nst_put_html(out, h->url);
    nst_put_lit(out, "\"><code>");
    nst_put_html(out, h->id);
    nst_put_lit(out, "</code></a> ");
    nst_put_html(out, h->text);
    nst_putf(out, " <small>%.*s, %.*s", NST_FMT(h->type), NST_FMT(h->state));
    nst_put_html(out,
                 h->access.n > 0 ? nst_strf(out->arena, ", %.*s", NST_FMT(h->access)) : NO_ADDRESS);
    nst_put_lit(out, "</small></li>\n");
}

static void put_html(struct nst_buf *out, const struct search *s)
{
    nst_page_begin(out, NST_STR("Search"));
    nst_putf(out, "<p>%lld found for <code>", (long long)s->found);
    nst_put_html(out, s->q);
    nst_put_z(out, s->rows == ROWS_MAX ? "</code>, and maybe more: give more words.</p>\n<ul>\n"
                                       : "</code>.</p>\n<ul>\n");
    for (size_t i = 0; i < s->count; i++)
        put_line(out, s->rq->face, &s->hit[i]);
    nst_put_lit(out, "</ul>\n");
}

static const char as_page[] = "page"; /* .arg */

static enum nst_err search(struct nst_req *rq)
{
    struct search *s = NST_NEW(rq->arena, struct search);
    s->rq = rq;
    NST_TRY(take_words(s));
    NST_TRY(take_limit(s));
    NST_TRY(find(s));
    nst_no_store(rq);
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
#define RESULTS \
    "{\"type\":\"object\",\"required\":[\"found\",\"is_cut\",\"results\"],\"properties\":{" \
    "\"found\":{\"type\":\"integer\",\"minimum\":0},\"is_cut\":{\"type\":\"boolean\"}," \
    "\"results\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"type\"," \
    "\"id\"," \
    "\"name\",\"url\",\"public_access\",\"state\",\"match\",\"text\"],\"properties\":{\"type\":{" \
    "\"type\":\"string\",\"enum\":[\"User\",\"Organization\",\"Source\",\"Concept\",\"Mapping\"]}" \
    "," \
    "\"id\":" STRING ",\"name\":" MAYBE ",\"url\":" STRING ",\"public_access\":" MAYBE \
    ",\"state\":{\"type\":\"string\",\"enum\":[\"active\",\"retired\",\"disabled\",\"deleted\"]}," \
    "\"match\":{\"type\":\"string\",\"enum\":[\"id\",\"other\",\"name\",\"beginning\",\"words\"]}" \
    "," \
    "\"text\":" STRING "}}}}}"
#define REASON "{\"type\":\"object\"}"

static const struct nst_parameter search_parameter[] = {
    { "q", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":" NST_DIGITS(Q_MAX) "}",
      "Words that all stand in the id, the external id, the e-mail address or the names." },
    { "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":" NST_DIGITS(SHOWN_MAX) "}",
      "How many of the best are shown; " NST_DIGITS(SHOWN) " when left out." },
    { 0 },
};
static const struct nst_response search_response[] = {
    { 200, "What fits, the best first.", { .schema = RESULTS } },
    { 400, "There are no words, or too many, or the limit is none.", { .schema = REASON } },
    { 0 },
};
static const struct nst_response page_response[] = {
    { 200, "A page.", { .media = "text/html", .schema = STRING } },
    { 400, "There are no words, or too many, or the limit is none.", { .schema = REASON } },
    { 0 },
};
static const struct nst_description searching = { .parameter = search_parameter,
                                                  .response = search_response };
static const struct nst_description paging = { .parameter = search_parameter,
                                               .response = page_response };

#define ROUTES(face) \
    { face, "/admin/search/", .get = { search, ocl_staff_only, .describe = &searching }, \
      .doc = "Where something is: whatever has these words in its id or its names." }, \
    { \
        face, "/admin/search/page/", \
            .get = { search, ocl_staff_only, .arg = as_page, .describe = &paging }, \
            .doc = "The same as a page for people." \
    }

static const struct nst_route search_route[] = { ROUTES(V2), ROUTES(GUIDE) };

const struct nst_resource ocl_admin_search = {
    .name = "admin_search",
    NST_ROUTES(search_route),
    .doc = "Where something is, for administrators.",
};
