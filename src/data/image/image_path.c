/* Images by path. Probing maps the file, so that no more of it is read than the header takes. */
#include "data/image/image.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

ath_status ath__image_probe_file(const char *path, struct ath__image_info *info, ath_error *err) {
    struct ath__mapping mapping;
    *info = (struct ath__image_info){0};
    ATH_TRY(ath__file_map(path, &mapping, err));
    ath_status status = ath__image_probe(mapping.data, mapping.size, path, info, err);
    ath__file_unmap(&mapping);
    return status;
}

ath_status ath__image_decode_file(const char *path, int channels, const struct ath__decode_hint *hint,
                                  struct ath__image *image, ath_error *err) {
    char  *bytes = NULL;
    size_t size = 0;
    *image = (struct ath__image){0};
    ATH_TRY(ath__file_read_plain(path, ATH_IMAGE_MOST_BYTES, &bytes, &size, err));
    ath_status status = ath__image_decode(bytes, size, path, channels, hint, image, err);
    ath__free(bytes);
    return status;
}
