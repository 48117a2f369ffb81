// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk takes no lock, so a list may change under it and break off. Then that part starts
 * again: what it told before is told once more, which harms nothing, for each record holds all of
 * its object.
 */
#include "snapshot.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <cxlirqd/program.h>

#define PIECE 256 /* records; a piece of the largest fits into half of the smallest ring */
#define ATTEMPTS 5 /* a part that breaks off */
#define PIECES_MAX 65536

static int run_piece(int program_fd, struct snapshot_request *request)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = request, .ctx_size_in = sizeof(*request));

	return bpf_prog_test_run_opts(program_fd, &options) < 0 ? -errno : 0;
}

static int run_part(int program_fd, enum snapshot_part part, void (*drain)(void *userdata),
		    void *userdata, enum snapshot_result *ret_result)
{
	struct snapshot_request request = { .part = part, .limit = PIECE };
	unsigned int stuck = 0;

	for (unsigned int i = 0; i < PIECES_MAX; i++) {
		int r = run_piece(program_fd, &request);

		if (r < 0)
			return r;
		drain(userdata);
		if (request.result == SNAPSHOT_FULL && !request.emitted && ++stuck > ATTEMPTS)
			break;
		if (request.result != SNAPSHOT_MORE && request.result != SNAPSHOT_FULL)
			break;
	}
	*ret_result = request.result;
	return 0;
}

int snapshot_run(int program_fd, void (*drain)(void *userdata), void *userdata, bool *ret_complete)
{
	bool complete = true;

	for (enum snapshot_part part = 0; part < SNAPSHOT_PARTS; part++) {
		enum snapshot_result result = SNAPSHOT_CUT;

		for (unsigned int i = 0; i < ATTEMPTS && result == SNAPSHOT_CUT; i++) {
			int r = run_part(program_fd, part, drain, userdata, &result);

			if (r < 0)
				return r;
		}
		/* the space holds nothing that could be gone: missing, it is only untold */
		if (result != SNAPSHOT_DONE && part != SNAPSHOT_SPACE)
			complete = false;
	}
	*ret_complete = complete;
	return 0;
}

int snapshot_prime(int program_fd, void (*drain)(void *userdata), void *userdata)
{
	enum snapshot_result result;

	return run_part(program_fd, SNAPSHOT_OWNERS, drain, userdata, &result);
}
