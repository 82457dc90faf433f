/* The terminology application: its faces and the rules that its resources
 * share. Every face is declared in app.c; what differs between them is a member
 * of `struct ocl_face`, never a comparison with a face elsewhere. */
#ifndef OCL_APP_H
#define OCL_APP_H

#include "nestor/accounts.h"
#include "nestor/rest.h"

/* A face of this application: names and texts, and its policies. */
struct ocl_face {
    struct nst_face face;              /* first: rq->face points here */
    bool reads_anonymously;            /* V104; the guide needs a token everywhere (G27) */
    bool lists_retired;                /* G126; V338 hides them unless includeRetired */
    bool shows_initial;                /* the version INITIAL exists here (G110, V118) */
    bool releases_one;                 /* releasing one version un-releases the others (G13) */
    bool versions_describe_themselves; /* a version's description is never its source's (G12) */
    bool names_missing;                /* 404 of a repository names its model (V344) */
    bool replaces_lists;               /* a list that PUT leaves out is empty (V247) */
    bool tells_unchanged;              /* 208 where nothing changes, and no version (V404) */
    bool emails_are_unique;            /* nobody is given another's address (V211) */
    bool tells_deactivated;       /* to who knows the password; else as if unknown (V802, G85) */
    const char *released_refusal; /* withdrawing the released version; NULL: allowed */
};

extern const struct ocl_face ocl_guide, ocl_v2, ocl_import;

/* Have /v2/ answer nobody who is not known (V806), from the start of the program on.
 *   upgrade_url  where somebody gets an account, as the refusal tells; empty: nothing is told.
 *                It must live as long as the program */
void ocl_require_authentication(bool is_required, struct nst_str upgrade_url);

/* The policies of the face of this request. */
const struct ocl_face *ocl_face_of(const struct nst_req *rq);

#define GUIDE  (&ocl_guide.face)
#define V2     (&ocl_v2.face)
#define IMPORT (&ocl_import.face)

/* Paths: an owner, and what lies under it. */
#define O         "/(orgs/:org|users/:user|user~user)/"
#define S         O "sources/:source/"
#define S_VERSION S "(:version|latest~version)/"

/* What this application keeps of accounts: sources, memberships. */
extern const struct nst_belongings ocl_belongings;

/* All resources of the application, NULL-terminated; made by the build. */
extern const struct nst_resource *const ocl_resources[];

/* Who and when: the same six fields on every resource of struct s in a table. The
 * struct has the members created_at, updated_at, created_by, updated_by (numbers of
 * accounts), creator and updater (their names). */
#define OCL_NAME_OF(column) "(SELECT a.username FROM account a WHERE a.id = " column ")"
#define OCL_STAMPS(s, table) \
    NST_FIELD("created_at", s, created_at, &nst_datetime, .flags = NST_CORE, \
              .fill = NST_AUTO_CREATED, .doc = "Time of creation."), \
        NST_FIELD("updated_at", s, updated_at, &nst_datetime, .fill = NST_AUTO_UPDATED, \
                  .doc = "Time of the last change."), \
        NST_FIELD("created_by_id", s, created_by, &nst_int, .column = "created_by", \
                  .fill = NST_AUTO_CREATOR, .doc = "Number of the creator."), \
        NST_FIELD("updated_by_id", s, updated_by, &nst_int, .column = "updated_by", \
                  .fill = NST_AUTO_UPDATER, .doc = "Number of the last editor."), \
        NST_FIELD("created_by", s, creator, &nst_text, .column = OCL_NAME_OF(table ".created_by"), \
                  .flags = NST_LAZY, .doc = "Who created it."), \
        NST_FIELD("updated_by", s, updater, &nst_text, .column = OCL_NAME_OF(table ".updated_by"), \
                  .flags = NST_LAZY, .doc = "Who changed it last.")

/* Rows of .filter, of a resource with stamps and extras (V338). */
#define OCL_FILTERS(table) \
    { "updated_since", NST_SINCE, .column = table ".updated_at", \
      .doc = "Time of the last change." }, \
    { \
        "extras", NST_KEYS, .doc = "Keys of the free JSON object." \
    }

/* Rows of .sort: by rank there is no other order than the usual one yet (V332). */
#define OCL_RANKED \
    { "score" }, \
    { \
        "best_match" \
    }

/* Bytes that the hook `keep` of content has of a row: its standard checksum, the smart one. */
#define OCL_KEPT ((size_t)2 * OCL_CHECKSUM_LENGTH)

/* Rows of .switches: of content its checksums alone, with more rows than other pages (V243). */
#define OCL_DIGEST(sentence) \
    { \
        "brief", NST_LIST, NST_DIGEST, sentence, \
            .also = "checksums", \
            .also_doc = "With brief: the checksums and what they are of, 20000 rows at most.", \
            .limit_max = 20000 \
    }

/* Row of .switches. */
#define OCL_VERBOSE \
    { \
        "verbose", NST_LIST, NST_DETAIL, "Rows as the detail has them." \
    }

/* Of a removal that may be for good (G149): its switch, and what describes it. */
extern const struct nst_parameter ocl_purge_parameter[];
extern const struct nst_description ocl_removal;

/* The same under /v2/, where it may be a task one day (V221). */
extern const struct nst_description ocl_v2_removal, ocl_v2_repo_removal;

/* ---- Permissions (access.c) ---- */

/* Any token (G27), or anyone on faces that read anonymously. */
nst_permission ocl_any_caller;

/* Any token, on every face. */
nst_permission ocl_any_token;

/* Staff (G33); superusers alone (V215). */
nst_permission ocl_staff_only, ocl_superuser_only;

/* The schema of an answer that says what is wrong, by its fields. */
#define OCL_REASON "{\"type\":\"object\"}"

