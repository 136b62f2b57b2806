// SPDX-License-Identifier: GPL-2.0-only
#include "source.h"

#include "clock.h"

#define WAIT_MAX_MS 60000

static int live_fd(const struct source *s)
{
	return capture_fd(s->capture);
}

static int live_wait_ms(struct source *s, uint64_t due)
{
	uint64_t now = monotonic_ns(), ms;

	(void)s;
	if (due <= now)
		return 0;
	ms = (due - now + 999999) / 1000000;
	return ms < WAIT_MAX_MS ? (int)ms : WAIT_MAX_MS;
}

static int live_drain(struct source *s)
{
	return capture_drain(s->capture);
}

static int live_look_at_listeners(struct source *s, bool last)
{
	return capture_look_at_listeners(s->capture, last);
}

static bool live_queue_filled(const struct source *s)
{
	return capture_queue_filled(s->capture);
}

static void live_find_holders(struct source *s, struct wanted *wanted, size_t n)
{
	capture_find_holders(s->capture, wanted, n);
}

static int live_read_counts(const struct source *s, struct capture_counts *counts)
{
	return capture_read_counts(s->capture, counts);
}

static int live_read_thinned(const struct source *s, uint64_t thinned[VERDICTS_MAX])
{
	return capture_read_thinned(s->capture, thinned);
}

static bool live_has_ended(const struct source *s)
{
	(void)s;
	return false;
}

static void live_close(struct source *s)
{
	capture_close(s->capture);
}

const struct source_ops live_source = {
	.fd = live_fd,
	.wait_ms = live_wait_ms,
	.drain = live_drain,
	.look_at_listeners = live_look_at_listeners,
	.queue_filled = live_queue_filled,
	.find_holders = live_find_holders,
	.read_counts = live_read_counts,
	.read_thinned = live_read_thinned,
	.has_ended = live_has_ended,
	.close = live_close,
};

int source_open_live(struct source *s, const struct capture_settings *settings,
		     const struct capture_sink *sink, struct failure *why)
{
	s->ops = &live_source;
	s->capture = capture_open(settings, sink, why);
	return s->capture ? 0 : -1;
}
