/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of all verbs. Each is defined beside its handler, and verbs.c puts them into families. */
#ifndef BERTH_CMD_CLI_VERBS_H
#define BERTH_CMD_CLI_VERBS_H

#include "cmd/cli/command.h"

/* create.c */
extern const struct command command_launch, command_create, command_clone;
/* rename.c */
extern const struct command command_rename;
/* adopt.c */
extern const struct command command_adopt;
/* apply.c */
extern const struct command command_apply;
/* run.c */
extern const struct command command_run;
/* lifecycle.c */
extern const struct command command_pause, command_resume;
extern const struct command command_start, command_stop, command_kill, command_restart,
	command_delete;
/* boot.c */
extern const struct command command_autostart;
/* list.c, info.c */
extern const struct command command_list, command_info;
/* top.c */
extern const struct command command_top;
/* logs.c, events.c, capture.c */
extern const struct command command_logs, command_events, command_capture, command_metrics;
/* desktop.c */
extern const struct command command_desktop, command_inhibit, command_idle;
extern const struct command command_wake;
/* api/attached.c */
extern const struct command command_attached;
/* each.c */
extern const struct command command_each;
/* enter.c */
extern const struct command command_shell, command_exec, command_console;
/* transfer.c */
extern const struct command command_push, command_pull, command_cp, command_files;
/* snapshot.c */
extern const struct command command_diff, command_snapshot, command_restore, command_publish,
	command_reset;
/* policy.c: a member of snapshot */
extern const struct command command_snapshot_scheduled;
/* backup.c */
extern const struct command command_backups;
/* export.c */
extern const struct command command_export, command_import;
/* send.c, receive.c: both ends of one connection */
extern const struct command command_send, command_receive;
/* halfway.c */
extern const struct command command_halfway;
/* move.c */
extern const struct command command_move;
/* mount.c */
extern const struct command command_mount, command_unmount, command_device, command_forward;
extern const struct command command_nic;
/* rule.c */
extern const struct command command_rule;
/* volume.c */
extern const struct command command_volume;
/* settings.c */
extern const struct command command_set, command_get, command_unset;
/* template.c, pool.c, network.c */
extern const struct command command_template, command_pool, command_network;
/* doctor.c */
extern const struct command command_doctor;
/* api/api.c */
extern const struct command command_api;
/* api/serve.c: a member of api; web */
extern const struct command command_api_server, command_web;
/* help.c, complete.c */
extern const struct command command_version, command_help_verb, command_completion,
	command_complete;
/* keeper.c */
extern const struct command command_finish, command_respawn, command_pool_watch, command_backup,
	command_serve, command_free;

#endif
