// SPDX-License-Identifier: GPL-2.0-only
/*
 * As much of HTTP/1.1 (RFC 9112) as it takes to answer GET /metrics: a request is read to its end
 * and answered, then our end is closed, and what may still come is read until the other end closes
 * too; an RST could take the answer back. Of a request the first line is looked at, and nothing
 * else.
 */
#include "exporter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "metrics.h"
#include "number.h"

#define CONNECTIONS  32
#define BACKLOG      128
#define REQUEST_SIZE 8192                /* bytes, its headers too */
#define DRAIN_SIZE   65536               /* bytes that may follow it */
#define LIFE         (5 * 1000000000ULL) /* ns, of a connection */
#define REST_MS      100 /* after accept() has failed, so as not to ask again and again */
#define STACK_SIZE   (128 * 1024)

/* An answer, from "HTTP/1.1" on. */
struct page {
	unsigned int users; /* connections that are being sent it, and the exporter */
	size_t len;
	char bytes[];
};

enum stage {
	STAGE_REQUEST,
	STAGE_ANSWER,
	STAGE_DRAIN,
};

struct connection {
	int fd; /* -1: there is none */
	enum stage stage;
	uint64_t ends;     /* at the latest */
	size_t done;       /* bytes, of the stage */
	struct page *page; /* STAGE_ANSWER */
	char request[REQUEST_SIZE];
};

struct exporter {
	int listener;
	int stop; /* becomes readable when the thread is to end */
	bool started;
	pthread_t thread;
	pthread_mutex_t
		lock; /* of the pages' users and of what is served; held for some instructions */
	struct page *metrics, *not_found;
	struct connection connections[CONNECTIONS]; /* the thread's own */
};

/* ---- addresses --------------------------------------------------------------------------- */

static bool parse_ipv4(struct listen_address *at, const char *host, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&at->address;

	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	at->size = sizeof(*in);
	return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

static bool parse_ipv6(struct listen_address *at, const char *host, uint16_t port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&at->address;
	char inside[INET6_ADDRSTRLEN];
	size_t len = strlen(host);

	if (len < 2 || len - 2 >= sizeof(inside) || host[0] != '[' || host[len - 1] != ']')
		return false;
	snprintf(inside, sizeof(inside), "%.*s", (int)len - 2, host + 1);
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
	at->size = sizeof(*in6);
	return inet_pton(AF_INET6, inside, &in6->sin6_addr) == 1;
}

int listen_address_parse(struct listen_address *at, const char *text, struct failure *why)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2] = "127.0.0.1";
	uint64_t port;

	if (colon)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (!parse_whole(&port, colon ? colon + 1 : text, 1, UINT16_MAX) &&
	    (parse_ipv4(at, host, port) || parse_ipv6(at, host, port))) {
		snprintf(at->text, sizeof(at->text), "%s:%u", host, (unsigned int)port);
		return 0;
	}
	return failed(
		why, EXIT_USAGE,
		"bad address '%.64s': give PORT, ADDRESS:PORT or [ADDRESS]:PORT, for instance "
		"9436 or 10.0.0.5:9436",
		text);
}

/* ---- pages ------------------------------------------------------------------------------- */

/* NULL: out of memory. */
static struct page *new_page(const char *status, const char *type, const char *text, size_t len)
{
	const char *const format = "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
				   "Connection: close\r\n\r\n";
	int head = snprintf(NULL, 0, format, status, type, len);
	struct page *page = malloc(sizeof(*page) + head + 1 + len);

	if (!page)
		return NULL;
	page->users = 1;
	page->len = head + len;
	sprintf(page->bytes, format, status, type, len);
	memcpy(page->bytes + head, text, len);
	return page;
}

static struct page *use_page(struct exporter *e, struct page *page)
{
	pthread_mutex_lock(&e->lock);
	page->users++;
	pthread_mutex_unlock(&e->lock);
	return page;
}

/* The one that is published at this moment. */
static struct page *use_metrics(struct exporter *e)
{
	struct page *page;

