# SPDX-License-Identifier: GPL-2.0-or-later
"""The parsers: which functions read what others have written.

A whole file, or of it "only" these functions, or all "but" these, because they
do something else. "less" says why one may stay below the share of lines that
all others have to reach.
"""
from typing import NamedTuple


class Parser(NamedTuple):
    only: tuple = ()
    but: tuple = ()
    less: str = ""


PARSERS = {
    # records, their files, and what a daemon leaves to the next one
    "daemon/decode.c": Parser(),
    "daemon/trace.c": Parser(),
    "daemon/checkpoint.c": Parser(only=("look_at_marker", "look_at", "judge", "attempt", "read_records",
                                        "checkpoint_look", "checkpoint_read", "is_left_behind", "checkpoint_clean")),
    "daemon/pin-manifest.c": Parser(but=("pin_manifest_hash",)),
    "daemon/guard-file.c": Parser(only=("read_all", "guard_file_read")),
    "daemon/guard-json.c": Parser(only=("load_before", "load_befores", "guard_load")),
    "daemon/guard-policy.c": Parser(only=("is_about_affinity", "is_device_name", "parse_index", "guard_policy_parse",
                                          "guard_policy_name", "parse_cpu", "guard_cpus_normalize",
                                          "guard_policy_load")),
    "daemon/sink-store-row.c": Parser(only=("read_text", "read_number", "read_message", "violation_read",
                                            "store_each_violation", "store_run_get")),
    "daemon/sink-store-file.c": Parser(only=("read_version", "migrate", "compare", "check", "store_file_open",
                                             "store_file_set_aside", "salvage", "store_file_salvage")),
    # devices and the kernel's text
    "daemon/pci-capability.c": Parser(but=("word_of_device", "on_read", "pci_capability_read", "on_init",
                                           "pci_capability_new", "pci_capability_free")),
    "daemon/pmu-item.c": Parser(),
    "daemon/pmu-event.c": Parser(),
    "daemon/pmu.c": Parser(but=("pmu_table_find", "pmu_table_new", "pmu_table_free")),
    "daemon/sysfs.c": Parser(),
    "daemon/topology-irq.c": Parser(),
    "daemon/topology-pmu.c": Parser(but=("topology_expect_pmu",)),
    "daemon/uevent.c": Parser(only=("uevent_parse",)),
    # wires
    "daemon/varlink-wire.c": Parser(only=("find_end", "varlink_wire_has_message", "varlink_wire_take",
                                          "varlink_wire_read", "buffer_consume")),
    "daemon/varlink-call.c": Parser(only=("get_interface_description", "is_ints", "is_strings", "fits", "knows",
                                          "find_misfit", "find_method", "call_dispatch", "call_run",
                                          "varlink_call_start")),
    "daemon/varlink-client.c": Parser(only=("parse_reply", "varlink_client_receive")),
    "daemon/sink-varlink.c": Parser(only=("explain_subject", "violations_of", "acknowledge")),
    "daemon/sink-varlink-guard.c": Parser(only=("selector_of", "sink_varlink_add_guard", "sink_varlink_remove_guard",
                                                "sink_varlink_set_guard_mode")),
    "daemon/json.c": Parser(),
    "daemon/http-accept.c": Parser(),
    "daemon/http-answer.c": Parser(),
    "daemon/affinity-process.c": Parser(only=("affinity_is_list", "write_list", "affinity_process_answer")),
    "daemon/affinity-writer.c": Parser(only=("receive", "read_hello", "read_answer", "on_io")),
    # what people write
    "daemon/config.c": Parser(but=("config_print_keys", "config_set_socket", "read_directory", "swap_values")),
    "daemon/config-value.c": Parser(),
    "daemon/listener.c": Parser(only=("parse_port", "parse_unix", "parse_internet", "listener_parse")),
    "cli/difference.c": Parser(),
}
