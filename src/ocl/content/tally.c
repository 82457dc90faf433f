/* Moving tallies: what several writes do to one of them is one change. */
#include "tally.h"

#include "content.h"

#include <sodium.h>

#define KEY_BYTES 16
#define FIRST     16  /* moves; then twice as many, and so on */
#define AT_A_TIME 500 /* rows of one statement, which has so many values and no more */

struct ocl_move {
    struct ocl_tally tally;
    uint64_t hash;
    int64_t change;
};

/* Who chooses values that meet in one slot makes his own run slow, as far as it goes: a run has
 * few moves at a time. */
static uint64_t hash_of(const struct ocl_tally *t)
{
    uint64_t ends = (uint64_t)t->from_id * 31 + (uint64_t)t->to_id;
    return (nst_str_hash(t->value) * 31 + nst_str_hash(nst_str_z(t->kind))) * 31 + ends;
}

static bool is_same(const struct ocl_tally *a, const struct ocl_tally *b)
{
    return a->from_id == b->from_id && a->to_id == b->to_id && strcmp(a->kind, b->kind) == 0 &&
           nst_str_eq(a->value, b->value) && nst_str_eq(a->url, b->url) &&
           (a->value.p == NULL) == (b->value.p == NULL);
}

/* The slot of the tally, or the free one that it would have. */
static uint32_t *find_slot(const struct ocl_tallies *t, uint64_t hash,
                           const struct ocl_tally *tally)
{
    size_t slots = 2 * t->capacity, i = hash % slots;
    while (t->slot[i] != 0 && (t->move[t->slot[i] - 1].hash != hash ||
                               !is_same(&t->move[t->slot[i] - 1].tally, tally)))
        i = (i + 1) % slots;
    return &t->slot[i];
}

static void grow(struct ocl_tallies *t)
{
    const struct ocl_move *former = t->move;
    t->capacity = t->capacity > 0 ? 2 * t->capacity : FIRST;
    t->move = NST_NEW_ARRAY(t->arena, struct ocl_move, t->capacity);
    t->slot = NST_NEW_ARRAY(t->arena, uint32_t, 2 * t->capacity);
    for (size_t i = 0; i < t->count; i++) {
        t->move[i] = former[i];
        *find_slot(t, former[i].hash, &former[i].tally) = (uint32_t)i + 1;
    }
}

/* Move a tally by so much. */
static void move_by(struct ocl_tallies *t, const struct ocl_tally *tally, int64_t change)
{
    uint64_t hash = hash_of(tally);
    if (t->count == t->capacity)
        grow(t);
    uint32_t *slot = find_slot(t, hash, tally);
    if (*slot == 0) {
        struct ocl_move *move = &t->move[t->count++];
        *slot = (uint32_t)t->count;
        *move = (struct ocl_move){ .tally = *tally, .hash = hash };
        move->tally.value = nst_str_copy(t->arena, tally->value);
        move->tally.url = nst_str_copy(t->arena, tally->url);
    }
    t->move[*slot - 1].change += change;
}

void ocl_tell(struct ocl_teller *teller, const struct ocl_tally *tally)
{
    move_by(teller->to, tally, teller->sign);
}

/* ---- Writing them down ---- */

/* Some of the moves, and what they are moves of. */
struct step {
    struct nst_arena *arena;
    const struct ocl_move *move;
    size_t count;
    int64_t repo, labelled;
    int64_t from, to; /* 0: they are moves of the present; else of these revisions alone */
};

static void put_part(struct nst_buf *b, struct nst_str part)
{
    nst_putf(b, "%zu:%.*s", part.n, NST_FMT(part));
}

/* One short text for values of any length: an index takes no long ones. */
static struct nst_str key_of(struct nst_arena *a, const struct ocl_tally *t)
{
    unsigned char key[KEY_BYTES];
    char hex[2 * KEY_BYTES + 1];
    struct nst_buf b;
    nst_buf_init(&b, a, NST_HTTP_ANSWER_MAX);
    put_part(&b, nst_str_z(t->kind));
    nst_put_z(&b, t->value.p != NULL ? "" : "null ");
    put_part(&b, t->value);
    put_part(&b, t->url);
    nst_putf(&b, "%lld %lld", (long long)t->from_id, (long long)t->to_id);
    crypto_generichash(key, KEY_BYTES, (const unsigned char *)b.p, b.n, NULL, 0);
    return nst_strf(a, "%s", sodium_bin2hex(hex, sizeof(hex), key, KEY_BYTES));
}

/* What a version of the source still shows is kept beside what it becomes. */
static enum nst_err keep_labelled(const struct step *s, struct nst_db *db)
{
    struct nst_sql q;
    size_t count = 0;
    if (s->labelled == 0)
        return NST_OK;
    nst_sql_init(&q, s->arena);
    nst_sql_add(&q, "INSERT INTO tally (repo_id, key, kind, value, url, from_id, to_id, count, "
                    "rev_from, rev_to) SELECT repo_id, key, kind, value, url, from_id, to_id, "
                    "count, rev_from, ");
    nst_sql_bind(&q, NST_INT(s->labelled + 1));
    nst_sql_add(&q, " FROM tally WHERE rev_to = " OCL_OPEN_SQL " AND repo_id = ");
    nst_sql_bind(&q, NST_INT(s->repo));
    nst_sql_add(&q, " AND rev_from <= ");
    nst_sql_bind(&q, NST_INT(s->labelled));
    nst_sql_add(&q, " AND key");
    for (size_t i = 0; i < s->count; i++)
        nst_sql_in(&q, &count, NST_TEXT(key_of(s->arena, &s->move[i].tally)));
    nst_sql_in_end(&q, count);
    return nst_sql_exec(NULL, db, &q);
}

