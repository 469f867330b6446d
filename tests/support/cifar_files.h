/* Small CIFAR-like files, and tar archives of them, for tests. */
#ifndef ATH_TESTS_CIFAR_FILES_H
#define ATH_TESTS_CIFAR_FILES_H

#include <stddef.h>
#include <stdint.h>

enum { CIFAR_PIXELS = 3072, CIFAR10_RECORD = 1 + CIFAR_PIXELS, CIFAR100_RECORD = 2 + CIFAR_PIXELS };

/* `count` records, numbered from `first`: label i mod 10, or coarse i mod 20 and fine i mod 100 when `labels` is 2; pixel
 * k is cifar_pixel(i, k). Returns the size; `dst` must hold it. */
size_t        cifar_bytes(unsigned char *dst, int labels, int first, int count);
unsigned char cifar_pixel(int number, int k);

/* Five training files of 3, 1, 2, 4 and 5 records, a test file of 2, numbered on from file to file. */
enum { SMALL_CIFAR_TRAIN = 15, SMALL_CIFAR_TEST = 2 };
void write_small_cifar10(const char *folder);

/* A tar archive in memory; members are added one after another. */
struct tar {
    unsigned char *bytes; /* free() */
    size_t         size;
};
/* A file whose header announces `announced` bytes; UINT64_MAX: as many as there are. */
void tar_add(struct tar *tar, const char *name, const void *data, size_t size, uint64_t announced);
void tar_end(struct tar *tar); /* the two empty blocks */

/* The files of write_small_cifar10 in another order; leaves out the member `without` (NULL: none). */
void tar_small_cifar10(struct tar *tar, const char *without);

/* Packs the archive by gzip in place. */
void tar_pack(struct tar *tar);

#endif
