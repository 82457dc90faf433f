/* Files: what has to be whole, and there after a power cut. */
#ifndef NESTOR_BASE_FILE_H
#define NESTOR_BASE_FILE_H

#include "nestor/base/str.h"

/* Write all of text where fd stands. False with errno set; some of it may be written. Blocks. */
bool nst_write_all(int fd, struct nst_str text);

/* Make what was renamed into the folder, or made in it, durable: a name is the folder's, not the
 * file's. False with errno set. Blocks on the disk. */
bool nst_sync_folder(const char *path);

/* Give a whole file its name, durably: what is in it was synced before. Both names lie in folder.
 * False with errno set; it may have the name then. Blocks on the disk. */
bool nst_rename_durably(const char *from, const char *to, const char *folder);

#endif
