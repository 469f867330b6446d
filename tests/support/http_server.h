/* A small HTTP server on 127.0.0.1 for tests of downloads: serves bytes from memory, and misbehaves on demand. */
#ifndef ATH_TESTS_HTTP_SERVER_H
#define ATH_TESTS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct http_file {
    const char          *path; /* "/mnist/train-images-idx3-ubyte.gz"; NULL ends a list */
    const unsigned char *data;
    size_t               size;
};

struct http_behaviour {
    bool   no_ranges; /* answers a Range request with 200 and the whole file */
    size_t cut_after; /* closes the connection after so many bytes of data; 0 = never */
    bool   cut_once;  /* only the first time */
};

struct http_server;

struct http_server *http_server_start(const struct http_file *files);
void                http_server_stop(struct http_server *server);
const char         *http_server_address(const struct http_server *server); /* "http://127.0.0.1:PORT" */
void                http_server_behave(struct http_server *server, struct http_behaviour behaviour);

/* Since the last http_server_behave: requests, bytes of data sent, and the start of the last Range (-1: none). */
int    http_server_requests(struct http_server *server);
size_t http_server_sent(struct http_server *server);
long   http_server_range(struct http_server *server);

#endif