/* A row for some revisions has a key of its own: the one that it puts right may hold for others. */
static struct nst_str key_in(const struct step *s, const struct ocl_tally *t)
{
    struct nst_str key = key_of(s->arena, t);
    return s->to == 0 ? key : nst_strf(s->arena, "%lld %.*s", (long long)s->from, NST_FMT(key));
}

static enum nst_err store_moves(const struct step *s, struct nst_db *db)
{
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, s->arena);
    nst_sql_push(&q, NST_INT(s->repo));
    nst_sql_push(&q, NST_INT(s->to != 0 ? s->from : s->labelled + 1));
    nst_sql_push(&q, NST_INT(s->to != 0 ? s->to : OCL_OPEN));
    nst_sql_add(&q, "INSERT INTO tally (key, kind, value, url, from_id, to_id, count, repo_id, "
                    "rev_from, rev_to) VALUES ");
    for (size_t i = 0; i < s->count; i++) {
        const struct ocl_tally *t = &s->move[i].tally;
        const struct nst_value own[] = { NST_TEXT(key_in(s, &s->move[i].tally)),
                                         NST_TEXT(nst_str_z(t->kind)),
                                         NST_TEXT(t->value),
                                         NST_TEXT(t->url),
                                         NST_INT(t->from_id),
                                         NST_INT(t->to_id),
                                         NST_INT(s->move[i].change) };
        nst_sql_row(&q, &count, own, NST_COUNT(own), ", $1, $2, $3");
    }
    nst_sql_add(&q, " ON CONFLICT (repo_id, rev_to, key) DO UPDATE SET "
                    "count = tally.count + excluded.count, rev_from = CASE WHEN tally.rev_from > "
                    "excluded.rev_from THEN tally.rev_from ELSE excluded.rev_from END");
    return nst_sql_exec(NULL, db, &q);
}

static void drop_unmoved(struct ocl_tallies *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++)
        if (t->move[i].change != 0)
            t->move[kept++] = t->move[i];
    t->count = kept;
}

enum nst_err ocl_tallies_write(struct ocl_tallies *t, struct nst_db *db, int64_t repo,
                               int64_t labelled)
{
    drop_unmoved(t);
    for (size_t i = 0; i < t->count; i += AT_A_TIME) {
        size_t rest = t->count - i;
        const struct step s = { t->arena, &t->move[i], rest < AT_A_TIME ? rest : AT_A_TIME,
                                repo,     labelled,    0 };
        NST_TRY(keep_labelled(&s, db));
        NST_TRY(store_moves(&s, db));
    }
    *t = (struct ocl_tallies){ .arena = t->arena };
    return NST_OK;
}

/* ---- Recounting ---- */

void ocl_tallies_add(struct ocl_tallies *t, const struct ocl_tallies *other)
{
    for (size_t i = 0; i < other->count; i++)
        move_by(t, &other->move[i].tally, other->move[i].change);
}

enum nst_err ocl_tallies_compare(struct ocl_tallies *t, struct nst_db *db, int64_t repo,
                                 int64_t rev)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT kind, value, url, from_id, to_id, count FROM tally WHERE "
                           "repo_id = $1 AND rev_from <= $2 AND rev_to > $2",
                           NST_INT(repo), NST_INT(rev)));
    while (nst_rows_step(rows)) {
        const struct ocl_tally stored = { nst_str_to_z(t->arena, nst_rows_text(rows, 0)),
                                          nst_rows_text(rows, 1), nst_rows_text(rows, 2),
                                          nst_rows_int(rows, 3), nst_rows_int(rows, 4) };
        move_by(t, &stored, -nst_rows_int(rows, 5));
    }
    drop_unmoved(t);
    return nst_rows_end(rows);
}

struct nst_str ocl_tallies_text(const struct ocl_tallies *t, size_t i, struct nst_arena *a)
{
    const struct ocl_move *m = &t->move[i];
    return nst_strf(a, "%s \"%.*s\"%s%.*s: %lld too %s", m->tally.kind, NST_FMT(m->tally.value),
                    m->tally.url.p != NULL ? " of " : "", NST_FMT(m->tally.url),
                    (long long)(m->change < 0 ? -m->change : m->change),
                    m->change < 0 ? "many" : "few");
}

enum nst_err ocl_tallies_correct(struct ocl_tallies *t, struct nst_db *db, int64_t repo,
                                 int64_t from, int64_t to)
{
    for (size_t i = 0; i < t->count; i += AT_A_TIME) {
        size_t rest = t->count - i;
        const struct step s = { .arena = t->arena,
                                .move = &t->move[i],
                                .count = rest < AT_A_TIME ? rest : AT_A_TIME,
                                .repo = repo,
                                .from = from,
                                .to = to };
        NST_TRY(store_moves(&s, db));
    }
    return NST_OK;
}
