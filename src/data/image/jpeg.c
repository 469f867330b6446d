/* JPEG by libjpeg-turbo: baseline and progressive, grey, YCbCr, RGB, CMYK and YCCK.
 *
 * Settings are those that Pillow decodes with (accurate integer DCT, smooth upsampling of chroma), so the pixels are its
 * pixels. CMYK is taken as Adobe writes it, inverted, and turned to RGB as Pillow's convert("RGB") does:
 *
 *     R = max(0, K' - C K' / 255)   with K' = 255 - K, the product rounded; G and B likewise from M and Y
 *
 * Where a smaller image is enough, the DCT itself computes fewer pixels: n/8 of each side.
 *
 * A file that lacks nothing but its end marker is read; one that ends before its last block, or whose codes make no
 * sense, is broken. Two bounds keep a hostile file from costing more than its size explains: the memory of a progressive
 * image's coefficients, and the number of its scans.
 */
#include "data/image/image_kind.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/image/jpeg_library.h"

#include <setjmp.h>
#include <string.h>

enum { MOST_SCANS = 128, ROWS = 16, EXIF_MARKER = JPEG_APP0 + 1 };
#define MOST_COEFFICIENT_BYTES ((uint64_t)1 << 29)

struct reader {
    struct jpeg_decompress_struct   jpeg;
    struct jpeg_error_mgr           errors;
    struct jpeg_source_mgr          input;
    struct jpeg_progress_mgr        progress;
    jmp_buf                         leave;
    const struct ath__image_source *source;
    struct ath__image_sink         *sink;
    ath_error                      *err;
    ath_status                      status;
    bool                            ended; /* the data ran out, and an end marker was put behind it */
    unsigned char                  *rows;
};

/* ---- what libjpeg calls ------------------------------------------------------------------------------------------ */

static struct reader *reader_of(j_common_ptr jpeg) {
    return jpeg->client_data;
}

static _Noreturn void leave(struct reader *reader, ath_status status) {
    reader->status = status;
    longjmp(reader->leave, 1);
}

static _Noreturn void leave_broken(struct reader *reader, const char *reason) {
    leave(reader, ath__image_broken(reader->source, "JPEG", reason, reader->err));
}

static _Noreturn void on_error(j_common_ptr jpeg) {
    struct reader *reader = reader_of(jpeg);
    char           text[JMSG_LENGTH_MAX];
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY) leave(reader, ath__fail_memory(reader->err, reader->source->name));
    if (reader->ended) leave_broken(reader, "it ends too early (truncated)");
    jpeg->err->format_message(jpeg, text);
    leave_broken(reader, text);
}

/* Warnings that pixels were made up for are errors here; those about headers and stray bytes are not. */
static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    struct reader *reader = reader_of(jpeg);
    switch (jpeg->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        if (reader->ended) leave_broken(reader, "it ends too early (truncated)");
        leave_broken(reader, "its data is damaged");
    default: jpeg->err->num_warnings++;
    }
}

static void on_progress(j_common_ptr common) {
    struct reader *reader = reader_of(common);
    if (reader->jpeg.input_scan_number > MOST_SCANS) leave_broken(reader, "it has more scans than any encoder makes");
}

static void input_nothing(j_decompress_ptr jpeg) {
    (void)jpeg;
}

/* Behind the last byte: an end marker, once and again. */
static boolean input_fill(j_decompress_ptr jpeg) {
    static const JOCTET end[] = {0xff, JPEG_EOI};
    struct reader      *reader = reader_of((j_common_ptr)jpeg);
    reader->ended = true;
    jpeg->src->next_input_byte = end;
    jpeg->src->bytes_in_buffer = sizeof end;
    return TRUE;
}

static void input_skip(j_decompress_ptr jpeg, long count) {
    struct jpeg_source_mgr *input = jpeg->src;
    if (count <= 0) return;
    if ((size_t)count > input->bytes_in_buffer) {
        input_fill(jpeg);
        return;
    }
    input->next_input_byte += count;
    input->bytes_in_buffer -= (size_t)count;
}

/* ---- header ------------------------------------------------------------------------------------------------------ */

static void read_header(struct reader *reader) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg->client_data = reader;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &reader->progress;
    jpeg->src = &reader->input;
    jpeg->mem->max_memory_to_use = (long)(2 * MOST_COEFFICIENT_BYTES);
    reader->progress.progress_monitor = on_progress;
    reader->input = (struct jpeg_source_mgr){.next_input_byte = reader->source->bytes,
                                             .bytes_in_buffer = reader->source->size,
                                             .init_source = input_nothing,
                                             .fill_input_buffer = input_fill,
                                             .skip_input_data = input_skip,
                                             .resync_to_restart = jpeg_resync_to_restart,
                                             .term_source = input_nothing};
    jpeg_save_markers(jpeg, EXIF_MARKER, 0xFFFF);
    jpeg_read_header(jpeg, TRUE);
}

static int orientation_of(const struct jpeg_decompress_struct *jpeg) {
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker; marker = marker->next) {
        if (marker->data_length >= 6 && memcmp(marker->data, "Exif\0\0", 6) == 0)
            return ath__exif_orientation(marker->data, marker->data_length);
    }
    return 1;
}

/* ---- pixels ------------------------------------------------------------------------------------------------------ */

/* The smallest scale, in eighths of a side, that leaves as much as is wanted. */
static void choose_scale(struct reader *reader) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    uint64_t                       least_height = (uint64_t)reader->sink->hint.at_least_height;
    uint64_t                       least_width = (uint64_t)reader->sink->hint.at_least_width;
    unsigned                       eighths = 8;
    bool wanted = reader->sink->hint.at_least_height > 0 || reader->sink->hint.at_least_width > 0;
    for (unsigned n = 4; wanted && n >= 1; n /= 2) {
        uint64_t height = ((uint64_t)jpeg->image_height * n + 7) / 8, width = ((uint64_t)jpeg->image_width * n + 7) / 8;
        if (height < least_height || width < least_width) break;
        eighths = n;
    }
    jpeg->scale_num = eighths;
    jpeg->scale_denom = 8;
}

