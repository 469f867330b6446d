/* CRC-32C, polynomial 0x1EDC6F41 (RFC 3720 appendix B.4), bits reflected, four at a time from a table of 16 entries.
 *
 * Role: event files hold a few kilobytes per epoch; a small table is fast enough and fits the first cache lines.
 */
#include "base/crc32c.h"

/* table[i] = i shifted through the reflected polynomial 0x82F63B78, four bits. */
static const uint32_t table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t ath__crc32c(uint32_t crc, const void *data, size_t size) {
    const unsigned char *bytes = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

uint32_t ath__crc32c_masked(const void *data, size_t size) {
    uint32_t crc = ath__crc32c(0, data, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}
