/* A small HTTP server on 127.0.0.1 for tests of downloads: one thread, one request a connection. */
#include "support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_server {
    const struct http_file *files;
    int                     listener;
    char                    address[64];
    pthread_t               thread;
    pthread_mutex_t         mutex;
    struct http_behaviour   behaviour;
    int                     requests;
    size_t                  sent;
    long                    range;
    bool                    stop;
};

static void must(int condition, const char *what) {
    if (condition) return;
    perror(what);
    abort();
}

static size_t send_all(int fd, const void *data, size_t size) {
    size_t sent = 0;
    while (sent < size) {
        ssize_t put = send(fd, (const char *)data + sent, size - sent, MSG_NOSIGNAL);
        if (put <= 0) break;
        sent += (size_t)put;
    }
    return sent;
}

static bool read_request(int fd, char *request, size_t capacity) {
    size_t used = 0;
    while (used + 1 < capacity) {
        ssize_t got = recv(fd, request + used, capacity - 1 - used, 0);
        if (got <= 0) return false;
        used += (size_t)got;
        request[used] = '\0';
        if (strstr(request, "\r\n\r\n")) return true;
    }
    return false;
}

static void answer_status(int fd, const char *status) {
    char header[256];
    int size = snprintf(header, sizeof header, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    send_all(fd, header, (size_t)size);
}

static void answer(struct http_server *server, int fd, const char *request) {
    char                    path[512] = "", header[512];
    const struct http_file *file = server->files;
    const char             *range = strstr(request, "Range: bytes=");
    sscanf(request, "GET %511s", path);
    server->requests++;
    server->range = range ? strtol(range + strlen("Range: bytes="), NULL, 10) : -1;
    while (file->path && strcmp(file->path, path) != 0) file++;
    if (!file->path) {
        answer_status(fd, "404 Not Found");
        return;
    }
    size_t first = range && !server->behaviour.no_ranges ? (size_t)server->range : 0;
    if (first > 0 && first >= file->size) {
        answer_status(fd, "416 Range Not Satisfiable");
        return;
    }
    int size = snprintf(header, sizeof header, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
                        first ? "206 Partial Content" : "200 OK", file->size - first);
    send_all(fd, header, (size_t)size);
    if (first) {
        size =
            snprintf(header, sizeof header, "Content-Range: bytes %zu-%zu/%zu\r\n", first, file->size - 1, file->size);
        send_all(fd, header, (size_t)size);
    }
    send_all(fd, "\r\n", 2);
    size_t left = file->size - first, cut = server->behaviour.cut_after;
    if (cut && cut < left) {
        left = cut;
        if (server->behaviour.cut_once) server->behaviour.cut_after = 0;
    }
    server->sent += send_all(fd, file->data + first, left);
}

static void *serve(void *argument) {
    struct http_server *server = argument;
    for (;;) {
        char request[4096];
        int  fd = accept(server->listener, NULL, NULL);
        pthread_mutex_lock(&server->mutex);
        bool stop = server->stop || fd < 0;
        pthread_mutex_unlock(&server->mutex);
        if (stop) {
            if (fd >= 0) close(fd);
            return NULL;
        }
        if (read_request(fd, request, sizeof request)) {
            pthread_mutex_lock(&server->mutex);
            answer(server, fd, request);
            pthread_mutex_unlock(&server->mutex);
        }
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof request, 0) > 0) { /* until the client has read all and closes */
        }
        close(fd);
    }
}

struct http_server *http_server_start(const struct http_file *files) {
    struct http_server *server = calloc(1, sizeof *server);
    struct sockaddr_in  address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t           size = sizeof address;
    must(server != NULL, "calloc");
    server->files = files;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listener >= 0, "socket");
    must(bind(server->listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    must(listen(server->listener, 8) == 0, "listen");
    must(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    snprintf(server->address, sizeof server->address, "http://127.0.0.1:%d", ntohs(address.sin_port));
    must(pthread_mutex_init(&server->mutex, NULL) == 0, "mutex");
    must(pthread_create(&server->thread, NULL, serve, server) == 0, "thread");
    return server;
}

void http_server_stop(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    server->stop = true;
    pthread_mutex_unlock(&server->mutex);
    shutdown(server->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(server->thread, NULL);
    close(server->listener);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

const char *http_server_address(const struct http_server *server) {
    return server->address;
}

void http_server_behave(struct http_server *server, struct http_behaviour behaviour) {
    pthread_mutex_lock(&server->mutex);
    server->behaviour = behaviour;
    server->requests = 0;
    server->sent = 0;
    server->range = -1;
    pthread_mutex_unlock(&server->mutex);
}

int http_server_requests(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    int requests = server->requests;
    pthread_mutex_unlock(&server->mutex);
    return requests;
}

size_t http_server_sent(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    size_t sent = server->sent;
    pthread_mutex_unlock(&server->mutex);
    return sent;
}

long http_server_range(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    long range = server->range;
    pthread_mutex_unlock(&server->mutex);
    return range;
}
