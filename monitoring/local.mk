monitoringdir = $(pkgdatadir)/monitoring
dist_monitoring_DATA = monitoring/alerts.yml monitoring/dashboard.json
EXTRA_DIST += monitoring/alerts.test.yml
