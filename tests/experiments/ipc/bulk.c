/* The same transport as experiments/ipc/_bulk.py, written a second time in another language.

   bulk STREAM SIZE PIECES: microseconds of CPU that both sides took, on the core that they were given. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int in, out;                 /* descriptors, */
static char *slots;                 /* or two slots in shared memory */
static sem_t *empty, *full;

static void make(const char *stream, size_t size) {
    int ends[2] = {-1, -1};
    if (!strncmp(stream, "pipe", 4)) {
        if (pipe(ends)) exit(2);
        if (strcmp(stream, "pipe") && fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0) exit(2);
    } else if (!strcmp(stream, "Unix")) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) exit(2);
    } else if (!strcmp(stream, "TCP")) {
        struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof here;
        int listening = socket(AF_INET, SOCK_STREAM, 0);
        ends[1] = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(listening, (void *)&here, length) || listen(listening, 1)) exit(2);
        if (getsockname(listening, (void *)&here, &length)) exit(2);
        if (connect(ends[1], (void *)&here, length)) exit(2);
        ends[0] = accept(listening, NULL, NULL);
    } else {
        char *room = mmap(NULL, 2 * size + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        empty = (sem_t *)room, full = empty + 1, slots = room + 4096;
        sem_init(empty, 1, 2), sem_init(full, 1, 0);
    }
    in = ends[0], out = ends[1];
}

static void push(char *piece, size_t size, long pieces) {
    for (long i = 0; i < pieces; i++) {
        if (slots) sem_wait(empty), memcpy(slots + i % 2 * size, piece, size), sem_post(full);
        else for (size_t done = 0; done < size;) done += write(out, piece + done, size - done);
    }
}

static void take(char *piece, size_t size, long pieces) {
    if (slots) for (long i = 0; i < pieces; i++)
        sem_wait(full), memcpy(piece, slots + i % 2 * size, size), sem_post(empty);
    else for (size_t left = size * pieces; left;) left -= read(in, piece, left < size ? left : size);
}

static long used(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

int main(int argc, char **argv) {
    size_t size = atol(argv[2]);
    char *piece = memset(aligned_alloc(4096, size), 1, size);
    make(argv[1], size);
    if (!fork()) {
        take(piece, size, atol(argv[3]));
        return 0;
    }
    long before = used(RUSAGE_SELF);
    push(piece, size, atol(argv[3]));
    wait(NULL);
    printf("%ld\n", used(RUSAGE_SELF) - before + used(RUSAGE_CHILDREN));
}
