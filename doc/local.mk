dist_man_MANS += doc/berth.1
dist_man_MANS += doc/machine.conf.5
