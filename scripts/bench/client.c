/*
 * The client of the benchmark: one file system workload a run, in a program that costs next to nothing itself and is
 * the same for every file system. Prints the seconds that the workload took, without its preparation.
 *
 *   client DIRECTORY WORKLOAD [ARGUMENT…]        see the table at the end; all names are relative to the directory
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, LARGE = 1 << 20 };

static char buffer[LARGE];

static void fail(const char *format, ...)
{
    int error = errno;
    va_list arguments;
    fprintf(stderr, "client: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", strerror(error));
    exit(1);
}

static double started;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void start(void) { started = now(); }
static void stop(void) { printf("%.9f\n", now() - started); }

static long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < 0) {
        fprintf(stderr, "client: not a number: %s\n", text);
        exit(2);
    }
    return value;
}

static char *path_of(char *path, const char *directory, const char *prefix, long index)
{
    if (snprintf(path, PATH_MAX, "%s/%s%04ld", directory, prefix, index) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        fail("%s", directory);
    }
    return path;
}

/* The same everywhere and in every run. */
static unsigned long pseudo_random(void)
{
    static unsigned long state = 88172645463325252UL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int open_or_fail(const char *path, int flags)
{
    int fd = open(path, flags, 0644);
    if (fd < 0) fail("open %s", path);
    return fd;
}

static void close_or_fail(int fd)
{
    if (close(fd) != 0) fail("close");
}

static void write_all(int fd, size_t size)
{
    if (write(fd, buffer, size) != (ssize_t)size) fail("write");
}

static void read_file(const char *path)
{
    int fd = open_or_fail(path, O_RDONLY);
    ssize_t length;
    while ((length = read(fd, buffer, LARGE)) > 0) continue;
    if (length < 0) fail("read %s", path);
    close_or_fail(fd);
}

static void make_file(const char *path, size_t size)
{
    int fd = open_or_fail(path, O_WRONLY | O_CREAT | O_EXCL);
    if (size > 0) write_all(fd, size);
    close_or_fail(fd);
}

/* ------------------------------------------------------------------------------------------------ trees and names */

static long visited;

static void walk(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) fail("open %s", name);
    DIR *directory = fdopendir(fd);
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        struct stat stat;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (fstatat(fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) fail("stat %s", entry->d_name);
        visited++;
        if (S_ISDIR(stat.st_mode)) walk(fd, entry->d_name);
    }
    closedir(directory);
}

static void expect(long found, const char *expected)
{
    if (found == number(expected)) return;
    fprintf(stderr, "client: found %ld instead of %s\n", found, expected);
    exit(1);
}

/* walk DIRECTORY ENTRIES TIMES: a tree with the attributes of everything in it; the last time is measured. */
static void walk_tree(char **arguments)
{
    long times = number(arguments[2]);
    for (long i = 0; i < times; i++) {
        visited = 0;
        start();
        walk(AT_FDCWD, arguments[0]);
    }
    stop();
    expect(visited, arguments[1]);
}

/* list DIRECTORY ENTRIES TIMES: its names; the last time is measured. */
static void list(char **arguments)
{
    long times = number(arguments[2]), names = 0;
    for (long i = 0; i < times; i++) {
        start();
        DIR *directory = opendir(arguments[0]);
        if (directory == NULL) fail("opendir %s", arguments[0]);
        for (names = -2; readdir(directory) != NULL;) names++;
        closedir(directory);
    }
    stop();
    expect(names, arguments[1]);
}

/* read-files DIRECTORY COUNT TIMES: the files f0000, f0001…; the last time is measured. */
static void read_files(char **arguments)
{
    char path[PATH_MAX];
    long count = number(arguments[1]), times = number(arguments[2]);
    for (long i = 0; i < times; i++) {
        start();
        for (long file = 0; file < count; file++) read_file(path_of(path, arguments[0], "f", file));
    }
    stop();
}

