/* The colour map "inferno" of matplotlib (van der Walt and Smith 2015, dedicated to the public domain) from six of its
 * colours, straight lines between them.
 */
#include "report/heat_map.h"

#include <math.h>

uint32_t ath__heat_color(double value) {
    static const unsigned char stops[][3] = {{0x00, 0x00, 0x04}, {0x42, 0x0a, 0x68}, {0x93, 0x26, 0x67},
                                             {0xdd, 0x51, 0x3a}, {0xfc, 0xa5, 0x0a}, {0xfc, 0xff, 0xa4}};
    enum { PARTS = sizeof stops / sizeof stops[0] - 1 };
    double   at = (value > 0.0 ? fmin(value, 1.0) : 0.0) * PARTS;
    int      part = at < PARTS ? (int)at : PARTS - 1;
    double   share = at - part;
    uint32_t color = 0;
    for (int c = 0; c < 3; c++)
        color = color << 8 | (uint32_t)lround((1.0 - share) * stops[part][c] + share * stops[part + 1][c]);
    return color;
}
