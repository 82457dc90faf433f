/* Names and descriptions: elements of a concept version, kept in its row as JSON
 * under the names below. */
#include "concept.h"

#include "ocl/app.h"

static const struct nst_field name_field[] = {
    NST_CHILD("uuid", &nst_text, .fill = NST_AUTO_NUMBER, .doc = "Number of the name."),
    NST_CHILD("name", &nst_text, .max = 32768, .doc = "The name."),
    NST_CHILD("locale", &nst_text, .max = 255, .doc = "Its language, as a locale code."),
    NST_CHILD("locale_preferred", &nst_bool, .fallback = "false",
              .doc = "The name to show in that language."),
    NST_CHILD("name_type", &nst_text, .max = 255, .doc = "Fully specified, short, ..."),
    NST_CHILD("external_id", &nst_text, .max = 255, .doc = "Identifier in another system."),
    NST_CHILD("type", &nst_text, .constant = "\"ConceptName\"", .doc = "Kind of element."),
    NST_CHILD("checksum", &nst_text, .doc = "Checksum of the fields."),
    NST_CHILD("retired", &nst_bool, .fallback = "false", .doc = "Out of use."),
    NST_CHILD("retire_reason", &nst_text, .doc = "Why it is out of use."),
};

/* V239, V240 */
#define V2_SETTABLE(word) \
    word "* locale* locale_preferred " word "_type external_id retired retire_reason"

static const struct nst_serializer name_serializer[] = {
    { GUIDE, NST_DETAIL, "name locale locale_preferred type=name_type" }, /* G14, G120 */
    { GUIDE, NST_CREATE, "name* locale* locale_preferred type=name_type" },
    { V2, NST_DETAIL, /* V239 */
      "uuid name locale locale_preferred name_type external_id type checksum retired "
      "retire_reason" },
    { V2, NST_CREATE, V2_SETTABLE("name") },
    { IMPORT, NST_CREATE, V2_SETTABLE("name") },
};

const struct nst_resource ocl_concept_name = {
    .name = "concept_name",
    NST_FIELDS(name_field),
    NST_SERIALIZERS(name_serializer),
    .doc = "A name of a concept in one language.",
};

static const struct nst_field description_field[] = {
    NST_CHILD("uuid", &nst_text, .fill = NST_AUTO_NUMBER, .doc = "Number of the description."),
    NST_CHILD("description", &nst_text, .max = 65535, .doc = "The text."),
    NST_CHILD("locale", &nst_text, .max = 255, .doc = "Its language, as a locale code."),
    NST_CHILD("locale_preferred", &nst_bool, .fallback = "false",
              .doc = "The description to show in that language."),
    NST_CHILD("description_type", &nst_text, .max = 255, .doc = "Definition, ..."),
    NST_CHILD("external_id", &nst_text, .max = 255, .doc = "Identifier in another system."),
    NST_CHILD("type", &nst_text, .constant = "\"ConceptDescription\"", .doc = "Kind of element."),
    NST_CHILD("checksum", &nst_text, .doc = "Checksum of the fields."),
    NST_CHILD("retired", &nst_bool, .fallback = "false", .doc = "Out of use."),
    NST_CHILD("retire_reason", &nst_text, .doc = "Why it is out of use."),
};

/* G121: `name` in the place of `description`. */
static const struct nst_rule description_rule[] = { { "description", .alias = "name" }, { 0 } };

/* V254 */
static const struct nst_rule v2_description_rule[] = {
    { "description", .empty = "Concept description cannot be empty" },
    { 0 },
};

static const struct nst_serializer description_serializer[] = {
    { GUIDE, NST_DETAIL, "description locale locale_preferred type=description_type" },
    { GUIDE, NST_CREATE, "description* locale* locale_preferred type=description_type",
      .rules = description_rule },
    { V2, NST_DETAIL, /* V240 */
      "uuid description locale locale_preferred description_type external_id type checksum "
      "retired retire_reason" },
    { V2, NST_CREATE, V2_SETTABLE("description"), .rules = v2_description_rule },
    { IMPORT, NST_CREATE, V2_SETTABLE("description") },
};

const struct nst_resource ocl_concept_description = {
    .name = "concept_description",
    NST_FIELDS(description_field),
    NST_SERIALIZERS(description_serializer),
    .doc = "A description of a concept in one language.",
};
