/* Content: what stands in a source and is versioned with it. A row is one version of a
 * thing, valid for the revisions [rev_from, rev_to) of its source; the present one is open.
 * Every write closes the present version at the next revision and opens another, so that
 * releases keep what they had. What is said here once holds for every kind of content. */
#ifndef OCL_CONTENT_H
#define OCL_CONTENT_H

#include "ocl/app.h"
#include "ocl/checksum/checksum.h"
#include "ocl/content/tally.h"
#include "ocl/source/source.h"

/* The upper end of an open interval. */
#define OCL_OPEN     INT64_MAX
#define OCL_OPEN_SQL "9223372036854775807"

/* ---- Addresses (address.c) ---- */

/* The pieces of an address, decoded; null: not in it, as HEAD is no version. */
struct ocl_address {
    struct nst_str source_url, version, code;
};

/* Read the address of a source or of a concept, at a version of either or at none, with and
 * without the slash at its end. False when it is none. In rq's arena. */
bool ocl_read_address(struct ocl_address *out, struct nst_req *rq, struct nst_str text);

/* What rq->missing says where all that is wrong with a write is a parent that is not there; of
 * several, rq->missing_at is the address of the first. */
#define OCL_PARENT "parent concept"

/* The address of a concept, in a. */
struct nst_str ocl_concept_url(struct nst_arena *a, struct nst_str source_url,
                               struct nst_str code);

/* The address of a mapping, in a. */
struct nst_str ocl_mapping_url(struct nst_arena *a, struct nst_str source_url,
                               struct nst_str code);

/* Append the address of the concept that a source names as the topmost, as JSON. */
void ocl_put_root_url(struct nst_buf *out, struct nst_str owner_url, struct nst_str source,
                      struct nst_str code);

/* The address of a source, in a. */
struct nst_str ocl_source_url(struct nst_arena *a, struct nst_str owner_url, struct nst_str id);

/* The address of the source in the path, in rq's arena. */
struct nst_str ocl_home_url(struct nst_req *rq);

/* What the row of every kind begins with. */
struct ocl_content {
    struct nst_row row; /* id: number of the version */
    struct nst_str id, external_id, extras, update_comment, retire_reason;
    bool retired, is_latest, public_can_view;
    int64_t repo_id, object_id, rev_from, rev_to, previous_id, number, previous_number;
    int64_t created_at, created_by, version_created_at, version_created_by;
    struct nst_str source, owner, owner_type, owner_url, creator, author;
    struct nst_str object_number, version_number, latest_source_version;
    struct nst_str standard_checksum, smart_checksum;
    const struct ocl_content *former; /* the version that it is made from; NULL: it is the first */
};

/* `checksums`, of the two that a version is stored with (V408). */
extern const struct nst_type ocl_stored_checksums;

/* The fields of these members, for struct s that begins with a member `content`.
 *   t       table
 *   object  its column with the number of the thing */
#define OCL_CONTENT_CORE(n, s, m, type, c, more, sentence) \
    NST_FIELD(n, s, content.m, type, .column = c, .flags = NST_NEVER_NULL | NST_CORE | (more), \
              .doc = sentence)
