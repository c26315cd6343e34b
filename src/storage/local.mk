noinst_LIBRARIES += libstorage.a
libstorage_a_SOURCES = \
	src/storage/backup.c src/storage/backup.h \
	src/storage/btrfs.c \
	src/storage/copy.c src/storage/copy.h \
	src/storage/copy_data.c src/storage/copy_data.h \
	src/storage/copy_entry.c src/storage/copy_entry.h \
	src/storage/default.c \
	src/storage/dir.c \
	src/storage/dir_limit.c src/storage/dir_limit.h \
	src/storage/disk.c src/storage/disk.h \
	src/storage/disk_format.c \
	src/storage/disk_grow.c \
	src/storage/disk_move.c \
	src/storage/driver.c src/storage/driver.h src/storage/maintenance.h \
	src/storage/extents.c src/storage/extents.h \
	src/storage/folder.c src/storage/folder.h \
	src/storage/freeing.c \
	src/storage/growth.c src/storage/growth.h \
	src/storage/inventory.c src/storage/inventory.h \
	src/storage/tree_diff.c src/storage/tree_diff.h src/storage/volume.c \
	src/storage/volume_lock.c src/storage/volume_lock.h \
	src/storage/links.c src/storage/links.h \
	src/storage/measure.c \
	src/storage/object.c src/storage/object.h src/storage/object_rename.c \
	src/storage/partial.c src/storage/partial.h \
	src/storage/pool.c src/storage/pool.h \
	src/storage/pool_import.c \
	src/storage/pool_backup.c \
	src/storage/pool_make.c \
	src/storage/pool_space.c \
	src/storage/pool_maintenance.c \
	src/storage/space.c src/storage/space.h \
	src/storage/storage.h \
	src/storage/subvol.c src/storage/subvol.h \
	src/storage/subvol_destroy.c \
	src/storage/subvol_nested.c \
	src/storage/subvol_quota.c \
	src/storage/subvol_usage.c \
	src/storage/subvol_search.c src/storage/subvol_search.h \
	src/storage/tree_usage.c src/storage/tree_usage.h \
	src/storage/thin/thin.c src/storage/thin/thin.h \
	src/storage/thin/thin_attach.c \
	src/storage/thin/thin_blank.c \
	src/storage/thin/thin_blocks.c \
	src/storage/thin/thin_ranges.c src/storage/thin/thin_ranges.h \
	src/storage/thin/thin_backup_area.c src/storage/thin/thin_backup_area.h \
	src/storage/thin/thin_catalog.c src/storage/thin/thin_catalog.h \
	src/storage/thin/thin_catalog_change.c \
	src/storage/thin/thin_check.c \
	src/storage/thin/thin_destroy.c \
	src/storage/thin/thin_detach.c \
	src/storage/thin/thin_device.c src/storage/thin/thin_device.h \
	src/storage/thin/thin_disks.c src/storage/thin/thin_disks.h \
	src/storage/thin/thin_find.c \
	src/storage/thin/thin_format.c \
	src/storage/thin/thin_fs.c \
	src/storage/thin/thin_grow.c \
	src/storage/thin/thin_ids.c \
	src/storage/thin/thin_trace.c src/storage/thin/thin_trace.h \
	src/storage/thin/thin_join.c \
	src/storage/thin/thin_backup.c src/storage/thin/thin_backup.h \
	src/storage/thin/thin_label.c \
	src/storage/thin/thin_layout.c \
	src/storage/thin/thin_make.c \
	src/storage/thin/thin_mark.c \
	src/storage/thin/thin_metadata.c src/storage/thin/thin_metadata.h \
	src/storage/thin/thin_move.c \
	src/storage/thin/thin_pool.c \
	src/storage/thin/thin_recover.c \
	src/storage/thin/thin_relabel.c \
	src/storage/thin/thin_repair.c \
	src/storage/thin/thin_resize.c \
	src/storage/thin/thin_session.c \
	src/storage/thin/thin_sqlite.c src/storage/thin/thin_sqlite.h \
	src/storage/thin/thin_space.c \
	src/storage/thin/thin_super.c src/storage/thin/thin_super.h \
	src/storage/thin/thin_taken.c src/storage/thin/thin_taken.h \
	src/storage/thin/thin_statement.c src/storage/thin/thin_statement.h \
	src/storage/thin/thin_trim.c \
	src/storage/thin/thin_unblock.c \
	src/storage/thin/thin_maintenance.c

