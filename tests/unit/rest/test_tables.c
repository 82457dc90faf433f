/* Faults X16, X17, X72 and X73: each kind of wrong table stops the start with
 * one line, which names table, row and remedy. A kind is a row here: good tables are
 * bent in one place. */
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static enum nst_err view(struct nst_req *rq)
{
    return nst_answer_empty(rq, 204);
}

static enum nst_err scope(struct nst_sql *q, struct nst_req *rq, const struct nst_object *parent)
{
    (void)q;
    (void)rq;
    (void)parent;
    return NST_OK;
}

static bool has(struct nst_str text, const char *part)
{
    char copy[65536];
    snprintf(copy, sizeof(copy), "%.*s", NST_FMT(text));
    return strstr(copy, part) != NULL;
}

static unsigned count_lines(struct nst_str text)
{
    unsigned n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

/* The tables as they are bent are refused in one line that holds the three texts. */
static void refused(void (*bend)(struct tables *t), const char *table, const char *row,
                    const char *remedy)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_registry *registry = NULL;
    struct nst_str log;
    struct tables t;
    tables_init(&t);
    bend(&t);
    assert_int_equal(tables_compile(&registry, &log, a, &t), NST_E_INTERNAL);
    assert_null(registry);
    char head[256];
    snprintf(head, sizeof(head), "\"table\":\"%s\",\"row\":\"%s\",\"fault\":\"", table, row);
    if (count_lines(log) != 1 || !has(log, head) || !has(log, remedy))
        fail_msg("wanted one line with %s and %s, got:\n%.*s", head, remedy, NST_FMT(log));
    nst_arena_free(a);
}

static const struct nst_response broken_response[] = { { 200, "Half.", { .schema = "{" } }, { 0 } };
static const struct nst_description broken_description = { .response = broken_response };

static const struct nst_response second_response[] = { { 200, "Once." }, { 200, "Again." }, { 0 } };
static const struct nst_description double_description = { .as = nst_retrieve,
                                                           .response = second_response };
static const struct nst_description mute_description = { 0 };

static const struct nst_switch brief_switch[] = {
    { "brief", NST_LIST, NST_BRIEF, "Less." },
    { 0 },
};
static const struct nst_switch since_switch[] = {
    { "since", NST_LIST, NST_DETAIL, "More." },
    { 0 },
};
static const struct nst_switch limit_switch[] = {
    { "limit", NST_LIST, NST_DETAIL, "Taken." },
    { 0 },
};
static const struct nst_switch hidden_switch[] = {
    { "brief", NST_LIST, NST_DETAIL, "Alone." },
    { "brief", NST_LIST, NST_DETAIL, "With.", .also = "more", .also_doc = "More." },
    { 0 },
};
static const struct nst_switch mute_switch[] = { { "mute", NST_LIST, NST_DETAIL }, { 0 } };

static enum nst_err make_nothing(struct nst_req *rq, const struct nst_shown *shown)
{
    (void)rq;
    (void)shown;
    return NST_OK;
}

static struct nst_member bent_member[] = { { .name = "loans" }, { 0 } };
static const struct nst_parameter member_asked[] = { { "loans", NST_SWITCH_SCHEMA, "With them." },
                                                     { 0 } };

static void give_member(struct tables *t, unsigned use, const char *asked, const char *schema)
{
    bent_member[0] =
        (struct nst_member){ &t->face, 1U << use, "loans", asked, make_nothing, schema, "Loans." };
    t->book.member = bent_member;
    t->book.member_asked = member_asked;
}

#define VIEWED(description) \
    (struct nst_action) \
    { \
        view, nst_allow_any, .describe = (description) \
    }

#define FIELD(i)  t->book_field[BOOK_##i]
#define SERIAL(i) t->book_serializer[i]
#define OWN       "serializer library "
#define BOOKS     "route /shelves/:shelf/books/"

