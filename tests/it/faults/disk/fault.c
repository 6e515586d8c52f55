/* Disk faults: loaded before the C library, this makes calls on files below one directory fail.
 *
 * FAULT_DIR    the directory; calls on other files are passed on
 * FAULT_KIND   full: writes fail once FAULT_AT bytes are written
 *              short: a write takes at most FAULT_AT bytes; none fails
 *              write, sync, open, truncate, rename, unlink, mkdir: the call fails
 *              slow: every FAULT_AT-th sync takes 0.3 s; none fails
 * FAULT_AT     the number of the first call that fails, from 1
 * FAULT_COUNT  how many calls fail from there on; by default all
 * FAULT_ERRNO  the error number; 0 kills the process before the call
 * FAULT_LOG    a file outside FAULT_DIR, written to when a call fails
 * FAULT_TRACE  a file outside FAULT_DIR that gets a line for each sync, truncate, rename, unlink and
 *              mkdir: its name and the name of the file; of a rename, the new name
 * FAULT_SEEN   a file outside FAULT_DIR that gets the number of calls (of full: bytes) at the end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long seen;

static long number(const char *name, long usual)
{
    const char *text = getenv(name);
    return text ? atol(text) : usual;
}

static int is_kind(const char *kind)
{
    const char *asked = getenv("FAULT_KIND");
    return asked && strcmp(asked, kind) == 0;
}

static int is_below(const char *path)
{
    const char *dir = getenv("FAULT_DIR");
    return dir && strncmp(path, dir, strlen(dir)) == 0;
}

/* The path of an open file. A pipe or a socket has none below FAULT_DIR. */
static const char *path_of(int fd)
{
    static _Thread_local char path[PATH_MAX];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

/* Whether an open file is below FAULT_DIR. */
static int is_file_below(int fd)
{
    return is_below(path_of(fd));
}

/* Whether a path, relative to the current directory, is below FAULT_DIR. */
static int is_path_below(const char *path)
{
    char here[PATH_MAX], whole[2 * PATH_MAX];
    if (path[0] == '/')
        return is_below(path);
    if (!getcwd(here, sizeof here))
        return 0;
    snprintf(whole, sizeof whole, "%s/%s", here, path);
    return is_below(whole);
}

/* Appends a text to the file that a variable names. */
static void append(const char *name, const char *text)
{
    const char *path = getenv(name);
    int fd = path ? REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (fd >= 0) {
        (void)!REAL(write)(fd, text, strlen(text));
        REAL(close)(fd);
    }
}

static void trace(const char *call, const char *path)
{
    char line[PATH_MAX + 16];
    const char *slash = strrchr(path, '/');
    snprintf(line, sizeof line, "%s %s\n", call, slash ? slash + 1 : path);
    append("FAULT_TRACE", line);
}

__attribute__((destructor)) static void end(void)
{
    char text[32];
    snprintf(text, sizeof text, "%ld", atomic_load(&seen));
    append("FAULT_SEEN", text);
}

static int fail(void)
{
    append("FAULT_LOG", "x");
    errno = (int)number("FAULT_ERRNO", EIO);
    if (errno == 0)
        kill(getpid(), SIGKILL);
    return -1;
}

/* Counts a call, and returns whether it must fail. */
static int is_due(const char *kind)
{
    if (!is_kind(kind))
        return 0;
    long turn = atomic_fetch_add(&seen, 1) + 1, at = number("FAULT_AT", 1);
    return turn >= at && turn - at < number("FAULT_COUNT", LONG_MAX);
}

/* How many of these bytes to write; below 0: none, and the call fails. */
static ssize_t room(int fd, size_t bytes)
{
    if (!getenv("FAULT_KIND") || !is_file_below(fd))
        return (ssize_t)bytes;
    if (is_due("write"))
        return fail();
    size_t at = (size_t)number("FAULT_AT", 1);
    if (is_kind("short"))
        return (ssize_t)(bytes < at ? bytes : at);
    if (!is_kind("full"))
        return (ssize_t)bytes;
    size_t before = (size_t)atomic_fetch_add(&seen, (long)bytes);
    if (before + bytes <= at)
        return (ssize_t)bytes;
    return before < at ? (ssize_t)(at - before) : fail();
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    ssize_t taken = room(fd, bytes);
    return taken < 0 ? -1 : REAL(write)(fd, data, (size_t)taken);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at)
{
    ssize_t taken = room(fd, bytes);
    return taken < 0 ? -1 : REAL(pwrite)(fd, data, (size_t)taken, at);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at)
{
    ssize_t taken = room(fd, bytes);
    return taken < 0 ? -1 : REAL(pwrite64)(fd, data, (size_t)taken, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    size_t bytes = 0;
    for (int part = 0; part < count; part++)
        bytes += parts[part].iov_len;
    ssize_t taken = room(fd, bytes);
    if (taken < 0)
        return -1;
    if ((size_t)taken == bytes)
        return REAL(writev)(fd, parts, count);
    size_t first = parts[0].iov_len;
    return REAL(write)(fd, parts[0].iov_base, (size_t)taken < first ? (size_t)taken : first);
}

/* Sleeps, if this is a slow sync. */
static void delay(const char *kind)
{
    if (is_kind("slow") && strcmp(kind, "sync") == 0
        && (atomic_fetch_add(&seen, 1) + 1) % number("FAULT_AT", 1) == 0)
        usleep(300000);
}

#define FAILING(kind, path, name, parameters, arguments)      \
    int name parameters                                       \
    {                                                         \
        if (getenv("FAULT_KIND") && is_path_below(path)) {    \
            trace(kind, path);                                \
            delay(kind);                                      \
            if (is_due(kind))                                 \
                return fail();                                \
        }                                                     \
        return REAL(name) arguments;                          \
    }

FAILING("sync", path_of(fd), fsync, (int fd), (fd))
FAILING("sync", path_of(fd), fdatasync, (int fd), (fd))
FAILING("truncate", path_of(fd), ftruncate, (int fd, off_t size), (fd, size))
FAILING("truncate", path_of(fd), ftruncate64, (int fd, off64_t size), (fd, size))
FAILING("rename", to, rename, (const char *from, const char *to), (from, to))
FAILING("unlink", path, unlink, (const char *path), (path))
FAILING("mkdir", path, mkdir, (const char *path, mode_t mode), (path, mode))

#define OPENING(name)                                                                      \
    int name(const char *path, int flags, ...)                                             \
    {                                                                                      \
        mode_t mode = 0;                                                                   \
        if (flags & (O_CREAT | O_TMPFILE)) {                                               \
            va_list rest;                                                                  \
            va_start(rest, flags);                                                         \
            mode = va_arg(rest, mode_t);                                                   \
            va_end(rest);                                                                  \
        }                                                                                  \
        if ((flags & O_ACCMODE) != O_RDONLY && is_path_below(path) && is_due("open"))       \
            return fail();                                                                 \
        return REAL(name)(path, flags, mode);                                              \
    }

OPENING(open)
OPENING(open64)