/* HasOwnership (G29) of the organisation or user that the path named last. */
nst_permission ocl_has_ownership;

/* As ocl_has_ownership, on an account: staff leaves that of a superuser alone. */
nst_permission ocl_may_change_user;

/* The same of the owner that the path leads through, whatever it names last; staff where it leads
 * through none. */
nst_permission ocl_owner_or_staff;

/* HasOwnership of the object; a staff-only purge where the query asks for it. */
nst_permission ocl_may_delete_owner, ocl_may_delete_user, ocl_may_delete_source;

/* The edit right (G31) and private access (G30) on the source in the path. */
nst_permission ocl_may_edit, ocl_has_private_access;

struct ocl_source;

/* The same of a source, and of an organisation by its number, that the path does not name: what
 * belongs to it stands at an address of its own.
 * Errors: NST_E_UNAUTHENTICATED, NST_E_FORBIDDEN, those of nst_query. */
NST_CHECKED enum nst_err ocl_may_manage_source(struct nst_req *rq, const struct ocl_source *s);
NST_CHECKED enum nst_err ocl_may_manage_org(struct nst_req *rq, int64_t org);

/* Refuse a write to a source that is a copy, with a sentence that names where it comes from: 403.
 * The permissions above do so, whoever it is. */
NST_CHECKED enum nst_err ocl_refuse_copy(struct nst_req *rq, const struct ocl_source *s);

/* Refuse to delete an owner that has copies: 409. */
NST_CHECKED enum nst_err ocl_keep_copies(struct nst_req *rq, struct nst_str owner_url);

/* Members of the owner in the path, and staff; others hear 403 without a body, whoever they
 * are (V225). */
nst_permission ocl_may_add;

/* Whoever has private access; a purge is for staff (V310, V106). */
nst_permission ocl_may_delete_repo;

/* Members and staff; others get 403 without a body (G65, V222). */
nst_permission ocl_member_or_staff;

/* The organisation in the path is not hidden from the caller: for itself 401 or 403
 * (V806), for the list of its members 403 (V222). */
nst_permission ocl_may_view_org, ocl_may_list_members;

/* What an owner keeps: an organisation that is hidden shows it to nobody else. */
nst_permission ocl_may_view_owner;

/* The same as SQL for lists: " AND (...)" over the table `org`. */
enum nst_err ocl_visible_orgs(struct nst_sql *q, struct nst_req *rq);

/* Append " AND COLUMN IN (...)": the numbers of the organisations that a user is a member of, as
 * far as the caller may know of that (see /users/:user/orgs/). Errors: those of the conditions. */
NST_CHECKED enum nst_err ocl_put_orgs_of(struct nst_sql *q, struct nst_req *rq, const char *column,
                                         int64_t user);

/* The view right (G31, V806) on a row that carries owner and public access, as
 * C for an object in hand ... */
enum nst_err ocl_may_view(struct nst_req *rq, const struct nst_object *o);

/* ... and as SQL for lists: " AND (...)" over the table `repo`. */
enum nst_err ocl_visible_repos(struct nst_sql *q, struct nst_req *rq);

/* The other ones: what the caller may not see. */
void ocl_hidden_repos(struct nst_sql *q, struct nst_req *rq);

/* A condition: what stands in `own` may be read by somebody who may not see `far`; both are `repo`
 * under some name. What is made for every reader alike (exports) says nothing of such a source. */
#define OCL_HIDDEN_FROM_READERS(far, own) \
    far ".public_access = 'None' AND NOT (" own ".public_access = 'None' AND " own \
        ".owner_type = " far ".owner_type AND " own ".owner_id = " far ".owner_id)"

/* True when the user is a member of the organisation now.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_is_member(bool *out, struct nst_req *rq, int64_t org, int64_t user);

/* ---- Deleting ---- */

/* Let a flag of an account be so, for a request: nst_account_set_flag, and nobody takes the own
 * rights away. Errors: those of that, with what is said of them. */
NST_CHECKED enum nst_err ocl_set_flag(struct nst_req *rq, const struct nst_account_shown *account,
                                      enum nst_flag flag, bool value);

/* Write down an administrative act on what the path names (nst_audit). */
NST_CHECKED enum nst_err ocl_audit_act(struct nst_req *rq, const char *act);

/* The same of an act on what is that organisation's or that user's, or on itself, where the caller
 * does it by the right of staff alone: who is a member or that user administers nothing.
 *   on  its address; null: what the path names */
NST_CHECKED enum nst_err ocl_audit_others(struct nst_req *rq, const char *act,
                                          const struct nst_object *owner, struct nst_str on);

/* True when the query asks for `hardDelete` (G149, V106). */
bool ocl_wants_purge(struct nst_req *rq);

/* Erase for good every row of the table that `which` (a SELECT of ids, which is held here by
 * nst_sql_hold_alone) finds, with all that belongs to it, and answer 204; 404 when it finds
 * none. */
NST_CHECKED enum nst_err ocl_purge_all(struct nst_req *rq, struct nst_sql *which,
                                       const char *table);

/* Erase the row of a table with all that belongs to it; its row is held (nst_sql_hold_alone). */
NST_CHECKED enum nst_err ocl_erase_row(struct nst_arena *a, struct nst_db *db, const char *table,
                                       int64_t id);

/* Hide what belongs to the row of that id, since the row is closed; erase it, hidden first:
 * who writes in it comes before this or finds it gone. Statements are made in a.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_hide_below(struct nst_arena *a, struct nst_db *db, const char *table,
                                        int64_t id);
NST_CHECKED enum nst_err ocl_erase_below(struct nst_arena *a, struct nst_db *db, const char *table,
                                         int64_t id);

#endif
