/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists that are sorted by address, whose items begin with it: a uint64_t. */
#ifndef TCPWHY_BY_ADDRESS_H
#define TCPWHY_BY_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t address_at(const void *list, size_t size, size_t i)
{
	return *(const uint64_t *)((const char *)list + i * size);
}

/*
 * The last of n items of this size that begins at the address or before; of several at one address
 * the first. NULL: there is none.
 */
static inline const void *find_by_address(const void *list, size_t n, size_t size, uint64_t address)
{
	size_t from = 0, to = n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (address_at(list, size, middle) <= address)
			from = middle + 1;
		else
			to = middle;
	}
	if (!from)
		return NULL;
	from--;
	while (from && address_at(list, size, from - 1) == address_at(list, size, from))
		from--;
	return (const char *)list + from * size;
}

#endif
