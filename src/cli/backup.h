/* Backups: a folder, or an archive of one, with the database as a SQLite file, the secret, the
 * settings, the files of tasks, and a list of all of them. */
#ifndef NESTOR_CLI_BACKUP_H
#define NESTOR_CLI_BACKUP_H

#include "cli.h"

#define CLI_BACKUP_LIST     "backup.json"
#define CLI_BACKUP_DATABASE "nestor.db"
#define CLI_BACKUP_LAST     "last-backup.json" /* in the data folder: what `nestor doctor` reads */

/* A file of a backup. */
struct cli_backup_file {
    struct cli_backup_file *next;
    struct nst_str name; /* below the folder: "tasks/x.zip" */
    int64_t bytes;
    int64_t changed;       /* nanoseconds since 1970 */
    struct nst_str sha256; /* in hex */
};

/* What the list of a backup says. Zero but for what is known, before one is made. */
struct cli_backup {
    struct nst_arena *arena;
    struct nst_str folder; /* ends with a NUL, as all paths here */
    struct cli_backup_file *first, **end;
    struct nst_str time, version, engine; /* when, by which program, of sqlite or postgresql */
    int64_t step;                         /* the newest migration in its database */
    struct nst_str named[CLI_KEY_SETTINGS]; /* the file of each that came along; null: none */
};

/* "folder/name", with a NUL behind it. */
const char *cli_path(struct nst_arena *a, struct nst_str folder, struct nst_str name);

/* What makes an archive by its name: .tar, .tar.gz, .tgz, .tar.zst, .tar.xz; NULL: it is none. */
const char *cli_archive_end(const char *path);

/* What a backup in a folder of backups is called: this, and when it was made. Before it is whole
 * its name has the end, too. */
#define CLI_BACKUP_PREFIX "nestor-"
#define CLI_BACKUP_PART   ".part"

/* "nestor-20261129T151500Z": such a name, without the end, is a backup's, and nothing else's. */
bool cli_backup_is_name(struct nst_str name);

/* Entries of a folder that are called so, with the end or without, by their names, which is by time;
 * in a. 0 when it cannot be read. */
size_t cli_backup_names(const char ***out, struct nst_arena *a, const char *folder);

/* May a file of a backup be called so? One of its own places: "x", "tasks/x". */
bool cli_backup_has_place(struct nst_str name);

/* The entry of that name; NULL: the backup has none. */
struct cli_backup_file *cli_backup_find(const struct cli_backup *b, struct nst_str name);
void cli_backup_add(struct cli_backup *b, const struct cli_backup_file *file);

/* Copy a file, mode 0600, with the time of its last change, onto the disk.
 *   out  bytes, time and SHA-256 of what was copied; its digest is in a
 *   to   replaced when it is there
 * Returns false with errno set. Blocks on the disks. */
bool cli_backup_copy(struct cli_backup_file *out, struct nst_arena *a, const char *to,
                     const char *from);

/* The same of a file as it is, without copying it. */
bool cli_backup_measure(struct cli_backup_file *out, struct nst_arena *a, const char *path);

/* Write the list into b->folder, onto the disk. Returns false with errno set. */
bool cli_backup_write_list(const struct cli_backup *b);

/* Read the list of b->folder; b has only that and an arena. Returns what is wrong, a sentence
 * without subject in b's arena, or NULL. Names in the list stay below the folder. */
const char *cli_backup_read_list(struct cli_backup *b);

/* Remove a folder with all in it, links not followed. False with errno set. */
bool cli_remove_folder(const char *path);

/* Run tar(1) on a folder and an archive.
 *   what  "-caf": pack the folder; "-xf": unpack into it
 * Returns false after saying why. Blocks. */
bool cli_tar(const struct cli_verb *verb, const char *what, const char *archive,
             const char *folder);

#endif