	pthread_mutex_lock(&e->lock);
	page = e->metrics;
	page->users++;
	pthread_mutex_unlock(&e->lock);
	return page;
}

static void drop_page(struct exporter *e, struct page *page)
{
	bool last;

	if (!page)
		return;
	pthread_mutex_lock(&e->lock);
	last = !--page->users;
	pthread_mutex_unlock(&e->lock);
	if (last)
		free(page);
}

void exporter_publish(struct exporter *e, const char *text, size_t len)
{
	struct page *page = new_page("200 OK", METRICS_CONTENT_TYPE, text, len), *old;

	if (!page)
		return; /* the old one will do for another second */
	pthread_mutex_lock(&e->lock);
	old = e->metrics;
	e->metrics = page;
	pthread_mutex_unlock(&e->lock);
	drop_page(e, old);
}

/* ---- connections ------------------------------------------------------------------------- */

static void end_connection(struct exporter *e, struct connection *c)
{
	close(c->fd);
	c->fd = -1;
	drop_page(e, c->page);
	c->page = NULL;
}

/* Is it nothing but to come back later? */
static bool would_block(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void drain(struct exporter *e, struct connection *c)
{
	ssize_t n = recv(c->fd, c->request, sizeof(c->request), 0);

	if (would_block(n))
		return;
	c->done += n > 0 ? n : 0;
	if (n <= 0 || c->done > DRAIN_SIZE)
		end_connection(e, c);
}

static void send_answer(struct exporter *e, struct connection *c)
{
	ssize_t n = send(c->fd, c->page->bytes + c->done, c->page->len - c->done, MSG_NOSIGNAL);

	if (would_block(n))
		return;
	if (n < 0) {
		end_connection(e, c);
		return;
	}
	c->done += n;
	if (c->done < c->page->len)
		return;
	shutdown(c->fd, SHUT_WR);
	c->stage = STAGE_DRAIN;
	c->done = 0;
}

static bool begins(const struct connection *c, const char *text)
{
	return c->done >= strlen(text) && !memcmp(c->request, text, strlen(text));
}

static void answer(struct exporter *e, struct connection *c)
{
	if (begins(c, "GET /metrics ") || begins(c, "GET /metrics?"))
		c->page = use_metrics(e);
	else
		c->page = use_page(e, e->not_found);
	c->stage = STAGE_ANSWER;
	c->done = 0;
	send_answer(e, c);
}

/* A request ends with an empty line; one that does not fit is cut off. */
static void read_request(struct exporter *e, struct connection *c)
{
	ssize_t n = recv(c->fd, c->request + c->done, sizeof(c->request) - c->done, 0);

	if (would_block(n))
		return;
	if (n <= 0) {
		end_connection(e, c);
		return;
	}
	c->done += n;
	if (memmem(c->request, c->done, "\r\n\r\n", 4))
		answer(e, c);
	else if (c->done == sizeof(c->request))
		end_connection(e, c);
}

static void go_on(struct exporter *e, struct connection *c)
{
	switch (c->stage) {
	case STAGE_REQUEST:
		read_request(e, c);
		break;
	case STAGE_ANSWER:
		send_answer(e, c);
		break;
	case STAGE_DRAIN:
		drain(e, c);
		break;
	}
}

static struct connection *free_connection(struct exporter *e)
{
	for (int i = 0; i < CONNECTIONS; i++)
		if (e->connections[i].fd < 0)
			return &e->connections[i];
	return NULL;
}

/* Only called if there is a free one. */
static void accept_one(struct exporter *e)
{
	struct connection *c = free_connection(e);

	c->fd = accept4(e->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	c->stage = STAGE_REQUEST;
	c->ends = monotonic_ns() + LIFE;
	c->done = 0;
	if (c->fd < 0 && errno != EAGAIN && errno != ECONNABORTED)
		poll(NULL, 0, REST_MS);
}

/* ---- the thread -------------------------------------------------------------------------- */

/* Ends those whose time is over. Returns when it is over for the next one, in ms; -1: for none. */
static int end_old_connections(struct exporter *e)
{
	uint64_t now = monotonic_ns(), next = UINT64_MAX;

	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &e->connections[i];

		if (c->fd >= 0 && c->ends <= now)
			end_connection(e, c);
		if (c->fd >= 0 && c->ends < next)
			next = c->ends;
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / 1000000) + 1;
}

/* poll() passes over what is negative. */
static void list_fds(struct exporter *e, struct pollfd fds[CONNECTIONS + 2])
{
	for (int i = 0; i < CONNECTIONS; i++) {
		const struct connection *c = &e->connections[i];
		short events = c->stage == STAGE_ANSWER ? POLLOUT : POLLIN;

		fds[i] = (struct pollfd){ .fd = c->fd, .events = events };
	}
	fds[CONNECTIONS] =
		(struct pollfd){ .fd = free_connection(e) ? e->listener : -1, .events = POLLIN };
	fds[CONNECTIONS + 1] = (struct pollfd){ .fd = e->stop, .events = POLLIN };
}

static void *serve(void *ctx)
{
	struct pollfd fds[CONNECTIONS + 2];
	struct exporter *e = ctx;

	for (;;) {
		int wait_ms = end_old_connections(e);

		list_fds(e, fds);
		if (poll(fds, CONNECTIONS + 2, wait_ms) < 0)
			continue;
		if (fds[CONNECTIONS + 1].revents)
			return NULL;
		for (int i = 0; i < CONNECTIONS; i++)
			if (fds[i].revents)
				go_on(e, &e->connections[i]);
		if (fds[CONNECTIONS].revents)
			accept_one(e);
	}
}

/* ---- beginning and end ------------------------------------------------------------------- */

static int open_listener(const struct listen_address *at)
{
	int fd = socket(at->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, err;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, (const struct sockaddr *)&at->address, at->size) && !listen(fd, BACKLOG))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* There is something to serve from the first moment on. 0, or -1 and errno. */
static int open_pages(struct exporter *e)
{
	static const char nothing[] = "there is only GET /metrics\n", empty[] = "# EOF\n";

	e->metrics = new_page("200 OK", METRICS_CONTENT_TYPE, empty, strlen(empty));
	e->not_found = new_page("404 Not Found", "text/plain", nothing, strlen(nothing));
	return e->metrics && e->not_found ? 0 : -1;
}

static int start_thread(struct exporter *e)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	errno = pthread_create(&e->thread, &attr, serve, e);
	pthread_attr_destroy(&attr);
	e->started = !errno;
	return e->started ? 0 : -1;
}

