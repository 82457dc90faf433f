/* Tables of CSV (V614): what their columns are called, and how rows become lines. */
#ifndef OCL_LINES_TABLE_H
#define OCL_LINES_TABLE_H

#include "internal.h"

#include "nestor/base/csv.h"

#define TABLE_COLUMNS  2048              /* the widest sheets in use have some hundred */
#define TABLE_CELL_MAX ((size_t)1 << 20) /* bytes: sixteen times the longest text of a concept */
#define TABLE_UNKNOWN  10                /* columns that are named when none knows them */

/* What a row is about. */
enum ocl_table_type {
    TABLE_ORG,
    TABLE_SOURCE,
    TABLE_COLLECTION,
    TABLE_CONCEPT,
    TABLE_MAPPING,
    TABLE_SOURCE_VERSION,
    TABLE_COLLECTION_VERSION,
    TABLE_REFERENCE,
    TABLE_TYPES
};

/* What a cell holds. */
enum ocl_table_cell {
    TABLE_TEXT,
    TABLE_BOOL,
    TABLE_INT,
    TABLE_FLOAT,
    TABLE_LIST, /* of texts, by commas */
    TABLE_JSON,
    TABLE_EXPRESSIONS, /* a list that is `expressions` of an object */
    TABLE_ID_AGAIN     /* the same as the cell of `id`, or nothing */
};

/* What a column belongs to; those of one group and index make one thing. */
enum ocl_table_group {
    TABLE_PLAIN, /* a member of the line */
    TABLE_NAME,
    TABLE_DESCRIPTION,
    TABLE_PAIR, /* key and value of an attribute */
    TABLE_ATTRIBUTE,
    TABLE_MAP,
    TABLE_EXTMAP,
    TABLE_GROUPS
};

/* What the cells of a mapping say, wherever they stand. */
enum ocl_table_slot {
    SLOT_TYPE,
    SLOT_TARGET,
    SLOT_OWNER,
    SLOT_OWNER_TYPE,
    SLOT_SOURCE,
    SLOT_FROM, /* the first of one end, in the order of enum ocl_table_end */
    SLOT_TO = SLOT_FROM + 8,
    SLOTS = SLOT_TO + 8
};

enum ocl_table_end {
    END_URL,
    END_SOURCE_URL,
    END_SOURCE_VERSION,
    END_CODE,
    END_NAME,
    END_OWNER,
    END_OWNER_TYPE,
    END_SOURCE
};

/* A column that is known. */
struct ocl_table_known {
    const char *name;   /* of a mapping's slot: without `map_` or `extmap_` */
    const char *member; /* of the line, or of the element of a group */
    enum ocl_table_cell cell;
    unsigned types; /* bits 1 << enum ocl_table_type of rows that have it */
    enum ocl_table_group group;
    enum ocl_table_slot slot;
    bool is_mere; /* says nothing by itself: may be filled where its group is empty */
};

/* A column of a file. */
struct ocl_table_column {
    struct nst_str title, index; /* index: what stands in the brackets; empty: none do */
    const struct ocl_table_known *of[TABLE_TYPES]; /* by the type of the row; NULL: it has none */
    struct nst_str key;                            /* of an attribute; null: it is none */
    enum ocl_table_cell cell;                      /* of an attribute */
    size_t next; /* column of its group, SIZE_MAX: none; of the groups in ocl_table_header */
};

/* Columns that make one thing, in the order of the file. */
struct ocl_table_part {
    enum ocl_table_group group;
    struct nst_str index;
    size_t first;
};

struct ocl_table_header {
    struct ocl_table_column *column;
    size_t count;
    struct ocl_table_part *part;
    size_t parts;
    size_t id; /* the column `id`; SIZE_MAX: there is none */
    size_t type;
};

/* Find out what the columns are. False where none is known, or (then *why says so) some are not.
 *   h  its memory is of a */
bool ocl_table_read_header(struct ocl_table_header *h, struct nst_str *why, struct nst_arena *a,
                           const struct nst_csv_row *row);

/* Is it a title that some column may have? */
bool ocl_table_is_title(struct nst_str title);

/* The word of a type in lines; the type of a word, without regard to case (TABLE_TYPES: none). */
const char *ocl_table_type_word(enum ocl_table_type type);
enum ocl_table_type ocl_table_type_of(struct nst_str word);

/* A row whose lines are being made. */
struct ocl_table_row {
    const struct ocl_table_header *header;
    const struct nst_csv_row *row;
    enum ocl_table_type type;
    struct nst_arena *arena;                      /* of the line */
    struct nst_str owner, owner_type, source, id; /* of the row, empty where it has none */
    struct nst_buf fault;                         /* of the line: sentences, one behind the other */
    struct nst_str fault_column;
};

/* The text of a cell without blanks around; empty where there is none. */
struct nst_str ocl_table_cell(const struct ocl_table_row *r, size_t column);

/* Note a fault of the line that is being made; about a column (SIZE_MAX: the row). */
void ocl_table_fault(struct ocl_table_row *r, size_t column, const char *sentence);

/* The value of a cell as it is to be; after noting a fault, its text. */
struct nst_json *ocl_table_value(struct ocl_table_row *r, size_t column, enum ocl_table_cell cell,
                                 struct nst_str text);

/* Find owner, owner_type, source and id of the row, once its type is known. */
void ocl_table_find_place(struct ocl_table_row *r);

/* Make the line that is about the row itself. */
struct nst_json *ocl_table_make_line(struct ocl_table_row *r);

/* Make the line of a mapping that the row of a concept has; NULL: there is none in this part. */
struct nst_json *ocl_table_make_mapping(struct ocl_table_row *r, const struct ocl_table_part *part);

/* Add to the line of a row that is a mapping what its cells say. */
void ocl_table_add_mapping(struct ocl_lines_maker *m, struct ocl_table_row *r);

#endif
