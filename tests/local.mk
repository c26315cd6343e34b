# Scripts that travel with the sources; the unit tests' programs stand in their layers' local.mk.
EXTRA_DIST += tests/run tests/lint/layers tests/lint/style tests/lint/cppcheck.suppress