/* X(name, table, row, remedy, what bends the tables) */
#define FACES(X) \
    X(face_without_name, "faces", "face ?", ".name", t->face.name = NULL) \
    X(face_without_doc, "faces", "face library", ".doc", t->face.doc = NULL) \
    X(mount_without_slash, "faces", "face library", ".mount", t->face.mount = "library") \
    X(mount_with_last_slash, "faces", "face library", ".mount", t->face.mount = "/library/") \
    X(face_listed_twice, "faces", "face library", "list it once", t->faces[1] = &t->face) \
    X(two_faces_of_a_name, "faces", "face library", "change one", t->faces[1] = &t->other; \
      t->other.name = "library") \
    X(two_faces_of_a_mount, "faces", "face other", "change one", t->faces[1] = &t->other; \
      t->other.mount = "/library") \
    X(text_missing, "faces", "face library", ".text", t->face.text = &t->texts; \
      t->texts.blank = NULL) \
    X(unknown_credentials, "faces", "face library", "session", \
      t->face.credentials = "token magic") \
    X(choice_without_value, "faces", "face library", "%s", t->face.text = &t->texts; \
      t->texts.choice = "No.") \
    X(page_without_size, "faces", "face library", ".limit_default", t->face.lists = &t->lists; \
      t->lists.limit_default = 0) \
    X(page_above_the_largest, "faces", "face library", ".limit_max", t->face.lists = &t->lists; \
      t->lists.limit_max = 10) \
    X(page_without_place, "faces", "face library", ".offset", t->face.lists = &t->lists; \
      t->lists.page = t->lists.offset = NULL) \
    X(empty_word_of_a_list, "faces", "face library", "letters", t->face.lists = &t->lists; \
      t->lists.page = "") \
    X(word_of_two_words, "faces", "face library", "letters", t->face.lists = &t->lists; \
      t->lists.sort = "sort by") \
    X(sign_for_two_things, "faces", "face library", "marks", t->face.lists = &t->lists; \
      t->lists.neither = ',') \
    X(sign_that_is_a_letter, "faces", "face library", "marks", t->face.lists = &t->lists; \
      t->lists.some = 'n') \
    X(sign_beyond_ascii, "faces", "face library", "marks", t->face.lists = &t->lists; \
      t->lists.literal = (char)0xC4) \
    X(second_word_without_first, "faces", "face library", ".limit_too", t->face.lists = &t->lists; \
      t->lists.limit = NULL; t->lists.limit_too = "size") \
    X(two_words_of_a_list, "faces", "face library", ".lists", t->face.lists = &t->lists; \
      t->lists.after = "page")

