/* The learning-rate schedules, one row each. */
ATH_SCHEDULE(constant)
ATH_SCHEDULE(step)
ATH_SCHEDULE(cosine)
