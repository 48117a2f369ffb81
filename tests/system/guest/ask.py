#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks the daemon through python3-varlink: ask.py SOCKET REPORT_SOCKET

The library parses the interface that the daemon sends, and takes a reply only
in the form that it has there.
"""
import sys

import varlink

READING = ["GetStatus", "ListDomains", "ListDevices", "ListVectors", "ListDoorbells", "ListCounters",
           "ListViolations", "GetMetrics", "GetSupport", "GetLogLevel"]


def main():
    with varlink.Client(address=f"unix:{sys.argv[1]}") as client, client.open("io.cxlirqd") as cxlirqd:
        for method in READING:
            reply = getattr(cxlirqd, method)()
            print(method, *(f"{key}:{len(value) if isinstance(value, (list, dict, str)) else value}"
                            for key, value in reply.items()))
        events = [reply.get("event") for reply in cxlirqd.Monitor(follow=False, _more=True)]
        # The last reply ends the list, without one.
        assert len(events) > 1 and events[-1] is None, events[-2:]
        print("Monitor", len(events) - 1)
        try:
            cxlirqd.Explain(subject="no such thing")
            raise AssertionError("it explained nothing")
        except varlink.VarlinkError as error:
            assert error.error() == "io.cxlirqd.NoSuchSubject", error.error()
    with varlink.Client(address=f"unix:{sys.argv[2]}") as client, \
            client.open("io.systemd.Metrics") as metrics:
        described = {reply["name"]: reply for reply in metrics.Describe(_more=True)}
        listed = list(metrics.List(_more=True))
        assert listed and all(reply["name"] in described for reply in listed)
        print("report", len(described), len(listed))


if __name__ == "__main__":
    main()