#define RESOURCES(X) \
    X(resource_without_name, "?", "resource", ".name", t->mark.name = NULL) \
    X(resource_without_doc, "book", "resource", ".doc", t->book.doc = NULL) \
    X(two_resources_of_a_name, "shelf", "resource", "rename", t->mark.name = "shelf") \
    X(resource_listed_twice, "shelf", "resource", "list it once", t->resources[3] = &t->shelf) \
    X(no_size, "book", "resource", "sizeof", t->book.size = 0) \
    X(size_of_another_struct, "shelf", "field id", "one struct", \
      t->shelf.size = sizeof(struct book); \
      t->shelf.fields = 1; t->resources[1] = NULL) \
    X(field_of_another_struct, "book", "field title", "one struct", \
      FIELD(TITLE).size = sizeof(struct shelf)) \
    X(no_table, "book", "resource", ".table", t->book.table = NULL) \
    X(no_identity, "book", "resource", "NST_IDENTITY", FIELD(ID).type = &nst_int) \
    X(two_identities, "book", "resource", "NST_IDENTITY", FIELD(PAGES).type = &nst_identity) \
    X(key_that_is_no_field, "book", "resource", "name a field", t->book.key = "isbnn") \
    X(two_keys, "book", "resource", "leave it to one", FIELD(TITLE).flags = NST_KEY) \
    X(key_that_is_true_or_false, "book", "resource", "another", t->book.key = "is_active") \
    X(set_of_a_resource_s_name, "shelf", "set", "rename", t->set[0].name = "shelf") \
    X(set_without_doc, "kept_book", "set", ".doc", t->set[0].doc = NULL) \
    X(key_of_a_set_that_is_no_field, "kept_book", "set", "name a field", t->set[0].key = "isbnn") \
    X(key_of_a_set_that_is_made, "kept_book", "set", "another", t->set[0].key = "url") \
    X(serializer_of_a_set, "kept_book", "serializer library list, word titel", "correct", \
      t->set[0].serializer = &t->set_serializer; \
      t->set[0].serializers = 1; \
      t->set_serializer = (struct nst_serializer){ &t->face, NST_LIST, "isbn titel" }) \
    X(switch_of_a_set, "kept_book", "switch brief", "write the serializer", \
      t->set[0].switches = brief_switch) \
    X(parent_that_is_no_field, "book", "resource", "nst_int", t->book.parent = "shelf_no") \
    X(parent_that_is_text, "book", "resource", "nst_int", t->book.parent = "title") \
    X(parent_that_is_the_row_itself, "book", "resource", "nst_int", t->book.parent = "id") \
    X(switch_of_no_serializer, "book", "switch brief", "write the serializer", \
      t->book.switches = brief_switch) \
    X(switch_of_a_filter_s_name, "book", "switch since", "rename", \
      t->book.switches = since_switch) \
    X(switch_of_a_taken_name, "book", "switch limit", "rename", t->book.switches = limit_switch) \
    X(switch_behind_one_that_is_true, "book", "switch brief", "take it out", \
      t->book.switches = hidden_switch) \
    X(switch_without_doc, "book", "switch mute", ".doc", t->book.switches = mute_switch) \
    X(member_without_schema, "book", "member loans", "lacks", \
      give_member(t, NST_DETAIL, "loans", NULL)) \
    X(member_of_what_is_not_shown, "book", "member loans", ".uses", \
      give_member(t, NST_VERBOSE, "loans", "{}")) \
    X(member_that_nobody_can_ask_for, "book", "member loans", ".member_asked", \
      give_member(t, NST_DETAIL, "loans|lendings", "{}")) \
    X(two_sorts_of_a_name, "book", "sort Title", "take one out", \
      t->sort[1] = (struct nst_sort){ "Title" }) \
    X(filter_without_doc, "book", "filter since", ".doc", t->filter[2].doc = NULL) \
    X(two_filters_of_a_name, "book", "filter Title", "take one out", t->filter[2].name = "Title") \
    X(filter_of_a_filtered_field, "book", "filter language", "take one out", \
      t->filter[2].name = "language") \
    X(filter_named_as_lists_have, "book", "filter limit", "rename", t->filter[2].name = "limit") \
    X(filter_without_column, "book", "filter since", ".column", t->filter[2].column = NULL) \
    X(filter_that_leads_nowhere, "book", "filter shelf_code", "both", \
      t->filter[1].among = "SELECT s.id FROM shelf s") \
    X(filter_without_the_other, "book", "filter shelf_code", "both", t->filter[1].other = NULL) \
    X(few_values_elsewhere, "book", "filter shelf_code", "take .few", t->filter[1].few = true) \
    X(set_without_mark, "book", "filter words", "all three", t->filter[3].mark = 0) \
    X(mark_without_set, "book", "filter title", "all three", t->filter[0].mark = ',')

