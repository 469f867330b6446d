/* What Adam and AdamW share. */
#ifndef ATH_OPTIM_ADAM_H
#define ATH_OPTIM_ADAM_H

#include "optim/optimizer.h"

enum { ATH_ADAM_STEP, ATH_ADAM_ROOT, ATH_ADAM_BETA1, ATH_ADAM_FRESH1, ATH_ADAM_SCALARS };

int  ath__adam_slots(const struct ath__optim_settings *settings);
void ath__adam_scalars(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars);
/* Updates both moments with `grad`; what is to be subtracted from the parameters. */
ath_value ath__adam_move(ath_graph *graph, const struct ath__optim_settings *settings,
                         const struct ath__optim_step *step, ath_value grad);

#endif
