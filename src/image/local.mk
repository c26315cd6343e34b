noinst_LIBRARIES += libimage.a
libimage_a_SOURCES = \
	src/image/app.c src/image/app.h \
	src/image/archive.c \
	src/image/build.c \
	src/image/catalogue.c \
	src/image/container.c src/image/container.h \
	src/image/download.c src/image/download.h \
	src/image/export.c src/image/export.h src/image/export_text.c \
	src/image/fetch.h src/image/fetcher.c \
	src/image/folder.c \
	src/image/goarch.c src/image/goarch.h \
	src/image/helper.c src/image/helper.h \
	src/image/import.c src/image/import.h \
	src/image/incoming.c src/image/incoming.h \
	src/image/init.c src/image/init.h \
	src/image/lxc.c \
	src/image/oci_look.c \
	src/image/offer.c src/image/offer.h \
	src/image/pack.h src/image/packer.c \
	src/image/pull.c src/image/pull.h \
	src/image/registry.c \
	src/image/remote.c src/image/remote.h \
	src/image/root.c src/image/root.h \
	src/image/server.c \
	src/image/sha256.c src/image/sha256.h \
	src/image/source.c src/image/source.h \
	src/image/strip.c src/image/strip.h \
	src/image/strip_list.c src/image/strip_list.h \
	src/image/template.c src/image/template.h \
	src/image/template_cache.c src/image/template_cache.h \
	src/image/template_set.c \
	src/image/tree.c \
	src/image/unpack.h src/image/unpacker.c
libimage_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CPPFLAGS)

# The only program that links libarchive and libsquashfs, which costs 2 ms at each start.
pkglibexec_PROGRAMS += libexec/berth-unpack
libexec_berth_unpack_SOURCES = \
	src/image/attributes.c src/image/attributes.h \
	src/image/confined.c src/image/confined.h \
	src/image/decode.c src/image/decode.h \
	src/image/disk.c src/image/disk.h src/image/disk_file.c src/image/disk_read.c \
	src/image/entry.c src/image/entry.h \
	src/image/ext4.c src/image/ext4_io.c src/image/ext4_io.h \
	src/image/extract.c src/image/tar.h \
	src/image/goarch.c src/image/goarch.h \
	src/image/layer.c src/image/layer.h \
	src/image/layout.c src/image/metadata.c \
	src/image/oci.c src/image/oci.h \
	src/image/oci_json.c src/image/oci_json.h \
	src/image/oci_look.c \
	src/image/partitions.c \
	src/image/qcow2.c \
	src/image/sandbox.c src/image/sandbox.h \
	src/image/sha256.c src/image/sha256.h \
	src/image/squash.c \
	src/image/unpack.c src/image/unpack.h
libexec_berth_unpack_CPPFLAGS = $(AM_CPPFLAGS) $(SQUASHFS_CPPFLAGS) $(EXT2FS_CPPFLAGS)
if SANITIZERS
libexec_berth_unpack_CPPFLAGS += -DUNPACK_MEMORY_MAX=RLIM_INFINITY -DUNPACK_UNFILTERED=1
endif
libexec_berth_unpack_LDADD = libconfig.a libkern.a libbase.a $(ARCHIVE_LIBS) $(SQUASHFS_LIBS) $(EXT2FS_LIBS) $(STREAM_LIBS) $(JSON_LIBS) $(DL_LIBS) $(CAP_LIBS)

# Writes a folder as an archive: templates that are exported, folders that are imported.
pkglibexec_PROGRAMS += libexec/berth-pack
libexec_berth_pack_SOURCES = \
	src/image/attributes.c src/image/attributes.h \
	src/image/confined.c src/image/confined.h \
	src/image/layout_out.c src/image/layout_out.h \
	src/image/pack.c src/image/pack.h \
	src/image/sandbox.c src/image/sandbox.h \
	src/image/sha256.c src/image/sha256.h \
	src/image/shift.c src/image/shift.h \
	src/image/walk.c src/image/walk.h \
	src/image/writer.c src/image/writer.h
