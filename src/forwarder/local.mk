pkglibexec_PROGRAMS += libexec/berth-forward
libexec_berth_forward_SOURCES = \
	src/forwarder/connection.c \
	src/forwarder/demand.c src/forwarder/demand.h \
	src/forwarder/demand_serve.c \
	src/forwarder/flow.c src/forwarder/flow.h \
	src/forwarder/forwarder.h \
	src/forwarder/header.c \
	src/forwarder/main.c \
	src/forwarder/proxy.c src/forwarder/proxy.h
libexec_berth_forward_CPPFLAGS = $(AM_CPPFLAGS)
if SANITIZERS
libexec_berth_forward_CPPFLAGS += -DFORWARD_UNFILTERED=1
endif
libexec_berth_forward_LDADD = libkern.a libbase.a $(CAP_LIBS)
