/* Times photos from file to resized pixels on one thread.
 *
 *     bench_photos [side=256] [least=0] [rounds=7] FILE_OR_FOLDER...
 *
 * Every file is read, decoded to colour and resized, bilinear, to a shorter side of `side` pixels. With least=1 decoders
 * may deliver a smaller image that is still `side` pixels at its shorter side, with least=2 one of twice that (what
 * loading uses), with 0 all pixels are decoded. Printed: milliseconds for a photo, median and fastest round, for
 * reading, decoding and resizing alone and together; and how far the resized pixels are from those of full decoding.
 * bench/peers/photos_peer.py does the same work with Pillow.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/image/image.h"
#include "data/resize.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FILES = 4096, MOST_ROUNDS = 99 };

struct times {
    double read, decode, resize;
};

static char  *files[MOST_FILES];
static int    file_count;
static double sample[4][MOST_ROUNDS];

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The file, or the image files in the folder and the folders below it. */
static void add_path(const char *path, int depth) {
    DIR *folder = opendir(path);
    if (!folder) {
        if (file_count < MOST_FILES && ath__image_probe_file(path, &(struct ath__image_info){0}, NULL) == ATH_OK)
            files[file_count++] = ath__strdup(path);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) && depth < 4;) {
        char inner[ATH_PATH_MAX];
        if (entry->d_name[0] != '.' && ath__path_join(inner, path, entry->d_name, NULL) == ATH_OK)
            add_path(inner, depth + 1);
    }
    closedir(folder);
}

/* Planes of the resized image, owned by the caller; of its size `count` bytes. */
static ath_status resize_colour(const struct ath__image *image, int side, unsigned char **pixels, size_t *count,
                                ath_error *err) {
    int                height = image->height, width = image->width;
    int                to_height = height <= width ? side : (int)((int64_t)side * height / width);
    int                to_width = height <= width ? (int)((int64_t)side * width / height) : side;
    struct ath__resize resize;
    ATH_TRY(ath__resize_open(&resize, height, width, to_height, to_width, err));
    size_t         plane = (size_t)to_height * (size_t)to_width;
    unsigned char *scratch = ath__alloc(ath__resize_scratch(&resize));
    *count = 3 * plane;
    *pixels = ath__alloc(3 * plane);
    for (size_t c = 0; c < 3 && *pixels && scratch; c++)
        ath__resize_apply(&resize, image->pixels + c * (size_t)height * (size_t)width, *pixels + c * plane, scratch);
    ath_status status = *pixels && scratch ? ATH_OK : ath__fail_memory(err, "resize");
    ath__free(scratch);
    ath__resize_close(&resize);
    return status;
}

static ath_status take_photo(const char *path, int side, int least, struct times *times, unsigned char **pixels,
                             size_t *pixel_count, ath_error *err) {
    char                   *bytes;
    size_t                  size;
    struct ath__image       image = {0};
    struct ath__decode_hint hint = {.at_least_height = least * side, .at_least_width = least * side};
    double                  start = ath__seconds();
    *pixels = NULL;
    ATH_TRY(ath__file_read(path, ATH_IMAGE_MOST_BYTES, &bytes, &size, err));
    double     read = ath__seconds();
    ath_status status = ath__image_decode(bytes, size, path, 3, &hint, &image, err);
    double     decoded = ath__seconds();
    if (status == ATH_OK) status = resize_colour(&image, side, pixels, pixel_count, err);
    times->read += read - start;
    times->decode += decoded - read;
    times->resize += ath__seconds() - decoded;
    ath__image_free(&image);
    ath__free(bytes);
    return status;
}

/* Grey levels between scaled and full decoding behind the resize, over all files. */
static ath_status compare(int side, int least, ath_error *err) {
    struct times times = {0};
    double       sum = 0.0, count = 0.0;
    int          most = 0;
    for (int i = 0; i < file_count; i++) {
        unsigned char *scaled, *full;
        size_t         size = 0, full_size = 0;
        ATH_TRY(take_photo(files[i], side, least, &times, &scaled, &size, err));
        ATH_TRY(take_photo(files[i], side, 0, &times, &full, &full_size, err));
        for (size_t k = 0; k < size && size == full_size; k++) {
            int difference = abs(scaled[k] - full[k]);
            sum += difference;
            if (difference > most) most = difference;
        }
        count += (double)size;
        ath__free(scaled);
        ath__free(full);
    }
    printf("from full decoding: %.2f grey levels in the mean, %d at the most\n", sum / count, most);
    return ATH_OK;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int count, char **words) {
    int side = 256, least = 0, rounds = 7;
    for (int i = 1; i < count; i++) {
        if (sscanf(words[i], "side=%d", &side) != 1 && sscanf(words[i], "least=%d", &least) != 1 &&
            sscanf(words[i], "rounds=%d", &rounds) != 1)
            add_path(words[i], 0);
    }
    if (file_count == 0 || side < 1 || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "bench_photos [side=256] [least=0] [rounds=7] FILE_OR_FOLDER...\n");
        return 2;
    }
    qsort(files, (size_t)file_count, sizeof files[0], by_name);
    for (int round = -1; round < rounds; round++) { /* the first one warms up */
        struct times times = {0};
        ath_error    err = {0};
        for (int i = 0; i < file_count; i++) {
            unsigned char *pixels;
            size_t         size;
            if (take_photo(files[i], side, least, &times, &pixels, &size, &err) != ATH_OK) {
                fprintf(stderr, "%s: %s\n", files[i], err.message);
                return 1;
            }
            ath__free(pixels);
        }
        if (round < 0) continue;
        sample[0][round] = times.read;
        sample[1][round] = times.decode;
        sample[2][round] = times.resize;
        sample[3][round] = times.read + times.decode + times.resize;
    }
    static const char *const names[] = {"read", "decode", "resize", "all"};
    printf("%d photos, shorter side %d, least=%d; ms for a photo: median (fastest)\n", file_count, side, least);
    for (int k = 0; k < 4; k++) {
        qsort(sample[k], (size_t)rounds, sizeof(double), by_value);
        printf("%-7s %7.3f (%.3f)\n", names[k], 1e3 * sample[k][rounds / 2] / file_count,
               1e3 * sample[k][0] / file_count);
    }
    ath_error err = {0};
    if (least > 0 && compare(side, least, &err) != ATH_OK) fprintf(stderr, "%s\n", err.message);
    for (int i = 0; i < file_count; i++) ath__free(files[i]);
    return 0;
}
