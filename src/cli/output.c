/* Output that is whole or not there: a reader of the file never sees a half, and a
 * run that failed leaves the file of the run before. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool complain(struct cli_output *w)
{
    const char *where = w->path != NULL ? w->path : "standard output";
    if (!w->has_failed)
        cli_fail(w->verb, "%s cannot be written: %s", where, strerror(errno));
    w->has_failed = true;
    return false;
}

bool cli_output_open(struct cli_output *w, struct nst_arena *a, const char *path,
                     const struct cli_verb *verb)
{
    *w = (struct cli_output){ .verb = verb, .path = path, .file = stdout };
    if (path == NULL)
        return true;
    w->part = nst_strf(a, "%s.part", path).p;
    int fd = open(w->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    w->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    return w->file != NULL || complain(w);
}

bool cli_output_put(struct cli_output *w, struct nst_str text)
{
    w->has_written = true;
    return fwrite(text.p, 1, text.n, w->file) == text.n || complain(w);
}

bool cli_output_restart(struct cli_output *w)
{
    if (!w->has_written)
        return true;
    w->has_written = false;
    return w->part != NULL && fseeko(w->file, 0, SEEK_SET) == 0 &&
           ftruncate(fileno(w->file), 0) == 0;
}

int cli_output_close(struct cli_output *w, int status)
{
    bool good = fflush(w->file) == 0 && (w->part == NULL || fsync(fileno(w->file)) == 0);
    if (w->part != NULL)
        good = fclose(w->file) == 0 && good;
    if (status == EXIT_DONE && good && w->part != NULL)
        good = rename(w->part, w->path) == 0;
    if (!good)
        complain(w);
    status = good ? status : EXIT_FAILED;
    if (status != EXIT_DONE && w->part != NULL)
        unlink(w->part);
    return status;
}
