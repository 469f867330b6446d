/* `athanor analyze what=gradcam`: where in a photo the network saw a class (cam.c has the method).
 *
 * Keys: layer= (whose feature map; the last one), class= (name or number; each image's predicted class). The figure
 * shows every photo as the network sees it, beside its map.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/option.h"
#include "report/cam_figure.h"
#include "train/analyze/analysis_images.h"
#include "train/analyze/analyze.h"
#include "train/analyze/cam.h"
#include "train/metrics.h"
#include "train/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { AT_ONCE = 8, CAPTION = 300 };

struct gradcam {
    struct ath__analysis       *analysis;
    struct ath__analysis_images images;
    struct ath__cam             cam;
    int                         explained; /* class; -1 = the predicted one */
    double                     *probabilities;
    struct ath__cam_tile       *tiles; /* of the images that were read */
    unsigned char              *rgb;
    float                      *maps;
    char (*captions)[CAPTION];
    json_t *list;
};

static void name_of(const struct gradcam *g, int index, char *text, size_t capacity) {
    const struct ath__model_info *info = &g->analysis->source->info;
    if (info->class_names && index < info->classes)
        ath__str_copy(text, capacity, info->class_names[index]);
    else
        snprintf(text, capacity, "class %d", index);
}

/* class=: a name, else a number. */
static ath_status find_class(struct gradcam *g, ath_error *err) {
    const struct ath__model_info *info = &g->analysis->source->info;
    const char                   *wanted = ath__config_text(g->analysis->source->config, "class");
    int                           classes = ath_model_classes(g->analysis->source->model);
    int64_t                       number;
    g->explained = -1;
    if (!*wanted) return ATH_OK;
    for (int c = 0; info->class_names && c < info->classes; c++)
        if (strcmp(info->class_names[c], wanted) == 0) {
            g->explained = c;
            return ATH_OK;
        }
    if (ath__parse_int(wanted, &number) && number >= 0 && number < classes) {
        g->explained = (int)number;
        return ATH_OK;
    }
    return ath__fail(err, ATH_USAGE, "class", "'%s' is neither the name of a class nor a number from 0 to %d", wanted,
                     classes - 1);
}

/* What a map says in figures: its largest value and where, the centre of its mass as shares of width and height, and the
 * share of its places that reach half of the largest. */
struct summary {
    double  largest, x, y, area;
    int64_t row, column;
};

static struct summary summarise(const struct ath__cam *cam, const float *map) {
    struct summary s = {.x = NAN, .y = NAN};
    double         sum = 0.0, x = 0.0, y = 0.0;
    int64_t        places = cam->height * cam->width, strong = 0;
    for (int64_t i = 0; i < places; i++) {
        double value = (double)map[i];
        sum += value;
        x += value * ((double)(i % cam->width) + 0.5) / (double)cam->width;
        y += value * ((double)(i / cam->width) + 0.5) / (double)cam->height;
        if (value <= s.largest) continue;
        s.largest = value;
        s.row = i / cam->width;
        s.column = i % cam->width;
    }
    for (int64_t i = 0; i < places; i++) strong += s.largest > 0.0 && (double)map[i] >= 0.5 * s.largest;
    s.area = (double)strong / (double)places;
    if (sum > 0.0) {
        s.x = x / sum;
        s.y = y / sum;
    }
    return s;
}

