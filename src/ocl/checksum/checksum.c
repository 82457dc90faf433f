/* From a resource to the digits of its checksums. */
#include "ocl/checksum/prepare.h"

#include <nettle/md5.h>

/* Of what a concept has several times over, so that it rarely grows. */
#define TEXT_FIRST 2048

static void put_text(struct nst_buf *b, const struct ocl_checksum_kind *kind,
                     enum ocl_checksum_scope scope, const struct nst_json *v)
{
    nst_buf_init(b, b->arena, SIZE_MAX);
    nst_buf_reserve(b, TEXT_FIRST);
    ocl_checksum_serialize(b, ocl_checksum_prepare(b->arena, kind, scope, v));
}

static void digest(char out[OCL_CHECKSUM_LENGTH], struct nst_str text)
{
    static const char digits[] = "0123456789abcdef";
    struct md5_ctx context;
    uint8_t sum[MD5_DIGEST_SIZE];
    md5_init(&context);
    md5_update(&context, text.n, (const uint8_t *)text.p);
    md5_digest(&context, sizeof(sum), sum);
    for (size_t i = 0; i < sizeof(sum); i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
}

/* The checksum of one resource; nothing else of a is kept. */
static struct nst_str sum_one(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                              enum ocl_checksum_scope scope, const struct nst_json *v)
{
    char *out = nst_alloc_text(a, OCL_CHECKSUM_LENGTH);
    struct nst_mark mark = nst_arena_mark(a);
    struct nst_buf b = { .arena = a };
    put_text(&b, kind, scope, v);
    digest(out, nst_buf_str(&b));
    nst_arena_rewind(a, mark);
    return (struct nst_str){ out, OCL_CHECKSUM_LENGTH };
}

struct ocl_checksums ocl_checksums(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                                   const struct nst_json *v)
{
    return (struct ocl_checksums){ sum_one(a, kind, OCL_STANDARD, v),
                                   sum_one(a, kind, OCL_SMART, v) };
}

struct nst_str ocl_checksum(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                            enum ocl_checksum_scope scope, const struct nst_json *v)
{
    if (v->kind != NST_JSON_ARRAY)
        return sum_one(a, kind, scope, v);
    struct nst_json list = { .kind = NST_JSON_ARRAY, .count = v->count }, **tail = &list.first;
    for (const struct nst_json *one = v->first; one != NULL; one = one->next) {
        *tail = NST_NEW(a, struct nst_json);
        (*tail)->kind = NST_JSON_STRING;
        (*tail)->text = sum_one(a, kind, scope, one);
        tail = &(*tail)->next;
    }
    bool is_one = list.first != NULL && list.first->next == NULL;
    return is_one ? list.first->text : sum_one(a, NULL, scope, &list);
}

struct nst_str ocl_checksum_text(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                                 enum ocl_checksum_scope scope, const struct nst_json *v)
{
    struct nst_buf b = { .arena = a };
    put_text(&b, kind, scope, v);
    return nst_buf_str(&b);
}
