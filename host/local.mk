# What a host's own init runs: units of systemd, and a script for the others; and a rule for udev.
EXTRA_DIST += host/berth.service.in host/berth@.service.in host/berth.init.in host/09-berth.rules
EXTRA_DIST += host/60-berth.conf
EXTRA_DIST += host/berth-snapshots.service.in host/berth-snapshots.timer host/berth.cron.in
EXTRA_DIST += host/berth-backups.service.in host/berth-backups.timer
EXTRA_DIST += host/berth-api.service.in host/berth-api.socket
CLEANFILES += host/berth-api.service host/berth.service host/berth@.service host/berth.init
CLEANFILES += host/berth-snapshots.service host/berth-backups.service host/berth.cron

# At make and not at configure, so that a prefix given to make counts.
host_make = $(AM_V_GEN)$(MKDIR_P) host && $(SED) -e 's|@bindir[@]|$(bindir)|g' -e 's|@pkglibexecdir[@]|$(pkglibexecdir)|g'
host/berth.service: host/berth.service.in Makefile
	$(host_make) $(srcdir)/host/berth.service.in >$@.new && mv $@.new $@
host/berth@.service: host/berth@.service.in Makefile
	$(host_make) $(srcdir)/host/berth@.service.in >$@.new && mv $@.new $@
host/berth-snapshots.service: host/berth-snapshots.service.in Makefile
	$(host_make) $(srcdir)/host/berth-snapshots.service.in >$@.new && mv $@.new $@
host/berth-api.service: host/berth-api.service.in Makefile
	$(host_make) $(srcdir)/host/berth-api.service.in >$@.new && mv $@.new $@
host/berth-backups.service: host/berth-backups.service.in Makefile
	$(host_make) $(srcdir)/host/berth-backups.service.in >$@.new && mv $@.new $@
host/berth.cron: host/berth.cron.in Makefile
	$(host_make) $(srcdir)/host/berth.cron.in >$@.new && mv $@.new $@
host/berth.init: host/berth.init.in Makefile
	$(host_make) $(srcdir)/host/berth.init.in >$@.new && chmod +x $@.new && mv $@.new $@

if SYSTEMD_UNITS
systemdsystemunit_DATA = host/berth.service host/berth@.service \
	host/berth-snapshots.service host/berth-snapshots.timer host/berth-backups.service host/berth-backups.timer
if HAVE_MICROHTTPD
systemdsystemunit_DATA += host/berth-api.service host/berth-api.socket
endif
endif

# Under another name, which a list of scripts to install would not give it.
if INIT_SCRIPT
all-local: host/berth.init host/berth.cron
install-data-local: host/berth.init host/berth.cron
	$(MKDIR_P) "$(DESTDIR)$(initscriptdir)"
	$(INSTALL_SCRIPT) host/berth.init "$(DESTDIR)$(initscriptdir)/berth"
	$(MKDIR_P) "$(DESTDIR)$(initscriptdir)/../cron.d"
	$(INSTALL_DATA) host/berth.cron "$(DESTDIR)$(initscriptdir)/../cron.d/berth"
uninstall-local:
	rm -f "$(DESTDIR)$(initscriptdir)/berth" "$(DESTDIR)$(initscriptdir)/../cron.d/berth"
endif

if UDEV_RULES
udevrules_DATA = host/09-berth.rules
endif

if SYSCTL_SETTINGS
sysctl_DATA = host/60-berth.conf
endif
