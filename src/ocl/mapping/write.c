/* What a version of a mapping has besides: its natural key, a weight, an id, and checksums. */
#include "mapping.h"

#include "ocl/app.h"
#include "ocl/openmrs/openmrs.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- The natural key (V264) ---- */

#define KEY_BYTES 16

/* One short text for five of any length: an index takes no long ones. */
struct nst_str ocl_mapping_key(struct nst_arena *a, const struct ocl_mapping *m)
{
    const struct nst_str part[] = { m->map_type, m->from.source_url, m->from.concept_code,
                                    m->to.source_url, m->to.concept_code };
    unsigned char hash[KEY_BYTES];
    char hex[2 * KEY_BYTES + 1];
    struct nst_buf b;
    nst_buf_init(&b, a, NST_HTTP_ANSWER_MAX);
    for (size_t i = 0; i < NST_COUNT(part); i++)
        nst_putf(&b, "%zu:%.*s", part[i].n, NST_FMT(part[i]));
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)b.p, b.n, NULL, 0);
    return nst_strf(a, "%s", sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)));
}

/* The id of the other mapping with that key; null when there is none. Who writes holds the
 * source, so that none appears meanwhile. */
static enum nst_err find_same(struct nst_str *id, struct nst_req *rq, const struct ocl_mapping *m)
{
    const struct nst_row *source = nst_ancestor(rq, "source")->row;
    struct nst_rows *rows;
    *id = (struct nst_str){ 0 };
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT mnemonic FROM mapping_version WHERE repo_id = $1 AND "
                           "natural_key = $2 AND rev_to = " OCL_OPEN_SQL,
                           NST_INT(source->id), NST_TEXT(m->natural_key)));
    if (nst_rows_step(rows))
        *id = nst_str_copy(rq->arena, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

static enum nst_err check_key(struct nst_req *rq, struct ocl_mapping *m)
{
    struct nst_str other;
    m->natural_key = ocl_mapping_key(rq->arena, m);
    NST_TRY(find_same(&other, rq, m));
    if (other.p == NULL || nst_str_eq(other, m->content.id))
        return NST_OK;
    return nst_fail(rq, NST_E_INVALID, "__all__",
                    NST_STR("Parent, map_type, from_concept, to_source, to_concept_code must be "
                            "unique."));
}

/* ---- Weights (V263) ---- */

/* A new one goes behind its siblings, where these have weights. */
static enum nst_err weigh(struct nst_req *rq, struct ocl_mapping *m)
{
    const struct nst_json text = { .kind = NST_JSON_STRING };
    struct nst_json next = text;
    struct nst_rows *rows;
    if (m->content.object_id != 0 || m->sort_weight.p != NULL ||
        ocl_is_copying(rq))
        return NST_OK;
    NST_TRY(nst_query_with(
        &rows, rq->db,
        "SELECT CAST(max(CAST(sort_weight AS double precision)) + 1 AS text) FROM mapping_version "
        "WHERE repo_id = $1 AND from_concept_code = $2 AND from_source_url = $3 AND map_type = $4 "
        "AND rev_to = " OCL_OPEN_SQL,
        NST_INT(m->content.repo_id), NST_TEXT(m->from.concept_code), NST_TEXT(m->from.source_url),
        NST_TEXT(m->map_type)));
    if (nst_rows_step(rows))
        next.text = nst_str_copy(rq->arena, nst_rows_text(rows, 0));
    NST_TRY(nst_rows_end(rows));
    if (next.text.p != NULL && !nst_real.parse(rq, NULL, &next, &m->sort_weight))
        return nst_fail(rq, NST_E_INVALID, "sort_weight",
                        NST_STR("The weights of its siblings leave no room behind them."));
    return NST_OK;
}

static enum nst_err settle(struct nst_req *rq, void *row)
{
    struct ocl_mapping *m = row;
    NST_TRY(ocl_settle_ends(rq, m));
    NST_TRY(check_key(rq, m));
    NST_TRY(ocl_keep_mapping_rules(rq, m));
    return weigh(rq, m);
}

/* ---- Lines of an import ---- */

/* A line without an id is about the mapping that says what it says, or about a new one. */
static enum nst_err name_line(struct nst_req *rq, void *row)
{
    struct ocl_mapping *m = row;
    NST_TRY(ocl_settle_ends(rq, m));
    m->natural_key = ocl_mapping_key(rq->arena, m);
    return find_same(&m->content.id, rq, m);
}

/* ---- Checksums (V411) ---- */

static void add_end(struct nst_req *rq, struct nst_json *object, const char *const name[4],
                    const struct ocl_end *e)
{
    const struct nst_str value[] = { e->source_url, e->source_version, e->concept_code,
                                     e->concept_name };
    for (size_t i = 0; i < NST_COUNT(value); i++)
        ocl_add_text(rq, object, name[i], value[i]);
}

/* What counts of a mapping, as its document has it. */
static struct ocl_checksums sums(struct nst_req *rq, const void *row)
{
    static const char *const from[] = { "from_source_url", "from_source_version",
                                        "from_concept_code", "from_concept_name" };
    static const char *const to[] = { "to_source_url", "to_source_version", "to_concept_code",
                                      "to_concept_name" };
    const struct ocl_mapping *m = row;
    struct nst_json object = { .kind = NST_JSON_OBJECT };
    ocl_add_text(rq, &object, "map_type", m->map_type);
    ocl_add_text(rq, &object, "external_id", m->content.external_id);
    ocl_add_json(rq, &object, "retired", m->content.retired ? NST_STR("true") : NST_STR("false"));
    ocl_add_json(rq, &object, "sort_weight", m->sort_weight);
    ocl_add_json(rq, &object, "extras", m->content.extras);
    add_end(rq, &object, from, &m->from);
    add_end(rq, &object, to, &m->to);
    return ocl_checksums(rq->arena, &ocl_mapping_sum, &object);
}

/* ---- What it counts for in the summary of its source (V235) ---- */

static void tell_end(struct ocl_teller *teller, const struct ocl_mapping *m, const char *kind,
                     struct nst_str url)
{
    const struct ocl_tally t = { kind, m->map_type, url, m->from.source_id, m->to.source_id };
    ocl_tell(teller, &t);
}

static void tell(struct ocl_teller *teller, const void *row)
{
    const struct ocl_mapping *m = row;
    bool retired = m->content.retired;
    tell_end(teller, m, retired ? OCL_TALLY_RETIRED OCL_TALLY_FROM : OCL_TALLY_FROM,
             m->from.source_url);
    tell_end(teller, m, retired ? OCL_TALLY_RETIRED OCL_TALLY_TO : OCL_TALLY_TO, m->to.source_url);
    if (retired || m->content.version_created_by == 0)
        return;
    const struct ocl_tally author = {
        OCL_TALLY_MAP_AUTHOR,
        nst_strf(teller->scratch, "%lld", (long long)m->content.version_created_by),
        { 0 },
        m->from.source_id,
        m->to.source_id,
    };
    ocl_tell(teller, &author);
}

static void ends_of(int64_t out[2], const void *row)
{
    const struct ocl_mapping *m = row;
    out[0] = m->from.source_id;
    out[1] = m->to.source_id;
}

const struct ocl_kind ocl_mapping_kind = {
    .resource = &ocl_mapping,
    .word = "Mapping",
    .noun = "mapping",
    .object = "mapping_id",
    .counted = OCL_MAPPINGS,
    .id = OCL_AUTOID(mapping, mnemonic, "next_mapping", "mnemonic"),
    .external_id = OCL_AUTOID(mapping, external_id, "next_mapping_external", "lower(external_id)"),
    .may_erase = ocl_staff_only,
    .settle = settle,
    .name = name_line,
    .sums = sums,
    .ends = ends_of,
    .tell = tell,
};
