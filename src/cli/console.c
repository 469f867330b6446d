/* The console: one place that knows about terminals.
 *
 *     epoch 3/20  ██████████░░░░░░  62%  loss 0.2134  top-1 93.41%  lr 0.6  71,204 img/s  wait 1%  left 0:42
 */
#include "cli/console.h"

#include "athanor/log.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static struct {
    bool   quiet, terminal, colour, bar_shown;
    double last_draw;
} console;

static volatile sig_atomic_t interrupts;

static void clear_bar(void) {
    if (!console.bar_shown) return;
    fputs("\r\033[K", stderr);
    console.bar_shown = false;
}

void console_close(void) {
    clear_bar();
    fflush(stderr);
}

static const char *paint(const char *code) {
    return console.colour ? code : "";
}

void console_error(const ath_error *err) {
    char where[sizeof err->where], message[sizeof err->message];
    clear_bar();
    fprintf(stderr, "%sathanor:%s %s%s%s\n", paint("\033[1;31m"), paint("\033[0m"),
            console_plain(err->where, where, sizeof where), *err->where ? ": " : "",
            console_plain(err->message, message, sizeof message));
}

void console_note(const char *format, ...) {
    if (console.quiet) return;
    clear_bar();
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void on_log(ath_log_level level, const char *message, void *context) {
    (void)context;
    if (level == ATH_LOG_WARNING) console_note("%s%s%s %s", paint("\033[1;33m"), "warning:", paint("\033[0m"), message);
}

void console_open(bool quiet) {
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    bool        dumb = term && strcmp(term, "dumb") == 0;
    console.quiet = quiet;
    console.terminal = isatty(STDERR_FILENO) && !dumb;
    console.colour = console.terminal && !(no_colour && *no_colour);
    ath_log_set(on_log, NULL);
}

const char *console_count(int64_t value, char *text) {
    char digits[24];
    int  length = snprintf(digits, sizeof digits, "%" PRId64, value), at = 0;
    for (int i = 0; i < length; i++) {
        text[at++] = digits[i];
        int left = length - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-') text[at++] = ',';
    }
    text[at] = '\0';
    return text;
}

size_t console_distance(const char *a, const char *b) {
    size_t row[64], n = strlen(b);
    if (n >= 63 || strlen(a) >= 63) return 64;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t drop = row[j] + 1, insert = row[j - 1] + 1;
            row[j] = change < drop ? change : drop;
            if (insert < row[j]) row[j] = insert;
        }
    }
    return row[n];
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static void duration_text(double seconds, char *text, size_t capacity) {
    if (seconds < 0.0) {
        snprintf(text, capacity, "?");
        return;
    }
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, capacity, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, capacity, "%ld:%02ld", whole / 60, whole % 60);
}

static void draw_bar(const ath_progress *p) {
    enum { WIDTH = 18 };
    char   bar[WIDTH * 3 + 1], left[32], speed[32], line[320];
    double share = p->batches > 0 ? (double)p->batch / (double)p->batches : 1.0;
    size_t at = 0;
    for (int i = 0; i < WIDTH; i++) {
        memcpy(bar + at, (double)i + 0.5 < share * WIDTH ? "\xe2\x96\x88" : "\xe2\x96\x91", 3);
        at += 3;
    }
    bar[at] = '\0';
    duration_text(p->seconds_left, left, sizeof left);
    const char *stage = p->activity == ATH_ACTIVITY_EVAL ? "validating" : "";
    int         shown = snprintf(line, sizeof line,
                                 "epoch %" PRId64 "/%" PRId64
                                 "  %s %3.0f%%  loss %.4f  top-1 %.2f%%  lr %.4g  %s img/s  wait %.0f%%  left %s %s",
                                 p->epoch, p->epochs, bar, 100.0 * share, p->loss, p->top1, p->lr,
                                 console_count((int64_t)p->images_per_second, speed), 100.0 * p->data_wait, left, stage);
    int         room = columns() + WIDTH * 2 - 1; /* the bar's characters take three bytes each */
    if (shown > room && room > 0 && room < (int)sizeof line) line[room] = '\0';
    fprintf(stderr, "\r\033[K%s", line);
    fflush(stderr);
    console.bar_shown = true;
}

static void on_progress(const ath_progress *progress, void *context) {
    (void)context;
    if (console.quiet || !console.terminal) return;
    double time = now();
    if (time - console.last_draw < 0.1 && progress->batch < progress->batches) return;
    console.last_draw = time;
    draw_bar(progress);
}

static void on_epoch(const ath_epoch *epoch, void *context) {
    char speed[32], average[48] = "";
    (void)context;
    if (epoch->ema_top1 > 0.0) snprintf(average, sizeof average, "  averaged %6.2f%%", epoch->ema_top1);
    console_note(
        "epoch %3" PRId64
        "  train loss %.4f  top-1 %6.2f%%  |  val loss %.4f  top-1 %s%6.2f%%%s%s  |  lr %.4g  %.1f s  %s img/s",
        epoch->epoch, epoch->train_loss, epoch->train_top1, epoch->val_loss, paint("\033[1m"), epoch->val_top1,
        paint("\033[0m"), average, epoch->lr, epoch->seconds, console_count((int64_t)epoch->images_per_second, speed));
}

static void on_remark(const ath_remark *remark, void *context) {
    (void)context;
    console_note("%s%s%s %s", paint(remark->warning ? "\033[1;33m" : "\033[36m"),
                 remark->warning ? "warning:" : "note:", paint("\033[0m"), remark->text);
}

static void on_signal(int number) {
    (void)number;
    if (++interrupts >= 2) _exit(130);
}

static int on_stop(void *context) {
    static bool told;
    (void)context;
    if (interrupts && !told) {
        told = true;
        console_note("stopping after this step; a checkpoint will be saved (Ctrl-C again: stop at once, without it)");
    }
    return interrupts != 0;
}

ath_hooks console_hooks(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return (ath_hooks){.progress = on_progress, .epoch = on_epoch, .remark = on_remark, .stop = on_stop};
}

/* Columns that a UTF-8 character takes; the bytes behind its first take none. */
static int columns_of(const unsigned char *at) {
    if ((*at & 0xC0) == 0x80) return 0;
    if (*at < 0xE0) return 1;
    unsigned long code =
        *at < 0xF0 && at[1] && at[2] ? (*at & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu) : 0x10000;
    bool narrow = code < 0x1100 || (code > 0x115F && code < 0x2E80) || (code > 0xD7A3 && code < 0xF900) ||
                  (code > 0xFAFF && code < 0xFE30) || (code > 0xFE6F && code < 0xFF00) ||
                  (code > 0xFF60 && code < 0xFFE0);
    return narrow ? 1 : 2;
}

char *console_plain(const char *text, char *buffer, size_t capacity) {
    size_t size = 0;
    for (; *text && size + 1 < capacity; text++)
        buffer[size++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
    buffer[size] = '\0';
    return buffer;
}

void console_pad(const char *text, int width) {
    for (const char *at = text; *at; at++) putchar((unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at);
    for (const char *at = text; *at; at++) width -= columns_of((const unsigned char *)at);
    for (; width > 0; width--) putchar(' ');
}