struct exporter *exporter_open(const struct listen_address *at, struct failure *why)
{
	struct exporter *e = calloc(1, sizeof(*e));

	if (!e) {
		failed(why, EXIT_FAILED, "cannot serve metrics: out of memory");
		return NULL;
	}
	pthread_mutex_init(&e->lock, NULL);
	for (int i = 0; i < CONNECTIONS; i++)
		e->connections[i].fd = -1;
	e->stop = eventfd(0, EFD_CLOEXEC);
	e->listener = open_listener(at);
	if (e->listener >= 0 && e->stop >= 0 && !open_pages(e) && !start_thread(e))
		return e;
	failed(why, EXIT_FAILED, "cannot serve metrics at %s: %s", at->text, strerror(errno));
	exporter_close(e);
	return NULL;
}

void exporter_close(struct exporter *e)
{
	if (!e)
		return;
	if (e->started) {
		eventfd_write(e->stop, 1);
		pthread_join(e->thread, NULL);
	}
	for (int i = 0; i < CONNECTIONS; i++)
		if (e->connections[i].fd >= 0)
			end_connection(e, &e->connections[i]);
	drop_page(e, e->metrics);
	drop_page(e, e->not_found);
	if (e->listener >= 0)
		close(e->listener);
	if (e->stop >= 0)
		close(e->stop);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
