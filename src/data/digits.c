/* `digits`: handwritten-looking digits, generated, so that a first run needs neither network nor files.
 *
 * An image is a pure function of (seed, part of the set, index): nothing depends on threads. It is made in four steps:
 *
 *   1. a style of the digit (data/digit_strokes.c), each point moved by a small normal draw; curves through the points
 *      by Catmull-Rom splines;
 *   2. the points bent: p' = A p + t + e(p), with A = rotation * shear * scale and e a smooth field of a few low sines,
 *      which is the elastic distortion of P. Simard et al., "Best practices for convolutional neural networks applied
 *      to visual document analysis" (ICDAR 2003), applied to the strokes instead of the pixels;
 *   3. the ink: the grey of a pixel is clamp(r + 1/2 - distance to the stroke), with a pen radius r that drifts along
 *      the stroke; drops of ink, scratches and pieces of neighbouring writing lie around it;
 *   4. contrast, background and pixel noise.
 *
 * The amounts are set so that a linear classifier stays below 92% while a small convolutional net passes 98%
 * (docs/data.md has the figures).
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "data/dataset.h"
#include "data/digit_strokes.h"

#include <math.h>
#include <string.h>

enum {
    SIDE = 28,
    PIXELS = SIDE * SIDE,
    CURVE_STEPS = 6, /* lines between two points of a curve */
    WAVES = 3,
    BLOCK = 64, /* images a task */
};

/* How far digits differ; deviations of normal draws. */
static const double TURN = 0.15;        /* radians */
static const double SHEAR = 0.18;       /* sideways per unit of height */
static const double SHIFT = 1.15;       /* pixels */
static const double WOBBLE = 3.0;       /* of each point of a skeleton that is 100 high */
static const double WAVE_HEIGHT = 0.55; /* pixels */

struct options {
    struct ath__dataset_common common;
    int64_t                    n, seed;
};

static const struct ath__option options[] = {
    ATH_DATASET_COMMON_OPTIONS,
    ATH_OPT_INT(struct options, n, "12000", 60, 1000000, "training images; a sixth as many are made for validation"),
    ATH_OPT_INT(struct options, seed, "1", 0, 9e15, "seed of the images"),
    ATH_OPT_END,
};

struct point {
    double x, y;
};

/* A smooth displacement: e(p) = sum_k amplitude_k sin(frequency_k . p + phase_k). */
struct bend {
    double       a, b, c, d; /* x' = a x + b y,  y' = c x + d y, about the middle of the digit */
    struct point shift;
    struct point amplitude[WAVES], frequency[WAVES];
    double       phase[WAVES][2];
};

struct canvas {
    float grey[PIXELS];
};

static double between(struct ath__rng *rng, double low, double high) {
    return low + (high - low) * (double)ath__rng_uniform(rng);
}

/* A normal draw, cut off at 2.5 deviations so that no digit is torn apart. */
static double spread(struct ath__rng *rng, double deviation) {
    double value = ath__rng_normal(rng);
    return deviation * (value < -2.5 ? -2.5 : value > 2.5 ? 2.5 : value);
}

/* Two draws in a fixed order, which an initialiser list would leave to the compiler. */
static struct point between2(struct ath__rng *rng, double low, double high) {
    struct point p;
    p.x = between(rng, low, high);
    p.y = between(rng, low, high);
    return p;
}

static struct point spread2(struct ath__rng *rng, double deviation) {
    struct point p;
    p.x = spread(rng, deviation);
    p.y = spread(rng, deviation);
    return p;
}

static void draw_bend(struct ath__rng *rng, struct bend *bend) {
    double angle = spread(rng, TURN), shear = spread(rng, SHEAR);
    double height = between(rng, 0.155, 0.215); /* pixels per unit of the skeleton, which is 100 high */
    double width = height * between(rng, 0.80, 1.30);
    double s = sin(angle), c = cos(angle);
    bend->a = c * width;
    bend->b = (-s - c * shear) * height;
    bend->c = s * width;
    bend->d = (c - s * shear) * height;
    bend->shift = spread2(rng, SHIFT);
    bend->shift.x += SIDE / 2.0;
    bend->shift.y += SIDE / 2.0;
    for (int k = 0; k < WAVES; k++) {
        bend->amplitude[k] = spread2(rng, WAVE_HEIGHT);
        bend->frequency[k] = between2(rng, -0.40, 0.40);
        bend->phase[k][0] = between(rng, 0.0, 6.28318530717958648);
        bend->phase[k][1] = between(rng, 0.0, 6.28318530717958648);
    }
}

/* From the skeleton's units to pixels. */
static struct point bend_point(const struct bend *bend, struct point p) {
    double       x = p.x - 30.0, y = p.y - 50.0;
    struct point q = {bend->a * x + bend->b * y + bend->shift.x, bend->c * x + bend->d * y + bend->shift.y};
    struct point r = q;
    for (int k = 0; k < WAVES; k++) {
        double angle = bend->frequency[k].x * q.x + bend->frequency[k].y * q.y;
        r.x += bend->amplitude[k].x * sin(angle + bend->phase[k][0]);
        r.y += bend->amplitude[k].y * sin(angle + bend->phase[k][1]);
    }
    return r;
}

