/* What a concept counts (V245, V250): its names and descriptions, the versions that it has, and the
 * concepts above and below it. */
#include "family.h"

#include "ocl/content/members.h"

static size_t count_elements(struct nst_str list)
{
    struct nst_arena *scratch = nst_arena_new(4096);
    struct nst_json *tree = NULL;
    size_t count = 0;
    if (list.n > 0 && nst_json_read(&tree, NULL, scratch, list, &ocl_stored_limits) == NST_OK)
        count = tree->count;
    nst_arena_free(scratch);
    return count;
}

static size_t count_lines(struct nst_str text)
{
    size_t lines = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    return lines;
}

static struct nst_str summary_of(struct nst_req *rq, const struct ocl_content *c,
                                 struct nst_rows *rows)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, NST_HTTP_ANSWER_MAX);
    nst_putf(&b,
             "{\"children\":%zu,\"parents\":%zu,\"names\":%zu,\"descriptions\":%zu,"
             "\"versions\":%lld,\"id\":",
             count_lines(nst_rows_text(rows, 5)), count_lines(nst_rows_text(rows, 4)),
             count_elements(nst_rows_text(rows, 1)), count_elements(nst_rows_text(rows, 2)),
             (long long)nst_rows_int(rows, 3));
    nst_json_put_str(&b, c->id);
    nst_putf(&b, ",\"uuid\":\"%lld\",\"versioned_object_id\":%lld}", (long long)c->object_id,
             (long long)c->object_id);
    return nst_buf_str(&b);
}

enum nst_err ocl_make_concept_summary(struct nst_req *rq, const struct nst_shown *shown)
{
    const struct ocl_numbered *numbered = ocl_number_rows(rq, shown);
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT v.id, v.names, v.descriptions, (SELECT count(*) FROM concept_version o "
                    "WHERE o.repo_id = v.repo_id AND o.mnemonic = v.mnemonic "
                    "AND o.concept_id = v.concept_id), v.parents, " OCL_CHILDREN(
                        "v") " FROM concept_version v WHERE TRUE");
    ocl_put_shown(&q, "v", shown);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        size_t place = ocl_place_of(numbered, shown->count, nst_rows_int(rows, 0));
        if (place < shown->count)
            shown->value[place] = summary_of(rq, ocl_shown_at(shown, place), rows);
    }
    return nst_rows_end(rows);
}

enum nst_err ocl_concept_summary(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    struct nst_str summary = { 0 };
    void *const row = o->row;
    const struct nst_shown shown = { .resource = nst_resource_of(o),
                                     .use = NST_DETAIL,
                                     .row = &row,
                                     .value = &summary,
                                     .count = 1 };
    NST_TRY(ocl_make_concept_summary(rq, &shown));
    nst_put(&rq->x->out, summary);
    return nst_answer_json(rq, 200);
}

static const struct nst_response response[] = {
    { 200, "How many there are.", { .schema = OCL_CONCEPT_SUMMARY } },
    { 0 },
};

static const struct nst_parameter parameter[] = { OCL_AS_OF, { 0 } };

const struct nst_description ocl_concept_summary_description = { .parameter = parameter,
                                                                 .response = response };
