// SPDX-License-Identifier: GPL-2.0-only
#include "format.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"

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
