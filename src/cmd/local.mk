noinst_LIBRARIES += libcmd.a
libcmd_a_SOURCES = \
	src/cmd/command.h \
	src/cmd/common.c src/cmd/common.h \
	src/cmd/complete.c \
	src/cmd/create.c \
	src/cmd/doctor.c src/cmd/doctor.h \
	src/cmd/doctor_host.c \
	src/cmd/doctor_kernel.c \
	src/cmd/enter.c \
	src/cmd/help.c \
	src/cmd/info.c \
	src/cmd/keeper.c \
	src/cmd/lifecycle.c \
	src/cmd/list.c \
	src/cmd/logfilter.c src/cmd/logfilter.h \
	src/cmd/logs.c \
	src/cmd/network.c \
	src/cmd/options.c \
	src/cmd/pool.c \
	src/cmd/print.c src/cmd/print.h \
	src/cmd/settings.c \
	src/cmd/snapshot.c \
	src/cmd/template.c \
	src/cmd/verbs.c src/cmd/verbs.h

bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = completions/berth

