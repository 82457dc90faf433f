/* Course keys: one pass over the text, without a regular expression. What is a word
 * character is decided by the Unicode category; the original's `\w` is that of Python. */
#include "course_key.h"

#include <string.h>
#include <utf8proc.h>

#define NEW_FORM       NST_STR("course-v1:")
#define LIBRARY        NST_STR("library-v1:")
#define BRANCH         NST_STR("branch@")
#define VERSION        NST_STR("version@")
#define VERSION_DIGITS 24
#define NEW_MARKS      "-~.:"
#define OLD_MARKS      ".%-"

/* Letters and numbers of every script, and `_`: no combining marks and no other
 * connectors, although Unicode's own notion of a word has both. */
static bool is_word(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return c == '_';
    }
}

/* True when every character is a word character or one of the marks. */
static bool is_part(struct nst_str part, const char *marks)
{
    size_t i = 0;
    while (i < part.n) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)part.p + i,
                                              (utf8proc_ssize_t)(part.n - i), &c);
        if (n <= 0)
            return false;
        bool is_mark = c > 0 && c < 0x80 && strchr(marks, (char)c) != NULL;
        if (!is_mark && !is_word(c))
            return false;
        i += (size_t)n;
    }
    return true;
}

static bool is_named_part(struct nst_str part, const char *marks)
{
    return part.n > 0 && is_part(part, marks);
}

static bool is_version(struct nst_str digits)
{
    for (size_t i = 0; i < digits.n; i++) {
        char c = nst_lower(digits.p[i]);
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return digits.n == VERSION_DIGITS;
}

static bool is_branch(struct nst_str part)
{
    return nst_str_starts(part, BRANCH) &&
           is_named_part(nst_str_slice(part, BRANCH.n, part.n), NEW_MARKS);
}

/* What may follow the plain parts: a branch, a version, both in this order. */
static bool is_tail(struct nst_str rest)
{
    if (rest.p == NULL)
        return true;
    struct nst_str part = nst_str_cut(&rest, '+');
    if (is_branch(part)) {
        if (rest.p == NULL)
            return true;
        part = nst_str_cut(&rest, '+');
    }
    return rest.p == NULL && nst_str_starts(part, VERSION) &&
           is_version(nst_str_slice(part, VERSION.n, part.n));
}

/* `parts` plain parts between plus signs, and the tail. */
static bool is_new_form(struct nst_str rest, unsigned parts)
{
    for (unsigned i = 0; i < parts; i++)
        if (rest.p == NULL || !is_named_part(nst_str_cut(&rest, '+'), NEW_MARKS))
            return false;
    return is_tail(rest);
}

static bool is_old_form(struct nst_str rest)
{
    struct nst_str org = nst_str_cut(&rest, '/');
    struct nst_str course = rest.p != NULL ? nst_str_cut(&rest, '/') : (struct nst_str){ 0 };
    return is_named_part(org, OLD_MARKS) && is_named_part(course, OLD_MARKS) && rest.p != NULL &&
           is_part(rest, OLD_MARKS);
}

/* The digits of a version are one number, whatever the case of its letters. */
static struct nst_str with_lower_version(struct nst_arena *a, struct nst_str text)
{
    size_t digits = text.n > VERSION_DIGITS ? text.n - VERSION_DIGITS : 0;
    struct nst_str before = nst_str_slice(text, 0, digits);
    char *copy = nst_alloc_text(a, text.n);
    memcpy(copy, text.p, text.n);
    if (nst_str_ends(before, NST_STR("+version@")))
        for (size_t i = digits; i < text.n; i++)
            copy[i] = nst_lower(copy[i]);
    return (struct nst_str){ copy, text.n };
}

bool enroll_course_key_parse(struct nst_str *out, struct nst_arena *a, struct nst_str text)
{
    bool is_key;
    if (nst_str_starts(text, NEW_FORM))
        is_key = is_new_form(nst_str_slice(text, NEW_FORM.n, text.n), 3);
    else if (nst_str_starts(text, LIBRARY))
        is_key = is_new_form(nst_str_slice(text, LIBRARY.n, text.n), 2);
    else
        is_key = text.n > 0 && is_old_form(text);
    if (is_key)
        *out = with_lower_version(a, text);
    return is_key;
}
