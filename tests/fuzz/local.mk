# A program for each parser that takes bytes from outside, driven by libFuzzer, which searches, or gives the program the
# files of its corpus, as a test. Only a tree that is configured with --enable-fuzzing (and clang) builds these.
fuzz_targets = \
	fuzz_archive \
	fuzz_backups \
	fuzz_catalog \
	fuzz_config \
	fuzz_console \
	fuzz_described \
	fuzz_display \
	fuzz_dm \
	fuzz_keeper \
	fuzz_label \
	fuzz_layers \
	fuzz_lease \
	fuzz_link \
	fuzz_mappings \
	fuzz_oci \
	fuzz_proc \
	fuzz_protocol \
	fuzz_request \
	fuzz_rfb \
	fuzz_root \
	fuzz_session \
	fuzz_stream \
	fuzz_streams \
	fuzz_tickets \
	fuzz_user \
	fuzz_websocket
fuzz_common = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
fuzz_flags = -fsanitize=fuzzer
if FUZZING
check_PROGRAMS += $(fuzz_targets)
endif

fuzz_archive_SOURCES = tests/fuzz/archive.c src/image/shared/attributes.c src/image/unpack/decode.c src/image/unpack/entry.c \
	src/image/unpack/disk.c src/image/unpack/disk_file.c src/image/unpack/disk_read.c src/image/unpack/ext4.c src/image/unpack/ext4_io.c src/image/unpack/extract.c src/image/unpack/layout.c src/image/unpack/metadata.c \
	src/image/unpack/partitions.c src/image/unpack/qcow2.c src/image/shared/sha256.c src/image/unpack/squash.c \
	$(fuzz_common)
fuzz_archive_CPPFLAGS = $(AM_CPPFLAGS) $(SQUASHFS_CPPFLAGS) $(EXT2FS_CPPFLAGS)
fuzz_archive_LDADD = $(libexec_berth_unpack_LDADD)
fuzz_archive_LDFLAGS = $(fuzz_flags)
fuzz_backups_SOURCES = tests/fuzz/backups.c $(fuzz_common)
fuzz_backups_LDADD = $(cmd_libs)
fuzz_backups_LDFLAGS = $(fuzz_flags)
fuzz_catalog_SOURCES = tests/fuzz/catalog.c $(fuzz_common)
fuzz_catalog_LDADD = libstorage.a libconfig.a libkern.a libbase.a $(STORAGE_LIBS) $(CAP_LIBS)
fuzz_catalog_LDFLAGS = $(fuzz_flags)
fuzz_config_SOURCES = tests/fuzz/config.c $(fuzz_common)
fuzz_config_LDADD = libconfig.a libbase.a $(CAP_LIBS)
fuzz_config_LDFLAGS = $(fuzz_flags)
fuzz_console_SOURCES = tests/fuzz/console.c src/cmd/machine/logfilter.c $(fuzz_common)
fuzz_console_LDADD = libkeeper.a libbase.a
fuzz_console_LDFLAGS = $(fuzz_flags)
fuzz_described_SOURCES = tests/fuzz/described.c $(fuzz_common)
fuzz_described_LDADD = libconfig.a libbase.a $(CAP_LIBS)
fuzz_described_LDFLAGS = $(fuzz_flags)
fuzz_display_SOURCES = tests/fuzz/display.c src/machine/desktop/picture.c src/machine/desktop/png.c \
	src/machine/desktop/rfb.c src/machine/desktop/rfb_shown.c $(fuzz_common)
fuzz_display_LDADD = libbase.a
fuzz_display_LDFLAGS = $(fuzz_flags)
fuzz_dm_SOURCES = tests/fuzz/dm.c $(fuzz_common)
fuzz_dm_LDADD = libkern.a libbase.a
fuzz_dm_LDFLAGS = $(fuzz_flags)
fuzz_keeper_SOURCES = tests/fuzz/keeper.c src/keeper/clients.c src/keeper/input.c src/keeper/loop.c \
	src/keeper/output.c src/keeper/peer.c src/keeper/requests.c $(fuzz_common)
fuzz_keeper_LDADD = libkeeper.a libkern.a libbase.a
fuzz_keeper_LDFLAGS = $(fuzz_flags)
fuzz_label_SOURCES = tests/fuzz/label.c $(fuzz_common)
fuzz_label_LDADD = libstorage.a libconfig.a libkern.a libbase.a $(STORAGE_LIBS) $(CAP_LIBS)
fuzz_label_LDFLAGS = $(fuzz_flags)
fuzz_layers_SOURCES = tests/fuzz/layers.c src/image/shared/attributes.c src/image/unpack/decode.c src/image/unpack/entry.c \
	src/image/unpack/extract.c src/image/unpack/layer.c src/image/unpack/layout.c src/image/unpack/metadata.c \
	src/image/shared/sha256.c src/image/unpack/squash.c \
	$(fuzz_common)
