/* Numbers of new rows: counters in a table of their own, on either engine. */
#include "nestor/db.h"

const struct nst_migration nst_numbers_step[] = {
    { 0, "counter",
      "CREATE TABLE IF NOT EXISTS nst_counter (name text NOT NULL PRIMARY KEY, "
      "next bigint NOT NULL);\n" },
    { 0 },
};

enum nst_err nst_next_id(int64_t *out, struct nst_db *db, const char *counter, int64_t count)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db, NST_NEXT_ID, NST_TEXT(nst_str_z(counter)), NST_INT(1 + count),
                           NST_INT(count)));
    if (nst_rows_step(rows))
        *out = nst_rows_int(rows, 0) - count;
    return nst_rows_end(rows);
}