/* A line from p to q of radius r, ink 0 to 1; overlapping ink takes the darker. Pixel centres lie at whole + 1/2. */
static void draw_line(struct canvas *canvas, struct point p, struct point q, double radius, double ink) {
    double reach = radius + 0.5;
    int    left = (int)floor(fmin(p.x, q.x) - reach), right = (int)ceil(fmax(p.x, q.x) + reach);
    int    top = (int)floor(fmin(p.y, q.y) - reach), bottom = (int)ceil(fmax(p.y, q.y) + reach);
    double dx = q.x - p.x, dy = q.y - p.y, length2 = dx * dx + dy * dy;
    if (left < 0) left = 0;
    if (top < 0) top = 0;
    if (right > SIDE) right = SIDE;
    if (bottom > SIDE) bottom = SIDE;
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) {
            double px = x + 0.5 - p.x, py = y + 0.5 - p.y;
            double t = length2 > 0.0 ? (px * dx + py * dy) / length2 : 0.0;
            t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
            double ex = px - t * dx, ey = py - t * dy;
            double cover = reach - sqrt(ex * ex + ey * ey);
            if (cover <= 0.0) continue;
            float  value = (float)(cover > 1.0 ? ink : cover * ink);
            float *grey = &canvas->grey[y * SIDE + x];
            if (value > *grey) *grey = value;
        }
    }
}

/* The Catmull-Rom spline through b and c with neighbours a and d, at t in [0,1]. */
static struct point spline(struct point a, struct point b, struct point c, struct point d, double t) {
    double t2 = t * t, t3 = t2 * t;
    double wa = -0.5 * t3 + t2 - 0.5 * t, wb = 1.5 * t3 - 2.5 * t2 + 1.0;
    double wc = -1.5 * t3 + 2.0 * t2 + 0.5 * t, wd = 0.5 * t3 - 0.5 * t2;
    return (struct point){wa * a.x + wb * b.x + wc * c.x + wd * d.x, wa * a.y + wb * b.y + wc * c.y + wd * d.y};
}

struct pen {
    double radius, drift, ink; /* the radius grows by drift over a stroke */
};

static void draw_stroke(struct canvas *canvas, const struct bend *bend, const struct ath__digit_stroke *stroke,
                        const struct point *at, struct pen pen) {
    int          steps = stroke->curved ? CURVE_STEPS : 3;
    int          lines = (stroke->points - 1) * steps;
    struct point last = bend_point(bend, at[0]);
    for (int i = 1; i <= lines; i++) {
        int          k = (i - 1) / steps;
        double       t = (double)(i - k * steps) / steps;
        struct point p;
        if (stroke->curved) {
            p = spline(at[k > 0 ? k - 1 : 0], at[k], at[k + 1], at[k + 2 < stroke->points ? k + 2 : k + 1], t);
        } else {
            p = (struct point){at[k].x + t * (at[k + 1].x - at[k].x), at[k].y + t * (at[k + 1].y - at[k].y)};
        }
        p = bend_point(bend, p);
        double radius = pen.radius + pen.drift * ((double)i / lines - 0.5);
        draw_line(canvas, last, p, radius < 0.45 ? 0.45 : radius, pen.ink);
        last = p;
    }
}

static void draw_digit(struct canvas *canvas, struct ath__rng *rng, int digit) {
    int first = 0, styles = 0;
    while (ath__digit_styles[first].digit != digit) first++;
    while (first + styles < ATH_DIGIT_STYLES && ath__digit_styles[first + styles].digit == digit) styles++;
    const struct ath__digit_style *style = &ath__digit_styles[first + (int)ath__rng_below(rng, (uint32_t)styles)];

    struct bend bend;
    struct pen  pen = {.radius = between(rng, 0.70, 1.75), .ink = 1.0};
    draw_bend(rng, &bend);
    /* Strokes that begin where another ended must go on doing so: the place of a point, not its number, names its draw.
     */
    struct point moved[ATH_STYLE_STROKES][ATH_STROKE_POINTS];
    for (int s = 0; s < ATH_STYLE_STROKES && style->strokes[s].points > 0; s++) {
        const struct ath__digit_stroke *stroke = &style->strokes[s];
        for (int i = 0; i < stroke->points; i++) {
            moved[s][i] = spread2(rng, WOBBLE);
            moved[s][i].x += stroke->at[i][0];
            moved[s][i].y += stroke->at[i][1];
        }
        for (int before = 0; before < s; before++) {
            const struct ath__digit_stroke *earlier = &style->strokes[before];
            for (int j = 0; j < earlier->points; j++) {
                for (int i = 0; i < stroke->points; i++) {
                    bool same = earlier->at[j][0] == stroke->at[i][0] && earlier->at[j][1] == stroke->at[i][1];
                    if (same) moved[s][i] = moved[before][j];
                }
            }
        }
        pen.drift = spread(rng, 0.30);
        draw_stroke(canvas, &bend, stroke, moved[s], pen);
    }
}