#define FIELDS(X) \
    X(field_without_name, "book", "field ?", "NST_FIELD", FIELD(PAGES).name = NULL; \
      SERIAL(SHOWN).fields = "id") \
    X(field_without_type, "book", "field pages", "NST_FIELD", FIELD(PAGES).type = NULL) \
    X(field_without_doc, "book", "field pages", ".doc", FIELD(PAGES).doc = NULL) \
    X(field_twice, "book", "field title", "take one", FIELD(LANGUAGE).name = "title") \
    X(member_outside_the_struct, "book", "field pages", "NST_FIELD", \
      FIELD(PAGES).offset = sizeof(struct book)) \
    X(member_of_another_type, "book", "field pages", "int64_t", FIELD(PAGES).type = &nst_text) \
    X(child_list_without_children, "book", "field marks", ".children", \
      FIELD(MARKS).children = NULL) \
    X(children_of_no_list, "book", "field extras", ".children", FIELD(EXTRAS).children = &t->mark) \
    X(children_not_listed, "book", "field marks", "add it", t->resources[2] = NULL) \
    X(two_sources, "book", "field kind", "keep one", FIELD(KIND).column = "title") \
    X(lazy_column, "book", "field title", "NST_LAZY", FIELD(TITLE).flags = NST_LAZY) \
    X(filter_by_a_link, "book", "field url", "NST_FILTER", FIELD(URL).flags = NST_FILTER) \
    X(time_filled_into_text, "book", "field title", "fill", FIELD(TITLE).fill = NST_AUTO_CREATED) \
    X(name_filled_into_truth, "book", "field is_active", "fill", \
      FIELD(ACTIVE).fill = NST_AUTO_CREATOR) \
    X(number_filled_into_column, "book", "field pages", "NST_AUTO_NUMBER", \
      FIELD(PAGES).fill = NST_AUTO_NUMBER) \
    X(filter_named_as_lists_do, "book", "field limit", "rename", FIELD(LANGUAGE).name = "limit") \
    X(constant_that_is_no_json, "book", "field kind", "JSON", FIELD(KIND).constant = "Book") \
    X(fallback_that_is_no_json, "book", "field extras", "JSON", \
      FIELD(EXTRAS).fallback = "{\"a\":") \
    X(fallback_that_is_no_number, "book", "field pages", "type", FIELD(PAGES).fallback = "many") \
    X(fallback_that_is_no_truth, "book", "field is_active", "type", \
      FIELD(ACTIVE).fallback = "perhaps") \
    X(fallback_that_is_too_long, "book", "field language", "length", \
      FIELD(LANGUAGE).fallback = "esperanto") \
    X(fallback_that_is_no_segment, "book", "field isbn", "form", FIELD(ISBN).fallback = "a/b") \
    X(fallback_of_a_child_that_is_no_json, "mark", "field note", "JSON", \
      t->mark_field[MARK_NOTE].fallback = "none") \
    X(link_with_an_open_brace, "book", "field url", "close it", FIELD(URL).link = "/books/{isbn") \
    X(link_to_no_field, "book", "field url", "name one", FIELD(URL).link = "/books/{isbnn}/") \
    X(link_to_itself, "book", "field url", "other", FIELD(URL).link = "{url}more/") \
    X(link_to_truth, "book", "field url", "other", FIELD(URL).link = "/books/{is_active}/") \
    X(link_to_a_constant, "book", "field url", "other", FIELD(URL).link = "/books/{kind}/") \
    X(link_of_a_type_that_reads, "book", "field url", "nst_url", FIELD(URL).type = &nst_code)

#define SERIALIZERS(X) \
    X(serializer_of_unlisted_face, "book", "serializer other list", "add the face", \
      SERIAL(LISTED).face = &t->other; \
      t->book.routes = 0) \
    X(serializer_without_face, "book", "serializer ? list", "add the face", \
      SERIAL(LISTED).face = NULL) \
    X(serializer_of_no_use, "book", OWN "?", "nst_use", SERIAL(LISTED).use = NST_USE_COUNT) \
    X(serializer_twice, "book", OWN "detail", "take one out", SERIAL(MADE).use = NST_DETAIL; \
      SERIAL(MADE).duplicate.key = SERIAL(MADE).duplicate.text = NULL) \
    X(serializer_of_nothing, "book", OWN "list", "name what", SERIAL(LISTED).fields = " ") \
    X(word_that_is_no_field, "book", OWN "list, word titel", "correct", \
      SERIAL(LISTED).fields = "isbn titel") \
    X(word_required_in_update, "book", OWN "update, word title*", "*", \
      SERIAL(CHANGED).fields = "title*") \
    X(word_that_is_not_stored, "book", OWN "update, word shelf", "take the word", \
      SERIAL(CHANGED).fields = "title shelf") \
    X(word_that_is_the_number, "book", OWN "update, word id", "take the word", \
      SERIAL(CHANGED).fields = "id title") \
    X(word_that_is_the_parent, "book", OWN "update, word shelf_id", "take the word", \
      SERIAL(CHANGED).fields = "title shelf_id") \
    X(word_set_twice, "book", OWN "update, word name=title", "take one", \
      SERIAL(CHANGED).fields = "title name=title") \
    X(word_shown_twice, "book", OWN "list, word title", "take one", \
      SERIAL(LISTED).fields = "title=isbn title") \
    X(children_that_are_not_read, "book", OWN "create, word marks", "NST_CREATE", \
      t->mark_serializer[0] = (struct nst_serializer){ &t->face, NST_LIST, "page" }) \
    X(children_that_are_not_shown, "book", OWN "detail, word marks", "NST_DETAIL", \
      t->mark_serializer[1].use = NST_LIST) \
    X(duplicate_that_names_no_field, "book", OWN "create", "braces", \
      SERIAL(MADE).duplicate.text = "There is {isbnn}.") \
    X(duplicate_that_names_a_link, "book", OWN "create", "braces", \
      SERIAL(MADE).duplicate.text = "There is {url}.") \
    X(duplicate_with_an_open_brace, "book", OWN "create", "close it", \
      SERIAL(MADE).duplicate.text = "There is {isbn.") \
    X(duplicate_without_key, "book", OWN "create", "both", SERIAL(MADE).duplicate.key = NULL) \
    X(duplicate_of_output, "book", OWN "list", "NST_CREATE", \
      SERIAL(LISTED).duplicate = SERIAL(MADE).duplicate) \
    X(rule_of_no_field, "shelf", OWN "create, rule kode", "correct", \
      t->shelf_serializer[MADE].rules = t->rule; \
      t->rule[0].field = "kode"; SERIAL(MADE).rules = SERIAL(CHANGED).rules = NULL) \
    X(rule_twice, "shelf", OWN "create, rule code", "together", \
      t->shelf_serializer[MADE].rules = t->rule; \
      SERIAL(MADE).rules = NULL; SERIAL(CHANGED).rules = NULL; \
      t->rule[0] = (struct nst_rule){ "code", .refused = "new" }; t->rule[1] = t->rule[0]) \
    X(rule_for_no_text, "book", OWN "update, rule pages", "take them out", \
      SERIAL(MADE).rules = NULL; \
      t->rule[0] = (struct nst_rule){ "pages", .choices = "1|2" }) \
    X(charset_that_runs_backwards, "book", OWN "update, rule language", "turn", \
      SERIAL(MADE).rules = NULL; \
      t->rule[0].charset = "z-a") \
    X(rule_whose_fallback_is_too_long, "book", OWN "update, rule language", "length", \
      SERIAL(MADE).rules = NULL; \
      t->rule[0].fallback = "esperanto") \
    X(fallback_that_is_no_choice, "book", OWN "update, rule language", "add it", \
      SERIAL(MADE).rules = NULL; \
      t->rule[0].choices = "de|eo")

