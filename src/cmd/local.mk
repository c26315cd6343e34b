noinst_LIBRARIES += libcmd.a
libcmd_a_SOURCES = \
	src/cmd/apply/apply.c src/cmd/apply/apply.h \
	src/cmd/apply/apply_change.c \
	src/cmd/apply/apply_check.c \
	src/cmd/apply/apply_do.c \
	src/cmd/apply/apply_image.c \
	src/cmd/apply/apply_look.c \
	src/cmd/apply/apply_loss.c \
	src/cmd/apply/apply_network.c \
	src/cmd/apply/apply_nic.c \
	src/cmd/apply/apply_plan.c \
	src/cmd/apply/apply_rule.c \
	src/cmd/apply/apply_setup.c \
	src/cmd/apply/apply_wanted.c \
	src/cmd/backup/backup.c src/cmd/backup/backup.h \
	src/cmd/backup/backup_info.c src/cmd/backup/backup_info.h \
	src/cmd/backup/backup_read.c \
	src/cmd/backup/backup_run.c src/cmd/backup/backup_run.h \
	src/cmd/backup/backup_target.c \
	src/cmd/backup/backup_verify.c \
	src/cmd/cli/act.c \
	src/cmd/cli/background.c \
	src/cmd/cli/changes.c src/cmd/cli/changes.h \
	src/cmd/cli/command.h \
	src/cmd/cli/common.c src/cmd/cli/common.h \
	src/cmd/cli/estimate.c src/cmd/cli/estimate.h \
	src/cmd/cli/foreground.c \
	src/cmd/cli/given.c \
	src/cmd/cli/interrupt.c src/cmd/cli/interrupt.h \
	src/cmd/cli/labels.c src/cmd/cli/labels.h \
	src/cmd/cli/names.c src/cmd/cli/names.h \
	src/cmd/cli/options.c \
	src/cmd/cli/output.c src/cmd/cli/output.h \
	src/cmd/cli/policy.c src/cmd/cli/policy.h \
	src/cmd/cli/print.c src/cmd/cli/print.h \
	src/cmd/cli/rights.c src/cmd/cli/rights.h \
	src/cmd/cli/progress.c src/cmd/cli/progress.h \
	src/cmd/cli/routes.c src/cmd/cli/traffic.c src/cmd/cli/routes.h src/cmd/cli/traffic.h \
	src/cmd/cli/table.c src/cmd/cli/table.h \
	src/cmd/complete.c \
	src/cmd/completion.c \
	src/cmd/help.c \
	src/cmd/host/doctor.c src/cmd/host/doctor.h \
	src/cmd/host/doctor_host.c \
	src/cmd/host/doctor_kernel.c \
	src/cmd/host/doctor_access.c src/cmd/host/doctor_forwards.c src/cmd/host/doctor_policy.c src/cmd/host/doctor_rules.c \
	src/cmd/host/doctor_state.c \
	src/cmd/host/maintenance.c \
	src/cmd/host/network.c src/cmd/host/network.h \
	src/cmd/host/map.c src/cmd/host/map.h src/cmd/host/map_text.c \
	src/cmd/host/metrics.c src/cmd/host/metrics.h src/cmd/host/metrics_host.c src/cmd/host/metrics_machine.c src/cmd/host/metrics_text.c \
	src/cmd/host/network_map.c \
	src/cmd/host/network_info.c \
	src/cmd/host/network_settings.c \
	src/cmd/host/pool.c src/cmd/host/pool.h src/cmd/host/pool_left.c \
	src/cmd/host/pool_move.c src/cmd/host/pool_list.c \
	src/cmd/host/pool_usage.c \
	src/cmd/host/report.c src/cmd/host/report.h \
	src/cmd/machine/adopt.c \
	src/cmd/machine/attachments.c src/cmd/machine/attachments.h \
	src/cmd/machine/boot.c \
	src/cmd/machine/cloud_init.c src/cmd/machine/cloud_init.h \
	src/cmd/machine/clone.c \
	src/cmd/machine/create.c src/cmd/machine/create.h \
	src/cmd/machine/each.c \
	src/cmd/machine/files.c \
	src/cmd/machine/enter.c \
	src/cmd/machine/events.c \
	src/cmd/machine/rule.c src/cmd/machine/rule.h \
	src/cmd/machine/rule_list.c \
	src/cmd/machine/forward.c src/cmd/machine/forward.h \
	src/cmd/machine/inhibit.c \
	src/cmd/machine/info.c src/cmd/machine/info.h src/cmd/machine/info_json.c src/cmd/machine/info_show.c \
	src/cmd/machine/keeper.c \
	src/cmd/machine/lifecycle.c \
	src/cmd/machine/list.c \
	src/cmd/machine/list_columns.c src/cmd/machine/list_columns.h \
	src/cmd/machine/logfilter.c src/cmd/machine/logfilter.h \
	src/cmd/machine/capture.c \
	src/cmd/machine/desktop.c src/cmd/machine/desktop.h src/cmd/machine/desktop_serve.c src/cmd/machine/desktop_show.c \
	src/cmd/machine/desktop_url.c \
	src/cmd/machine/logs.c \
	src/cmd/machine/many.c src/cmd/machine/many.h \
	src/cmd/machine/mount.c \
	src/cmd/machine/move_show.c src/cmd/machine/move_show.h \
	src/cmd/machine/nic.c src/cmd/machine/nic.h src/cmd/machine/nic_traffic.c src/cmd/machine/nic_traffic.h \
	src/cmd/machine/place.c src/cmd/machine/place.h \
	src/cmd/machine/provision.c src/cmd/machine/provision.h \
	src/cmd/machine/provision_host.c src/cmd/machine/provision_host.h \
	src/cmd/machine/provision_keymap.c src/cmd/machine/provision_keymap.h \
	src/cmd/machine/provision_options.c src/cmd/machine/provision_options.h \
	src/cmd/machine/publish.c \
	src/cmd/machine/rename.c \
	src/cmd/machine/reset.c \
	src/cmd/machine/run.c \
	src/cmd/machine/sections.c src/cmd/machine/sections.h \
	src/cmd/machine/settings.c \
	src/cmd/machine/diff.c src/cmd/machine/snapshot.c \
	src/cmd/machine/snapshot_scheduled.c \
	src/cmd/machine/started.c \
	src/cmd/machine/stop.c \
	src/cmd/machine/top.c \
	src/cmd/machine/transfer.c \
	src/cmd/machine/volume.c src/cmd/machine/volume.h \
	src/cmd/machine/volume_info.c src/cmd/machine/volume_list.c src/cmd/machine/volume_settings.c \
	src/cmd/machine/volume_travel.c \
	src/cmd/machine/wake.c \
	src/cmd/remote/remote.c \
	src/cmd/remote/search.c \
	src/cmd/template/derive.c src/cmd/template/derive.h \
	src/cmd/template/derive_cache.c \
	src/cmd/template/derive_machine.c \
	src/cmd/template/derive_source.c \
	src/cmd/template/derive_step.c \
	src/cmd/template/template.c src/cmd/template/template.h \
	src/cmd/template/template_cache.c \
	src/cmd/template/template_export.c \
	src/cmd/template/template_info.c \
	src/cmd/template/template_rename.c \
	src/cmd/template/template_settings.c \
	src/cmd/travel/export.c src/cmd/travel/stream_file.c src/cmd/travel/stream_file.h \
	src/cmd/travel/halfway.c \
	src/cmd/travel/move.c src/cmd/travel/move.h \
	src/cmd/travel/move_abort.c \
	src/cmd/travel/move_connect.c \
	src/cmd/travel/move_copy.c \
	src/cmd/travel/move_plan.c \
	src/cmd/travel/offer.c src/cmd/travel/offer.h \
	src/cmd/travel/outgoing.c src/cmd/travel/outgoing.h \
	src/cmd/travel/placement.c src/cmd/travel/placement.h \
	src/cmd/travel/receive.c \
	src/cmd/travel/receive_move.c \
	src/cmd/travel/receiving.c src/cmd/travel/receiving.h \
	src/cmd/travel/send.c src/cmd/travel/send.h \
	src/cmd/travel/send_parts.c \
	src/cmd/travel/synced.c src/cmd/travel/synced.h \
	src/cmd/travel/there.c src/cmd/travel/there.h \
	src/cmd/verbs.c src/cmd/cli/verbs.h

