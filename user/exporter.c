// SPDX-License-Identifier: GPL-2.0-only
#include "exporter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "metrics.h"
#include "number.h"

#define CONNECTIONS  32
#define BACKLOG      128
#define REQUEST_SIZE 8192 /* bytes of memory for a connection: request, head of the answer */
#define IDLE_SECONDS 2
#define LIFE         (5 * 1000000000ULL) /* ns: that a connection lasts at most, by and by */
#define STACK_SIZE   (128 * 1024)

struct connection {
	int fd; /* -1: there is none */
	uint64_t since;
};

struct exporter {
	int listener;
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock; /* of what follows; held for some instructions only */
	struct MHD_Response *response;
	struct connection connections[CONNECTIONS];
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

/* ---- connections ------------------------------------------------------------------------- */

static struct connection *find_connection(struct exporter *e, int fd)
{
	for (int i = 0; i < CONNECTIONS; i++)
		if (e->connections[i].fd == fd)
			return &e->connections[i];
	return NULL;
}

static void note_connection(void *ctx, struct MHD_Connection *connection, void **socket,
			    enum MHD_ConnectionNotificationCode code)
{
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	bool begins = code == MHD_CONNECTION_NOTIFY_STARTED;
	struct exporter *e = ctx;
	struct connection *c;

	(void)socket;
	pthread_mutex_lock(&e->lock);
	c = find_connection(e, begins ? -1 : fd);
	if (c && begins)
		*c = (struct connection){ .fd = fd, .since = monotonic_ns() };
	else if (c)
		c->fd = -1;
	pthread_mutex_unlock(&e->lock);
}

/* Whoever sends or takes a byte now and then is never idle. */
static void end_old_connections(struct exporter *e)
{
	uint64_t now = monotonic_ns();

	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &e->connections[i];

		if (c->fd >= 0 && now - c->since > LIFE)
			shutdown(c->fd, SHUT_RDWR);
	}
}

/* ---- answers ----------------------------------------------------------------------------- */

static enum MHD_Result answer_not_found(struct MHD_Connection *connection)
{
	static const char text[] = "there is only GET /metrics\n";
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof(text) - 1, (void *)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	result = MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **request)
{
	struct exporter *e = ctx;
	enum MHD_Result result;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)request;
	if (strcmp(method, MHD_HTTP_METHOD_GET) || strcmp(url, "/metrics"))
		return answer_not_found(connection);
	pthread_mutex_lock(&e->lock);
	result = MHD_queue_response(connection, MHD_HTTP_OK, e->response);
	pthread_mutex_unlock(&e->lock);
	return result;
}

void exporter_publish(struct exporter *e, char *text, size_t len)
{
	struct MHD_Response *old, *response;

	response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, METRICS_CONTENT_TYPE);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	pthread_mutex_lock(&e->lock);
	old = e->response;
	e->response = response;
	end_old_connections(e);
	pthread_mutex_unlock(&e->lock);
	if (old)
		MHD_destroy_response(old); /* when nobody is being sent it any more */
}

/* ---- beginning and end ------------------------------------------------------------------- */

static int open_listener(const struct listen_address *at)
{
	int fd = socket(at->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, (const struct sockaddr *)&at->address, at->size) && !listen(fd, BACKLOG))
		return fd;
	close(fd);
	return -1;
}

static struct MHD_Daemon *start_daemon(struct exporter *e)
{
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, e,
				MHD_OPTION_LISTEN_SOCKET, e->listener, MHD_OPTION_CONNECTION_LIMIT,
				CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_SIZE,
				MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE,
				MHD_OPTION_NOTIFY_CONNECTION, note_connection, e, MHD_OPTION_END);
}

/* There must be something to serve from the first moment on. */
static void publish_nothing(struct exporter *e)
{
	char *text = strdup("# EOF\n");

	if (text)
		exporter_publish(e, text, strlen(text));
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
	publish_nothing(e);
	e->listener = open_listener(at);
	if (e->listener >= 0)
		return e;
	failed(why, EXIT_FAILED, "cannot serve metrics at %s: %s", at->text, strerror(errno));
	exporter_close(e);
	return NULL;
}

int exporter_start(struct exporter *e, struct failure *why)
{
	e->daemon = start_daemon(e);
	if (e->daemon)
		return 0;
	return failed(why, EXIT_FAILED, "cannot serve metrics: libmicrohttpd does not start");
}

void exporter_close(struct exporter *e)
{
	if (!e)
		return;
	if (e->daemon)
		MHD_stop_daemon(e->daemon); /* closes the listener */
	else if (e->listener >= 0)
		close(e->listener);
	if (e->response)
		MHD_destroy_response(e->response);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