#define ROUTES(X) \
    X(route_of_unlisted_face, "book", "route /books/", "add the face", \
      t->book_route[2].face = &t->other) \
    X(route_without_doc, "book", "route /books/", ".doc", t->book_route[2].doc = NULL) \
    X(path_without_slash, "book", "route /books", "correct it", t->book_route[2].path = "/books") \
    X(path_with_empty_segment, "book", "route /books//", "correct it", \
      t->book_route[2].path = "/books//") \
    X(path_with_open_parenthesis, "book", "route /(books|all/", "close", \
      t->book_route[2].path = "/(books|all/") \
    X(path_of_many_segments, "book", "route /1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/", \
      "shorten", t->book_route[2].path = "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/") \
    X(path_of_many_variables, "book", "route /:a?/:b?/:c?/:d?/:e?/:f?/:g?/:h?/:i?/", "shorten", \
      t->book_route[2].path = "/:a?/:b?/:c?/:d?/:e?/:f?/:g?/:h?/:i?/") \
    X(path_of_many_loads, "shelf", "route /:shelf/:shelf/:shelf/:shelf/:shelf/:shelf/:shelf/", \
      "shorten", t->shelf_route[1].path = "/:shelf/:shelf/:shelf/:shelf/:shelf/:shelf/:shelf/"; \
      t->shelf.hook.scope = scope) \
    X(path_of_no_resource, "book", "route /:shelve/books/", "correct it", \
      t->book_route[2].path = "/:shelve/books/") \
    X(path_twice, "book", "route /shelves/", "together", t->book_route[2].path = "/shelves/") \
    X(path_with_a_resource_without_key, "shelf", "route /shelves/:shelf/", "NST_KEY", \
      t->shelf_field[SHELF_CODE].flags = NST_CORE; \
      t->book.routes = 0) \
    X(alias_without_hook, "shelf", "route /mine~shelf/", ".hook.alias", \
      t->shelf_route[1].path = "/mine~shelf/") \
    X(nested_row_of_any_parent, "book", BOOKS ":book/", ".parent", t->book.parent = NULL; \
      t->book_route[0] = t->book_route[2]; t->book.routes = 2) \
    X(nested_list_of_any_parent, "book", BOOKS " GET", ".parent", t->book.parent = NULL; \
      t->book.routes = 1; t->book_route[0].post = (struct nst_action){ 0 }) \
    X(new_row_of_no_parent, "book", "route /books/ POST", ".parent", \
      t->book_route[2].post = t->book_route[0].post) \
    X(new_row_of_a_scope, "book", BOOKS " POST", ".hook.before_create", t->book.parent = NULL; \
      t->book.hook.scope = scope) \
    X(two_parents_in_a_column, "book", "route /books/:book/books/", ".hook.scope", \
      t->book_route[2].path = "/books/:book/books/") \
    X(method_without_permission, "book", "route /books/ GET", "nst_allow_any", \
      t->book_route[2].get.permit = NULL) \
    X(permission_without_view, "book", "route /books/ GET", "name the view", \
      t->book_route[2].get.view = NULL) \
    X(page_without_token, "book", "route /books/ GET", "take it out", \
      t->book_route[2].get.flags = NST_PAGE; t->face.authenticate = NULL) \
    X(gather_without_prepare, "book", "route /books/ GET", ".prepare", \
      t->book_route[2].get.gather = view) \
    X(view_without_description, "book", "route /books/ GET", ".describe", \
      t->book_route[2].get.view = view) \
    X(description_of_no_answer, "book", "route /books/ GET", ".response", \
      t->book_route[2].get = VIEWED(&mute_description)) \
    X(description_of_two_answers, "book", "route /books/ GET", "leave one row", \
      t->book_route[2].get = VIEWED(&double_description)) \
    X(description_of_broken_json, "book", "route /books/ GET", "write both", \
      t->book_route[2].get = VIEWED(&broken_description)) \
    X(view_without_serializer, "book", "route /books/ GET", "NST_LIST", \
      t->book.serializer = &t->book_serializer[1]; \
      t->book.serializers = 3; t->book_route[0].get = VIEWED(&nst_answers_nothing); \
      t->set[0].routes = 0) \
    X(list_without_order, "book", "route /books/ GET", ".order", t->book.order = NULL; \
      t->book_route[0].get = VIEWED(&nst_answers_nothing)) \
    X(destroy_without_columns, "book", BOOKS ":book/ DELETE", "is_active", \
      FIELD(ACTIVE).name = "is_there") \
    X(retrieve_of_nothing, "book", "route /books/ GET", ":name", \
      t->book_route[2].get.view = nst_retrieve) \
    X(retrieve_of_what_may_be_absent, "book", BOOKS ":book/ GET", "NST_MAY_BE_ABSENT", \
      t->book_route[1].get.flags = NST_MAY_BE_ABSENT) \
    X(list_without_struct, "mark", "route /marks/ GET", "write a view", \
      t->book_route[2].path = "/marks/"; \
      t->mark.route = &t->book_route[2]; t->mark.routes = 1; t->book.routes = 2)

