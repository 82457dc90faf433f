/* The face of the program enrollments API: routing by the decoded path, order of
 * checks, error bodies, the dress of every answer. */
#include "app.h"

#include <string.h>

static struct enroll_settings settings;

void enroll_configure(const struct enroll_settings *given)
{
    settings = *given;
}

int64_t enroll_page_max(void)
{
    return settings.page_max;
}

/* ---- Routing (section 2): on the percent-decoded path ---- */

bool enroll_is_program_text(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("ABCDEFabcdef0123456789-", s.p[i]) == NULL || s.p[i] == '\0')
            return false;
    return s.n > 0;
}

static bool take(struct nst_str *rest, const char *literal)
{
    struct nst_str l = nst_str_z(literal);
    if (!nst_str_starts(*rest, l))
        return false;
    *rest = nst_str_slice(*rest, l.n, rest->n);
    return true;
}

/* `[^/+]+`, `[^/+]+`, `[^/?]+`, joined by `/` or `+`. */
static size_t course_length(struct nst_str s)
{
    size_t at = 0;
    for (int part = 0; part < 3; part++) {
        const char *without = part < 2 ? "/+" : "/?";
        size_t start = at;
        while (at < s.n && (s.p[at] == '\0' || strchr(without, s.p[at]) == NULL))
            at++;
        if (at == start || (part < 2 && at == s.n))
            return 0;
        at += part < 2;
    }
    return at;
}

static enum nst_err route(struct nst_req *rq, struct nst_str path)
{
    struct nst_str rest = nst_percent_decode(rq->arena, path, false), program, course;
    if (!nst_utf8_valid(rest) || nst_str_find(rest, '\0') < rest.n || !take(&rest, "/programs/"))
        return NST_E_NOT_FOUND;
    program = nst_str_slice(rest, 0, nst_str_find(rest, '/'));
    rest = nst_str_slice(rest, program.n, rest.n);
    if (!enroll_is_program_text(program))
        return NST_E_NOT_FOUND;
    bool is_program = nst_str_eq(rest, NST_STR("/enrollments/"));
    if (!is_program) {
        if (!take(&rest, "/courses/"))
            return NST_E_NOT_FOUND;
        course = nst_str_slice(rest, 0, course_length(rest));
        rest = nst_str_slice(rest, course.n, rest.n);
        if (course.n == 0 || !take(&rest, "/enrollments/"))
            return NST_E_NOT_FOUND;
    }
    enum nst_err e = nst_route_tree(rq, is_program ? NST_STR("/programs/p/enrollments/")
                                                   : NST_STR("/programs/p/courses/c/enrollments/"));
    rq->var[0] = program;
    if (!is_program)
        rq->var[1] = course;
    return e;
}

/* ---- Permission (A20 to A24): global, before anything is looked up ---- */

static enum nst_err permit(struct nst_req *rq)
{
    if (!rq->caller.is_known)
        return NST_E_UNAUTHENTICATED;
    if (nst_is_barred(rq))
        return NST_E_FORBIDDEN;
    struct nst_str given = nst_query_value(rq, "username");
    bool names_itself = given.n > 0 && nst_str_eq_nocase(given, rq->caller.name);
    bool is_granted = rq->caller.is_staff || (settings.username_param_grants && names_itself);
    return is_granted ? NST_OK : NST_E_FORBIDDEN;
}

enum nst_err enroll_is_permitted(struct nst_req *rq)
{
    (void)rq;
    return NST_OK;
}

/* ---- The dress of an answer (T6, T7, T8) ---- */

#define INDENT_MAX 8

/* An integer of any length, clamped; 0 for anything else. */
static unsigned clamp_indent(struct nst_str s)
{
    bool is_negative = s.n > 0 && s.p[0] == '-';
    unsigned n = 0;
    if (is_negative || (s.n > 0 && s.p[0] == '+'))
        s = nst_str_slice(s, 1, s.n);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        n = n * 10 + (unsigned)(s.p[i] - '0');
        n = n > INDENT_MAX ? INDENT_MAX : n;
    }
    return is_negative ? 0 : n;
}

static unsigned indent_of(struct nst_str parameters)
{
    while (parameters.p != NULL) {
        struct nst_str value = nst_str_trim(nst_str_cut(&parameters, ';'));
        struct nst_str name = nst_str_trim(nst_str_cut(&value, '='));
        if (nst_str_eq_nocase(name, NST_STR("indent")))
            return clamp_indent(nst_str_trim(value));
    }
    return 0;
}

/* How closely a range of Accept fits JSON: 0 not at all, then with a star, by its
 * name, by its name with parameters. */
static unsigned fit(struct nst_str type, bool has_parameters)
{
    if (nst_str_eq_nocase(type, NST_STR("application/json")))
        return has_parameters ? 3 : 2;
    return nst_str_eq(type, NST_STR("*/*")) || nst_str_eq_nocase(type, NST_STR("application/*"));
}

