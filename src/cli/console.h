/* Messages for people: errors, remarks, the progress bar; all on stderr. */
#ifndef ATH_CLI_CONSOLE_H
#define ATH_CLI_CONSOLE_H

#include "athanor/train.h"

/* Finds out whether stderr is a terminal and colours are wanted (NO_COLOR, TERM=dumb). `quiet`: errors only. */
void console_open(bool quiet);
void console_close(void);

void console_error(const ath_error *err);
void console_note(const char *format, ...) ATH_PRINTF(1, 2);

/* Hooks that draw the bar on a terminal, and print one line an epoch elsewhere; the first Ctrl-C asks the run to stop.
 */
ath_hooks console_hooks(void);

/* Edit distance of two short words. */
size_t console_distance(const char *a, const char *b);

/* "46,764,746" into `text` (at least 32 bytes); returns it. */
const char *console_count(int64_t value, char *text);

/* Copies a text from outside, with "?" for control characters: a file's name may break lines or steer a terminal. Returns
 * the copy, cut to `capacity`. */
char *console_plain(const char *text, char *buffer, size_t capacity);
/* Prints a text, as console_plain, and blanks behind it up to `width` columns; characters of East Asian scripts take
 * two. */
void console_pad(const char *text, int width);

#endif
