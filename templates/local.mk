recipesdir = $(pkgdatadir)/templates
dist_recipes_SCRIPTS = templates/alpine templates/arch templates/busybox templates/debian \
	templates/desktop templates/desktop-lite templates/desktop-rdp templates/desktop-wayland templates/devuan \
	templates/fedora templates/opensuse templates/rocky templates/ubuntu templates/void
dist_recipes_DATA = templates/lib.sh templates/apt.sh templates/debian.sh templates/debian-inits.sh templates/desktop.sh templates/provision.sh \
	templates/rpm.sh templates/chroot.sh templates/archive.sh

identitydir = $(recipesdir)/identity.d
dist_identity_DATA = templates/identity.d/berth.conf
