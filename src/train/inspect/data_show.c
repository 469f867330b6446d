/* `athanor data show`: what the random transforms make of training images, as a contact sheet.
 *
 * The images come out of the same functions as in training, so a cell shows what the net sees of that image in that
 * epoch; what is shown is brought back from normalised values to pixels, v = x deviation + mean.
 */
#include "athanor/train.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/augment/augment.h"
#include "data/dataset.h"
#include "report/contact_sheet.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 160 };

struct show {
    ath_dataset             *dataset;
    ath_dataset_info         info;
    struct ath__preprocess   preprocess;
    struct ath__preprocessor preprocessor;
    struct ath__augment     *augment;
    uint64_t                 seed;
    int                      rows, columns; /* with the original's */

    int64_t       *indices; /* (rows) images shown */
    int32_t       *labels, *first, *second;
    float         *weights, *images, *spare; /* a column */
    unsigned char *resized, *part, *pixels;  /* (rows, ...) originals; one image; the sheet's */
    void          *canvas;

    struct ath__fitter   fitter;
    struct ath__picture *pictures; /* (rows) as read, where parts of them are taken */
    char (*row_names)[NAME], (*column_names)[NAME];
    const char **row_texts, **column_texts;
};

static size_t out_pixels(const struct show *show) {
    const struct ath__preprocessor *p = &show->preprocessor;
    return (size_t)p->channels * (size_t)p->height * (size_t)p->width;
}

static ath_status open_show(const ath_config *config, struct show *show, ath_error *err) {
    show->seed = (uint64_t)ath__config_int(config, "seed");
    ATH_TRY(ath__augment_open(ath__config_text(config, "augment"), &show->augment, err));
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_TRAIN, &show->dataset, err));
    ATH_TRY(ath__setup_preprocess(config, show->dataset, &show->preprocess, err));
    show->info = ath_dataset_describe(show->dataset);
    if (show->info.count < 1) return ath__fail(err, ATH_DATA, "data", "the data set has no images");
    ATH_TRY(ath__preprocessor_open(&show->preprocessor, &show->preprocess, show->info.channels, show->info.height,
                                   show->info.width, err));
    ATH_TRY(
        ath__augment_fit(show->augment, show->info.channels, show->preprocessor.height, show->preprocessor.width, err));
    show->rows = (int)ath__config_int(config, "rows");
    if (show->rows > show->info.count) show->rows = (int)show->info.count;
    show->columns = (int)ath__config_int(config, "columns") + 1;
    return ath__contact_sheet_check(show->rows, show->columns, show->preprocessor.height, show->preprocessor.width,
                                    err);
}

static ath_status allocate(struct show *show, ath_error *err) {
    size_t rows = (size_t)show->rows, columns = (size_t)show->columns, out = out_pixels(show);
    size_t plane = out / (size_t)show->preprocessor.channels;
    show->indices = ATH_NEW_ARRAY(int64_t, rows);
    show->labels = ATH_NEW_ARRAY(int32_t, rows);
    show->first = ATH_NEW_ARRAY(int32_t, rows);
    show->second = ATH_NEW_ARRAY(int32_t, rows);
    show->weights = ATH_NEW_ARRAY(float, rows);
    show->images = ath__alloc_array(rows * out, sizeof(float));
    show->spare = ath__alloc_array(out, sizeof(float));
    show->part = ath__alloc(out);
    show->pictures = ATH_NEW_ARRAY(struct ath__picture, rows);
    show->resized = ath__alloc(rows * out);
    show->pixels = ath__alloc(rows * columns * plane * 3);
    show->canvas = ath__alloc(ath__sample_scratch(&show->preprocessor));
    show->row_names = ath__alloc_array(rows, NAME);
    show->column_names = ath__alloc_array(columns, NAME);
    show->row_texts = ATH_NEW_ARRAY(const char *, rows);
    show->column_texts = ATH_NEW_ARRAY(const char *, columns);
    bool all = show->indices && show->labels && show->first && show->second && show->weights && show->images &&
               show->spare && show->part && show->pictures && show->resized && show->pixels && show->canvas &&
               show->row_names && show->column_names && show->row_texts && show->column_texts;
    return all ? ATH_OK : ath__fail_memory(err, "contact sheet");
}

static void close_show(struct show *show) {
    void *const blocks[] = {show->indices,
                            show->labels,
                            show->first,
                            show->second,
                            show->weights,
                            show->images,
                            show->spare,
                            show->part,
                            show->pictures,
                            show->resized,
                            show->pixels,
                            show->canvas,
                            show->row_names,
                            show->column_names,
                            (void *)show->row_texts,
                            (void *)show->column_texts};
    for (int r = 0; show->pictures && r < show->rows; r++) ath__picture_free(&show->pictures[r]);
    ath__fitter_close(&show->fitter);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) ath__free(blocks[i]);
    ath__augment_close(show->augment);
    ath_dataset_close(show->dataset);
}

/* The first images of class 0, 1, 2 ... in turn; then the second ones, and so on. A class that has no more is left out.
 * Each round looks for the next image of every class in one pass over the labels. */
