/* What is kept of content besides and can be made anew from it: checksums, natural keys, tallies.
 */
#include "integrity.h"

#include "ocl/concept/concept.h"
#include "ocl/mapping/mapping.h"

/* ---- Row by row ---- */

#define SUM_ROWS 500 /* versions of one step: each is loaded whole */

/* How a version is judged. */
struct judge {
    const struct ocl_kind *kind;
    /* What is wrong, in rq's arena; null: nothing. */
    struct nst_str (*fault)(struct nst_req *rq, const struct ocl_kind *kind,
                            const struct ocl_content *c);
};

/* What is done with each version that has a fault. */
typedef enum nst_err faulty(struct ocl_integrity *v, struct nst_req *rq,
                            const struct ocl_content *c, struct nst_str fault);

static struct nst_str wrong_sums(struct nst_req *rq, const struct ocl_kind *kind,
                                 const struct ocl_content *c)
{
    const struct ocl_checksums sums = kind->sums(rq, c);
    if (c->standard_checksum.p == NULL)
        return (struct nst_str){ 0 }; /* of an older program; the next start makes it */
    if (nst_str_eq(sums.standard, c->standard_checksum) &&
        nst_str_eq(sums.smart, c->smart_checksum))
        return (struct nst_str){ 0 };
    return nst_strf(rq->arena, "it has %.*s and %.*s, and should have %.*s and %.*s",
                    NST_FMT(c->standard_checksum), NST_FMT(c->smart_checksum),
                    NST_FMT(sums.standard), NST_FMT(sums.smart));
}

static struct nst_str wrong_key(struct nst_req *rq, const struct ocl_kind *kind,
                                const struct ocl_content *c)
{
    const struct ocl_mapping *m = (const void *)c;
    (void)kind;
    return nst_str_eq(ocl_mapping_key(rq->arena, m), m->natural_key)
               ? (struct nst_str){ 0 }
               : nst_strf(rq->arena, "%.*s", NST_FMT(m->map_type));
}

static enum nst_err find_ids(int64_t *ids, size_t *count, struct ocl_integrity *v,
                             struct nst_db *db)
{
    struct nst_rows *rows;
    struct nst_sql q;
    *count = 0;
    nst_sql_init(&q, v->step);
    nst_sql_addf(&q, "SELECT id FROM %s WHERE id > ", v->found.check->table);
    nst_sql_bind(&q, NST_INT(v->from));
    nst_sql_add(&q, " AND id <= ");
    nst_sql_bind(&q, NST_INT(v->to));
    nst_sql_addf(&q, " ORDER BY id LIMIT %d", SUM_ROWS);
    NST_TRY(nst_sql_query(&rows, db, &q));
    while (*count < SUM_ROWS && nst_rows_step(rows))
        ids[(*count)++] = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

static enum nst_err judge_row(struct ocl_integrity *v, struct nst_req *rq, int64_t id, faulty *each)
{
    const struct judge *j = v->found.check->arg;
    struct ocl_content *c;
    NST_TRY(nst_load_id((void **)&c, rq, j->kind->resource, NST_LOAD_ALL, id));
    if (c == NULL)
        return NST_OK;
    struct nst_str fault = j->fault(rq, j->kind, c);
    return fault.p != NULL ? each(v, rq, c, fault) : NST_OK;
}

static enum nst_err judge_rows(struct ocl_integrity *v, struct nst_db *db, faulty *each)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_req rq = { .arena = a, .registry = v->registry, .db = db };
    int64_t *ids = NST_NEW_ARRAY(v->step, int64_t, SUM_ROWS);
    size_t count;
    enum nst_err e = find_ids(ids, &count, v, db);
    for (size_t i = 0; e == NST_OK && i < count; i++) {
        nst_arena_reset(a);
        e = judge_row(v, &rq, ids[i], each);
    }
    nst_arena_free(a);
    return e;
}

static enum nst_err tell_fault(struct ocl_integrity *v, struct nst_req *rq,
                               const struct ocl_content *c, struct nst_str fault)
{
    const struct judge *j = v->found.check->arg;
    ocl_integrity_tell(v,
                       nst_strf(rq->arena, "%.*ssources/%.*s/%ss/%.*s/%lld/", NST_FMT(c->owner_url),
                                NST_FMT(c->source), j->kind->noun, NST_FMT(c->id),
                                (long long)c->row.id),
                       fault, v->found.check->repair != NULL);
    return NST_OK;
}

