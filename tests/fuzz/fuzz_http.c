// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever clients send to the exporter, which runs with its own thread: each is answered by
 * nothing or by one whole response, only who has asked for /metrics gets them, there are not more
 * connections than allowed, and none stays. The first byte of an input says how many clients send
 * the others at a time, in how many pieces, and whether they wait for the answer.
 */
#include "fuzz.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "exporter.h"

#define CLIENTS_MAX     40 /* more than it serves at a time */
#define CONNECTIONS_MAX 32
#define REPUBLISH       256 /* inputs, as if a second had passed */
#define CONTINUE        "HTTP/1.1 100 Continue\r\n\r\n"

static const char metrics[] = "# TYPE tcpwhy_deaths counter\ntcpwhy_deaths_total 1\n# EOF\n";

/* libFuzzer takes an answer that it has not seen for new code: what is linked in, it cannot see. */
__attribute__((used, section("__libfuzzer_extra_counters"))) static uint8_t seen[600];

/* A socket without a network: no ports to run out of. */
static struct listen_address at = { .text = "fuzz" };
static struct exporter *exporter;
static int lowest_fd;

static int next_fd(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);

	must(fd >= 0);
	close(fd);
	return fd;
}

static void publish(void)
{
	char *text = strdup(metrics);

	must(text);
	exporter_publish(exporter, text, strlen(text));
}

static void start(void)
{
	struct sockaddr_un *name = (struct sockaddr_un *)&at.address;
	struct failure why;

	name->sun_family = AF_UNIX;
	snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "tcpwhy-fuzz-%d", getpid());
	at.size = sizeof(*name);
	exporter = exporter_open(&at, &why);
	must(exporter && !exporter_start(exporter, &why));
	publish();
	lowest_fd = next_fd();
}

/* ---- what may be asked ----------------------------------------------------------------------- */

/* One character of a URL, which may be written as %XX. */
static int url_char(const uint8_t **c, const uint8_t *end)
{
	char hex[3] = "";
	int first = *(*c)++;

	if (first != '%' || end - *c < 2 || !isxdigit((*c)[0]) || !isxdigit((*c)[1]))
		return first;
	memcpy(hex, *c, 2);
	*c += 2;
	return strtol(hex, NULL, 16);
}

/* To libmicrohttpd a line is empty, too, if it begins with a zero byte. */
static const uint8_t *skip_empty_lines(const uint8_t *c, const uint8_t *end)
{
	while (c < end && strchr("\r\n", *c)) {
		while (c < end && *c != '\r' && *c != '\n')
			c++;
		c += c < end;
	}
	return c;
}

/*
 * Is the first line, behind empty ones, that of GET /metrics? Both words end for libmicrohttpd at
 * a zero byte, too, whatever follows it.
 */
static int asks_for_metrics(const uint8_t *data, size_t size)
{
	static const char path[] = "/metrics";
	const uint8_t *end = data + size, *c = skip_empty_lines(data, end);

	if (end - c < 4 || memcmp(c, "GET", 3) || !strchr(" ", c[3]))
		return 0;
	for (c += 3; c < end && *c != ' ';)
		c++;
	for (; c < end && (*c == ' ' || *c == '\t');)
		c++;
	for (const char *p = path; *p; p++)
		if (c == end || url_char(&c, end) != *p)
			return 0;
	return c < end && strchr("? \t\r\n", url_char(&c, end));
}

/* ---- what may be answered -------------------------------------------------------------------- */

/* Lines of a name and a value. Returns Content-Length; the head is changed. */
static size_t read_head(char *head)
{
	size_t length = SIZE_MAX;
	char *line, *rest;

	for (line = strtok_r(head, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
		must(is_harmless(line, strlen(line)));
		must(line == head || strstr(line, ": "));
		if (!strncmp(line, "Content-Length: ", 16))
			length = strtoul(line + 16, NULL, 10);
	}
	must(length != SIZE_MAX);
	return length;
}

/* libmicrohttpd 0.9.75 sends it to who has sent it a bad Content-Length. */
static void skip_second_head(const char *text, char **body, size_t *n)
{
	size_t head = *body - text;

	if (*n < head || memcmp(text, *body, head))
		return;
	*body += head;
	*n -= head;
}

static void answer_is_whole(char *text, size_t n, int may_have_metrics)
{
	int status = 0;
	char *end, *body;

	while (n >= strlen(CONTINUE) && !memcmp(text, CONTINUE, strlen(CONTINUE))) {
		text += strlen(CONTINUE);
		n -= strlen(CONTINUE);
	}
	if (!n)
		return;
	must(sscanf(text, "HTTP/1.%*1[01] %3d ", &status) == 1 && status >= 200 && status < 600);
	seen[status] = 1;
	end = strstr(text, "\r\n\r\n");
	must(end);
	body = end + 4;
	n -= body - text;
	skip_second_head(text, &body, &n);
	*end = '\0';
	must(read_head(text) == n || !n); /* none for HEAD */
	must(status != 200 || may_have_metrics);
	must((status == 200) == (n == strlen(metrics) && !memcmp(body, metrics, n)));
}

/* ---- clients --------------------------------------------------------------------------------- */

static int connect_to_it(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && !TEMP_FAILURE_RETRY(connect(fd, (struct sockaddr *)&at.address, at.size)));
	return fd;
}

/* It may have hung up. */
static void send_piece(int fd, const uint8_t *data, size_t size)
{
	if (size && TEMP_FAILURE_RETRY(send(fd, data, size, MSG_NOSIGNAL)) < 0)
		must(errno == EPIPE || errno == ECONNRESET);
}

/*
 * Until all was taken, or answered: libmicrohttpd does not see the end of what it takes in one go
 * with its end, and holds the connection until it is idle for too long.
 */
static void wait_until_taken(int fd)
{
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	int left = 1;

	while (!ioctl(fd, SIOCOUTQ, &left) && left && poll(&answer, 1, 0) <= 0)
		sched_yield();
}

static void read_answer(int fd, int may_have_metrics)
{
	char text[4096];
	size_t n = 0;
	ssize_t got;

	while ((got = TEMP_FAILURE_RETRY(recv(fd, text + n, sizeof(text) - 1 - n, 0))) > 0)
		n += got;
	must(got == 0 || errno == ECONNRESET);
	text[n] = '\0';
	answer_is_whole(text, n, may_have_metrics);
}

static void send_all(const int *fds, int clients, const uint8_t *data, size_t size, int pieces)
{
	size_t step = size / pieces + 1;

	for (size_t done = 0; done < size; done += step)
		for (int i = 0; i < clients; i++)
			send_piece(fds[i], data + done, size - done < step ? size - done : step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int inputs;
	int fds[CLIENTS_MAX], clients, how;

	if (!size)
		return 0;
	if (!exporter)
		start();
	how = *data++;
	size--;
	clients = how >> 4 < 14 ? 1 + (how >> 4) % 4 : CLIENTS_MAX;
	for (int i = 0; i < clients; i++)
		fds[i] = connect_to_it();
	send_all(fds, clients, data, size, 1 + how % 8);
	must(next_fd() <= lowest_fd + clients + CONNECTIONS_MAX + 1);
	for (int i = 0; i < clients; i++) {
		wait_until_taken(fds[i]);
		shutdown(fds[i], SHUT_WR);
		if (!(how & 8))
			read_answer(fds[i], asks_for_metrics(data, size));
		close(fds[i]);
	}
	must(next_fd() <= lowest_fd + CONNECTIONS_MAX + 1);
	if (!(++inputs % REPUBLISH))
		publish();
	return 0;
}
