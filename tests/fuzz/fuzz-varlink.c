// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes to the daemon's socket: the whole daemon, replaying the beginning of a trace, with
 * each method's own code behind it. Whatever comes back are replies, no more than there were calls
 * but for streams, and whatever came, the next client is answered. Each input has a daemon of its
 * own.
 *
 * Started as root this may change things, too; they are this daemon's and nobody else's. Every other
 * input, by its length, is then a stranger's, who may not.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "fuzz.h"
#include "log.h"
#include "manager-private.h"
#include "trace.h"

#define RECORDS 380 /* of the trace */
#define STRANGER 65534

static char socket_path[108], trace_path[108], config_path[108], way_in[108];

/* Its devices, domains and some vectors; the rest would only take time. */
static void make_trace(void)
{
	_cleanup_fclose_ FILE *out = fopen(trace_path, "we");
	FILE *in = popen("xz -dc '" FUZZ_DATA "/export/violations.trace.xz'", "re");
	unsigned char buffer[RECORD_SIZE_MAX];
	struct record_header header;

	require(in && out && fread(buffer, TRACE_HEADER_SIZE, 1, in) == 1);
	require(fwrite(buffer, TRACE_HEADER_SIZE, 1, out) == 1);
	for (int i = 0; i < RECORDS; i++) {
		require(fread(buffer, sizeof(header), 1, in) == 1);
		memcpy(&header, buffer, sizeof(header));
		require(fread(buffer + sizeof(header), header.size - sizeof(header), 1, in) == 1);
		require(fwrite(buffer, header.size, 1, out) == 1);
	}
	pclose(in);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char settings[512];

	(void)argc, (void)argv;
	snprintf(socket_path, sizeof(socket_path), "%s/socket", fuzz_directory());
	snprintf(trace_path, sizeof(trace_path), "%s/trace", fuzz_directory());
	snprintf(config_path, sizeof(config_path), "%s/conf", fuzz_directory());
	snprintf(settings, sizeof(settings),
		 "[Daemon]\nSocket=%s\n[Export]\nListen=\nReport=\n[Store]\nEnabled=no\n",
		 socket_path);
	fuzz_write_file(AT_FDCWD, config_path, settings, strlen(settings));
	make_trace();
	/* past the directories above, which are no stranger's business */
	require(chmod(fuzz_directory(), 0711) == 0);
	snprintf(way_in, sizeof(way_in), "/proc/self/fd/%d/socket",
		 open(fuzz_directory(), O_PATH | O_CLOEXEC));
	return 0;
}

/* Two that clients can ask about, with the ids 1 and 2 */
static void find(struct manager *m, uint32_t irq, bool standing)
{
	const struct finding finding = { .rule = RULE_VECTOR_ORPHANED,
					 .device = "0000:01:00.0",
					 .has_irq = true,
					 .irq = irq,
					 .standing = standing,
					 .explanation = "seen" };

	manager_on_finding(&finding, m);
}

static struct manager *start(struct config *config)
{
	struct manager *m = NULL;
	unsigned int warnings;

	log_set_level(LOG_EMERG);
	require(config_read(config_path, config, &warnings) == 0 && !warnings);
	require(manager_new(config, trace_path, NULL, true, &m) == 0);
	require(manager_start(m) == 0 && manager_listen(m) == 0);
	require(manager_attach_sources(m) == 0);
	find(m, 30, false);
	find(m, 31, true);
	return m;
}

static void turn(struct manager *m)
{
	while (sd_event_run(m->event, 0) > 0)
		log_set_level(LOG_EMERG);
}

static int dial(struct manager *m, bool stranger)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, way_in);
	stranger = stranger && geteuid() == 0;
	require(!stranger || seteuid(STRANGER) == 0);
	require(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	require(!stranger || seteuid(0) == 0);
	turn(m);
	return fd;
}

/* A reply is an object with parameters, or with an error; ret_more: it is one of several. */
static void check_reply(const char *text, size_t size, bool *ret_more)
{
	json_auto_t *reply = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *error = json_object_get(reply, "error");

	require(json_is_object(reply) && (!error || json_is_string(error)));
	require(json_is_object(json_object_get(reply, "parameters")));
	*ret_more = json_is_true(json_object_get(reply, "continues"));
}

/* Reads all that there is, and whole; how many replies that were, of streams the last one only. */
static size_t hear(struct manager *m, int fd)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, room = 0, replies = 0;
	ssize_t n;

	do {
		if (room - size < 65536) {
			text = realloc(text, room += 262144);
			require(text != NULL);
		}
		turn(m);
		n = recv(fd, text + size, room - size, MSG_DONTWAIT);
		size += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	for (size_t at = 0, length; at < size; at += length + 1) {
		const char *end = memchr(text + at, 0, size - at);
		bool more;

		/* what comes behind a call that is none ends the connection, in the middle of it */
		if (!end)
			break;
		length = (size_t)(end - text) - at;
		check_reply(text + at, length, &more);
		replies += !more;
	}
	return replies;
}

/* No input is larger than what a socket holds. */
static void say(struct manager *m, int fd, const uint8_t *data, size_t size)
{
	size_t calls = 0;

	for (size_t i = 0; i < size; i++)
		calls += !data[i];
	require(send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
	require(hear(m, fd) <= calls);
}

static void ask(struct manager *m)
{
	static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	int fd = dial(m, false);

	require(send(fd, call, sizeof(call), MSG_NOSIGNAL) == sizeof(call));
	require(hear(m, fd) == 1);
	close(fd);
	turn(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	struct manager *m = start(&config);
	int fd = dial(m, size % 2);

	say(m, fd, data, size);
	close(fd);
	turn(m);
	ask(m);
	manager_free(m);
	config_done(&config);
	return 0;
}