static ath_status choose_images(struct show *show, ath_error *err) {
    int      rows = 0;
    int64_t *next = ATH_NEW_ARRAY(int64_t, show->info.classes);
    if (!next) return ath__fail_memory(err, "contact sheet");
    ath_status status = ATH_OK;
    while (rows < show->rows) {
        int before = rows;
        for (int c = 0; c < show->info.classes && rows < show->rows && status == ATH_OK; c++) {
            int     label = -1;
            int64_t i = next[c];
            for (; i < show->info.count && status == ATH_OK; i++) {
                status = ath_dataset_label(show->dataset, i, &label, err);
                if (label == c) break;
            }
            next[c] = i + 1;
            if (i >= show->info.count || status != ATH_OK) continue;
            show->indices[rows] = i;
            show->labels[rows++] = c;
        }
        if (rows == before || status != ATH_OK) break;
    }
    show->rows = rows;
    ath__free(next);
    return status;
}

static ath_status read_images(struct show *show, ath_error *err) {
    int least = ath__augment_least(show->augment, &show->preprocessor);
    for (int r = 0; r < show->rows; r++) {
        ATH_TRY(ath__dataset_view(show->dataset, show->indices[r], least, &show->pictures[r], err));
        ATH_TRY(ath__preprocessor_fit(&show->preprocessor, &show->pictures[r], &show->fitter,
                                      show->resized + (size_t)r * out_pixels(show), err));
    }
    return ATH_OK;
}

static unsigned char to_pixel(const struct show *show, int channel, float value) {
    double v = (double)value * show->preprocess.deviation[channel] + show->preprocess.mean[channel];
    return (unsigned char)lround(255.0 * fmin(fmax(v, 0.0), 1.0));
}

/* One cell of the sheet, from (channels, height, width) to (height, width, 3); grey where there are no three colours. */
static void put_cell(struct show *show, int row, int column, const float *image) {
    int            channels = show->preprocessor.channels;
    size_t         plane = out_pixels(show) / (size_t)channels;
    unsigned char *dst = show->pixels + ((size_t)row * (size_t)show->columns + (size_t)column) * plane * 3;
    for (size_t i = 0; i < plane; i++)
        for (int c = 0; c < 3; c++) {
            int from = channels >= 3 ? c : 0;
            *dst++ = to_pixel(show, from, image[(size_t)from * plane + i]);
        }
}

static void mix_column(struct show *show, uint32_t epoch) {
    struct ath__mix_batch batch = {.images = show->images,
                                   .labels = show->first,
                                   .second = show->second,
                                   .weights = show->weights,
                                   .indices = show->indices,
                                   .count = show->rows,
                                   .channels = show->preprocessor.channels,
                                   .height = show->preprocessor.height,
                                   .width = show->preprocessor.width};
    memcpy(show->first, show->labels, (size_t)show->rows * sizeof *show->first);
    ath__augment_mix(show->augment, show->seed, epoch, &batch, show->spare);
}

/* Column 0 is the original; column k what training makes of it in epoch k - 1. */
static ath_status make_column(struct show *show, int column, ath_error *err) {
    size_t out = out_pixels(show);
    for (int r = 0; r < show->rows; r++) {
        struct ath__draw draw = {show->seed, (uint32_t)(column - 1), (uint32_t)show->indices[r]};
        float           *image = show->images + (size_t)r * out;
        if (column > 0 && show->augment) {
            ATH_TRY(ath__augment_fit_picture(show->augment, &draw, &show->preprocessor, &show->pictures[r],
                                             &show->fitter, show->part, err));
            ath__augment_image(show->augment, &draw, &show->preprocessor, show->part, image, show->canvas);
        } else {
            ath__preprocessor_normalise(&show->preprocessor, show->resized + (size_t)r * out, image);
        }
    }
    if (column > 0 && ath__augment_mixes(show->augment)) mix_column(show, (uint32_t)(column - 1));
    for (int r = 0; r < show->rows; r++) put_cell(show, r, column, show->images + (size_t)r * out);
    return ATH_OK;
}

static ath_status write_sheet(struct show *show, const ath_config *config, const char *path, ath_error *err) {
    char            title[NAME], subtitle[1024];
    struct ath__str bytes = {0};
    const char     *list = ath__config_text(config, "augment");
    for (int r = 0; r < show->rows; r++) {
        snprintf(show->row_names[r], NAME, "%s", show->info.class_titles[show->labels[r]]);
        show->row_texts[r] = show->row_names[r];
    }
    for (int c = 0; c < show->columns; c++) {
        snprintf(show->column_names[c], NAME, c ? "epoch %d" : "original", c);
        show->column_texts[c] = show->column_names[c];
    }
    snprintf(title, sizeof title, "Training images of %s", show->info.name);
    snprintf(subtitle, sizeof subtitle, "augment=%s   seed=%llu", *list ? list : "none",
             (unsigned long long)show->seed);
    struct ath__contact_sheet sheet = {title,
                                       subtitle,
                                       show->rows,
                                       show->columns,
                                       show->row_texts,
                                       show->column_texts,
                                       show->preprocessor.height,
                                       show->preprocessor.width,
                                       show->pixels};
    ath_status                status = ath__contact_sheet_png(&sheet, &bytes, err);
    if (status == ATH_OK) status = ath__file_write(path, bytes.data, bytes.size, err);
    ath__str_free(&bytes);
    return status;
}

ath_status ath_data_show(const ath_config *config, const char *path, ath_error *err) {
    struct show show = {0};
    ath_status  status = open_show(config, &show, err);
    if (status == ATH_OK) status = allocate(&show, err);
    if (status == ATH_OK) status = choose_images(&show, err);
    if (status == ATH_OK) status = read_images(&show, err);
    for (int c = 0; status == ATH_OK && c < show.columns; c++) status = make_column(&show, c, err);
    if (status == ATH_OK) status = write_sheet(&show, config, path, err);
    close_show(&show);
    return status;
}
