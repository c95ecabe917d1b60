/* A disk that keeps only what was synced: preloaded into every process of a node, it copies a file's content at fsync
   and fdatasync, and a folder's list of names at fsync of the folder, into MOME_POWERCUT. tests/powercut.py builds from
   these what a disk would hold after a power cut. Files are known by their inode: a new name is durable only when its
   folder was synced. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    abort(); /* a node whose syncs are not seen would prove nothing */
}

static void copy_content(int from, int to) {
    static __thread char buffer[1 << 16];
    ssize_t count;
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, count) != count) fail("powercut: write");
}

static void list_names(const char *folder, int to) {
    DIR *open_folder = opendir(folder);
    if (!open_folder) fail("powercut: opendir");
    struct dirent *each;
    while ((each = readdir(open_folder))) {
        struct stat is;
        if (!strcmp(each->d_name, ".") || !strcmp(each->d_name, "..")) continue;
        if (fstatat(dirfd(open_folder), each->d_name, &is, AT_SYMLINK_NOFOLLOW)) continue; /* gone meanwhile */
        dprintf(to, "%c %lu %s\n", S_ISDIR(is.st_mode) ? 'd' : 'f', (unsigned long)is.st_ino, each->d_name);
    }
    closedir(open_folder);
}

static void keep(int descriptor) {
    const char *shadow = getenv("MOME_POWERCUT");
    struct stat is;
    char self[64], part[4200], whole[4200], lock[4200];
    if (!shadow || fstat(descriptor, &is) || !(S_ISREG(is.st_mode) || S_ISDIR(is.st_mode))) return;
    snprintf(lock, sizeof lock, "%s/lock", shadow);
    int locked = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (locked < 0 || flock(locked, LOCK_EX)) fail("powercut: lock");
    snprintf(self, sizeof self, "/proc/self/fd/%d", descriptor);
    snprintf(part, sizeof part, "%s/part", shadow);
    snprintf(whole, sizeof whole, "%s/%lu", shadow, (unsigned long)is.st_ino);
    int to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) fail("powercut: open");
    if (S_ISDIR(is.st_mode)) {
        list_names(self, to);
    } else {
        int from = open(self, O_RDONLY | O_CLOEXEC);
        if (from < 0) fail("powercut: open");
        copy_content(from, to);
        close(from);
    }
    close(to);
    if (rename(part, whole)) fail("powercut: rename");
    close(locked);
}

#define SYNC(name)                                                          \
    int name(int descriptor) {                                              \
        static int (*real)(int);                                            \
        if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name);            \
        int result = real(descriptor);                                      \
        if (result == 0) keep(descriptor);                                  \
        return result;                                                      \
    }

SYNC(fsync)
SYNC(fdatasync)
