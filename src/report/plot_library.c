/* Loading cairo and Pango: Pango's binding to cairo brings everything that figures are drawn with. */
#include "report/plot_library.h"

#include "base/lazy.h"

ATH_LAZY_LIBRARY(plot, ATH_PLOT_FUNCTIONS, "figures need cairo and Pango", "libpangocairo-1.0.so.0",
                 "libpangocairo-1.0.so")
