noinst_LIBRARIES += libimage.a
libimage_a_SOURCES = \
	src/image/fetch/fetch.h src/image/fetch/fetcher.c \
	src/image/pack/pack.h src/image/pack/packer.c \
	src/image/shared/goarch.c src/image/shared/goarch.h \
	src/image/shared/helper.c src/image/shared/helper.h \
	src/image/shared/offer.c src/image/shared/offer.h \
	src/image/shared/sha256.c src/image/shared/sha256.h \
	src/image/source/archive.c \
	src/image/source/catalogue.c \
	src/image/source/container.c src/image/source/container.h \
	src/image/source/download.c src/image/source/download.h \
	src/image/source/export.c src/image/source/export.h src/image/source/export_text.c \
	src/image/source/folder.c \
	src/image/source/import.c src/image/source/import.h \
	src/image/source/lxc.c \
	src/image/source/pull.c src/image/source/pull.h \
	src/image/source/registry.c \
	src/image/source/remote.c src/image/source/remote.h \
	src/image/source/server.c \
	src/image/source/source.c src/image/source/source.h \
	src/image/source/tree.c \
	src/image/template/app.c src/image/template/app.h \
	src/image/template/build.c \
	src/image/template/incoming.c src/image/template/incoming.h \
	src/image/template/init.c src/image/template/init.h \
	src/image/template/root.c src/image/template/root.h \
	src/image/template/strip.c src/image/template/strip.h \
	src/image/template/strip_list.c src/image/template/strip_list.h \
	src/image/template/template.c src/image/template/template.h \
	src/image/template/template_cache.c src/image/template/template_cache.h \
	src/image/template/template_set.c \
	src/image/unpack/oci_look.c \
	src/image/unpack/unpack.h src/image/unpack/unpacker.c
libimage_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CPPFLAGS)

# The only program that links libarchive and libsquashfs, which costs 2 ms at each start.
pkglibexec_PROGRAMS += libexec/berth-unpack
libexec_berth_unpack_SOURCES = \
	src/image/shared/attributes.c src/image/shared/attributes.h \
	src/image/shared/confined.c src/image/shared/confined.h \
	src/image/shared/goarch.c src/image/shared/goarch.h \
	src/image/shared/sandbox.c src/image/shared/sandbox.h \
	src/image/shared/sha256.c src/image/shared/sha256.h \
	src/image/unpack/decode.c src/image/unpack/decode.h \
	src/image/unpack/disk.c src/image/unpack/disk.h src/image/unpack/disk_file.c src/image/unpack/disk_read.c \
	src/image/unpack/entry.c src/image/unpack/entry.h \
	src/image/unpack/ext4.c src/image/unpack/ext4_io.c src/image/unpack/ext4_io.h \
	src/image/unpack/extract.c src/image/unpack/tar.h \
	src/image/unpack/layer.c src/image/unpack/layer.h \
	src/image/unpack/layout.c src/image/unpack/metadata.c \
	src/image/unpack/oci.c src/image/unpack/oci.h \
	src/image/unpack/oci_json.c src/image/unpack/oci_json.h \
	src/image/unpack/oci_look.c \
	src/image/unpack/partitions.c \
	src/image/unpack/qcow2.c \
	src/image/unpack/squash.c \
	src/image/unpack/unpack.c src/image/unpack/unpack.h
libexec_berth_unpack_CPPFLAGS = $(AM_CPPFLAGS) $(SQUASHFS_CPPFLAGS) $(EXT2FS_CPPFLAGS)
if SANITIZERS
libexec_berth_unpack_CPPFLAGS += -DUNPACK_MEMORY_MAX=RLIM_INFINITY -DUNPACK_UNFILTERED=1
endif
libexec_berth_unpack_LDADD = libconfig.a libkern.a libbase.a $(ARCHIVE_LIBS) $(SQUASHFS_LIBS) $(EXT2FS_LIBS) $(STREAM_LIBS) $(JSON_LIBS) $(DL_LIBS) $(CAP_LIBS)

# Writes a folder as an archive: templates that are exported, folders that are imported.
pkglibexec_PROGRAMS += libexec/berth-pack
libexec_berth_pack_SOURCES = \
	src/image/pack/layout_out.c src/image/pack/layout_out.h \
	src/image/pack/pack.c src/image/pack/pack.h \
	src/image/pack/shift.c src/image/pack/shift.h \
	src/image/pack/walk.c src/image/pack/walk.h \
	src/image/pack/writer.c src/image/pack/writer.h \
	src/image/shared/attributes.c src/image/shared/attributes.h \
	src/image/shared/confined.c src/image/shared/confined.h \
	src/image/shared/sandbox.c src/image/shared/sandbox.h \
	src/image/shared/sha256.c src/image/shared/sha256.h
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
	src/image/fetch/fetch.c src/image/fetch/fetch.h \
	src/image/fetch/streams.c src/image/fetch/streams.h \
	src/image/fetch/transport.c src/image/fetch/transport.h \
	src/image/shared/confined.c src/image/shared/confined.h \
	src/image/shared/offer.c src/image/shared/offer.h
libexec_berth_fetch_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
if SANITIZERS
libexec_berth_fetch_CPPFLAGS += -DFETCH_MEMORY_MAX=RLIM_INFINITY
endif
libexec_berth_fetch_LDADD = libkern.a libbase.a $(CURL_LIBS) $(JSON_LIBS) $(CAP_LIBS)

if HAVE_CUNIT
check_PROGRAMS += test_container test_damaged test_oci test_offer test_root test_strip test_template test_unpack
TESTS += test_container test_damaged test_oci test_offer test_root test_strip test_template test_unpack
test_container_SOURCES = tests/unit/test_container.c tests/unit/suite.c tests/unit/suite.h src/image/pack/shift.c
test_container_LDADD = libimage.a libconfig.a libkern.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
test_damaged_SOURCES = tests/unit/test_damaged.c tests/unit/suite.c tests/unit/suite.h \
	tests/unit/tarball.c tests/unit/tarball.h
test_damaged_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_LIBEXEC='"$(abs_top_builddir)/libexec"'
test_damaged_LDADD = libimage.a libconfig.a libkern.a libbase.a $(ARCHIVE_LIBS) $(CAP_LIBS) $(CUNIT_LIBS)
test_oci_SOURCES = tests/unit/test_oci.c tests/unit/suite.c tests/unit/suite.h src/image/unpack/layer.c \
	src/image/shared/attributes.c src/image/unpack/decode.c src/image/unpack/entry.c src/image/unpack/extract.c src/image/unpack/metadata.c \
	src/image/unpack/oci_json.c src/image/unpack/squash.c
test_oci_CPPFLAGS = $(AM_CPPFLAGS) $(SQUASHFS_CPPFLAGS)
test_oci_LDADD = libimage.a libconfig.a libkern.a libbase.a $(ARCHIVE_LIBS) $(SQUASHFS_LIBS) $(JSON_LIBS) \
	$(DL_LIBS) $(CAP_LIBS) $(CUNIT_LIBS)
test_offer_SOURCES = tests/unit/test_offer.c tests/unit/suite.c tests/unit/suite.h src/image/fetch/streams.c
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
