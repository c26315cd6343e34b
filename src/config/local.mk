noinst_LIBRARIES += libconfig.a
libconfig_a_SOURCES = \
	src/config/access.c \
	src/config/apply_file.c src/config/apply_file.h \
	src/config/apply_group.c \
	src/config/build_file.c src/config/build_file.h \
	src/config/caps.c \
	src/config/check.c \
	src/config/config.h src/config/schema.h src/config/sections.h src/config/values.h \
	src/config/edit.c \
	src/config/edit_section.c \
	src/config/env.c \
	src/config/family.c \
	src/config/fields.c \
	src/config/file.c src/config/file.h \
	src/config/forward.c \
	src/config/keys.c src/config/keys.h src/config/keys_parts.c \
	src/config/lines.c \
	src/config/network.c \
	src/config/nic.c \
	src/config/owner.c \
	src/config/place.c src/config/place.h \
	src/config/policy.c src/config/policy.h \
	src/config/preset.c \
	src/config/put.c \
	src/config/rlimit.c \
	src/config/rule.c src/config/keys_rule.c \
	src/config/routes.c \
	src/config/section.c \
	src/config/types.c src/config/types.h src/config/types_net.c \
	src/config/value.c

if HAVE_CUNIT
check_PROGRAMS += test_config test_config_edit test_config_file test_policy
TESTS += test_config test_config_edit test_config_file test_policy
test_config_SOURCES = tests/unit/test_config.c tests/unit/test_config.h tests/unit/suite.c tests/unit/suite.h
# Where the manual is, for the test that compares it with the table, wherever it runs.
test_config_CPPFLAGS = $(AM_CPPFLAGS) -DSOURCE_FOLDER='"$(abs_top_srcdir)"'
test_config_LDADD = libconfig.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
CONFIG_FILES = tests/unit/config_files.c tests/unit/config_files.h tests/unit/suite.c tests/unit/suite.h
test_config_file_SOURCES = tests/unit/test_config_file.c tests/unit/test_config.h $(CONFIG_FILES)
test_config_file_LDADD = libconfig.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
test_config_edit_SOURCES = tests/unit/test_config_edit.c $(CONFIG_FILES)
test_config_edit_LDADD = libconfig.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
test_policy_SOURCES = tests/unit/test_policy.c tests/unit/suite.c tests/unit/suite.h
test_policy_LDADD = libconfig.a libbase.a $(CAP_LIBS) $(CUNIT_LIBS)
endif
