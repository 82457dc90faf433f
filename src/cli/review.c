/* nestor doctor, of sources that OpenMRS is to take content from: what it would refuse, a line
 * for each reason, with the first few ids. */
#include "doctor.h"

#include "ocl/openmrs/openmrs.h"

#include <stdio.h>

#define EXAMPLES 3

/* One reason, in one source. */
struct reason {
    struct reason *next;
    const struct ocl_kind *kind;
    struct nst_str text;
    int64_t count;
    struct nst_str example[EXAMPLES];
};

struct search {
    struct cli_doctor *doctor;
    struct nst_arena *arena; /* of the reasons of one source */
    const char *address;     /* of a source that is looked at in any case; or NULL */
    struct reason *first;
};

/* What the contract says before it names a name. */
static struct nst_str stem(const struct ocl_fault *fault)
{
    size_t end = nst_str_find(fault->text, ':');
    return nst_str_slice(fault->text, 0, end);
}

static struct reason *reason_of(struct search *s, const struct ocl_kind *kind, struct nst_str text)
{
    struct reason **at = &s->first;
    while (*at != NULL && !((*at)->kind == kind && nst_str_eq((*at)->text, text)))
        at = &(*at)->next;
    if (*at == NULL) {
        *at = NST_NEW(s->arena, struct reason);
        **at = (struct reason){ .kind = kind, .text = nst_str_copy(s->arena, text) };
    }
    return *at;
}

static enum nst_err note(struct ocl_review *r, const struct ocl_kind *kind, struct nst_str id,
                         const struct ocl_fault *fault)
{
    struct search *s = r->arg;
    struct reason *reason = reason_of(s, kind, stem(fault));
    if (reason->count < EXAMPLES)
        reason->example[reason->count] = nst_str_copy(s->arena, id);
    reason->count++;
    return NST_OK;
}

static void tell(struct search *s, const struct ocl_source *source, const struct reason *r)
{
    struct nst_buf ids;
    nst_buf_init(&ids, s->arena, 4096);
    for (int64_t i = 0; i < r->count && i < EXAMPLES; i++)
        nst_putf(&ids, "%s%.*s", i > 0 ? ", " : "", NST_FMT(r->example[i]));
    nst_put_z(&ids, r->count > EXAMPLES ? ", ..." : "");
    struct nst_str text = nst_buf_str(&ids);
    cli_found(s->doctor, "OpenMRS refuses %lld %s%s of %.*ssources/%.*s/: %.*s (%.*s)",
              (long long)r->count, r->kind->noun, r->count > 1 ? "s" : "",
              NST_FMT(source->owner_url), NST_FMT(source->id), NST_FMT(r->text), NST_FMT(text));
}

static enum nst_err review(struct search *s, struct nst_db *db, int64_t id)
{
    struct nst_req rq = { .arena = s->arena, .registry = s->doctor->site->registry, .db = db };
    struct ocl_review r = { .found = note, .asks_for_ids = true, .arg = s };
    struct ocl_source *source;
    s->first = NULL;
    NST_TRY(nst_load_id((void **)&source, &rq, &ocl_source, NST_LOAD_CORE, id));
    if (source == NULL)
        return NST_OK;
    NST_TRY(ocl_review_source(&rq, source, &r));
    for (const struct reason *reason = s->first; reason != NULL; reason = reason->next)
        tell(s, source, reason);
    return NST_OK;
}

static enum nst_err review_all(struct nst_db *db, void *arg)
{
    struct search *s = arg;
    struct nst_rows *rows;
    bool is_found = s->address == NULL;
    struct nst_str address = nst_str_z(s->address != NULL ? s->address : "");
    nst_db_run_once(db);
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT id, owner_url || 'sources/' || mnemonic || '/' FROM repo WHERE "
                           "kind = 'source' AND is_active AND owner_is_active AND "
                           "(custom_validation_schema = 'OpenMRS' OR "
                           "owner_url || 'sources/' || mnemonic || '/' = $1) ORDER BY id",
                           NST_TEXT(address)));
    while (nst_rows_step(rows)) {
        is_found |= nst_str_eq(nst_rows_text(rows, 1), address);
        nst_arena_reset(s->arena);
        nst_rows_fail(rows, review(s, db, nst_rows_int(rows, 0)));
    }
    NST_TRY(nst_rows_end(rows));
    if (!is_found)
        cli_found(s->doctor, "there is no source %s; addresses are like /orgs/WHO/sources/ICD/",
                  s->address);
    return NST_OK;
}

enum nst_err cli_review_openmrs(struct cli_doctor *d, const char *address)
{
    struct search s = { d, nst_arena_new(65536), address, NULL };
    struct nst_arena *home = nst_arena_new(1024);
    if (address != NULL && !nst_str_ends(nst_str_z(address), NST_STR("/")))
        s.address = nst_str_to_z(home, nst_strf(home, "%s/", address));
    enum nst_err e = nst_store_run(d->site->store, NST_MODE_READ, review_all, &s);
    nst_arena_free(s.arena);
    nst_arena_free(home);
    return e;
}