static json_t *map_json(const struct ath__cam *cam, const float *map) {
    json_t *rows = json_array();
    for (int64_t r = 0; r < cam->height; r++) {
        json_t *row = json_array();
        for (int64_t c = 0; c < cam->width; c++) json_array_append_new(row, json_real((double)map[r * cam->width + c]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *guess_json(const struct gradcam *g, int index) {
    char name[200];
    name_of(g, index, name, sizeof name);
    return json_pack("{s:s, s:i, s:f}", "class", name, "index", index, "probability", g->probabilities[index]);
}

/* One image's results: JSON, a line of text, and its tile. */
static void report(struct gradcam *g, int item, int explained, const float *logits, const float *map) {
    const struct ath__analysis_image *image = &g->images.items[item];
    int                               classes = g->cam.classes, best = 0;
    struct summary                    s = summarise(&g->cam, map);
    char                              name[200], *caption = g->captions[image->place];
    size_t                            places = (size_t)(g->cam.height * g->cam.width);
    size_t                            bytes = (size_t)g->images.height * (size_t)g->images.width * 3;
    for (int c = 1; c < classes; c++)
        if (logits[c] > logits[best]) best = c;
    ath__softmax_row(logits, classes, g->probabilities);
    json_t *json = guess_json(g, explained);
    json_object_set_new(json, "path", json_string(image->name));
    json_object_set_new(json, "logit", json_real((double)logits[explained]));
    json_object_set_new(json, "predicted", guess_json(g, best));
    json_object_set_new(json, "largest", json_real(s.largest));
    json_object_set_new(json, "peak",
                        json_pack("{s:I, s:I}", "row", (json_int_t)s.row, "column", (json_int_t)s.column));
    ath__json_set_real(json, "centre_x", s.x);
    ath__json_set_real(json, "centre_y", s.y);
    json_object_set_new(json, "area", json_real(s.area));
    json_object_set_new(json, "map", map_json(&g->cam, map));
    json_array_append_new(g->list, json);
    name_of(g, explained, name, sizeof name);
    snprintf(caption, CAPTION, "%s %.1f%%%s", name, 100.0 * g->probabilities[explained],
             explained == best ? "" : " (not predicted)");
    ath__str_printf(&g->analysis->text, "%-40s %-20s %6.2f%%", image->name, name, 100.0 * g->probabilities[explained]);
    if (s.largest > 0.0)
        ath__str_printf(&g->analysis->text,
                        "   centre %.0f%% from the left, %.0f%% from the top; %.0f%% of the image\n", 100.0 * s.x,
                        100.0 * s.y, 100.0 * s.area);
    else
        ath__str_append(&g->analysis->text, "   nothing speaks for this class\n");
    memcpy(g->maps + image->place * places, map, places * sizeof(float));
    ath__analysis_images_rgb(&g->images, item, g->rgb + image->place * bytes);
    const char *slash = strrchr(image->name, '/');
    g->tiles[image->place] = (struct ath__cam_tile){.name = slash ? slash + 1 : image->name,
                                                    .caption = caption,
                                                    .rgb = g->rgb + image->place * bytes,
                                                    .map = g->maps + image->place * places};
}

static void report_problem(struct gradcam *g, const struct ath__analysis_image *image) {
    json_array_append_new(g->list, json_pack("{s:s, s:s}", "path", image->name, "error", image->problem));
    ath__remark(g->analysis->hooks, "IMAGE", true, "%s: %s", image->name, image->problem);
}

/* All images, AT_ONCE at a time, reported in the order in which they were named. */
static ath_status explain(struct gradcam *g, ath_error *err) {
    size_t       size = (size_t)g->images.channels * (size_t)g->images.height * (size_t)g->images.width, begin = 0;
    size_t       places = (size_t)(g->cam.height * g->cam.width), end = 0;
    int          chosen[AT_ONCE];
    const float *logits = NULL, *maps = NULL;
    for (int i = 0; i < g->images.count; i++) {
        const struct ath__analysis_image *image = &g->images.items[i];
        if (*image->problem) {
            report_problem(g, image);
            continue;
        }
        if (image->place == end) {
            begin = end;
            end = g->images.good - begin < AT_ONCE ? g->images.good : begin + AT_ONCE;
            for (size_t k = 0; k < end - begin; k++) chosen[k] = g->explained;
            ATH_TRY(ath__cam_run(&g->cam, g->images.values + begin * size, (int64_t)(end - begin), chosen, &logits,
                                 &maps, err));
        }
        size_t k = image->place - begin;
        report(g, i, chosen[k], logits + k * (size_t)g->cam.classes, maps + k * places);
    }
    return ATH_OK;
}

static ath_status draw(struct gradcam *g, ath_error *err) {
    char title[256], subtitle[256];
    snprintf(title, sizeof title, "Grad-CAM: %.100s", ath_model_name(g->analysis->source->model));
    snprintf(subtitle, sizeof subtitle, "%s%s: %lld maps of %lldx%lld",
             *g->cam.layer ? "feature map of " : "last feature map", g->cam.layer, (long long)g->cam.channels,
             (long long)g->cam.height, (long long)g->cam.width);
    struct ath__cam_figure figure = {.title = title,
                                     .subtitle = subtitle,
                                     .tiles = g->tiles,
                                     .count = (int)g->images.good,
                                     .height = g->images.height,
                                     .width = g->images.width,
                                     .map_height = g->cam.height,
                                     .map_width = g->cam.width};
    return g->images.good > 0 ? ath__cam_figure_png(&figure, &g->analysis->figure, err) : ATH_OK;
}

static ath_status prepare(struct gradcam *g, ath_error *err) {
    struct ath__source *source = g->analysis->source;
    ATH_TRY(find_class(g, err));
    ATH_TRY(ath__analysis_images_open(&g->images, g->analysis, ATH_CAM_FIGURE_MOST, err));
    size_t good = g->images.good, batch = good < 1 ? 1 : good < AT_ONCE ? good : AT_ONCE;
    ATH_TRY(ath__cam_open(&g->cam, source->network, ath__config_text(source->config, "layer"), (int64_t)batch, err));
    g->probabilities = ath__alloc_array((size_t)g->cam.classes, sizeof *g->probabilities);
    g->tiles = ath__alloc_array(good + 1, sizeof *g->tiles);
    g->captions = ath__alloc_array(good + 1, sizeof *g->captions);
    g->rgb = ath__alloc_array((good + 1) * 3, (size_t)g->images.height * (size_t)g->images.width);
    g->maps = ath__alloc_array((good + 1) * sizeof(float), (size_t)(g->cam.height * g->cam.width));
    g->list = json_array();
    if (!g->probabilities || !g->tiles || !g->captions || !g->rgb || !g->maps || !g->list)
        return ath__fail_memory(err, "gradcam");
    json_object_set_new(g->analysis->json, "layer", json_string(g->cam.layer));
    json_object_set_new(g->analysis->json, "channels", json_integer(g->cam.channels));
    json_object_set_new(g->analysis->json, "height", json_integer(g->cam.height));
    json_object_set_new(g->analysis->json, "width", json_integer(g->cam.width));
    json_object_set(g->analysis->json, "images", g->list);
    return ATH_OK;
}

static ath_status run(struct ath__analysis *analysis, ath_error *err) {
    struct gradcam g = {.analysis = analysis};
    ath_status     status = prepare(&g, err);
    if (status == ATH_OK) status = explain(&g, err);
    if (status == ATH_OK) status = draw(&g, err);
    json_decref(g.list);
    ath__free(g.probabilities);
    ath__free(g.tiles);
    ath__free(g.captions);
    ath__free(g.rgb);
    ath__free(g.maps);
    ath__cam_close(&g.cam);
    ath__analysis_images_close(&g.images);
    return status;
}

const struct ath__analysis_kind ath__analysis_gradcam = {
    .name = "gradcam",
    .summary = "where in a photo the network saw its class",
    .run = run,
};
