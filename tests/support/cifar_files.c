/* Small CIFAR-like files, and tar archives of them (POSIX.1-1988, "ustar"), for tests. */
#include "support/cifar_files.h"

#include "support/idx_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512 };

static const struct {
    const char *name;
    int         first, count;
} small[] = {
    {"data_batch_1.bin", 0, 3}, {"data_batch_2.bin", 3, 1},  {"data_batch_3.bin", 4, 2},
    {"data_batch_4.bin", 6, 4}, {"data_batch_5.bin", 10, 5}, {"test_batch.bin", 100, SMALL_CIFAR_TEST},
};
enum { SMALL = sizeof small / sizeof small[0] };

unsigned char cifar_pixel(int number, int k) {
    return (unsigned char)(31 * number + 7 * k + k / 1024);
}

size_t cifar_bytes(unsigned char *dst, int labels, int first, int count) {
    unsigned char *at = dst;
    for (int i = first; i < first + count; i++) {
        if (labels == 2) *at++ = (unsigned char)(i % 20);
        *at++ = (unsigned char)(i % (labels == 2 ? 100 : 10));
        for (int k = 0; k < CIFAR_PIXELS; k++) *at++ = cifar_pixel(i, k);
    }
    return (size_t)(at - dst);
}

void write_small_cifar10(const char *folder) {
    static unsigned char bytes[5 * CIFAR10_RECORD];
    for (int i = 0; i < SMALL; i++)
        write_file(folder, small[i].name, bytes, cifar_bytes(bytes, 1, small[i].first, small[i].count));
}

static void grow(struct tar *tar, size_t size) {
    tar->bytes = realloc(tar->bytes, tar->size + size);
    if (!tar->bytes) abort();
    memset(tar->bytes + tar->size, 0, size);
    tar->size += size;
}

void tar_add(struct tar *tar, const char *name, const void *data, size_t size, uint64_t announced) {
    size_t         start = tar->size, padded = (size + BLOCK - 1) / BLOCK * BLOCK;
    unsigned       sum = 0;
    unsigned char *header;
    char           text[32];
    if (announced == UINT64_MAX) announced = size;
    grow(tar, BLOCK + padded);
    header = tar->bytes + start;
    snprintf((char *)header, 100, "%s", name);
    memcpy(header + 100, "0000644\0000000000\0000000000", 24);
    snprintf(text, sizeof text, "%011llo", (unsigned long long)announced);
    memcpy(header + 124, text, 12);
    memcpy(header + 136, "00000000000", 12);
    memset(header + 148, ' ', 8);
    header[156] = '0';
    memcpy(header + 257, "ustar\00000", 8);
    for (int i = 0; i < BLOCK; i++) sum += header[i];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(header + 148, text, 7);
    if (size > 0) memcpy(header + BLOCK, data, size);
}

void tar_end(struct tar *tar) {
    grow(tar, 2 * BLOCK);
}

void tar_small_cifar10(struct tar *tar, const char *without) {
    static const int     order[SMALL] = {5, 2, 0, 4, 1, 3};
    static unsigned char bytes[5 * CIFAR10_RECORD];
    *tar = (struct tar){0};
    tar_add(tar, "cifar-10-batches-bin/readme.html", "<html>", 6, UINT64_MAX);
    for (int i = 0; i < SMALL; i++) {
        char   name[64];
        int    k = order[i];
        size_t size = cifar_bytes(bytes, 1, small[k].first, small[k].count);
        snprintf(name, sizeof name, "cifar-10-batches-bin/%s", small[k].name);
        if (!without || strcmp(without, small[k].name) != 0) tar_add(tar, name, bytes, size, UINT64_MAX);
    }
    tar_end(tar);
}

void tar_pack(struct tar *tar) {
    size_t         capacity = tar->size + 4096;
    unsigned char *packed = malloc(capacity);
    if (!packed) abort();
    tar->size = gzip_bytes(packed, capacity, tar->bytes, tar->size);
    free(tar->bytes);
    tar->bytes = packed;
}
