/* What a program or a course run has already. A conflict says that the learner is
 * there, not how: rows that are there as the file has them are told apart from those
 * that differ. A list is read once, when its first conflict shows, and kept up with
 * what this run sends. */
#include "roster.h"

#include "enroll/program_enrollment/uuid.h"

#define BUCKETS   65536
#define LIST_PAGE "?page_size=1000"

/* A learner in a place. */
struct known {
    struct known *next;
    const struct place *place;
    struct nst_str key, status, curriculum;
};

/* A program or one of its runs, whose list was read. */
struct place {
    struct place *next;
    struct nst_str program, course;
};

struct roster_known {
    struct nst_arena *arena;
    struct place *place;
    struct known **bucket;
};

struct roster_known *roster_known_new(struct nst_arena *a)
{
    struct roster_known *k = NST_NEW(a, struct roster_known);
    k->arena = a;
    return k;
}

/* On P blanks around a key do not count (P29). */
static struct nst_str key_of(struct nst_str key, const struct roster_kind *kind)
{
    return kind->is_course ? key : enroll_trim_key(key);
}

static struct known **bucket_of(const struct roster_known *k, struct nst_str key)
{
    return &k->bucket[nst_str_hash(key) % BUCKETS];
}

static struct known *find(const struct roster_known *k, const struct place *place,
                          struct nst_str key)
{
    struct known *one = *bucket_of(k, key);
    while (one != NULL && (one->place != place || !nst_str_eq(one->key, key)))
        one = one->next;
    return one;
}

static struct nst_str copy_text(struct nst_arena *a, const struct nst_json *v)
{
    return v != NULL && v->kind == NST_JSON_STRING ? nst_str_copy(a, v->text)
                                                   : (struct nst_str){ 0 };
}

static void add(struct roster_known *k, const struct known *given)
{
    struct known **bucket = bucket_of(k, given->key), *one = NST_NEW(k->arena, struct known);
    *one = *given;
    one->next = *bucket;
    *bucket = one;
}

static void take_results(struct roster_known *k, const struct place *place,
                         const struct nst_json *results)
{
    const struct nst_json *item = results != NULL ? results->first : NULL;
    for (; item != NULL; item = item->next) {
        const struct known one = {
            .place = place,
            .key = copy_text(k->arena, nst_json_get(item, NST_STR("student_key"))),
            .status = copy_text(k->arena, nst_json_get(item, NST_STR("status"))),
            .curriculum = copy_text(k->arena, nst_json_get(item, NST_STR("curriculum_uuid"))),
        };
        if (one.key.p != NULL)
            add(k, &one);
    }
}

static int read_list(struct roster_known *k, const struct place *place, struct cli_api *api)
{
    struct nst_arena *scratch = nst_arena_new((size_t)1 << 18);
    struct nst_buf path;
    int status = EXIT_DONE;
    nst_buf_init(&path, k->arena, SIZE_MAX / 4);
    nst_put(&path, cli_api_path(scratch, place->program, place->course, LIST_PAGE));
    while (status == EXIT_DONE && path.n > 0) {
        const struct nst_json *results = NULL;
        status = cli_api_page(&results, &path, api, scratch);
        if (status == EXIT_DONE)
            take_results(k, place, results);
        nst_arena_reset(scratch);
    }
    nst_arena_free(scratch);
    return status;
}

static struct place *place_of(const struct roster_known *k, const struct roster_row *row)
{
    struct place *place = k->place;
    while (place != NULL && !(nst_str_eq(place->program, row->value[ROSTER_PROGRAM]) &&
                              nst_str_eq(place->course, row->value[ROSTER_COURSE])))
        place = place->next;
    return place;
}

static int open_place(struct place **out, struct roster_known *k, const struct roster_row *row,
                      struct cli_api *api)
{
    *out = place_of(k, row);
    if (*out != NULL)
        return EXIT_DONE;
    if (k->bucket == NULL)
        k->bucket = NST_NEW_ARRAY(k->arena, struct known *, BUCKETS);
    struct place *place = NST_NEW(k->arena, struct place);
    place->program = nst_str_copy(k->arena, row->value[ROSTER_PROGRAM]);
    if (row->value[ROSTER_COURSE].p != NULL)
        place->course = nst_str_copy(k->arena, row->value[ROSTER_COURSE]);
    place->next = k->place;
    k->place = *out = place;
    return read_list(k, place, api);
}

static struct nst_str canonical_uuid(struct nst_arena *a, struct nst_str text)
{
    const struct nst_json v = { .kind = NST_JSON_STRING, .text = text };
    struct nst_str uuid;
    return enroll_uuid_read(&uuid, a, &v) ? uuid : text;
}

static bool is_equal(const struct known *one, const struct roster_row *row,
                     const struct roster_send_how *how)
{
    return nst_str_eq(one->status, row->value[ROSTER_STATUS]) &&
           (how->kind->is_course ||
            nst_str_eq(canonical_uuid(how->arena, one->curriculum),
                       canonical_uuid(how->arena, row->value[ROSTER_CURRICULUM])));
}

static int settle(struct roster_row *row, struct roster_known *k, struct cli_api *api,
                  const struct roster_send_how *how)
{
    struct place *place;
    int status = open_place(&place, k, row, api);
    if (status != EXIT_DONE)
        return status;
    const struct known *one = find(k, place, key_of(row->value[ROSTER_KEY], how->kind));
    if (one != NULL && is_equal(one, row, how))
        row->outcome = how->resumes ? row->value[ROSTER_STATUS] : NST_STR(ROSTER_UNCHANGED);
    return EXIT_DONE;
}

/* A place that was read is kept up; one that was not will be read with this in it. */
static void keep_up(const struct roster_row *row, struct roster_known *k,
                    const struct roster_kind *kind)
{
    const struct place *place = place_of(k, row);
    if (place == NULL)
        return;
    const struct known one = {
        .place = place,
        .key = nst_str_copy(k->arena, key_of(row->value[ROSTER_KEY], kind)),
        .status = nst_str_copy(k->arena, row->value[ROSTER_STATUS]),
        .curriculum = nst_str_copy(k->arena, row->value[ROSTER_CURRICULUM]),
    };
    add(k, &one);
}

int roster_known_settle(struct roster_row *const *row, size_t count, struct cli_api *api,
                        const struct roster_send_how *how)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < count; i++)
        if (nst_str_eq(row[i]->outcome, row[i]->value[ROSTER_STATUS]))
            keep_up(row[i], how->known, how->kind);
    for (size_t i = 0; i < count && status == EXIT_DONE; i++)
        if (nst_str_eq(row[i]->outcome, NST_STR("conflict")))
            status = settle(row[i], how->known, api, how);
    return status;
}