bin_PROGRAMS += berth
berth_SOURCES = src/cmd/main.c
# Not libarchive: loading it costs 2 ms, and only berth-unpack needs it. libnl and libnftnl are loaded when they are needed.
cmd_libs = libcmd.a libmachine.a libstream.a libimage.a libstorage.a libnetwork.a libkeeper.a libconfig.a \
	libkern.a libbase.a $(CAP_LIBS) $(JSON_LIBS) $(STORAGE_LIBS)
berth_LDADD = $(cmd_libs)
berth_LDFLAGS = -Wl,--as-needed

bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = completions/berth
zshcompdir = $(datadir)/zsh/site-functions
dist_zshcomp_DATA = completions/_berth
fishcompdir = $(datadir)/fish/vendor_completions.d
dist_fishcomp_DATA = completions/berth.fish

if HAVE_CUNIT
check_PROGRAMS += test_cmd test_cmd_print test_manual
TESTS += test_cmd test_cmd_print test_manual
tables_of_commands = tests/unit/commands.c tests/unit/commands.h
test_cmd_SOURCES = tests/unit/test_cmd.c $(tables_of_commands) tests/unit/suite.c tests/unit/suite.h
test_cmd_LDADD = $(cmd_libs) $(CUNIT_LIBS)
test_cmd_print_SOURCES = tests/unit/test_cmd_print.c tests/unit/suite.c tests/unit/suite.h
test_cmd_print_LDADD = $(cmd_libs) $(CUNIT_LIBS)
test_manual_SOURCES = tests/unit/test_manual.c $(tables_of_commands) tests/unit/suite.c tests/unit/suite.h
# Where the manual is, for the test that compares it with the tables.
test_manual_CPPFLAGS = $(AM_CPPFLAGS) -DSOURCE_FOLDER='"$(abs_top_srcdir)"'
test_manual_LDADD = $(cmd_libs) $(CUNIT_LIBS)
endif
