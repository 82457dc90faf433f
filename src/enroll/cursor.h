/* What a client says of the page that it wants: `page_size` and `cursor` (L10 to L30).
 * Only texts and numbers: the rows are page.c's. */
#ifndef ENROLL_CURSOR_H
#define ENROLL_CURSOR_H

#include "nestor/base/buf.h"

#define ENROLL_PAGE_DEFAULT 100
#define ENROLL_OFFSET_MAX   1000

/* Where a page begins: `o`, `r` and `p` of section 8. */
struct enroll_cursor {
    int64_t offset;   /* rows to skip, 0 to ENROLL_OFFSET_MAX */
    int64_t position; /* the number of the row before, when has_position */
    bool is_reverse, has_position;
};

/* The rows that `page_size` asks for (L10 to L18): 1 or more, or 0 for none (L15).
 * Null and what is no number give the default. Any bytes. */
int64_t enroll_page_size(struct nst_str given);

/* Read the decoded parameter `cursor` (L20 to L26); null or empty is the first page. Any
 * bytes. Returns false when it is invalid. */
bool enroll_cursor_read(struct enroll_cursor *out, struct nst_arena *a, struct nst_str given);

/* The parameter's text for pairs such as "r=1&p=40": standard base64 with padding. */
struct nst_str enroll_cursor_text(struct nst_arena *a, struct nst_str pairs);

#endif
