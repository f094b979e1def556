// Whole files: read at once, and replaced all or nothing (temporary file, fsync, rename, fsync of the folder). Folders: made.
// Not here: what is inside a file. No locking: a run folder has one writer.
// Next: h5file.h, safetensors.h and onnx.h, which read and save through this.
#ifndef SN_ATOMIC_H
#define SN_ATOMIC_H

#include "base/status.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

// A stretch of bytes, borrowed.
typedef struct {
    const void *data;
    size_t size;
} sn_piece;

// Makes path hold the pieces, one after another. Whatever happens, also SIGKILL or a power cut, path afterwards holds its old
// content (or is absent as before) or the new one. When this returns SN_OK the new content is on disk. On failure the message
// names path and errno, the temporary file is removed, and path is untouched, with one exception: if only the last step fails
// (fsync of the folder), path holds the new content, whole, but a power cut may still bring the old one back; the message says
// so. SN_RESOURCE: no space, no quota, I/O error, read-only or out of descriptors; SN_FAIL: no such folder, no permission.
sn_status sn_atomic_save(const char *path, const sn_piece *pieces, size_t n);
// Whether a file may be put in place under this name, to ask before long work: no folder, link, device or pipe has it (they must
// not become files), and its folder is there and may be written to. SN_FAIL, or SN_RESOURCE on a read-only file system.
sn_status sn_file_replaceable(const char *path);

// For a file that is to be checked before it takes its name: a name beside path (the caller's; NULL: no memory) that only
// sn_atomic_clean would remove, and the end of it: on SN_OK the file takes path's place, for good, otherwise it is removed.
char *sn_file_beside(const char *path);
sn_status sn_file_settle(sn_status, const char *beside, const char *path);

// Removes temporary files that dead processes left in a folder; those of running processes stay. Call it before the first save,
// by the one writer of the folder: a temporary of this very process id is taken for an older process's.
sn_status sn_atomic_clean(const char *folder);

// Makes a folder and those above it that are missing. When it cannot: false, errno says why, and the path is cut behind the one
// that cannot be made.
bool sn_folders_make(char *path);

// The message "PATH: cannot WHAT: reason (errno)" for errno. SN_RESOURCE for errors of the machine (no space, no quota, I/O,
// read-only, out of descriptors or memory), else `otherwise`.
sn_status sn_file_failed(const char *path, const char *what, sn_status otherwise);

// Reads a whole regular file; *bytes is the caller's (free). SN_DATA when it is missing, unreadable, a symbolic link, not a
// regular file, or larger than cap; SN_RESOURCE on an I/O error or out of memory.
sn_status sn_file_read(const char *path, size_t cap, unsigned char **bytes, size_t *size);
// The first n bytes of such a file, or as many as it has: to see what it is before there is memory for all of it.
sn_status sn_file_begin(const char *path, void *begin, size_t n, size_t *got);

// Reads a whole file that the user names for this one command, a list or a table: symbolic links are followed, pipes that have a
// writer read to their end. *text is the caller's, with a final 0 behind its *size bytes. SN_USAGE when it is missing, cannot be
// read, or is a pipe without a writer; SN_DATA when it is larger than cap; SN_INTERRUPTED when *stop is set while waiting for a
// pipe (stop may be NULL); SN_RESOURCE as above.
sn_status sn_input_read(const char *path, size_t cap, const volatile sig_atomic_t *stop, char **text, size_t *size);

#endif
