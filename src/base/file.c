/* Files; see file.h. */
#include "nestor/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

bool nst_write_all(int fd, struct nst_str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            return false;
        text = nst_str_slice(text, n > 0 ? (size_t)n : 0, text.n);
    }
    return true;
}

bool nst_sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return good;
}

bool nst_rename_durably(const char *from, const char *to, const char *folder)
{
    return rename(from, to) == 0 && nst_sync_folder(folder);
}
