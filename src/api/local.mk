# A room of the program berth, in its library of commands: the table of verbs has a row of it, and it runs verbs.
libcmd_a_SOURCES += \
	src/api/access.c src/api/access.h \
	src/api/ahead.c src/api/ahead.h \
	src/api/api.c \
	src/api/argv.c src/api/argv.h \
	src/api/attach.c \
	src/api/attached.c \
	src/api/backups.c \
	src/api/description.c src/api/description.h \
	src/api/body.c src/api/body.h \
	src/api/change.c src/api/change.h \
	src/api/events.c \
	src/api/files.c \
	src/api/host.c \
	src/api/look.c src/api/look.h \
	src/api/machine_changes.c \
	src/api/machines.c \
	src/api/match.c \
	src/api/networks.c \
	src/api/operation.c src/api/operation.h \
	src/api/operation_files.c src/api/operation_files.h \
	src/api/operation_work.c \
	src/api/operations.c \
	src/api/part_changes.c \
	src/api/pools.c \
	src/api/request.c src/api/request.h \
	src/api/response.c src/api/response.h \
	src/api/router.c src/api/router.h \
	src/api/routes.c src/api/routes.h \
	src/api/serve.c \
	src/api/settings.c \
	src/api/stream.c src/api/stream.h \
	src/api/templates.c \
	src/api/verb.c src/api/verb.h \
	src/api/volumes.c

if HAVE_CUNIT
check_PROGRAMS += test_api test_api_access test_api_description test_api_request test_api_response
TESTS += test_api test_api_access test_api_description test_api_request test_api_response
test_api_response_SOURCES = tests/unit/test_api_response.c tests/unit/suite.c tests/unit/suite.h
test_api_response_LDADD = $(cmd_libs) $(CUNIT_LIBS)
test_api_request_SOURCES = tests/unit/test_api_request.c tests/unit/suite.c tests/unit/suite.h
test_api_request_LDADD = $(cmd_libs) $(CUNIT_LIBS)
test_api_access_SOURCES = tests/unit/test_api_access.c tests/unit/suite.c tests/unit/suite.h
test_api_access_LDADD = $(cmd_libs) $(CUNIT_LIBS)
test_api_description_SOURCES = tests/unit/test_api_description.c tests/unit/suite.c tests/unit/suite.h
test_api_description_CPPFLAGS = $(AM_CPPFLAGS) -DSOURCE_FOLDER='"$(abs_top_srcdir)"'
test_api_description_LDADD = $(cmd_libs) $(CUNIT_LIBS)
test_api_SOURCES = tests/unit/test_api.c tests/unit/suite.c tests/unit/suite.h
test_api_LDADD = $(cmd_libs) $(CUNIT_LIBS)
endif
