/* The settings file. A line is NAME = VALUE, [SECTION], a comment or blank; it ends where it ends,
 * however long it is, and none goes on with the one before. A library that reads such files cuts
 * long lines, and what it cuts from a comment is a setting. */
#include "grammar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF" /* some editors put one first */
#define FILE_MAX        ((size_t)1 << 20)

static FILE *told(const struct cli_config *c)
{
    return c->told != NULL ? c->told : stderr;
}

/* NULL, or why this is none that could have settings. Never waits: a pipe that nobody writes to
 * would hold up a server that reads its settings again. */
static const char *read_whole(struct nst_str *out, struct nst_arena *a, const char *path)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return strerror(errno);
    const char *fault = fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) ? "it is no file" : NULL;
    struct nst_buf text;
    nst_buf_init(&text, a, FILE_MAX + 1);
    for (ssize_t n = 1; fault == NULL && n != 0;) {
        if (!nst_buf_reserve(&text, 1))
            fault = "it is larger than 1 MiB";
        else if ((n = read(fd, text.p + text.n, text.cap - text.n)) >= 0)
            text.n += (size_t)n;
        else if (errno != EINTR)
            fault = strerror(errno);
    }
    close(fd);
    *out = nst_buf_str(&text);
    return fault;
}

/* What is between the brackets of the line. */
static bool is_section(struct nst_str *section, struct nst_str line)
{
    if (!nst_str_starts(line, NST_STR("[")) || !nst_str_ends(line, NST_STR("]")))
        return false;
    *section = nst_str_trim(nst_str_slice(line, 1, line.n - 1));
    return true;
}

/* A database that is no URL and no file either stays as it is written: so it is told. */
static bool is_relative(const struct cli_setting *s, struct nst_str value)
{
    if (s->kind == CLI_DATABASE &&
        (nst_dialect_of(value) != NST_SQLITE || nst_url_fault(value) != NULL))
        return false;
    return value.n > 0 && value.p[0] != '/' && !(s->kind == CLI_KEYS && cli_is_address(value));
}

/* Whatever folder the program is called in, and however the folder of the settings is named. */
static struct nst_str join(struct nst_arena *a, const char *path, struct nst_str file)
{
    char folder[PATH_MAX];
    const char *here = cli_folder_of(a, nst_str_z(path));
    bool is_there = realpath(here, folder) != NULL;
    return nst_strf(a, "%s/%.*s", is_there ? folder : here, NST_FMT(file));
}

/* The value, with a path in it that counts from the folder of the settings. */
static struct nst_str from_here(struct nst_arena *a, const char *path, struct nst_str name,
                                struct nst_str value)
{
    const struct cli_setting *s = cli_setting_of(name);
    struct nst_str scheme = { 0 };
    if (s != NULL && s->kind == CLI_LISTENER && nst_str_starts(value, NST_STR("unix:")))
        scheme = NST_STR("unix:");
    else if (s == NULL || (s->kind != CLI_PATH && s->kind != CLI_KEYS && s->kind != CLI_DATABASE))
        return value;
    struct nst_str file = nst_str_slice(value, scheme.n, value.n);
    if (!is_relative(s, file))
        return value;
    file = join(a, path, file);
    return nst_strf(a, "%.*s%.*s", NST_FMT(scheme), NST_FMT(file));
}

struct nst_str cli_config_line(struct nst_str *value, struct nst_str *section, struct nst_str line,
                               struct nst_arena *a)
{
    if (nst_str_starts(line, NST_STR(BYTE_ORDER_MARK)))
        line = nst_str_slice(line, sizeof(BYTE_ORDER_MARK) - 1, line.n);
    line = nst_str_trim(line);
    *value = (struct nst_str){ 0 };
    if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';' || is_section(section, line))
        return (struct nst_str){ 0 };
    *value = line;
    struct nst_str name = nst_str_trim(nst_str_cut(value, '='));
    *value = value->p != NULL ? nst_str_trim(*value) : *value;
    return section->n == 0 || name.n == 0
               ? name
               : nst_strf(a, "%.*s.%.*s", NST_FMT(*section), NST_FMT(name));
}

static bool take_line(struct cli_config *c, struct nst_str *section, struct nst_str line,
                      const char *path, unsigned number)
{
    struct nst_str value, name = cli_config_line(&value, section, line, c->arena);
    const char *place = nst_strf(c->arena, "%s:%u", path, number).p;
    if (name.p == NULL)
        return true;
    if (value.p == NULL || name.n == 0) {
        fprintf(told(c), "nestor: %s: the line is no NAME = VALUE\n", place);
        return false;
    }
    return cli_config_set(c, "file", place, name, from_here(c->arena, path, name, value));
}

bool cli_config_read(struct cli_config *c, const char *path)
{
    struct nst_str rest = { 0 }, section = { 0 };
    const char *fault = read_whole(&rest, c->arena, path);
    if (fault == NULL && nst_str_find(rest, '\0') < rest.n)
        fault = "it has a NUL byte";
    if (fault == NULL && !nst_utf8_valid(rest))
        fault = "it is no UTF-8";
    if (fault != NULL) {
        fprintf(told(c), "nestor: %s cannot be read: %s\n", path, fault);
        return false;
    }
    bool good = true;
    for (unsigned n = 1; rest.p != NULL; n++)
        good &= take_line(c, &section, nst_str_cut(&rest, '\n'), path, n);
    return good;
}
