noinst_LIBRARIES += libstream.a
libstream_a_SOURCES = \
	src/stream/describe.c \
	src/stream/exactly.c src/stream/exactly.h \
	src/stream/format.c src/stream/format.h \
	src/stream/in.c \
	src/stream/out.c \
	src/stream/program.h \
	src/stream/run.c src/stream/run.h \
	src/stream/stream.h \
	src/stream/verify.c

# The only program that links libzstd; as berth-unpack it reads what strangers wrote.
pkglibexec_PROGRAMS += libexec/berth-stream
stream_confined = \
	src/image/shared/attributes.c src/image/shared/attributes.h \
	src/image/unpack/entry.c src/image/unpack/entry.h \
	src/image/shared/sha256.c src/image/shared/sha256.h \
	src/stream/blocks.c src/stream/blocks.h \
	src/stream/codec.c src/stream/codec.h \
	src/stream/exactly.c src/stream/exactly.h \
	src/stream/fill.c src/stream/fill.h \
	src/stream/fill_further.c \
	src/stream/later.c src/stream/later.h \
	src/stream/format.c src/stream/format.h \
	src/stream/pack.c src/stream/pack.h \
	src/stream/pack_entry.c \
	src/stream/pack_part.c \
	src/stream/pack_same.c \
	src/stream/press.c src/stream/press.h \
	src/stream/sink.c src/stream/sink.h \
	src/stream/source.c src/stream/source.h
libexec_berth_stream_SOURCES = $(stream_confined) \
	src/image/shared/confined.c src/image/shared/confined.h \
	src/image/shared/sandbox.c src/image/shared/sandbox.h \
	src/stream/main.c src/stream/program.h
libexec_berth_stream_CPPFLAGS = $(AM_CPPFLAGS)
if SANITIZERS
libexec_berth_stream_CPPFLAGS += -DUNPACK_MEMORY_MAX=RLIM_INFINITY -DUNPACK_UNFILTERED=1
endif
libexec_berth_stream_LDADD = libkern.a libbase.a $(ARCHIVE_LIBS) $(STREAM_LIBS) $(DL_LIBS) $(CAP_LIBS)

if HAVE_CUNIT
check_PROGRAMS += test_blocks test_stream
TESTS += test_blocks test_stream
test_blocks_SOURCES = tests/unit/test_blocks.c tests/unit/suite.c tests/unit/suite.h
test_blocks_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_LIBEXEC='"$(abs_top_builddir)/libexec"' \
	-DTEST_STREAMS='"$(abs_top_srcdir)/tests/streams"'
test_blocks_LDADD = libstream.a libimage.a libstorage.a libconfig.a libkern.a libbase.a $(STORAGE_LIBS) $(CAP_LIBS) \
	$(CUNIT_LIBS)
test_stream_SOURCES = tests/unit/test_stream.c tests/unit/suite.c tests/unit/suite.h \
	tests/unit/stream_bytes.c tests/unit/stream_bytes.h \
	src/stream/codec.c src/stream/press.c src/stream/sink.c src/stream/source.c
test_stream_LDADD = libstream.a libimage.a libconfig.a libkern.a libbase.a $(STREAM_LIBS) $(DL_LIBS) $(CAP_LIBS) \
	$(CUNIT_LIBS)
endif
