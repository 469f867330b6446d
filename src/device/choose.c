/* The implementation search.
 *
 * A row may rewrite the layouts of the wish before it accepts or refuses, so what the caller wished is saved and put
 * back after each refusal. Nodes with very many operands (a flat pack of all gradients) save on the heap; where no
 * memory can be had, rows that want to choose layouts are passed over, which costs speed and not correctness.
 */
#include "device/choose.h"

#include "base/mem.h"

#include <string.h>

enum { SAVED_ON_STACK = 24 };

bool ath__impl_serves(const struct ath__impl *impl, const char *op) {
    return strcmp(impl->op, op) == 0 || strcmp(impl->op, "*") == 0;
}

static void save(struct ath__layout *saved, const struct ath__layout_wish *wish) {
    for (int i = 0; i < wish->ins; i++) saved[i] = wish->in[i].layout;
    for (int i = 0; i < wish->outs; i++) saved[wish->ins + i] = wish->out[i].layout;
}

static void restore(const struct ath__layout *saved, struct ath__layout_wish *wish) {
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = saved[i];
    for (int i = 0; i < wish->outs; i++) wish->out[i].layout = saved[wish->ins + i];
}

const char *ath__impl_ask(const struct ath__impl *impl, struct ath__layout_wish *wish, ath__ref_fn ref) {
    struct ath__layout  on_stack[SAVED_ON_STACK];
    struct ath__layout *saved = on_stack;
    int                 operands = wish->ins + wish->outs;
    if (impl->layouts != NULL) {
        if (operands > SAVED_ON_STACK) saved = ATH_NEW_ARRAY(struct ath__layout, operands);
        if (saved == NULL) return "no memory left to choose layouts";
        save(saved, wish);
        impl->layouts(wish);
    }
    const char *reason = NULL;
    if (impl->refuse != NULL) {
        struct ath__problem problem = {.op = wish->op,
                                       .attrs = wish->attrs,
                                       .ins = wish->ins,
                                       .outs = wish->outs,
                                       .in = wish->in,
                                       .out = wish->out,
                                       .ref = ref};
        reason = impl->refuse(&problem);
    }
    if (reason != NULL && impl->layouts != NULL) restore(saved, wish);
    if (saved != on_stack) ath__free(saved);
    return reason;
}

const struct ath__impl *ath__impl_choose(const struct ath__device *device, struct ath__layout_wish *wish,
                                         ath__ref_fn ref, const char *only, struct ath__str *refusals) {
    for (const struct ath__impl *const *row = device->impls; *row != NULL; row++) {
        const struct ath__impl *impl = *row;
        if (!ath__impl_serves(impl, wish->op)) continue;
        if (only != NULL && strcmp(impl->name, only) != 0) continue;
        const char *reason = ath__impl_ask(impl, wish, ref);
        if (reason == NULL) return impl;
        if (refusals != NULL) ath__str_printf(refusals, "%s: %s; ", impl->name, reason);
    }
    return NULL;
}
