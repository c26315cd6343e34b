# What a host's own init runs: units of systemd, and a script for the others; and a rule for udev.
EXTRA_DIST += host/berth.service.in host/berth@.service.in host/berth.init.in host/09-berth.rules
EXTRA_DIST += host/60-berth.conf
CLEANFILES += host/berth.service host/berth@.service host/berth.init

# At make and not at configure, so that a prefix given to make counts.
host_make = $(AM_V_GEN)$(MKDIR_P) host && $(SED) -e 's|@bindir[@]|$(bindir)|g'
host/berth.service: host/berth.service.in Makefile
	$(host_make) $(srcdir)/host/berth.service.in >$@.new && mv $@.new $@
host/berth@.service: host/berth@.service.in Makefile
	$(host_make) $(srcdir)/host/berth@.service.in >$@.new && mv $@.new $@
host/berth.init: host/berth.init.in Makefile
	$(host_make) $(srcdir)/host/berth.init.in >$@.new && chmod +x $@.new && mv $@.new $@

if SYSTEMD_UNITS
systemdsystemunit_DATA = host/berth.service host/berth@.service
endif

# Under another name, which a list of scripts to install would not give it.
if INIT_SCRIPT
all-local: host/berth.init
install-data-local: host/berth.init
	$(MKDIR_P) "$(DESTDIR)$(initscriptdir)"
	$(INSTALL_SCRIPT) host/berth.init "$(DESTDIR)$(initscriptdir)/berth"
uninstall-local:
	rm -f "$(DESTDIR)$(initscriptdir)/berth"
endif

if UDEV_RULES
udevrules_DATA = host/09-berth.rules
endif

if SYSCTL_SETTINGS
sysctl_DATA = host/60-berth.conf
endif