/* The range that fits best decides (T6). */
struct nst_json_layout enroll_layout(struct nst_req *rq)
{
    struct nst_str accept = nst_http_request_header(rq->x, "Accept");
    unsigned best = 0, indent = 0;
    while (accept.p != NULL) {
        struct nst_str range = nst_str_cut(&accept, ',');
        struct nst_str type = nst_str_trim(nst_str_cut(&range, ';'));
        unsigned fitting = fit(type, range.p != NULL);
        if (fitting <= best)
            continue;
        best = fitting;
        indent = indent_of(range);
    }
    return (struct nst_json_layout){ .indent = indent };
}

/* U+2028 and U+2029 end lines in JavaScript: they leave as escapes. */
static void escape_separators(struct nst_buf *out, struct nst_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool is_separator = i + 2 < text.n && memcmp(text.p + i, "\xE2\x80", 2) == 0 &&
                            ((unsigned char)text.p[i + 2] & 0xFE) == 0xA8;
        if (!is_separator) {
            nst_put_char(out, text.p[i]);
            continue;
        }
        nst_put_z(out, (unsigned char)text.p[i + 2] == 0xA8 ? "\\u2028" : "\\u2029");
        i += 2;
    }
}

static void add_allow(struct nst_req *rq)
{
    for (unsigned i = 0; i < rq->x->headers; i++)
        if (nst_str_eq(rq->x->header[i].name, NST_STR("Allow")))
            return;
    nst_http_add_header(rq->x, "Allow", nst_allowed_methods(rq));
}

static bool has_separators(struct nst_str text)
{
    return memmem(text.p, text.n, "\xE2\x80", 2) != NULL;
}

void enroll_put_dressed(struct nst_buf *out, struct nst_json_layout *layout, struct nst_str part)
{
    struct nst_buf escaped;
    if (has_separators(part)) {
        nst_buf_init(&escaped, out->arena, part.n * 2);
        escape_separators(&escaped, part);
        part = nst_buf_str(&escaped);
    }
    nst_json_put_part(out, layout, part);
}

/* A stream has dressed its first piece by itself, as it does the others. */
static void dress(struct nst_req *rq)
{
    struct nst_buf plain = rq->x->out;
    struct nst_str text = nst_buf_str(&plain);
    struct nst_json_layout layout = enroll_layout(rq);
    if (rq->endpoint != NULL)
        add_allow(rq);
    if (rq->stream != NULL || (layout.indent == 0 && !has_separators(text)))
        return;
    nst_buf_init(&rq->x->out, rq->arena, NST_HTTP_ANSWER_MAX);
    enroll_put_dressed(&rq->x->out, &layout, text);
}

/* OPTIONS is answered here, before the view. */
static enum nst_err check_method(struct nst_req *rq)
{
    NST_TRY(nst_phase_method(rq));
    if (rq->x->status != 0)
        dress(rq);
    return NST_OK;
}

static enum nst_err present(struct nst_req *rq)
{
    dress(rq);
    return NST_OK;
}

/* ---- Errors (sections 4 and 5) ---- */

static void render_error(struct nst_req *rq, enum nst_err err)
{
    nst_edx_error(rq, err);
    dress(rq);
}

enum nst_err enroll_fail(struct nst_req *rq, enum nst_err err, const char *message,
                         const char *code)
{
    nst_add_problem(rq, NST_STR("developer_message"), nst_str_z(message), false);
    if (code != NULL)
        nst_add_problem(rq, NST_STR("error_code"), nst_str_z(code), false);
    return err;
}

enum nst_err enroll_invalid_record(struct nst_req *rq)
{
    rq->x->out.n = 0;
    nst_put_lit(&rq->x->out, "\"invalid enrollment record\"");
    return nst_answer_json(rq, 422);
}

/* ---- The face (section 3: order of checks) ---- */

static nst_phase *const phases[] = {
    nst_phase_negotiate,
    nst_phase_authenticate,
    permit,
    check_method,
    nst_phase_view,
    present,
    NULL,
};

const struct nst_face enroll_face = {
    .name = "enrollments",
    .mount = "/api/program_enrollments/v1",
    .doc = "Program enrollments and program course enrollments of edX.",
    .token_hint = "Send Authorization: Bearer and a token. POST of client_id, client_secret and "
                  "grant_type=client_credentials to /oauth2/access_token answers one, good for "
                  "ten hours; `nestor client add NAME --user USER` makes the client.",
    .phase = phases,
    .route = route,
    .authenticate = nst_authenticate_edx,
    .error = render_error,
    .error_schema = NST_EDX_ERROR,
    .paginate = nst_edx_paginate,
    .time = NST_TIME_SECOND_Z,
    .inserts_slash = true,
    .redirects_every_method = true,
    .text = &nst_default_texts,
    .body_limit = (size_t)1 << 20,
    .credentials = "jwt bearer session",
};

const struct nst_face enroll_desk_face = {
    .name = "desk",
    .doc = "The registrar's verbs, inside the program.",
    .phase = phases,
    .route = route,
    .authenticate = nst_authenticate_edx,
    .error = render_error,
    .error_schema = NST_EDX_ERROR,
    .paginate = nst_edx_paginate,
    .time = NST_TIME_SECOND_Z,
    .text = &nst_default_texts,
    .body_limit = (size_t)1 << 20,
};
