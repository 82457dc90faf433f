/* The application on which the HTTP layer is tested: each route shows one way to
 * answer. http_probe serves it to the black-box tests, test_faults and the fuzz
 * target of connections run it beside system calls that fail. */
#ifndef NESTOR_TESTS_HTTP_APP_H
#define NESTOR_TESTS_HTTP_APP_H

#include "nestor/http.h"

extern const struct nst_http_app app;

/* The settings, to be set before the start: largest body in bytes; the file behind
 * /file; largest number of bytes or pieces that a query may ask for. */
extern size_t app_body_limit;
extern const char *app_file;
extern int64_t app_number_max;

/* Start the one thread that answers what was left for LATER, in the order given; end
 * it, after all of that is answered. */
void app_work_start(void);
void app_work_end(void);

/* Without that thread: answer what has waited longest. Returns it, not resumed, or NULL
 * when none waits. Does not block. */
struct nst_exchange *app_work_once(void);

/* Answer nothing that waits until it is let go again. */
void app_hold(bool is_held);

#endif
