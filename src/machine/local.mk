noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES = \
	src/machine/state/content.c src/machine/state/content.h \
	src/machine/state/subject.c src/machine/state/subject.h \
	src/machine/state/ended.c src/machine/state/ended.h \
	src/machine/state/erase.c \
	src/machine/state/events.c src/machine/state/events.h \
	src/machine/state/fresh.c src/machine/state/fresh.h \
	src/machine/state/half.c src/machine/state/half.h \
	src/machine/state/leases.c \
	src/machine/state/list.c \
	src/machine/state/look.c \
	src/machine/state/machine.c src/machine/state/machine.h \
	src/machine/state/move.c src/machine/state/move.h \
	src/machine/state/fixed.c \
	src/machine/state/nics.c src/machine/state/nics.h \
	src/machine/state/owner.c src/machine/state/owner.h \
	src/machine/state/parts.c src/machine/state/parts.h \
	src/machine/state/operation_counts.c src/machine/state/operation_counts.h \
	src/machine/state/private.h \
	src/machine/state/volumes.c \
	src/machine/confine/ids.c src/machine/confine/ids.h \
	src/machine/confine/kernel_limits.c src/machine/confine/kernel_limits.h \
	src/machine/confine/limits.c src/machine/confine/limits.h \
	src/machine/confine/lsm.c src/machine/confine/lsm.h \
	src/machine/confine/rlimits.c src/machine/confine/rlimits.h \
	src/machine/confine/confine.c src/machine/confine/confine.h \
	src/machine/life/clean.c src/machine/life/clean.h \
	src/machine/life/control.c src/machine/life/control.h \
	src/machine/life/control_kill.c \
	src/machine/life/follow.c \
	src/machine/life/forwards.c src/machine/life/forwards.h \
	src/machine/life/forwards_made.c src/machine/life/forwards_made.h \
	src/machine/life/freeze.c src/machine/life/freeze.h src/machine/life/use.c src/machine/life/use.h \
	src/machine/life/hosts.c src/machine/life/hosts.h src/machine/life/hosts_follow.c \
	src/machine/life/index.c src/machine/life/index.h \
	src/machine/life/life.h \
	src/machine/life/neighbours.c \
	src/machine/life/network_change.c \
	src/machine/life/nic_traffic.c \
	src/machine/life/pending.c src/machine/life/pending.h \
	src/machine/life/passing.c src/machine/life/passing.h \
	src/machine/life/pool_use.c src/machine/life/pool_use.h \
	src/machine/life/pool_watch.c \
	src/machine/life/rootfile.c src/machine/life/rootfile.h \
	src/machine/life/recall.c src/machine/life/recall.h \
	src/machine/life/rows.c src/machine/life/rows.h \
	src/machine/life/run_cgroup.c src/machine/life/run_cgroup.h \
	src/machine/life/run_state.c src/machine/life/run_state.h \
	src/machine/life/scope.c src/machine/life/scope.h \
	src/machine/life/serve.c \
	src/machine/life/status.c src/machine/life/status_brief.h \
	src/machine/life/stop.c \
	src/machine/life/usage.c \
	src/machine/life/volume_use.c src/machine/life/volume_use.h \
	src/machine/desktop/carry.c src/machine/desktop/desktop.h \
	src/machine/desktop/display.c \
	src/machine/desktop/doorway.c src/machine/desktop/doorway.h \
	src/machine/desktop/picture.c src/machine/desktop/picture.h src/machine/desktop/picture_take.c \
	src/machine/desktop/png.c src/machine/desktop/png.h \
	src/machine/desktop/rfb.c src/machine/desktop/rfb.h src/machine/desktop/rfb_words.h \
	src/machine/desktop/rfb_shown.c src/machine/desktop/rfb_shown.h \
	src/machine/desktop/sound.c \
	src/machine/desktop/viewers.c src/machine/desktop/viewers.h \
	src/machine/data/attached.c \
	src/machine/data/data.c src/machine/data/data.h \
	src/machine/data/joint.c src/machine/data/joint.h \
	src/machine/data/ending.c src/machine/data/make.c src/machine/data/maker.c src/machine/data/snapshots.c \
	src/machine/share/device.c \
	src/machine/share/folder.c \
	src/machine/share/naming.c src/machine/share/temporary.c src/machine/share/mounts.c src/machine/share/mounts.h \
	src/machine/share/sections.c \
	src/machine/share/share.c src/machine/share/share.h \
	src/machine/share/target.c src/machine/share/target.h \
	src/machine/share/staging.c src/machine/share/staging.h \
	src/machine/share/user.c src/machine/share/user.h \
	src/machine/share/place.c src/machine/share/volume.c \
	src/machine/start/cgroups.c src/machine/start/cgroups.h \
	src/machine/start/guest.c src/machine/start/guest.h \
	src/machine/start/handover.c src/machine/start/handover.h \
	src/machine/start/hostkeys.c src/machine/start/hostkeys.h \
	src/machine/start/identity.c src/machine/start/identity.h \
	src/machine/start/plan.c src/machine/start/plan.h \
	src/machine/start/resolver.c src/machine/start/resolver.h \
	src/machine/start/rootfs.c src/machine/start/rootfs.h \
	src/machine/start/run.c src/machine/start/run.h \
	src/machine/start/start.c src/machine/start/start.h \
	src/machine/start/starter.c \
	src/machine/start/views.c src/machine/start/views.h \
	src/machine/attach/capture.c src/machine/attach/capture.h \
	src/machine/attach/attach.h \
	src/machine/attach/console.c \
	src/machine/attach/exec.c \
	src/machine/attach/login.c \
	src/machine/attach/outlet.c src/machine/attach/outlet.h \
	src/machine/attach/parent.c src/machine/attach/parent.h \
	src/machine/attach/relay.c src/machine/attach/relay.h \
	src/machine/transfer/file_look.c src/machine/transfer/file_look.h \
	src/machine/transfer/side.c src/machine/transfer/side.h src/machine/transfer/side_volumes.c \
	src/machine/transfer/transfer.c src/machine/transfer/transfer.h \
	src/machine/transfer/transfer_volumes.c src/machine/transfer/transfer_volumes.h \
	src/machine/transfer/tree.h \
	src/machine/transfer/tree_aside.c src/machine/transfer/tree_aside.h \
	src/machine/transfer/tree_attributes.c src/machine/transfer/tree_attributes.h \
	src/machine/transfer/tree_entry.c \
	src/machine/transfer/tree_show.c src/machine/transfer/tree_show.h \
	src/machine/transfer/tree_contents.c src/machine/transfer/tree_contents.h src/machine/transfer/tree_receive.c \
	src/machine/transfer/tree_send.c \
	src/machine/transfer/tree_target.c src/machine/transfer/tree_target.h \
	src/machine/manage/adopt.c \
	src/machine/manage/follow_name.c src/machine/manage/follow_name.h \
	src/machine/manage/rename.c src/machine/manage/rename.h \
	src/machine/manage/rename_template.c src/machine/manage/rename_volume.c \
	src/machine/manage/volumes.c src/machine/manage/volumes.h \
	src/machine/wire/far.c src/machine/wire/far.h \
	src/machine/wire/wire.c src/machine/wire/wire.h \
	src/machine/backup/filter.c src/machine/backup/filter.h \
	src/machine/backup/seal.c src/machine/backup/seal.h \
	src/machine/backup/reader.c src/machine/backup/reader.h \
	src/machine/backup/store.c src/machine/backup/store.h \
	src/machine/backup/store_far.c src/machine/backup/store_here.c src/machine/backup/store_ops.h \
	src/machine/backup/store_serve.c \
	src/machine/backup/backup.c src/machine/backup/backup.h \
	src/machine/backup/backups.c src/machine/backup/backups.h \
	src/machine/backup/base.c src/machine/backup/making.h \
	src/machine/backup/held.c src/machine/backup/held.h \
	src/machine/backup/ledger.c src/machine/backup/ledger.h \
	src/machine/backup/prune.c src/machine/backup/prune.h \
	src/machine/backup/restore.c \
	src/machine/backup/trouble.c src/machine/backup/trouble.h \
	src/machine/backup/view.c src/machine/backup/view.h \
	src/machine/backup/target.c src/machine/backup/target.h \
	src/machine/manage/automatic.c src/machine/manage/automatic.h \
	src/machine/manage/arrival.c src/machine/manage/arrival.h \
	src/machine/manage/arrival_halfway.c \
	src/machine/manage/distrust.c \
	src/machine/manage/export.c src/machine/manage/exporting.c src/machine/manage/exporting.h \
	src/machine/manage/volume_arrival.c src/machine/manage/volume_arrival.h \
	src/machine/manage/volume_travel.c src/machine/manage/export_volumes.c src/machine/manage/export_volumes.h \
	src/machine/manage/import_volumes.c src/machine/manage/import_volumes.h \
	src/machine/manage/import_volumes_keep.c \
	src/machine/manage/import_increment.c src/machine/manage/import_increment.h \
	src/machine/manage/export_chain.c src/machine/manage/export_chain.h src/machine/manage/export_start.c \
	src/machine/manage/hostname.c src/machine/manage/hostname.h \
	src/machine/manage/import.c \
	src/machine/manage/halfway.c src/machine/manage/halfway.h \
	src/machine/manage/increment.c src/machine/manage/increment.h \
	src/machine/manage/moment.c src/machine/manage/moment.h \
	src/machine/manage/moving.c src/machine/manage/moving.h \
	src/machine/manage/moving_check.c \
	src/machine/manage/pool_move.c src/machine/manage/pool_move.h \
	src/machine/manage/pool_move_check.c src/machine/manage/pool_move_copy.c \
	src/machine/manage/pool_move_settle.c \
	src/machine/manage/travel.h \
	src/machine/manage/birth.c src/machine/manage/birth.h \
	src/machine/manage/boot.c src/machine/manage/boot.h \
	src/machine/manage/check.c src/machine/manage/check.h \
	src/machine/manage/clone_volumes.c src/machine/manage/clone_volumes.h \
	src/machine/manage/create.c src/machine/manage/diff.c src/machine/manage/diff.h \
	src/machine/manage/joint_drop.c src/machine/manage/joint_drop.h src/machine/manage/joint_restore.c \
	src/machine/manage/joint_take.c src/machine/manage/joint_take.h \
	src/machine/manage/data.c src/machine/manage/data.h \
	src/machine/manage/delete.c \
	src/machine/manage/forward.c \
	src/machine/manage/rule.c \
	src/machine/manage/rule_network.c \
	src/machine/manage/rule_name.h src/machine/manage/rule_name.c \
	src/machine/manage/rule_peers.c src/machine/manage/rule_peers.h \
	src/machine/manage/settings_lock.c src/machine/manage/settings_lock.h \
	src/machine/manage/settings_backup.c src/machine/manage/settings_backup.h \
	src/machine/manage/manage.h \
	src/machine/manage/nic.c \
	src/machine/manage/open.c \
	src/machine/manage/publish.c \
	src/machine/manage/quiesce.c src/machine/manage/quiesce.h \
	src/machine/manage/repair.c \
	src/machine/manage/replace.c src/machine/manage/replace.h \
	src/machine/manage/reset.c \
	src/machine/manage/rootsize.c src/machine/manage/rootsize.h \
	src/machine/manage/set.c \
	src/machine/manage/settle.c src/machine/manage/settle.h \
	src/machine/manage/snapshot.c \
	src/machine/manage/sweep.c

