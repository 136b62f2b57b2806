/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Serves /metrics over HTTP, from a thread of its own. It never has to wait for those who scrape,
 * nor does whoever publishes: each answer is the text that was published last. Connections are
 * limited in number, in what they may send, and in time; each is for one request.
 */
#ifndef TCPWHY_EXPORTER_H
#define TCPWHY_EXPORTER_H

#include <stddef.h>
#include <sys/socket.h>

#include "failure.h"

struct listen_address {
	struct sockaddr_storage address;
	socklen_t size; /* 0: none */
	char text[64];  /* "127.0.0.1:9436" */
};

/* "PORT", on 127.0.0.1; "ADDRESS:PORT" or "[ADDRESS]:PORT". 0, or -1 and *why. */
int listen_address_parse(struct listen_address *at, const char *text, struct failure *why);

struct exporter;

/* Takes the address; nobody is answered yet. NULL and *why if it cannot be had. */
struct exporter *exporter_open(const struct listen_address *at, struct failure *why);

/*
 * Answers, in a thread which has the privileges of the caller. Signals must be blocked, as it is
 * not to take them. 0, or -1 and *why.
 */
int exporter_start(struct exporter *exporter, struct failure *why);
void exporter_close(struct exporter *exporter);

/*
 * What is served from now on; takes the text, which free() must be able to free. To be called each
 * second or so: connections that have lasted too long are ended here.
 */
void exporter_publish(struct exporter *exporter, char *text, size_t len);

#endif
