noinst_LIBRARIES += libcmd.a
libcmd_a_SOURCES = \
	src/cmd/act.c \
	src/cmd/adopt.c \
	src/cmd/apply.c src/cmd/apply.h \
	src/cmd/apply_check.c \
	src/cmd/apply_do.c \
	src/cmd/apply_look.c \
	src/cmd/apply_loss.c \
	src/cmd/apply_plan.c \
	src/cmd/apply_wanted.c \
	src/cmd/background.c \
	src/cmd/boot.c \
	src/cmd/command.h \
	src/cmd/cloud_init.c src/cmd/cloud_init.h \
	src/cmd/common.c src/cmd/common.h \
	src/cmd/complete.c \
	src/cmd/completion.c \
	src/cmd/create.c \
	src/cmd/derive.c src/cmd/derive.h \
	src/cmd/derive_cache.c \
	src/cmd/derive_machine.c \
	src/cmd/derive_source.c \
	src/cmd/derive_step.c \
	src/cmd/doctor.c src/cmd/doctor.h \
	src/cmd/doctor_host.c \
	src/cmd/doctor_kernel.c \
	src/cmd/doctor_state.c \
	src/cmd/each.c \
	src/cmd/enter.c \
	src/cmd/events.c \
	src/cmd/export.c \
	src/cmd/forward.c src/cmd/forward.h \
	src/cmd/foreground.c \
	src/cmd/given.c \
	src/cmd/help.c \
	src/cmd/info.c \
	src/cmd/keeper.c \
	src/cmd/lifecycle.c \
	src/cmd/labels.c src/cmd/labels.h \
	src/cmd/list.c \
	src/cmd/list_columns.c src/cmd/list_columns.h \
	src/cmd/logfilter.c src/cmd/logfilter.h \
	src/cmd/logs.c \
	src/cmd/maintenance.c \
	src/cmd/many.c src/cmd/many.h \
	src/cmd/mount.c \
	src/cmd/names.c src/cmd/names.h \
	src/cmd/network.c \
	src/cmd/nic.c src/cmd/nic.h \
	src/cmd/options.c \
	src/cmd/pool.c src/cmd/pool.h \
	src/cmd/pool_list.c \
	src/cmd/pool_usage.c \
	src/cmd/print.c src/cmd/print.h \
	src/cmd/progress.c src/cmd/progress.h \
	src/cmd/publish.c \
	src/cmd/provision.c src/cmd/provision.h \
	src/cmd/provision_options.c src/cmd/provision_options.h \
	src/cmd/remote.c \
	src/cmd/rename.c \
	src/cmd/far.c src/cmd/far.h \
	src/cmd/receive.c \
	src/cmd/send.c \
	src/cmd/wire.c src/cmd/wire.h \
	src/cmd/report.c src/cmd/report.h \
	src/cmd/reset.c \
	src/cmd/run.c \
	src/cmd/search.c \
	src/cmd/settings.c src/cmd/settings.h \
	src/cmd/snapshot.c \
	src/cmd/started.c \
	src/cmd/stop.c \
	src/cmd/table.c src/cmd/table.h \
	src/cmd/template.c src/cmd/template.h \
	src/cmd/template_cache.c \
	src/cmd/template_export.c \
	src/cmd/template_info.c \
	src/cmd/template_settings.c \
	src/cmd/top.c \
	src/cmd/transfer.c \
	src/cmd/verbs.c src/cmd/verbs.h

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
check_PROGRAMS += test_cmd
TESTS += test_cmd
test_cmd_SOURCES = tests/unit/test_cmd.c tests/unit/suite.c tests/unit/suite.h
# Where the manual is, for the test that compares it with the tables.
test_cmd_CPPFLAGS = $(AM_CPPFLAGS) -DSOURCE_FOLDER='"$(abs_top_srcdir)"'
test_cmd_LDADD = $(cmd_libs) $(CUNIT_LIBS)
endif
