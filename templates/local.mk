recipesdir = $(pkgdatadir)/templates
dist_recipes_SCRIPTS = templates/busybox templates/debian
dist_recipes_DATA = templates/lib.sh templates/debian-inits.sh templates/provision.sh

identitydir = $(recipesdir)/identity.d
dist_identity_DATA = templates/identity.d/berth.conf