/* Drops, scratches, and the ends of neighbouring writing that reach in from the sides. */
static void draw_clutter(struct canvas *canvas, struct ath__rng *rng) {
    uint32_t drops = ath__rng_below(rng, 4);
    for (uint32_t i = 0; i < drops; i++) {
        struct point p = between2(rng, 0, SIDE);
        double       radius = between(rng, 0.1, 0.8), ink = between(rng, 0.3, 0.9);
        draw_line(canvas, p, p, radius, ink);
    }
    uint32_t scratches = ath__rng_below(rng, 3);
    for (uint32_t i = 0; i < scratches; i++) {
        struct point p = between2(rng, 0, SIDE), away = spread2(rng, 2.5);
        double       radius = between(rng, 0.1, 0.5), ink = between(rng, 0.3, 0.8);
        draw_line(canvas, p, (struct point){p.x + away.x, p.y + away.y}, radius, ink);
    }
    uint32_t neighbours = ath__rng_below(rng, 3);
    for (uint32_t i = 0; i < neighbours; i++) {
        bool         right = ath__rng_below(rng, 2) == 1;
        double       inset = between(rng, -1.0, 2.0), y = between(rng, 0, SIDE);
        double       lean = spread(rng, 1.0), reach = between(rng, 2.0, 9.0);
        double       radius = between(rng, 0.5, 1.4), ink = between(rng, 0.5, 1.0);
        struct point p = {right ? SIDE - inset : inset, y};
        draw_line(canvas, p, (struct point){p.x + lean, y + reach}, radius, ink);
    }
}

/* Contrast and noise, to bytes. Noise: the sum of four uniform draws is near enough to normal, and quick. */
static void develop(const struct canvas *canvas, struct ath__rng *rng, unsigned char *pixels) {
    double white = between(rng, 165.0, 255.0), black = between(rng, 0.0, 24.0), noise = between(rng, 2.0, 14.0);
    for (int i = 0; i < PIXELS; i++) {
        uint32_t word = ath__rng_u32(rng);
        double   sum = (double)((word & 255u) + (word >> 8 & 255u) + (word >> 16 & 255u) + (word >> 24));
        double   draw = (sum - 510.0) / 147.8; /* deviation of the sum: sqrt(4 (256^2 - 1) / 12) */
        double   value = black + (white - black) * (double)canvas->grey[i] + noise * draw;
        pixels[i] = (unsigned char)(value <= 0.0 ? 0.0 : value >= 255.0 ? 255.0 : value + 0.5);
    }
}

struct job {
    struct ath__image_store *store;
    uint64_t                 seed;
    uint32_t                 part;
};

static void make_block(int64_t task, void *context) {
    const struct job *job = context;
    int64_t           first = task * BLOCK;
    int64_t           end = first + BLOCK < job->store->count ? first + BLOCK : job->store->count;
    for (int64_t i = first; i < end; i++) {
        struct ath__rng rng;
        struct canvas   canvas;
        memset(&canvas, 0, sizeof canvas);
        ath__rng_start(&rng, job->seed, ATH_RNG_DIGITS, (uint32_t)i, job->part);
        int digit = (int)ath__rng_below(&rng, 10);
        draw_clutter(&canvas, &rng);
        draw_digit(&canvas, &rng, digit);
        develop(&canvas, &rng, job->store->pixels + i * PIXELS);
        job->store->labels[i] = digit;
    }
}

static ath_status open_digits(const void *values, const char *folder, ath_split part, struct ath__image_store *store,
                              ath_error *err) {
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    const struct options    *chosen = values;
    (void)folder;
    *store = (struct ath__image_store){
        .count = part == ATH_SPLIT_TRAIN ? chosen->n : chosen->n / 6,
        .channels = 1,
        .height = SIDE,
        .width = SIDE,
        .classes = 10,
        .class_names = names,
    };
    store->pixels = ath__alloc((size_t)store->count * PIXELS);
    store->labels = ATH_NEW_ARRAY(int32_t, store->count);
    if (!store->pixels || !store->labels) return ath__fail_memory(err, "digits");
    struct job job = {store, (uint64_t)chosen->seed, part == ATH_SPLIT_TRAIN ? 0 : 1};
    ath__parallel((store->count + BLOCK - 1) / BLOCK, make_block, &job);
    return ATH_OK;
}

const struct ath__dataset_kind ath__dataset_digits = {
    .name = "digits",
    .summary = "generated handwritten-looking digits, 12,000 + 2,000 grey images of 28x28; needs no files",
    .options = options,
    .options_size = sizeof(struct options),
    .open = open_digits,
};
