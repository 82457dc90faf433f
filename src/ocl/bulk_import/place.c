/* How far an import is, as text; and what it has counted, for clients and for people. */
#include "bulk_import.h"

#include <stddef.h>

#define NUMBERS (offsetof(struct ocl_import_place, count) / sizeof(int64_t))

bool ocl_place_read_numbers(int64_t *number, size_t count, struct nst_str *text)
{
    if (!nst_str_eq(nst_str_cut(text, ' '), NST_STR(OCL_IMPORT_PLACE)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!nst_str_int(&number[i], nst_str_cut(text, ' ')))
            return false;
    return true;
}

void ocl_place_put_numbers(struct nst_buf *out, const int64_t *number, size_t count)
{
    nst_put_lit(out, OCL_IMPORT_PLACE);
    for (size_t i = 0; i < count; i++)
        nst_putf(out, " %lld", (long long)number[i]);
}

/* "created=3" */
static bool read_count(struct ocl_import_place *out, struct nst_str text)
{
    struct nst_str word = nst_str_cut(&text, '=');
    size_t i = 0;
    while (i < OCL_OUTCOME_COUNT &&
           !nst_str_eq(word, nst_str_z(ocl_outcome_word((enum ocl_outcome)i))))
        i++;
    return i < OCL_OUTCOME_COUNT && nst_str_int(&out->count[i], text);
}

bool ocl_import_place_read(struct ocl_import_place *out, struct nst_str text)
{
    *out = (struct ocl_import_place){ .turn = -1 };
    if (text.p == NULL)
        return true;
    int64_t number[NUMBERS] = { 0 };
    bool is_good = ocl_place_read_numbers(number, NUMBERS, &text);
    memcpy(out, number, sizeof(number));
    while (is_good && text.p != NULL)
        is_good = read_count(out, nst_str_cut(&text, ' '));
    return is_good;
}

void ocl_import_place_put(struct nst_buf *out, const struct ocl_import_place *p)
{
    int64_t number[NUMBERS];
    memcpy(number, p, sizeof(number));
    ocl_place_put_numbers(out, number, NUMBERS);
    for (size_t i = 0; i < OCL_OUTCOME_COUNT; i++)
        nst_putf(out, " %s=%lld", ocl_outcome_word((enum ocl_outcome)i), (long long)p->count[i]);
}

int64_t ocl_import_done(const struct ocl_import_place *p)
{
    int64_t done = 0;
    for (size_t i = 0; i < OCL_OUTCOME_COUNT; i++)
        done += p->count[i];
    return done;
}

int64_t ocl_import_total(const struct ocl_import_place *p)
{
    int64_t total = 0;
    for (size_t i = 0; i < OCL_IMPORT_TURNS; i++)
        total += p->lines[i];
    return total;
}

/* V612: those that Nestor has no line for are 0. */
static const char *const never[] = { "exception", "others", "unknown" };

void ocl_import_put_counters(struct nst_buf *out, const struct ocl_import_place *p, int64_t elapsed)
{
    nst_putf(out, "{\"total\":%lld,\"processed\":%lld", (long long)ocl_import_total(p),
             (long long)ocl_import_done(p));
    for (size_t i = 0; i < OCL_OUTCOME_COUNT; i++)
        nst_putf(out, ",\"%s\":%lld", ocl_outcome_word((enum ocl_outcome)i),
                 (long long)p->count[i]);
    for (size_t i = 0; i < NST_COUNT(never); i++)
        nst_putf(out, ",\"%s\":0", never[i]);
    nst_putf(out, ",\"elapsed_seconds\":%lld.%06lld}", (long long)(elapsed / NST_SECOND),
             (long long)(elapsed % NST_SECOND));
}

/* The order and the words that clients read. */
static const struct {
    const char *word;
    enum ocl_outcome outcome;
} words[] = {
    { "Created", OCL_CREATED }, { "Updated", OCL_UPDATED },          { "Deleted", OCL_DELETED },
    { "Existing", OCL_EXISTS }, { "Not Found", OCL_NOT_FOUND },      { "Unchanged", OCL_UNCHANGED },
    { "Invalid", OCL_INVALID }, { "Permission Denied", OCL_DENIED }, { "Failed", OCL_FAILED },
};

void ocl_import_put_words(struct nst_buf *out, const struct ocl_import_place *p, int64_t elapsed)
{
    nst_putf(out, "Processed: %lld/%lld", (long long)ocl_import_done(p),
             (long long)ocl_import_total(p));
    for (size_t i = 0; i < NST_COUNT(words); i++)
        if (p->count[words[i].outcome] > 0)
            nst_putf(out, " | %s: %lld", words[i].word, (long long)p->count[words[i].outcome]);
    nst_putf(out, " | Time: %lld.%llds", (long long)(elapsed / NST_SECOND),
             (long long)(elapsed % NST_SECOND / (NST_SECOND / 10)));
}
