/* The vectors of the contract: texts and their MD5, what is left out, what is derived. */
/* rows: V408 V409 V410 V411 V412 V413 V414 V415 V416 V417 V418 V419 V420 V421 V422 V435 */
#include "ocl/checksum/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MALARIA \
    "{\"concept_class\":\"Diagnosis\",\"datatype\":\"N/A\",\"retired\":true," \
    "\"external_id\":\"u1\",\"extras\":{\"b\":[3,1],\"a\":1.0,\"__x\":1}," \
    "\"names\":[{\"name\":\"Malaria\",\"locale\":\"en\",\"locale_preferred\":true," \
    "\"name_type\":\"Fully Specified\"}," \
    "{\"name\":\"Paludisme \xc3\xa9\",\"locale\":\"fr\",\"name_type\":\"Short\"}]," \
    "\"descriptions\":[{\"description\":\"d\",\"locale\":\"en\"}]," \
    "\"parent_concept_urls\":[\"/orgs/O/sources/S/concepts/P/\"]}"

#define SAME_AS \
    "{\"map_type\":\"SAME-AS\",\"from_concept_url\":\"/orgs/O/sources/S/concepts/A/\"," \
    "\"to_source_url\":\"/orgs/O/sources/T/\",\"to_concept_code\":\"B%20C\",\"sort_weight\":2.0}"

static struct nst_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = nst_arena_new(4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nst_arena_free(arena);
    return 0;
}

static struct nst_json *read_json(const char *text)
{
    struct nst_json *v;
    assert_int_equal(nst_json_read(&v, NULL, arena, nst_str_z(text), NULL), NST_OK);
    return v;
}

static void assert_str(struct nst_str actual, const char *expected)
{
    assert_string_equal(nst_str_to_z(arena, actual), expected);
}

static void assert_text(const struct ocl_checksum_kind *kind, enum ocl_checksum_scope scope,
                        const char *json, const char *expected)
{
    assert_str(ocl_checksum_text(arena, kind, scope, read_json(json)), expected);
}

static void assert_sums(const struct ocl_checksum_kind *kind, const char *json,
                        const char *standard, const char *smart)
{
    struct ocl_checksums sums = ocl_checksums(arena, kind, read_json(json));
    assert_str(sums.standard, standard);
    assert_str(sums.smart, smart);
}

static void test_checksum__concept(void **state)
{
    (void)state;
    static const char json[] =
        "{\"concept_class\":\"Diagnosis\",\"datatype\":\"N/A\",\"names\":[{\"name\":\"Malaria\","
        "\"locale\":\"en\",\"locale_preferred\":true,\"name_type\":\"FULLY_SPECIFIED\"}]}";
    assert_text(&ocl_concept_sum, OCL_STANDARD, json,
                "{[\"concept_class\", \"datatype\", \"names\"]\"Diagnosis\",\"N/A\",{[\"locale\", "
                "\"locale_preferred\", \"name\", \"name_type\"]\"en\",true,\"Malaria\","
                "\"FULLY_SPECIFIED\",},}");
    assert_sums(&ocl_concept_sum, json, "e200b92bd2ff4d1ec21c0e83b5f4fa4e",
                "e200b92bd2ff4d1ec21c0e83b5f4fa4e");
}

static void test_checksum__concept_with_everything(void **state)
{
    (void)state;
    assert_text(&ocl_concept_sum, OCL_STANDARD, MALARIA,
                "{[\"concept_class\", \"datatype\", \"descriptions\", \"external_id\", \"extras\", "
                "\"names\", \"parent_concept_urls\", \"retired\"]\"Diagnosis\",\"N/A\","
                "{[\"description\", \"locale\"]\"d\",\"en\",},\"u1\",{[\"a\", \"b\"]1.0,[1,3],},"
                "[{[\"locale\", \"locale_preferred\", \"name\", \"name_type\"]\"en\",true,"
                "\"Malaria\",\"Fully Specified\",},{[\"locale\", \"name\", \"name_type\"]\"fr\","
                "\"Paludisme \\u00e9\",\"Short\",}],\"/orgs/O/sources/S/concepts/P/\",true,}");
    assert_text(&ocl_concept_sum, OCL_SMART, MALARIA,
                "{[\"concept_class\", \"datatype\", \"names\", \"retired\"]\"Diagnosis\",\"N/A\","
                "{[\"locale\", \"locale_preferred\", \"name\", \"name_type\"]\"en\",true,"
                "\"Malaria\",\"Fully Specified\",},true,}");
    assert_sums(&ocl_concept_sum, MALARIA, "2eba7ffb90b10f152f1d62c3658b8bad",
                "fce901bebc41824fbabd928514d672d5");
}