if HAVE_CUNIT
storage_scratch = tests/unit/scratch.c tests/unit/scratch.h tests/unit/suite.c tests/unit/suite.h
storage_volumes = $(storage_scratch) tests/unit/volumes.c tests/unit/volumes.h
storage_ldadd = libstorage.a libconfig.a libkern.a libbase.a $(STORAGE_LIBS) $(CAP_LIBS) $(CUNIT_LIBS)
check_PROGRAMS += test_copy test_inventory test_pool test_storage
TESTS += test_copy test_inventory test_pool test_storage
check_PROGRAMS += test_catalog test_thin
TESTS += test_catalog test_thin
check_PROGRAMS += test_backup test_disks
TESTS += test_backup test_disks
test_backup_SOURCES = tests/unit/test_backup.c $(storage_scratch)
test_backup_LDADD = $(storage_ldadd)
test_disks_SOURCES = tests/unit/test_disks.c $(storage_scratch)
test_disks_LDADD = $(storage_ldadd)
test_thin_SOURCES = tests/unit/test_thin.c $(storage_scratch)
test_thin_LDADD = $(storage_ldadd)
test_catalog_SOURCES = tests/unit/test_catalog.c $(storage_scratch)
# Linked with SQLite, whose calls to the disk it counts.
test_catalog_LDADD = $(storage_ldadd) $(SQLITE_LIBS)
check_PROGRAMS += test_space test_extents
TESTS += test_space test_extents
test_extents_SOURCES = tests/unit/test_extents.c tests/unit/suite.c tests/unit/suite.h
test_extents_LDADD = libstorage.a $(CUNIT_LIBS)
test_space_SOURCES = tests/unit/test_space.c tests/unit/suite.c tests/unit/suite.h
test_space_LDADD = libstorage.a libbase.a $(CUNIT_LIBS)
check_PROGRAMS += test_ranges test_taken
TESTS += test_ranges test_taken
test_ranges_SOURCES = tests/unit/test_ranges.c tests/unit/suite.c tests/unit/suite.h
test_ranges_LDADD = $(storage_ldadd)
test_taken_SOURCES = tests/unit/test_taken.c tests/unit/suite.c tests/unit/suite.h
test_taken_LDADD = $(storage_ldadd)
test_copy_SOURCES = tests/unit/test_copy.c tests/unit/sample_tree.c tests/unit/sample_tree.h $(storage_scratch)
test_copy_LDADD = $(storage_ldadd)
test_pool_SOURCES = tests/unit/test_pool.c $(storage_volumes)
test_pool_LDADD = $(storage_ldadd)
test_inventory_SOURCES = tests/unit/test_inventory.c $(storage_volumes)
test_inventory_LDADD = $(storage_ldadd)
# For the guest: with the points at which it is killed, which nothing else is built with.
check_PROGRAMS += thin_faults
thin_with_faults = src/base/fault.c \
	src/storage/thin/thin.c src/storage/thin/thin_attach.c src/storage/thin/thin_blank.c src/storage/thin/thin_blocks.c src/storage/thin/thin_backup_area.c src/storage/thin/thin_catalog.c src/storage/thin/thin_catalog_change.c \
	src/storage/thin/thin_check.c src/storage/thin/thin_destroy.c src/storage/thin/thin_detach.c src/storage/thin/thin_device.c src/storage/thin/thin_disks.c src/storage/thin/thin_find.c src/storage/thin/thin_format.c \
	src/storage/thin/thin_fs.c src/storage/thin/thin_grow.c src/storage/thin/thin_ids.c src/storage/thin/thin_join.c \
	src/storage/thin/thin_backup.c src/storage/thin/thin_label.c src/storage/thin/thin_layout.c src/storage/thin/thin_make.c src/storage/thin/thin_mark.c src/storage/thin/thin_metadata.c src/storage/thin/thin_move.c src/storage/thin/thin_pool.c \
	src/storage/thin/thin_recover.c src/storage/thin/thin_relabel.c src/storage/thin/thin_repair.c src/storage/thin/thin_resize.c src/storage/thin/thin_session.c \
	src/storage/thin/thin_space.c src/storage/thin/thin_statement.c src/storage/thin/thin_super.c src/storage/thin/thin_taken.c src/storage/thin/thin_trim.c src/storage/thin/thin_unblock.c src/storage/thin/thin_maintenance.c
check_LIBRARIES = libthin_faults.a
libthin_faults_a_SOURCES = $(thin_with_faults)
libthin_faults_a_CPPFLAGS = $(AM_CPPFLAGS) -DBERTH_FAULTS=1
thin_faults_SOURCES = tests/vm/thin_faults.c
thin_faults_CPPFLAGS = $(libthin_faults_a_CPPFLAGS)
# All objects with these points, before the linker looks for some in libstorage.a.
thin_faults_LDFLAGS = -Wl,--whole-archive,libthin_faults.a,--no-whole-archive
thin_faults_DEPENDENCIES = libthin_faults.a $(storage_below)
thin_faults_LDADD = $(thin_flat_LDADD)
check_PROGRAMS += powercut
powercut_SOURCES = tests/vm/powercut.c
powercut_CPPFLAGS = $(libthin_faults_a_CPPFLAGS)
powercut_LDFLAGS = $(thin_faults_LDFLAGS)
powercut_DEPENDENCIES = $(thin_faults_DEPENDENCIES)
powercut_LDADD = $(thin_faults_LDADD)
check_PROGRAMS += thin_flat
thin_flat_SOURCES = tests/vm/thin_flat.c
storage_below = libstorage.a libconfig.a libkern.a libbase.a
thin_flat_LDADD = $(storage_below) $(STORAGE_LIBS) $(CAP_LIBS)
test_storage_SOURCES = tests/unit/test_storage.c tests/unit/test_storage.h tests/unit/test_storage_many.c \
	tests/unit/test_storage_trees.c $(storage_volumes)
test_storage_LDADD = $(storage_ldadd)
endif
