/* The functions that written programs are made of: C99 text, emitted where a network needs them. */
#ifndef ATH_FORMAT_C99_RUNTIME_H
#define ATH_FORMAT_C99_RUNTIME_H

enum ath__c99_part {
    ATH_C99_ACTIVATE,
    ATH_C99_CONV,
    ATH_C99_DEPTHWISE,
    ATH_C99_POOL,
    ATH_C99_ADAPTIVE_POOL,
    ATH_C99_COPY,
    ATH_C99_FILL,
    ATH_C99_BINARY,
    ATH_C99_UNARY,
    ATH_C99_REDUCE,
    ATH_C99_SOFTMAX,
    ATH_C99_PARTS,
};

/* In the order of the enumeration, in which they may call those before. */
extern const char *const ath__c99_parts[ATH_C99_PARTS];

/* Filters that the convolution computes together: its weights come in blocks of so many. */
enum { ATH_C99_BLOCK = 16 };

#endif
