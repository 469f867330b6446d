/* How long OpenMP threads spin at a barrier before they sleep. */
#ifndef ATH_CLI_WAIT_POLICY_H
#define ATH_CLI_WAIT_POLICY_H

/* Starts the program again, with a short spin set, unless the environment already says how to wait. To be called before
 * any other work; returns if there is nothing to do or no way to do it. */
void wait_policy_apply(char **argv);

#endif
