/* Which addresses files are fetched from (src/ocl/bulk_import/fetch.c). */
#include "ocl/bulk_import/bulk_import.h"

#include <arpa/inet.h>

/* cmocka.h wants these three before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool is_public(const char *text)
{
    struct sockaddr_in four = { .sin_family = AF_INET };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        return ocl_address_is_public((const struct sockaddr *)&four);
    assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    return ocl_address_is_public((const struct sockaddr *)&six);
}

static void test_fetch__knows_networks(void **state)
{
    static const char *const of_somebody[] = {
        "0.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.1.2.3",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fdff::1",
        "ff02::1",
        "fec0::1",
        "2001:db8::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2002:7f00:1::",
    };
    static const char *const of_all[] = {
        "1.1.1.1",     "9.255.255.255", "11.0.0.0",       "100.63.255.255",   "100.128.0.0",
        "172.15.0.1",  "172.32.0.1",    "192.167.1.1",    "198.17.0.1",       "223.255.255.255",
        "2606:4700::", "2a00:1450::1",  "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::",
    };
    const struct sockaddr other = { .sa_family = AF_UNIX };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(of_somebody); i++)
        if (is_public(of_somebody[i]))
            fail_msg("%s is no public address", of_somebody[i]);
    for (size_t i = 0; i < NST_COUNT(of_all); i++)
        if (!is_public(of_all[i]))
            fail_msg("%s is a public address", of_all[i]);
    assert_false(ocl_address_is_public(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_fetch__knows_networks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