#define KINDS(X) FACES(X) RESOURCES(X) FIELDS(X) SERIALIZERS(X) ROUTES(X)

#define DEFINE(name, table, row, remedy, ...) \
    static void bend_##name(struct tables *t) \
    { \
        __VA_ARGS__; \
    } \
    static void test_check__##name(void **state) \
    { \
        (void)state; \
        refused(bend_##name, table, row, remedy); \
    }
KINDS(DEFINE)
#undef DEFINE

static void test_check__good_tables_are_taken(void **state)
{
    (void)state;
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_registry *registry = NULL;
    struct nst_str log;
    struct tables t;
    tables_init(&t);
    assert_int_equal(tables_compile(&registry, &log, a, &t), NST_OK);
    assert_non_null(registry);
    assert_int_equal(log.n, 0);
    nst_arena_free(a);
}

/* There were eight at most, and the ninth ended the program (X73). */
static void test_check__takes_any_number_of_faces(void **state)
{
    (void)state;
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_face face[20] = { { 0 } };
    const struct nst_face *faces[21] = { NULL };
    const struct nst_resource *none[] = { NULL };
    struct nst_registry *registry = NULL;
    for (size_t i = 0; i < 20; i++) {
        face[i] = (struct nst_face){ .name = nst_strf(a, "f%zu", i).p, .doc = "One of many." };
        faces[i] = &face[i];
    }
    assert_int_equal(nst_registry_new(&registry, a, none, faces), NST_OK);
    nst_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_check__good_tables_are_taken),
                                        cmocka_unit_test(test_check__takes_any_number_of_faces),
#define ENTRY(name, ...) cmocka_unit_test(test_check__##name),
                                        KINDS(ENTRY)
#undef ENTRY
    };
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