# The other one that links libsystemd is berth-names.
if HAVE_SYSTEMD
pkglibexec_PROGRAMS += libexec/berth-scope
libexec_berth_scope_SOURCES = src/machine/life/scope_main.c
libexec_berth_scope_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libexec_berth_scope_LDADD = $(SYSTEMD_LIBS)
endif

if HAVE_CUNIT
check_PROGRAMS += test_machine
TESTS += test_machine
test_machine_SOURCES = tests/unit/test_machine.c tests/unit/test_machine.h tests/unit/test_machine_identity.c \
	tests/unit/test_machine_ids.c tests/unit/test_machine_index.c tests/unit/test_machine_limits.c tests/unit/test_machine_state.c \
	tests/unit/suite.c tests/unit/suite.h
test_machine_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_TEMPLATES='"$(abs_top_srcdir)/templates"'
test_machine_LDADD = libmachine.a libstream.a libimage.a libstorage.a libnetwork.a libkeeper.a libconfig.a \
	libkern.a libbase.a $(CAP_LIBS) $(STORAGE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += test_boot test_desktop test_events
TESTS += test_boot test_desktop test_events
test_boot_SOURCES = tests/unit/test_boot.c tests/unit/suite.c tests/unit/suite.h
test_boot_LDADD = $(test_machine_LDADD)
test_desktop_SOURCES = tests/unit/test_desktop.c tests/unit/suite.c tests/unit/suite.h
test_desktop_LDADD = $(test_machine_LDADD)
test_events_SOURCES = tests/unit/test_events.c tests/unit/suite.c tests/unit/suite.h
test_events_LDADD = $(test_machine_LDADD)

check_PROGRAMS += test_store
TESTS += test_store
test_store_SOURCES = tests/unit/test_store.c $(storage_scratch)
test_store_LDADD = $(test_machine_LDADD)

check_PROGRAMS += test_memory
TESTS += test_memory
test_memory_SOURCES = tests/unit/test_memory.c tests/unit/suite.c tests/unit/suite.h
test_memory_LDADD = $(test_machine_LDADD)
test_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=strdup -Wl,--wrap=realloc
endif