#define OCL_CONTENT_FIELDS(s, t, object) \
    NST_FIELD("external_id", s, content.external_id, &nst_text, .flags = NST_FILTER, .max = 255, \
              .doc = "Identifier in another system."), \
        NST_FIELD("extras", s, content.extras, &nst_json_object, .fallback = "{}", \
                  .doc = "Free JSON object."), \
        NST_FIELD("retired", s, content.retired, &nst_bool, .fallback = "false", \
                  .flags = NST_FILTER | NST_CORE, .doc = "Out of use."), \
        NST_FIELD("update_comment", s, content.update_comment, &nst_text, \
                  .doc = "Why it changed."), \
        NST_FIELD("retire_reason", s, content.retire_reason, &nst_text, .doc = "Why it retired."), \
        OCL_CONTENT_CORE("repo_id", s, repo_id, &nst_int, NULL, 0, "Number of the source."), \
        OCL_CONTENT_CORE("object_id", s, object_id, &nst_int, object, 0, \
                         "Number that all its versions share."), \
        OCL_CONTENT_CORE("rev_from", s, rev_from, &nst_int, NULL, 0, \
                         "Revision that it began with."), \
        OCL_CONTENT_CORE("rev_to", s, rev_to, &nst_int, NULL, 0, "Revision that ended it."), \
        NST_FIELD("previous_id", s, content.previous_id, &nst_int, .doc = "The former version."), \
        NST_FIELD("created_at", s, content.created_at, &nst_datetime, .flags = NST_NEVER_NULL, \
                  .doc = "When it came into being."), \
        NST_FIELD("created_by_id", s, content.created_by, &nst_int, .column = "created_by", \
                  .doc = "Number of its creator."), \
        NST_FIELD("version_created_at", s, content.version_created_at, &nst_datetime, \
                  .flags = NST_CORE | NST_NEVER_NULL, \
                  .doc = "When the version came into being."), \
        NST_FIELD("version_created_by_id", s, content.version_created_by, &nst_int, \
                  .column = "version_created_by", .doc = "Number of its author."), \
        NST_FIELD("created_by", s, content.creator, &nst_text, \
                  .column = OCL_NAME_OF(t ".created_by"), .flags = NST_LAZY, \
                  .doc = "Who created it."), \
        NST_FIELD("version_created_by", s, content.author, &nst_text, \
                  .column = OCL_NAME_OF(t ".version_created_by"), .flags = NST_LAZY, \
                  .doc = "Who made this version."), \
        NST_FIELD("version", s, content.number, &nst_int, .column = t ".id", \
                  .flags = NST_NEVER_NULL | NST_CORE, \
                  .doc = "Number of the version, last part of its address."), \
        NST_FIELD("previous_version", s, content.previous_number, &nst_int, \
                  .column = t ".previous_id", .doc = "Number of the former version."), \
        NST_FIELD("uuid", s, content.object_number, &nst_text, \
                  .column = "CAST(" t "." object " AS text)", .flags = NST_NEVER_NULL | NST_LAZY, \
                  .doc = "Number that all its versions share, as text."), \
        NST_FIELD("version_number", s, content.version_number, &nst_text, \
                  .column = "CAST(" t ".id AS text)", .flags = NST_LAZY, \
                  .doc = "Number of the version, as text."), \
        NST_FIELD("is_latest_version", s, content.is_latest, &nst_bool, \
                  .column = "(" t ".rev_to = " OCL_OPEN_SQL ")", .flags = NST_NEVER_NULL, \
                  .doc = "It is the newest."), \
        NST_FIELD("public_can_view", s, content.public_can_view, &nst_bool, \
                  .column = "(repo.public_access <> 'None')", .flags = NST_NEVER_NULL, \
                  .doc = "Everybody may read it."), \
        OCL_CONTENT_CORE("source", s, source, &nst_slug, "repo.mnemonic", 0, \
                         "Id of the source."), \
        OCL_CONTENT_CORE("owner", s, owner, &nst_slug, "repo.owner", 0, \
                         "Id of the owner."), \
        OCL_CONTENT_CORE("owner_type", s, owner_type, &nst_text, "repo.owner_type", 0, \
                         "Organization or User."), \
        OCL_CONTENT_CORE("owner_url", s, owner_url, &nst_url, "repo.owner_url", 0, \
                         "Address of the owner."), \
        NST_FIELD("latest_source_version", s, content.latest_source_version, &nst_text, \
                  .column = "(SELECT v.mnemonic FROM repo_version v WHERE v.repo_id = " t \
                            ".repo_id AND v.is_active AND v.mnemonic <> 'INITIAL' " \
                            "AND v.rev >= " t ".rev_from AND v.rev < " t \
                            ".rev_to ORDER BY v.rev DESC, v.id DESC LIMIT 1)", \
                  .flags = NST_LAZY, .doc = "Newest version of the source that holds it."), \
        NST_FIELD("standard_checksum", s, content.standard_checksum, &nst_text, \
                  .doc = "Of what an author can change."), \
        NST_FIELD("smart_checksum", s, content.smart_checksum, &nst_text, \
                  .doc = "Of what changes the meaning."), \
        NST_MADE("checksums", &ocl_stored_checksums, "{standard_checksum}{smart_checksum}", \
                 .doc = "Checksums of the fields."), \
        NST_LINK("source_url", "{owner_url}sources/{source}/", .doc = "Address of the source.")

