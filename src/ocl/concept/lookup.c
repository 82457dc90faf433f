/* concepts/lookup/ (V250): every concept of a source, or of a version of it, by number, id and
 * address, without pages, for forms that offer all of them. It leaves in pieces, all of one
 * revision; what that revision is makes the tag, so that who has it is told so at once. */
#include "concept.h"

#include "ocl/content/content.h"
#include "ocl/version/version.h"

#define PIECE_ROWS 1000

/* Where the answer stands. */
struct walk {
    int64_t repo, rev, behind; /* behind: rows before this number are to come: newest first */
    bool is_verbose, is_held, with_retired, has_rows;
    struct nst_str url; /* of the source */
};

static void put_select(struct nst_sql *q, const struct walk *w)
{
    nst_sql_addf(q,
                 "SELECT id, %s, mnemonic, display_name, display_locale FROM concept_version "
                 "WHERE repo_id = ",
                 w->is_held ? "id" : "concept_id");
    nst_sql_bind(q, NST_INT(w->repo));
    ocl_put_moment(q, "concept_version", w->rev);
    nst_sql_add(q, w->with_retired ? " AND id < " : " AND NOT retired AND id < ");
    nst_sql_bind(q, NST_INT(w->behind));
    nst_sql_addf(q, " ORDER BY id DESC LIMIT %d", PIECE_ROWS);
}

static void put_row(struct nst_buf *out, struct walk *w, struct nst_rows *rows)
{
    struct nst_str id = nst_rows_text(rows, 2);
    nst_putf(out, "%s{\"uuid\":\"%lld\",\"id\":", w->has_rows ? "," : "",
             (long long)nst_rows_int(rows, 1));
    nst_json_put_str(out, id);
    nst_putf(out, ",\"url\":\"%.*sconcepts/", NST_FMT(w->url));
    nst_put_percent(out, id, "");
    nst_put_lit(out, "/\"");
    if (w->is_verbose) {
        nst_put_lit(out, ",\"display_name\":");
        nst_json_put_str_or_null(out, nst_rows_text(rows, 3));
        nst_put_lit(out, ",\"locale\":");
        nst_json_put_str_or_null(out, nst_rows_text(rows, 4));
    }
    nst_put_char(out, '}');
    w->has_rows = true;
    w->behind = nst_rows_int(rows, 0);
}

/* For nst_answer_in_pieces. */
static enum nst_err put_piece(bool *is_last, struct nst_req *rq, void *state)
{
    struct walk *w = state;
    struct nst_buf *out = &rq->x->out;
    struct nst_rows *rows;
    struct nst_sql q;
    int count = 0;
    nst_sql_init(&q, rq->arena);
    put_select(&q, w);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    for (; nst_rows_step(rows); count++)
        put_row(out, w, rows);
    *is_last = count < PIECE_ROWS;
    nst_put_z(out, *is_last ? "]" : "");
    return nst_rows_end(rows);
}

static void begin(struct walk *w, struct nst_req *rq)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    const struct nst_object *version = nst_ancestor(rq, "version");
    *w = (struct walk){
        .repo = s->row.id,
        .rev = version != NULL ? ((const struct ocl_version *)version->row)->rev : s->rev,
        .behind = INT64_MAX,
        .is_verbose = nst_query_is_true(rq, "verbose"),
        .is_held = version != NULL,
        .with_retired = nst_query_is_true(rq, "includeRetired"),
        .url = ocl_source_url(rq->arena, s->owner_url, s->id),
    };
}

/* What is erased for good changes no revision, but how many there are. */
static struct nst_str tag_of(struct nst_req *rq, const struct walk *w)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    return nst_strf(rq->arena, "lookup-%lld-%lld-%lld-%lld", (long long)w->repo, (long long)w->rev,
                    (long long)s->count[OCL_CONCEPTS].all, (long long)s->next_number);
}

static enum nst_err lookup_view(struct nst_req *rq)
{
    struct walk *w = NST_NEW(rq->arena, struct walk);
    bool is_last;
    begin(w, rq);
    if (nst_is_known(rq, tag_of(rq, w)))
        return NST_OK;
    nst_put_char(&rq->x->out, '[');
    NST_TRY(put_piece(&is_last, rq, w));
    if (!is_last)
        nst_answer_in_pieces(rq, put_piece, w, sizeof(*w));
    return nst_answer_json(rq, 200);
}

/* ---- The route ---- */

static const struct nst_parameter parameter[] = {
    { "verbose", NST_SWITCH_SCHEMA, "With `display_name` and `locale`." },
    { "includeRetired", NST_SWITCH_SCHEMA, "Retired ones as well." },
    { 0 },
};

#define TEXT    "{\"type\":\"string\"}"
#define NO_TEXT "{\"type\":[\"string\",\"null\"]}"
static const struct nst_response response[] = {
    { 200,
      "All of them, newest first.",
      { .schema =
            "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"uuid\",\"id\","
            "\"url\"],\"properties\":{\"uuid\":" TEXT ",\"id\":" TEXT ",\"url\":" TEXT
            ",\"display_name\":" NO_TEXT ",\"locale\":" NO_TEXT "}}}" } },
    { 0 },
};

static const struct nst_description description = { .parameter = parameter, .response = response };

/* Below HEAD/ stands a concept with this id, if there is one: no route takes it away there. */
static const struct nst_route lookup_route[] = {
    { V2, S "concepts/lookup/", .get = { lookup_view, ocl_any_caller, .describe = &description },
      .doc = "Numbers, ids and addresses of all concepts of a source." },
    { V2, S_VERSION "concepts/lookup/",
      .get = { lookup_view, ocl_any_caller, .describe = &description },
      .doc = "Numbers, ids and addresses of all concepts that a version of a source holds." },
};

static const struct nst_field lookup_field[] = {
    NST_CHILD("concepts", &nst_json_value, .doc = "All of them."),
};

const struct nst_resource ocl_concept_lookup = {
    .name = "concept_lookup",
    NST_FIELDS(lookup_field),
    NST_ROUTES(lookup_route),
    .doc = "All concepts of a source, in short.",
};
