/* How people write the ten digits: strokes of points, several styles for each. */
#ifndef ATH_DATA_DIGIT_STROKES_H
#define ATH_DATA_DIGIT_STROKES_H

enum { ATH_DIGIT_STYLES = 37, ATH_STYLE_STROKES = 3, ATH_STROKE_POINTS = 12 };

struct ath__digit_stroke {
    int         points; /* 0 ends the strokes of a style */
    int         curved; /* a smooth curve through the points; else straight lines */
    signed char at[ATH_STROKE_POINTS][2];
};

struct ath__digit_style {
    int                      digit;
    struct ath__digit_stroke strokes[ATH_STYLE_STROKES];
};

/* Ordered by digit. x from 0 (left) to 60, y from 0 (top) to 100. */
extern const struct ath__digit_style ath__digit_styles[ATH_DIGIT_STYLES];

#endif