libexec_berth_pack_CPPFLAGS = $(AM_CPPFLAGS)
if SANITIZERS
libexec_berth_pack_CPPFLAGS += -DUNPACK_MEMORY_MAX=RLIM_INFINITY -DUNPACK_UNFILTERED=1
endif
libexec_berth_pack_LDADD = libkern.a libbase.a $(ARCHIVE_LIBS) $(JSON_LIBS) $(DL_LIBS) $(CAP_LIBS)

# The only program that links libcurl, and the only one that talks to a server.
if HAVE_CURL
pkglibexec_PROGRAMS += libexec/berth-fetch
endif
libexec_berth_fetch_SOURCES = \
	src/image/confined.c src/image/confined.h \
	src/image/fetch.c src/image/fetch.h \
	src/image/offer.c src/image/offer.h \
	src/image/streams.c src/image/streams.h \
	src/image/transport.c src/image/transport.h
libexec_berth_fetch_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
if SANITIZERS
libexec_berth_fetch_CPPFLAGS += -DFETCH_MEMORY_MAX=RLIM_INFINITY
endif
libexec_berth_fetch_LDADD = libkern.a libbase.a $(CURL_LIBS) $(JSON_LIBS) $(CAP_LIBS)

if HAVE_CUNIT
check_PROGRAMS += test_container test_damaged test_oci test_offer test_root test_strip test_template test_unpack
TESTS += test_container test_damaged test_oci test_offer test_root test_strip test_template test_unpack
test_container_SOURCES = tests/unit/test_container.c tests/unit/suite.c tests/unit/suite.h src/image/shift.c
test_container_LDADD = libimage.a libconfig.a libkern.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
test_damaged_SOURCES = tests/unit/test_damaged.c tests/unit/suite.c tests/unit/suite.h \
	tests/unit/tarball.c tests/unit/tarball.h
test_damaged_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_LIBEXEC='"$(abs_top_builddir)/libexec"'
test_damaged_LDADD = libimage.a libconfig.a libkern.a libbase.a $(ARCHIVE_LIBS) $(CAP_LIBS) $(CUNIT_LIBS)
test_oci_SOURCES = tests/unit/test_oci.c tests/unit/suite.c tests/unit/suite.h src/image/layer.c \
	src/image/attributes.c src/image/decode.c src/image/entry.c src/image/extract.c src/image/metadata.c \
	src/image/oci_json.c src/image/squash.c
test_oci_CPPFLAGS = $(AM_CPPFLAGS) $(SQUASHFS_CPPFLAGS)
test_oci_LDADD = libimage.a libconfig.a libkern.a libbase.a $(ARCHIVE_LIBS) $(SQUASHFS_LIBS) $(JSON_LIBS) \
	$(DL_LIBS) $(CAP_LIBS) $(CUNIT_LIBS)
test_offer_SOURCES = tests/unit/test_offer.c tests/unit/suite.c tests/unit/suite.h src/image/streams.c
test_offer_LDADD = libimage.a libconfig.a libkern.a libbase.a $(JSON_LIBS) $(CAP_LIBS) $(CUNIT_LIBS)
test_root_SOURCES = tests/unit/test_root.c tests/unit/suite.c tests/unit/suite.h
test_root_LDADD = libimage.a libconfig.a libkern.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
test_strip_SOURCES = tests/unit/test_strip.c tests/unit/suite.c tests/unit/suite.h
test_strip_LDADD = libimage.a libconfig.a libkern.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
test_unpack_SOURCES = tests/unit/test_unpack.c tests/unit/suite.c tests/unit/suite.h \
	tests/unit/tarball.c tests/unit/tarball.h
test_unpack_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_LIBEXEC='"$(abs_top_builddir)/libexec"'
test_unpack_LDADD = libimage.a libconfig.a libkern.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
test_template_SOURCES = tests/unit/test_template.c tests/unit/suite.c tests/unit/suite.h \
	tests/unit/tarball.c tests/unit/tarball.h
test_template_CPPFLAGS = $(test_unpack_CPPFLAGS)
test_template_LDADD = libimage.a libstorage.a libconfig.a libkern.a libbase.a $(STORAGE_LIBS) $(CAP_LIBS) $(CUNIT_LIBS)
endif