static enum nst_err look_at_rows(struct ocl_integrity *v, struct nst_db *db)
{
    return judge_rows(v, db, tell_fault);
}

/* Hold a source; its revision. */
static enum nst_err hold_repo(int64_t *rev, struct nst_arena *a, struct nst_db *db, int64_t repo)
{
    struct nst_sql q;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT repo.rev FROM repo WHERE repo.id = ");
    nst_sql_bind(&q, NST_INT(repo));
    nst_sql_hold(&q, db, "repo");
    return nst_sql_int(rev, NULL, db, &q);
}

/* Parents and children count, which whoever holds the source may be changing. */
static enum nst_err seal(struct ocl_integrity *v, struct nst_req *rq, const struct ocl_content *c,
                         struct nst_str fault)
{
    const struct judge *j = v->found.check->arg;
    int64_t rev;
    (void)fault;
    NST_TRY(hold_repo(&rev, rq->arena, rq->db, c->repo_id));
    return ocl_seal_again(rq, j->kind, c->row.id);
}

static enum nst_err seal_rows(int64_t *mended, struct ocl_integrity *v, struct nst_db *db)
{
    *mended = v->found.mendable;
    return judge_rows(v, db, seal);
}

/* ---- Tallies: of a source, moment by moment ---- */

#define TALLY_ROWS 2000 /* versions of one step */
#define TRIES_MAX  5    /* of a present that changes meanwhile */

/* A moment that tallies are kept of: what a version holds, or what is there now. */
struct moment {
    int64_t rev;
    bool is_present;
};

struct recount {
    struct nst_arena *arena, *sum_arena;
    struct nst_str address;
    int64_t repo;
    struct moment *moment;
    size_t moments, at;
    int tries;
    unsigned kind;          /* 0: concepts, 1: mappings, 2: all is added up */
    int64_t last;           /* number of the last version that was added */
    struct ocl_tallies sum; /* of this moment so far */

    /* Of the last look. */
    struct ocl_tallies found; /* more to add; once all is added up, what differs */
    int64_t found_last;
    bool is_whole; /* of that kind */
    bool is_stale; /* the present has changed */
};

static void begin_moment(struct recount *r)
{
    nst_arena_reset(r->sum_arena);
    r->sum = (struct ocl_tallies){ .arena = r->sum_arena };
    r->kind = 0;
    r->last = INT64_MIN;
}

static enum nst_err find_moments(struct recount *r, struct nst_db *db)
{
    struct nst_rows *rows;
    struct moment now = { .is_present = true };
    size_t room = 16;
    r->moment = NST_NEW_ARRAY(r->arena, struct moment, room);
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT r.rev, v.rev, r.owner_url || 'sources/' || r.mnemonic || '/' "
                           "FROM repo r LEFT JOIN (SELECT DISTINCT repo_id, rev FROM repo_version "
                           "WHERE is_active AND rev > 0) v ON v.repo_id = r.id AND v.rev < r.rev "
                           "WHERE r.id = $1 AND r.kind = 'source'",
                           NST_INT(r->repo)));
    while (nst_rows_step(rows)) {
        now.rev = nst_rows_int(rows, 0);
        r->address = nst_str_copy(r->arena, nst_rows_text(rows, 2));
        if (r->moments + 1 == room) {
            struct moment *more = NST_NEW_ARRAY(r->arena, struct moment, 2 * room);
            memcpy(more, r->moment, room * sizeof(*more));
            r->moment = more;
            room *= 2;
        }
        if (!nst_rows_is_null(rows, 1))
            r->moment[r->moments++].rev = nst_rows_int(rows, 1);
    }
    if (r->address.p != NULL)
        r->moment[r->moments++] = now;
    return nst_rows_end(rows);
}

static void end_recount(struct ocl_integrity *v)
{
    struct recount *r = v->inside;
    if (r == NULL)
        return;
    nst_arena_free(r->sum_arena);
    nst_arena_free(r->arena);
    v->inside = NULL;
}

