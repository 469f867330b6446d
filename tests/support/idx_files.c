/* Scratch folders and small IDX files for tests of data sets. */
#include "support/idx_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static void must(int condition, const char *what) {
    if (condition) return;
    perror(what);
    abort();
}

void scratch_make(char path[1024]) {
    char name[] = "scratch-XXXXXX", here[512];
    must(mkdtemp(name) != NULL, "mkdtemp");
    must(getcwd(here, sizeof here) != NULL, "getcwd");
    snprintf(path, 1024, "%s/%s", here, name);
}

void scratch_remove(const char *path) {
    DIR *folder = opendir(path);
    must(folder != NULL, path);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char        child[2048];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        must(lstat(child, &st) == 0, child);
        if (S_ISDIR(st.st_mode)) {
            scratch_remove(child);
        } else {
            must(unlink(child) == 0, child);
        }
    }
    closedir(folder);
    must(rmdir(path) == 0, path);
}

void write_file(const char *folder, const char *name, const void *data, size_t size) {
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    must(file != NULL, path);
    must(fwrite(data, 1, size, file) == size, path);
    must(fclose(file) == 0, path);
}

size_t idx_bytes(unsigned char *dst, int rank, const uint32_t *dims, const unsigned char *data, size_t size) {
    unsigned char *at = dst;
    *at++ = 0;
    *at++ = 0;
    *at++ = 8;
    *at++ = (unsigned char)rank;
    for (int i = 0; i < rank; i++) {
        for (int shift = 24; shift >= 0; shift -= 8) *at++ = (unsigned char)(dims[i] >> shift);
    }
    if (size > 0) memcpy(at, data, size);
    return (size_t)(at - dst) + size;
}

size_t gzip_bytes(unsigned char *dst, size_t capacity, const unsigned char *src, size_t size) {
    z_stream stream = {0};
    must(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "deflate");
    stream.next_in = (Bytef *)(uintptr_t)src;
    stream.avail_in = (uInt)size;
    stream.next_out = dst;
    stream.avail_out = (uInt)capacity;
    must(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
    size_t packed = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

static void write_part(const char *folder, const char *part, uint32_t count) {
    size_t         bytes = (size_t)count * IDX_PIXELS;
    unsigned char *pixels = malloc(bytes), *labels = malloc(count), *file = malloc(bytes + 64);
    char           name[64];
    must(pixels && labels && file, "malloc");
    for (uint32_t i = 0; i < count; i++) {
        labels[i] = (unsigned char)(i % 10);
        for (uint32_t k = 0; k < IDX_PIXELS; k++) pixels[i * IDX_PIXELS + k] = (unsigned char)(31 * i + 7 * k);
    }
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    write_file(folder, name, file, idx_bytes(file, 3, (const uint32_t[]){count, IDX_HEIGHT, IDX_WIDTH}, pixels, bytes));
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
    write_file(folder, name, file, idx_bytes(file, 1, &count, labels, count));
    free(pixels);
    free(labels);
    free(file);
}

void write_small_set(const char *folder, uint32_t count) {
    write_part(folder, "train", count);
    write_part(folder, "t10k", count / 10 < 10 ? 10 : count / 10);
}
