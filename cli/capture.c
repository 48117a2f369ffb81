// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * record and snapshot: what one attaches to a bug report.
 *
 * A trace is written under FILE.partial and gets its name when it is complete, that is, when it was
 * ended by a signal, by --duration, or by the daemon's own last reply. So FILE is never half a
 * trace, and an older FILE survives a recording that failed, or that nothing came of. What came until
 * a failure is kept, since it may be the very crash one wanted to record; it is never overwritten
 * either.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cxlirqd/json.h"
#include "daemon/trace.h"

#include "client.h"
#include "stop.h"
#include "writer.h"

struct trace {
	const char *file;
	char *partial;
	int fd;
	uint64_t size;
	int error; /* what stopped us from keeping a piece; 0: nothing */
};

static void trace_done(struct trace *trace)
{
	closep(&trace->fd);
	free(trace->partial);
}

static int trace_open(const char *file, struct trace *ret)
{
	_cleanup_(trace_done) struct trace trace = { .file = file, .fd = -EBADF };
	int r;

	if (asprintf(&trace.partial, "%s.partial", file) < 0) {
		trace.partial = NULL;
		warnx("%s: %s", file, strerror(ENOMEM));
		return -ENOMEM;
	}
	trace.fd = open(trace.partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (trace.fd < 0) {
		r = -errno;
		warn("%s", trace.partial);
		return r;
	}
	*ret = TAKE(trace, ((struct trace){ .fd = -EBADF }));
	return 0;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
	ssize_t n;

	for (; size > 0; data += n, size -= (size_t)n) {
		n = write(fd, data, size);
		if (n < 0)
			return -errno;
	}
	return 0;
}

static int append_piece(const json_t *reply, void *userdata)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct trace *trace = userdata;
	size_t size;
	int r;

	r = json_to_bytes(json_object_get(reply, "data"), &bytes, &size);
	if (r == 0)
		r = write_all(trace->fd, bytes, size);
	if (r == 0)
		trace->size += size;
	trace->error = r;
	return r;
}

static int trace_commit(const struct trace *trace)
{
	if (trace->size <= TRACE_HEADER_SIZE) {
		warnx("%s: not written, the daemon sent nothing", trace->file);
		unlink(trace->partial);
		return -ENODATA;
	}
	if (fsync(trace->fd) < 0 || rename(trace->partial, trace->file) < 0) {
		warn("%s: kept as %s", trace->file, trace->partial);
		return -EIO;
	}
	return 0;
}

/* @failure: what the daemon or the way to it is to blame for; NULL: we could not keep a piece. */
static void trace_abandon(const struct trace *trace, const char *failure)
{
	const char *reason = strerror(-trace->error);

	if (failure)
		reason = failure;
	else if (trace->error == -EBADMSG)
		reason = "the daemon sent what is no base64";

	if (trace->size > 0)
		warnx("%s: kept, but incomplete: %s", trace->partial, reason);
	else if (failure)
		warnx("%s", failure);
	else
		warnx("%s: %s", trace->file, reason);
	if (trace->size == 0)
		unlink(trace->partial);
}

/* For a script, that cannot know how much came: where it is. */
static int tell_file(const struct trace *trace)
{
	json_auto_t *told = json_pack("{s:o, s:I}", "file", json_text(trace->file), "size",
				      (json_int_t)trace->size);

	return told ? writer_json(told) : -ENOMEM;
}

enum exit_code verb_record(const struct options *options, const char *argument)
{
	_cleanup_(trace_done) struct trace trace = { .fd = -EBADF };
	json_auto_t *parameters = json_object();
	_cleanup_free_ char *failure = NULL;
	_cleanup_close_ int stop = -EBADF;
	struct client_stream stream = {
		.method = "Record",
		.parameters = parameters,
		.endless = true,
		.each = append_piece,
		.userdata = &trace,
	};
	int r;

	(void)argument;
	if (!options->output || !*options->output) {
		warnx("record: needs a file, -o FILE");
		return EXIT_USAGE;
	}
	stop = stop_fd(options->duration_us);
	if (stop < 0) {
		warn("signalfd");
		return EXIT_FAILED;
	}
	r = trace_open(options->output, &trace);
	if (r < 0)
		return EXIT_FAILED;
	stream.interrupt_fd = stop;
	r = client_stream(options, &stream, &failure);
	if (r < 0) {
		trace_abandon(&trace, failure);
		return EXIT_FAILED;
	}
	r = trace_commit(&trace);
	if (r == 0 && options->json)
		r = tell_file(&trace);
	return exit_code_of(r);
}

static const struct column part_columns[] = {
	{ .name = "PART", .key = "part", .flags = COLUMN_DEFAULT },
	{ .name = "CONTENT", .key = "content", .text = text_size, .flags = COLUMN_DEFAULT },
	{}
};

/* Nobody reads a snapshot by eye: people get to know what is in it, --json is the thing itself. */
static int print_parts(const struct options *options, json_t *snapshot)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *parts = json_array();
	const char *name;
	json_t *content;
	int r;

	json_object_foreach(snapshot, name, content)
		json_add(&parts, json_pack("{s:s, s:O}", "part", name, "content", content));
	if (!parts) {
		warnx("%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	r = writer_new(part_columns, options, &writer);
	return r < 0 ? r : writer_list(writer, parts, NULL, NULL);
}

enum exit_code verb_snapshot(const struct options *options, const char *argument)
{
	json_auto_t *snapshot = NULL;
	int r;

	(void)argument;
	r = client_call(options, "Snapshot", json_object(), "snapshot", JSON_OBJECT, &snapshot);
	if (r < 0)
		return exit_code_of(r);
	return exit_code_of(options->json ? writer_json(snapshot) : print_parts(options, snapshot));
}