/* stat-files DIRECTORY COUNT TIMES: as read-files. */
static void stat_files(char **arguments)
{
    char path[PATH_MAX];
    struct stat found;
    long count = number(arguments[1]), times = number(arguments[2]);
    for (long i = 0; i < times; i++) {
        start();
        for (long file = 0; file < count; file++) {
            if (stat(path_of(path, arguments[0], "f", file), &found) != 0) fail("stat %s", path);
        }
    }
    stop();
}

/* missing DIRECTORY COUNT: as many names that are not there. */
static void missing(char **arguments)
{
    char path[PATH_MAX];
    struct stat found;
    long count = number(arguments[1]);
    start();
    for (long i = 0; i < count; i++) {
        if (stat(path_of(path, arguments[0], "missing", i), &found) == 0 || errno != ENOENT) fail("stat %s", path);
    }
    stop();
}

static void create_all(const char *directory, long count)
{
    char path[PATH_MAX];
    for (long i = 0; i < count; i++) make_file(path_of(path, directory, "n", i), 100);
}

static void mkdir_all(const char *directory, long count)
{
    char path[PATH_MAX];
    for (long i = 0; i < count; i++) {
        if (mkdir(path_of(path, directory, "d", i), 0755) != 0) fail("mkdir %s", path);
    }
}

/* create DIRECTORY COUNT: files of 100 bytes. */
static void create(char **arguments)
{
    start();
    create_all(arguments[0], number(arguments[1]));
    stop();
}

/* make-directories DIRECTORY COUNT */
static void make_directories(char **arguments)
{
    start();
    mkdir_all(arguments[0], number(arguments[1]));
    stop();
}

/* rename-files DIRECTORY COUNT: files made just before. */
static void rename_files(char **arguments)
{
    char from[PATH_MAX], to[PATH_MAX];
    long count = number(arguments[1]);
    create_all(arguments[0], count);
    start();
    for (long i = 0; i < count; i++) {
        if (rename(path_of(from, arguments[0], "n", i), path_of(to, arguments[0], "r", i)) != 0) fail("rename %s", from);
    }
    stop();
}

static void unlink_all(const char *directory, const char *prefix, long count)
{
    char path[PATH_MAX];
    for (long i = 0; i < count; i++) {
        if (unlink(path_of(path, directory, prefix, i)) != 0) fail("unlink %s", path);
    }
}

/* unlink-files DIRECTORY COUNT: files made just before. */
static void unlink_files(char **arguments)
{
    long count = number(arguments[1]);
    create_all(arguments[0], count);
    start();
    unlink_all(arguments[0], "n", count);
    stop();
}

/* remove-directories DIRECTORY COUNT: directories made just before. */
static void remove_directories(char **arguments)
{
    char path[PATH_MAX];
    long count = number(arguments[1]);
    mkdir_all(arguments[0], count);
    start();
    for (long i = 0; i < count; i++) {
        if (rmdir(path_of(path, arguments[0], "d", i)) != 0) fail("rmdir %s", path);
    }
    stop();
}

/* ------------------------------------------------------------------------------------- changes of what lies below */

/* whiteouts DIRECTORY COUNT: unlinks f0000, f0001… */
static void whiteouts(char **arguments)
{
    start();
    unlink_all(arguments[0], "f", number(arguments[1]));
    stop();
}

/* append-each DIRECTORY COUNT: one byte to each of f0000, f0001… */
static void append_each(char **arguments)
{
    char path[PATH_MAX];
    long count = number(arguments[1]);
    start();
    for (long i = 0; i < count; i++) {
        int fd = open_or_fail(path_of(path, arguments[0], "f", i), O_WRONLY | O_APPEND);
        write_all(fd, 1);
        close_or_fail(fd);
    }
    stop();
}

/* chmod-each DIRECTORY COUNT */
static void chmod_each(char **arguments)
{
    char path[PATH_MAX];
    long count = number(arguments[1]);
    start();
    for (long i = 0; i < count; i++) {
        if (chmod(path_of(path, arguments[0], "f", i), 0640) != 0) fail("chmod %s", path);
    }
    stop();
}

