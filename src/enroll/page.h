/* What small and large pages share: links, the query of rows, a row's text. */
#ifndef ENROLL_PAGE_H
#define ENROLL_PAGE_H

#include "app.h"
#include "cursor.h"

/* Rows that are gathered before the links are written; a larger page is measured first
 * and leaves in pieces. */
#define ENROLL_SMALL_PAGE 1000

/* The query of a request, decoded, in its order. */
struct enroll_parameter {
    struct nst_str name, value;
    size_t place;
};

struct enroll_query {
    struct enroll_parameter *list; /* with room for one more */
    size_t count;
};

struct enroll_page {
    const struct enroll_list *list;
    struct enroll_query query;
    struct enroll_cursor cursor;
    int64_t size;
    int64_t first, last; /* numbers of the rows shown, in the order of the answer */
    bool has_rows, has_more;
};

/* Append `{"next":...,"previous":...,"results":[`. */
void enroll_put_links(struct nst_buf *out, struct nst_req *rq, const struct enroll_page *page);

/* Start "SELECT columns FROM ... WHERE ..." of a list. */
void enroll_select(struct nst_sql *q, struct nst_arena *a, const struct enroll_list *list,
                   const char *columns);

/* Append " AND id < $n" or the like. */
void enroll_bound(struct nst_sql *q, const struct enroll_list *list, const char *comparison,
                  int64_t id);

/* Start the SELECT of what enroll_put_row shows; column 0 is the row's number. */
void enroll_select_rows(struct nst_sql *q, struct nst_arena *a, const struct enroll_list *list);

/* Append the present row as JSON (L2). */
void enroll_put_row(struct nst_buf *out, struct nst_rows *rows);

/* Answer with a page of more than ENROLL_SMALL_PAGE rows, if there are so many. */
NST_CHECKED enum nst_err enroll_answer_large_page(struct nst_req *rq, struct enroll_page *page);

#endif
