/* Colours for quantities, dark to bright, that are told apart in grey and by people with any colour vision. */
#ifndef ATH_REPORT_HEAT_MAP_H
#define ATH_REPORT_HEAT_MAP_H

#include <stdint.h>

/* 0xRRGGBB of a value from 0 to 1: black, violet, red, orange, pale yellow; values outside are cut off. */
uint32_t ath__heat_color(double value);

#endif