/* What lists of every kind can be asked for (V335, V338); the repositories of a name are few. */
#define OCL_OF_REPO(n, t, c, sentence) \
    { \
        n, .column = t ".repo_id", .other = "r." c, .among = "SELECT r.id FROM repo r WHERE ?", \
           .doc = sentence \
    }
#define OCL_CONTENT_FILTERS(t) \
    OCL_OF_REPO("source", t, "mnemonic", "Id of the source."), \
        OCL_OF_REPO("owner", t, "owner", "Id of the owner."), \
        OCL_OF_REPO("owner_type", t, "owner_type", "Organization or User."), \
        { "updated_by", .column = t ".version_created_by", .other = "a.username", \
          .among = "SELECT a.id FROM account a WHERE ?", \
          .doc = "Who made the version." }, \
        { "updated_since", NST_SINCE, .column = t ".version_created_at", \
          .doc = "Time of the last change." }, \
    { \
        "extras", NST_KEYS, .doc = "Keys of the free JSON object." \
    }

/* Sorts of every kind (V332). */
#define OCL_CONTENT_SORTS(t) \
    OCL_RANKED, { "id", t ".mnemonic", .never_null = true }, \
        { "id_lowercase", "lower(" t ".mnemonic)", .never_null = true }, \
        { "numeric_id", "length(" t ".mnemonic)|" t ".mnemonic", .never_null = true }, \
        { "last_update", t ".version_created_at", .never_null = true }, \
        { "source", "repo.mnemonic", .never_null = true }, \
    { \
        "owner", "repo.owner", .never_null = true \
    }

/* Where something that is left out of new content comes from (V407). */
struct ocl_autoid {
    size_t mode, start;   /* members of struct ocl_source: how, and the first number */
    const char *counter;  /* column of `repo`: the next number */
    const char *compared; /* expression over the kind's table that has it, served by an index */
};