static enum nst_err begin_recount(struct ocl_integrity *v, struct nst_db *db)
{
    struct nst_arena *a = nst_arena_new(4096);
    struct recount *r = NST_NEW(a, struct recount);
    *r = (struct recount){ .arena = a, .sum_arena = nst_arena_new(65536), .repo = v->to };
    v->inside = r;
    begin_moment(r);
    enum nst_err e = find_moments(r, db);
    if (e != NST_OK)
        end_recount(v);
    return e;
}

static void tell_concept(struct ocl_teller *teller, struct nst_rows *rows)
{
    const struct ocl_concept c = { .content.retired = nst_rows_bool(rows, 1),
                                   .content.version_created_by = nst_rows_int(rows, 2),
                                   .concept_class = nst_rows_text(rows, 3),
                                   .datatype = nst_rows_text(rows, 4),
                                   .names = nst_rows_text(rows, 5) };
    ocl_concept_kind.tell(teller, &c);
}

static void tell_mapping(struct ocl_teller *teller, struct nst_rows *rows)
{
    const struct ocl_mapping m = { .content.retired = nst_rows_bool(rows, 1),
                                   .content.version_created_by = nst_rows_int(rows, 2),
                                   .map_type = nst_rows_text(rows, 3),
                                   .from.source_url = nst_rows_text(rows, 4),
                                   .to.source_url = nst_rows_text(rows, 5),
                                   .from.source_id = nst_rows_int(rows, 6),
                                   .to.source_id = nst_rows_int(rows, 7) };
    ocl_mapping_kind.tell(teller, &m);
}

static const struct told {
    const char *columns, *table;
    void (*tell)(struct ocl_teller *teller, struct nst_rows *rows);
} told[] = {
    { "concept_class, datatype, names", "concept_version", tell_concept },
    { "map_type, from_source_url, to_source_url, from_source_id, to_source_id", "mapping_version",
      tell_mapping },
};

static enum nst_err add_some(struct ocl_integrity *v, struct recount *r, struct nst_db *db)
{
    const struct told *t = &told[r->kind];
    struct nst_arena *scratch = nst_arena_new(65536);
    struct ocl_teller teller = { &r->found, scratch, 1 };
    struct nst_rows *rows;
    struct nst_sql q;
    unsigned count = 0;
    nst_sql_init(&q, v->step);
    nst_sql_addf(&q,
                 "SELECT id, retired, version_created_by, %s FROM %s WHERE repo_id = ", t->columns,
                 t->table);
    nst_sql_bind(&q, NST_INT(r->repo));
    ocl_put_moment(&q, t->table, r->moment[r->at].rev);
    nst_sql_add(&q, " AND id > ");
    nst_sql_bind(&q, NST_INT(r->last));
    nst_sql_addf(&q, " ORDER BY id LIMIT %d", TALLY_ROWS);
    r->found_last = r->last;
    enum nst_err e = nst_sql_query(&rows, db, &q);
    if (e == NST_OK) {
        for (; nst_rows_step(rows); count++) {
            nst_arena_reset(scratch);
            t->tell(&teller, rows);
            r->found_last = nst_rows_int(rows, 0);
        }
        e = nst_rows_end(rows);
    }
    r->is_whole = count < TALLY_ROWS;
    nst_arena_free(scratch);
    return e;
}

/* Content that a version holds stays; the present must be the one that was added up. */
static enum nst_err find_stale(struct recount *r, struct nst_db *db)
{
    const struct moment *m = &r->moment[r->at];
    struct nst_sql q;
    nst_sql_init(&q, r->found.arena);
    nst_sql_add(&q, m->is_present ? "SELECT 1 FROM repo WHERE id = "
                                  : "SELECT 1 FROM repo_version WHERE is_active AND repo_id = ");
    nst_sql_bind(&q, NST_INT(r->repo));
    nst_sql_add(&q, " AND rev = ");
    nst_sql_bind(&q, NST_INT(m->rev));
    bool found;
    NST_TRY(nst_exists(&found, db, nst_buf_str(&q.text), q.bound, q.count));
    r->is_stale = !found;
    return NST_OK;
}