/* touch-large FILE: one byte more, with its close. */
static void touch_large(char **arguments)
{
    start();
    int fd = open_or_fail(arguments[0], O_WRONLY | O_APPEND);
    write_all(fd, 1);
    close_or_fail(fd);
    stop();
}

/* --------------------------------------------------------------------------------------------- data of large files */

/* write FILE MEBIBYTES */
static void write_large(char **arguments)
{
    long mebibytes = number(arguments[1]);
    memset(buffer, 'x', LARGE);
    start();
    int fd = open_or_fail(arguments[0], O_WRONLY | O_CREAT | O_EXCL);
    for (long i = 0; i < mebibytes; i++) write_all(fd, LARGE);
    close_or_fail(fd);
    stop();
}

/* read FILE TIMES: from the beginning to the end; the last time is measured. */
static void read_large(char **arguments)
{
    long times = number(arguments[1]);
    for (long i = 0; i < times; i++) {
        start();
        read_file(arguments[0]);
    }
    stop();
}

static void at_random(const char *path, int flags, long count, ssize_t (*move)(int fd, off_t offset))
{
    struct stat found;
    int fd = open_or_fail(path, flags);
    if (fstat(fd, &found) != 0) fail("stat %s", path);
    unsigned long blocks = (unsigned long)found.st_size / BLOCK;
    start();
    for (long i = 0; i < count; i++) {
        if (move(fd, (off_t)(pseudo_random() % blocks) * BLOCK) != BLOCK) fail("%s", path);
    }
    close_or_fail(fd);
    stop();
}

static ssize_t read_block(int fd, off_t offset) { return pread(fd, buffer, BLOCK, offset); }
static ssize_t write_block(int fd, off_t offset) { return pwrite(fd, buffer, BLOCK, offset); }

/* random-read FILE COUNT, random-write FILE COUNT: blocks of 4 KiB of a file that is there. */
static void random_read(char **arguments)
{
    at_random(arguments[0], O_RDONLY, number(arguments[1]), read_block);
}

static void random_write(char **arguments)
{
    at_random(arguments[0], O_RDWR, number(arguments[1]), write_block);
}

/* append FILE BYTES COUNT: to one new file, opened once. */
static void append(char **arguments)
{
    long bytes = number(arguments[1]), count = number(arguments[2]);
    int fd = open_or_fail(arguments[0], O_WRONLY | O_CREAT | O_APPEND);
    start();
    for (long i = 0; i < count; i++) write_all(fd, (size_t)bytes);
    close_or_fail(fd);
    stop();
}

/* ------------------------------------------------------------------------------------------------ several processes */

static void wait_for(pid_t process)
{
    int status;
    if (waitpid(process, &status, 0) < 0) fail("wait");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "client: a process failed\n");
        exit(1);
    }
}

/* One of several clients: makes files in a directory of its own, looks at them, reads what lies below, cleans up. */
static void be_client(const char *directory, const char *below, long index, long files)
{
    char own[PATH_MAX], path[PATH_MAX];
    struct stat found;
    path_of(own, directory, "client", index);
    if (mkdir(own, 0755) != 0) fail("mkdir %s", own);
    create_all(own, files);
    for (long i = 0; i < files; i++) {
        if (stat(path_of(path, own, "n", i), &found) != 0) fail("stat %s", path);
        read_file(path);
        read_file(path_of(path, below, "f", index * files + i));
    }
    unlink_all(own, "n", files);
    if (rmdir(own) != 0) fail("rmdir %s", own);
}

/* parallel CLIENTS DIRECTORY BELOW FILES */
static void parallel(char **arguments)
{
    pid_t processes[64];
    long clients = number(arguments[0]), files = number(arguments[3]);
    if (clients > 64) fail("at most 64 clients");
    fflush(NULL);
    start();
    for (long i = 0; i < clients; i++) {
        if ((processes[i] = fork()) < 0) fail("fork");
        if (processes[i] == 0) {
            be_client(arguments[1], arguments[2], i, files);
            _exit(0);
        }
    }
    for (long i = 0; i < clients; i++) wait_for(processes[i]);
    stop();
}

