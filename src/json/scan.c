/* Members of a compact object as they stand in its text. What the program has written itself
 * is shown again without a tree in between: finding where values end is a tenth of the work. */
#include "nestor/json.h"

/* Where the string ends that begins at `at`, behind its quote; 0: nowhere. */
static size_t string_end(struct nst_str t, size_t at)
{
    if (at >= t.n || t.p[at] != '"')
        return 0;
    for (at++; at < t.n && (unsigned char)t.p[at] >= 0x20; at++) {
        if (t.p[at] == '"')
            return at + 1;
        at += t.p[at] == '\\';
    }
    return 0;
}

static bool is_in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' ||
           c == 'E';
}

/* The same for a string, a number or a literal. */
static size_t value_end(struct nst_str t, size_t at)
{
    size_t end = at;
    if (at < t.n && t.p[at] == '"')
        return string_end(t, at);
    while (end < t.n && is_in_word(t.p[end]))
        end++;
    return end > at ? end : 0;
}

/* Read the member at `at`; returns where it ends, 0: there is none. */
static size_t member_end(struct nst_json_member *out, struct nst_str t, size_t at)
{
    size_t colon = string_end(t, at);
    if (colon == 0 || colon >= t.n || t.p[colon] != ':')
        return 0;
    size_t end = value_end(t, colon + 1);
    *out = (struct nst_json_member){ nst_str_slice(t, at + 1, colon - 1),
                                     nst_str_slice(t, colon + 1, end) };
    return end;
}

bool nst_json_cut_members(struct nst_json_members *out, struct nst_str *text)
{
    struct nst_str t = *text;
    size_t at = 0;
    if (t.n == 0 || t.p[0] != '{')
        return false;
    for (out->count = 0; out->count < NST_JSON_MEMBERS; out->count++) {
        at = member_end(&out->member[out->count], t, at + 1);
        if (at == 0 || at >= t.n || (t.p[at] != ',' && t.p[at] != '}'))
            return false;
        if (t.p[at] == '}') {
            out->count++;
            *text = nst_str_slice(t, at + 1, t.n);
            return true;
        }
    }
    return false;
}

struct nst_str nst_json_member_of(const struct nst_json_members *m, struct nst_str name)
{
    for (size_t i = m->count; i > 0; i--)
        if (nst_str_eq(m->member[i - 1].name, name))
            return m->member[i - 1].value;
    return (struct nst_str){ 0 };
}
