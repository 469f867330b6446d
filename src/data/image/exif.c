/* The orientation in EXIF data: a TIFF block whose first folder has tag 0x0112, a 16-bit number (Exif 2.3, 4.6.4 A).
 *
 *     byte order "II" or "MM", 42, offset of the folder; there a count of entries of 12 bytes: tag, type, count, value
 *
 * All offsets are from the block's beginning and are checked against its end.
 */
#include "data/image/image_kind.h"

#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4, ENTRY = 12 };

static uint32_t number(const unsigned char *bytes, int count, bool big) {
    uint32_t value = 0;
    for (int i = 0; i < count; i++) value |= (uint32_t)bytes[i] << 8 * (big ? count - 1 - i : i);
    return value;
}

int ath__exif_orientation(const unsigned char *bytes, size_t size) {
    if (size >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0) {
        bytes += 6;
        size -= 6;
    }
    if (size < 8) return 1;
    bool big = bytes[0] == 'M';
    if (memcmp(bytes, big ? "MM" : "II", 2) != 0 || number(bytes + 2, 2, big) != 42) return 1;
    size_t folder = number(bytes + 4, 4, big);
    if (folder > size || size - folder < 2) return 1;
    size_t entries = number(bytes + folder, 2, big), most = (size - folder - 2) / ENTRY;
    if (entries > most) entries = most;
    for (const unsigned char *entry = bytes + folder + 2; entries > 0; entries--, entry += ENTRY) {
        if (number(entry, 2, big) != TAG_ORIENTATION) continue;
        uint32_t type = number(entry + 2, 2, big);
        uint32_t value = type == TYPE_SHORT  ? number(entry + 8, 2, big)
                         : type == TYPE_LONG ? number(entry + 8, 4, big)
                                             : 0;
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}
