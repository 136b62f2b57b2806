// SPDX-License-Identifier: GPL-2.0-only
#include "format.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"

static struct time_settings times;
static uint64_t start;

void format_set_times(const struct time_settings *settings, uint64_t start_at)
{
	times = *settings;
	start = start_at;
}

/* What was on its way when the watch began was before it. */
static double since_start(uint64_t when)
{
	return ((double)when - (double)start) / 1e9;
}

static void format_time_of_day(char out[TIME_SIZE], uint64_t wall)
{
	time_t seconds = wall / 1000000000;
	struct tm tm;

	if (times.utc)
		gmtime_r(&seconds, &tm);
	else
		localtime_r(&seconds, &tm);
	strftime(out, TIME_SIZE, "%H:%M:%S", &tm);
}

void format_seconds(char out[TIME_SIZE], uint64_t when)
{
	if (times.style == TIME_SINCE_START)
		snprintf(out, TIME_SIZE, "%.3f", since_start(when));
	else
		format_time_of_day(out, wall_ns(when));
}

void format_wall(char out[TIME_SIZE], uint64_t wall)
{
	size_t n;

	format_time_of_day(out, wall);
	n = strlen(out);
	snprintf(out + n, TIME_SIZE - n, ".%03u", (unsigned int)(wall / 1000000 % 1000));
}

void format_time(char out[TIME_SIZE], uint64_t when)
{
	if (times.style == TIME_SINCE_START)
		snprintf(out, TIME_SIZE, "%.6f", since_start(when));
	else
		format_wall(out, wall_ns(when));
}

void format_rfc3339(char out[RFC3339_SIZE], uint64_t when)
{
	uint64_t wall = wall_ns(when);
	time_t seconds = wall / 1000000000;
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, RFC3339_SIZE - n, ".%09uZ", (unsigned int)(wall % 1000000000));
}

void format_duration(char out[DURATION_SIZE], uint32_t ms)
{
	if (ms < 1000)
		snprintf(out, DURATION_SIZE, "%u ms", ms);
	else if (ms < 10000)
		snprintf(out, DURATION_SIZE, "%u.%02u s", ms / 1000, ms % 1000 / 10);
	else
		snprintf(out, DURATION_SIZE, "%u s", ms / 1000);
}

static bool is_v4_mapped(const uint8_t *address)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, prefix, sizeof(prefix));
}

void format_address(char out[ADDRESS_SIZE], const struct tuple *t, const uint8_t *address)
{
	bool mapped = t->family == AF_INET6 && is_v4_mapped(address);

	if (!inet_ntop(mapped ? AF_INET : t->family, address + (mapped ? 12 : 0), out,
		       ADDRESS_SIZE))
		snprintf(out, ADDRESS_SIZE, "?");
}

static void format_endpoint(char out[ENDPOINT_SIZE], const struct tuple *t, const uint8_t *address,
			    uint16_t port)
{
	char text[ADDRESS_SIZE];

	format_address(text, t, address);
	snprintf(out, ENDPOINT_SIZE, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
}

void format_local(char out[ENDPOINT_SIZE], const struct tuple *t)
{
	format_endpoint(out, t, t->laddr, t->lport);
}

void format_remote(char out[ENDPOINT_SIZE], const struct tuple *t)
{
	if (t->rport)
		format_endpoint(out, t, t->raddr, t->rport);
	else
		snprintf(out, ENDPOINT_SIZE, "*");
}

void format_process(char out[PROCESS_SIZE], const struct owner *owner)
{
	char comm[ESCAPED_SIZE(TASK_NAME_LEN)];

	if (!owner->pid) {
		snprintf(out, PROCESS_SIZE, "-");
		return;
	}
	escape_text(comm, sizeof(comm), owner->comm, sizeof(owner->comm));
	snprintf(out, PROCESS_SIZE, "%s[%u]", comm, owner->pid);
}
