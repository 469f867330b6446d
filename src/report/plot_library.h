/* cairo and Pango, loaded when the first figure is drawn: their functions under their own names, through a table. */
#ifndef ATH_REPORT_PLOT_LIBRARY_H
#define ATH_REPORT_PLOT_LIBRARY_H

#include "athanor/status.h"

#include <cairo-svg.h>
#include <pango/pangocairo.h>

#define ATH_PLOT_FUNCTIONS(X)                                                                                          \
    X(cairo_arc)                                                                                                       \
    X(cairo_clip)                                                                                                      \
    X(cairo_create)                                                                                                    \
    X(cairo_destroy)                                                                                                   \
    X(cairo_fill)                                                                                                      \
    X(cairo_font_options_create)                                                                                       \
    X(cairo_font_options_destroy)                                                                                      \
    X(cairo_font_options_set_antialias)                                                                                \
    X(cairo_font_options_set_hint_metrics)                                                                             \
    X(cairo_font_options_set_hint_style)                                                                               \
    X(cairo_get_source)                                                                                                \
    X(cairo_image_surface_create)                                                                                      \
    X(cairo_image_surface_get_data)                                                                                    \
    X(cairo_image_surface_get_format)                                                                                  \
    X(cairo_image_surface_get_height)                                                                                  \
    X(cairo_image_surface_get_stride)                                                                                  \
    X(cairo_image_surface_get_width)                                                                                   \
    X(cairo_line_to)                                                                                                   \
    X(cairo_move_to)                                                                                                   \
    X(cairo_new_sub_path)                                                                                              \
    X(cairo_paint)                                                                                                     \
    X(cairo_pattern_set_filter)                                                                                        \
    X(cairo_recording_surface_create)                                                                                  \
    X(cairo_rectangle)                                                                                                 \
    X(cairo_restore)                                                                                                   \
    X(cairo_rotate)                                                                                                    \
    X(cairo_save)                                                                                                      \
    X(cairo_scale)                                                                                                     \
    X(cairo_set_dash)                                                                                                  \
    X(cairo_set_line_join)                                                                                             \
    X(cairo_set_line_width)                                                                                            \
    X(cairo_set_source_rgb)                                                                                            \
    X(cairo_set_source_rgba)                                                                                           \
    X(cairo_set_source_surface)                                                                                        \
    X(cairo_status)                                                                                                    \
    X(cairo_status_to_string)                                                                                          \
    X(cairo_stroke)                                                                                                    \
    X(cairo_surface_destroy)                                                                                           \
    X(cairo_surface_finish)                                                                                            \
    X(cairo_surface_flush)                                                                                             \
    X(cairo_surface_mark_dirty)                                                                                        \
    X(cairo_surface_set_device_scale)                                                                                  \
    X(cairo_surface_status)                                                                                            \
    X(cairo_svg_surface_create_for_stream)                                                                             \
    X(cairo_svg_surface_set_document_unit)                                                                             \
    X(cairo_translate)                                                                                                 \
    X(g_object_unref)                                                                                                  \
    X(pango_cairo_context_set_font_options)                                                                            \
    X(pango_cairo_create_layout)                                                                                       \
    X(pango_cairo_show_layout)                                                                                         \
    X(pango_font_description_free)                                                                                     \
    X(pango_font_description_new)                                                                                      \
    X(pango_font_description_set_absolute_size)                                                                        \
    X(pango_font_description_set_family_static)                                                                        \
    X(pango_font_description_set_weight)                                                                               \
    X(pango_layout_context_changed)                                                                                    \
    X(pango_layout_get_context)                                                                                        \
    X(pango_layout_get_pixel_size)                                                                                     \
    X(pango_layout_set_ellipsize)                                                                                      \
    X(pango_layout_set_font_description)                                                                               \
    X(pango_layout_set_single_paragraph_mode)                                                                          \
    X(pango_layout_set_text)                                                                                           \
    X(pango_layout_set_width)

struct ath__plot_library {
#define ATH_LAZY_FIELD_(name) __typeof__(name) *name;
    ATH_PLOT_FUNCTIONS(ATH_LAZY_FIELD_)
#undef ATH_LAZY_FIELD_
};

extern struct ath__plot_library ath__plot_library;

/* To be called, successfully, before any of the functions. */
ath_status ath__plot_library_load(ath_error *err);