static void test_checksum__mapping(void **state)
{
    (void)state;
    assert_text(&ocl_mapping_sum, OCL_STANDARD, SAME_AS,
                "{[\"from_concept_code\", \"from_source_url\", \"map_type\", \"sort_weight\", "
                "\"to_concept_code\", \"to_source_url\"]\"A\",\"/orgs/O/sources/S/\",\"SAME-AS\","
                "2,\"B C\",\"/orgs/O/sources/T/\",}");
    assert_text(&ocl_mapping_sum, OCL_SMART, SAME_AS,
                "{[\"from_concept_code\", \"map_type\", \"to_concept_code\"]\"A\",\"SAME-AS\","
                "\"B C\",}");
    assert_sums(&ocl_mapping_sum, SAME_AS, "a5271ba46166b634ecd21c8760826811",
                "fab62b044afdcf9a6dd33293624ca87f");
}

static void test_checksum__concept_url_with_a_version(void **state)
{
    (void)state;
    assert_text(&ocl_mapping_sum, OCL_STANDARD,
                "{\"to_concept_url\":\"/orgs/O/sources/S/v1/concepts/A+B/7/\","
                "\"to_source_version\":\"v2\"}",
                "{[\"to_concept_code\", \"to_source_url\", \"to_source_version\"]\"A B\","
                "\"/orgs/O/sources/S/v1\",\"\",}");
}

static void test_checksum__organization(void **state)
{
    (void)state;
    assert_text(&ocl_org_sum, OCL_STANDARD, "{\"name\":\"Org\"}", "{[\"name\"]\"Org\",}");
    assert_sums(&ocl_org_sum, "{\"name\":\"Org\",\"is_active\":true,\"company\":\"\"}",
                "f6cedeb7c20352e596ca81c0eb16f552", "f6cedeb7c20352e596ca81c0eb16f552");
}

static void test_checksum__several(void **state)
{
    (void)state;
    struct nst_json *v = read_json("[\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\","
                                   "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]");
    assert_str(ocl_checksum(arena, NULL, OCL_STANDARD, v), "36fb6d8ae9484cbf2ac049d915565d61");
    assert_str(ocl_checksum(arena, &ocl_concept_sum, OCL_STANDARD, v),
               "36fb6d8ae9484cbf2ac049d915565d61");
    assert_text(NULL, OCL_STANDARD,
                "[\"97ab2249112b4591570fb41de10bd0f6\",\"52d62ae105f4e99b37f4126ee7ce5ebf\"]",
                "[\"52d62ae105f4e99b37f4126ee7ce5ebf\",\"97ab2249112b4591570fb41de10bd0f6\"]");
    assert_str(ocl_checksum(arena, &ocl_org_sum, OCL_SMART, read_json("[{\"name\":\"Org\"}]")),
               "f6cedeb7c20352e596ca81c0eb16f552");
}

static void test_checksum__kinds_of_repositories(void **state)
{
    (void)state;
    assert_text(&ocl_source_sum, OCL_STANDARD,
                "{\"source_type\":\"Dictionary\",\"website\":\"w\",\"released\":true}",
                "{[\"website\"]\"w\",}");
    assert_text(&ocl_source_sum, OCL_SMART, "{\"source_type\":\"Dictionary\",\"retired\":true}",
                "{[\"released\", \"retired\"]false,true,}");
    assert_text(&ocl_collection_sum, OCL_SMART, "{\"collection_type\":\"Set\",\"released\":true}",
                "{[\"collection_type\", \"released\"]\"Set\",true,}");
    assert_text(&ocl_user_sum, OCL_SMART, "{\"username\":\"anna\",\"preferred_locale\":\"en\"}",
                "{[\"username\"]\"anna\",}");
}

static void test_checksum__words(void **state)
{
    (void)state;
    assert_ptr_equal(ocl_checksum_kind(NST_STR("concept")), &ocl_concept_sum);
    assert_ptr_equal(ocl_checksum_kind(NST_STR("Source_Versions")), &ocl_source_sum);
    assert_ptr_equal(ocl_checksum_kind(NST_STR("org")), &ocl_org_sum);
    assert_null(ocl_checksum_kind(NST_STR("")));
    assert_null(ocl_checksum_kind(NST_STR("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum__concept),
        cmocka_unit_test(test_checksum__concept_with_everything),
        cmocka_unit_test(test_checksum__mapping),
        cmocka_unit_test(test_checksum__concept_url_with_a_version),
        cmocka_unit_test(test_checksum__organization),
        cmocka_unit_test(test_checksum__several),
        cmocka_unit_test(test_checksum__kinds_of_repositories),
        cmocka_unit_test(test_checksum__words),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
