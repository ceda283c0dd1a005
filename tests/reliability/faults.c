/* A file system that fails on purpose, for tests: preloaded, it does nothing until `fault_arm` is called.
 *
 * Of the calls of one kind on files below a folder, the one with number `at` fails, and with `lasting` all after it.
 * A "short" write writes half of what it was given, and says so.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NOTHING, WRITE, SHORT, SYNC, RENAME, READ };

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static int kind = NOTHING, number, at, lasting, hits;
static int error;
static char root[4096];

void fault_arm(int a_kind, int an_error, int an_at, int is_lasting, const char *a_root) {
    error = an_error, at = an_at, lasting = is_lasting, number = hits = 0;
    snprintf(root, sizeof root, "%s/", a_root);
    kind = a_kind;
}

int fault_hits(void) { return hits; }

static int strikes(int a_kind, const char *path) {
    int hit;
    if (kind != a_kind || strncmp(path, root, strlen(root))) return 0;
    pthread_mutex_lock(&guard);
    number++;
    hit = lasting ? number >= at : number == at;
    hits += hit;
    pthread_mutex_unlock(&guard);
    return hit;
}

static int strikes_file(int a_kind, int file) {
    char link[64], path[4096];
    ssize_t length;
    if (kind != a_kind) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strikes(a_kind, path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITES(name, parameters, arguments, shorter)                                    \
    ssize_t name parameters {                                                           \
        if (strikes_file(WRITE, file)) { errno = error; return -1; }                    \
        if (size > 1 && strikes_file(SHORT, file)) return NEXT(name) shorter;           \
        return NEXT(name) arguments;                                                    \
    }
WRITES(write, (int file, const void *from, size_t size), (file, from, size), (file, from, (size + 1) / 2))
WRITES(pwrite, (int file, const void *from, size_t size, off_t place), (file, from, size, place),
       (file, from, (size + 1) / 2, place))
WRITES(pwrite64, (int file, const void *from, size_t size, off64_t place), (file, from, size, place),
       (file, from, (size + 1) / 2, place))

#define READS(name, parameters, arguments)                                              \
    ssize_t name parameters {                                                           \
        if (strikes_file(READ, file)) { errno = error; return -1; }                     \
        return NEXT(name) arguments;                                                    \
    }
READS(read, (int file, void *to, size_t size), (file, to, size))
READS(pread, (int file, void *to, size_t size, off_t place), (file, to, size, place))
READS(pread64, (int file, void *to, size_t size, off64_t place), (file, to, size, place))

int fsync(int file) {
    if (strikes_file(SYNC, file)) { errno = error; return -1; }
    return NEXT(fsync)(file);
}

int fdatasync(int file) {
    if (strikes_file(SYNC, file)) { errno = error; return -1; }
    return NEXT(fdatasync)(file);
}

int rename(const char *from, const char *to) {
    if (strikes(RENAME, to)) { errno = error; return -1; }
    return NEXT(rename)(from, to);
}