#define cairo_arc ath__plot_library.cairo_arc
#define cairo_clip ath__plot_library.cairo_clip
#define cairo_create ath__plot_library.cairo_create
#define cairo_destroy ath__plot_library.cairo_destroy
#define cairo_fill ath__plot_library.cairo_fill
#define cairo_font_options_create ath__plot_library.cairo_font_options_create
#define cairo_font_options_destroy ath__plot_library.cairo_font_options_destroy
#define cairo_font_options_set_antialias ath__plot_library.cairo_font_options_set_antialias
#define cairo_font_options_set_hint_metrics ath__plot_library.cairo_font_options_set_hint_metrics
#define cairo_font_options_set_hint_style ath__plot_library.cairo_font_options_set_hint_style
#define cairo_get_source ath__plot_library.cairo_get_source
#define cairo_image_surface_create ath__plot_library.cairo_image_surface_create
#define cairo_image_surface_get_data ath__plot_library.cairo_image_surface_get_data
#define cairo_image_surface_get_format ath__plot_library.cairo_image_surface_get_format
#define cairo_image_surface_get_height ath__plot_library.cairo_image_surface_get_height
#define cairo_image_surface_get_stride ath__plot_library.cairo_image_surface_get_stride
#define cairo_image_surface_get_width ath__plot_library.cairo_image_surface_get_width
#define cairo_line_to ath__plot_library.cairo_line_to
#define cairo_move_to ath__plot_library.cairo_move_to
#define cairo_new_sub_path ath__plot_library.cairo_new_sub_path
#define cairo_paint ath__plot_library.cairo_paint
#define cairo_pattern_set_filter ath__plot_library.cairo_pattern_set_filter
#define cairo_recording_surface_create ath__plot_library.cairo_recording_surface_create
#define cairo_rectangle ath__plot_library.cairo_rectangle
#define cairo_restore ath__plot_library.cairo_restore
#define cairo_rotate ath__plot_library.cairo_rotate
#define cairo_save ath__plot_library.cairo_save
#define cairo_scale ath__plot_library.cairo_scale
#define cairo_set_dash ath__plot_library.cairo_set_dash
#define cairo_set_line_join ath__plot_library.cairo_set_line_join
#define cairo_set_line_width ath__plot_library.cairo_set_line_width
#define cairo_set_source_rgb ath__plot_library.cairo_set_source_rgb
#define cairo_set_source_rgba ath__plot_library.cairo_set_source_rgba
#define cairo_set_source_surface ath__plot_library.cairo_set_source_surface
#define cairo_status ath__plot_library.cairo_status
#define cairo_status_to_string ath__plot_library.cairo_status_to_string
#define cairo_stroke ath__plot_library.cairo_stroke
#define cairo_surface_destroy ath__plot_library.cairo_surface_destroy
#define cairo_surface_finish ath__plot_library.cairo_surface_finish
#define cairo_surface_flush ath__plot_library.cairo_surface_flush
#define cairo_surface_mark_dirty ath__plot_library.cairo_surface_mark_dirty
#define cairo_surface_set_device_scale ath__plot_library.cairo_surface_set_device_scale
#define cairo_surface_status ath__plot_library.cairo_surface_status
#define cairo_svg_surface_create_for_stream ath__plot_library.cairo_svg_surface_create_for_stream
#define cairo_svg_surface_set_document_unit ath__plot_library.cairo_svg_surface_set_document_unit
#define cairo_translate ath__plot_library.cairo_translate
#define g_object_unref ath__plot_library.g_object_unref
#define pango_cairo_context_set_font_options ath__plot_library.pango_cairo_context_set_font_options
#define pango_cairo_create_layout ath__plot_library.pango_cairo_create_layout
#define pango_cairo_show_layout ath__plot_library.pango_cairo_show_layout
#define pango_font_description_free ath__plot_library.pango_font_description_free
#define pango_font_description_new ath__plot_library.pango_font_description_new
#define pango_font_description_set_absolute_size ath__plot_library.pango_font_description_set_absolute_size
#define pango_font_description_set_family_static ath__plot_library.pango_font_description_set_family_static
#define pango_font_description_set_weight ath__plot_library.pango_font_description_set_weight
#define pango_layout_context_changed ath__plot_library.pango_layout_context_changed
#define pango_layout_get_context ath__plot_library.pango_layout_get_context
#define pango_layout_get_pixel_size ath__plot_library.pango_layout_get_pixel_size
#define pango_layout_set_ellipsize ath__plot_library.pango_layout_set_ellipsize
#define pango_layout_set_font_description ath__plot_library.pango_layout_set_font_description
#define pango_layout_set_single_paragraph_mode ath__plot_library.pango_layout_set_single_paragraph_mode
#define pango_layout_set_text ath__plot_library.pango_layout_set_text
#define pango_layout_set_width ath__plot_library.pango_layout_set_width

#endif
