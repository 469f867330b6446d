/* Changes of brightness and colour on 8-bit images, byte for byte as torchvision's functions on uint8 tensors. */
#ifndef ATH_DATA_AUGMENT_PIXEL_OPS_H
#define ATH_DATA_AUGMENT_PIXEL_OPS_H

#include <stddef.h>

/* Pixels (channels, height, width); 1 or 3 channels mean grey or red, green, blue. */
struct ath__pixels {
    unsigned char *data;
    int            channels, height, width;
};

/* Factors are from 0: 1 changes nothing. Of images that are not coloured (other than 3 channels), saturation, hue and
 * grey leave everything as it is. */
void ath__pixels_brightness(const struct ath__pixels *pixels, double factor);
void ath__pixels_contrast(const struct ath__pixels *pixels, double factor);
void ath__pixels_saturation(const struct ath__pixels *pixels, double factor);
void ath__pixels_hue(const struct ath__pixels *pixels, double shift); /* of the colour circle, -0.5 to 0.5 */
void ath__pixels_grey(const struct ath__pixels *pixels);

/* `blurred` has room for the image. Images with a side of 2 or less stay as they are. */
void ath__pixels_sharpness(const struct ath__pixels *pixels, double factor, unsigned char *blurred);

void ath__pixels_posterize(const struct ath__pixels *pixels, int bits);        /* 0 to 8 upper bits are kept */
void ath__pixels_solarize(const struct ath__pixels *pixels, double threshold); /* inverts values from there on */
void ath__pixels_invert(const struct ath__pixels *pixels);
void ath__pixels_autocontrast(const struct ath__pixels *pixels);
void ath__pixels_equalize(const struct ath__pixels *pixels);

#endif