/* ---------------------------------------------------------------------------------------------------------- warm-up */

static void warm_up_below(const char *directory, long count)
{
    char path[PATH_MAX];
    struct stat found;
    for (long i = 0; i < count; i++) {
        if (stat(path_of(path, directory, "missing", i), &found) == 0) fail("%s is there", path);
        read_file(path_of(path, directory, "f", i));
        int fd = open_or_fail(path, O_RDWR | O_APPEND);
        if (i % 3 == 0) write_all(fd, 1);
        if (i % 3 == 1 && fchmod(fd, 0640) != 0) fail("chmod %s", path);
        close_or_fail(fd);
        if (i % 3 == 2 && unlink(path) != 0) fail("unlink %s", path);
    }
}

static void warm_up_above(const char *directory, long count)
{
    char path[PATH_MAX], other[PATH_MAX];
    for (long i = 0; i < count; i++) {
        make_file(path_of(path, directory, "n", i), BLOCK);
        int fd = open_or_fail(path, O_RDWR);
        for (int j = 0; j < 4; j++) write_all(fd, 256);
        if (pread(fd, buffer, BLOCK, 0) != BLOCK) fail("read %s", path);
        close_or_fail(fd);
        read_file(path);
        if (rename(path, path_of(other, directory, "r", i)) != 0) fail("rename %s", path);
        if (unlink(other) != 0) fail("unlink %s", other);
        if (mkdir(path, 0755) != 0 || rmdir(path) != 0) fail("mkdir %s", path);
    }
}

/*
 * warm-up DIRECTORY COUNT: some of everything, on f0000, f0001… of a directory that no workload looks at. What is
 * measured then is a mount in use, not the first moments of one.
 */
static void warm_up(char **arguments)
{
    long count = number(arguments[1]);
    start();
    walk(AT_FDCWD, arguments[0]);
    warm_up_below(arguments[0], count);
    warm_up_above(arguments[0], count);
    stop();
}

/* --------------------------------------------------------------------------------------------------- other programs */

/* run COMMAND [ARGUMENT…]: another program; its output goes to /dev/null. */
static void run(char **arguments)
{
    start();
    pid_t process = fork();
    if (process < 0) fail("fork");
    if (process == 0) {
        int null = open_or_fail("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        execvp(arguments[0], arguments);
        fail("%s", arguments[0]);
    }
    wait_for(process);
    stop();
}

static const struct {
    const char *name;
    int arguments; /* the least */
    void (*measure)(char **arguments);
} workloads[] = {
    { "walk", 3, walk_tree },
    { "list", 3, list },
    { "read-files", 3, read_files },
    { "stat-files", 3, stat_files },
    { "missing", 2, missing },
    { "create", 2, create },
    { "make-directories", 2, make_directories },
    { "rename-files", 2, rename_files },
    { "unlink-files", 2, unlink_files },
    { "remove-directories", 2, remove_directories },
    { "whiteouts", 2, whiteouts },
    { "append-each", 2, append_each },
    { "chmod-each", 2, chmod_each },
    { "touch-large", 1, touch_large },
    { "write", 2, write_large },
    { "read", 2, read_large },
    { "random-read", 2, random_read },
    { "random-write", 2, random_write },
    { "append", 3, append },
    { "parallel", 4, parallel },
    { "warm-up", 2, warm_up },
    { "run", 1, run },
};

int main(int count, char **arguments)
{
    /* Here, and not by whoever starts it: root may not go into the FUSE mount of a user. */
    if (count > 1 && chdir(arguments[1]) != 0) fail("%s", arguments[1]);
    for (size_t i = 0; count > 2 && i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(arguments[2], workloads[i].name) != 0 || count - 3 < workloads[i].arguments) continue;
        workloads[i].measure(arguments + 3);
        return 0;
    }
    fprintf(stderr, "client: unknown workload, or too few arguments\n");
    return 2;
}
