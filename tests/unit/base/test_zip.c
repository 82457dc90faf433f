/* ZIP files of one member: what is packed in pieces is there again, the same pieces are the same
 * bytes, and what would not fit is refused. That others read them: cases with (zip) in .http files.
 */
#include "nestor/base/unzip.h"
#include "nestor/base/zip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#define MEMBER 30 + 6 /* where it begins: behind the local header and the name `a.json` */

static void pack(struct nst_buf *out, struct nst_zip *z, const char *const *piece)
{
    for (; *piece != NULL; piece++)
        assert_true(nst_zip_put(z, out, nst_str_z(*piece), false));
    assert_true(nst_zip_put(z, out, (struct nst_str){ 0 }, true));
}

static uint32_t number_at(const struct nst_buf *b, size_t at)
{
    const unsigned char *p = (const unsigned char *)b->p + at;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void pieces_are_one_member(void **state)
{
    static const char *const piece[] = { "[1,", "", "22222222222222222222", ",3]", NULL };
    static const char text[] = "[1,22222222222222222222,3]";
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_zip z = { .name = "a.json" };
    struct nst_buf out;
    unsigned char got[64];
    (void)state;
    nst_buf_init(&out, a, 65536);
    pack(&out, &z, piece);
    z_stream s = { .next_in = (unsigned char *)out.p + MEMBER,
                   .avail_in = (uInt)z.packed,
                   .next_out = got,
                   .avail_out = sizeof(got) };
    assert_int_equal(inflateInit2(&s, -MAX_WBITS), Z_OK);
    assert_int_equal(inflate(&s, Z_FINISH), Z_STREAM_END);
    assert_int_equal(s.avail_in, 0);
    inflateEnd(&s);
    assert_int_equal(s.total_out, sizeof(text) - 1);
    assert_memory_equal(got, text, sizeof(text) - 1);
    size_t behind = MEMBER + z.packed;
    assert_int_equal(number_at(&out, behind), 0x08074B50);
    assert_int_equal(number_at(&out, behind + 4), crc32(0, got, sizeof(text) - 1));
    assert_int_equal(number_at(&out, out.n - 6), behind + 16); /* where the directory stands */
    nst_arena_free(a);
}

static void same_pieces_are_the_same_bytes(void **state)
{
    static const char *const piece[] = { "{", "}", NULL };
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_buf out[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct nst_zip z = { .name = "a.json" };
        nst_buf_init(&out[i], a, 65536);
        pack(&out[i], &z, piece);
    }
    assert_int_equal(out[0].n, out[1].n);
    assert_memory_equal(out[0].p, out[1].p, out[0].n);
    nst_arena_free(a);
}

static void a_member_has_4_gb_at_most(void **state)
{
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_zip z = { .name = "a.json", .has_begun = true, .plain = UINT32_MAX - 4096 - 2 };
    struct nst_buf out;
    (void)state;
    nst_buf_init(&out, a, 65536);
    assert_true(nst_zip_put(&z, &out, NST_STR("1"), false));
    assert_false(nst_zip_put(&z, &out, NST_STR("2"), false));
    nst_arena_free(a);
}

/* A nameless file with that content. */
static int file_of(struct nst_str content)
{
    int fd = memfd_create("zip", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.p, content.n), content.n);
    return fd;
}

/* What is in it, or why it is refused. */
static struct nst_str unpacked(bool *is_good, struct nst_arena *a, struct nst_str zip)
{
    int from = file_of(zip), to = file_of(NST_STR(""));
    struct nst_str why;
    *is_good = nst_unzip(&why, a, to, from);
    off_t n = lseek(to, 0, SEEK_CUR);
    char *p = nst_alloc_text(a, (size_t)n + 1);
    assert_int_equal(pread(to, p, (size_t)n, 0), n);
    close(from);
    close(to);
    return *is_good ? (struct nst_str){ p, (size_t)n } : why;
}

static void what_was_packed_is_unpacked(void **state)
{
    static const char *const piece[] = { "[1,", "", "22222222222222222222", ",3]", NULL };
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_zip z = { .name = "a.json" };
    struct nst_buf out;
    bool is_good;
    (void)state;
    nst_buf_init(&out, a, 65536);
    pack(&out, &z, piece);
    struct nst_str got = unpacked(&is_good, a, nst_buf_str(&out));
    assert_true(is_good);
    assert_true(nst_str_eq(got, NST_STR("[1,22222222222222222222,3]")));
    nst_arena_free(a);
}

/* More of it: tests/blackbox/lines_test.py, with files that Python makes. */
static void what_is_broken_is_not_unpacked(void **state)
{
    static const char *const piece[] = { "some text", NULL };
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_zip z = { .name = "a.json" };
    struct nst_buf out;
    bool is_good;
    (void)state;
    nst_buf_init(&out, a, 65536);
    pack(&out, &z, piece);
    for (size_t n = 0; n < out.n; n++) {
        struct nst_str why = unpacked(&is_good, a, nst_str_slice(nst_buf_str(&out), 0, n));
        assert_true(!is_good && nst_str_starts(why, NST_STR("is a broken ZIP archive")));
    }
    out.p[MEMBER] ^= 1;
    unpacked(&is_good, a, nst_buf_str(&out));
    assert_false(is_good);
    nst_arena_free(a);
}

#define TIME_AT 10 /* in the local header */

static void a_member_has_the_time_it_is_given_in_utc(void **state)
{
    static const char *const piece[] = { NULL };
    static const struct {
        int64_t time; /* seconds since 1970 */
        uint32_t said;
    } times[] = {
        { 0, 1u << 21 | 1u << 16 },
        { 1, 1u << 21 | 1u << 16 }, /* before 1980 */
        { 1795924941, 46u << 25 | 11u << 21 | 29u << 16 | 4u << 11 | 2u << 5 | 10u },
        { INT64_C(4354819199), 127u << 25 | 12u << 21 | 31u << 16 | 23u << 11 | 59u << 5 | 29u },
        { INT64_C(4354819200), 1u << 21 | 1u << 16 }, /* the year 2108 */
    };
    struct nst_arena *a = nst_arena_new(4096);
    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct nst_zip z = { .name = "a.json", .time = times[i].time * 1000000 };
        struct nst_buf out;
        nst_buf_init(&out, a, 65536);
        pack(&out, &z, piece);
        assert_int_equal(number_at(&out, TIME_AT), times[i].said);
    }
    nst_arena_free(a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_is_unpacked),
        cmocka_unit_test(what_is_broken_is_not_unpacked),
        cmocka_unit_test(pieces_are_one_member),
        cmocka_unit_test(same_pieces_are_the_same_bytes),
        cmocka_unit_test(a_member_has_4_gb_at_most),
        cmocka_unit_test(a_member_has_the_time_it_is_given_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
