/* Course keys: what the grammar takes, what it refuses, and that equal keys have
 * one text. */
#include "enroll/course_key/course_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DIGITS   "0123456789abcdef01234567"

static void check(struct nst_str text, bool is_good, struct nst_str want)
{
    struct nst_arena *a = nst_arena_new(256);
    struct nst_str out = { 0 };
    if (enroll_course_key_parse(&out, a, text) != is_good)
        fail_msg("'%.*s' is %s", NST_FMT(text), is_good ? "refused" : "taken");
    if (is_good && !nst_str_eq(out, want))
        fail_msg("'%.*s' became '%.*s'", NST_FMT(text), NST_FMT(out));
    nst_arena_free(a);
}

static void takes_keys_as_they_are(void **state)
{
    static const char *const good[] = {
        "course-v1:HillsU+MAP1+2019",
        "course-v1:a-b~c.d:e+f_g+h",
        "course-v1:\xc3\x89"
        "cole+\xe6\x95\xb0\xe5\xad\xa6+\xd9\xa3\xe2\x85\xa7\xc2\xb2_",
        "course-v1:a+b+c+branch@draft",
        "course-v1:a+b+c+version@" DIGITS,
        "course-v1:a+b+c+branch@draft+version@" DIGITS,
        "library-v1:a+b",
        "org/course/run",
        "org/course/",
        "o%r.g/c-o/r_n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        check(nst_str_z(good[i]), true, nst_str_z(good[i]));
}

static void lowers_the_digits_of_a_version(void **state)
{
    (void)state;
    check(NST_STR("course-v1:A+B+C+version@0123456789ABCDEF01234567"), true,
          NST_STR("course-v1:A+B+C+version@" DIGITS));
    check(NST_STR("course-v1:A+B+ABCDEF0123456789ABCDEF01"), true,
          NST_STR("course-v1:A+B+ABCDEF0123456789ABCDEF01"));
}

static void refuses_what_is_no_key(void **state)
{
    static const char *const bad[] = {
        "",
        "course-v1:",
        "course-v1:a+b",
        "course-v1:a+b+",
        "course-v1:a++c",
        "course-v1:+b+c",
        "course-v1:a+b+c+d",
        "course-v1:a+b+c+",
        "course-v1:a+b+branch@x",
        "course-v1:a+b+c+branch@",
        "course-v1:a+b+c+version@0123",
        "course-v1:a+b+c+version@" DIGITS "0",
        "course-v1:a+b+c+version@" DIGITS "+branch@x",
        "course-v1:a+b+c+version@" DIGITS "+",
        "course-v1:a+b+e\xcc\x81",
        "course-v1:a+b+x\xe2\x80\xbfy",
        "course-v1:a b+c+d",
        " course-v1:a+b+c",
        "course-v1:a+b+c ",
        "course-v1:a+b+c\n",
        "course-v1:a%20+b+c",
        "course-v1:a/b/c",
        "Course-v1:a+b+c",
        "COURSE-V1:a+b+c",
        "course-v2:a+b+c",
        "library-v1:a",
        "library-v1:a+b+c",
        "org/course",
        "org//run",
        "/course/run",
        "org/course/run/more",
        "org/course/run\n",
        "or:g/course/run",
        "or~g/course/run",
        "course-v1:\xff+b+c",
        "course-v1:\xe2\x82\xac+b+c",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        check(nst_str_z(bad[i]), false, (struct nst_str){ 0 });
    check((struct nst_str){ "course-v1:a+b+c\0", 16 }, false, (struct nst_str){ 0 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_keys_as_they_are),
        cmocka_unit_test(lowers_the_digits_of_a_version),
        cmocka_unit_test(refuses_what_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
