/* The program enrollments application: its face, its errors, and what both views
 * share. Contract: docs/contracts/enrollments.md, profile `original`. */
#ifndef ENROLL_APP_H
#define ENROLL_APP_H

#include "nestor/accounts.h"
#include "nestor/rest.h"

#define ENROLL_BATCH       25  /* records of a write (P2, C3) */
#define ENROLL_KEY_MAX     255 /* code points of a learner's key (P24) */
#define ENROLL_NUMBER_BITS 39  /* of a row's number below its program's */

extern const struct nst_face enroll_face, enroll_catalog_face;

/* What the registrar's verbs may do inside the program beyond the API: not mounted. */
extern const struct nst_face enroll_desk_face;

/* All resources of the application, NULL-terminated; made by the build. */
extern const struct nst_resource *const enroll_resources[];

/* What this application keeps of accounts: enrolments, links. */
extern const struct nst_belongings enroll_belongings;

/* Set once before the server starts. */
struct enroll_settings {
    bool username_param_grants; /* a learner's own `?username=` opens everything (A21) */
    int64_t page_max;           /* rows of a page at most; 0: as many as there are (L17) */
};
void enroll_configure(const struct enroll_settings *settings);

/* The configured page_max. */
int64_t enroll_page_max(void);

/* Can it stand in a path as a program: hex digits and hyphens, one or more (N6)? */
bool enroll_is_program_text(struct nst_str s);

/* The permission of the face's routes: the face has asked already, before it judges
 * the method (section 3). */
nst_permission enroll_is_permitted;

/* ---- Answers ---- */

/* Error bodies of section 5: the message, with its code unless NULL. */
NST_CHECKED enum nst_err enroll_fail(struct nst_req *rq, enum nst_err err, const char *message,
                                     const char *code);

/* 422 with the JSON string "invalid enrollment record" (IER); nothing is stored. */
NST_CHECKED enum nst_err enroll_invalid_record(struct nst_req *rq);

/* The layout that the Accept header asks for (T6), at the start of a text. */
struct nst_json_layout enroll_layout(struct nst_req *rq);

/* Append a part of a body as it leaves: indented, separators escaped (T6, T7). */
void enroll_put_dressed(struct nst_buf *out, struct nst_json_layout *layout, struct nst_str part);

/* ---- The catalog ---- */

struct enroll_program {
    int64_t id;     /* 0: there is none, or it is empty (N1, N7) */
    int64_t number; /* first of ENROLL_BATCH row numbers, when they were taken */
    struct nst_str uuid;
};

/* The program of the path, by exact text (N6). */
NST_CHECKED enum nst_err enroll_find_program(struct enroll_program *out, struct nst_req *rq);

/* The same for a write: takes its row for this transaction and ENROLL_BATCH row
 * numbers, so that writers of one program follow each other. */
NST_CHECKED enum nst_err enroll_take_program(struct enroll_program *out, struct nst_req *rq);

/* The canonical key of the path's course; fails as N3 when it does not parse. */
NST_CHECKED enum nst_err enroll_parse_course(struct nst_str *out, struct nst_req *rq);

/* Whether anybody knows the course, and whether it is a run of the program. */
NST_CHECKED enum nst_err enroll_course_is_known(bool *out, struct nst_req *rq, struct nst_str key);
NST_CHECKED enum nst_err enroll_course_is_in(bool *out, struct nst_req *rq, int64_t program,
                                             struct nst_str key);

/* ---- Words ---- */

/* The statuses of P and of C, NULL-terminated. */
extern const char *const enroll_statuses[], *const enroll_course_statuses[];

/* The member of a NULL-terminated list that is the word; NULL when none is. */
const char *enroll_word(const char *const *words, struct nst_str word);

/* ---- Records of a batch ---- */

/* One record: its key under the name that answers use, and as stored. */
struct enroll_record {
    const struct nst_json *key, *status;
    const struct nst_json *body;
    struct nst_str name;                /* 6.2: in the answer's map */
    struct nst_str value;               /* of strings and numbers, trimmed; null for others */
    bool is_same;                       /* a change that changes nothing (C15) */
    const char *result;                 /* an error word, or the status once it is written */
    int64_t user, enrollment, id, link; /* numbers that writing needs; 0: none */
    struct nst_str curriculum;
};

struct enroll_batch {
    struct enroll_record record[ENROLL_BATCH];
    size_t count;
};

/* Read the list in the body.
 *   member   the name of the key: "external_user_key" or "student_key"
 * Returns NST_OK with *answered true when the answer is given already: IER. */
NST_CHECKED enum nst_err enroll_read_batch(struct enroll_batch *b, bool *answered,
                                           struct nst_req *rq, const char *member);

/* s without the blanks of section 6.2 at its ends; any bytes. */
struct nst_str enroll_trim_key(struct nst_str s);

/* True for records that name the same learner (P27, P29). */
bool enroll_same_key(const struct enroll_record *x, const struct enroll_record *y, bool trimmed);

/* Append " IN ($n, ...)" of the texts or numbers of records that `wants`; without any,
 * " IN (NULL)", which nothing is in. */
typedef bool enroll_wants(const struct enroll_record *r);
void enroll_bind_values(struct nst_sql *q, const struct enroll_batch *b, enroll_wants *wants);
void enroll_bind_users(struct nst_sql *q, const struct enroll_batch *b, enroll_wants *wants);

/* Answer with the map of names and results.
 *   good   status when every name has succeeded: 201 or 200; 207 for some; 422 for none */
enum nst_err enroll_answer_map(struct nst_req *rq, const struct enroll_batch *b, unsigned good);

/* True for a result that is an error word. */
bool enroll_is_error(const char *result);

/* ---- Lists (section 8) ---- */

/* Answer with a page of the rows of `from`, which joins program_enrollment.
 *   from    "program_enrollment WHERE program_enrollment.program_id = $1 ..."
 *   id      the column that orders: "program_enrollment.id"
 *   status  the column of the row's status */
struct enroll_list {
    const char *from, *id, *status;
    const struct nst_sql *where;
};
enum nst_err enroll_answer_page(struct nst_req *rq, const struct enroll_list *list);

#endif
