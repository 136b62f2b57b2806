/* SPDX-License-Identifier: GPL-2.0-only */
/* Where on the screen `tcpwhy top` shows what. It draws on a canvas, of which a terminal is one
 * kind. */
#ifndef TCPWHY_TOP_LAYOUT_H
#define TCPWHY_TOP_LAYOUT_H

#include "top.h"
#include "verdict.h"

#define TOP_ROWS_MIN    20 /* of the canvas; a smaller one says so */
#define TOP_COLUMNS_MIN 72

enum style {
	STYLE_PLAIN,
	STYLE_HEAD,     /* of a list */
	STYLE_SELECTED, /* the death that Enter opens */
	STYLE_STRONG,   /* what must not be overlooked */
	STYLE_VERDICT,  /* STYLE_VERDICT + enum verdict_group: its name */
};

#define BAR_LEVELS 8 /* a bar is from 0, nothing, to 8, all of its cell */

struct canvas {
	int rows, columns;
	/* Writes printable ASCII there, from 0; it fits. */
	void (*text)(void *ctx, int row, int column, int style, const char *text);
	/* Draws one cell of a bar chart. */
	void (*bar)(void *ctx, int row, int column, int level);
	void *ctx;
};

/* Draws all of it. Of *t it changes the scroll, to what there is. */
void top_draw(struct top *t, const struct canvas *canvas);

#endif