static enum nst_err compare(struct ocl_integrity *v, struct recount *r, struct nst_db *db)
{
    const struct moment *m = &r->moment[r->at];
    NST_TRY(find_stale(r, db));
    if (r->is_stale)
        return NST_OK;
    ocl_tallies_add(&r->found, &r->sum);
    NST_TRY(ocl_tallies_compare(&r->found, db, r->repo, m->rev));
    for (size_t i = 0; i < r->found.count; i++)
        ocl_integrity_tell(v,
                           m->is_present ? r->address
                                         : nst_strf(v->step, "%.*s revision %lld",
                                                    NST_FMT(r->address), (long long)m->rev),
                           ocl_tallies_text(&r->found, i, v->step), true);
    return NST_OK;
}

static enum nst_err look_at_tallies(struct ocl_integrity *v, struct nst_db *db)
{
    if (v->inside == NULL && v->is_last)
        return NST_OK; /* behind the last source */
    if (v->inside == NULL)
        NST_TRY(begin_recount(v, db));
    struct recount *r = v->inside;
    if (r->moments == 0)
        return NST_OK; /* it is being purged */
    r->found = (struct ocl_tallies){ .arena = v->step };
    r->is_stale = false;
    if (r->kind < NST_COUNT(told)) {
        v->stays = true;
        return add_some(v, r, db);
    }
    NST_TRY(compare(v, r, db));
    v->stays = r->at + 1 < r->moments || (r->is_stale && r->tries < TRIES_MAX);
    return NST_OK;
}

/* The present again, as it is now; a version that was deleted meanwhile no more. */
static void end_moment(struct recount *r)
{
    if (!r->is_stale || !r->moment[r->at].is_present)
        r->at++;
    r->tries += r->is_stale;
    begin_moment(r);
}

static void took_tallies(struct ocl_integrity *v)
{
    struct recount *r = v->inside;
    if (!v->stays) {
        end_recount(v);
        return;
    }
    if (r->kind == NST_COUNT(told)) {
        end_moment(r);
        return;
    }
    ocl_tallies_add(&r->sum, &r->found);
    r->last = r->found_last;
    if (!r->is_whole)
        return;
    r->kind++;
    r->last = INT64_MIN;
}

static enum nst_err mend_tallies(int64_t *mended, struct ocl_integrity *v, struct nst_db *db)
{
    struct recount *r = v->inside;
    const struct moment *m = &r->moment[r->at];
    int64_t rev = -1;
    NST_TRY(hold_repo(&rev, v->step, db, r->repo));
    if (m->is_present && rev != m->rev)
        return NST_OK; /* left to the next run */
    *mended = v->found.mendable;
    return ocl_tallies_correct(&r->found, db, r->repo, m->rev,
                               m->is_present ? OCL_OPEN : m->rev + 1);
}

/* ---- Tables ---- */

static const struct judge concept_sums = { &ocl_concept_kind, wrong_sums };
static const struct judge mapping_sums = { &ocl_mapping_kind, wrong_sums };
static const struct judge mapping_keys = { &ocl_mapping_kind, wrong_key };

#define SUMS(its_name, its_table, of, sentence) \
    { \
        .name = its_name, .meaning = sentence, .remedy = "They are computed anew.", \
        .table = its_table, .key = "id", .rows = SUM_ROWS, .look = look_at_rows, \
        .repair = seal_rows, .arg = &(of) \
    }

const struct ocl_check ocl_sum_checks[] = {
    SUMS("concept.checksums", "concept_version", concept_sums,
         "A version of a concept has other checksums than its content has."),
    SUMS("mapping.checksums", "mapping_version", mapping_sums,
         "A version of a mapping has other checksums than its content has."),
    { .name = "mapping.natural_key",
      .meaning = "A mapping is not found by what it says: another could say the same.",
      .remedy = "None is made: change the mapping, by which it is found again.",
      .table = "mapping_version",
      .key = "id",
      .rows = SUM_ROWS,
      .look = look_at_rows,
      .arg = &mapping_keys },
    { .name = "source.tallies",
      .meaning = "The summary of a source, or of a version of it, counts other than there is.",
      .remedy = "It is put right by what is missing or too much.",
      .table = "repo",
      .key = "id",
      .rows = 1,
      .look = look_at_tallies,
      .repair = mend_tallies,
      .took = took_tallies },
    { 0 },
};
