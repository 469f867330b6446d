/* What is said about preprocessing and about data sets, in words and in names. */
#ifndef ATH_TRAIN_SETUP_PREPROCESS_H
#define ATH_TRAIN_SETUP_PREPROCESS_H

#include "athanor/data.h"
#include "athanor/train.h"
#include "data/loader.h"

/* The filter by its name, bilinear for any other; and its name. */
int         ath__filter_find(const char *name);
const char *ath__filter_name(int filter);
/* The rounding by its name, nearest for any other; and its name. */
enum ath__rounding ath__rounding_find(const char *name);
const char        *ath__rounding_name(enum ath__rounding rounding);

/* "resized so that the shorter side has 256 pixels (bilinear), then the middle 224x224". */
void ath__preprocess_text(const struct ath__preprocess *preprocess, char *text, size_t capacity);

/* A remark on validation images that were left out. */
void ath__setup_tell_skipped(const ath_hooks *hooks, const ath_dataset *dataset);
/* Remarks: what the data set says about itself; the size that photos are brought to where no key says it. */
void ath__setup_tell_data(const ath_hooks *hooks, const ath_dataset *dataset);
void ath__setup_tell_preprocess(const ath_config *config, const ath_hooks *hooks, const ath_dataset *dataset,
                                const struct ath__preprocess *preprocess);

#endif
