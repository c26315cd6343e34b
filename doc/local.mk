dist_man_MANS += doc/berth.1
dist_man_MANS += doc/berth.conf.5 doc/machine.conf.5 doc/network.conf.5 doc/pool.conf.5 doc/template.conf.5 doc/volume.conf.5
dist_man_MANS += doc/berth.template.5 doc/berth.apply.5
dist_man_MANS += doc/berth-api.7 doc/berth-guest-init.8 doc/berth-template.7 doc/berth-security.7 doc/berth-metrics.7
dist_man_MANS += doc/berth-api.8
dist_man_MANS += doc/berth-web.7
dist_man_MANS += doc/berth-storage.7 doc/berth-identity.d.5 doc/berth-stream.5
EXTRA_DIST += doc/architecture.md doc/reliability.md doc/templates.md
