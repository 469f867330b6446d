/* Scratch folders and small IDX files for tests of data sets. */
#ifndef ATH_TESTS_IDX_FILES_H
#define ATH_TESTS_IDX_FILES_H

#include <stddef.h>
#include <stdint.h>

/* An empty folder of its own below the working folder, absolute; removed with everything in it by scratch_remove. */
void scratch_make(char path[1024]);
void scratch_remove(const char *path);

void write_file(const char *folder, const char *name, const void *data, size_t size);

/* Bytes of an IDX file: 4 + 4 rank header, then `size` bytes of data. Returns the size of all; `dst` must hold it. */
size_t idx_bytes(unsigned char *dst, int rank, const uint32_t *dims, const unsigned char *data, size_t size);

/* Packs bytes by gzip. Returns the packed size. */
size_t gzip_bytes(unsigned char *dst, size_t capacity, const unsigned char *src, size_t size);

/* The two training and two test files of a small MNIST-like set of `count` images of 6x5 pixels (a tenth as many for
 * the test part, at least 10): pixel k of image i is (31 i + 7 k) mod 256, its label i mod 10. */
enum { IDX_HEIGHT = 6, IDX_WIDTH = 5, IDX_PIXELS = IDX_HEIGHT * IDX_WIDTH };
void write_small_set(const char *folder, uint32_t count);

#endif
