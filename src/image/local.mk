noinst_LIBRARIES += libimage.a
libimage_a_SOURCES = \
	src/image/build.c \
	src/image/import.c \
	src/image/incoming.c src/image/incoming.h \
	src/image/init.c src/image/init.h \
	src/image/root.c src/image/root.h \
	src/image/template.c src/image/template.h \
	src/image/unpack.h src/image/unpacker.c

# The only program that links libarchive, which costs 2 ms at each start.
pkglibexec_PROGRAMS += libexec/berth-unpack
libexec_berth_unpack_SOURCES = \
	src/image/extract.c src/image/layout.c src/image/unpack.c src/image/unpack.h
libexec_berth_unpack_LDADD = libkern.a libbase.a $(ARCHIVE_LIBS) $(CAP_LIBS)