fuzz_layers_CPPFLAGS = $(AM_CPPFLAGS) $(SQUASHFS_CPPFLAGS)
fuzz_layers_LDADD = $(libexec_berth_unpack_LDADD)
fuzz_layers_LDFLAGS = $(fuzz_flags)
fuzz_lease_SOURCES = tests/fuzz/lease.c $(fuzz_common)
fuzz_lease_LDADD = libnetwork.a libconfig.a libkern.a libbase.a $(DL_LIBS) $(CAP_LIBS)
fuzz_lease_LDFLAGS = $(fuzz_flags)
fuzz_link_SOURCES = tests/fuzz/link.c $(fuzz_common)
fuzz_link_LDADD = libkern.a libbase.a $(DL_LIBS)
fuzz_link_LDFLAGS = $(fuzz_flags)
fuzz_mappings_SOURCES = tests/fuzz/mappings.c $(fuzz_common)
fuzz_mappings_LDADD = libstorage.a libconfig.a libkern.a libbase.a $(STORAGE_LIBS) $(CAP_LIBS)
fuzz_mappings_LDFLAGS = $(fuzz_flags)
fuzz_oci_SOURCES = tests/fuzz/oci.c src/image/shared/attributes.c src/image/unpack/decode.c src/image/unpack/entry.c \
	src/image/unpack/extract.c src/image/unpack/layer.c src/image/unpack/layout.c src/image/unpack/metadata.c src/image/unpack/oci.c \
	src/image/shared/goarch.c src/image/unpack/oci_json.c src/image/unpack/oci_look.c src/image/shared/sha256.c src/image/unpack/squash.c src/image/template/app.c \
	src/image/template/root.c src/image/template/init.c \
	$(fuzz_common)
fuzz_oci_CPPFLAGS = $(AM_CPPFLAGS) $(SQUASHFS_CPPFLAGS)
fuzz_oci_LDADD = $(libexec_berth_unpack_LDADD)
fuzz_oci_LDFLAGS = $(fuzz_flags)
fuzz_proc_SOURCES = tests/fuzz/proc.c $(fuzz_common)
fuzz_proc_LDADD = $(cmd_libs)
fuzz_proc_LDFLAGS = $(fuzz_flags) -Wl,--wrap=fopen,--wrap=statfs
fuzz_protocol_SOURCES = tests/fuzz/protocol.c $(fuzz_common)
fuzz_protocol_LDADD = libkeeper.a libkern.a libbase.a
fuzz_protocol_LDFLAGS = $(fuzz_flags)
fuzz_rfb_SOURCES = tests/fuzz/rfb.c src/machine/desktop/rfb.c $(fuzz_common)
fuzz_rfb_LDADD = libbase.a
fuzz_rfb_LDFLAGS = $(fuzz_flags)
fuzz_root_SOURCES = tests/fuzz/root.c $(fuzz_common)
fuzz_root_LDADD = libimage.a libstorage.a libconfig.a libkern.a libbase.a $(STORAGE_LIBS) $(CAP_LIBS)
fuzz_root_LDFLAGS = $(fuzz_flags)
fuzz_stream_SOURCES = tests/fuzz/stream.c tests/unit/stream_bytes.c tests/unit/stream_bytes.h \
	$(stream_confined) src/stream/describe.c $(fuzz_common)
fuzz_stream_CPPFLAGS = $(AM_CPPFLAGS) -iquote $(top_srcdir)/tests/unit
fuzz_stream_LDADD = libconfig.a $(libexec_berth_stream_LDADD)
fuzz_stream_LDFLAGS = $(fuzz_flags)
fuzz_streams_SOURCES = tests/fuzz/streams.c src/image/shared/offer.c src/image/fetch/streams.c $(fuzz_common)
fuzz_streams_LDADD = libbase.a $(JSON_LIBS)
fuzz_streams_LDFLAGS = $(fuzz_flags)
fuzz_request_SOURCES = tests/fuzz/request.c $(fuzz_common)
fuzz_request_LDADD = $(cmd_libs)
fuzz_request_LDFLAGS = $(fuzz_flags)
fuzz_user_SOURCES = tests/fuzz/user.c $(fuzz_common)
fuzz_user_LDADD = $(cmd_libs)
fuzz_user_LDFLAGS = $(fuzz_flags)
fuzz_session_SOURCES = tests/fuzz/session.c $(fuzz_common)
fuzz_session_LDADD = libgateway.a libbase.a $(JSON_LIBS) $(NETTLE_LIBS)
fuzz_session_LDFLAGS = $(fuzz_flags)
fuzz_tickets_SOURCES = tests/fuzz/tickets.c $(fuzz_common)
fuzz_tickets_LDADD = libgateway.a libbase.a $(JSON_LIBS) $(NETTLE_LIBS)
fuzz_tickets_LDFLAGS = $(fuzz_flags)
fuzz_websocket_SOURCES = tests/fuzz/websocket.c $(fuzz_common)
fuzz_websocket_LDADD = libgateway.a libbase.a $(JSON_LIBS) $(NETTLE_LIBS)
fuzz_websocket_LDFLAGS = $(fuzz_flags)

EXTRA_DIST += tests/fuzz/run tests/fuzz/backups.dict tests/fuzz/config.dict tests/fuzz/described.dict tests/fuzz/dm.dict tests/fuzz/oci.dict tests/fuzz/root.dict tests/fuzz/streams.dict tests/fuzz/corpus
