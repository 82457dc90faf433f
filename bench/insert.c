/* The yardstick of bench/import: the rows of a table, written once more into a
 * fresh SQLite file with the same indexes, by a prepared statement, a thousand a
 * durable transaction, and nothing else. Reading them is not part of the time.
 *
 *   bench-insert FROM.db TO.db TABLE    prints rows, seconds, processor seconds */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH       1000
#define COLUMNS_MAX 100
#define TEXT_MAX    4096

struct table {
    sqlite3_value **cell; /* row by row */
    size_t rows, room;
    int columns;
};

static void require(int is_good, sqlite3 *db, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "bench-insert: %s: %s\n", what, db != NULL ? sqlite3_errmsg(db) : "failed");
    exit(1);
}

static void execute(sqlite3 *db, const char *sql)
{
    require(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, db, sql);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *format, const char *name)
{
    char sql[TEXT_MAX];
    sqlite3_stmt *stmt;
    sqlite3_snprintf(sizeof(sql), sql, format, name);
    require(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, db, sql);
    return stmt;
}

static void add_row(struct table *t, sqlite3_stmt *stmt)
{
    size_t columns = (size_t)t->columns;
    if (t->rows == t->room) {
        t->room = t->room == 0 ? 4096 : 2 * t->room;
        t->cell = realloc(t->cell, t->room * columns * sizeof(t->cell[0]));
        require(t->cell != NULL, NULL, "memory");
    }
    for (size_t i = 0; i < columns; i++)
        t->cell[t->rows * columns + i] = sqlite3_value_dup(sqlite3_column_value(stmt, (int)i));
    t->rows++;
}

static struct table read_rows(sqlite3 *db, const char *name)
{
    struct table t = { 0 };
    sqlite3_stmt *stmt = prepare(db, "SELECT * FROM \"%w\" ORDER BY rowid", name);
    t.columns = sqlite3_column_count(stmt);
    require(t.columns <= COLUMNS_MAX, NULL, "columns");
    while (sqlite3_step(stmt) == SQLITE_ROW)
        add_row(&t, stmt);
    require(sqlite3_finalize(stmt) == SQLITE_OK, db, "reading");
    return t;
}

/* The table first, then its indexes: the order in which they were made. */
static void copy_schema(sqlite3 *to, sqlite3 *from, const char *name)
{
    sqlite3_stmt *stmt = prepare(from,
                                 "SELECT sql FROM sqlite_master WHERE tbl_name = %Q "
                                 "AND sql IS NOT NULL ORDER BY rowid",
                                 name);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        execute(to, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
}

static sqlite3_stmt *prepare_insert(sqlite3 *to, const struct table *t, const char *name)
{
    char format[TEXT_MAX] = "INSERT INTO \"%w\" VALUES (?";
    for (int i = 1; i < t->columns; i++)
        strncat(format, ", ?", sizeof(format) - strlen(format) - 1);
    strncat(format, ")", sizeof(format) - strlen(format) - 1);
    return prepare(to, format, name);
}

static void write_rows(sqlite3 *to, const struct table *t, sqlite3_stmt *insert)
{
    for (size_t row = 0; row < t->rows; row++) {
        if (row % BATCH == 0)
            execute(to, row == 0 ? "BEGIN IMMEDIATE" : "COMMIT; BEGIN IMMEDIATE");
        for (int i = 0; i < t->columns; i++)
            sqlite3_bind_value(insert, i + 1, t->cell[row * (size_t)t->columns + (size_t)i]);
        require(sqlite3_step(insert) == SQLITE_DONE, to, "insert");
        sqlite3_reset(insert);
    }
    if (t->rows > 0)
        execute(to, "COMMIT");
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    sqlite3 *from, *to;
    if (argc != 4) {
        fputs("usage: bench-insert FROM.db TO.db TABLE\n", stderr);
        return 2;
    }
    require(sqlite3_open_v2(argv[1], &from, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK, from,
            argv[1]);
    require(sqlite3_open(argv[2], &to) == SQLITE_OK, to, argv[2]);
    execute(to, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    copy_schema(to, from, argv[3]);
    struct table t = read_rows(from, argv[3]);
    sqlite3_stmt *insert = prepare_insert(to, &t, argv[3]);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    write_rows(to, &t, insert);
    printf("%zu %.6f %.6f\n", t.rows, seconds(CLOCK_MONOTONIC) - wall,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}