static void choose_colours(struct reader *reader) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE: jpeg->out_color_space = JCS_GRAYSCALE; break;
    case JCS_YCbCr: jpeg->out_color_space = reader->sink->wanted == 1 ? JCS_GRAYSCALE : JCS_RGB; break;
    case JCS_RGB: jpeg->out_color_space = JCS_RGB; break;
    case JCS_CMYK:
    case JCS_YCCK: jpeg->out_color_space = JCS_CMYK; break;
    default: leave_broken(reader, "its colours are of no known kind");
    }
}

/* Coefficients of an image of several scans are all kept until the last scan was read. */
static void check_cost(struct reader *reader) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    uint64_t                       blocks = 0;
    for (int c = 0; c < jpeg->num_components; c++)
        blocks += (uint64_t)jpeg->comp_info[c].width_in_blocks * jpeg->comp_info[c].height_in_blocks;
    bool several = jpeg->progressive_mode || jpeg->comps_in_scan < jpeg->num_components;
    if (several && blocks * sizeof(JBLOCK) > MOST_COEFFICIENT_BYTES) {
        leave(reader,
              ath__fail(reader->err, ATH_DATA, reader->source->name,
                        "a progressive JPEG of %u x %u pixels takes more memory than is allowed here: save it as a "
                        "baseline JPEG or make it smaller",
                        jpeg->image_width, jpeg->image_height));
    }
    /* A block takes a bit at the very least, of its first coefficient's code. */
    if (!jpeg->arith_code && reader->source->size < blocks / 8)
        leave_broken(reader, "it is too short for its size (truncated)");
}

static void row_from_cmyk(unsigned char *row, size_t width) {
    unsigned char *to = row;
    for (size_t x = 0; x < width; x++, row += 4, to += 3) {
        unsigned k = row[3]; /* as stored, inverted: 255 - K */
        for (int c = 0; c < 3; c++) {
            unsigned product = (255u - row[c]) * k + 128u;
            unsigned part = ((product >> 8) + product) >> 8;
            to[c] = (unsigned char)(k > part ? k - part : 0);
        }
    }
}

static void read_pixels(struct reader *reader) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    choose_scale(reader);
    choose_colours(reader);
    check_cost(reader);
    jpeg_calc_output_dimensions(jpeg);
    size_t     width = jpeg->output_width, used = width * (size_t)jpeg->out_color_components;
    size_t     stride = (used + 31) / 32 * 32;
    ath_status status = ath__image_begin(reader->sink, jpeg->output_height, jpeg->output_width,
                                         jpeg->num_components == 1 ? 1 : 3, reader->err);
    if (status != ATH_OK) leave(reader, status);
    reader->rows = ath__alloc(ROWS * stride + 1);
    if (!reader->rows) leave(reader, ath__fail_memory(reader->err, reader->source->name));
    JSAMPROW rows[ROWS];
    /* No row is aligned: libjpeg-turbo writes aligned ones past the caches, from where they would be read again. */
    for (size_t i = 0; i < ROWS; i++) rows[i] = reader->rows + i * stride + 1;
    enum ath__row_form form = jpeg->out_color_space == JCS_GRAYSCALE ? ATH_ROW_GREY : ATH_ROW_RGB;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        int      y = (int)jpeg->output_scanline;
        unsigned count = jpeg_read_scanlines(jpeg, rows, ROWS);
        for (unsigned i = 0; i < count; i++) {
            if (jpeg->out_color_space == JCS_CMYK) row_from_cmyk(rows[i], width);
            ath__image_row(reader->sink, y + (int)i, form, rows[i]);
        }
    }
    if (reader->ended && jpeg->progressive_mode) leave_broken(reader, "its last scans are missing (truncated)");
}

/* Runs `work` where libjpeg's errors come back to. */
static ath_status guarded(const struct ath__image_source *source, struct ath__image_info *info,
                          struct ath__image_sink *sink, ath_error *err) {
    ATH_TRY(ath__jpeg_library_load(err));
    struct reader *reader = ATH_NEW(struct reader);
    if (!reader) return ath__fail_memory(err, source->name);
    reader->source = source;
    reader->sink = sink;
    reader->err = err;
    reader->jpeg.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    if (setjmp(reader->leave) == 0) {
        read_header(reader);
        if (info) {
            info->channels = reader->jpeg.num_components == 1 ? 1 : 3;
            info->height = (int)reader->jpeg.image_height;
            info->width = (int)reader->jpeg.image_width;
            info->orientation = orientation_of(&reader->jpeg);
        }
        if (sink) read_pixels(reader);
    }
    ath_status status = reader->status;
    jpeg_destroy_decompress(&reader->jpeg);
    ath__free(reader->rows);
    ath__free(reader);
    return status;
}

static bool recognise(const unsigned char *bytes, size_t size) {
    return size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

static ath_status probe(const struct ath__image_source *source, struct ath__image_info *info, ath_error *err) {
    return guarded(source, info, NULL, err);
}

static ath_status decode(const struct ath__image_source *source, const struct ath__image_info *info,
                         struct ath__image_sink *sink, ath_error *err) {
    (void)info;
    return guarded(source, NULL, sink, err);
}

const struct ath__image_kind ath__image_jpeg = {
    .format = "JPEG", .recognise = recognise, .probe = probe, .decode = decode};
