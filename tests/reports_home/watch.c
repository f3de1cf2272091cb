/* Refuses what leaves this machine, and notes it in the file $OUTSIDE_LOG; see test_every_command.py.
   Loaded before all libraries (LD_PRELOAD), so native code is watched as Python is. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void note(const char *what, const char *where) {
    char line[512];
    const char *path = getenv("OUTSIDE_LOG");
    int size = snprintf(line, sizeof line, "%s %s\n", what, where);
    int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
    if (file < 0 || write(file, line, size) != size) abort();
    close(file);
}

static int is_outside(const struct sockaddr *address, char *text) {
    if (address && address->sa_family == AF_INET) {
        const struct in_addr *four = &((const struct sockaddr_in *)address)->sin_addr;
        inet_ntop(AF_INET, four, text, INET6_ADDRSTRLEN);
        return (ntohl(four->s_addr) >> 24) != 127;
    }
    if (address && address->sa_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
        inet_ntop(AF_INET6, six, text, INET6_ADDRSTRLEN);
        return !IN6_IS_ADDR_LOOPBACK(six) && !(IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
    }
    return 0;
}

static int is_name_outside(const char *name) {
    struct in6_addr parsed;
    if (!name || !*name || !strcmp(name, "localhost")) return 0;
    return inet_pton(AF_INET, name, &parsed) != 1 && inet_pton(AF_INET6, name, &parsed) != 1;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    if (is_name_outside(name)) {
        note("look-up", name);
        return EAI_NONAME;
    }
    return ((int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(
        RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}

struct hostent *gethostbyname(const char *name) {
    if (is_name_outside(name)) {
        note("look-up", name);
        return NULL;
    }
    return ((struct hostent * (*)(const char *)) dlsym(RTLD_NEXT, "gethostbyname"))(name);
}

int connect(int socket, const struct sockaddr *address, socklen_t size) {
    char text[INET6_ADDRSTRLEN];
    if (is_outside(address, text)) {
        note("connection", text);
        errno = ENETUNREACH;
        return -1;
    }
    return ((int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect"))(
        socket, address, size);
}

ssize_t sendto(int socket, const void *data, size_t length, int flags,
               const struct sockaddr *address, socklen_t size) {
    char text[INET6_ADDRSTRLEN];
    if (is_outside(address, text)) {
        note("datagram", text);
        errno = ENETUNREACH;
        return -1;
    }
    return ((ssize_t(*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))dlsym(
        RTLD_NEXT, "sendto"))(socket, data, length, flags, address, size);
}