#define OCL_AUTOID(kind, what, column, expression) \
    { \
        offsetof(struct ocl_source, autoid.kind##_##what), \
            offsetof(struct ocl_source, autoid.kind##_##what##_start_from), column, expression \
    }

/* A kind of content. */
struct ocl_kind {
    const struct nst_resource *resource; /* its struct begins with struct ocl_content */
    const char *word, *noun;             /* in texts about it: "Concept", "concept" */
    const char *object;                  /* column with the number that all versions share */
    enum ocl_counted counted;            /* which counts of a source it moves */
    const char *const *lists;            /* fields of child objects; NULL-terminated; or NULL */
    struct ocl_autoid id, external_id;   /* for what comes without */
    enum nst_err of_list;                /* creating several at once; 0: as any wrong body */
    nst_permission *may_erase;           /* ... for good; NULL: whoever may retire it */
    /* Complete and check a version that is about to be stored. NULL: nothing to do.
     * Errors: any, with the problem recorded. */
    enum nst_err (*settle)(struct nst_req *rq, void *row);
    /* Give a line of an import that has no id the one it means. NULL: lines have ids.
     * Errors: any, with the problem recorded. */
    enum nst_err (*name)(struct nst_req *rq, void *row);
    /* The checksums of a version: two that have the same standard one say the same (V404,
     * V611). In rq's arena. */
    struct ocl_checksums (*sums)(struct nst_req *rq, const void *row);
    /* Whether it stands below another of its kind: such are counted. NULL: none does. */
    bool (*is_below)(const void *row);
    /* Change what else follows from a version that has just been stored.
     *   rev     its revision
     *   row     the version; NULL: the thing was erased
     *   former  the one before it; NULL: it is the first
     * NULL: nothing follows. Errors: any. */
    enum nst_err (*follow)(struct nst_req *rq, int64_t rev, const void *row, const void *former);
    /* The sources that its two ends lead to, 0 for none: whoever may not see one of them is not
     * told of it. NULL: it has no ends. */
    void (*ends)(int64_t out[2], const void *row);
    /* A former version is about to be stored again behind the present one: what of it others than
     * the thing decide is as it is now, and what was good then is judged again. NULL: nothing.
     *   next  a copy of the former one */
    void (*revert)(struct nst_req *rq, void *next, const void *present);
    /* Whether others of its kind stand below it. NULL: none do. */
    bool (*is_above)(const void *row);
    /* Take what nobody says of a thing, since it follows from others, from the version before. NULL:
     * there is nothing of the kind. */
    void (*carry)(void *row, const void *former);
    /* Tell all that a version counts for in the tallies of its source. */
    void (*tell)(struct ocl_teller *teller, const void *row);
};

/* ---- Revisions (revision.c) ---- */

/* What the next write to the content of a source gets. */
struct ocl_change {
    int64_t rev;    /* the revision that the write makes */
    int64_t at;     /* its time: never before that of the former one, whatever the clock says */
    int64_t number; /* first of the numbers asked for, already with the owner's ordinal */
};

/* What a write does: numbers that it needs, the version that goes and the one that comes, by
 * which counts and tallies move; either may be NULL. */
struct ocl_delta {
    int64_t numbers;
    const struct ocl_kind *kind;
    const struct ocl_content *former, *next;
};

/* A run of writes to one source inside one transaction: revisions and numbers are taken a
 * thousand at a time, counts and tallies are moved at its end. Begun before its first use;
 * handed over as rq->context. */
struct ocl_run {
    int64_t repo, rev, revs_left, number, numbers_left, at;
    struct ocl_count count[OCL_COUNTED];
    struct ocl_tallies tallies;
};

/* Forget whatever the run had. It keeps its tallies in the arena, which is reset here and with
 * every flush. */
void ocl_run_begin(struct ocl_run *run, struct nst_arena *a);

/* Write down what the run has counted and give back what it did not use; before its transaction
 * ends, and before anything else looks at the source.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_run_flush(struct ocl_run *run, struct nst_db *db);

/* Open the next revision of the source, which the request holds.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_advance(struct ocl_change *out, struct nst_req *rq, int64_t repo,
                                     const struct ocl_delta *delta);

/* Undo the last advance, with the delta that it had: its write did not happen. */
NST_CHECKED enum nst_err ocl_take_back(struct nst_req *rq, int64_t repo,
                                       const struct ocl_delta *delta);

/* Place in ocl_concept.sets and ocl_mapping.sets: the rows that a version of a source holds. */
#define OCL_PINNED 0

/* Bits of a row number below the source's ordinal. */
#define OCL_NUMBER_BITS 39

/* ---- Which version of the content a path means (content.c): for hooks ----
 *   t  table of the kind */

/* " AND ...": what stood in intervals of a source at a revision of it; below 0: what stands in them
 * at present. */
void ocl_put_moment(struct nst_sql *q, const char *t, int64_t rev);

/* The content of the source in the path at the moment that is asked for, or the present one
 * of all sources (G58, G72). A walk through the pages of a source stays in the revision that
 * it began with. */
enum nst_err ocl_present_scope(struct nst_sql *q, struct nst_req *rq,
                               const struct nst_object *parent, const char *t);

/* What the version of the source in the path holds (G20, G83). */
enum nst_err ocl_held_scope(struct nst_sql *q, struct nst_req *rq,
                            const struct nst_object *parent, const char *t);

/* The versions of the thing in the path; under a version of the source only the one that it
 * holds.
 *   object  column with the number of the thing */
enum nst_err ocl_history_scope(struct nst_sql *q, struct nst_req *rq,
                               const struct nst_object *parent, const char *t, const char *object);

/* Leave out what is retired, unless it is asked for, and what lies in sources that the
 * caller may not see. */
enum nst_err ocl_content_visible(struct nst_sql *q, struct nst_req *rq, const char *t);

/* The number of rows of a list, from the counts that are kept with each revision. */
enum nst_err ocl_content_count(int64_t *out, bool *found, struct nst_req *rq,
                               const struct ocl_kind *kind);

/* ---- Content as it was (as_of.c): ?asOf= of a read, a revision or a time ----
 *   t  table of the kind */

/* The revision of the source that a read is about: of the walk that it goes on with, else of
 * the query; -1: the present.
 * Errors: NST_E_INVALID with a problem under `asOf`; those of nst_query. */
NST_CHECKED enum nst_err ocl_moment(int64_t *rev, struct nst_req *rq, const struct ocl_source *s);

/* A parameter of the query, and what is said of a value that is no moment. */
struct ocl_moment_parameter {
    const char *name, *unreadable;
};

/* A moment that a parameter says: a revision, or a time.
 * Errors: NST_E_INVALID with a problem under its name; those of nst_query. */
NST_CHECKED enum nst_err ocl_read_moment(int64_t *rev, struct nst_req *rq,
                                         const struct ocl_source *s,
                                         const struct ocl_moment_parameter *p);

/* The number of the first row that a revision did not have yet; behind the last one when
 * there is none. */
NST_CHECKED enum nst_err ocl_first_after(int64_t *number, struct nst_req *rq,
                                         const struct ocl_source *s, const char *t, int64_t rev);

/* The same of the first row that was made at that time or later. */
NST_CHECKED enum nst_err ocl_first_since(int64_t *number, struct nst_req *rq,
                                         const struct ocl_source *s, const char *t, int64_t time);

/* Fail where the query asks for a moment of what has no revisions. */
NST_CHECKED enum nst_err ocl_refuse_moment(struct nst_req *rq);

/* The counts of the source at a revision; costs as much as changed since. */
NST_CHECKED enum nst_err ocl_count_at(struct ocl_count *out, struct nst_req *rq,
                                      const struct ocl_source *s, const struct ocl_kind *kind,
                                      int64_t rev);

/* The parameter, of what is described otherwise. */
#define OCL_AS_OF \
    { \
        "asOf", "{\"type\":\"string\",\"examples\":[\"0\"]}", \
            "The content as it was: a revision of the source, or a time in UTC.", \
            .is_of_scope = true \
    }

/* GET of one thing: its parameters. */
extern const struct nst_description ocl_content_detail;

/* The state of a list: the revision of the source; of a version of it, which does not change
 * any more. */
int64_t ocl_present_state(struct nst_req *rq);
int64_t ocl_held_state(struct nst_req *rq);

/* Parameters of lists, for .asked. */
#define OCL_CONTENT_ASKED \
    { "includeRetired", NST_SWITCH_SCHEMA, "Retired ones as well." }, OCL_AS_OF
extern const struct nst_parameter ocl_content_asked[];

/* Both checksums of a row of a page, for its headers (V329): for the hook keep. */
void ocl_content_keep(struct nst_buf *kept, const void *row);

/* ---- Ids for content that comes without (autoid.c, V407) ---- */

/* Fill in what is null as the source says that the request holds; it stays null where that says
 * nothing. A number is the next one that nobody took; finding it costs no walk.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_give_id(struct nst_str *id, struct nst_req *rq,
                                     const struct ocl_kind *kind, const struct ocl_autoid *how);

/* Does the source give numbers for it? */
bool ocl_counts_ids(struct nst_req *rq, const struct ocl_autoid *how);

/* A random UUID as text, in a. */
struct nst_str ocl_new_uuid(struct nst_arena *a);

/* ---- Writing (write.c) ---- */

/* What the body of a retirement says (V248). */
struct ocl_retirement {
    struct nst_row row;
    struct nst_str update_comment, retire_reason;
};

extern const struct nst_resource ocl_retirement;

/* Complete a new thing: its first version opens at the next revision. For before_create. */
enum nst_err ocl_content_open(struct nst_req *rq, const struct ocl_kind *kind, void *row);

/* What follows from the first version, once it is stored. For after_create.
 * Errors: those of kind->follow. */
NST_CHECKED enum nst_err ocl_content_opened(struct nst_req *rq, const struct ocl_kind *kind,
                                            const void *row);

/* Begin a change of another thing of the source, which follows from a write.
 *   stored  its present version, whole; NULL: there is none
 *   next    as in ocl_content_begin
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_content_begin_other(void **next, void **stored, struct nst_req *rq,
                                                 const struct ocl_kind *kind, struct nst_str id);

/* End it: store `next`, whatever it says.
 * Errors: those of nst_query, of kind->follow. */
NST_CHECKED enum nst_err ocl_content_end_other(struct nst_req *rq, const struct ocl_kind *kind,
                                               void *next, const void *stored);

/* Begin a change of the thing in the path.
 *   stored  its present version, whole
 *   next    the same on its way to be the next one, without a comment; both owned by rq
 * Errors: those of nst_load_id. */
NST_CHECKED enum nst_err ocl_content_begin(void **next, void **stored, struct nst_req *rq,
                                           const struct ocl_kind *kind);

/* End it: close `stored` at the next revision of the source, which the request holds, and open
 * `next` in its place.
 *   changed  false where both say the same on a face that tells so (V404): nothing is stored,
 *            and the answer is made
 * Errors: those of kind->settle, of nst_query. */
NST_CHECKED enum nst_err ocl_content_end(bool *changed, struct nst_req *rq,
                                         const struct ocl_kind *kind, void *next,
                                         const void *stored);

/* The same whatever both say, and the answer where they say the same.
 * Errors: those of kind->settle, of nst_query. */
NST_CHECKED enum nst_err ocl_content_store(struct nst_req *rq, const struct ocl_kind *kind,
                                           void *next, const void *stored);
enum nst_err ocl_content_unchanged(struct nst_req *rq);

/* Whether a version of the source holds it, in any of its own. Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_content_is_released(bool *out, struct nst_req *rq,
                                                 const struct ocl_kind *kind,
                                                 const struct ocl_content *c);

/* Erase the thing of which c is the present version for good, with a tombstone.
 * Errors: those of nst_query, of kind->follow. */
NST_CHECKED enum nst_err ocl_content_erase(struct nst_req *rq, const struct ocl_kind *kind,
                                           const struct ocl_content *c);

/* Limits of JSON that is stored: each piece of it came with a body, and has kept those. */
extern const struct nst_json_limits ocl_stored_limits;

/* Append a member to the tree that checksums are made of: a text, or null; stored JSON, left
 * out where it is null. In rq's arena. */
void ocl_add_text(struct nst_req *rq, struct nst_json *object, const char *name,
                  struct nst_str text);
void ocl_add_json(struct nst_req *rq, struct nst_json *object, const char *name,
                  struct nst_str json);

/* Take all versions of a kind that these conditions (each starting with " AND ") choose, in the order
 * of their numbers: a request without a caller, whose arena is good until `each` returns, and the
 * number.
 * Errors: those of nst_query and of `each`. */
NST_CHECKED enum nst_err ocl_each_version(struct nst_req *rq, const struct ocl_kind *kind,
                                          const struct nst_sql *which,
                                          enum nst_err (*each)(struct nst_req *rq, int64_t id,
                                                               void *arg),
                                          void *arg);

/* Make the checksums of a version anew; of none with that number nothing.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_seal_again(struct nst_req *rq, const struct ocl_kind *kind, int64_t id);

/* Give versions of older databases their checksums, some at a time, and log how far it is.
 * Blocks on the database.
 * Errors: those of nst_store_run. */
NST_CHECKED enum nst_err ocl_fill_checksums(struct nst_store *store,
                                            struct nst_registry *registry);

/* Store a version that differs in its extras alone: for struct ocl_extras_store (V208). */
enum nst_err ocl_content_store_extras(struct nst_req *rq, const struct ocl_kind *kind,
                                      const void *row);

/* Views whose action has the kind as its `arg`: create (V238), update (G124, V247, V404),
 * retire (G126, V248), retire or erase as the query says (V249), bring back (V248), one line
 * of an import (V611), one that deletes, where 208 says that it is retired already. Under the guide update and retire say what is not there (G125). */
nst_view ocl_content_create, ocl_content_update, ocl_content_retire, ocl_content_remove,
    ocl_content_reactivate, ocl_content_import, ocl_content_discard;

/* A line of an import that finds the thing there, with this parameter of the query: it is left
 * alone, and answered with this status. */
#define OCL_IMPORT_KEEPS "keep_existing"
#define OCL_IMPORT_KEPT  304

/* A line of what keeps a copy of a source, with this parameter: it says all that the thing is, and
 * what it does not say, the thing is not. One that deletes takes it out of the source; it stays in
 * the versions that have it, and a tombstone tells of it. */
#define OCL_IMPORT_COPIES "copies"

/* Whether the request is such a line: of the import face, which is no address of a server. */
bool ocl_is_copying(struct nst_req *rq);

/* ---- Going back (revert.c) ---- */

/* A view as those: the body has the number of a former version of the thing (`version`), which is
 * stored again as the next one with `update_comment`; 0 erases the thing, for undoing what created
 * it. 208: it says that already.
 * Errors: NST_E_CONFLICT where a version of the source holds what is to be erased, or others stand
 * below it; NST_E_NOT_FOUND for the version of another thing; NST_E_INVALID with what a rule says
 * today of what was so then; those of nst_query. */
nst_view ocl_content_revert;

/* How the views of /v2/ are described. */
extern const struct nst_description ocl_content_creation, ocl_content_updating,
    ocl_content_removal, ocl_content_return;

#endif
