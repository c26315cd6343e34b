noinst_LIBRARIES += libimage.a
libimage_a_SOURCES = \
	src/image/init.c src/image/init.h \
	src/image/root.c src/image/root.h
