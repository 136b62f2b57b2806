/* SPDX-License-Identifier: GPL-2.0-only */
/* The terminal as a screen, by ncurses: the only file that knows it. There is one, that of stdin
 * and stdout. */
#ifndef TCPWHY_SCREEN_H
#define TCPWHY_SCREEN_H

#include <stdbool.h>

#include "top.h"

/* Takes the terminal, of which terminfo_check() has said that it can be drawn on. SIGWINCH must be
 * blocked: screen_draw() asks for the size itself. 0, or -1.
 */
int screen_open(bool colors);

/* Gives it back as it was; nothing if it was not taken. */
void screen_close(void);

void screen_draw(struct top *t);

/* The next key that was pressed: ASCII or enum top_key; -1: none waits. */
int screen_key(void);

#endif
