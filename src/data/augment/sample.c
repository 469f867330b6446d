/* Carrying out shifts, mirrorings and patches; normalising on the way out. */
#include "data/augment/sample.h"

#include <string.h>

/* Lines and images begin at multiples of this. */
enum { ALIGN = 64 };

static size_t aligned(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t image_bytes(const struct ath__preprocessor *p) {
    return (size_t)p->channels * (size_t)p->height * (size_t)p->width;
}

size_t ath__sample_scratch(const struct ath__preprocessor *preprocessor) {
    return 2 * aligned(image_bytes(preprocessor)) + aligned((size_t)preprocessor->width);
}

void ath__sample_start(struct ath__sample *sample, const struct ath__draw *draw,
                       const struct ath__preprocessor *preprocessor, const unsigned char *pixels, void *scratch) {
    size_t image = aligned(image_bytes(preprocessor));
    sample->draw = *draw;
    sample->channels = preprocessor->channels;
    sample->height = preprocessor->height;
    sample->width = preprocessor->width;
    sample->preprocessor = preprocessor;
    sample->pixels = pixels;
    sample->image[0] = scratch;
    sample->image[1] = sample->image[0] + image;
    sample->line = sample->image[1] + image;
    sample->mirror_x = sample->mirror_y = sample->shifted = sample->reflect = false;
    sample->shift_x = sample->shift_y = 0;
    sample->patch_count = 0;
}

/* Positions of the list are kept apart by the upper half of the stream's number. */
void ath__draw_start(struct ath__rng *rng, const struct ath__draw *draw, int position) {
    ath__rng_start(rng, draw->seed, ATH_RNG_AUGMENT | (uint32_t)position << 16, draw->epoch, draw->index);
}

/* ---- one row ----------------------------------------------------------------------------------------------------- */

/* -1 becomes 1, and size becomes size - 2. */
static int reflected(int i, int size) {
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

/* Columns [begin, end) of the line from outside the image. */
static void outer_columns(const struct ath__sample *sample, const unsigned char *row, int begin, int end,
                          unsigned char *line) {
    int width = sample->width;
    if (!sample->reflect) {
        memset(line + begin, 0, (size_t)(end - begin));
        return;
    }
    for (int x = begin; x < end; x++) {
        int from = (sample->mirror_x ? width - 1 - x : x) + sample->shift_x;
        line[x] = row[reflected(from, width)];
    }
}

/* Row y of a plane with what is noted but patches: in place where nothing moves it, else put together in the line. */
static const unsigned char *row_at(const struct ath__sample *sample, const unsigned char *plane, int y) {
    int width = sample->width, height = sample->height, shift = sample->shift_x;
    int from = (sample->mirror_y ? height - 1 - y : y) + sample->shift_y;
    if (from < 0 || from >= height) {
        if (!sample->reflect) return memset(sample->line, 0, (size_t)width);
        from = reflected(from, height);
    }
    const unsigned char *row = plane + (size_t)from * (size_t)width;
    unsigned char       *line = sample->line;
    if (!sample->mirror_x && shift == 0) return row;
    /* Columns from `begin` to `end` come from within the image. */
    int inner = sample->mirror_x ? shift : -shift;
    int begin = inner > 0 ? inner : 0, end = inner < 0 ? width + inner : width;
    outer_columns(sample, row, 0, begin, line);
    if (sample->mirror_x) {
        for (int x = begin; x < end; x++) line[x] = row[width - 1 + shift - x];
    } else {
        memcpy(line + begin, row + begin + shift, (size_t)(end - begin));
    }
    outer_columns(sample, row, end, width, line);
    return line;
}

/* ---- carrying out ------------------------------------------------------------------------------------------------ */

static void cover_pixels(const struct ath__sample *sample, unsigned char *image) {
    size_t plane = (size_t)sample->height * (size_t)sample->width;
    for (int p = 0; p < sample->patch_count; p++) {
        const struct ath__patch *patch = &sample->patches[p];
        for (int c = 0; c < sample->channels; c++)
            for (int y = patch->top; y < patch->bottom; y++)
                memset(image + (size_t)c * plane + (size_t)y * (size_t)sample->width + patch->left,
                       sample->preprocessor->mean_pixel[c], (size_t)(patch->right - patch->left));
    }
}

static void cover_input(const struct ath__sample *sample, float *dst) {
    size_t plane = (size_t)sample->height * (size_t)sample->width;
    for (int p = 0; p < sample->patch_count; p++) {
        const struct ath__patch *patch = &sample->patches[p];
        for (int c = 0; c < sample->channels; c++)
            for (int y = patch->top; y < patch->bottom; y++)
                memset(dst + (size_t)c * plane + (size_t)y * (size_t)sample->width + patch->left, 0,
                       (size_t)(patch->right - patch->left) * sizeof(float));
    }
}

static unsigned char *other_image(const struct ath__sample *sample) {
    return sample->pixels == sample->image[0] ? sample->image[1] : sample->image[0];
}

static void copy_out(struct ath__sample *sample) {
    size_t         width = (size_t)sample->width, plane = (size_t)sample->height * width;
    unsigned char *image = other_image(sample), *dst = image;
    for (int c = 0; c < sample->channels; c++)
        for (int y = 0; y < sample->height; y++, dst += width)
            memcpy(dst, row_at(sample, sample->pixels + (size_t)c * plane, y), width);
    cover_pixels(sample, image);
    ath__sample_take(sample, image);
}

static bool moved(const struct ath__sample *sample) {
    return sample->mirror_x || sample->mirror_y || sample->shift_x != 0 || sample->shift_y != 0;
}

const unsigned char *ath__sample_read(struct ath__sample *sample, unsigned char **other) {
    if (moved(sample) || sample->patch_count > 0) copy_out(sample);
    sample->shifted = false; /* by nothing */
    *other = other_image(sample);
    return sample->pixels;
}

void ath__sample_take(struct ath__sample *sample, const unsigned char *other) {
    sample->pixels = other;
    sample->mirror_x = sample->mirror_y = sample->shifted = false;
    sample->shift_x = sample->shift_y = 0;
    sample->patch_count = 0;
}

unsigned char *ath__sample_edit(struct ath__sample *sample) {
    bool own = sample->pixels == sample->image[0] || sample->pixels == sample->image[1];
    if (!own || moved(sample) || sample->patch_count > 0) copy_out(sample);
    sample->shifted = false;
    return sample->pixels == sample->image[0] ? sample->image[0] : sample->image[1];
}

void ath__sample_finish(struct ath__sample *sample, float *dst) {
    size_t width = (size_t)sample->width, plane = (size_t)sample->height * width;
    float *out = dst;
    for (int c = 0; c < sample->channels; c++) {
        const float *table = sample->preprocessor->table[c];
        for (int y = 0; y < sample->height; y++, out += width) {
            const unsigned char *row = row_at(sample, sample->pixels + (size_t)c * plane, y);
            for (size_t x = 0; x < width; x++) out[x] = table[row[x]];
        }
    }
    cover_input(sample, dst);
}

/* ---- noting ------------------------------------------------------------------------------------------------------ */

void ath__sample_shift(struct ath__sample *sample, int shift_y, int shift_x, bool reflect) {
    if (sample->shifted || sample->patch_count > 0) copy_out(sample);
    /* A window moved to the right over a mirrored image moves to the left over the image. */
    sample->shift_x = sample->mirror_x ? -shift_x : shift_x;
    sample->shift_y = sample->mirror_y ? -shift_y : shift_y;
    sample->shifted = true;
    sample->reflect = reflect;
}

void ath__sample_mirror(struct ath__sample *sample, bool horizontal, bool vertical) {
    if (sample->patch_count > 0) copy_out(sample);
    sample->mirror_x ^= horizontal;
    sample->mirror_y ^= vertical;
}

void ath__sample_cover(struct ath__sample *sample, int top, int left, int height, int width) {
    struct ath__patch patch = {top, left, top + height, left + width};
    if (patch.top < 0) patch.top = 0;
    if (patch.left < 0) patch.left = 0;
    if (patch.bottom > sample->height) patch.bottom = sample->height;
    if (patch.right > sample->width) patch.right = sample->width;
    if (patch.top >= patch.bottom || patch.left >= patch.right) return;
    if (sample->patch_count == ATH_SAMPLE_PATCHES) copy_out(sample);
    sample->patches[sample->patch_count++] = patch;
}
