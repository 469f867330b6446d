/* CRC-32C (Castagnoli), and its masked form, with which the records of TensorBoard event files are checked. */
#ifndef ATH_BASE_CRC32C_H
#define ATH_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 at the start) over a range. */
uint32_t ath__crc32c(uint32_t crc, const void *data, size_t size);

/* Rotated right by 15 bits and moved by a constant: a checksum of data that itself holds checksums stays telling. */
uint32_t ath__crc32c_masked(const void *data, size_t size);

#endif
