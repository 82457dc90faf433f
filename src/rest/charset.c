/* Bodies in other charsets than UTF-8, through iconv. An unknown name counts as
 * UTF-8. */
#include "model.h"

#include <iconv.h>

/* The charset parameter of a Content-Type; null when there is none. */
static struct nst_str charset_of(struct nst_str type)
{
    nst_str_cut(&type, ';');
    while (type.p != NULL) {
        struct nst_str value = nst_str_trim(nst_str_cut(&type, ';'));
        struct nst_str name = nst_str_trim(nst_str_cut(&value, '='));
        value = nst_str_trim(value);
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = nst_str_slice(value, 1, value.n - 1);
        if (nst_str_eq_nocase(name, NST_STR("charset")))
            return value;
    }
    return (struct nst_str){ 0 };
}

/* Names of iconv only: `//TRANSLIT` and the like are no charsets. */
static bool is_plain_name(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = nst_lower(s.p[i]);
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_letter && c != '-' && c != '_' && c != ':' && c != '.')
            return false;
    }
    return s.n > 0 && s.n < 64;
}

static bool convert(struct nst_str *out, struct nst_arena *a, iconv_t handle, struct nst_str text)
{
    /* No charset needs more than four bytes of UTF-8 for one of its own. */
    size_t room = text.n * 4 + 16, left = text.n;
    char *to = nst_alloc_text(a, room), *at = to;
    char *from = nst_str_to_z(a, text);
    bool good = iconv(handle, &from, &left, &at, &room) != (size_t)-1 && left == 0;
    *out = (struct nst_str){ to, (size_t)(at - to) };
    return good;
}

bool nst_charset_decode(struct nst_str *out, struct nst_arena *a, struct nst_str type,
                        struct nst_str body)
{
    struct nst_str name = charset_of(type);
    *out = body;
    if (name.n == 0 || nst_str_eq_nocase(name, NST_STR("utf-8")) || !is_plain_name(name))
        return true;
    iconv_t handle = iconv_open("UTF-8", nst_str_to_z(a, name));
    if (handle == (iconv_t)-1)
        return true;
    bool good = convert(out, a, handle, body);
    iconv_close(handle);
    return good;
}
